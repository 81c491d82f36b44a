"""What may happen between a file and its row: two at once, a program that is killed, a disk that refuses,
the same picture again."""

import contextlib
import io
import shutil
import sqlite3
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import event

from localai.errors import DiskFull, UnknownName
from localai.files import trash as files
from localai.files.pictures import writing
from localai.services.history import truth
from localai.store import discards
from localai.studio import Studio
from tests.fakes import FakeExecutor
from tests.pictures import SMALL, draw, png, row
from tests.waiting import eventually

WHEN = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
RED, BLUE = 0xFF0000, 0x0000FF


def open_studio(settings) -> Studio:
	studio = Studio(settings, FakeExecutor()).open()
	assert studio.upkeep.settled.wait(60)
	return studio


def lose(studio: Studio) -> None:
	studio.close()
	for file in studio.settings.home.glob('localai.db*'):
		file.unlink()


def take(studio, name: str = 'a.png', colour: int = BLUE) -> int:
	(number,) = studio.imports.take(name, png(colour), WHEN).imported
	return number


def file_of(studio, number: int) -> Path:
	return Path(studio.history.get(number).path)


class TestTheSamePictureAgain:
	@pytest.fixture
	def twice(self, studio) -> tuple[int, str]:
		"""One whose file was deleted outside lies in the trash; the same came again to its place."""
		number = take(studio)
		file_of(studio, number).unlink()
		(trashed,) = studio.picture_trash.delete([number]).trashed
		return take(studio), trashed

	def test_a_start_leaves_it_where_it_is(self, studio, twice):
		studio.picture_trash.mend()
		assert file_of(studio, twice[0]).is_file()

	def test_the_one_in_the_trash_stays_there(self, studio, twice):
		other = studio.picture_trash.delete([draw(studio)[0].id]).trashed
		report = studio.picture_trash.restore([twice[1], *other])
		assert len(report.pictures) == 1 and 'stays in the trash' in report.problems[0]
		assert studio.picture_trash.total()[0] == 1

	def test_a_lost_database_has_both(self, settings):
		studio = open_studio(settings)
		studio.picture_trash.delete([take(studio)])
		take(studio)
		lose(studio)
		studio = open_studio(settings)
		assert studio.history.outline({}).total == studio.picture_trash.total()[0] == 1
		assert studio.truth.check(repair=True).well
		studio.close()

	def test_a_copy_that_was_taken_in_keeps_the_place_in_the_job(self, studio):
		(picture,) = draw(studio)
		copy = Path(picture.path).parent.with_name('copies') / Path(picture.path).name
		copy.parent.mkdir()
		shutil.copy(picture.path, copy)
		trashed = studio.picture_trash.delete([picture.id]).trashed
		assert studio.truth.check(repair=True).repaired == 1
		assert studio.picture_trash.restore(trashed).pictures == (picture.id,)
		assert studio.history.get(picture.id).job_id == ''

	def test_two_that_come_at_once_are_one(self, studio, monkeypatch):
		known, reports = studio.imports.store.with_digests, []

		def slow(digests):
			found = known(digests)
			time.sleep(0.2)
			return found

		monkeypatch.setattr(studio.imports.store, 'with_digests', slow)
		threads = [
			threading.Thread(target=lambda n=n: reports.append(studio.imports.take(n, png())))
			for n in ('a.png', 'b.png')
		]
		for thread in threads:
			thread.start()
		for thread in threads:
			thread.join()
		assert sorted((len(r.imported), len(r.known)) for r in reports) == [(0, 1), (1, 0)]
		assert studio.truth.check().well


