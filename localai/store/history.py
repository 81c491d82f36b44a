"""Pictures at rest: record, find, page; the files themselves are not its business."""

from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from localai.schemas.generation import GenerationRequest, Picture, Receipt
from localai.store.database import Database
from localai.store.tables import PictureRow, now


class History:
	"""`folder` is where relative paths start."""

	def __init__(self, database: Database, folder: Path):
		self.database = database
		self.folder = folder

	def record(
		self,
		job_id: str,
		index: int,
		seed: int,
		width: int,
		height: int,
		path: Path,
		model_id: str,
		request: GenerationRequest,
		receipt: Receipt,
		created_at: datetime | None = None,
	) -> Picture:
		"""One transaction; a picture that is already recorded stays as it is."""
		with self.database.transaction() as session:
			found = session.scalar(
				select(PictureRow).where(PictureRow.job_id == job_id, PictureRow.number == index)
			)
			if found is None:
				found = PictureRow(
					job_id=job_id,
					number=index,
					seed=seed,
					width=width,
					height=height,
					path=path.relative_to(self.folder).as_posix(),
					model_id=model_id,
					request=request.model_dump(mode='json'),
					receipt=receipt.model_dump(mode='json'),
					device=receipt.device,
					steps=receipt.steps_done,
					seconds=receipt.seconds,
					created_at=created_at or now(),
				)
				session.add(found)
				session.flush()
			return to_picture(found, self.folder)

	def get(self, picture_id: int) -> Picture | None:
		with self.database.transaction() as session:
			row = session.get(PictureRow, picture_id)
			return row and to_picture(row, self.folder)

	def recent(self, limit: int, before: int | None = None) -> tuple[Picture, ...]:
		"""Newest first; `before` is the id where the last page ended."""
		query = select(PictureRow).order_by(PictureRow.id.desc()).limit(limit)
		if before is not None:
			query = query.where(PictureRow.id < before)
		with self.database.transaction() as session:
			return tuple(to_picture(r, self.folder) for r in session.scalars(query))

	def speed(self, model_id: str) -> float | None:
		"""Seconds that one step of one megapixel took lately with this model, the middle of the
		last seven."""
		query = (
			select(PictureRow.seconds, PictureRow.steps, PictureRow.width, PictureRow.height)
			.where(PictureRow.model_id == model_id, PictureRow.steps > 0)
			.order_by(PictureRow.created_at.desc())
			.limit(7)
		)
		with self.database.transaction() as session:
			rates = sorted(s / n / (w * h / 1e6) for s, n, w, h in session.execute(query))
		return rates[len(rates) // 2] if rates else None


def to_picture(row: PictureRow, folder: Path) -> Picture:
	return Picture(
		id=row.id,
		job_id=row.job_id,
		index=row.number,
		seed=row.seed,
		width=row.width,
		height=row.height,
		path=str(folder / row.path),
		url=f'/media/{row.id}',
		created_at=row.created_at,
		request=GenerationRequest.model_validate(row.request),
		receipt=Receipt.model_validate(row.receipt),
	)
