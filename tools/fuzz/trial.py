"""Knows how one request is made, and when its answer is a fault: an error of the server, a traceback, an
empty reason, or none at all."""

import contextlib
import json
import socket
import time
from typing import NamedTuple

import httpx

from tools.fuzz.asking import Asked

PATIENCE = 30.0  # seconds for an answer
LISTENED = 3.0  # seconds to a stream
# By these a stream says that it goes on, with nothing new.
LASTING = ('event: heartbeat', 'data: {"msg":"heartbeat"', 'data: ALIVE')
EMPTY = (
	'event: error\ndata: {"error": null',
	'event: error\ndata: null',
	'Something went wrong in LocalAI',
)


class Verdict(NamedTuple):
	status: int
	fault: str


class Trial:
	def __init__(self, port: int):
		self.port = port
		limits = httpx.Limits(max_keepalive_connections=4)
		address = f'http://127.0.0.1:{port}'
		self.client = httpx.Client(
			base_url=address, timeout=PATIENCE, limits=limits, trust_env=False
		)

	def close(self) -> None:
		self.client.close()

	def run(self, asked: Asked) -> Verdict:
		if asked.half:
			return self.half(asked)
		try:
			status, text = self.heard(asked.method, asked.path, asked.headers, asked.body)
			if asked.then and status == 200:
				event = json.loads(text).get('event_id', '')
				then = asked.then.partition('#')[0] if '#' in asked.then else asked.then + event
				headers = {k: v for k, v in asked.headers.items() if k == 'X-Forwarded-For'}
				status, text = self.heard('GET', then, headers, None)
		except (httpx.InvalidURL, httpx.LocalProtocolError, UnicodeError, ValueError):
			return Verdict(0, '')  # nothing that can be sent
		except httpx.RemoteProtocolError as error:
			return Verdict(0, f'the line broke: {error}')
		except (httpx.TimeoutException, httpx.NetworkError) as error:
			return Verdict(0, f'no answer: {type(error).__name__}')
		if status >= 500:
			return Verdict(status, f'{status}: {text[:500]}')
		if any(sign in text for sign in EMPTY):
			return Verdict(status, f'no reason: {text[:500]}')
		return Verdict(status, '')

	def heard(
		self, method: str, path: str, headers: dict[str, str], body: bytes | None
	) -> tuple[int, str]:
		with self.client.stream(method, path, headers=headers, content=body) as answer:
			kind = answer.headers.get('content-type', '')
			if 'event-stream' not in kind and 'ndjson' not in kind:
				answer.read()
				return answer.status_code, answer.text
			text, end = '', time.monotonic() + LISTENED
			with contextlib.suppress(httpx.ReadTimeout):  # it lasts, as the following of a job does
				for line in answer.iter_lines():
					text += line + '\n'
					if line.startswith(LASTING) or time.monotonic() > end:
						break
			return answer.status_code, text

	def half(self, asked: Asked) -> Verdict:
		"""A body that ends before it should, and a line that is cut."""
		body = asked.body or b''
		head = [f'{asked.method} {asked.path} HTTP/1.1', f'Host: 127.0.0.1:{self.port}']
		head += [f'{name}: {value}' for name, value in asked.headers.items()]
		head += [f'Content-Length: {len(body) + 50}', '', '']
		with socket.create_connection(('127.0.0.1', self.port), timeout=PATIENCE) as line:
			line.sendall('\r\n'.join(head).encode('utf-8', 'replace') + body[:2000])
		return Verdict(0, '')
