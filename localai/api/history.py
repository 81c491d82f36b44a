"""The history for the page's uploads, the command line and other programs on this machine: searched,
marked, taken in, given out, checked."""

import os
from asyncio import to_thread
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from localai.api.fields import read_fields
from localai.api.following import told
from localai.api.visitors import open_to
from localai.errors import InvalidInput
from localai.schemas.base import Schema
from localai.schemas.chores import ChoreSnapshot
from localai.schemas.exchange import (
	FILE_LIMIT,
	ExportReport,
	ExportRequest,
	Exposure,
	ImportReport,
	Offer,
)
from localai.schemas.generation import Picture
from localai.schemas.history import (
	MANY,
	PAGE_LIMIT,
	CheckReport,
	Discarding,
	HistoryPage,
	HistoryQuery,
	Outline,
	PictureCard,
	Restoring,
)
from localai.services.fields import ids_of, read
from localai.studio import Studio

HEARD = 1024**3  # bytes that are listened to, so that who sends too much hears so
PATHS = 1000  # that one import may name
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
QUERY = 'the fields of a HistoryQuery'


class CheckRequest(Schema):
	repair: bool = False
	deep: bool = False
	forget: bool = False


class FolderExport(ExportRequest):
	folder: str


def router(studio: Studio) -> APIRouter:
	routes = APIRouter(prefix='/api/history', tags=['history'], dependencies=[open_to('owner')])
	add_looks(routes, studio)
	add_changes(routes, studio)
	add_imports(routes, studio)
	add_exports(routes, studio)
	return routes


def add_looks(routes: APIRouter, studio: Studio) -> None:
	@routes.post('/find')
	async def find(request: Request) -> HistoryPage:
		"""A HistoryQuery as JSON: a part of what a search finds, as tiles."""
		query = read(HistoryQuery, await read_fields(request, QUERY))
		return await to_thread(studio.history.find, query)

	@routes.post('/outline')
	async def outline(request: Request) -> Outline:
		"""A HistoryQuery as JSON: how many a search finds, and on which days."""
		query = read(HistoryQuery, await read_fields(request, QUERY))
		return await to_thread(studio.history.outline, query)

	@routes.post('/pictures')
	async def pictures(request: Request) -> tuple[Picture, ...]:
		"""`{"ids": […]}`: pictures with their settings, in that order; those that are gone are left
		out."""
		fields = await read_fields(request, '{"ids": […]}')
		return await to_thread(studio.history.many, ids_of(fields.get('ids'), PAGE_LIMIT))

	@routes.get('/card')
	def card(id: int) -> PictureCard:
		return studio.history.card(id)

	@routes.get('/trash')
	def trash(limit: int = 60, offset: int = 0) -> dict[str, object]:
		"""The last deleted first."""
		total, size = studio.picture_trash.total()
		listed = studio.picture_trash.listed(limit, offset)
		return {'trash': listed, 'total': total, 'bytes': size}


def add_changes(routes: APIRouter, studio: Studio) -> None:
	@routes.post('/mark')
	async def mark(request: Request) -> dict[str, int]:
		"""`{"ids": […], "change": {…}}`, the latter as a MarkChange."""
		fields = await read_fields(request, '{"ids": […], "change": {…}}')
		given = fields.get('ids'), fields.get('change')
		return {'changed': await to_thread(studio.marks.mark, *given)}

	@routes.post('/delete')
	async def delete(request: Request) -> Discarding:
		"""`{"ids": […]}` go to the trash."""
		fields = await read_fields(request, '{"ids": […]}')
		return await to_thread(studio.picture_trash.delete, fields.get('ids'))

	@routes.post('/restore')
	async def restore(request: Request) -> Restoring:
		"""`{"trashed": […]}`, as /delete named them, come back."""
		fields = await read_fields(request, '{"trashed": […]}')
		return await to_thread(studio.picture_trash.restore, fields.get('trashed'))

	@routes.post('/check')
	async def check(request: Request, follow: bool = False) -> Response:
		"""`{"repair": …, "deep": …, "forget": …}`, each false where it is left out. With
		`?follow=true` it is told line by line how far it is."""
		wanted = read(CheckRequest, await read_fields(request, '{"repair": …}'))

		def work(tell: Callable[[int, int], None] = lambda done, total: None) -> CheckReport:
			return studio.truth.check(wanted.repair, wanted.deep, wanted.forget, tell)

		if follow:
			return told(work, studio.history_changed)
		return as_json(await to_thread(work))

	@routes.post('/verify', status_code=202)
	async def verify(request: Request) -> ChoreSnapshot:
		"""`{"id": 5}` is drawn again; followed at /api/models/chores as all chores are."""
		fields = await read_fields(request, '{"id": …}')
		(picture,) = ids_of([fields.get('id')], 1)
		return await to_thread(lambda: studio.chores.get(studio.verifying.start(picture)))


