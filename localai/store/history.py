"""Pictures at rest: record, read, take out; the files themselves are not its business."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Row, func, insert, select
from sqlalchemy.orm import Session

from localai.schemas.generation import Picture, Pictured, PictureKind, Recipe
from localai.schemas.history import Marks
from localai.schemas.terms import SEED_LIMIT
from localai.store import words
from localai.store.database import Database
from localai.store.tables import DAY, AlbumRow, PictureRow, TagRow, TrashRow

EPOCH = date(1970, 1, 1)
EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
BATCH = 500
LATELY = 50
PICTURE = PictureRow.__table__


class NewPicture(Pictured):
	"""A picture as it is recorded. What is called like a column goes into it, here, in the receipt or
	among the marks. `bytes`, `modified` and `digest` are of its file."""

	model_id: str
	recipe: Recipe
	bytes: int
	modified: float
	digest: str
	marks: Marks = Marks()


class Lately(NamedTuple):
	"""What one picture was, as far as it says how long such a picture takes."""

	family: str
	width: int
	height: int
	steps: int
	guidance_scale: float
	sampler: str
	seconds: float


class History:
	"""`folder` is where relative paths start."""

	def __init__(self, database: Database, folder: Path):
		self.database = database
		self.folder = folder
		words.prepare(database)

	def record(self, picture: NewPicture) -> tuple[Picture, bool]:
		"""One transaction; the picture, and whether it is new. One that is recorded already, as that
		of its job or at its path, stays as it is: a check may have been faster."""
		with self.database.writing() as session:
			found = recorded(session, picture)
			if found is not None:
				return to_picture(found, self.folder), False
			added = session.get_one(PictureRow, add(session, [picture])[0])
			return to_picture(added, self.folder), True

	def add(self, pictures: Sequence[NewPicture]) -> tuple[int, ...]:
		"""Records many, each batch in one transaction. Their paths must be new. Returns their ids."""
		ids: list[int] = []
		for start in range(0, len(pictures), BATCH):
			with self.database.writing() as session:
				ids += add(session, pictures[start : start + BATCH])
		return tuple(ids)

	def get(self, picture_id: int) -> Picture | None:
		with self.database.reading() as session:
			row = session.get(PictureRow, picture_id)
			return to_picture(row, self.folder) if row else None

	def many(self, ids: Sequence[int]) -> tuple[Picture, ...]:
		"""In the order asked; those that are not there are left out."""
		found: dict[int, Picture] = {}
		for start in range(0, len(ids), BATCH):
			wanted = select(PictureRow).where(PictureRow.id.in_(ids[start : start + BATCH]))
			with self.database.reading() as session:
				found |= {r.id: to_picture(r, self.folder) for r in session.scalars(wanted)}
		return tuple(found[i] for i in ids if i in found)

	def marks(self, ids: Sequence[int]) -> dict[int, Marks]:
		"""By id."""
		found: dict[int, Marks] = {}
		for start in range(0, len(ids), BATCH):
			with self.database.reading() as session:
				found |= read_marks(session, ids[start : start + BATCH])
		return found

	def place(self, picture_id: int) -> tuple[int, str, str] | None:
		"""Ordinal, relative path and digest of a picture, without all the rest."""
		columns = PICTURE.c.ordinal, PICTURE.c.path, PICTURE.c.digest
		with self.database.reading() as session:
			row = session.execute(select(*columns).where(PICTURE.c.id == picture_id)).first()
			return row and tuple(row)

	def discarded(self, path: str) -> bool:
		"""Whether a picture of this relative path is in the trash, or on its way there."""
		query = select(TrashRow.id).where(TrashRow.kind == 'picture', TrashRow.path == path)
		with self.database.reading() as session:
			return session.scalar(query) is not None

	def file(self, picture_id: int) -> tuple[int, float, str] | None:
		"""Bytes, time of change and digest of a picture's file as it was saved."""
		columns = PICTURE.c.bytes, PICTURE.c.modified, PICTURE.c.digest
		with self.database.reading() as session:
			row = session.execute(select(*columns).where(PICTURE.c.id == picture_id)).first()
			return row and tuple(row)

	def with_digests(self, digests: Iterable[str]) -> dict[str, int]:
		"""The ids of pictures whose files have these digests."""
		digests = list(digests)
		found: dict[str, int] = {}
		for start in range(0, len(digests), BATCH):
			query = select(PICTURE.c.digest, PICTURE.c.id).where(
				PICTURE.c.digest.in_(digests[start : start + BATCH])
			)
			with self.database.reading() as session:
				found |= {row.digest: row.id for row in session.execute(query)}
		return found

	def recent(
		self, limit: int, before: int | None = None, kind: PictureKind | None = None
	) -> tuple[Picture, ...]:
		"""Newest first; `before` is the id where the last page ended; only of one kind, if it is
		named."""
		query = select(PictureRow).order_by(PictureRow.ordinal.desc()).limit(limit)
		if kind:
			query = query.where(PictureRow.kind == kind)
		with self.database.reading() as session:
			if before is not None:
				last = session.scalar(select(PictureRow.ordinal).where(PictureRow.id == before))
				if last is None:  # deleted since: where it was is known as long as the trash has it
					was = TrashRow.row['row']
					last = session.scalar(
						select(was['ordinal'].as_integer()).where(
							TrashRow.kind == 'picture', was['id'].as_integer() == before
						)
					)
				query = query.where(PictureRow.ordinal < (last or 0))
			return tuple(to_picture(r, self.folder) for r in session.scalars(query))

	def previous(self, picture_id: int) -> Picture | None:
		"""The one that was generated before it."""
		with self.database.reading() as session:
			own = select(PictureRow.ordinal).where(PictureRow.id == picture_id).scalar_subquery()
			query = (
				select(PictureRow)
				.where(PictureRow.ordinal < own, PictureRow.kind == 'generated')
				.order_by(PictureRow.ordinal.desc())
				.limit(1)
			)
			row = session.scalar(query)
			return to_picture(row, self.folder) if row else None

	def lately(self, device: str) -> tuple[Lately, ...]:
		"""What the last pictures that this device drew took."""
		columns = (
			PictureRow.family,
			PictureRow.width,
			PictureRow.height,
			PictureRow.steps,
			func.coalesce(PictureRow.request['guidance_scale'].as_float(), 1.0),
			PictureRow.sampler,
			PictureRow.seconds,
		)
		query = (
			select(*columns)
			.where(
				PictureRow.kind == 'generated',
				PictureRow.device == device,
				PictureRow.steps > 0,
				PictureRow.seconds > 0,
			)
			.order_by(PictureRow.ordinal.desc())
			.limit(LATELY)
		)
		with self.database.reading() as session:
			return tuple(Lately(*row) for row in session.execute(query))

	def speed(self, model_id: str) -> float | None:
		"""Seconds that one step of one megapixel took lately with this model, the middle of the
		last seven."""
		query = (
			select(PictureRow.seconds, PictureRow.steps, PictureRow.width, PictureRow.height)
			.where(
				PictureRow.model_id == model_id,
				PictureRow.steps > 0,
				PictureRow.kind == 'generated',
			)
			.order_by(PictureRow.created_at.desc())
			.limit(7)
		)
		with self.database.reading() as session:
			rates = sorted(s / n / (w * h / 1e6) for s, n, w, h in session.execute(query))
		return rates[len(rates) // 2] if rates else None


def recorded(session: Session, picture: NewPicture) -> PictureRow | None:
	own = PictureRow.path == picture.path
	if picture.job_id:
		own |= (PictureRow.job_id == picture.job_id) & (PictureRow.number == picture.index)
	return session.scalar(select(PictureRow).where(own))


def add(session: Session, pictures: Sequence[NewPicture]) -> list[int]:
	"""Rows, marks and words, within a transaction."""
	taken = free_ordinals(session, [ordinal_of(p.created_at) for p in pictures])
	values = [to_row(p, o) for p, o in zip(pictures, taken, strict=True)]
	made = session.execute(
		insert(PictureRow).returning(PictureRow.id, sort_by_parameter_order=True), values
	)
	ids = list(made.scalars())
	for row_type, field in ((TagRow, 'tags'), (AlbumRow, 'albums')):
		named = [
			{'picture_id': i, 'name': name}
			for i, p in zip(ids, pictures, strict=True)
			for name in dict.fromkeys(getattr(p.marks, field))
		]
		if named:
			session.execute(insert(row_type), named)
	words.index(session.connection(), ids)
	return ids


def to_row(picture: NewPicture, ordinal: int) -> dict[str, object]:
	recipe, receipt, seed = picture.recipe, picture.receipt, picture.seed
	same: dict[str, object] = {}
	for noun in (picture, receipt, picture.marks):
		same |= {n: getattr(noun, n) for n in type(noun).model_fields if n in PICTURE.c}
	return same | {
		'ordinal': ordinal,
		'job_id': picture.job_id or None,
		'number': picture.index,
		'seed': seed if seed is not None and 0 <= seed < SEED_LIMIT else None,
		'request': recipe.model_dump(mode='json', exclude_defaults=True),
		'receipt': receipt.model_dump(mode='json'),
		'sampler': recipe.sampler or '',
		'steps': receipt.steps_done,
	}


def free_ordinals(session: Session, wanted: Sequence[int]) -> list[int]:
	"""Each as it is wanted, or the next that nothing has."""
	given: list[int] = []
	taken: set[int] = set()

	def used(ordinal: int) -> bool:
		query = select(PictureRow.id).where(PictureRow.ordinal == ordinal)
		return ordinal in taken or session.scalar(query) is not None

	for ordinal in wanted:
		if used(ordinal):
			# Thousands may be of the same moment: the end of their row is found by leaps.
			step = 1
			while used(ordinal + step):
				ordinal, step = ordinal + step, step * 2
			low, ordinal = ordinal, ordinal + step
			while ordinal - low > 1:
				middle = (low + ordinal) // 2
				low, ordinal = (middle, ordinal) if used(middle) else (low, middle)
		taken.add(ordinal)
		given.append(ordinal)
	return given


def ordinal_of(when: datetime) -> int:
	"""The day on the clock of this machine, and the microseconds since its midnight. Also on a day
	of 25 hours what was drawn later comes later."""
	latest = datetime.now(UTC) + timedelta(days=366)
	when = min(max(when.astimezone(UTC), EARLIEST), latest)
	day = when.astimezone().date()
	since = when - datetime.combine(day, time.min).astimezone()
	return (day - EPOCH).days * DAY + since // timedelta(microseconds=1)


def day_of(ordinal: int) -> str:
	return (EPOCH + timedelta(days=ordinal // DAY)).isoformat()


def day_number(day: str) -> int:
	"""Days since 1970. Raises ValueError for what is no day."""
	return (date.fromisoformat(day) - EPOCH).days


def urls(picture_id: int, ordinal: int, digest: str) -> dict[str, str]:
	"""The stamp keeps what a browser remembers apart when a database was made anew, or a file."""
	stamp = f'{ordinal:x}{digest[:8]}'
	return {
		'url': f'/media/{picture_id}?v={stamp}',
		'thumbnail': f'/media/{picture_id}/thumbnail?v={stamp}',
	}


def read_marks(session: Session, ids: Sequence[int]) -> dict[int, Marks]:
	tags, albums = names_of(session, TagRow, ids), names_of(session, AlbumRow, ids)
	columns = PictureRow.id, PictureRow.favourite, PictureRow.rating, PictureRow.notes
	rows: Iterable[Row] = session.execute(select(*columns).where(PictureRow.id.in_(ids)))
	return {
		row.id: Marks(
			favourite=row.favourite,
			rating=row.rating,
			notes=row.notes,
			tags=tuple(tags.get(row.id, ())),
			albums=tuple(albums.get(row.id, ())),
		)
		for row in rows
	}


def names_of(
	session: Session, row_type: type[TagRow | AlbumRow], ids: Sequence[int]
) -> dict[int, list[str]]:
	"""By picture, in the order of the alphabet."""
	found: dict[int, list[str]] = {}
	query = select(row_type.picture_id, row_type.name).where(row_type.picture_id.in_(ids))
	for picture_id, name in session.execute(query.order_by(row_type.name)):
		found.setdefault(picture_id, []).append(name)
	return found


def to_picture(row: PictureRow, folder: Path) -> Picture:
	same = {name: getattr(row, name) for name in Picture.model_fields if name in PICTURE.c}
	return Picture.model_validate(
		same
		| urls(row.id, row.ordinal, row.digest)
		| {'job_id': row.job_id or '', 'index': row.number, 'path': str(folder / row.path)}
	)
