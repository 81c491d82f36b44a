"""How long it takes to know a library: 2,000 files of every kind and family, read for the first time,
and again when nothing changed.

    python -m benchmarks.scan [--count 2000] [--repeats 3]

The files have whole headers and sparse bodies. Each cold scan has a database of its own; the files
are in the system's cache, as they were just made. Exit 1 when the middle of the cold scans takes
5 s or more, that of the warm ones 0.5 s, or to tell what a header of 1,160 tensors is 5 ms of a
processor.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

COLD, WARM, TELL = 5.0, 0.5, 0.005


def main() -> int:
	from localai.files.weights.headers import read_header
	from localai.files.weights.identify import describe
	from localai.schemas.models import ModelQuery
	from tests.fabricate import library
	from tests.library import Shelf

	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument('--count', type=int, default=2000)
	parser.add_argument('--repeats', type=int, default=3)
	options = parser.parse_args()
	cold, warm, find, tell = [], [], [], []
	with tempfile.TemporaryDirectory() as temporary:
		made = library(Path(temporary) / 'made', options.count)
		for number in range(options.repeats):
			shelf = Shelf(Path(temporary) / str(number), home=Path(temporary) / 'made')
			began = time.perf_counter()
			shelf.models.scan()
			cold.append(time.perf_counter() - began)
			again = shelf.start()
			began = time.perf_counter()
			again.scan()
			warm.append(time.perf_counter() - began)
			began = time.perf_counter()
			again.find(ModelQuery(text='a', limit=100))
			find.append(time.perf_counter() - began)
			total = again.find(ModelQuery()).total
			shelf.close()
			again.close()
		header = read_header(
			next(m.path for m in made if m.family == 'flux1' and 'diffusers' in m.path.name)
		)
		for _ in range(7):
			began = time.process_time()
			describe(header, 'a.safetensors')
			tell.append(time.process_time() - began)
	print(f'{len(made)} files, {total} found')
	for name, seconds in (('cold', cold), ('warm', warm), ('search', find)):
		print(f'{name:6} ' + ' '.join(f'{s:.3f}' for s in seconds) + ' s')
	middle = statistics.median(cold), statistics.median(warm)
	print(f'cold {middle[0]:.2f} s (bar {COLD}), warm {middle[1]:.3f} s (bar {WARM})')
	print(
		f'{len(header.tensors)} tensors told in {min(tell) * 1000:.1f} ms (bar {TELL * 1000:.0f})'
	)
	return int(total < len(made) or middle[0] >= COLD or middle[1] >= WARM or min(tell) >= TELL)


if __name__ == '__main__':
	sys.exit(main())
