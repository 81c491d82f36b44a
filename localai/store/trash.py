"""The trash, at rest: what was put away, and what it takes to bring it back."""

from datetime import datetime

from sqlalchemy import select

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


class Trash:
	def __init__(self, database: Database, kind: str = 'model'):
		self.database = database
		self.kind = kind

	def all(self) -> tuple[TrashRecord, ...]:
		"""The last deleted first."""
		query = (
			select(TrashRow)
			.where(TrashRow.kind == self.kind)
			.order_by(TrashRow.deleted_at.desc(), TrashRow.id.desc())
		)
		with self.database.reading() as session:
			return tuple(to_record(row) for row in session.scalars(query))

	def get(self, trash_id: str) -> TrashRecord | None:
		with self.database.reading() as session:
			row = session.get(TrashRow, trash_id)
			return to_record(row) if row and row.kind == self.kind else None

	def add(self, record: TrashRecord) -> None:
		fields = record.model_dump(mode='json', include={'files', 'model'})
		with self.database.writing() as session:
			session.add(
				TrashRow(
					kind=self.kind,
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
