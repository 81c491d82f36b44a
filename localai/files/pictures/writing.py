"""Knows how a picture reaches the disk so that it is there whole or not at all, and how small ones
are made."""

import contextlib
import errno
import io
import os
import threading
from datetime import datetime
from hashlib import blake2b
from pathlib import Path

from PIL import Image

from localai.errors import DiskFull, StorageProblem, of_disk
from localai.files.pictures.opening import shrunk

ENDINGS = ('.png', '.jpg', '.jpeg', '.webp')
PART = '.part'  # the end of the name of a file that is not whole yet; it begins with a dot


def write_whole(path: Path, data: bytes, changed: datetime | None = None) -> None:
	"""Writes to a temporary name, flushes it to the disk, renames; its time of change is `changed`.
	Only the last folder is made: without those above it, their disk is away. Raises DiskFull or
	StorageProblem."""
	temporary = path.with_name(f'.{path.name}{PART}')
	try:
		make_folder(path.parent)
		with open(temporary, 'wb') as file:
			file.write(data)
			file.flush()
			os.fsync(file.fileno())
		if changed:
			os.utime(temporary, (changed.timestamp(), changed.timestamp()))
		os.replace(temporary, path)
		flush_folder(path.parent)
	except OSError as error:
		with contextlib.suppress(OSError):
			temporary.unlink(missing_ok=True)
		if error.errno in (errno.ENOSPC, errno.EDQUOT):
			raise DiskFull(
				f'The disk holding {path.parent} is full, so the picture could not be saved there.'
			) from error
		raise StorageProblem(
			f'The picture could not be saved in {path.parent}: {error.strerror or error}.',
			'Check the folder, then generate again.',
		) from error


def make_folder(folder: Path) -> None:
	with contextlib.suppress(FileExistsError):
		folder.mkdir()
		flush_folder(folder.parent)


def files_in(folder: Path) -> list[Path]:
	"""What may be pictures in one folder, in the order of their names."""
	try:
		names = sorted(os.listdir(folder))
	except OSError:
		return []
	return [folder / n for n in names if n.lower().endswith(ENDINGS) and not n.startswith('.')]


def is_part(name: str) -> bool:
	return name.startswith('.') and name.endswith(PART)


def flush_folder(folder: Path) -> None:
	"""Makes a rename durable; Windows has no such call and needs none."""
	if os.name != 'posix':
		return
	handle = os.open(folder, os.O_RDONLY)
	try:
		os.fsync(handle)
	finally:
		os.close(handle)


def picture_path(folder: Path, job_id: str, index: int, seed: int, when: datetime) -> Path:
	"""`pictures/2026-11-23/JOB-001-seed.png`: the job's id makes it findable after a crash."""
	return folder / when.astimezone().strftime('%Y-%m-%d') / picture_name(job_id, index, seed)


def picture_name(job_id: str, index: int, seed: int) -> str:
	return f'{job_id}-{index + 1:03}-{seed}.png'


def imported_name(stem: str, digest: str, suffix: str) -> str:
	"""With a part of its digest, so that a start knows a picture that we took in from one that a
	person laid there."""
	return f'{stem}-{digest[:8]}{suffix}'


def was_imported(path: Path, digest: str) -> bool:
	return path.stem.endswith(f'-{digest[:8]}')


def write_quickly(path: Path, data: bytes) -> None:
	"""Whole or not at all, but not flushed: for what can be made again. Raises StorageProblem."""
	temporary = path.with_name(f'.{path.name}.{os.getpid()}-{threading.get_ident()}{PART}')
	try:
		path.parent.mkdir(parents=True, exist_ok=True)
		temporary.write_bytes(data)
		os.replace(temporary, path)
	except OSError as error:
		with contextlib.suppress(OSError):
			temporary.unlink(missing_ok=True)
		raise of_disk(error, path.parent) from error


def digest(data: bytes) -> str:
	"""What tells the bytes of one picture file from those of another."""
	return blake2b(data, digest_size=16).hexdigest()


def thumbnail(path: Path, side: int) -> bytes:
	"""A WebP that fits into a square of `side` pixels; small pictures are not blown up. What can be
	seen through lies on white. Raises what is in `opening.UNREADABLE`."""
	image = shrunk(path, side)
	if image.has_transparency_data:
		image = image.convert('RGBA')
		image = Image.alpha_composite(Image.new('RGBA', image.size, 'white'), image)
	buffer = io.BytesIO()
	image.convert('RGB').save(buffer, 'WEBP', quality=82, method=2)
	return buffer.getvalue()
