"""Knows what the first answer of the page becomes on its way out: Gradio's, with our own files named in
its head, compressed."""

import gzip

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from localai.ui.assets import takes_gzip

END = b'</head>'


class Opening:
	"""An ASGI layer around the page at `path`.

	Gradio puts a head of ours into the page only when its own scripts run; here the browser finds it
	with the first bytes, and fetches our files beside Gradio's instead of after them.
	"""

	def __init__(self, app: ASGIApp, path: str, head: str):
		self.app = app
		self.path = path.rstrip('/')
		self.head = head.encode()

	async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
		if scope['type'] != 'http' or scope['path'].rstrip('/') != self.path:
			await self.app(scope, receive, send)
			return
		headers = dict(scope['headers'])
		small = takes_gzip(headers.get(b'accept-encoding', b'').decode('latin-1'))
		plain = [pair for pair in scope['headers'] if pair[0] != b'accept-encoding']
		started: dict = {}
		parts: list[bytes] = []

		async def kept(message: Message) -> None:
			if message['type'] == 'http.response.start':
				started.update(message)
				return
			if message['type'] != 'http.response.body':
				await send(message)
				return
			parts.append(message.get('body', b''))
			if message.get('more_body'):
				return
			begin, body = self.dressed(started, b''.join(parts), small)
			await send(begin)
			await send({'type': 'http.response.body', 'body': body})

		await self.app({**scope, 'headers': plain}, receive, kept)

	def dressed(self, start: dict, body: bytes, small: bool) -> tuple[dict, bytes]:
		"""The beginning and the body of the answer. What is no page, or is none with a head, passes as
		it is."""
		headers = dict(start['headers'])
		if not headers.get(b'content-type', b'').startswith(b'text/html') or END not in body:
			return start, body
		before, _, after = body.partition(END)
		body = before + self.head + END + after
		headers[b'vary'] = b'accept-encoding'
		# Going back after an update, a browser would show what it kept, which names files that are gone.
		headers[b'cache-control'] = b'no-store'
		if small:
			body = gzip.compress(body, 6)
			headers[b'content-encoding'] = b'gzip'
		headers[b'content-length'] = str(len(body)).encode()
		return start | {'headers': list(headers.items())}, body
