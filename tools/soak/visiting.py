"""Knows who looks on: followers of jobs and open pages, that come and go in the middle of a word."""

import json
import random
import threading
import time
from collections.abc import Callable

from tests.live import OPENER
from tools.soak.drawing import follow, learn
from tools.soak.ledger import ENDED
from tools.soak.world import Unanswered, World

UNHEARD = 'every call is answered'


def follow_jobs(world: World, lot: random.Random) -> None:
	with world.ledger.lock:
		live = [j.id for j in world.ledger.jobs.values() if j.state not in ENDED]
	if not live:
		return

	def look() -> None:
		for _ in follow(world, lot.choice(live), lot.choice((0, 2, 10, -1))):
			pass

	together(world, [look] * lot.randint(1, 8))
	for job_id in live:
		learn(world, json.loads(world.call(f'/api/jobs/{job_id}')))


def open_pages(world: World, lot: random.Random) -> None:
	"""As browsers do: the page, then its one event that lasts."""

	def look() -> None:
		world.call('/')
		name = f'{lot.randrange(10**9):x}'
		asked = {'data': [], 'fn_index': world.lasting, 'session_hash': name}
		world.call('/gradio_api/queue/join', asked)
		end = time.monotonic() + lot.uniform(0.5, 6)
		address = f'{world.running.url}/gradio_api/queue/data?session_hash={name}'
		try:
			with OPENER.open(address, timeout=60) as lines:
				for _ in lines:
					if time.monotonic() > end:
						return
		except (OSError, ValueError) as error:
			raise Unanswered(f'{name}: {error}') from error
		raise Unanswered('what a page follows ended by itself')

	together(world, [look] * lot.randint(1, 5))


def crowd(world: World, many: int = 60) -> None:
	"""So many at once, several times, by every door."""

	def look() -> None:
		for _ in range(5):
			world.call('/api/history/find', {'text': 'apple'})
			world.call('/api/models/find', {})
			world.call('/api/jobs')
			world.page('ui_history_find', {})

	together(world, [look] * many)


def together(world: World, looks: list[Callable[[], None]]) -> None:
	def look(one: Callable[[], None]) -> None:
		try:
			one()
		except Unanswered as error:
			if not world.ending.is_set():
				world.fault(UNHEARD, str(error))

	threads = [threading.Thread(target=look, args=(one,), daemon=True) for one in looks]
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join()
