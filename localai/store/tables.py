"""Knows every table: jobs, pictures with their tags and albums, models, preferences; but for the words
of pictures, which `words.py` keeps."""

from datetime import UTC, datetime

from sqlalchemy import JSON, BigInteger, Dialect, ForeignKey, Index, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import DateTime, TypeDecorator

NAMES = {
	'ix': 'ix_%(table_name)s_%(column_0_name)s',
	'uq': 'uq_%(table_name)s_%(column_0_name)s',
	'pk': 'pk_%(table_name)s',
	'fk': 'fk_%(table_name)s_%(column_0_name)s',
}


class Unsigned(TypeDecorator[int]):
	"""A whole number below 2**64; SQLite holds signed ones, so the upper half is negative there."""

	impl = BigInteger
	cache_ok = True

	def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
		return value if value is None or value < 2**63 else value - 2**64

	def process_result_value(self, value: int | None, dialect: Dialect) -> int | None:
		return unsigned(value)


def unsigned(stored: int | None) -> int | None:
	"""Such a number as it lies in the database."""
	return stored if stored is None or stored >= 0 else stored + 2**64


class Moment(TypeDecorator[datetime]):
	"""A point in time: UTC in the database, aware in Python."""

	impl = DateTime
	cache_ok = True

	def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
		return value and value.astimezone(UTC).replace(tzinfo=None)

	def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
		return value and value.replace(tzinfo=UTC)


# Microseconds set aside for each day in `PictureRow.ordinal`; the longest has 9 * 10**10.
DAY = 10**11


def now() -> datetime:
	return datetime.now(UTC)


class Base(DeclarativeBase):
	metadata = MetaData(naming_convention=NAMES)


class JobRow(Base):
	"""A job, before it is work. `rank` orders the queue; `seeds` holds one seed per picture."""

	__tablename__ = 'jobs'
	id: Mapped[str] = mapped_column(String(32), primary_key=True)
	state: Mapped[str] = mapped_column(String(16))
	rank: Mapped[float] = mapped_column(default=0.0)
	request: Mapped[dict] = mapped_column(JSON)
	seeds: Mapped[list] = mapped_column(JSON)
	skipped: Mapped[list] = mapped_column(JSON, default=list)
	notes: Mapped[list] = mapped_column(JSON, default=list)
	attempts: Mapped[int] = mapped_column(default=0)
	error: Mapped[dict | None] = mapped_column(JSON)
	created_at: Mapped[datetime] = mapped_column(Moment, default=now)
	started_at: Mapped[datetime | None] = mapped_column(Moment)
	finished_at: Mapped[datetime | None] = mapped_column(Moment)

	__table_args__ = (
		Index('ix_jobs_state_rank', 'state', 'rank'),
		Index('ix_jobs_finished_at', 'finished_at'),
	)


class PictureRow(Base):
	"""A saved picture; `path` is relative to the pictures folder.

	`ordinal` is its place in time and its day in one number: days since 1970 on the clock of this
	machine, times DAY, plus the microseconds since that midnight; no two are the same. `bytes`,
	`modified` and `digest` are those of the file as it was saved. Triggers keep `days` and `counts`.
	"""

	__tablename__ = 'pictures'
	id: Mapped[int] = mapped_column(primary_key=True)
	ordinal: Mapped[int] = mapped_column(BigInteger, unique=True)
	job_id: Mapped[str | None] = mapped_column(String(32))
	number: Mapped[int]
	kind: Mapped[str] = mapped_column(String(16), default='generated')
	seed: Mapped[int | None] = mapped_column(Unsigned)
	width: Mapped[int]
	height: Mapped[int]
	path: Mapped[str] = mapped_column(Text, unique=True)
	request: Mapped[dict] = mapped_column(JSON)
	receipt: Mapped[dict] = mapped_column(JSON)
	model_id: Mapped[str] = mapped_column(Text)
	model_name: Mapped[str] = mapped_column(Text)
	family: Mapped[str] = mapped_column(String(32))
	sampler: Mapped[str] = mapped_column(Text)
	device: Mapped[str] = mapped_column(Text)
	steps: Mapped[int]
	seconds: Mapped[float]
	bytes: Mapped[int] = mapped_column(BigInteger)
	modified: Mapped[float]
	digest: Mapped[str] = mapped_column(String(32))
	favourite: Mapped[bool] = mapped_column(default=False)
	rating: Mapped[int] = mapped_column(default=0)
	notes: Mapped[str] = mapped_column(Text, default='')
	created_at: Mapped[datetime] = mapped_column(Moment, default=now)

	__table_args__ = (
		Index('ix_pictures_job_number', 'job_id', 'number', unique=True),
		Index('ix_pictures_model_created', 'model_id', 'created_at'),
		Index('ix_pictures_rating', 'rating', 'ordinal'),
		Index('ix_pictures_kind', 'kind', 'ordinal'),
		Index('ix_pictures_digest', 'digest'),
		# No id is given twice: what a browser keeps for an id stays true.
		{'sqlite_autoincrement': True},
	)


