"""Zips that are made while they are read, and the names in them."""

import io
import shutil
import subprocess
import tracemalloc
import zipfile
from datetime import UTC, datetime

import pytest

from localai.files.sharing.archives import NAME_BYTES, Member, numbered, plain_name, stream


def opened(members) -> zipfile.ZipFile:
	return zipfile.ZipFile(io.BytesIO(b''.join(stream(members))))


class TestStream:
	def test_every_kind_of_content_comes_out_whole(self, tmp_path):
		(tmp_path / 'a.png').write_bytes(b'pixels' * 999)
		archive = opened(
			[
				Member('a.png', tmp_path / 'a.png'),
				Member('日本 🍎.png', b'more'),
				Member('settings.csv', (b'x' * 1000 for _ in range(100)), packed=True),
				Member('empty', b''),
			]
		)
		assert archive.testzip() is None
		assert archive.namelist() == ['a.png', '日本 🍎.png', 'settings.csv', 'empty']
		assert archive.read('a.png') == b'pixels' * 999
		assert archive.read('settings.csv') == b'x' * 100_000
		infos = archive.infolist()
		assert infos[0].compress_type == zipfile.ZIP_STORED
		assert infos[2].compress_type == zipfile.ZIP_DEFLATED and infos[2].compress_size < 1000
		# Sizes stand in front: bit 3 would say that they follow.
		assert not any(i.flag_bits & 8 for i in infos)

	def test_times_are_neutral_or_told(self):
		when = datetime(2026, 11, 23, 10, 20, 30, tzinfo=UTC)
		archive = opened(
			[
				Member('a', b''),
				Member('b', b'', when),
				Member('c', b'', datetime(1970, 1, 2, tzinfo=UTC)),
			]
		)
		first, second, third = archive.infolist()
		assert first.date_time == third.date_time == (1980, 1, 1, 0, 0, 0)
		assert second.date_time == tuple(when.astimezone().timetuple()[:6])
		assert first.extra == b'' and first.comment == b'' and archive.comment == b''

	def test_nothing_at_all_is_a_zip_too(self):
		assert opened([]).namelist() == []

	def test_memory_holds_one_file_at_a_time(self):
		tracemalloc.start()
		total = sum(len(p) for p in stream(Member(f'{i}', bytes(1_000_000)) for i in range(200)))
		peak = tracemalloc.get_traced_memory()[1]
		tracemalloc.stop()
		assert total > 200_000_000 and peak < 8_000_000

	def test_more_files_than_a_plain_zip_can_count(self):
		"""65,535 is where zip64 begins."""
		archive = opened(Member(f'{i}', b'') for i in range(66_000))
		assert len(archive.namelist()) == 66_000

	@pytest.mark.slow
	def test_more_bytes_than_a_plain_zip_can_hold(self, tmp_path):
		path, piece = tmp_path / 'a.zip', bytes(50_000_000)
		with path.open('wb') as file:
			for part in stream(Member(f'{i}', piece) for i in range(90)):
				file.write(part)
		with zipfile.ZipFile(path) as archive:
			assert archive.infolist()[-1].header_offset > 2**32
			assert archive.testzip() is None

	def test_other_tools_agree(self, tmp_path):
		if not shutil.which('unzip'):
			pytest.skip('no unzip on this machine')
		path = tmp_path / 'a.zip'
		path.write_bytes(b''.join(stream([Member('a', b'1'), Member('b', [b'2'], packed=True)])))
		assert subprocess.run(['unzip', '-tq', path], check=False).returncode == 0

	def test_a_file_that_fails_ends_it(self, tmp_path):
		pieces = stream([Member('a', b'1'), Member('b', tmp_path / 'gone')])
		next(pieces)
		with pytest.raises(FileNotFoundError):
			next(pieces)

	def test_who_stops_listening_leaves_nothing(self):
		pieces = stream(Member(f'{i}', b'1') for i in range(10))
		next(pieces)
		pieces.close()


class TestNames:
	@pytest.mark.parametrize(
		('hostile', 'plain'),
		[
			('a.png', 'a.png'),
			('../../etc/passwd', '_.._etc_passwd'),
			('..', 'file'),
			('', 'file'),
			('C:\\Users\\a.png', 'C__Users_a.png'),
			('/absolute.png', '_absolute.png'),
			('a\x00b\nc\u202egnp.exe', 'a_b_c_gnp.exe'),
			('CON', '_CON'),
			('nul.png', '_nul.png'),
			('console.png', 'console.png'),
			('a. . .', 'a'),
			('.hidden', 'hidden'),
			('<b>"x"|?*', '_b__x____'),
			('日本 🍎.png', '日本 🍎.png'),
			('a\udcff.png', 'a_.png'),
		],
	)
	def test_hostile_names_are_only_names(self, hostile, plain):
		assert plain_name(hostile) == plain

	@pytest.mark.parametrize('name', ['x' * 500 + '.png', '🍎' * 300 + '.webp', '.' * 300])
	def test_long_names_keep_their_suffix(self, name):
		plain = plain_name(name)
		assert len(plain.encode()) <= NAME_BYTES + 5
		assert plain.rpartition('.')[2] == name.rpartition('.')[2] or plain == 'file'

	def test_numbers_stand_before_the_suffix(self):
		assert [numbered('a.b.png', n) for n in (1, 2)] == ['a.b.png', 'a.b (2).png']
