"""The database against the disk: what is missing, orphaned or changed, repairs, and the database anew
from the pictures alone."""

import os
import shutil
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import text

from localai.studio import Studio
from tests.fakes import FakeExecutor
from tests.pictures import all_rows, draw, ours, png

FOREIGN = {
	'parameters': 'a castle\nNegative prompt: text\n'
	'Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 64x48, Model: dream'
}


def without(rows: dict[str, dict], *names: str) -> dict[str, dict]:
	return {path: {n: v for n, v in r.items() if n not in names} for path, r in rows.items()}


class TestRebuild:
	def test_every_row_comes_back_from_the_pictures_alone(self, settings):
		studio = Studio(settings, FakeExecutor()).open()
		pictures = [*draw(studio, 'a fox ${x} <b>', count=3, seed=5), *draw(studio, '狐 🦊')]
		foreign = studio.imports.take('Castle (1).png', png(texts=FOREIGN)).imported
		other = studio.imports.take('x.png', ours(when=datetime(2025, 5, 5, tzinfo=UTC))).imported
		silent = studio.imports.take(
			'photo.png', png(3), datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)
		).imported
		studio.marks.mark(
			[pictures[0].id, *foreign, *silent],
			{
				'favourite': True,
				'rating': 3,
				'add_tags': ['a'],
				'add_albums': ['B'],
				'notes': 'n\n',
			},
		)
		(held,) = studio.picture_trash.delete([pictures[1].id]).trashed
		before, size = all_rows(settings.database), studio.picture_trash.total()
		assert len(before) == 6 and other
		studio.close()
		for file in settings.home.glob('localai.db*'):
			file.unlink()

		studio = Studio(settings, FakeExecutor()).open()
		assert studio.upkeep.settled.wait(60)
		after = all_rows(settings.database)
		assert without(after, 'id') == without(before, 'id')
		assert studio.history.outline({'text': 'tag:a album:b rating:3 favourite:yes'}).total == 3
		assert studio.truth.check(deep=True).well
		# What lay in the trash is there again, and comes back.
		assert studio.picture_trash.total() == size
		studio.picture_trash.restore([held])
		assert Path(pictures[1].path).is_file()
		assert studio.history.outline({'text': 'fox'}).total == 4
		studio.close()

	def test_an_empty_home_and_a_full_database_are_left_alone(self, studio):
		assert studio.truth.rebuild() == 0
		(picture,) = draw(studio)
		Path(picture.path).with_name('orphan.png').write_bytes(png())
		assert studio.truth.rebuild() == 0

	def test_a_job_that_goes_on_adopts_none_twice(self, studio):
		(picture,) = draw(studio)
		again = Path(picture.path).parent.with_name('2020-01-01') / Path(picture.path).name
		again.parent.mkdir()
		shutil.copy(picture.path, again)
		report = studio.truth.check(repair=True)
		assert report.repaired == 1 and report.well
		assert studio.history.outline({}).total == 2

	def test_drawing_and_importing_while_it_is_made_anew(self, settings):
		studio = Studio(settings, FakeExecutor()).open()
		draw(studio, count=5)
		studio.close()
		for file in settings.home.glob('localai.db*'):
			file.unlink()
		studio = Studio(settings, FakeExecutor()).open()
		checks = [threading.Thread(target=studio.truth.check, args=(True,)) for _ in range(3)]
		for thread in checks:
			thread.start()
		for seed in range(10):
			draw(studio, seed=seed)
			assert studio.imports.take(f'{seed}.png', png(seed)).imported
		for thread in checks:
			thread.join()
		assert studio.upkeep.settled.wait(60)
		assert studio.truth.check(deep=True).well
		assert studio.history.outline({}).total == len(all_rows(settings.database)) == 25
		studio.close()


