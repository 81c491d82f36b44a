"""Knows what the app takes of the machine, and that it does not take more the longer it lives."""

import contextlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

from tools.soak.world import World

GROWTH = 1.05
# SQLite leaves the file of a connection that ended open while another has a lock, for whoever is next: as
# many as ever read at once, so that a busier moment than any before leaves more.
DATABASE = 'localai.db'
READERS = 160  # more than there are threads in the page's process


class Figures(NamedTuple):
	"""Of the page's process; memory in bytes. `share` (PSS) counts what it has in common with others in
	part, so it changes with what else runs; `memory` (RSS) does not. `opened` names the files."""

	memory: int
	files: int
	threads: int
	share: int = 0
	opened: tuple[str, ...] = ()

	@property
	def others(self) -> int:
		"""The open files without those of the database."""
		return self.files - self.opened.count(DATABASE)

	def __str__(self) -> str:
		memory = f'{self.memory / 1e6:.1f} MB (PSS {self.share / 1e6:.1f})'
		return f'{memory}, {self.files} files open, {self.threads} threads'


def of(pid: int) -> Figures:
	process = psutil.Process(pid)
	memory = process.memory_full_info()
	share = getattr(memory, 'pss', 0)
	opened = tuple(names_of_open(pid))
	return Figures(memory.rss, process.num_fds(), process.num_threads(), share, opened)


def names_of_open(pid: int) -> Iterator[str]:
	"""Where the system tells: `socket`, `pipe`, or the name of the file."""
	with contextlib.suppress(OSError):
		for file in Path(f'/proc/{pid}/fd').iterdir():
			with contextlib.suppress(OSError):
				yield Path(os.readlink(file)).name.partition(':')[0]


def compare(world: World, before: Figures, after: Figures) -> list[str]:
	"""The lines for the report."""
	grown = {
		'memory': after.memory > before.memory * GROWTH,
		'open files': after.others > before.others or after.opened.count(DATABASE) > READERS,
		'threads': after.threads > before.threads,
	}
	for name, more in grown.items():
		world.held[f'{name} do not grow'] += 1
		if more:
			new = dict(Counter(after.opened) - Counter(before.opened))
			world.fault(f'{name} do not grow', f'{before} became {after}; new files: {new}')
	growth = after.memory / before.memory - 1
	return [f'after warm-up: {before}', f'at the end:    {after}', f'memory: {growth:+.1%}']
