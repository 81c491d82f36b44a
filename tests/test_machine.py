"""How much main memory is ours, from made-up trees of control groups."""

import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from localai.machine import give_back, limits, read_memory

GB = 10**9
UNLIMITED = 9223372036854771712  # what version 1 says for none


@pytest.fixture
def groups(tmp_path: Path):
	"""Writes /proc/self/cgroup and groups below /sys/fs/cgroup: path -> (limit, use, cache)."""

	def write(lines: str, made: dict[str, tuple[str | int, int, int]], old: bool = False) -> Path:
		(tmp_path / 'proc/self').mkdir(parents=True)
		(tmp_path / 'proc/self/cgroup').write_text(lines)
		for path, (limit, use, cache) in made.items():
			folder = tmp_path / 'sys/fs/cgroup' / path
			folder.mkdir(parents=True, exist_ok=True)
			names = ('limit_in_bytes', 'usage_in_bytes') if old else ('max', 'current')
			prefix = 'total_' if old else ''
			(folder / f'memory.{names[0]}').write_text(f'{limit}\n')
			(folder / f'memory.{names[1]}').write_text(f'{use}\n')
			(folder / 'memory.stat').write_text(
				f'anon {use - cache}\n{prefix}inactive_file {cache // 2}\n'
				f'{prefix}active_file {cache - cache // 2}\n'
			)
		return tmp_path

	return write


def found(root: Path) -> list[tuple[int, int]]:
	answer = limits(root)
	assert isinstance(answer, Iterator)
	return list(answer)


class TestVersion2:
	def test_the_least_of_nested_groups_counts(self, groups):
		root = groups(
			'0::/machine/ours\n',
			{'machine/ours': ('max', GB, 0), 'machine': (GB // 10, GB // 20, 0)},
		)
		assert found(root) == [(GB // 10, GB // 20)]
		reading = read_memory(root)
		assert reading.total == GB // 10 and reading.free == GB // 10 - GB // 20

	def test_an_inner_group_may_be_the_narrower_one(self, groups):
		made = {'a/b': (2 * 10**8, 10**8, 0), 'a': (3 * 10**8, 2 * 10**8, 0)}
		reading = read_memory(groups('0::/a/b\n', made))
		assert (reading.total, reading.free) == (2 * 10**8, 10**8)

	def test_files_that_are_only_cached_are_free(self, groups):
		root = groups('0::/\n', {'': (2 * 10**8, 19 * 10**7, 10**8)})
		assert read_memory(root).free == 2 * 10**8 - 9 * 10**7

	def test_inside_a_container_the_mount_is_the_group(self, groups):
		root = groups('0::/docker/4f5e\n', {'': (10**8, 10**7, 0)})
		assert found(root) == [(10**8, 10**7)]

	def test_a_group_above_the_mount_is_looked_for_in_it(self, groups):
		root = groups('0::/../../other\n', {'': (10**8, 10**7, 0)})
		assert found(root) == [(10**8, 10**7)]

	def test_more_than_the_limit_in_use_leaves_nothing(self, groups):
		assert read_memory(groups('0::/\n', {'': (10**8, 2 * 10**8, 0)})).free == 0

	@pytest.mark.parametrize('told', [None, 'nonsense', 'inactive_file many\n', 'a b c\n'])
	def test_a_limit_counts_also_where_nobody_tells_what_it_is_used_for(self, groups, told):
		root = groups('0::/\n', {'': (10**8, 10**7, 0)})
		stat = root / 'sys/fs/cgroup/memory.stat'
		stat.write_text(told) if told else stat.unlink()
		assert found(root) == [(10**8, 10**7)]

	def test_what_is_kept_is_never_less_than_nothing(self, groups):
		root = groups('0::/\n', {'': (10**8, 10**7, 0)})
		(root / 'sys/fs/cgroup/memory.stat').write_text('inactive_file -5000000\n')
		assert found(root) == [(10**8, 10**7)]


class TestVersion1:
	LINES = '12:cpu,cpuacct:/a\n5:memory:/a/b\n1:name=systemd:/a\n0::/a\n'

	def test_the_least_of_nested_groups_counts(self, groups):
		made = {
			'memory/a/b': (UNLIMITED, 10**8, 0),
			'memory/a': (2 * 10**8, 15 * 10**7, 10**8),
			'memory': (UNLIMITED, 5 * 10**8, 0),
		}
		reading = read_memory(groups(self.LINES, made, old=True))
		assert (reading.total, reading.free) == (2 * 10**8, 15 * 10**7)

	def test_no_limit_leaves_the_machine_as_it_is(self, groups):
		root = groups(self.LINES, {'memory': (UNLIMITED, 10**8, 0)}, old=True)
		assert read_memory(root).total == psutil.virtual_memory().total


class TestNone:
	@pytest.mark.parametrize('lines', ['', '0::/\n', 'nonsense\n', '0::/a/b\n'])
	def test_a_system_without_limits(self, groups, lines):
		root = groups(lines, {'': ('max', GB, 0)})
		assert found(root) == []
		assert read_memory(root).total == psutil.virtual_memory().total

	@pytest.mark.parametrize('limit', [-1, 0])
	def test_a_limit_that_nothing_could_live_in_is_none(self, groups, limit):
		root = groups(TestVersion1.LINES, {'memory': (limit, 10**8, 0)}, old=True)
		assert read_memory(root).total == psutil.virtual_memory().total

	def test_another_system(self, tmp_path):
		assert found(tmp_path) == []
		reading = read_memory(tmp_path)
		assert 0 < reading.free <= reading.total == psutil.virtual_memory().total

	def test_files_that_are_not_numbers(self, groups):
		root = groups('0::/\n', {'': (10**8, 10**7, 0)})
		(root / 'sys/fs/cgroup/memory.current').write_text('many')
		assert found(root) == []


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='other C libraries keep nothing')
def test_what_was_freed_below_something_that_is_still_used_goes_back_to_the_system():
	freed = [bytes(2000) for _ in range(40_000)]
	kept = [bytes(2000) for _ in range(100)]
	del freed
	before = psutil.Process().memory_info().rss
	give_back()
	assert psutil.Process().memory_info().rss < before - 40_000_000
	assert len(kept) == 100


def test_what_was_here_at_the_start_is_not_looked_through_again():
	code = (
		'import gc, json\n'
		'from localai import machine\n'
		'machine.keep_what_is_here()\n'
		'print(gc.get_freeze_count() > 1000, any(o is json.__dict__ for o in gc.get_objects()))'
	)
	answer = subprocess.check_output([sys.executable, '-c', code], text=True)
	assert answer.split() == ['True', 'False']
