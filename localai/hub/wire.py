"""Knows how one file is asked for over HTTP: connections that stay open, proxies, redirects, and who may
see the token."""

import http.client
import re
import socket
import threading
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from ssl import SSLContext
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from huggingface_hub.utils import httpx

from localai import __version__
from localai.errors import LinkRefused

CONNECT_SECONDS = 10
REDIRECTS = (301, 302, 303, 307, 308)
HOPS = 5
PORTS = {'http': 80, 'https': 443}
# Names that an address was checked for: host and port -> where to connect instead of asking again.
Places = Callable[[str, int], list[str]]


class Refused(Exception):
	"""The server answered, but not with the file. `code` is the hub's X-Error-Code."""

	def __init__(
		self, status: int, code: str = '', retry_after: float | None = None, login: bool = False
	):
		super().__init__(f'HTTP {status} {code}'.strip())
		self.status, self.code, self.retry_after, self.login = status, code, retry_after, login

	@property
	def passing(self) -> bool:
		"""Whether it may be different in a moment."""
		return self.status in (408, 425, 429) or self.status >= 500


@cache
def trust() -> SSLContext:
	return httpx.create_ssl_context()


def origin(url: str) -> tuple[str, str, int]:
	split = urlsplit(url)
	return split.scheme, (split.hostname or '').lower(), split.port or PORTS.get(split.scheme, 0)


class Line(http.client.HTTPConnection):
	"""One connection; to `places` when the address was checked before, through `proxy` when there is one."""

	def __init__(self, url: str, places: list[str], stall: float):
		self.scheme, self.name, self.door = origin(url)
		self.places, self.stall = places, stall
		self.plain_proxy = self.tunnelled = False
		proxy = find_proxy(self.scheme, self.name)
		if proxy is None or proxy.hostname is None:
			super().__init__(self.name, self.door, timeout=min(CONNECT_SECONDS, stall))
			return
		super().__init__(proxy.hostname, proxy.port or 80, timeout=min(CONNECT_SECONDS, stall))
		self.places = []
		self.credentials: dict[str, str] = {}
		if proxy.username:
			pair = f'{unquote(proxy.username)}:{unquote(proxy.password or "")}'.encode()
			self.credentials = {'Proxy-Authorization': f'Basic {b64encode(pair).decode()}'}
		if self.scheme == 'https':
			self.set_tunnel((places or [self.name])[0], self.door, headers=self.credentials)
			self.tunnelled = True
		else:
			self.plain_proxy = True

	def connect(self) -> None:
		error: OSError | None = None
		for place in self.places or [self.host]:
			try:
				self.sock = socket.create_connection((place, self.port), self.timeout)
				break
			except OSError as refusal:
				error = refusal
		else:
			raise error or OSError('no address')
		self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
		if self.tunnelled:
			# As the `connect` that this one replaces does.
			self._tunnel()  # type: ignore[attr-defined]
		if self.scheme == 'https':
			self.sock = trust().wrap_socket(self.sock, server_hostname=self.name)
		self.sock.settimeout(self.stall)


def find_proxy(scheme: str, host: str) -> SplitResult | None:
	"""The proxy of the environment or the system, as other programs find it; None for none."""
	proxies = getproxies()
	found = proxies.get(scheme) or proxies.get('all')
	if not found or proxy_bypass(host):
		return None
	split = urlsplit(found if '://' in found else f'http://{found}')
	return split if split.scheme in ('http', '') and split.hostname else None


