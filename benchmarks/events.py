"""How soon a quick event answers while a job runs: what tabs ask of the page, the API, health and
thumbnails.

python -m benchmarks.events [--repeats 100]

A long job of the built-in model runs all the while, followed by one reader as an open page would.
The bar: 100 ms in
the middle, for each kind of event.
"""

import argparse
import contextlib
import http.client
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from tests.live import OPENER, Live, live_app

BAR = 0.1


class Door:
	"""One connection that stays open, as a browser's does."""

	def __init__(self, live: Live):
		self.connection = http.client.HTTPConnection(urlsplit(live.url).netloc, timeout=60)

	def ask(self, path: str, body: object = None) -> bytes:
		self.connection.request(
			'GET' if body is None else 'POST',
			path,
			None if body is None else json.dumps(body),
			{'Content-Type': 'application/json'},
		)
		answer = self.connection.getresponse()
		data = answer.read()
		assert answer.status == 200, (path, answer.status, data[:300])
		return data


def events(live: Live) -> dict[str, Callable[[], object]]:
	door = Door(live)
	components = json.loads(door.ask('/config'))['components']
	wire = next(c['id'] for c in components if c['props'].get('elem_id') == 'wire')

	def page(name: str, **data: object) -> Callable[[], object]:
		body = {'session_hash': 'benchmark', 'component_id': wire, 'fn_name': name, 'data': data}

		def ask() -> None:
			answer = json.loads(door.ask('/gradio_api/component_server', body))
			assert 'error' not in answer, answer

		return ask

	def jobs() -> None:
		event = json.loads(door.ask('/gradio_api/call/jobs', {'data': []}))['event_id']
		assert b'event: complete' in door.ask(f'/gradio_api/call/jobs/{event}')

	return {
		'page: estimate': page('ui_estimate', prompt='a red apple', steps=20),
		'page: history': page('ui_history_find'),
		'page: hardware': page('ui_hardware'),
		'page: remember': page('ui_remember', prompt='a red apple'),
		'API: jobs': jobs,
		'healthz': lambda: door.ask('/healthz'),
		'thumbnail': lambda: door.ask('/media/1/thumbnail'),
		'picture': lambda: door.ask('/media/1'),
		'the page itself': lambda: door.ask('/'),
	}


def follow(live: Live, job: str) -> None:
	broken = contextlib.suppress(OSError, http.client.HTTPException)
	with broken, OPENER.open(f'{live.url}/api/jobs/{job}/events') as lines:
		for _ in lines:
			pass


def main() -> int:
	shape = argparse.RawDescriptionHelpFormatter
	parser = argparse.ArgumentParser(description=__doc__, formatter_class=shape)
	parser.add_argument('--repeats', type=int, default=100)
	options = parser.parse_args()
	with tempfile.TemporaryDirectory() as temporary, live_app(Path(temporary) / 'home') as live:
		live.wait_job(live.submit(steps=2)['id'])
		job = live.submit(steps=150, count=100)['id']
		live.wait_job(job, lambda job: job['state'] == 'running')
		threading.Thread(target=follow, args=(live, job), daemon=True).start()
		kinds = events(live)
		seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
		for turn in range(options.repeats + 3):
			for kind, ask in kinds.items():
				began = time.perf_counter()
				ask()
				if turn >= 3:
					seconds[kind].append(time.perf_counter() - began)
				time.sleep(0.005)
		assert live.job(job)['state'] == 'running'
	slow = False
	for kind, times in seconds.items():
		middle = statistics.median(times)
		p95 = sorted(times)[int(0.95 * (len(times) - 1))]
		slow |= middle > BAR
		print(f'{kind:18} median {middle * 1000:6.1f} ms, p95 {p95 * 1000:6.1f} ms')
	print(f'bar: a median of {BAR * 1000:.0f} ms for each; {"missed" if slow else "kept"}')
	return 1 if slow else 0


if __name__ == '__main__':
	sys.exit(main())
