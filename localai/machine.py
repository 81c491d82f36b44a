"""Knows the main memory of this machine, as far as it is ours: a container or a service may have been
given less of it. And how what is no longer used goes back to the system."""

import contextlib
import ctypes
import gc
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import psutil

from localai.schemas.hardware import MemoryReading

# Of what a control group uses, what the system takes back when it is needed, by the names of version
# 2 and of version 1 (with its groups below it).
RECLAIMABLE: tuple[tuple[str, ...], ...] = (
	('inactive_file', 'active_file', 'slab_reclaimable'),
	('total_inactive_file', 'total_active_file'),
)


ARENAS = 2  # of glibc, which by itself makes eight for each core: each keeps what it once held
M_ARENA_MAX = -8  # mallopt(3)


def use_few_arenas() -> None:
	"""For a process with many threads and little work in each, at its start."""
	if sys.platform == 'linux':
		with contextlib.suppress(OSError, AttributeError):  # another C library than glibc
			ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)


def keep_what_is_here() -> None:
	"""At the end of a start: what is here stays for good, and is not looked through for garbage any
	more, which would stop all threads for a tenth of a second."""
	gc.collect()
	gc.freeze()


def give_back() -> None:
	"""What this process has freed goes back to the system. It takes some milliseconds, and other
	threads go on meanwhile."""
	if sys.platform == 'linux':
		with contextlib.suppress(OSError, AttributeError):
			ctypes.CDLL(None).malloc_trim(0)


def read_memory(root: Path = Path('/')) -> MemoryReading:
	"""The least that the machine and the control groups of this process leave. `root` is where
	`proc` and `sys` are."""
	memory = psutil.virtual_memory()
	free, total = memory.available, memory.total
	for limit, used in limits(root):
		free, total = min(free, limit - used), min(total, limit)
	return MemoryReading(free=max(free, 0), total=total)


def limits(root: Path) -> Iterator[tuple[int, int]]:
	"""Limit and use in bytes of each group that this process is in, from the inner to the outer.

	Nothing on a system that has none. What a group is named outside of a container is not there
	inside of it, only what it was mounted as; the groups above it are the container's then.
	"""
	try:
		lines = (root / 'proc/self/cgroup').read_text('utf-8').splitlines()
	except (OSError, ValueError):
		return
	for line in lines:
		number, _, rest = line.partition(':')
		controllers, _, path = rest.partition(':')
		if number == '0':
			base, names, kept = 'sys/fs/cgroup', ('memory.max', 'memory.current'), RECLAIMABLE[0]
		elif 'memory' in controllers.split(','):
			base = 'sys/fs/cgroup/memory'
			names, kept = ('memory.limit_in_bytes', 'memory.usage_in_bytes'), RECLAIMABLE[1]
		else:
			continue
		group = PurePosixPath(*(part for part in path.split('/') if part not in ('', '.', '..')))
		for folder in (group, *group.parents):
			if found := limit_of(root / base / folder, *names, kept):
				yield found


def limit_of(folder: Path, most: str, used: str, kept: tuple[str, ...]) -> tuple[int, int] | None:
	"""None where there is no limit ('max'), or no such group."""
	try:
		limit, use = (int((folder / name).read_text('utf-8')) for name in (most, used))
	except (OSError, ValueError):
		return None
	return (limit, max(0, use - reclaimable(folder, kept))) if limit > 0 else None


def reclaimable(folder: Path, kept: tuple[str, ...]) -> int:
	"""0 where a sandbox has limits and does not tell what they are used for."""
	try:
		lines = (folder / 'memory.stat').read_text('utf-8').splitlines()
		stat = dict(line.split() for line in lines)
		return sum(max(0, int(stat.get(name, 0))) for name in kept)
	except (OSError, ValueError):
		return 0