class Wire:
	"""The connections of one thread, one for each origin, kept open. `abort` may be called from any thread."""

	def __init__(self, stall: float = 20):
		self.stall = stall
		self.lines: dict[tuple, Line] = {}
		self.lock = threading.Lock()
		self.aborted = False

	def get(
		self, url: str, headers: dict[str, str], places: Places | None
	) -> http.client.HTTPResponse:
		"""One request without redirects. An open connection that the server has closed meanwhile is opened anew."""
		key = origin(url)
		split = urlsplit(url)
		target = quote(split.path or '/', safe="/%:@!$&'()*+,;=~-._") + (
			f'?{split.query}' if split.query else ''
		)
		host = f'[{key[1]}]' if ':' in key[1] else key[1]
		headers = {'Host': host if key[2] == PORTS.get(key[0]) else f'{host}:{key[2]}'} | headers
		while True:
			line = self.lines.get(key)
			fresh = line is None
			if line is None:
				line = Line(url, places(key[1], key[2]) if places else [], self.stall)
				with self.lock:
					if self.aborted:
						raise ConnectionAbortedError('stopped')
					self.lines[key] = line
			try:
				if line.plain_proxy:
					line.request('GET', url, headers=headers | line.credentials)
				else:
					line.request('GET', target, headers=headers)
				return line.getresponse()
			except (OSError, http.client.HTTPException) as error:
				self.drop(key)
				if fresh or isinstance(error, TimeoutError) or self.aborted:
					raise

	def drop(self, key: tuple) -> None:
		with self.lock:
			line = self.lines.pop(key, None)
		if line:
			line.close()

	def close(self) -> None:
		for key in list(self.lines):
			self.drop(key)

	def abort(self) -> None:
		"""Wakes the thread that waits for bytes."""
		with self.lock:
			self.aborted = True
			lines = list(self.lines.values())
		for line in lines:
			if line.sock is not None:
				with suppress(OSError):
					line.sock.shutdown(socket.SHUT_RDWR)


class Source:
	"""Where a file comes from. `token` goes to the origin of `url` and to nobody else.

	`places` checks a name and says where to connect; `check` may refuse an address before it is asked,
	and `accept` an answer before it is read. `explain` turns a final refusal into ours.
	"""

	def __init__(
		self,
		url: str,
		token: Callable[[], str] = str,
		places: Places | None = None,
		check: Callable[[str], None] = lambda url: None,
		accept: Callable[[http.client.HTTPResponse], None] = lambda response: None,
		explain: Callable[[Refused], Exception] = lambda refusal: refusal,
	):
		self.url, self.token, self.places = url, token, places
		self.check, self.accept, self.explain = check, accept, explain
		# Where redirects led, so that not every piece asks again.
		self.location = ''

	def open(self, wire: Wire, start: int, end: int) -> http.client.HTTPResponse:
		"""The response with the bytes from `start` up to `end`, or with all of them when the server ignores
		ranges (status 200). Raises Refused, LinkRefused, OSError, HTTPException."""
		if self.location:
			try:
				return self.follow(wire, self.location, start, end)
			except Refused as refusal:
				if refusal.passing:
					raise
				self.location = ''  # such links are signed and expire
		return self.follow(wire, self.url, start, end)

	def follow(self, wire: Wire, url: str, start: int, end: int) -> http.client.HTTPResponse:
		for _ in range(HOPS + 1):
			headers = {
				'Accept': '*/*',
				'Accept-Encoding': 'identity',
				'User-Agent': f'localai/{__version__}',
				'Range': f'bytes={start}-{end - 1}',
			}
			self.check(url)
			token = self.token() if origin(url) == origin(self.url) else ''
			if token:
				headers['Authorization'] = f'Bearer {token}'
			response = wire.get(url, headers, self.places)
			where = response.getheader('Location')
			if response.status in (200, 206):
				self.accept(response)
				if url != self.url:
					self.location = url
				return response
			if response.status in REDIRECTS and where:
				finish(response, wire, url)
				url = self.next_url(url, where)
				continue
			code = response.getheader('X-Error-Code') or ''
			refusal = Refused(response.status, code, retry_after(response), bool(token))
			finish(response, wire, url)
			raise refusal
		raise LinkRefused('The link redirects too many times.')

	def next_url(self, url: str, where: str) -> str:
		there = urljoin(url, where)
		scheme = urlsplit(there).scheme
		if scheme not in PORTS or (scheme == 'http' and url.startswith('https:')):
			raise LinkRefused(
				'The link leads to an address that is not https.', 'Use another link.'
			)
		return there


def finish(response: http.client.HTTPResponse, wire: Wire, url: str) -> None:
	"""Reads a small rest so that the connection can be used again, or gives it up."""
	if (response.length or 0) > 65536 or response.chunked:
		wire.drop(origin(url))
		return
	try:
		response.read()
	except (OSError, http.client.HTTPException):
		wire.drop(origin(url))


def retry_after(response: http.client.HTTPResponse) -> float | None:
	"""Seconds; the other form, a date, is not used by any hub."""
	given = response.getheader('Retry-After') or ''
	return float(given) if re.fullmatch(r'\d{1,5}', given.strip()) else None
