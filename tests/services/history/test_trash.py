"""The trash of pictures: what goes in comes out exactly, also when two do it at once or a disk refuses."""

import contextlib
import os
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from localai.errors import InvalidInput, UnknownName
from localai.files import trash as files
from localai.store.tables import now
from localai.studio import Studio
from tests.fakes import FakeExecutor
from tests.pictures import SMALL, all_rows, draw, row
from tests.waiting import eventually

CHANGE = {
	'favourite': True,
	'rating': 4,
	'notes': 'kept',
	'add_tags': ['a', 'b'],
	'add_albums': ['Best'],
}


class TestUndo:
	def test_a_name_that_is_no_whole_text_is_of_nothing(self, studio):
		assert studio.picture_trash.restore(['\udfff', 'fox \ud83e\x00']).gone == 2

	def test_file_row_tags_and_albums_come_back_exactly(self, studio):
		pictures = draw(studio, count=3)
		studio.marks.mark([p.id for p in pictures], CHANGE)
		before = all_rows(studio.settings.database)
		data = [Path(p.path).read_bytes() for p in pictures]
		gone = studio.picture_trash.delete([p.id for p in pictures])
		assert len(gone.trashed) == 3 and gone.gone == 0 and gone.bytes == sum(map(len, data))
		assert not any(Path(p.path).exists() for p in pictures)
		assert (
			studio.history.outline({}).total == studio.history.outline({'text': 'fox'}).total == 0
		)
		assert all_rows(studio.settings.database) == {}
		back = studio.picture_trash.restore(list(gone.trashed))
		assert sorted(back.pictures) == [p.id for p in pictures]
		assert all_rows(studio.settings.database) == before
		assert [Path(p.path).read_bytes() for p in pictures] == data
		assert studio.history.outline({'text': 'tag:a fox'}).total == 3
		assert studio.picture_trash.total() == (0, 0)
		assert not any(studio.settings.trash.iterdir())

	def test_something_else_that_lies_there_now_stays(self, studio):
		(picture,) = draw(studio)
		(trashed,) = studio.picture_trash.delete([picture.id]).trashed
		Path(picture.path).write_bytes(b'something else')
		(back,) = studio.picture_trash.restore([trashed]).pictures
		assert back == picture.id
		assert Path(picture.path).read_bytes() == b'something else'
		restored = studio.history.get(back)
		assert restored.path != picture.path and Path(restored.path).is_file()

	def test_a_picture_whose_file_went_keeps_its_row(self, studio):
		(picture,) = draw(studio)
		Path(picture.path).unlink()
		(trashed,) = studio.picture_trash.delete([picture.id]).trashed
		assert studio.picture_trash.restore([trashed]).pictures == (picture.id,)
		assert studio.history.card(picture.id).missing

	def test_its_thumbnail_can_be_seen_meanwhile(self, studio):
		(picture,) = draw(studio)
		(trashed,) = studio.picture_trash.delete([picture.id]).trashed
		assert studio.picture_trash.thumbnail(trashed).is_file()
		studio.picture_trash.restore([trashed])
		with pytest.raises(UnknownName):
			studio.picture_trash.thumbnail(trashed)


class TestTwice:
	def test_two_who_delete_the_same(self, studio):
		ids = [p.id for p in draw(studio, count=4)]
		ends = []
		threads = [
			threading.Thread(target=lambda: ends.append(studio.picture_trash.delete(ids)))
			for _ in range(4)
		]
		for thread in threads:
			thread.start()
		for thread in threads:
			thread.join()
		assert sum(len(e.trashed) for e in ends) == 4
		assert sum(e.gone for e in ends) == 12 and not any(e.problems for e in ends)

	def test_two_who_restore_the_same(self, studio):
		(picture,) = draw(studio)
		(trashed,) = studio.picture_trash.delete([picture.id]).trashed
		assert studio.picture_trash.restore([trashed, trashed]).pictures == (picture.id,)
		assert studio.picture_trash.restore([trashed]).gone == 1

	def test_thousands(self, studio):
		ids = studio.history.store.add([row(f'n {n}') for n in range(1300)])
		gone = studio.picture_trash.delete(ids)
		assert len(gone.trashed) == 1300 and studio.picture_trash.total()[0] == 1300
		assert len(studio.picture_trash.restore(gone.trashed).pictures) == 1300


