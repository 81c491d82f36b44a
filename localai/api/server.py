"""Builds the FastAPI app: health, media, jobs, models, downloads, the history, and our errors as status
and JSON."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from localai import __version__
from localai.api import downloads, history, jobs, media, models
from localai.api.visitors import check_declared, open_to
from localai.errors import (
	BadToken,
	DiskFull,
	DownloadProblem,
	Gated,
	InvalidInput,
	LinkRefused,
	LocalAIError,
	ModelInUse,
	ModelProblem,
	NotAllowed,
	NotOnHub,
	OutOfMemory,
	UnknownName,
)
from localai.studio import Studio

STATUS: tuple[tuple[type[LocalAIError], int], ...] = (
	(UnknownName, 404),
	(InvalidInput, 422),
	(ModelInUse, 409),
	(ModelProblem, 422),
	(NotOnHub, 404),
	(Gated, 403),
	(BadToken, 401),
	(LinkRefused, 422),
	(DownloadProblem, 502),
	(NotAllowed, 403),
	(OutOfMemory, 507),
	(DiskFull, 507),
	(LocalAIError, 500),
)
# What starlette says in its own words.
SAID = {
	404: ('There is nothing at this address.', 'Check the address, or start at the main page.'),
	405: ('This address does not allow that method.', 'Use another method, such as GET or POST.'),
}


def create(studio: Studio) -> FastAPI:
	"""Its end closes the studio: what runs is marked interrupted and goes on at the next start."""

	@asynccontextmanager
	async def lifespan(app: FastAPI) -> AsyncIterator[None]:
		yield
		studio.close()

	app = FastAPI(
		title='LocalAI',
		version=__version__,
		lifespan=lifespan,
		docs_url=None,
		redoc_url=None,
		openapi_url=None,
	)

	@app.exception_handler(LocalAIError)
	async def refused(request: Request, error: LocalAIError) -> JSONResponse:
		status = next(code for kind, code in STATUS if isinstance(error, kind))
		return JSONResponse({'error': error.told()}, status)

	@app.exception_handler(RequestValidationError)
	async def misread(request: Request, error: RequestValidationError) -> JSONResponse:
		return await refused(request, InvalidInput('The address or its parameters are not valid.'))

	@app.exception_handler(ClientDisconnect)
	async def left(request: Request, error: ClientDisconnect) -> JSONResponse:
		"""Who went away while sending hears nothing, and that is no error of ours."""
		return await refused(request, InvalidInput('The request was cut off.', 'Send it again.'))

	@app.exception_handler(HTTPException)
	async def unanswered(request: Request, error: HTTPException) -> JSONResponse:
		"""What the frameworks say themselves, in one sentence; Gradio's clients read `detail`."""
		sentence, remedy = SAID.get(error.status_code, (str(error.detail), ''))
		told = LocalAIError(sentence, remedy).told()
		body = {'error': told, 'detail': error.detail}
		return JSONResponse(body, error.status_code, getattr(error, 'headers', None))

	@app.get('/healthz', dependencies=[open_to('anyone')])
	async def health() -> dict[str, str]:
		return {'status': 'ok', 'version': __version__, 'engine': studio.engines.status.state}

	check_declared(app.router)
	for room in (media, jobs, models, downloads, history):
		app.include_router(check_declared(room.router(studio)))
	return app
