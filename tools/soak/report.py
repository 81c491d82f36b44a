"""Knows what is said of a run: a line a minute, and all of it at the end."""

import contextlib
import threading
from collections.abc import Sequence

import psutil

from tools.soak import figures
from tools.soak.world import World

SHOWN = 10  # of what is wrong, of each kind


def tell_each_minute(world: World, over: threading.Event) -> None:
	while not over.wait(60):
		world.say(line(world))


def line(world: World) -> str:
	ledger = world.ledger
	deeds = sum(count for name, count in world.counts.items() if name.startswith('deed'))
	said = [
		f'{world.counts["app: started"]} starts',
		f'{deeds} deeds',
		f'{len(ledger.pictures)} pictures',
		f'{len(ledger.jobs)} jobs',
		f'{len(ledger.fetches)} downloads',
		f'{len(world.wrong)} wrong',
	]
	if world.live:
		with contextlib.suppress(psutil.Error):
			said.append(str(figures.of(world.live.process.pid)))
	return ', '.join(said)


def report(world: World, seed: int, lines: Sequence[str] = ()) -> None:
	ledger = world.ledger
	print(f'\nSeed {seed}, {world.clock().strip()} minutes.\n\nDone:')
	for name, count in sorted(world.counts.items()):
		print(f'{count:8,}  {name}')
	places = [state.place for kept in ledger.pictures.values() for state in kept.states]
	for noun, states in (
		('jobs', [job.state for job in ledger.jobs.values()]),
		('pictures', places),
		('downloads', [fetch.state for fetch in ledger.fetches.values()]),
	):
		print(f'{len(states):8,}  {noun}: {tally(states)}')
	print('\nLooked at so often, wrong so often:')
	names = world.held.keys() | {name for name, _ in world.wrong}
	for name in sorted(names):
		wrong = sum(other == name for other, _ in world.wrong)
		print(f'{world.held[name]:8,} {wrong:6,}  {name}')
	if lines:
		print('\nThe process of the page in its long life, at rest:', *lines, sep='\n  ')
	print('\nWhat is wrong:' if world.wrong else '\nNothing is wrong.')
	for name in dict.fromkeys(name for name, _ in world.wrong):
		found = [words for other, words in world.wrong if other == name]
		for words in found[:SHOWN]:
			print(f'  {name}: {words}')
		if len(found) > SHOWN:
			print(f'  {name}: and {len(found) - SHOWN} more')


def tally(words: Sequence[str]) -> str:
	return ', '.join(f'{words.count(word)} {word}' for word in sorted(set(words))) or 'none'
