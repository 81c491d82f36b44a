"""Serves pictures, thumbnails and live previews by id: fixed types, cached for ever, nothing else
of the disk."""

from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from localai.api.visitors import open_to
from localai.errors import UnknownName
from localai.studio import Studio

FOREVER = {'Cache-Control': 'private, max-age=31536000, immutable'}
NEVER = {'Cache-Control': 'no-store'}
TYPES = {
	'.png': 'image/png',
	'.jpg': 'image/jpeg',
	'.jpeg': 'image/jpeg',
	'.webp': 'image/webp',
}


def router(studio: Studio) -> APIRouter:
	routes = APIRouter(prefix='/media', dependencies=[open_to('anyone')])

	def shown(small: Path) -> Response:
		"""On a full disk it is the picture itself, and only for now."""
		kept = FOREVER if small.is_relative_to(studio.settings.thumbnails) else NEVER
		return FileResponse(small, media_type=TYPES.get(small.suffix.lower()), headers=kept)

	@routes.get('/preview/{job_id}/{number}.jpg')
	def preview(job_id: str, number: int) -> Response:
		"""The latest preview of a running job; the number only keeps caches apart."""
		data = studio.jobs.preview(job_id)
		return (
			Response(data, media_type='image/jpeg', headers=NEVER)
			if data
			else Response(status_code=404, headers=NEVER)
		)

	@routes.api_route('/trash/{trash_id}', methods=['GET', 'HEAD'], dependencies=[open_to('owner')])
	def trashed(trash_id: str) -> Response:
		"""A picture in the trash, small."""
		return shown(studio.picture_trash.thumbnail(trash_id))

	# Addresses carry a stamp (`?v=`) that keeps caches apart; nothing is read from it.
	@routes.api_route('/{picture_id}/thumbnail', methods=['GET', 'HEAD'])
	def thumbnail(picture_id: int) -> Response:
		return shown(studio.history.thumbnail(picture_id))

	@routes.api_route('/{picture_id}', methods=['GET', 'HEAD'])
	def picture(picture_id: int, download: bool = False) -> Response:
		found = studio.history.get(picture_id)
		path = Path(found.path)
		if not path.is_file():
			raise UnknownName(
				f'The file of picture {picture_id} is missing.',
				'Look for it in your own copies.',
				'picture',
			)
		return FileResponse(
			path,
			media_type=TYPES.get(path.suffix.lower(), 'application/octet-stream'),
			headers=FOREVER,
			filename=path.name,
			content_disposition_type='attachment' if download else 'inline',
		)

	return routes
