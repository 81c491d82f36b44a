"""Pictures in the trash, at rest: taken out whole, put back exactly as they were."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, inspect, select, update
from sqlalchemy.orm import Session

from localai.schemas.base import Schema
from localai.schemas.history import Discarded, Marks
from localai.store import words
from localai.store.database import Database
from localai.store.history import BATCH, free_ordinals, read_marks
from localai.store.tables import AlbumRow, PictureRow, TagRow, TrashRow, now

KIND = 'picture'
# Being deleted for good: not in the trash any more, its file may be there still.
GONE = 'gone picture'
COLUMNS = tuple(column.key for column in inspect(PictureRow).columns)


class DiscardRecord(Schema):
	"""`path` is below the pictures folder, `held` below the trash; `row` is all that the database
	knew. `to` is where it was brought to when something else lay at `path`: if that was cut off, it
	may be there."""

	id: str
	path: str
	held: str
	bytes: int
	row: dict[str, Any]
	marks: Marks
	deleted_at: datetime
	to: str = ''


class Discards:
	def __init__(self, database: Database):
		self.database = database

	def take_out(
		self,
		named: Sequence[tuple[int, str]],
		when: datetime | None = None,
		place: Callable[[str, str], str] = lambda path, trash_id: trash_id,
	) -> list[DiscardRecord]:
		"""The pictures with these ids, each under its name in the trash, deleted now or `when`;
		`place` says where a path will be held. Those that are not there are left out. Each batch is
		one transaction."""
		when = when or now()
		records: list[DiscardRecord] = []
		for start in range(0, len(named), BATCH):
			names = dict(named[start : start + BATCH])
			with self.database.writing() as session:
				records += take_out(session, names, when, place)
		return records

	def put_back(self, records: Sequence[tuple[DiscardRecord, str]]) -> list[int]:
		"""Rows, marks and words, each at its path, in one transaction; forgets them in the trash.
		Where another picture has that path meanwhile, one stays in the trash. Returns the ids of
		those that are back."""
		with self.database.writing() as session:
			paths = PictureRow.path.in_([path for _, path in records])
			taken = set(session.scalars(select(PictureRow.path).where(paths)))
			records = [(record, path) for record, path in records if path not in taken]
			gone = TrashRow.id.in_([record.id for record, _ in records])
			session.execute(delete(TrashRow).where(gone))
			places = free_ordinals(session, [int(r.row['ordinal']) for r, _ in records])
			ids: list[int] = []
			for (record, path), ordinal in zip(records, places, strict=True):
				values = {name: record.row[name] for name in COLUMNS if name in record.row}
				values['created_at'] = datetime.fromisoformat(str(values['created_at']))
				if drawn_otherwise(session, values):
					values |= {'job_id': None, 'number': 0}
				session.add(PictureRow(**values | {'path': path, 'ordinal': ordinal}))
				ids.append(values['id'])
			session.flush()
			for (record, _), i in zip(records, ids, strict=True):
				session.add_all(TagRow(name=n, picture_id=i) for n in record.marks.tags)
				session.add_all(AlbumRow(name=n, picture_id=i) for n in record.marks.albums)
			session.flush()
			words.index(session.connection(), ids)
			return ids

	def many(self, trash_ids: Sequence[str]) -> list[DiscardRecord]:
		"""In the order asked; those that are not there are left out."""
		found: dict[str, DiscardRecord] = {}
		for start in range(0, len(trash_ids), BATCH):
			wanted = TrashRow.id.in_(trash_ids[start : start + BATCH])
			with self.database.reading() as session:
				rows = session.scalars(select(TrashRow).where(TrashRow.kind == KIND, wanted))
				found |= {row.id: from_trash(row) for row in rows}
		return [found[i] for i in trash_ids if i in found]

	def get(self, trash_id: str) -> DiscardRecord | None:
		return next(iter(self.many([trash_id])), None)

	def head_for(self, trash_id: str, path: str) -> None:
		"""That it is about to be brought to another path than the one where it lay."""
		with self.database.writing() as session:
			if row := session.get(TrashRow, trash_id):
				row.row = (row.row or {}) | {'to': path}

	def let_go(self, when: datetime) -> None:
		"""What was deleted until then is not in the trash from now on, also after a kill."""
		old = TrashRow.kind == KIND, TrashRow.deleted_at <= when
		with self.database.writing() as session:
			session.execute(update(TrashRow).where(*old).values(kind=GONE))

	def keep(self, trash_ids: Sequence[str]) -> None:
		"""Their files would not go."""
		for start in range(0, len(trash_ids), BATCH):
			named = TrashRow.id.in_(trash_ids[start : start + BATCH])
			with self.database.writing() as session:
				session.execute(update(TrashRow).where(named).values(kind=KIND))

	def forget(self, trash_ids: Sequence[str]) -> None:
		for start in range(0, len(trash_ids), BATCH):
			gone = TrashRow.id.in_(trash_ids[start : start + BATCH])
			with self.database.writing() as session:
				session.execute(delete(TrashRow).where(TrashRow.kind == GONE, gone))

	def gone(self) -> list[tuple[str, str, int, str]]:
		"""Id, place, ordinal and digest of what was let go of."""
		ordinal = TrashRow.row['row']['ordinal'].as_integer()
		digest = TrashRow.row['row']['digest'].as_string()
		query = select(TrashRow.id, TrashRow.held, ordinal, digest).where(TrashRow.kind == GONE)
		with self.database.reading() as session:
			return [(i, held, n, mark) for i, held, n, mark in session.execute(query)]

	def places(self) -> list[tuple[str, str, str]]:
		"""Id, where it is held, and where it lay, of all that lies there."""
		query = select(TrashRow.id, TrashRow.held, TrashRow.path).where(
			TrashRow.kind.in_((KIND, GONE))
		)
		with self.database.reading() as session:
			return [(i, held, path) for i, held, path in session.execute(query)]

	def unreplaced(self) -> list[tuple[str, str, str]]:
		"""Where it is held, where it lay, and where it was going to lie, of all whose path no
		picture of the history has."""
		to = func.coalesce(TrashRow.row['to'].as_string(), TrashRow.path)
		there = select(PictureRow.id).where(PictureRow.path == to).exists()
		query = select(TrashRow.held, TrashRow.path, to).where(TrashRow.kind == KIND, ~there)
		with self.database.reading() as session:
			return [(held, path, to) for held, path, to in session.execute(query)]

	def numbers_of(self, job_id: str) -> list[int]:
		"""Which pictures of a job are in the trash, or were on their way there."""
		job, number = TrashRow.row['row']['job_id'], TrashRow.row['row']['number']
		query = select(number.as_integer()).where(
			TrashRow.kind.in_((KIND, GONE)), job.as_string() == job_id
		)
		with self.database.reading() as session:
			return list(session.scalars(query))

	def at(self, paths: Sequence[str]) -> list[tuple[str, str]]:
		"""Where it is held and where it lay, of what lay at these paths."""
		query = select(TrashRow.held, TrashRow.path).where(
			TrashRow.kind == KIND, TrashRow.path.in_(paths)
		)
		with self.database.reading() as session:
			return [(held, path) for held, path in session.execute(query)]

	def total(self) -> tuple[int, int]:
		"""How many, and their bytes."""
		query = select(func.count(), func.coalesce(func.sum(TrashRow.bytes), 0)).where(
			TrashRow.kind == KIND
		)
		with self.database.reading() as session:
			count, total = session.execute(query).one()
			return count, total

	def list(self, limit: int, offset: int = 0) -> tuple[Discarded, ...]:
		"""The last deleted first."""
		query = (
			select(TrashRow)
			.where(TrashRow.kind == KIND)
			.order_by(TrashRow.deleted_at.desc(), TrashRow.id.desc())
			.limit(limit)
			.offset(offset)
		)
		with self.database.reading() as session:
			return tuple(
				Discarded(
					id=row.id,
					picture=from_trash(row).row['id'],
					prompt=row.name,
					bytes=row.bytes,
					deleted_at=row.deleted_at,
				)
				for row in session.scalars(query)
			)


def take_out(
	session: Session, names: dict[int, str], when: datetime, place: Callable[[str, str], str]
) -> list[DiscardRecord]:
	"""By picture id under its name in the trash, within a transaction."""
	rows = list(session.scalars(select(PictureRow).where(PictureRow.id.in_(names))))
	marks = read_marks(session, list(names))
	records = []
	for row in rows:
		held = place(row.path, names[row.id])
		records.append(to_record(row, names[row.id], held, marks[row.id], when))
	session.add_all(to_trash(record) for record in records)
	words.forget(session.connection(), [row.ordinal for row in rows])
	session.flush()
	session.execute(delete(PictureRow).where(PictureRow.id.in_(row.id for row in rows)))
	return records


def drawn_otherwise(session: Session, values: dict[str, Any]) -> bool:
	"""Whether another row is that picture of its job: it was drawn again, or a copy was taken in."""
	query = select(PictureRow.id).where(
		PictureRow.job_id == values['job_id'], PictureRow.number == values['number']
	)
	return session.scalar(query) is not None


def to_record(
	row: PictureRow, trash_id: str, held: str, marks: Marks, when: datetime
) -> DiscardRecord:
	values = {name: getattr(row, name) for name in COLUMNS}
	values['created_at'] = row.created_at.isoformat()
	return DiscardRecord(
		id=trash_id,
		path=row.path,
		held=held,
		bytes=row.bytes,
		row=values,
		marks=marks,
		deleted_at=when,
	)


def to_trash(record: DiscardRecord) -> TrashRow:
	prompt = str((record.row['request'] or {}).get('prompt') or '')
	return TrashRow(
		kind=KIND,
		name=prompt[:300],
		row={'row': record.row, 'marks': record.marks.model_dump(mode='json')},
		**record.model_dump(include={'id', 'path', 'held', 'bytes', 'deleted_at'}),
	)


def from_trash(row: TrashRow) -> DiscardRecord:
	assert row.row, 'a picture in the trash has all that was known of it'
	return DiscardRecord(
		id=row.id,
		path=row.path,
		held=row.held,
		bytes=row.bytes,
		row=row.row['row'],
		marks=Marks.model_validate(row.row['marks']),
		deleted_at=row.deleted_at,
		to=row.row.get('to', ''),
	)