# How pictures are ordered by size.
Index('ix_pictures_area', PictureRow.width * PictureRow.height, PictureRow.ordinal)


class TagRow(Base):
	"""A tag of a picture."""

	__tablename__ = 'tags'
	name: Mapped[str] = mapped_column(Text, primary_key=True)
	picture_id: Mapped[int] = mapped_column(
		ForeignKey('pictures.id', ondelete='CASCADE'), primary_key=True
	)

	__table_args__ = (Index('ix_tags_picture_id', 'picture_id'),)


class AlbumRow(Base):
	"""That a picture is in an album. An album is there as long as a picture is in it."""

	__tablename__ = 'albums'
	name: Mapped[str] = mapped_column(Text, primary_key=True)
	picture_id: Mapped[int] = mapped_column(
		ForeignKey('pictures.id', ondelete='CASCADE'), primary_key=True
	)

	__table_args__ = (Index('ix_albums_picture_id', 'picture_id'),)


class DayRow(Base):
	"""How many pictures there are of a day, counted by triggers."""

	__tablename__ = 'days'
	day: Mapped[int] = mapped_column(primary_key=True)
	count: Mapped[int]


class CountRow(Base):
	"""How many pictures have the same model, family, sampler or size, counted by triggers."""

	__tablename__ = 'counts'
	field: Mapped[str] = mapped_column(String(16), primary_key=True)
	name: Mapped[str] = mapped_column(Text, primary_key=True)
	count: Mapped[int]


class ModelRow(Base):
	"""A weights file or model folder, by its full path. `facts` (of `schemas.models.Facts`) and the
	hashes are valid while size and time agree; what the person wrote stays."""

	__tablename__ = 'models'
	path: Mapped[str] = mapped_column(Text, primary_key=True)
	size: Mapped[int]
	modified: Mapped[float]
	sha256: Mapped[str] = mapped_column(String(64), default='')
	autov3: Mapped[str] = mapped_column(String(12), default='')
	facts: Mapped[dict | None] = mapped_column(JSON)
	notes: Mapped[str] = mapped_column(Text, default='')
	defaults: Mapped[dict | None] = mapped_column(JSON)
	thumbnail: Mapped[int | None]

	__table_args__ = (Index('ix_models_sha256', 'sha256'),)


class TrashRow(Base):
	"""Something in the trash, and all that is needed to bring it back. `held` is its file or folder
	below LOCALAI_HOME/trash; `row` what the database knew of it."""

	__tablename__ = 'trash'
	id: Mapped[str] = mapped_column(String(32), primary_key=True)
	kind: Mapped[str] = mapped_column(String(16))
	name: Mapped[str] = mapped_column(Text)
	path: Mapped[str] = mapped_column(Text)
	held: Mapped[str] = mapped_column(Text)
	bytes: Mapped[int]
	row: Mapped[dict | None] = mapped_column(JSON)
	deleted_at: Mapped[datetime] = mapped_column(Moment, default=now)


class DownloadRow(Base):
	"""A download, before it is work. `rank` orders the queue; `plan` is what was to be fetched when
	it was started (files, sizes, hashes, commit)."""

	__tablename__ = 'downloads'
	id: Mapped[str] = mapped_column(String(32), primary_key=True)
	state: Mapped[str] = mapped_column(String(16))
	rank: Mapped[float] = mapped_column(default=0.0)
	request: Mapped[dict] = mapped_column(JSON)
	plan: Mapped[dict | None] = mapped_column(JSON)
	model: Mapped[str] = mapped_column(Text, default='')
	error: Mapped[dict | None] = mapped_column(JSON)
	created_at: Mapped[datetime] = mapped_column(Moment, default=now)
	finished_at: Mapped[datetime | None] = mapped_column(Moment)

	__table_args__ = (Index('ix_downloads_state_rank', 'state', 'rank'),)


class PreferenceRow(Base):
	"""What the user chose while the app ran, by name."""

	__tablename__ = 'preferences'
	key: Mapped[str] = mapped_column(String(64), primary_key=True)
	value: Mapped[dict] = mapped_column(JSON)
