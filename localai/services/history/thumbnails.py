"""Knows where the small picture of each picture lies; makes it once, a few at a time."""

import contextlib
import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from localai.errors import DiskFull, StorageProblem, UnknownName
from localai.files.pictures import writing
from localai.files.pictures.opening import UNREADABLE
from localai.store.tables import DAY

log = logging.getLogger('localai.history')
SIDE = 320
LIMIT = 2_000_000_000  # bytes of all of them, some 200,000
SEEN = 86_400.0  # seconds until it is written down again that one was looked at
# More at once would only make each of them, and the page, slower.
HANDS = threading.BoundedSemaphore(2)


class Thumbnails:
	"""By the place in time of a picture and the digest of its file, which a database that was made
	anew gives it again: so they outlive the database, and are never another picture's, also of the
	same moment."""

	def __init__(self, folder: Path):
		self.folder = folder
		self.began = time.time()
		self.later = ThreadPoolExecutor(1, 'thumbnails')

	def path(self, ordinal: int, digest: str) -> Path:
		return self.folder / f'{ordinal // DAY:05}' / f'{ordinal:x}-{digest[:12]}.webp'

	def get(self, ordinal: int, digest: str, picture: Path) -> Path:
		"""The WebP, made on first sight; the picture itself while the disk is full. Raises UnknownName when the file is gone or damaged."""
		path = self.path(ordinal, digest)
		if seen(path):
			return path
		with HANDS:
			if not path.exists():
				try:
					data = writing.thumbnail(picture, SIDE)
				except UNREADABLE as error:
					raise UnknownName(
						f'The file {picture.name} is missing or damaged.',
						'Look for it in your own copies.',
						'picture',
					) from error
				try:
					writing.write_quickly(path, data)
				except DiskFull:  # who wants to delete something has to see it
					return picture
		return path

	def prepare(self, ordinal: int, digest: str, picture: Path) -> None:
		"""Makes it in the background, before anyone looks."""

		def make() -> None:
			with contextlib.suppress(UnknownName, StorageProblem):
				self.get(ordinal, digest, picture)

		with contextlib.suppress(RuntimeError):  # the app is being closed
			self.later.submit(make)

	def trim(self, limit: int = LIMIT) -> int:
		"""Removes what nobody looked at for longest, and what was cut off, until they are of so many
		bytes; they are made again when somebody looks. Returns how many bytes came free."""
		found: list[tuple[float, int, str]] = []
		for folder, _, names in os.walk(self.folder):
			for name in names:
				with contextlib.suppress(OSError):
					path = os.path.join(folder, name)
					about = os.stat(path)
					if writing.is_part(name) and about.st_mtime < self.began:
						os.unlink(path)
					else:
						found.append((about.st_mtime, about.st_size, path))
		excess = sum(size for _, size, _ in found) - limit
		freed = 0
		for _, size, path in sorted(found) if excess > 0 else ():
			if freed >= excess:
				break
			with contextlib.suppress(OSError):
				os.unlink(path)
				freed += size
		if freed:
			log.info('%s bytes of unused thumbnails were removed', freed)
		return freed

	def forget(self, ordinal: int, digest: str) -> None:
		with contextlib.suppress(OSError):
			self.path(ordinal, digest).unlink(missing_ok=True)

	def close(self) -> None:
		self.later.shutdown(wait=False, cancel_futures=True)


def seen(path: Path) -> bool:
	"""Whether it is there; its time of change says when it was looked at last."""
	try:
		if path.stat().st_mtime < time.time() - SEEN:
			os.utime(path)
		return True
	except FileNotFoundError:
		return False
	except OSError:  # a disk that is full or may only be read
		return path.exists()
