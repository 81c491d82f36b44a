"""How long a home of an early version waits at its first start: the copy, the migrations, the words.

    python -m benchmarks.migration [--rows 1000000] [--folder DIR]

Makes a database of the schema before the history with so many pictures, and opens it.
"""

import argparse
import json
import random
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alembic import command
from alembic.config import Config

from benchmarks.shelves import MODELS, NEGATIVE, words
from localai.store import words as index
from localai.store.database import MIGRATIONS, Database


def main() -> int:
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument('--rows', type=int, default=1_000_000)
	parser.add_argument('--folder', type=Path, help='where the database is made')
	options = parser.parse_args()
	with tempfile.TemporaryDirectory(dir=options.folder) as folder:
		measure(Path(folder) / 'localai.db', options.rows)
	return 0


def measure(path: Path, rows: int) -> None:
	make(path, rows)
	print(f'{rows:,} pictures, {path.stat().st_size / 1e6:,.0f} MB')
	stages: dict[str, float] = {}
	last = began = time.perf_counter()

	def tell(what: str, done: int, total: int) -> None:
		nonlocal last
		now = time.perf_counter()
		stages[what] = stages.get(what, 0) + now - last
		last = now

	database = Database(path, tell=tell)
	tell('Indexes', 1, 1)
	index.prepare(database)
	database.close()
	for what, seconds in stages.items():
		print(f'{what:34} {seconds:7.1f} s')
	memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
	print(f'{"in all":34} {time.perf_counter() - began:7.1f} s, {memory:,.0f} MB of memory at most')
	for file in sorted(path.parent.iterdir()):
		print(f'{file.name:34} {file.stat().st_size / 1e6:7,.0f} MB')


def make(path: Path, rows: int) -> None:
	config = Config()
	config.set_main_option('script_location', str(MIGRATIONS))
	config.attributes['url'] = f'sqlite:///{path}'
	command.upgrade(config, '0002')
	with sqlite3.connect(path) as connection:
		connection.executemany(
			'insert into pictures values (?, ?, 0, ?, 512, 512, ?, ?, ?, ?, ?, 20, 3.5, ?)',
			pictures(rows),
		)
	connection.close()


def pictures(rows: int) -> Iterator[tuple]:
	chance = random.Random(1)
	start = datetime.now(UTC) - timedelta(days=900)
	for number in range(rows):
		when = start + timedelta(days=900) * (number / rows)
		model, family = chance.choice(MODELS)
		prompt = ' '.join(words(chance))
		request = {'prompt': prompt, 'negative_prompt': NEGATIVE, 'seed': number, 'steps': 20}
		receipt = {'app': '0.2.0', 'model_name': model, 'family': family, 'seconds': 3.5}
		job = f'{number:015x}'
		yield (
			*(number + 1, job, number, f'{when:%Y-%m-%d}/{job}-001-{number}.png'),
			*(json.dumps(request), json.dumps(receipt), model, 'CPU'),
			f'{when:%Y-%m-%d %H:%M:%S.%f}',
		)


if __name__ == '__main__':
	sys.exit(main())
