"""What is known of weights files and model folders, at rest."""

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.sqlite import insert

from localai.schemas.base import Schema
from localai.schemas.models import Facts, ModelDefaults
from localai.store.database import Database
from localai.store.tables import ModelRow

BATCH = 500
# What a scan learns; what the person wrote is not among it.
LEARNT = ('size', 'modified', 'sha256', 'autov3', 'facts')


class ModelRecord(Schema):
	"""A model's row. Without `facts` it is not in the library now, but what was written about it
	and its hashes wait for it to come back."""

	path: str
	size: int
	modified: float
	sha256: str = ''
	autov3: str = ''
	facts: Facts | None = None
	notes: str = ''
	defaults: ModelDefaults | None = None
	thumbnail: int | None = None

	@property
	def known(self) -> Facts:
		"""What it is; asked only of a record that is in the library or was just learnt."""
		assert self.facts is not None, self.path
		return self.facts

	@property
	def worth_keeping(self) -> bool:
		return bool(self.notes or self.defaults or self.sha256 or self.thumbnail is not None)


class Models:
	def __init__(self, database: Database):
		self.database = database

	def all(self) -> dict[str, ModelRecord]:
		"""By path."""
		columns = ModelRow.__table__.c
		with self.database.reading() as session:
			rows = session.execute(select(*columns)).mappings()
			return {row['path']: to_record(dict(row)) for row in rows}

	def get(self, path: str) -> ModelRecord | None:
		with self.database.reading() as session:
			rows = session.execute(select(*ModelRow.__table__.c).where(ModelRow.path == path))
			row = rows.mappings().first()
			return to_record(dict(row)) if row else None

	def learn(self, records: Iterable[ModelRecord]) -> None:
		"""Stores what was found out. Of a row that is there, what the person wrote stays."""
		values = [record.model_dump(mode='json') for record in records]
		for start in range(0, len(values), BATCH):
			with self.database.writing() as session:
				statement = insert(ModelRow)
				session.execute(
					statement.on_conflict_do_update(
						index_elements=['path'],
						set_={name: statement.excluded[name] for name in LEARNT},
					),
					values[start : start + BATCH],
				)

	def put(self, record: ModelRecord) -> None:
		"""Stores a whole row."""
		with self.database.writing() as session:
			session.merge(ModelRow(**record.model_dump(mode='json')))

	def hashed(self, record: ModelRecord) -> None:
		"""Only while the row is still of the bytes that were read."""
		with self.database.writing() as session:
			session.execute(
				update(ModelRow)
				.where(
					ModelRow.path == record.path,
					ModelRow.size == record.size,
					ModelRow.modified == record.modified,
				)
				.values(sha256=record.sha256, autov3=record.autov3)
			)

	def remove(self, paths: Iterable[str]) -> None:
		paths = list(paths)
		with self.database.writing() as session:
			for start in range(0, len(paths), BATCH):
				session.execute(
					delete(ModelRow).where(ModelRow.path.in_(paths[start : start + BATCH]))
				)


def to_record(row: dict[str, Any]) -> ModelRecord:
	"""What a later version found out and cannot be read here is found out anew."""
	try:
		return ModelRecord.model_validate(row)
	except ValidationError:
		return ModelRecord.model_validate({**row, 'facts': None})
