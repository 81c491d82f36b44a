"""How long `python -m localai generate` takes from nothing running to the saved picture.

    python -m benchmarks.command [--repeats 3]

The built-in model, a process and an engine of its own for each picture, the files of the packages in
the system's cache. The first picture is drawn in an empty home, the others in the home that it left.
Exit 1 when the middle of all is above the bar. Beside the seconds of the clock stand those of the
processor, which other work on the machine disturbs less.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BAR = 8.0
COMMAND = (sys.executable, '-m', 'localai', 'generate', 'a red apple on a blue background')


def generate(home: str, seed: int) -> tuple[float, float]:
	"""Seconds of the clock and of the processor, the engine's included."""
	before, began = os.times(), time.perf_counter()
	made = subprocess.run(
		[*COMMAND, '--seed', str(seed)],
		env=os.environ | {'LOCALAI_HOME': home},
		stdout=subprocess.PIPE,
		stderr=subprocess.DEVNULL,
		text=True,
		check=True,
	)
	seconds, after = time.perf_counter() - began, os.times()
	assert Path(made.stdout.split('  seed ')[0]).is_file(), made.stdout
	spent = after.children_user + after.children_system
	return seconds, spent - before.children_user - before.children_system


def main() -> int:
	parser = argparse.ArgumentParser(
		description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
	)
	parser.add_argument('--repeats', type=int, default=3)
	options = parser.parse_args()
	with tempfile.TemporaryDirectory() as home:
		generate(
			f'{home}/warm', 1
		)  # what is read from the disk is in the system's cache from now on
		took = []
		for turn in range(options.repeats + 1):
			seconds, spent = generate(f'{home}/used', turn)
			took.append(seconds)
			where = 'an empty home' if turn == 0 else 'the same home'
			print(f'{where}: {seconds:.2f} s, {spent:.2f} s of a processor', flush=True)
	middle = statistics.median(took)
	print(f'median {middle:.2f} s (bar {BAR:.0f} s)')
	return 0 if middle <= BAR else 1


if __name__ == '__main__':
	sys.exit(main())
