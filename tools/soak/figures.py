"""Knows what the app takes of the machine, and that it does not take more the longer it lives."""

from typing import NamedTuple

import psutil

from tools.soak.world import World

GROWTH = 1.05


class Figures(NamedTuple):
	"""Of the page's process; memory in bytes. `share` (PSS) counts what it has in common with others in
	part, so it changes with what else runs; `memory` (RSS) does not."""

	memory: int
	files: int
	threads: int
	share: int = 0

	def __str__(self) -> str:
		memory = f'{self.memory / 1e6:.1f} MB (PSS {self.share / 1e6:.1f})'
		return f'{memory}, {self.files} files open, {self.threads} threads'


def of(pid: int) -> Figures:
	process = psutil.Process(pid)
	memory = process.memory_full_info()
	share = getattr(memory, 'pss', 0)
	return Figures(memory.rss, process.num_fds(), process.num_threads(), share)


def compare(world: World, before: Figures, after: Figures) -> list[str]:
	"""The lines for the report."""
	grown = {
		'memory': after.memory > before.memory * GROWTH,
		'open files': after.files > before.files,
		'threads': after.threads > before.threads,
	}
	for name, more in grown.items():
		world.held[f'{name} do not grow'] += 1
		if more:
			world.fault(f'{name} do not grow', f'{before} became {after}')
	growth = after.memory / before.memory - 1
	return [f'after warm-up: {before}', f'at the end:    {after}', f'memory: {growth:+.1%}']
