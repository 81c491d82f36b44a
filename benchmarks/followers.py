"""How soon the page answers while many follow a job that is being drawn: half of them pages with their own
stream, half of them programs that call /follow.

python -m benchmarks.followers [--followers 50] [--repeats 100]

The followers live in a process of their own and read all that they are sent. The bars: 50 ms in the
middle and 100 ms at the 95th of 100, for the page, a quick event of it and the list of jobs; and once
the followers are gone, the memory of the page's process within 5 % of what it was before they came.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from benchmarks.events import Door
from tests.live import Live, live_app

MIDDLE, LATE, GROWN = 0.05, 0.1, 1.05
# Of the followers' own process: its lines, held open, and the bytes that came to each.
LINES: list[asyncio.StreamWriter] = []
COUNTS: dict[int, int] = {}
QUIET = 75.0  # seconds in which the memory of the process becomes no less


async def send(place: str, path: str, body: object = None) -> asyncio.StreamReader:
	"""One request on a line of its own."""
	host, _, port = place.partition(':')
	reader, writer = await asyncio.open_connection(host, int(port))
	data = b'' if body is None else json.dumps(body).encode()
	head = f'{"POST" if data else "GET"} {path} HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n'
	head += f'Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n'
	writer.write(head.encode() + data)
	await writer.drain()
	LINES.append(writer)
	return reader


async def drain(reader: asyncio.StreamReader, follower: int) -> None:
	"""Says how much came, when it ends."""
	size = 0
	while data := await reader.read(1 << 16):
		size += len(data)
		COUNTS[follower] = size
	raise SystemExit(f'follower {follower} was cut off after {size} bytes')


async def look(place: str, lasting: int, number: int) -> None:
	name = f'follower{number}'
	await send(place, '/')
	asked = {'data': [], 'fn_index': lasting, 'session_hash': name}
	await (await send(place, '/gradio_api/queue/join', asked)).read()
	await drain(await send(place, f'/gradio_api/queue/data?session_hash={name}'), number)


async def follow(place: str, job: str, number: int) -> None:
	answer = await (await send(place, '/gradio_api/call/follow', {'data': [job]})).read()
	event = json.loads(answer[answer.index(b'{') : answer.rindex(b'}') + 1])['event_id']
	await drain(await send(place, f'/gradio_api/call/follow/{event}'), number)


async def crowd(place: str, job: str, lasting: int, many: int) -> None:
	"""Until the line from the benchmark ends."""
	tasks = [
		asyncio.create_task(look(place, lasting, n) if n % 2 else follow(place, job, n))
		for n in range(many)
	]
	while len(COUNTS) < many:
		await asyncio.sleep(0.05)
	print('all here', flush=True)
	await asyncio.to_thread(sys.stdin.read)
	print(sum(COUNTS.values()), flush=True)
	for task in tasks:
		if task.done():
			task.result()
		task.cancel()


def page_process(live: Live) -> psutil.Process:
	return psutil.Process(live.process.pid)


def settled(live: Live, repeats: int) -> int:
	"""Its memory while it is used by one, as soon as it has not become less for a while: threads that
	nobody needs any more end at the next use, and once a minute what is free goes back."""
	least, since = page_process(live).memory_info().rss, time.monotonic()
	while time.monotonic() - since < QUIET:
		measure(live, repeats // 10)
		now = page_process(live).memory_info().rss
		if now < least:
			least, since = now, time.monotonic()
	return least


@contextmanager
def followed(live: Live, job: str, many: int) -> Iterator[None]:
	"""By so many, in a process of their own. Prints what they cost when they go."""
	events = json.loads(live.ask('/config')[1])['dependencies']
	lasting = next(e['id'] for e in events if e['api_name'] == 'ui_follow')
	command = [sys.executable, '-m', 'benchmarks.followers', '--followers', str(many), '--crowd']
	command += [urlsplit(live.url).netloc, job, str(lasting)]
	with subprocess.Popen(
		command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
	) as followers:
		assert followers.stdout and followers.stdin
		assert followers.stdout.readline().strip() == 'all here'
		began, before = time.monotonic(), page_process(live).cpu_times()
		yield
		seconds, after = time.monotonic() - began, page_process(live).cpu_times()
		followers.stdin.close()
		sent = int(followers.stdout.readline())
	busy = (after.user + after.system - before.user - before.system) / seconds
	print(f'  {sent / 1e6:.1f} MB sent, {busy * 100:.0f} % of a processor in the page')


def measure(live: Live, repeats: int) -> dict[str, list[float]]:
	door = Door(live)
	components = json.loads(door.ask('/config'))['components']
	wire = next(c['id'] for c in components if c['props'].get('elem_id') == 'wire')
	data = {'prompt': 'a red apple', 'steps': 20}
	event = {'session_hash': 'b', 'component_id': wire, 'fn_name': 'ui_estimate', 'data': data}
	kinds = {
		'the page': lambda: door.ask('/'),
		'a quick event': lambda: door.ask('/gradio_api/component_server', event),
		'/api/jobs': lambda: door.ask('/api/jobs'),
	}
	seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
	for turn in range(repeats + 3):
		for kind, ask in kinds.items():
			began = time.perf_counter()
			ask()
			if turn >= 3:
				seconds[kind].append(time.perf_counter() - began)
			time.sleep(0.02)
	return seconds


def tell(seconds: dict[str, list[float]]) -> bool:
	kept = True
	for kind, times in seconds.items():
		middle, late = statistics.median(times), sorted(times)[int(0.95 * (len(times) - 1))]
		kept &= middle < MIDDLE and late < LATE
		print(f'  {kind:14} median {middle * 1000:6.1f} ms, p95 {late * 1000:6.1f} ms')
	return kept


def main() -> int:
	shape = argparse.RawDescriptionHelpFormatter
	parser = argparse.ArgumentParser(description=__doc__, formatter_class=shape)
	parser.add_argument('--followers', type=int, default=50)
	parser.add_argument('--repeats', type=int, default=100)
	parser.add_argument(
		'--crowd', nargs=3, metavar=('PLACE', 'JOB', 'EVENT'), help=argparse.SUPPRESS
	)
	options = parser.parse_args()
	if options.crowd:
		place, job, lasting = options.crowd
		asyncio.run(crowd(place, job, int(lasting), options.followers))
		return 0
	with tempfile.TemporaryDirectory() as temporary, live_app(Path(temporary) / 'home') as live:
		live.wait_job(live.submit(steps=2)['id'])
		job = live.submit(steps=150, count=100)['id']
		live.wait_job(job, lambda job: job['state'] == 'running')
		print('two follow')
		with followed(live, job, 2):  # what is loaded for them at all is there from now on
			tell(measure(live, options.repeats))
		before = settled(live, options.repeats)
		print(f'{options.followers} follow')
		with followed(live, job, options.followers):
			kept = tell(measure(live, options.repeats))
		after = settled(live, options.repeats)
		with followed(live, job, options.followers):
			measure(live, options.repeats)
		again = settled(live, options.repeats)
		assert live.job(job)['state'] == 'running'
	print(
		f'memory {before / 1e6:.0f} MB before, {after / 1e6:.0f} MB after they left, '
		f'{again / 1e6:.0f} MB after they came and left once more'
	)
	kept &= max(after, again) <= before * GROWN
	print(
		f'bars: {MIDDLE * 1000:.0f} ms, {LATE * 1000:.0f} ms, 5 %; {"kept" if kept else "missed"}'
	)
	return 0 if kept else 1


if __name__ == '__main__':
	sys.exit(main())
