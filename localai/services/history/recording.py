"""Knows how a picture file becomes a row of the history: from our own record inside it, or from what
another program wrote."""

from datetime import UTC, datetime
from pathlib import Path

from localai.files.pictures import metadata, writing
from localai.files.pictures.readings import read_settings
from localai.schemas.exchange import Reading
from localai.schemas.generation import PictureKind, Receipt, Recipe
from localai.schemas.history import Marks
from localai.store.history import EARLIEST, NewPicture

NONE = Marks()


def of_record(
	record: metadata.Record,
	path: Path,
	folder: Path,
	digest: str,
	size: tuple[int, int],
	kind: PictureKind = 'generated',
	marks: Marks = NONE,
) -> NewPicture:
	"""One that LocalAI drew; `size` is width and height. One that came from another home belongs to
	no job of ours."""
	stat, own = path.stat(), kind == 'generated'
	return NewPicture(
		job_id=record.job_id if own else '',
		index=record.index if own else 0,
		kind=kind,
		seed=record.seed,
		width=size[0],
		height=size[1],
		path=path.relative_to(folder).as_posix(),
		model_id=record.model_id,
		recipe=Recipe.model_validate(record.request.model_dump()),
		receipt=receipt_of_record(record),
		created_at=datetime.fromisoformat(record.created_at),
		bytes=stat.st_size,
		modified=stat.st_mtime,
		digest=digest,
		marks=marks,
	)


def of_reading(
	reading: Reading, path: Path, folder: Path, digest: str, when: datetime, marks: Marks = NONE
) -> NewPicture:
	"""One that another program drew."""
	stat = path.stat()
	return NewPicture(
		kind='imported',
		seed=reading.recipe.seed,
		width=reading.width,
		height=reading.height,
		path=path.relative_to(folder).as_posix(),
		model_id='',
		recipe=reading.recipe,
		receipt=receipt_of(reading),
		created_at=when,
		bytes=stat.st_size,
		modified=stat.st_mtime,
		digest=digest,
		marks=marks,
	)


def of_file(path: Path, folder: Path, marks: Marks = NONE) -> NewPicture:
	"""Whatever lies in the pictures folder. Raises InvalidInput for what is no picture, OSError."""
	data = path.read_bytes()
	reading, record = read_settings(data), metadata.read_record(data)
	digest = writing.digest(data)
	if record is None:
		when = taken(path, reading)
		return of_reading(reading, path, folder, digest, when, marks)
	own = path.name == writing.picture_name(record.job_id, record.index, record.seed)
	kind: PictureKind = 'generated' if own else 'imported'
	return of_record(record, path, folder, digest, (reading.width, reading.height), kind, marks)


def taken(path: Path, reading: Reading) -> datetime:
	"""When it was made, as far as is known: the time of the file is set to it at an import."""
	when = reading.created_at or datetime.fromtimestamp(path.stat().st_mtime, UTC)
	return min(max(when, EARLIEST), datetime.now(UTC))


def receipt_of_record(record: metadata.Record) -> Receipt:
	"""With what a later version wrote beside it, which has no other place here."""
	beyond = metadata.beyond(record)
	if not beyond:
		return record.receipt
	return Receipt.model_validate(record.receipt.model_dump() | {'record': beyond})


def receipt_of(reading: Reading) -> Receipt:
	"""As far as the picture says how it came to be."""
	return Receipt(
		app=reading.app,
		model_name=reading.recipe.model,
		model_hash=reading.model_hash,
		steps_done=reading.recipe.steps or 0,
	)