def add_imports(routes: APIRouter, studio: Studio) -> None:
	@routes.post('/import')
	async def take(request: Request, name: str = '', modified: int | None = None) -> ImportReport:
		"""The bytes of one file; `modified` is when it was changed, in milliseconds since 1970, as
		browsers say it."""
		when = time_of(modified)
		data = await read_file(request)
		return await to_thread(studio.imports.take, name, data, when)

	@routes.post('/import-paths')
	async def take_paths(request: Request, follow: bool = False) -> Response:
		"""`{"paths": […]}`: files and folders of this machine. With `?follow=true` it is told line by
		line how far it is."""
		paths = paths_in(await read_fields(request, '{"paths": […]}'))

		def work(tell: Callable[[int, int], None] = lambda done, total: None) -> ImportReport:
			return studio.imports.take_paths(paths, tell)

		if follow:
			return told(work, studio.history_changed)
		return as_json(await to_thread(work))

	@routes.post('/read')
	async def read_one(request: Request) -> Offer:
		"""The bytes of one file: what it says of itself, and what of it can be asked for here.
		Nothing is kept."""
		return await to_thread(studio.history.offer, bytes(await read_file(request)))


def add_exports(routes: APIRouter, studio: Studio) -> None:
	@routes.post('/export')
	async def prepare(request: Request) -> dict[str, str]:
		"""An ExportRequest as JSON; the zip is at /export/TOKEN for an hour."""
		fields = await read_fields(request, 'the fields of an ExportRequest')
		return {'token': await to_thread(studio.exports.prepare, fields)}

	@routes.get('/export/{token}')
	def export(token: str) -> StreamingResponse:
		name, pieces = studio.exports.stream(token)
		headers = {
			'Content-Disposition': f'attachment; filename="{name}"',
			'Cache-Control': 'no-store',
		}
		return StreamingResponse(pieces, media_type='application/zip', headers=headers)

	@routes.post('/export-folder')
	async def export_folder(request: Request) -> ExportReport:
		"""An ExportRequest as JSON with a `folder` of this machine."""
		wanted = read(FolderExport, await read_fields(request, 'the fields of an ExportRequest'))
		asked = ExportRequest(**wanted.model_dump(exclude={'folder'}))
		return await to_thread(studio.exports.to_folder, asked, Path(wanted.folder))

	@routes.post('/exposures')
	async def exposures(request: Request) -> tuple[Exposure, ...]:
		"""`{"ids": […]}`: what a stranger could read in the copies that are safe to share."""
		fields = await read_fields(request, '{"ids": […]}')
		return await to_thread(studio.exports.exposures, ids_of(fields.get('ids'), MANY))


async def read_file(request: Request) -> bytes:
	"""The file in the body. Raises InvalidInput for one that is too large."""
	data, heard = bytearray(), 0
	async for part in request.stream():
		heard += len(part)
		if heard <= FILE_LIMIT:
			data += part
		elif heard > HEARD:
			break
		else:
			data.clear()
	if heard > FILE_LIMIT:
		raise InvalidInput(
			f'The file is larger than {FILE_LIMIT // 1024**2} MB.',
			'Import it by its path: localai history import PATH.',
			'file',
		)
	return bytes(data)


def time_of(modified: int | None) -> datetime | None:
	"""Raises InvalidInput for what no calendar has."""
	try:
		return None if modified is None else EPOCH + timedelta(milliseconds=modified)
	except OverflowError as error:
		raise InvalidInput(
			'That is not a time.', 'Send milliseconds since 1970.', 'modified'
		) from error


def paths_in(fields: dict) -> list[Path]:
	"""Raises InvalidInput for what are no paths."""
	paths = fields.get('paths')
	if not isinstance(paths, list) or not 0 < len(paths) <= PATHS:
		raise InvalidInput(
			'No pictures to import were named.', f'Send a list of 1 to {PATHS} paths.', 'paths'
		)
	for path in paths:
		whole = isinstance(path, str) and os.path.isabs(os.path.expanduser(path))
		if not whole or '\0' in path:
			raise InvalidInput(
				f'{path!r:.60} is not a full path.', 'Send full paths on this machine.', 'paths'
			)
	return [Path(path) for path in paths]


def as_json(report: CheckReport | ImportReport) -> Response:
	return Response(report.model_dump_json(), media_type='application/json')
