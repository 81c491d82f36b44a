"""History, as verbs: the pictures drawn here, a page at a time, and their thumbnails."""

import logging
from pathlib import Path

from localai.errors import UnknownName
from localai.files import pictures
from localai.schemas.generation import Picture
from localai.store.history import History

log = logging.getLogger('localai.history')
THUMBNAIL_SIDE = 256


class HistoryService:
	def __init__(self, store: History, thumbnails: Path):
		self.store = store
		self.thumbnails = thumbnails

	def recent(self, limit: int = 60, before: int | None = None) -> tuple[Picture, ...]:
		"""Newest first; `before` is the id of the last picture of the page before."""
		return self.store.recent(min(max(1, limit), 200), before)

	def get(self, picture_id: int) -> Picture:
		"""Raises UnknownName."""
		picture = self.store.get(picture_id) if 0 < picture_id < 2**63 else None
		if picture is None:
			raise UnknownName(
				f'There is no picture {picture_id}.', 'It may have been deleted.', 'picture'
			)
		return picture

	def thumbnail(self, picture_id: int) -> Path:
		"""The small WebP of a picture, made on first sight. Raises UnknownName when the file is
		gone."""
		path = self.thumbnails / f'{picture_id // 1000:04}' / f'{picture_id}.webp'
		if not path.exists():
			picture = self.get(picture_id)
			try:
				data = pictures.thumbnail(Path(picture.path), THUMBNAIL_SIDE)
			except OSError as error:
				raise UnknownName(
					f'The file of picture {picture_id} is missing or damaged.',
					'Look for it in your own copies.',
					'picture',
				) from error
			pictures.write_whole(path, data)
		return path
