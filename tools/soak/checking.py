"""Knows how a running app is held to the ledger: after each start, and more closely when all is done."""

import contextlib
import json
import re
import time
from collections.abc import Iterator

from tools.soak.invariants import INVARIANTS, faults, narrow
from tools.soak.ledger import Ledger
from tools.soak.seen import look
from tools.soak.world import TRACEBACK, World

PATIENCE = 40.0  # seconds in which a start brings everything into order
ENDS = 300.0  # seconds in which what waits is done
LOOKED_AT = 3 * 4096  # bytes by which a link is told to be a model
# What a download that is cut off may lose, as it was on its way.
ON_THE_WAY = 4_000_000
PIXELS = 'pixels are those of an undisturbed run'
LOGS = 'no log has a traceback'
# Where the next line of a log begins.
LINE = re.compile(r'(?m)^(?=\d{4}-\d\d-\d\d |[A-Z]+ localai)')


def check(world: World, patience: float = PATIENCE) -> None:
	"""Nothing may be done meanwhile but what the app goes on with by itself. What is wrong may be mended
	for so long."""
	end = time.monotonic() + patience
	while True:
		seen = look(world.home, world.cache, world.outside, world.hashes)
		try:
			found = [f for f in faults(seen, world.ledger) if f not in world.wrong]
			if not found or time.monotonic() > end:
				for name, words in found:
					world.fault(name, words)
				for words in narrow(seen, world.ledger):
					world.fault(PIXELS, words)
				break
		finally:
			seen.close()
		time.sleep(0.5)
	for name in (*INVARIANTS, PIXELS):
		world.held[name] += 1
	read_logs(world)


def rest(world: World, seconds: float = ENDS) -> None:
	"""Waits until everything is done, then looks closely."""
	name, end = 'what waits is done', time.monotonic() + seconds
	while waiting := list(unfinished(world)):
		if time.monotonic() > end:
			world.fault(name, f'after {seconds:.0f} s there are still {waiting}')
			break
		time.sleep(0.3)
	world.held[name] += 1
	world.hashes.forget()
	check(world)
	check_history(world)
	check_searches(world)
	check_resumed(world)


def unfinished(world: World) -> Iterator[str]:
	"""What waits or is being worked on; a paused download goes on."""
	for job in json.loads(world.call('/api/jobs')):
		if job['finished_at'] is None:
			yield f'job {job["id"]} ({job["state"]})'
	for one in json.loads(world.call('/api/downloads')):
		if one['state'] == 'paused':
			world.call(f'/api/downloads/{one["id"]}/resume', {})
		if one['finished_at'] is None:
			yield f'download {one["id"]} ({one["state"]})'


def check_history(world: World) -> None:
	name = 'history check finds nothing'
	report = json.loads(world.call('/api/history/check', {'deep': True}))
	kinds = ('missing', 'orphaned', 'changed', 'unreadable')
	if wrong := {kind: report[kind] for kind in kinds if report[kind]}:
		world.fault(name, f'it says {wrong}')
	world.held[name] += 1


def check_searches(world: World) -> None:
	name = 'searches find what is there'
	for text, wanted in questions(world.ledger).items():
		total = json.loads(world.call('/api/history/outline', {'text': text}))['total']
		if total != wanted:
			world.fault(name, f'{text!r} finds {total}, not {wanted}')
	world.held[name] += 1


def questions(ledger: Ledger) -> dict[str, int]:
	"""Searches, each with how many pictures it must find."""
	with ledger.lock:
		states = [k.state for k in ledger.pictures.values() if k.state.place == 'history']
	found = {'': len(states), 'favourite:yes': sum(s.favourite for s in states)}
	for rating in range(1, 6):
		found[f'rating:{rating}'] = sum(s.rating == rating for s in states)
	for key in ('tags', 'albums'):
		for word in {word for s in states for word in getattr(s, key)}:
			# A search has no way to write a quote; a space does for it.
			plain = word.replace('"', ' ')
			found[f'{key[:-1]}:"{plain}"'] = sum(word in getattr(s, key) for s in states)
	return found


def check_resumed(world: World) -> None:
	name = 'downloads go on from the bytes on the disk'
	with world.ledger.lock:
		fetches = [f for f in world.ledger.fetches.values() if f.state == 'finished']
	for fetch in fetches:
		sent = world.hub.sent(f'*{fetch.path}')
		most = fetch.bytes + LOOKED_AT + fetch.interruptions * ON_THE_WAY
		if sent > most:
			world.fault(name, f'{sent:,} bytes of {fetch.source} were sent, not {most:,}')
	world.held[name] += 1


def read_logs(world: World) -> None:
	"""That of the terminal and all that are kept."""
	for path in [*(world.home / 'logs').glob('*.log*'), world.running.terminal]:
		with contextlib.suppress(OSError):
			for part in LINE.split(path.read_text('utf-8', 'replace')):
				if TRACEBACK in part:
					world.fault(LOGS, f'{path.name}: …{part.strip()[-700:]}')
	world.held[LOGS] += 1
