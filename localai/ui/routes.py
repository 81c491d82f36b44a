"""Knows for whom each address is that is not a route of our API: those of the page and of Gradio. One that
is not named here, as a later Gradio may bring, is nobody's."""

from functools import lru_cache

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.routing import Mount, compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from localai.errors import LocalAIError, NotAllowed, UnknownName
from localai.schemas.visitors import Audience
from localai.services.visitors import check, visitor_of

# By their addresses, as Gradio writes them; the first that fits counts. What is called through them has
# doors of its own.
ROUTES: dict[str, Audience] = {
	# The page and what it is made of
	'/': 'anyone',
	'/localai/{digest}/{path:path}': 'anyone',
	'/config': 'anyone',
	'/config/': 'anyone',
	'/static/{path:path}': 'anyone',
	'/assets/{path:path}': 'anyone',
	'/svelte/{path:path}': 'anyone',
	'/theme.css': 'anyone',
	'/gradio_api/theme.css': 'anyone',
	'/favicon.ico': 'anyone',
	'/manifest.json': 'anyone',
	'/robots.txt': 'anyone',
	# Its calls, and those of programs
	'/gradio_api/component_server': 'anyone',
	'/gradio_api/component_server/': 'anyone',
	'/gradio_api/queue/join': 'anyone',
	'/gradio_api/queue/data': 'anyone',
	'/gradio_api/heartbeat/{session_hash}': 'anyone',
	'/gradio_api/cancel': 'anyone',
	'/gradio_api/reset': 'anyone',
	'/gradio_api/reset/': 'anyone',
	'/gradio_api/app_id': 'anyone',
	'/gradio_api/app_id/': 'anyone',
	'/gradio_api/info': 'anyone',
	'/gradio_api/info/': 'anyone',
	'/gradio_api/openapi.json': 'owner',
	'/gradio_api/call/v2/{api_name}': 'owner',
	'/gradio_api/call/v2/{api_name}/': 'owner',
	'/gradio_api/call/v2/{api_name}/{event_id}': 'owner',
	'/gradio_api/call/{api_name}': 'anyone',
	'/gradio_api/call/{api_name}/': 'anyone',
	'/gradio_api/call/{api_name}/{event_id}': 'anyone',
	# A picture that somebody sends; those that are here are fetched by their numbers
	'/gradio_api/upload': 'anyone',
	'/gradio_api/upload_progress': 'anyone',
}
# What Gradio has besides, and LocalAI does not use: nobody gets there, as to whatever a later Gradio brings.
UNUSED = frozenset(
	(
		'/endpoints',
		'/endpoints/',
		'/login',
		'/login/',
		'/logout',
		'/pwa_icon',
		'/pwa_icon/{size}',
		'/monitoring',
		'/monitoring/summary',
		'/monitoring/{key}',
		'/gradio_api/deep_link',
		'/gradio_api/user',
		'/gradio_api/user/',
		'/gradio_api/login_check',
		'/gradio_api/login_check/',
		'/gradio_api/token',
		'/gradio_api/token/',
		'/gradio_api/dev/reload',
		'/gradio_api/runs',
		'/gradio_api/runs/',
		'/gradio_api/custom_component/{id}/{environment}/{type}/{file_name}',
		'/gradio_api/proxy={url_path:path}',
		'/gradio_api/file={path_or_url:path}',
		'/gradio_api/file/{path:path}',
		'/gradio_api/stream/{event_id}',
		'/gradio_api/stream/{event_id}/close',
		'/gradio_api/stream/{session_hash}/{run}/{component_id}/playlist.m3u8',
		'/gradio_api/stream/{session_hash}/{run}/{component_id}/{segment_id}.{ext}',
		'/gradio_api/stream/{session_hash}/{run}/{component_id}/playlist-file',
		'/gradio_api/api/{api_name}',
		'/gradio_api/api/{api_name}/',
		'/gradio_api/run/{api_name}',
		'/gradio_api/run/{api_name}/',
		'/gradio_api/queue/status',
		'/gradio_api/startup-events',
		'/gradio_api/process_recording',
		'/gradio_api/vibe-edit',
		'/gradio_api/vibe-edit/',
		'/gradio_api/undo-vibe-edit',
		'/gradio_api/undo-vibe-edit/',
		'/gradio_api/vibe-code',
		'/gradio_api/vibe-code/',
		'/gradio_api/vibe-starter-queries',
		'/gradio_api/vibe-starter-queries/',
	)
)
PATTERNS = tuple((compile_path(address)[0], audience) for address, audience in ROUTES.items())


@lru_cache(1000)
def audience_at(path: str) -> Audience | None:
	"""None where there is nothing for anybody."""
	return next((audience for fits, audience in PATTERNS if fits.match(path)), None)


class Gate:
	"""Stands before what is mounted; `prefix` is what the addresses of the page begin with."""

	def __init__(self, app: ASGIApp, prefix: str = ''):
		self.app = app
		self.prefix = prefix

	async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
		if scope['type'] in ('http', 'websocket'):
			try:
				self.check(scope)
			except LocalAIError as error:
				status = 403 if isinstance(error, NotAllowed) else 404
				refusal = JSONResponse({'error': error.told()}, status)
				return await refusal(scope, receive, send)
		await self.app(scope, receive, send)

	def check(self, scope: Scope) -> None:
		"""Raises UnknownName, NotAllowed."""
		audience = audience_at(scope['path'].removeprefix(self.prefix))
		if audience is None:
			raise UnknownName(
				'There is nothing at this address.', 'Check the address, or start at the main page.'
			)
		check(visitor_of(Headers(scope=scope)), audience)


def close(app: Starlette, prefix: str = '') -> None:
	"""Puts a gate before all that is mounted in the app."""
	for route in app.routes:
		if isinstance(route, Mount):
			route.app = Gate(route.app, prefix)
