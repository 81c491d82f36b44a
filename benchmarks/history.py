"""How fast the history answers at the service: a page of 60 anywhere, a word search with its first 60,
and what counting them takes, with 100,000 pictures and with ten times as many.

    python -m benchmarks.history [--rows 100000] [--more 1000000] [--repeats 300]
    python -m benchmarks.history --home HOME      measures a home that is there already

Homes are made by benchmarks.shelves, rows only; 100,000 take half a minute and 2 KB each. The bars are
10 ms for a page and 25 ms for a search, at the 95th percentile, and twice that with `--more`; 0 leaves
the larger one out. A page lies at a random place; a search is for one or two words of the prompts, some
of them in a tenth of all pictures, some in a handful, some only begun.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

PAGE, SEARCH = 0.010, 0.025


def main() -> int:
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument('--rows', type=int, default=100_000)
	parser.add_argument('--more', type=int, default=1_000_000)
	parser.add_argument('--repeats', type=int, default=300)
	parser.add_argument('--home', type=Path)
	options = parser.parse_args()
	if options.home:
		return int(not measure(options.home, options.repeats))
	well = True
	for rows in (options.rows, options.more):
		if rows:
			with tempfile.TemporaryDirectory() as folder:
				make(Path(folder), rows)
				well = measure(Path(folder), options.repeats) and well
	return int(not well)


def make(home: Path, rows: int) -> None:
	from benchmarks import shelves
	from localai.settings import read_settings

	shelves.make(read_settings({}, home=home).prepare(), rows, files=False)


def measure(home: Path, repeats: int) -> bool:
	"""Whether the bars are held."""
	from benchmarks.shelves import COMMON, RARE
	from localai.schemas.history import HistoryQuery
	from localai.services.history.service import HistoryService
	from localai.services.history.thumbnails import Thumbnails
	from localai.settings import read_settings
	from localai.store.database import Database
	from localai.store.history import History
	from localai.store.pages import Pages

	settings = read_settings({}, home=home).prepare()
	database = Database(settings.database)
	store = History(database, settings.pictures)
	service = HistoryService(store, Pages(database), Thumbnails(settings.thumbnails), None)
	chance = random.Random(7)
	total = service.outline({}).total
	share = 1 if total <= 100_000 else 2
	days = service.outline({}).days
	print(f'{total:,} pictures on {len(days)} days')

	def anywhere() -> HistoryQuery:
		return HistoryQuery(offset=chance.randrange(max(1, total - 60)))

	def in_day() -> HistoryQuery:
		day = chance.choice(days)
		return HistoryQuery(day=day.day, offset=chance.randrange(day.count))

	def words() -> HistoryQuery:
		return HistoryQuery(text=chance.choice(COMMON + RARE))

	def two() -> HistoryQuery:
		return HistoryQuery(text=f'{chance.choice(COMMON)} {chance.choice(COMMON + RARE)}')

	def begun() -> HistoryQuery:
		word = chance.choice(COMMON + RARE)
		return HistoryQuery(text=word[: chance.randint(2, max(2, len(word) - 1))])

	def without() -> HistoryQuery:
		return HistoryQuery(text=f'{chance.choice(COMMON)} -{chance.choice(COMMON)}')

	def filtered() -> HistoryQuery:
		return HistoryQuery(text=f'{chance.choice(COMMON)} model:dreamer favourite:yes rating:>=3')

	def dated() -> HistoryQuery:
		day = chance.choice(days).day
		return HistoryQuery(text=f'{chance.choice(COMMON)} before:{day}')

	def rated() -> HistoryQuery:
		return HistoryQuery(sort='rating', offset=chance.randrange(min(total, 2000)))

	kinds: tuple[tuple[str, Callable, Callable, float | None], ...] = (
		('a page anywhere', service.find, anywhere, PAGE),
		('a page from a day on', service.find, in_day, PAGE),
		('one word', service.find, words, SEARCH),
		('two words', service.find, two, SEARCH),
		('a word begun', service.find, begun, SEARCH),
		('a word, not another', service.find, without, SEARCH),
		('a word and filters', service.find, filtered, SEARCH),
		('a word before a day', service.find, dated, SEARCH),
		('best rated', service.find, rated, None),
		('count one word by day', service.outline, words, None),
		('count all by day', service.outline, HistoryQuery, None),
	)
	well = True
	for name, ask, query, bar in kinds:
		for _ in range(10):
			ask(query())
		taken = []
		for _ in range(repeats):
			asked = query()
			began = time.perf_counter()
			ask(asked)
			taken.append(time.perf_counter() - began)
		middle = statistics.median(taken) * 1000
		late = statistics.quantiles(taken, n=20)[-1] * 1000
		held = bar is None or late <= bar * 1000 * share
		well = well and held
		said = (
			'' if bar is None else f'   bar {bar * 1000 * share:.0f}{"" if held else "   MISSED"}'
		)
		print(f'{name:24} p50 {middle:7.2f} ms   p95 {late:7.2f} ms{said}')
	process = psutil.Process()
	before = process.memory_info().rss
	for offset in range(0, min(total, 10_000), 60):
		service.find(HistoryQuery(offset=offset))
	grown = process.memory_info().rss - before
	print(f'10,000 pictures in pages of 60: {grown / 1e6:+.1f} MB')
	database.close()
	return well


if __name__ == '__main__':
	sys.exit(main())
