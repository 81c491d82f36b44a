"""The library for the command line and other programs on this machine: what is here, and what the
engine holds."""

from asyncio import to_thread
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from localai.api.fields import read_fields
from localai.api.visitors import open_to
from localai.errors import InvalidInput
from localai.schemas.chores import ChoreSnapshot
from localai.schemas.models import ModelEntry, ModelPage, ModelQuery, ScanReport
from localai.services.fields import read
from localai.studio import Studio


def router(studio: Studio) -> APIRouter:
	routes = APIRouter(prefix='/api/models', tags=['models'], dependencies=[open_to('owner')])

	@routes.get('')
	def listing() -> tuple[ModelEntry, ...]:
		"""What can be drawn with, the built-in model first."""
		return studio.models.list()

	@routes.post('/find')
	async def find(request: Request) -> ModelPage:
		"""A ModelQuery as JSON: a part of the whole library."""
		query = read(ModelQuery, await read_fields(request, 'the fields of a ModelQuery'))
		return await to_thread(studio.models.find, query)

	@routes.get('/card')
	def card(model: str) -> ModelEntry:
		return studio.models.card(model)

	@routes.post('/scan')
	def scan() -> ScanReport:
		"""Looks for what was added, changed or taken away; answers when it is done."""
		return studio.models.scan()

	@routes.post('/load', status_code=202)
	async def load(request: Request) -> ChoreSnapshot:
		"""`{"model": ID}`; followed by the id of the answer."""
		model = await name_in(request)
		if not model:
			raise InvalidInput('The model has no name.', 'Choose one from the list.', 'model')
		return await to_thread(lambda: studio.chores.get(studio.chores.load(model)))

	@routes.post('/unload', status_code=202)
	async def unload(request: Request) -> ChoreSnapshot:
		"""`{"model": ID}`, or `{}` for all that is in memory."""
		model = await name_in(request)
		return await to_thread(lambda: studio.chores.get(studio.chores.unload(model)))

	@routes.post('/cancel')
	def cancel() -> dict[str, str]:
		"""Gives up what is being loaded or converted."""
		studio.chores.cancel()
		return {'status': 'ok'}

	@routes.get('/chores/{chore}')
	def chore(chore: str) -> ChoreSnapshot:
		return studio.chores.get(chore)

	@routes.get('/chores/{chore}/events')
	def events(chore: str) -> StreamingResponse:
		"""The load or unload now and each change, one JSON object per line, until its end."""
		studio.chores.get(chore)

		async def lines() -> AsyncIterator[str]:
			async for now in studio.chores.follow(chore):
				yield now.model_dump_json() + '\n'

		return StreamingResponse(lines(), media_type='application/x-ndjson')

	return routes


async def name_in(request: Request) -> str:
	"""The id of a model, '' where none is named. Raises InvalidInput."""
	fields = await read_fields(request, '{"model": …}')
	name = fields.get('model', '')
	if not isinstance(name, str):
		raise InvalidInput(
			'The name of the model must be text.', 'Choose one from the list.', 'model'
		)
	return name
