"""Changes one small thing of the core at a time, in a copy, and lists what no test minded.

python3 run.py mutants                          all of the core: hours
python3 run.py mutants store files/pictures     what is below these folders or files of localai/
python3 run.py mutants --sample 100 --seed 3    that many of the changes, the same for the same seed

A change counts as minded when a test fails, or when they take far longer than they did. Only tests
that ran the changed line are run. What child processes run (the engine's, say) is not seen: such
lines are listed as run by no test. For Linux and macOS.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from tools.mutants.changes import Mutant
from tools.mutants.coverage import Watcher
from tools.mutants.places import Place, Verdict, places_in
from tools.mutants.trials import forked, run_pytest, try_all

ROOT = Path(__file__).parents[2]
NOT_RUN: Verdict = 'not run'
CORE = ('store', 'services/jobs', 'files/pictures', 'engine', 'schemas/memory')
# Imported once for all; what a fork of us need not read again.
WARM = ('sqlalchemy.orm', 'alembic.command', 'pydantic', 'PIL.Image', 'numpy', 'orjson', 'httpx')
WARM_ENGINE = ('torch', 'transformers', 'diffusers')


def main(arguments: list[str] | None = None) -> int:
	options = parse(arguments)
	signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
	paths = chosen_paths(options.modules)
	print(f'{len(paths)} files; first, which tests run which lines.', flush=True)
	os.environ |= {'HF_HUB_OFFLINE': '1', 'OMP_NUM_THREADS': '1'}
	warm(any(path.startswith('localai/engine/') for path in paths))
	with tempfile.TemporaryDirectory(prefix='localai-mutants-') as folder:
		# 1. A copy for each worker, so that an end at any moment leaves nothing behind
		roots = [copy_tree(Path(folder) / str(n)) for n in range(options.workers)]

		# 2. Which tests run which lines
		runs = watch(roots[0], paths, options.tests, options.keep)
		print(
			f'{len(runs["seconds"])} tests; {len(runs["failed"])} fail unchanged and are not asked.'
		)

		# 3. What there is to change
		places = [place for path in paths for place in places_in(path, runs, roots[0])]
		if options.sample:
			places = random.Random(options.seed).sample(places, min(options.sample, len(places)))
		print(f'{len(places)} changes.', flush=True)

		# 4. Each, held against its tests
		counts: dict[str, Counter[Verdict]] = {path: Counter() for path in paths}
		asked = [place for place in places if place.tests]
		unasked = [(place, NOT_RUN) for place in places if not place.tests]
		try:
			for number, (place, verdict) in enumerate(chain(unasked, judge_all(roots, asked)), 1):
				counts[place.path][verdict] += 1
				if verdict != 'killed':
					print(
						f'{place.path}:{place.mutant.line}  {verdict}  {shown(place.mutant)}',
						flush=True,
					)
				if number % 100 == 0:
					print(f'{number} tried.', flush=True)
		finally:  # what is known so far, when it is ended
			sum_up(counts)
	return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
	parser = argparse.ArgumentParser('python3 run.py mutants', description=__doc__.split('\n')[0])
	parser.add_argument('modules', nargs='*', default=CORE, help='folders or files of localai/')
	parser.add_argument('--tests', nargs='*', default=['tests'], help='only these tests')
	parser.add_argument('--keep', type=Path, help='a file that keeps which tests run which lines')
	parser.add_argument('--sample', type=int, help='try only so many changes')
	parser.add_argument('--seed', type=int, default=0, help='which ones these are')
	parser.add_argument('--workers', type=int, default=2)
	return parser.parse_args(arguments)


def chosen_paths(modules: list[str]) -> list[str]:
	"""Python files from the root; migrations are history and are never changed."""
	found = []
	for module in modules:
		below = ROOT / 'localai' / module
		files = sorted(below.rglob('*.py')) if below.is_dir() else [below.with_suffix('.py')]
		if not files or not files[0].exists():
			sys.exit(f'There is no {module} in localai/.')
		found += [p.relative_to(ROOT).as_posix() for p in files if 'migrations' not in p.parts]
	return list(dict.fromkeys(found))


def warm(engine: bool) -> None:
	for name in WARM + (WARM_ENGINE if engine else ()):
		__import__(name)


def copy_tree(root: Path) -> Path:
	"""What git would commit."""
	command = ['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard']
	listed = subprocess.check_output(command, cwd=ROOT, encoding='utf-8')
	for name in filter(None, listed.split('\0')):
		if (ROOT / name).is_file():
			(root / name).parent.mkdir(parents=True, exist_ok=True)
			shutil.copy2(ROOT / name, root / name)
	return root


def watch(root: Path, paths: list[str], tests: list[str], keep: Path | None) -> dict:
	"""What `Watcher` writes, with paths from the root."""
	if keep and keep.exists():
		return json.loads(keep.read_text('utf-8'))
	target, output = root.with_suffix('.json'), root.with_suffix('.txt')
	watcher = Watcher(tests, [root / path for path in paths], target)
	code = forked(lambda: run_pytest(root, watcher), output)
	if not target.exists():
		sys.exit(f'The tests ended with {code}:\n{output.read_text("utf-8", "replace")[-2000:]}')
	runs = json.loads(target.read_text('utf-8'))
	runs['lines'] = {Path(p).relative_to(root).as_posix(): v for p, v in runs['lines'].items()}
	if keep:
		keep.write_text(json.dumps(runs), 'utf-8')
	return runs


def judge_all(roots: list[Path], places: list[Place]) -> Iterator[tuple[Place, Verdict]]:
	"""Each as soon as it is known."""
	context = multiprocessing.get_context('fork')
	heard, told = context.Pipe(duplex=False)  # so short a message is written all at once
	numbers = {id(place): number for number, place in enumerate(places)}

	def work(number: int, root: Path) -> None:
		mine = places[number :: len(roots)]
		try_all(root, mine, lambda place, verdict: told.send((numbers[id(place)], verdict)))

	workers = [context.Process(target=work, args=item) for item in enumerate(roots)]
	for worker in workers:
		worker.start()
	told.close()  # the last worker to end, however it does, ends what is heard
	try:
		with contextlib.suppress(EOFError):
			while True:
				number, verdict = heard.recv()
				yield places[number], verdict
	finally:
		for worker in workers:
			worker.terminate()
			worker.join()


def sum_up(counts: dict[str, Counter[Verdict]]) -> None:
	for path, count in counts.items():
		if count:
			said = ', '.join(f'{count[v]} {v}' for v in ('killed', 'survived', 'not run'))
			print(f'{path}: {count.total()} tried, {said}', flush=True)


def shown(mutant: Mutant) -> str:
	was, now = (' '.join(text.split()) for text in (mutant.was, mutant.now))
	return f'{was[:100]}  ->  {now[:100]}'


if __name__ == '__main__':
	sys.exit(main())