class TestCheck:
	def test_all_well(self, studio):
		draw(studio, count=2)
		report = studio.truth.check(deep=True)
		assert report.well and (report.pictures, report.files) == (2, 2)

	def test_what_was_not_recorded_of_a_file_is_learnt(self, studio, settings):
		old, touched, _ = draw(studio, count=3)
		before = all_rows(settings.database)
		with studio.database.writing() as session:  # as a version left it that kept no digests
			session.execute(
				text("update pictures set digest = '', bytes = 0, modified = 0 where id = :id"),
				{'id': old.id},
			)
		os.utime(touched.path, (1e9, 1e9))
		assert studio.truth.check().well
		assert studio.truth.check(repair=True).repaired == 2
		assert studio.truth.check(repair=True, deep=True).repaired == 0
		path = Path(touched.path).relative_to(settings.pictures).as_posix()
		before[path]['modified'] = 1e9
		assert all_rows(settings.database) == before

	def test_missing_orphaned_changed_and_unreadable(self, studio):
		missing, changed, broken, _ = draw(studio, count=4)
		folder = Path(missing.path).parent
		Path(missing.path).unlink()
		(folder / 'new.png').write_bytes(png(9))
		(folder / '.hidden.png').write_bytes(b'')
		(folder / 'notes.txt').write_bytes(b'')
		(folder / 'fake.png').write_bytes(b'no picture')
		with Image.open(changed.path) as image:
			image.save(changed.path)  # an editor that drops the texts
		Path(broken.path).write_bytes(b'\x89PNG\r\n\x1a\n')
		report = studio.truth.check()
		assert (report.missing, report.orphaned, report.changed) == (1, 2, 2)
		assert report.missing_names[0].endswith(Path(missing.path).name) and report.repaired == 0
		assert all_rows(studio.settings.database)  # nothing was done

		report = studio.truth.check(repair=True)
		assert (report.missing, report.orphaned, report.changed) == (1, 0, 0)
		assert sorted(Path(n).name for n in report.unreadable_names) == sorted(
			['fake.png', Path(broken.path).name]
		)
		assert report.repaired == 2
		assert studio.history.card(broken.id).picture.id == broken.id
		assert (folder / 'fake.png').exists()

		report = studio.truth.check(repair=True, forget=True)
		assert report.missing == 0 and studio.history.outline({}).total == 4

	def test_nothing_is_forgotten_while_the_disk_may_be_away(self, studio):
		for picture in draw(studio, count=2):
			Path(picture.path).unlink()
		report = studio.truth.check(repair=True, forget=True)
		assert report.missing == 2 and studio.history.outline({}).total == 2

	def test_a_file_that_was_moved_finds_its_row_with_all_its_marks(self, studio):
		(picture,) = draw(studio)
		studio.marks.mark([picture.id], {'rating': 5})
		target = studio.settings.pictures / 'best' / 'renamed.png'
		target.parent.mkdir()
		shutil.move(picture.path, target)
		report = studio.truth.check(repair=True)
		assert report.well and report.repaired == 1
		assert studio.history.get(picture.id).path == str(target)
		assert studio.history.card(picture.id).marks.rating == 5

	def test_a_touched_file_is_not_a_changed_one(self, studio):
		(picture,) = draw(studio)
		os.utime(picture.path, (1, 1))
		assert studio.truth.check().changed == 0

	def test_only_every_byte_finds_a_change_that_left_size_and_time(self, studio):
		(picture,) = draw(studio)
		path = Path(picture.path)
		data, stat = bytearray(path.read_bytes()), path.stat()
		data[-20] ^= 1
		path.write_bytes(data)
		os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
		assert studio.truth.check().changed == 0
		assert studio.truth.check(deep=True).changed == 1

	def test_a_changed_file_without_settings_takes_none_from_the_history(self, studio):
		(picture,) = draw(studio, 'a fox', seed=5)
		with Image.open(picture.path) as image:
			image.resize((32, 32)).save(picture.path)
		assert studio.truth.check(repair=True).well
		now = studio.history.get(picture.id)
		assert (now.width, now.height) == (32, 32)
		assert (now.request, now.receipt, now.seed) == (picture.request, picture.receipt, 5)
		assert studio.history.outline({'text': 'fox size:32x32'}).total == 1

	def test_a_search_follows_what_a_changed_file_says(self, studio):
		(picture,) = draw(studio, 'a fox')
		Path(picture.path).write_bytes(png(texts=FOREIGN))
		studio.truth.check(repair=True)
		assert studio.history.outline({'text': 'fox'}).total == 0
		assert studio.history.outline({'text': 'castle sampler:euler'}).total == 1

	@pytest.mark.skipif(sys.platform != 'linux', reason='such names exist only there')
	def test_a_name_that_is_no_text_is_passed_over(self, studio):
		draw(studio)
		folder = next(studio.settings.pictures.iterdir())
		with open(os.fsencode(folder) + b'/\xff\xfe.png', 'wb') as file:
			file.write(png())
		report = studio.truth.check(repair=True)
		assert report.unreadable == 1 and report.unreadable_names[0].endswith('.png')
