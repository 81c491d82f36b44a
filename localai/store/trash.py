"""The trash, at rest: what was put away, and what it takes to bring it back."""

from datetime import datetime

from sqlalchemy import select, update

from localai.schemas.base import Schema
from localai.store.database import Database
from localai.store.models import ModelRecord
from localai.store.tables import ModelRow, TrashRow, now


class TrashRecord(Schema):
	"""`path` is where it lay, `held` the folder that has its `files` now: below LOCALAI_HOME/trash,
	or a full path on another disk."""

	id: str
	name: str
	path: str
	held: str
	bytes: int
	files: tuple[str, ...]
	model: ModelRecord | None = None
	deleted_at: datetime


KIND = 'model'
# Being deleted for good: not in the trash any more, its files may be there still.
GONE = 'gone model'


class Trash:
	def __init__(self, database: Database):
		self.database = database

	def all(self, kind: str = KIND) -> tuple[TrashRecord, ...]:
		"""The last deleted first."""
		query = (
			select(TrashRow)
			.where(TrashRow.kind == kind)
			.order_by(TrashRow.deleted_at.desc(), TrashRow.id.desc())
		)
		with self.database.reading() as session:
			return tuple(to_record(row) for row in session.scalars(query))

	def get(self, trash_id: str) -> TrashRecord | None:
		with self.database.reading() as session:
			row = session.get(TrashRow, trash_id)
			return to_record(row) if row and row.kind == KIND else None

	def let_go(self, when: datetime) -> None:
		"""What was deleted until then is not in the trash from now on, also after a kill."""
		old = TrashRow.kind == KIND, TrashRow.deleted_at <= when
		with self.database.writing() as session:
			session.execute(update(TrashRow).where(*old).values(kind=GONE))

	def gone(self) -> tuple[TrashRecord, ...]:
		return self.all(GONE)

	def keep(self, trash_id: str) -> None:
		"""Its files would not go."""
		with self.database.writing() as session:
			session.execute(update(TrashRow).where(TrashRow.id == trash_id).values(kind=KIND))

	def add(self, record: TrashRecord) -> None:
		fields = record.model_dump(mode='json', include={'files', 'model'})
		with self.database.writing() as session:
			session.add(
				TrashRow(
					kind=KIND,
					row=fields,
					deleted_at=record.deleted_at,
					**record.model_dump(include={'id', 'name', 'path', 'held', 'bytes'}),
				)
			)

	def remove(self, trash_id: str, back: ModelRecord | None = None) -> None:
		"""Forgets it; in the same transaction its model's row comes `back`."""
		with self.database.writing() as session:
			row = session.get(TrashRow, trash_id)
			if row:
				session.delete(row)
			if back:
				session.merge(ModelRow(**back.model_dump(mode='json')))


def to_record(row: TrashRow) -> TrashRecord:
	return TrashRecord(
		id=row.id,
		name=row.name,
		path=row.path,
		held=row.held,
		bytes=row.bytes,
		deleted_at=row.deleted_at or now(),
		**(row.row or {'files': ()}),
	)