class TestSmallPictures:
	def test_one_that_takes_the_place_of_a_deleted_one_has_its_own(self, studio):
		first = take(studio)
		small = studio.history.thumbnail(first).read_bytes()
		studio.picture_trash.delete([first])
		assert studio.history.thumbnail(take(studio, 'b.png', RED)).read_bytes() != small

	def test_of_the_same_moment_they_are_not_exchanged_by_a_rebuild(self, settings):
		def all_small(studio: Studio) -> dict[str, bytes]:
			ids = [e.id for e in studio.history.find({}).entries]
			return {file_of(studio, i).name: studio.history.thumbnail(i).read_bytes() for i in ids}

		studio = open_studio(settings)
		take(studio, 'b.png', RED)
		take(studio, 'a.png', BLUE)
		before = all_small(studio)
		lose(studio)
		studio = open_studio(settings)
		assert all_small(studio) == before and len(before) == 2
		studio.close()

	def test_a_file_that_was_changed_is_shown_anew(self, studio):
		number = take(studio)
		before, old = studio.history.get(number), studio.history.thumbnail(number).read_bytes()
		Path(before.path).write_bytes(png(RED))
		assert studio.truth.check(repair=True).repaired == 1
		after = studio.history.get(number)
		assert after.thumbnail != before.thumbnail and after.url != before.url
		assert studio.history.find({}).entries[0].thumbnail == after.thumbnail
		assert studio.history.thumbnail(number).read_bytes() != old

	def test_a_very_large_one_has_one_too(self, studio):
		buffer = io.BytesIO()
		Image.new('1', (20_000, 10_000)).save(buffer, 'PNG')
		(number,) = studio.imports.take('large.png', buffer.getvalue()).imported
		assert studio.history.thumbnail(number).is_file()

	def test_one_that_cannot_be_decoded_is_no_matter(self, studio):
		"""It is not taken in; a person may have laid it there."""
		whole = png(RED, (640, 480))
		broken = whole.replace(b'IDAT', b'IDAT' + bytes(9), 1)
		assert studio.imports.take('a.png', broken).refused
		number = take(studio)
		file_of(studio, number).write_bytes(whole[: whole.index(b'IDAT') + 4] + whole[-300:])
		with pytest.raises(UnknownName):
			studio.history.thumbnail(number)
		token = studio.exports.prepare({'ids': [number], 'sheet': True})
		assert b''.join(studio.exports.stream(token)[1])


class TestLostDatabase:
	def test_a_picture_that_a_command_drew_first_does_not_stand_for_all(self, settings):
		studio = open_studio(settings)
		draw(studio, count=3)
		lose(studio)
		studio = Studio(settings, FakeExecutor()).open(resume=False)
		draw(studio)
		studio.close()
		studio = open_studio(settings)
		assert studio.history.outline({}).total == 4
		studio.close()

	def test_a_rebuild_that_was_cut_off_goes_on(self, settings, monkeypatch):
		studio = open_studio(settings)
		draw(studio, count=5)
		lose(studio)
		monkeypatch.setattr(truth, 'BATCH', 2)
		studio = Studio(settings, FakeExecutor()).open(resume=False)

		def killed(done: int, total: int) -> None:
			raise KeyboardInterrupt

		with pytest.raises(KeyboardInterrupt):
			studio.truth.check(repair=True, tell=killed)
		assert studio.history.outline({}).total == 2
		studio.close()
		studio = open_studio(settings)
		assert studio.history.outline({}).total == 5
		# From then on what lies beside the pictures is taken in only when it is asked for.
		(settings.pictures / 'other.png').write_bytes(png())
		assert studio.truth.rebuild() == 0
		studio.close()

	def test_marks_outlive_a_rebuild_that_fails(self, settings, monkeypatch):
		studio = open_studio(settings)
		(picture,) = draw(studio)
		studio.marks.mark([picture.id], {'favourite': True})
		journal = settings.pictures / 'marks.jsonl'
		journal.write_text(journal.read_text() * 6000)
		lose(studio)

		def full(*rest):
			raise DiskFull('The disk is full.')

		studio = Studio(settings, FakeExecutor()).open(resume=False)
		with monkeypatch.context() as patch:
			patch.setattr(studio.truth.records, 'add', full)
			studio.upkeep.closed.set()
			studio.upkeep.run()
		studio.close()
		studio = open_studio(settings)
		assert studio.history.outline({'text': 'favourite:yes'}).total == 1
		studio.close()

	def test_marks_of_what_was_moved_and_of_the_trash_come_back(self, settings):
		studio = open_studio(settings)
		one, two = draw(studio, count=2)
		studio.marks.mark([one.id, two.id], {'rating': 4, 'add_tags': ['x']})
		trashed = studio.picture_trash.delete([one.id]).trashed
		(settings.pictures / 'else').mkdir()
		Path(two.path).rename(settings.pictures / 'else' / Path(two.path).name)
		assert studio.truth.check(repair=True).repaired == 1
		lose(studio)
		studio = open_studio(settings)
		studio.picture_trash.restore(trashed)
		assert studio.history.outline({'text': 'rating:4 tag:x'}).total == 2
		studio.close()


