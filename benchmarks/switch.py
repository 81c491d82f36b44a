"""What switching between two models costs, and whether memory is given back.

    python -m benchmarks.switch [--model-dir DIR] [--switches 20] [--sd15]

Two models of random weights in bf16 (360 million parameters each; with --sd15 of Stable Diffusion 1.5's
size), by default made and thrown away, with --model-dir kept for the next run.

First with room for both: a cold load of each, then switching back and forth; the files are in the
system's cache, so a cold load is as fast as it can be. Then with room for one only: A, B, A, and from
there on 20 switches, each of which loads one and lets the other go. Memory is what all our processes
have in main memory (RSS). Exit 1 when switching back takes more than 0.2 of a cold load, or memory ends
more than 5 % away from where it was.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks import sd15

WARM_BAR = 0.2
MEMORY_BAR = 0.05
HALF = (160, 320, 512, 512)


class App:
	"""The app without a door, in this process; its engine in another."""

	def __init__(self, home: Path, warm_gb: float):
		from localai.settings import read_settings
		from localai.studio import Studio

		settings = read_settings({}, home=home, device='cpu', warm_memory=warm_gb).prepare()
		self.studio = Studio(settings).open()
		self.wait()

	def wait(self) -> None:
		"""Until the engine is up and has nothing to do."""
		studio = self.studio
		while studio.chores.pending or studio.engines.status.state != 'ready':
			time.sleep(0.001)
		assert not studio.engines.status.message, studio.engines.status.message

	def load(self, folder: Path) -> float:
		"""Seconds until it is the current model."""
		began = time.perf_counter()
		self.studio.chores.load(str(folder))
		self.wait()
		seconds = time.perf_counter() - began
		assert self.studio.engines.status.model == str(folder)
		return seconds

	def memory(self) -> int:
		ours = psutil.Process()
		return sum(p.memory_info().rss for p in (ours, *ours.children(recursive=True)))

	def close(self) -> None:
		self.studio.close()


def main() -> int:
	parser = argparse.ArgumentParser(
		description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
	)
	parser.add_argument('--switches', type=int, default=20)
	parser.add_argument('--sd15', action='store_true', help="of Stable Diffusion 1.5's size")
	parser.add_argument('--model-dir', type=Path)
	options = parser.parse_args()
	with tempfile.TemporaryDirectory() as temporary:
		where = options.model_dir or Path(temporary)
		channels = sd15.CHANNELS if options.sd15 else HALF
		a = sd15.make_apart(where / 'a', channels)
		b = where / 'b'
		if not b.is_dir():
			shutil.copytree(a, b)

		app = App(Path(temporary) / 'home', warm_gb=100)
		cold = [app.load(a), app.load(b)]
		warm = [app.load(folder) for _ in range(options.switches // 2) for folder in (a, b)]
		app.close()
		ratio = statistics.median(warm) / statistics.median(cold)
		print(
			f'cold {cold[0]:.2f} and {cold[1]:.2f} s, back to a warm one {statistics.median(warm):.4f} s'
			f' (longest {max(warm):.4f}), ratio {ratio:.4f} (bar {WARM_BAR})'
		)

		app = App(Path(temporary) / 'home', warm_gb=0)
		start = app.memory()
		for folder in (a, b, a):
			app.load(folder)
		before, seen = app.memory(), []
		for _ in range(options.switches // 2):
			for folder in (b, a):
				app.load(folder)
				seen.append(app.memory())
		after = seen[-1]
		app.studio.chores.unload()
		app.wait()
		empty = app.memory()
		app.close()
		change = after / before - 1
		print(
			f'memory: {start / 1e6:.0f} MB at the start, {before / 1e6:.0f} MB after A B A, '
			f'{after / 1e6:.0f} MB after {len(seen)} switches more (most {max(seen) / 1e6:.0f}), '
			f'{empty / 1e6:.0f} MB with all models let go'
		)
		print(f'change {change:+.3f} (bar {MEMORY_BAR})')
	return 0 if ratio <= WARM_BAR and abs(change) <= MEMORY_BAR else 1


if __name__ == '__main__':
	sys.exit(main())
