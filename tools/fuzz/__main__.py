"""Asks everything that can be asked of LocalAI, with junk, and counts what broke.

python3 run.py fuzz                              10,000 requests, as owner and as stranger, and 500 commands
python3 run.py fuzz --requests 300 --seed 7      that many; the same for the same seed

Its routes, the endpoints for programs and the functions of the page get values of the wrong kind, endless,
deep, cut off, in the wrong way, over a real line; the engine only pretends to draw. What counts as broken is
an error of the server (5xx), a traceback, an empty reason, no answer. The exit code is 1 when there is any.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tools.fuzz import commands
from tools.fuzz.house import opened
from tools.fuzz.junk import Junk

SHOWN = 30  # faults that are told in full
SAID = 1000  # requests between two lines on how far it is
AGAIN = 50  # requests after which what still draws is stopped


def main(arguments: list[str] | None = None) -> int:
	options = parse(arguments)
	lot = random.Random(options.seed)
	faults: list[str] = []
	statuses: Counter[int] = Counter()
	began = time.monotonic()
	with tempfile.TemporaryDirectory(prefix='localai-fuzz-') as folder:
		with opened(Path(folder)) as house:
			from tools.fuzz.asking import Asking
			from tools.fuzz.trial import Trial

			asking, trial = Asking(house, Junk(lot)), Trial(house.port)
			for number in range(options.requests):
				if number % AGAIN == 0:
					house.studio.jobs.stop_all()
				asked = asking.one()
				verdict = trial.run(asked)
				statuses[verdict.status // 100] += 1
				what = f'request {number}: {asked.what}: {asked.method} {asked.path[:200]}'
				what += f' {asked.headers} {(asked.body or b"")[:300]!r}'
				if verdict.fault:
					faults.append(f'{what}\n\t{verdict.fault}')
				faults += [f'before or at {what}\n{text}' for text in house.faults.found]
				house.faults.found.clear()
				if (number + 1) % SAID == 0:
					print(f'{number + 1} requests, {len(faults)} faults', flush=True)
			trial.close()
		faults += house.faults.found
		for _ in range(options.commands):
			typed, problem = commands.run(Junk(lot), Path(folder) / 'commands')
			if problem:
				faults.append(f'command {typed!r:.500}\n{problem}')
	tell(options, statuses, faults, time.monotonic() - began)
	return 1 if faults else 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
	parser = argparse.ArgumentParser(
		prog='run.py fuzz',
		description=__doc__,
		formatter_class=argparse.RawDescriptionHelpFormatter,
	)
	parser.add_argument('--requests', type=int, default=10_000, help='how many')
	parser.add_argument(
		'--commands', type=int, default=500, help='how many commands of the terminal'
	)
	parser.add_argument('--seed', type=int, default=1, help='the same junk for the same number')
	return parser.parse_args(arguments)


def tell(
	options: argparse.Namespace, statuses: Counter[int], faults: list[str], seconds: float
) -> None:
	for fault in faults[:SHOWN]:
		print(fault.encode('unicode_escape').decode().replace('\\n', '\n').replace('\\t', '\t'))
	answers = ', '.join(
		f'{n} of {f"{hundred}xx" if hundred else "no status"}'
		for hundred, n in sorted(statuses.items())
	)
	print(
		f'seed {options.seed}: {options.requests} requests ({answers}), {options.commands} commands'
	)
	print(f'{len(faults)} faults in {seconds:.0f} seconds')


if __name__ == '__main__':
	sys.exit(main())
