"""What lies in the temporary folder, and the small pictures, do not grow without end."""

import os
import time

from localai.files import temporary
from localai.services.history.thumbnails import Thumbnails


def made(path, size: int = 10, days: float = 0):
	path.parent.mkdir(parents=True, exist_ok=True)
	path.write_bytes(bytes(size))
	when = time.time() - days * temporary.DAY
	os.utime(path, (when, when))
	return path


class TestSweep:
	def test_what_is_old_goes_and_what_is_wanted_or_new_stays(self, tmp_path):
		old, inside = made(tmp_path / 'a', days=2), made(tmp_path / 'folder' / 'b', days=2)
		new, wanted = made(tmp_path / 'c'), made(tmp_path / 'kept', days=9)
		beside = made(tmp_path / 'mixed' / 'd', days=2), made(tmp_path / 'mixed' / 'e')
		assert temporary.sweep(tmp_path, lambda name: name == 'kept') == 3
		assert not old.exists() and not inside.exists() and not beside[0].exists()
		assert new.exists() and wanted.exists() and beside[1].exists()

	def test_a_start_removes_all_that_is_not_wanted_with_its_folders(self, tmp_path):
		made(tmp_path / 'folder' / 'b')
		made(tmp_path / 'c')
		assert temporary.sweep(tmp_path, lambda name: False, seconds=0) == 2
		assert not list(tmp_path.iterdir())

	def test_a_folder_that_is_not_there_is_no_error(self, tmp_path):
		assert temporary.sweep(tmp_path / 'gone', lambda name: False) == 0

	def test_old_copies_go(self, tmp_path):
		files = [made(tmp_path / 'a', days=40), made(tmp_path / 'b', days=3), tmp_path / 'gone']
		temporary.remove_old(files, 30 * temporary.DAY)
		assert list(tmp_path.iterdir()) == [files[1]]


class TestThumbnails:
	def test_beyond_the_limit_what_was_not_looked_at_for_longest_goes(self, tmp_path):
		thumbnails = Thumbnails(tmp_path)
		files = [made(tmp_path / f'{n}' / 'a.webp', size=100, days=n + 1) for n in range(5)]
		assert thumbnails.trim(500) == 0 and all(file.exists() for file in files)
		assert thumbnails.trim(250) == 300
		assert [file.exists() for file in files] == [True, True, False, False, False]
		thumbnails.close()

	def test_what_was_cut_off_before_this_start_goes(self, tmp_path):
		left = made(tmp_path / '00001' / '.a.webp.part', days=1)
		thumbnails = Thumbnails(tmp_path)
		being_made = made(tmp_path / '00001' / '.b.webp.part', days=-1)
		thumbnails.trim()
		assert not left.exists() and being_made.exists()
		thumbnails.close()
