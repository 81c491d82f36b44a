"""Works with a real LocalAI for hours, kills it and its engine at random moments, and holds it after each
start to all that it said before.

python3 run.py soak --hours 1             everything at once; its last part without kills, for the memory
python3 run.py soak --kills 50            only kills, under a load of jobs, imports, deletes and downloads
python3 run.py soak --kills 5 --seed 7    the same plan for the same seed, as far as time allows

It has a home, a port and a hub of its own and asks nothing of any network. It says once a minute how far it
is; Ctrl+C ends it with the report so far. The exit code is 1 when something is wrong, and then all that it
worked with is kept. For Linux and macOS.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

from tools.soak.report import report, tell_each_minute
from tools.soak.run import Run
from tools.soak.world import World


def main(arguments: list[str] | None = None) -> int:
	options = parse(arguments)
	root = options.home or Path(tempfile.mkdtemp(prefix='localai-soak-'))
	print(f'Seed {options.seed}; all of it lies in {root}.', flush=True)
	over = threading.Event()
	with World(root.absolute()) as world:
		threading.Thread(target=tell_each_minute, args=(world, over), daemon=True).start()
		run = Run(world, options.seed, options.requests)
		try:
			with stoppable(world), aside(root / 'complaints.txt'):
				run.begin()
				if options.kills:
					run.kill_under_load(options.kills)
				else:
					run.soak(options.hours * 3600)
				run.finish()
		except KeyboardInterrupt:
			print('\nStopped. So far:')
		except Exception:
			world.fault('the run comes to its end', traceback.format_exc())
		finally:
			over.set()
			world.ending.set()
			run.rest_hands()
	report(world, options.seed, run.lines)
	if world.wrong:
		print(f'\nSeed {options.seed}; all that it worked with is kept in {root}.')
		return 1
	if not options.home:
		shutil.rmtree(root, ignore_errors=True)
	return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
	parser = argparse.ArgumentParser(
		'python3 run.py soak',
		description=__doc__,
		formatter_class=argparse.RawDescriptionHelpFormatter,
	)
	parser.add_argument('--hours', type=float, default=1.0, help='how long (1)')
	parser.add_argument('--kills', type=int, default=0, help='only so many kills, under load')
	parser.add_argument('--seed', type=int, help='of the plan; without it a new one')
	parser.add_argument('--home', type=Path, help='an empty folder for all of it, which is kept')
	parser.add_argument('--requests', type=int, default=8, help='different pictures to draw (8)')
	options = parser.parse_args(arguments)
	if options.seed is None:
		options.seed = random.SystemRandom().randrange(10**6)
	if options.home and options.home.exists() and any(options.home.iterdir()):
		parser.error(f'{options.home} is not empty')
	return options


@contextmanager
def aside(path: Path) -> Iterator[None]:
	"""What Gradio's client prints when its app is gone."""
	with path.open('w', encoding='utf-8') as file, redirect_stderr(file):
		yield


@contextmanager
def stoppable(world: World) -> Iterator[None]:
	"""Ctrl+C reaches the app too: from then on it owes no answer."""

	def stop(*_: object) -> None:
		world.ending.set()
		raise KeyboardInterrupt

	before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
	try:
		yield
	finally:
		for number, handler in before.items():
			signal.signal(number, handler)


if __name__ == '__main__':
	sys.exit(main())
