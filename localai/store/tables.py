"""Knows every table: jobs, pictures, models, preferences."""

from datetime import UTC, datetime

from sqlalchemy import JSON, ForeignKey, Index, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import DateTime, TypeDecorator

NAMES = {
	'ix': 'ix_%(table_name)s_%(column_0_name)s',
	'uq': 'uq_%(table_name)s_%(column_0_name)s',
	'pk': 'pk_%(table_name)s',
	'fk': 'fk_%(table_name)s_%(column_0_name)s',
}


class Moment(TypeDecorator):
	"""A point in time: UTC in the database, aware in Python."""

	impl = DateTime
	cache_ok = True

	def process_bind_param(self, value, dialect):
		return value and value.astimezone(UTC).replace(tzinfo=None)

	def process_result_value(self, value, dialect):
		return value and value.replace(tzinfo=UTC)


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
	"""A saved picture; `path` is relative to the pictures folder."""

	__tablename__ = 'pictures'
	id: Mapped[int] = mapped_column(primary_key=True)
	job_id: Mapped[str] = mapped_column(ForeignKey('jobs.id', ondelete='CASCADE'))
	number: Mapped[int]
	seed: Mapped[int]
	width: Mapped[int]
	height: Mapped[int]
	path: Mapped[str] = mapped_column(Text, unique=True)
	request: Mapped[dict] = mapped_column(JSON)
	receipt: Mapped[dict] = mapped_column(JSON)
	model_id: Mapped[str] = mapped_column(Text)
	device: Mapped[str] = mapped_column(Text)
	steps: Mapped[int]
	seconds: Mapped[float]
	created_at: Mapped[datetime] = mapped_column(Moment, default=now)

	__table_args__ = (
		Index('ix_pictures_job_number', 'job_id', 'number', unique=True),
		Index('ix_pictures_model_created', 'model_id', 'created_at'),
	)


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
