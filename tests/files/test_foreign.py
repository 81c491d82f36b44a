"""Files that others wrote: only regular ones are opened, and no more of them is read than a budget."""

import os

import pytest

from localai.files import foreign
from localai.files.foreign import NoFile, TooMuch, open_foreign, read_foreign
from tests.files.strange import strange_files


class TestOpening:
	def test_a_file_is_read_whole(self, tmp_path):
		file = tmp_path / 'a'
		file.write_bytes(b'abc')
		with open_foreign(file) as stream:
			assert stream.read() == b'abc'
		assert read_foreign(file, 3) == b'abc' and foreign.regular(file).st_size == 3

	@pytest.mark.parametrize('kind', ['pipe', 'socket', 'device', 'folder'])
	def test_what_is_no_file_is_refused_at_once_and_named(self, tmp_path, kind):
		thing = strange_files(tmp_path, '.bin')[kind]
		for verb in (open_foreign, foreign.regular, lambda path: read_foreign(path, 10)):
			with pytest.raises(NoFile) as error:
				verb(thing)
			assert error.value.strerror == f'it is a {kind}, not a file'

	def test_a_link_is_what_it_leads_to(self, tmp_path):
		things = strange_files(tmp_path, '.bin')
		link = tmp_path / 'link'
		link.symlink_to(things['pipe'])
		with pytest.raises(NoFile):
			open_foreign(link)

	def test_what_is_gone(self, tmp_path):
		with pytest.raises(FileNotFoundError):
			open_foreign(tmp_path / 'a')


class TestBudget:
	def test_what_is_larger_is_not_read(self, tmp_path):
		file = tmp_path / 'a'
		with open(file, 'wb') as stream:
			stream.truncate(10**12)
		with pytest.raises(TooMuch, match='it is larger than 60 MB'):
			read_foreign(file, 60_000_000)

	@pytest.mark.skipif(not os.path.exists('/proc/self/status'), reason='Linux alone')
	def test_nor_what_says_that_it_is_smaller_than_it_is(self):
		assert os.stat('/proc/self/status').st_size == 0
		with pytest.raises(TooMuch, match='it is larger than 100 bytes'):
			read_foreign('/proc/self/status', 100)
