"""Whether a download is as fast as that of `hf download`: eight files of 64 MB from the same hub on this machine.

python -m benchmarks.download [--rounds 5] [--files 8] [--megabytes 64]

Whole commands in turn: hf, localai, hf, localai ..., each with a fresh cache; the hub is a process of its own and sends
with sendfile. LocalAI also checks the SHA-256 of every file and keeps a journal, hf does not. The bar: a ratio of 1.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BAR = 1.0
MB = 1 << 20
REPO = 'bench/files'
HF = 'import sys; from huggingface_hub.cli.hf import main; sys.exit(main())'


@contextmanager
def serving(root: Path) -> Iterator[str]:
	"""The address of the hub."""
	server = subprocess.Popen(
		[sys.executable, '-m', 'tests.hub_server', '--root', root],
		stdout=subprocess.PIPE,
		text=True,
	)
	try:
		yield json.loads(server.stdout.readline())['endpoint']
	finally:
		server.terminate()
		server.wait()


def fill(folder: Path, files: int, size: int) -> None:
	folder.mkdir(parents=True)
	for number in range(files):
		with open(folder / f'file-{number}.safetensors', 'wb') as file:
			for _ in range(size // MB):
				file.write(os.urandom(MB))


def run(command: list[str], home: Path, endpoint: str) -> tuple[float, float]:
	"""Seconds that passed, and seconds of the processor, of the whole command."""
	shutil.rmtree(home / 'cache', ignore_errors=True)
	environment = os.environ | {
		'HF_ENDPOINT': endpoint,
		'HF_HOME': str(home / 'cache'),
		'HF_HUB_DISABLE_XET': '1',
		'HF_HUB_DISABLE_TELEMETRY': '1',
		'HF_HUB_DISABLE_PROGRESS_BARS': '1',
		'HF_HUB_DISABLE_UPDATE_CHECK': '1',
		'HF_HUB_OFFLINE': '0',
		# Both as installed programs are: compiled.
		'PYTHONDONTWRITEBYTECODE': '',
		'PYTHONPYCACHEPREFIX': str(home.parent / 'compiled'),
		'LOCALAI_HOME': str(home / 'localai'),
	}
	before, began = os.times(), time.perf_counter()
	subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
	seconds, after = time.perf_counter() - began, os.times()
	spent = (
		after.children_user - before.children_user + after.children_system - before.children_system
	)
	return seconds, spent


def main() -> int:
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument('--rounds', type=int, default=5)
	parser.add_argument('--files', type=int, default=8)
	parser.add_argument('--megabytes', type=int, default=64)
	given = parser.parse_args()
	commands = {
		'hf': [sys.executable, '-c', HF, 'download', REPO],
		'localai': [sys.executable, '-m', 'localai', 'download', REPO, '--json'],
	}
	taken: dict[str, list[float]] = {name: [] for name in commands}
	with tempfile.TemporaryDirectory() as folder:
		home = Path(folder)
		fill(home / 'root' / REPO, given.files, given.megabytes * MB)
		with serving(home / 'root') as endpoint:
			for name, command in commands.items():  # files into memory, database made, compiled
				run(command, home / name, endpoint)
			for number in range(given.rounds):
				for name, command in commands.items():
					seconds, spent = run(command, home / name, endpoint)
					taken[name].append(seconds)
					print(
						f'round {number + 1}: {name:8}{seconds:6.2f} s ({spent:.2f} s of the processor)',
						flush=True,
					)
	pairs = [theirs / ours for theirs, ours in zip(*taken.values(), strict=True)]
	ratio = statistics.median(pairs)
	for name, seconds in taken.items():
		print(f'{name}: median {statistics.median(seconds):.2f} s, best {min(seconds):.2f} s')
	good = ratio >= BAR
	print(f'ratio {ratio:.2f}, bar {BAR}: {"reached" if good else "MISSED"}')
	return 0 if good else 1


if __name__ == '__main__':
	sys.exit(main())