class TestAtOnce:
	def test_tags_for_what_is_being_deleted(self, studio):
		ids, errors = [p.id for p in draw(studio, count=40)], []
		kept = ids[-1]  # what is marked is never gone altogether

		def mark() -> None:
			try:
				for number in ids:
					studio.marks.mark(ids, {'add_tags': [f'tag {number}']})
			except Exception as error:
				errors.append(error)

		thread = threading.Thread(target=mark)
		thread.start()
		for number in ids:
			if number != kept:
				studio.picture_trash.delete([number])
		thread.join()
		assert errors == []

	def test_a_mark_is_made_before_a_delete_or_not_at_all(self, studio, monkeypatch):
		(picture,) = draw(studio)
		record, trashed = discards.to_record, []

		def slow(*values):
			found = record(*values)
			time.sleep(0.5)
			return found

		monkeypatch.setattr(discards, 'to_record', slow)
		thread = threading.Thread(
			target=lambda: trashed.extend(studio.picture_trash.delete([picture.id]).trashed)
		)
		thread.start()
		time.sleep(0.2)
		changed = False
		with contextlib.suppress(UnknownName):  # it is said that the picture is gone
			changed = studio.marks.mark([picture.id], {'favourite': True}) == 1
		thread.join()
		studio.picture_trash.restore(trashed)
		assert studio.history.get(picture.id).favourite == changed

	def test_the_file_of_marks_ends_as_the_database_does(self, studio, monkeypatch):
		(picture,) = draw(studio)
		add, first = studio.marks.journal.add, threading.Event()

		def slow(marked):
			if not first.is_set():
				first.set()
				time.sleep(0.4)
			add(marked)

		monkeypatch.setattr(studio.marks.journal, 'add', slow)
		thread = threading.Thread(target=lambda: studio.marks.mark([picture.id], {'rating': 1}))
		thread.start()
		assert first.wait(10)
		studio.marks.mark([picture.id], {'rating': 5})
		thread.join()
		(said,) = studio.marks.journal.read().values()
		assert said.rating == studio.history.get(picture.id).rating == 5

	def test_a_check_takes_nothing_in_that_is_being_deleted(self, studio, monkeypatch):
		(picture,) = draw(studio)
		put_away = studio.picture_trash.put_away

		def checked(record):
			studio.truth.check(repair=True)
			put_away(record)

		monkeypatch.setattr(studio.picture_trash, 'put_away', checked)
		studio.picture_trash.delete([picture.id])
		assert studio.history.outline({}).total == 0 and studio.truth.check().well

	def test_a_check_takes_nothing_in_that_is_coming_back(self, studio, monkeypatch):
		(picture,) = draw(studio)
		trashed = studio.picture_trash.delete([picture.id]).trashed
		bring_back = studio.picture_trash.bring_back

		def checked(record):
			path = bring_back(record)
			studio.truth.check(repair=True)
			return path

		monkeypatch.setattr(studio.picture_trash, 'bring_back', checked)
		assert studio.picture_trash.restore(trashed).pictures == (picture.id,)
		assert studio.history.get(picture.id).job_id == picture.job_id

	def test_one_that_goes_while_a_check_records_does_not_stay(self, studio, monkeypatch):
		(picture,) = draw(studio)
		studio.picture_trash.store.take_out([(picture.id, 'cut')])
		on_the_way, threads = studio.truth.on_the_way, []

		def meanwhile(paths):
			studio.picture_trash.restore(['cut'])
			away = on_the_way(paths)
			thread = threading.Thread(target=studio.picture_trash.delete, args=([picture.id],))
			threads.append(thread)
			thread.start()
			thread.join(1)
			return away

		monkeypatch.setattr(studio.truth, 'on_the_way', meanwhile)
		studio.truth.check(repair=True)
		for thread in threads:
			thread.join()
		assert studio.history.outline({}).total == 0 and studio.truth.check().well

	def test_a_page_that_ended_with_a_deleted_picture_goes_on(self, studio):
		pictures = draw(studio, count=4)
		studio.picture_trash.delete([pictures[2].id])
		older = studio.history.recent(60, pictures[2].id)
		assert [p.id for p in older] == [pictures[1].id, pictures[0].id]

	def test_many_of_the_same_moment_find_their_places_by_leaps(self, studio):
		asked = []
		event.listen(studio.database.engine, 'before_cursor_execute', lambda *_: asked.append(1))
		studio.truth.records.add([row(when=WHEN) for _ in range(1500)])
		# One by one it would be a million questions.
		assert len(asked) < 1500 * 20
		assert studio.history.outline({}).total == 1500

	def test_the_last_drawn_among_many_imports_are_found_without_reading_these(self, studio):
		plan = []
		with sqlite3.connect(studio.settings.database) as connection:
			query = "select * from pictures where kind = 'generated' and ordinal < 9 order by ordinal desc"
			plan = [line[3] for line in connection.execute(f'explain query plan {query} limit 60')]
		connection.close()
		assert len(plan) == 1 and 'ix_pictures_kind' in plan[0]