class TestRefused:
	def test_a_disk_that_refuses_leaves_everything_as_it_was(self, studio, monkeypatch):
		one, two = draw(studio, count=2)
		studio.marks.mark([one.id, two.id], CHANGE)
		before = all_rows(studio.settings.database)
		rename = os.rename

		def refuse(source, target):
			if str(source) == one.path:
				raise PermissionError(13, 'Permission denied')
			rename(source, target)

		monkeypatch.setattr(files.os, 'rename', refuse)
		gone = studio.picture_trash.delete([one.id, two.id])
		assert len(gone.trashed) == 1 and len(gone.problems) == 1
		assert Path(one.path).exists() and studio.history.card(one.id).marks.rating == 4
		studio.picture_trash.restore(list(gone.trashed))
		assert all_rows(studio.settings.database) == before

	@pytest.mark.parametrize('ids', [None, 'x', [0], [1.5], list(range(1, 20_002))])
	def test_wrong_numbers(self, studio, ids):
		with pytest.raises(InvalidInput):
			studio.picture_trash.delete(ids)

	@pytest.mark.parametrize('trashed', [None, 7, {}, ['../../x'], ['\x00']])
	def test_wrong_names(self, studio, trashed):
		with contextlib.suppress(InvalidInput):
			assert studio.picture_trash.restore(trashed).pictures == ()


class TestEmptying:
	def test_by_age_and_all(self, studio, monkeypatch):
		one, two = draw(studio, count=2)
		old = now() - timedelta(days=31)
		studio.picture_trash.store.take_out([(one.id, 'old')], old)
		files.move_all([Path(one.path)], studio.settings.trash / 'old')
		small = studio.history.thumbnail(two.id)
		(young,) = studio.picture_trash.delete([two.id]).trashed
		size = (studio.settings.trash / 'old' / Path(one.path).name).stat().st_size
		assert studio.picture_trash.empty(30) == size
		assert [t.id for t in studio.picture_trash.listed()] == [young]
		assert small.exists()
		assert studio.picture_trash.empty() > 0
		assert not small.exists()
		assert studio.picture_trash.total() == (0, 0)

	def test_a_delete_that_was_cut_off_is_ended_at_the_start(self, studio):
		(picture,) = draw(studio)
		studio.picture_trash.store.take_out([(picture.id, 'cut')])
		assert Path(picture.path).exists()
		studio.picture_trash.mend()
		assert not Path(picture.path).exists()
		assert studio.picture_trash.restore(['cut']).pictures == (picture.id,)
		assert Path(picture.path).exists()

	def test_a_restore_that_was_cut_off_can_be_asked_for_again(self, studio):
		(picture,) = draw(studio)
		(trashed,) = studio.picture_trash.delete([picture.id]).trashed
		held = studio.settings.trash / trashed
		files.bring_back(held, (Path(picture.path).name,), Path(picture.path))
		assert studio.picture_trash.restore([trashed]).pictures == (picture.id,)
		assert Path(picture.path).exists()


def test_models_and_pictures_share_a_folder_but_not_a_list(studio):
	(picture,) = draw(studio)
	studio.picture_trash.delete([picture.id])
	assert studio.models.trash() == () and len(studio.picture_trash.listed()) == 1


class TestJobs:
	def test_what_is_shown_of_jobs_follows(self, studio):
		one, two = draw(studio, count=2)
		(trashed,) = studio.picture_trash.delete([one.id]).trashed
		assert [p.id for p in studio.board.last.pictures] == [two.id]
		studio.picture_trash.restore([trashed])
		studio.marks.mark([one.id], {'favourite': True})
		assert [(p.id, p.favourite) for p in studio.board.last.pictures] == [
			(one.id, True),
			(two.id, False),
		]

	def test_a_deleted_picture_of_a_live_job_is_not_drawn_again(self, settings, executor):
		studio = Studio(settings, executor).open()
		job = studio.generation.start({'prompt': 'a fox', 'count': 3, **SMALL})
		executor.gate.clear()

		def drawn():
			executor.gate.set()
			time.sleep(0.005)
			executor.gate.clear()
			return studio.jobs.get(job.id).pictures

		eventually(drawn)
		pictures = studio.jobs.get(job.id).pictures
		studio.picture_trash.delete([pictures[0].id])
		studio.close()
		studio = Studio(settings, FakeExecutor()).open()
		eventually(lambda: not studio.jobs.get(job.id).live)
		done = studio.jobs.get(job.id)
		assert done.state in ('finished', 'cancelled')
		assert pictures[0].index not in {p.index for p in done.pictures}
		studio.close()
