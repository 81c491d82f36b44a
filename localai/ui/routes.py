"""Knows for whom each address is that is not a route of our API: those of the page and of Gradio. One that
is not named here, as a later Gradio may bring, is the owner's."""

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.routing import Mount, compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from localai.errors import NotAllowed
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
	'/gradio_api/info': 'anyone',
	'/gradio_api/info/': 'anyone',
	'/gradio_api/call/v2/{api_name}': 'owner',
	'/gradio_api/call/v2/{api_name}/': 'owner',
	'/gradio_api/call/v2/{api_name}/{event_id}': 'owner',
	'/gradio_api/call/{api_name}': 'anyone',
	'/gradio_api/call/{api_name}/': 'anyone',
	'/gradio_api/call/{api_name}/{event_id}': 'anyone',
	# Pictures, which programs fetch by where they lie; neither what else is there nor other addresses
	'/gradio_api/upload': 'anyone',
	'/gradio_api/upload_progress': 'anyone',
	'/gradio_api/file=http{rest:path}': 'owner',
	'/gradio_api/file={path:path}.png': 'anyone',
	'/gradio_api/file={path:path}.jpg': 'anyone',
	'/gradio_api/file={path:path}.jpeg': 'anyone',
	'/gradio_api/file={path:path}.webp': 'anyone',
	'/gradio_api/file={path_or_url:path}': 'owner',
	# What Gradio has besides, and LocalAI does not use
	'/endpoints': 'owner',
	'/endpoints/': 'owner',
	'/login': 'owner',
	'/login/': 'owner',
	'/logout': 'owner',
	'/pwa_icon': 'owner',
	'/pwa_icon/{size}': 'owner',
	'/monitoring': 'owner',
	'/monitoring/summary': 'owner',
	'/monitoring/{key}': 'owner',
	'/openapi.json': 'owner',
	'/gradio_api/openapi.json': 'owner',
	'/gradio_api/deep_link': 'owner',
	'/gradio_api/user': 'owner',
	'/gradio_api/user/': 'owner',
	'/gradio_api/login_check': 'owner',
	'/gradio_api/login_check/': 'owner',
	'/gradio_api/token': 'owner',
	'/gradio_api/token/': 'owner',
	'/gradio_api/app_id': 'owner',
	'/gradio_api/app_id/': 'owner',
	'/gradio_api/dev/reload': 'owner',
	'/gradio_api/runs': 'owner',
	'/gradio_api/runs/': 'owner',
	'/gradio_api/custom_component/{id}/{environment}/{type}/{file_name}': 'owner',
	'/gradio_api/proxy={url_path:path}': 'owner',
	'/gradio_api/file/{path:path}': 'owner',
	'/gradio_api/stream/{event_id}': 'owner',
	'/gradio_api/stream/{event_id}/close': 'owner',
	'/gradio_api/stream/{session_hash}/{run}/{component_id}/playlist.m3u8': 'owner',
	'/gradio_api/stream/{session_hash}/{run}/{component_id}/{segment_id}.{ext}': 'owner',
	'/gradio_api/stream/{session_hash}/{run}/{component_id}/playlist-file': 'owner',
	'/gradio_api/api/{api_name}': 'owner',
	'/gradio_api/api/{api_name}/': 'owner',
	'/gradio_api/run/{api_name}': 'owner',
	'/gradio_api/run/{api_name}/': 'owner',
	'/gradio_api/queue/status': 'owner',
	'/gradio_api/startup-events': 'owner',
	'/gradio_api/process_recording': 'owner',
	'/gradio_api/vibe-edit': 'owner',
	'/gradio_api/vibe-edit/': 'owner',
	'/gradio_api/undo-vibe-edit': 'owner',
	'/gradio_api/undo-vibe-edit/': 'owner',
	'/gradio_api/vibe-code': 'owner',
	'/gradio_api/vibe-code/': 'owner',
	'/gradio_api/vibe-starter-queries': 'owner',
	'/gradio_api/vibe-starter-queries/': 'owner',
}
PATTERNS = tuple((compile_path(address)[0], audience) for address, audience in ROUTES.items())


def audience_at(path: str) -> Audience:
	return next((audience for fits, audience in PATTERNS if fits.match(path)), 'owner')


class Gate:
	"""Stands before what is mounted; `prefix` is what the addresses of the page begin with."""

	def __init__(self, app: ASGIApp, prefix: str = ''):
		self.app = app
		self.prefix = prefix

	async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
		if scope['type'] in ('http', 'websocket'):
			audience = audience_at(scope['path'].removeprefix(self.prefix))
			try:
				check(visitor_of(Headers(scope=scope)), audience)
			except NotAllowed as error:
				refusal = JSONResponse({'error': error.told()}, 403)
				return await refusal(scope, receive, send)
		await self.app(scope, receive, send)


def close(app: Starlette, prefix: str = '') -> None:
	"""Puts a gate before all that is mounted in the app."""
	for route in app.routes:
		if isinstance(route, Mount):
			route.app = Gate(route.app, prefix)
