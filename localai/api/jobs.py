"""The door for the command line and other programs on this machine: jobs as JSON, followed line by
line."""

from asyncio import to_thread
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from localai.api.fields import read_fields
from localai.api.visitors import open_to
from localai.schemas.jobs import JobSnapshot, StopMode
from localai.services.visitors import told, visitor_of
from localai.studio import Studio


def router(studio: Studio) -> APIRouter:
	routes = APIRouter(prefix='/api/jobs', tags=['jobs'], dependencies=[open_to('anyone')])

	@routes.post('', status_code=201)
	async def start(request: Request) -> JobSnapshot:
		"""A GenerationRequest as JSON; what is left out is the model's choice."""
		fields = await read_fields(request, 'the fields of a GenerationRequest')
		job = await to_thread(studio.generation.start, fields)
		visitor = visitor_of(request.headers)
		studio.visits.began(visitor, job.id)
		return told(visitor, job)

	@routes.get('')
	def listing(request: Request) -> tuple[JobSnapshot, ...]:
		visitor = visitor_of(request.headers)
		return tuple(told(visitor, job) for job in studio.jobs.list())

	@routes.get('/{job_id}')
	def one(request: Request, job_id: str) -> JobSnapshot:
		return told(visitor_of(request.headers), studio.jobs.get(job_id))

	@routes.get('/{job_id}/events')
	def events(request: Request, job_id: str) -> StreamingResponse:
		"""The job now and each change, one JSON object per line, until its end."""
		visitor = visitor_of(request.headers)
		studio.jobs.get(job_id)

		async def lines() -> AsyncIterator[str]:
			async for job in studio.jobs.follow_async(job_id):
				yield told(visitor, job).model_dump_json() + '\n'

		return StreamingResponse(lines(), media_type='application/x-ndjson')

	@routes.post('/{job_id}/stop')
	def stop(request: Request, job_id: str, mode: StopMode = 'stop') -> JobSnapshot:
		visitor = visitor_of(request.headers)
		studio.visits.check_own(visitor, job_id)
		return told(visitor, studio.jobs.stop(job_id, mode))

	return routes
