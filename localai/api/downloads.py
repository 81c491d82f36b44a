"""The downloads for the command line and other programs on this machine: begun, followed line by
line, paused, given up."""

from asyncio import to_thread
from collections.abc import AsyncIterator
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from localai.api.fields import read_fields
from localai.api.visitors import open_to
from localai.schemas.downloads import DownloadSnapshot
from localai.studio import Studio

Verb = Literal['pause', 'resume', 'cancel', 'forget']


def router(studio: Studio) -> APIRouter:
	routes = APIRouter(prefix='/api/downloads', tags=['downloads'], dependencies=[open_to('owner')])

	@routes.post('', status_code=201)
	async def start(request: Request) -> DownloadSnapshot:
		"""A DownloadRequest as JSON."""
		fields = await read_fields(request, 'the fields of a DownloadRequest')
		return await to_thread(studio.downloads.start, fields)

	@routes.get('')
	def listing() -> tuple[DownloadSnapshot, ...]:
		"""The pending ones in their order, then those that ended last."""
		return studio.downloads.list()

	@routes.get('/{download}')
	def one(download: str) -> DownloadSnapshot:
		return studio.downloads.get(download)

	@routes.get('/{download}/events')
	def events(download: str) -> StreamingResponse:
		"""The download now and each change, one JSON object per line, until its end."""
		studio.downloads.get(download)

		async def lines() -> AsyncIterator[str]:
			async for now in studio.downloads.follow_async(download):
				yield now.model_dump_json() + '\n'

		return StreamingResponse(lines(), media_type='application/x-ndjson')

	@routes.post('/{download}/move')
	def move(download: str, position: int) -> DownloadSnapshot:
		"""To a place in the queue, 0 for the first."""
		return studio.downloads.move(download, position)

	@routes.post('/{download}/{verb}')
	def change(download: str, verb: Verb) -> DownloadSnapshot:
		return getattr(studio.downloads, verb)(download)

	return routes
