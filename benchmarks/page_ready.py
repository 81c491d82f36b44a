"""How soon the page answers after a start, over a bare `import gradio`, and how much memory its
process holds.

python -m benchmarks.page_ready [--repeats 5]

Each start is a process of its own, in turn: import, start, import, start ... The bars: 1.5 times
the import, 350 MB.
"""

import argparse
import http.client
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.live import Live, environment_for, launch

BAR = 1.5
MEMORY_BAR = 350e6


def import_gradio(home: Path) -> float:
	"""Seconds from the start of the process to its end."""
	began = time.perf_counter()
	subprocess.run(
		[sys.executable, '-c', 'import gradio'],
		env=environment_for(home, GRADIO_ANALYTICS_ENABLED='False'),
		check=True,
	)
	return time.perf_counter() - began


def start_app(home: Path) -> tuple[float, int]:
	"""Seconds until `GET /` answers 200, and the bytes of the page's process once the engine is
	ready too."""
	port = free_port()
	began = time.perf_counter()
	live = launch(home, LOCALAI_PORT=str(port))
	try:
		while not answers(port):
			assert live.process.poll() is None, live.log
			time.sleep(0.01)
		seconds = time.perf_counter() - began
		return seconds, settled_memory(live)
	finally:
		live.stop()


def settled_memory(live: Live) -> int:
	"""Resident bytes of the page's process after a picture was drawn."""
	live.wait_ready()
	live.wait_job(live.submit(steps=2)['id'])
	return psutil.Process(live.process.pid).memory_info().rss


def answers(port: int) -> bool:
	try:
		connection = http.client.HTTPConnection('127.0.0.1', port, timeout=30)
		connection.request('GET', '/')
		answer = connection.getresponse()
		answer.read()
		connection.close()
		return answer.status == 200
	except (OSError, http.client.HTTPException):
		return False


def free_port() -> int:
	with socket.create_server(('127.0.0.1', 0)) as probe:
		return probe.getsockname()[1]


def main() -> int:
	shape = argparse.RawDescriptionHelpFormatter
	parser = argparse.ArgumentParser(description=__doc__, formatter_class=shape)
	parser.add_argument('--repeats', type=int, default=5)
	options = parser.parse_args()
	ratios, memories = [], []
	with tempfile.TemporaryDirectory() as temporary:
		home = Path(temporary) / 'home'
		import_gradio(home), start_app(home)  # the files are in the system's cache from here on
		for _ in range(options.repeats):
			bare = import_gradio(home)
			page, memory = start_app(home)
			ratios.append(page / bare)
			memories.append(memory)
			print(
				f'import gradio {bare:.2f} s, page {page:.2f} s, ratio {ratios[-1]:.2f}, '
				f'page process {memory / 1e6:.0f} MB',
				flush=True,
			)
	ratio, memory = statistics.median(ratios), max(memories)
	print(f'median ratio {ratio:.2f} (bar {BAR}), most memory {memory / 1e6:.0f} MB (bar 350)')
	return 0 if ratio <= BAR and memory <= MEMORY_BAR else 1


if __name__ == '__main__':
	sys.exit(main())
