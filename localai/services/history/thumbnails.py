"""Knows where the small picture of each picture lies; makes it once, a few at a time."""

import contextlib
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from localai.errors import StorageProblem, UnknownName
from localai.files.pictures import writing
from localai.files.pictures.opening import UNREADABLE
from localai.store.tables import DAY

log = logging.getLogger('localai.history')
SIDE = 320
# More at once would only make each of them, and the page, slower.
HANDS = threading.BoundedSemaphore(2)


class Thumbnails:
	"""By the place in time of a picture and the digest of its file, which a database that was made
	anew gives it again: so they outlive the database, and are never another picture's, also of the
	same moment."""

	def __init__(self, folder: Path):
		self.folder = folder
		self.later = ThreadPoolExecutor(1, 'thumbnails')

	def path(self, ordinal: int, digest: str) -> Path:
		return self.folder / f'{ordinal // DAY:05}' / f'{ordinal:x}-{digest[:12]}.webp'

	def get(self, ordinal: int, digest: str, picture: Path) -> Path:
		"""The WebP, made on first sight. Raises UnknownName when the file is gone or damaged."""
		path = self.path(ordinal, digest)
		if path.exists():
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
				writing.write_quickly(path, data)
		return path

	def prepare(self, ordinal: int, digest: str, picture: Path) -> None:
		"""Makes it in the background, before anyone looks."""

		def make() -> None:
			with contextlib.suppress(UnknownName, StorageProblem):
				self.get(ordinal, digest, picture)

		with contextlib.suppress(RuntimeError):  # the app is being closed
			self.later.submit(make)

	def forget(self, ordinal: int, digest: str) -> None:
		with contextlib.suppress(OSError):
			self.path(ordinal, digest).unlink(missing_ok=True)

	def close(self) -> None:
		self.later.shutdown(wait=False, cancel_futures=True)
