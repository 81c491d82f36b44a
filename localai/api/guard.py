"""Knows who may talk to the server: trusted host names, no foreign pages, a password where one is set;
and who it is that asks."""

import base64
import hmac
import ipaddress
import json
import logging
import socket
import time
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from localai.schemas.visitors import OWNER, Visitor
from localai.services.visitors import MARK, marked

log = logging.getLogger('localai.guard')
SAFE = ('GET', 'HEAD', 'OPTIONS')
LOCAL_HOSTS = frozenset(('localhost', '127.0.0.1', '[::1]', '::1'))
TRIES, WINDOW = 10, 60.0  # wrong passwords per minute, over all visitors, before everybody waits


class Guard:
	"""The outermost ASGI layer, so that it also covers what Gradio mounts.

	`hosts` are the names this server goes by; `*.gradio.live` joins them while it is shared.
	`token` opens it to the
	command line on this machine; with a `password` every other visitor needs HTTP Basic
	authentication.
	"""

	def __init__(
		self,
		app: ASGIApp,
		hosts: Iterable[str] = (),
		password: str = '',
		token: str = '',
		network: bool = False,
	):
		self.app = app
		self.hosts = LOCAL_HOSTS | {h.casefold() for h in hosts}
		self.password = password
		self.token = token
		self.network = network
		self.failures: list[float] = []

	async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
		if scope['type'] not in ('http', 'websocket'):
			await self.app(scope, receive, send)
			return
		headers = {k.decode('latin-1').lower(): v.decode('latin-1') for k, v in scope['headers']}
		refusal = self.refuse(scope, headers)
		visitor = self.visitor(scope, headers) if refusal is None else Visitor()
		if (
			refusal is None
			and self.password
			and visitor.role == 'stranger'
			and scope['path'] != '/healthz'
		):
			refusal = 401, 'This LocalAI asks for a password.'
		if refusal is None:
			# Every door reads the mark; what a visitor sends in its place is taken away.
			kept = [h for h in scope['headers'] if h[0].lower() != MARK.encode()]
			mark = MARK.encode(), marked(visitor).encode('latin-1')
			await self.app({**scope, 'headers': [*kept, mark]}, receive, with_safety(send))
		elif scope['type'] == 'websocket':
			await send({'type': 'websocket.close', 'code': 1008})
		else:
			await answer(send, *refusal)

	def refuse(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
		"""Status and sentence, None when the request may pass."""
		host = headers.get('host', '')
		if not self.ours(host_name(host)):
			log.warning('refused host %r', host[:100])
			return (
				400,
				'This address is not one that LocalAI answers to. Open it at 127.0.0.1, or set LOCALAI_HOST.',
			)
		origin = headers.get('origin')
		if (
			scope.get('method', 'GET') not in SAFE
			and origin is not None
			and urlsplit(origin).netloc != host
		):
			log.warning('refused origin %r', origin[:100])
			return 403, 'Another website tried to use LocalAI; that is not allowed.'
		if scope.get('method', 'GET') not in SAFE and headers.get('sec-fetch-site') in (
			'cross-site',
		):
			return 403, 'Another website tried to use LocalAI; that is not allowed.'
		return None

	def visitor(self, scope: Scope, headers: dict[str, str]) -> Visitor:
		"""Who asks. The token of this machine and the password make an owner; where none is set, so
		does sitting here. Strangers go by their address."""
		if self.known(headers.get('authorization', '')):
			return OWNER
		if not self.password and is_here(scope):
			return OWNER
		client = scope.get('client')
		return Visitor(name=str(client[0]) if client else '')

	def ours(self, name: str) -> bool:
		"""Opened to the network, it goes by any number, but by no name that a stranger's DNS could
		point here."""
		if name in self.hosts or (self.password and name.endswith('.gradio.live')):
			return True
		if not self.network:
			return False
		try:
			ipaddress.ip_address(name.strip('[]'))
			return True
		except ValueError:
			own = socket.gethostname().casefold()
			return name in (own, f'{own}.local')

	def known(self, authorization: str) -> bool:
		kind, _, value = authorization.partition(' ')
		if kind.lower() == 'bearer' and self.token:
			return hmac.compare_digest(value.encode(), self.token.encode())
		if kind.lower() != 'basic' or not self.password:
			return False
		now = time.monotonic()
		self.failures = [t for t in self.failures if now - t < WINDOW]
		if len(self.failures) >= TRIES:
			return False
		try:
			given = base64.b64decode(value).partition(b':')[2]
		except ValueError:
			given = b''
		right = hmac.compare_digest(given, self.password.encode())
		if not right:
			self.failures.append(now)
		return right


def is_here(scope: Scope) -> bool:
	"""Whether this came from the computer that we run on; not, where nobody can tell."""
	client, server = scope.get('client'), scope.get('server')
	if not client:
		return False
	if server and client[0] == server[0]:
		return True
	try:
		return ipaddress.ip_address(client[0].partition('%')[0]).is_loopback
	except ValueError:
		return False


def host_name(host: str) -> str:
	"""A Host header without its port."""
	if host.startswith('['):
		return host.partition(']')[0] + ']'
	return host.partition(':')[0].casefold()


def with_safety(send: Send) -> Send:
	async def wrapped(message: Message) -> None:
		if message['type'] == 'http.response.start':
			message['headers'] = [
				*message['headers'],
				(b'x-content-type-options', b'nosniff'),
				(b'referrer-policy', b'same-origin'),
				(b'x-frame-options', b'SAMEORIGIN'),
			]
		await send(message)

	return wrapped


async def answer(send: Send, status: int, sentence: str) -> None:
	headers = [(b'content-type', b'application/json')]
	if status == 401:
		headers.append((b'www-authenticate', b'Basic realm="LocalAI", charset="UTF-8"'))
	await send({'type': 'http.response.start', 'status': status, 'headers': headers})
	await send(
		{
			'type': 'http.response.body',
			'body': json.dumps({'error': {'message': sentence}}).encode(),
		}
	)
