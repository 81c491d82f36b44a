"""Knows who may talk to the server: trusted host names, no foreign pages, a password where one is set;
and who it is that asks."""

import hmac
import ipaddress
import json
import logging
import socket
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from localai.api.callers import NAMING, Caller, Headers, Network, caller
from localai.api.passwords import Passwords
from localai.schemas.visitors import OWNER, Visitor
from localai.services.visitors import MARK, marked

log = logging.getLogger('localai.guard')
SAFE = ('GET', 'HEAD', 'OPTIONS')
LOCAL_HOSTS = frozenset(('localhost', '127.0.0.1', '[::1]', '::1'))
# On every answer. No other site may show or read what is here.
SAFETY = (
	(b'x-content-type-options', b'nosniff'),
	(b'referrer-policy', b'same-origin'),
	(b'x-frame-options', b'SAMEORIGIN'),
	(b'cross-origin-resource-policy', b'same-origin'),
)


class Refusal(NamedTuple):
	"""`seconds` is how long to wait."""

	status: int
	sentence: str
	seconds: int = 0


FOREIGN = Refusal(403, 'Another website tried to use LocalAI; that is not allowed.')


class Guard:
	"""The outermost ASGI layer, so that it also covers what Gradio mounts.

	`hosts` are the names this server goes by, `names` those that somebody gave it; `*.gradio.live`
	joins them while it is `shared`. `token` opens it to the command line on this machine; with a
	`password` every other visitor needs HTTP Basic authentication. `proxies` may say for whom they
	speak; `local` is false where an address of this computer says nothing.
	"""

	def __init__(
		self,
		app: ASGIApp,
		hosts: Iterable[str] = (),
		password: str = '',
		token: str = '',
		network: bool = False,
		names: Iterable[str] = (),
		proxies: Iterable[Network] = (),
		local: bool = True,
		shared: bool = False,
	):
		self.app = app
		self.names = frozenset(name.casefold() for name in names)
		self.hosts = LOCAL_HOSTS | {h.casefold() for h in hosts}
		self.passwords = Passwords(password) if password else None
		self.token = token.encode()
		self.network = network
		self.proxies = tuple(proxies)
		self.local = local
		self.shared = shared

	async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
		if scope['type'] not in ('http', 'websocket'):
			await self.app(scope, receive, send)
			return
		headers = read_headers(scope)
		who = caller(scope, headers, self.proxies, self.local)
		refusal = self.refuse(scope, headers, who)
		visitor = self.visitor(headers, who) if refusal is None else Visitor()
		if (
			refusal is None
			and self.passwords
			and visitor.role == 'stranger'
			and scope['path'] != '/healthz'
		):
			refusal = self.unknown(self.passwords, who)
		if refusal is None:
			# Every door reads the mark; what a visitor sends in its place is taken away, as is the
			# name of this server that nobody may give it.
			gone = {MARK, *(() if who.relayed else NAMING)}.intersection(headers)
			kept = [
				h
				for h in scope['headers']
				if not gone or h[0].decode('latin-1').lower() not in gone
			]
			mark = MARK.encode(), marked(visitor).encode('latin-1')
			await self.app({**scope, 'headers': [*kept, mark]}, receive, with_safety(send))
		elif scope['type'] == 'websocket':
			await send({'type': 'websocket.close', 'code': 1008})
		else:
			await answer(send, refusal)

	def refuse(self, scope: Scope, headers: Headers, who: Caller) -> Refusal | None:
		"""Status and sentence, None when the request may pass."""
		asked = [headers.get('host', '')]
		if who.relayed and 'x-forwarded-host' in headers:
			asked.append(headers['x-forwarded-host'].rpartition(',')[2].strip())
		for host in asked:
			if not self.ours(host_name(host)):
				log.warning('refused host %r', host[:100])
				return Refusal(400, not_ours(host_name(host)))
		if scope['type'] == 'http' and scope['method'] in SAFE:
			return None
		origin = headers.get('origin')
		if origin is not None and not self.own_page(origin, asked, who):
			log.warning('refused origin %r', origin[:100])
			return FOREIGN
		return FOREIGN if headers.get('sec-fetch-site') == 'cross-site' else None

	def own_page(self, origin: str, asked: list[str], who: Caller) -> bool:
		"""Whether the page that asks is ours. Behind a proxy it may only know the name of the page."""
		place = urlsplit(origin).netloc
		return place in asked or (who.relayed and host_name(place) in self.names)

	def visitor(self, headers: Headers, who: Caller) -> Visitor:
		"""Who asks. The token of this machine and the password make an owner; where none is set, so
		does sitting here. Strangers go by their address."""
		if self.known(headers.get('authorization', ''), who):
			return OWNER
		if self.passwords is None and who.here and host_name(headers['host']) not in self.names:
			return OWNER
		return Visitor(name=who.address)

	def ours(self, name: str) -> bool:
		"""Opened to the network, it goes by any number, but by no name that a stranger's DNS could
		point here."""
		if name in self.hosts or name in self.names:
			return True
		if self.shared and name.endswith('.gradio.live'):
			return True
		if not self.network:
			return False
		try:
			ipaddress.ip_address(name.strip('[]'))
			return True
		except ValueError:
			own = socket.gethostname().casefold()
			return name in (own, f'{own}.local')

	def known(self, authorization: str, who: Caller) -> bool:
		kind, _, value = authorization.partition(' ')
		if kind.lower() == 'bearer' and self.token:
			return hmac.compare_digest(value.encode(), self.token)
		return self.passwords is not None and self.passwords.right(authorization, who)

	def unknown(self, passwords: Passwords, who: Caller) -> Refusal:
		seconds = 0 if who.here else passwords.wait(who)
		if not seconds:
			return Refusal(401, 'This LocalAI asks for a password.')
		unit = 'second' if seconds == 1 else 'seconds'
		sentence = (
			f'Too many wrong passwords came from your address. Try again in {seconds} {unit}.'
		)
		return Refusal(429, sentence, seconds)


def read_headers(scope: Scope) -> Headers:
	"""By their names in small letters; what is sent twice is one list."""
	headers: dict[str, str] = {}
	for key, value in scope['headers']:
		name, text = key.decode('latin-1').lower(), value.decode('latin-1')
		headers[name] = f'{headers[name]},{text}' if name in headers else text
	return headers


def host_name(host: str) -> str:
	"""A Host header without its port."""
	if host.startswith('['):
		return host.partition(']')[0] + ']'
	return host.partition(':')[0].casefold()


def not_ours(name: str) -> str:
	told = f'the name {name}' if name.isprintable() and 0 < len(name) <= 100 else 'this name'
	return (
		f'LocalAI is not set up for {told}. If it is yours, add it to LOCALAI_NAMES and restart '
		'LocalAI.'
	)


def with_safety(send: Send) -> Send:
	async def wrapped(message: Message) -> None:
		if message['type'] == 'http.response.start':
			message['headers'] = [*message['headers'], *SAFETY]
		await send(message)

	return wrapped


async def answer(send: Send, refusal: Refusal) -> None:
	headers = [(b'content-type', b'application/json'), *SAFETY]
	if refusal.status == 401:
		headers.append((b'www-authenticate', b'Basic realm="LocalAI", charset="UTF-8"'))
	if refusal.seconds:
		headers.append((b'retry-after', str(refusal.seconds).encode()))
	body = json.dumps({'error': {'message': refusal.sentence}}).encode()
	await send({'type': 'http.response.start', 'status': refusal.status, 'headers': headers})
	await send({'type': 'http.response.body', 'body': body})
