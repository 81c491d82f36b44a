"""The history in pages, at rest: what a search finds, a part of it at a time, without looking at all
the others."""

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, column, func, not_, select, table, text

from localai.schemas.history import Count, DayCount, HistoryEntry, SortName, Vocabulary
from localai.schemas.search import KEY_TABLE, Search
from localai.store import words
from localai.store.database import Database
from localai.store.history import PICTURE, day_number, day_of, urls
from localai.store.tables import DAY, AlbumRow, CountRow, DayRow, TagRow

PROMPT = 300  # characters that a tile is told
NAMES = 200  # of each kind in the vocabulary
P = PICTURE.c
AREA = P.width * P.height
WORDS = table(words.TABLE, column('rowid'), column(words.TABLE))
W = WORDS.c
NUMBERS: dict[str, ColumnElement] = {
	key.name: P[key.column]
	if key.column in P
	else func.json_extract(P.request, f'$.{key.column.removeprefix("request.")}')
	for key in KEY_TABLE
	if key.kind == 'number'
}
ENTRY = (
	P.id,
	P.ordinal,
	P.digest,
	P.created_at,
	P.width,
	P.height,
	P.kind,
	P.favourite,
	P.rating,
	func.substr(func.json_extract(P.request, '$.prompt'), 1, PROMPT).label('prompt'),
)


class Pages:
	def __init__(self, database: Database):
		self.database = database

	def find(
		self, search: Search, sort: SortName, day: str | None, offset: int, limit: int
	) -> tuple[HistoryEntry, ...]:
		"""`offset` counts from the first picture of `day` on; without it, or in an order that is not
		of time, from the very first."""
		ordinals = self.ordinals(search, sort, day, offset, limit)
		query = select(*ENTRY).where(P.ordinal.in_(ordinals))
		with self.database.reading() as session:
			rows = {row.ordinal: row for row in session.execute(query)}
		return tuple(to_entry(rows[o]) for o in ordinals if o in rows)

	def ordinals(
		self, search: Search, sort: SortName, day: str | None, offset: int, limit: int
	) -> list[int]:
		down, timed = sort != 'oldest', sort in ('newest', 'oldest')
		if day is None and timed and search.everything:
			day, offset = self.leap(offset, down)
		query, ordinal = found(search, whole_rows=not timed)
		if timed:
			if day is not None:
				first = day_number(day) * DAY
				query = query.where(ordinal < first + DAY if down else ordinal >= first)
			query = query.order_by(ordinal.desc() if down else ordinal)
		else:
			query = query.order_by(
				(P.rating if sort == 'rating' else AREA).desc(), P.ordinal.desc()
			)
		with self.database.reading() as session:
			return list(session.scalars(query.limit(limit).offset(offset)))

	def leap(self, offset: int, down: bool) -> tuple[str | None, int]:
		"""The day in which the picture at `offset` of all lies, and its place there."""
		order = DayRow.day.desc() if down else DayRow.day
		running = func.sum(DayRow.count).over(order_by=order).label('running')
		days = select(DayRow.day, DayRow.count, running).subquery()
		query = select(days).where(days.c.running > offset).order_by(days.c.running).limit(1)
		with self.database.reading() as session:
			row = session.execute(query).first()
		if row is None:
			return None, 2**53
		return day_of(row.day * DAY), offset - (row.running - row.count)

	def outline(self, search: Search, sort: SortName) -> tuple[int, tuple[DayCount, ...]]:
		"""How many there are, and on which days."""
		if search.everything:
			days = self.days(sort != 'oldest')
			return sum(one.count for one in days), days if sort in ('newest', 'oldest') else ()
		query, ordinal = found(search)
		day = ordinal.op('/')(DAY).label('day')
		counted = query.with_only_columns(day, func.count().label('count')).group_by(day)
		with self.database.reading() as session:
			rows = session.execute(counted.order_by(day if sort == 'oldest' else day.desc()))
			days = tuple(DayCount(day=day_of(d * DAY), count=n) for d, n in rows)
		return sum(one.count for one in days), days if sort in ('newest', 'oldest') else ()

	def select(self, search: Search, sort: SortName, limit: int) -> tuple[int, ...]:
		"""The ids of all that is found."""
		ordinals = self.ordinals(search, sort, None, 0, limit)
		found: dict[int, int] = {}
		for start in range(0, len(ordinals), 10_000):
			wanted = ','.join(str(o) for o in ordinals[start : start + 10_000])
			query = text(f'select ordinal, id from pictures where ordinal in ({wanted})')
			with self.database.reading() as session:
				found |= {row.ordinal: row.id for row in session.execute(query)}
		return tuple(found[o] for o in ordinals if o in found)

	def days(self, down: bool) -> tuple[DayCount, ...]:
		query = select(DayRow.day, DayRow.count).order_by(DayRow.day.desc() if down else DayRow.day)
		with self.database.reading() as session:
			rows = session.execute(query)
			return tuple(DayCount(day=day_of(d * DAY), count=n) for d, n in rows)

	def vocabulary(self) -> Vocabulary:
		"""What there is to choose from, the most used first."""

		def common(row_type: type[TagRow] | type[AlbumRow]) -> Select:
			number = func.count()
			return select(row_type.name, number).group_by(row_type.name).order_by(number.desc())

		def counted(field: str) -> Select:
			return (
				select(CountRow.name, CountRow.count)
				.where(CountRow.field == field, CountRow.name != '')
				.order_by(CountRow.count.desc())
			)

		queries = {
			'models': counted('model'),
			'families': counted('family'),
			'samplers': counted('sampler'),
			'sizes': counted('size'),
			'tags': common(TagRow),
			'albums': common(AlbumRow),
		}
		with self.database.reading() as session:
			return Vocabulary(
				**{
					name: tuple(
						Count(name=n, count=c) for n, c in session.execute(query.limit(NAMES))
					)
					for name, query in queries.items()
				}
			)


def found(search: Search, whole_rows: bool = False) -> tuple[Select, ColumnElement[int]]:
	"""The ordinals of what is found, and the column that holds them; with `whole_rows` one may order
	by anything of the rows."""
	question = words.match(search)
	ordinal = W.rowid if question else P.ordinal
	query = select(ordinal)
	if question:
		query = query.where(W[words.TABLE].op('match')(question))
		if search.numbers or whole_rows:
			query = query.join_from(WORDS, PICTURE, P.ordinal == W.rowid)
	for number in search.numbers:
		query = query.where(within(NUMBERS[number.field], number.low, number.high, number.negative))
	for period in search.periods:
		first = None if period.first is None else period.first * DAY
		last = None if period.last is None else period.last * DAY + DAY - 1
		query = query.where(within(ordinal, first, last, period.negative))
	return query, ordinal


def within(
	value: ColumnElement, low: float | None, high: float | None, negative: bool
) -> ColumnElement[bool]:
	bounds = []
	if low is not None:
		bounds.append(value >= low)
	if high is not None:
		bounds.append(value <= high)
	return not_(and_(*bounds)) if negative else and_(*bounds)


def to_entry(row: Any) -> HistoryEntry:
	return HistoryEntry(
		id=row.id,
		day=day_of(row.ordinal),
		created_at=row.created_at,
		width=row.width,
		height=row.height,
		prompt=row.prompt or '',
		kind=row.kind,
		favourite=row.favourite,
		rating=row.rating,
		**urls(row.id, row.ordinal, row.digest),
	)