class TestDisks:
	def test_pictures_on_another_disk_than_the_trash_are_deleted_and_come_back(
		self, settings, monkeypatch
	):
		studio = open_studio(settings)
		place = files.place

		def beside(path: Path, trash: Path, name: str) -> str:
			place(path, trash, name)
			return str(path.parent / files.BESIDE / name)

		monkeypatch.setattr(files, 'place', beside)
		one, two = draw(studio, count=2)
		trashed = studio.picture_trash.delete([one.id, two.id]).trashed
		assert not Path(one.path).exists() and not list(settings.trash.iterdir())
		assert studio.truth.check().well
		assert studio.history.outline({}).total == 0
		assert studio.picture_trash.thumbnail(trashed[0]).is_file()
		studio.picture_trash.restore(trashed[:1])
		assert Path(one.path).is_file()
		lose(studio)
		studio = open_studio(settings)
		assert studio.history.outline({}).total == studio.picture_trash.total()[0] == 1
		assert studio.picture_trash.restore(trashed[1:]).pictures
		assert Path(two.path).is_file() and studio.truth.check().well
		studio.close()

	def test_what_was_imported_before_the_disk_was_full_is_told(
		self, studio, tmp_path, monkeypatch
	):
		for number in range(3):
			(tmp_path / f'{number}.png').write_bytes(png(number))
		write, written = writing.write_whole, []

		def full(path: Path, data: bytes, changed=None) -> None:
			if written:
				raise DiskFull('The disk is full.')
			written.append(path)
			write(path, data)

		monkeypatch.setattr(writing, 'write_whole', full)
		before = studio.presence.now.history
		with pytest.raises(DiskFull):
			studio.imports.take_paths(sorted(tmp_path.glob('*.png')))
		assert studio.history.outline({}).total == 1 and studio.presence.now.history > before


class TestJobs:
	def test_the_only_picture_of_a_job_is_shown_again_after_undo(self, studio):
		(picture,) = draw(studio)
		trashed = studio.picture_trash.delete([picture.id]).trashed
		assert studio.board.last.pictures == ()
		studio.picture_trash.restore(trashed)
		assert [p.id for p in studio.board.last.pictures] == [picture.id]

	def test_a_picture_whose_delete_was_cut_off_is_not_adopted_again(self, settings, executor):
		studio = Studio(settings, executor).open()
		job = studio.generation.start({'prompt': 'a fox', 'count': 3, **SMALL})
		eventually(lambda: len(studio.jobs.get(job.id).pictures) == 3)
		picture = studio.jobs.get(job.id).pictures[0]
		studio.picture_trash.store.take_out([(picture.id, 'cut')])
		eventually(lambda: not studio.jobs.get(job.id).live)
		studio.close()
		with sqlite3.connect(settings.database) as connection:
			connection.execute("update jobs set state = 'running'")
		connection.close()
		studio = open_studio(settings)
		eventually(lambda: not studio.jobs.get(job.id).live)
		assert studio.history.outline({}).total == 2 and studio.truth.check().well
		assert studio.picture_trash.restore(['cut']).pictures == (picture.id,)
		studio.close()

	def test_a_verification_that_failed_says_nothing_of_what_follows(self, studio, monkeypatch):
		(picture,) = draw(studio)

		def gone(*values):
			raise UnknownName('Its file is gone.')

		monkeypatch.setattr(studio.verifying, 'judge', gone)
		chore = studio.verifying.start(picture.id)
		eventually(lambda: not studio.chores.get(chore).pending)
		assert studio.chores.get(chore).state == 'failed'
		studio.jobs.hear_status(studio.engines.status.model_copy(update={'state': 'stopped'}))
		assert studio.chores.get(studio.chores.unload()).state == 'finished'
