"""What the database says of picture files, at rest: to be held against the disk, and mended."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from localai.schemas.history import Marks
from localai.store import words
from localai.store.database import Database
from localai.store.discards import take_out
from localai.store.history import BATCH, PICTURE, NewPicture, add, read_marks, to_row
from localai.store.tables import PictureRow, PreferenceRow, TrashRow

# What of a row is told by the file, whatever it carries.
OF_FILE = ('width', 'height', 'bytes', 'modified', 'digest')
WHOLE = 'history whole'  # among the preferences


class FileRecord(NamedTuple):
	"""A file as it was saved. `digest` is '' where that was not recorded."""

	id: int
	path: str
	bytes: int
	modified: float
	digest: str


class Records:
	def __init__(self, database: Database):
		self.database = database

	def all(self) -> list[FileRecord]:
		c = PICTURE.c
		query = select(c.id, c.path, c.bytes, c.modified, c.digest)
		with self.database.reading() as session:
			return [FileRecord(*row) for row in session.execute(query)]

	def paths_in(self, folder: str) -> set[str]:
		"""Those of the pictures that lie in one folder, and below it."""
		path = PICTURE.c.path
		query = select(path).where(path > f'{folder}/', path < f'{folder}0')  # 0 follows /
		with self.database.reading() as session:
			return set(session.scalars(query))

	def count(self) -> int:
		with self.database.reading() as session:
			return session.scalar(select(func.count()).select_from(PictureRow)) or 0

	def learn(self, rows: Sequence[FileRecord]) -> int:
		"""What the files are now."""
		with self.database.writing() as session:
			for row in rows:
				session.execute(
					update(PictureRow)
					.where(PictureRow.id == row.id)
					.values(bytes=row.bytes, modified=row.modified, digest=row.digest)
				)
		return len(rows)

	def move(self, picture_id: int, path: str, modified: float) -> Marks:
		"""Returns its marks."""
		with self.database.writing() as session:
			session.execute(
				update(PictureRow)
				.where(PictureRow.id == picture_id)
				.values(path=path, modified=modified)
			)
			return read_marks(session, [picture_id]).get(picture_id, Marks())

	def refresh(self, picture_id: int, fresh: NewPicture) -> None:
		"""What the file says now; its place in time, its job and its marks stay. Where it
		carries no settings any more, as after an editor that drops them, those that are known stay."""
		kept = ('favourite', 'rating', 'notes', 'job_id', 'number', 'kind', 'path', 'created_at')
		with self.database.writing() as session:
			row = session.get(PictureRow, picture_id)
			if row is None:  # deleted meanwhile
				return
			values = to_row(fresh, row.ordinal)
			silent = not fresh.recipe.prompt and not fresh.receipt.app
			changes = {
				n: v for n, v in values.items() if (n in OF_FILE if silent else n not in kept)
			}
			session.execute(update(PictureRow).where(PictureRow.id == picture_id).values(**changes))
			words.index(session.connection(), [picture_id])

	def add(self, pictures: Sequence[NewPicture]) -> int:
		"""Returns how many are new: of each path there is one. A second picture of the same place in
		a job is taken as one of no job."""
		added = 0
		for at in range(0, len(pictures), BATCH):
			added += self.add_batch(pictures[at : at + BATCH])
		return added

	def add_batch(self, pictures: Sequence[NewPicture]) -> int:
		with self.database.writing() as session:
			paths = PictureRow.path.in_([one.path for one in pictures])
			there = set(session.scalars(select(PictureRow.path).where(paths)))
			seen: set[tuple[str, int]] = set()
			batch = []
			for one in (alone(session, p) for p in pictures if p.path not in there):
				if one.job_id and (one.job_id, one.index) in seen:
					one = one.model_copy(update={'job_id': '', 'index': 0})
				seen.add((one.job_id, one.index))
				batch.append(one)
			if batch:
				add(session, batch)
			return len(batch)

	def add_to_trash(self, trash_id: str, held: str, picture: NewPicture, when: datetime) -> None:
		"""As if it had been recorded and deleted then. Another may have its path by now."""
		with self.database.writing() as session:
			apart = alone(session, picture).model_copy(
				update={'path': f'{picture.path}/{trash_id}'}
			)
			(added,) = add(session, [apart])
			take_out(session, {added: trash_id}, when, lambda path, name: held)
			session.flush()
			lay = update(TrashRow).where(TrashRow.id == trash_id).values(path=picture.path)
			session.execute(lay)

	def whole(self) -> bool:
		"""Whether all the pictures that there were have once been taken in."""
		with self.database.reading() as session:
			return session.get(PreferenceRow, WHOLE) is not None

	def declare_whole(self) -> None:
		with self.database.writing() as session:
			session.merge(PreferenceRow(key=WHOLE, value={}))

	def remove(self, ids: Sequence[int]) -> int:
		"""Rows whose files are gone for good."""
		for start in range(0, len(ids), BATCH):
			batch = ids[start : start + BATCH]
			with self.database.writing() as session:
				gone = session.scalars(select(PictureRow.ordinal).where(PictureRow.id.in_(batch)))
				words.forget(session.connection(), list(gone))
				session.execute(delete(PictureRow).where(PictureRow.id.in_(batch)))
		return len(ids)


def alone(session: Session, picture: NewPicture) -> NewPicture:
	"""Without its job where another row is that picture of it."""
	if not picture.job_id:
		return picture
	query = select(PictureRow.id).where(
		PictureRow.job_id == picture.job_id, PictureRow.number == picture.index
	)
	if session.scalar(query) is None:
		return picture
	return picture.model_copy(update={'job_id': '', 'index': 0})
