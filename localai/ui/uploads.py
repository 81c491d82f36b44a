"""Knows what visitors may send, and for how long it lies here: a folder of our own, so much of each in an
hour, nothing that is older."""

import asyncio
import json
import os
import shutil
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from localai.errors import InvalidInput, LocalAIError
from localai.services.visitors import visitor_of

ADDRESS = '/gradio_api/upload'
MB = 1024**2
AGE = 3600.0  # seconds
UNFINISHED = 120.0  # seconds after which a part that nothing is added to is given up
LARGEST = 65 * MB  # one of 64, and what stands around it
OF_ONE, OF_ALL = 256 * MB, 1024 * MB  # in that time
FILES_OF_ONE, FILES_OF_ALL = 200, 2000


class Sent(NamedTuple):
	when: float
	name: str
	size: int
	files: int


class Uploads:
	"""An ASGI layer before Gradio, whose uploads go to `folder`; programs hear their names below it."""

	def __init__(
		self,
		app: ASGIApp,
		folder: Path,
		prefix: str = '',
		clock: Callable[[], float] = time.time,
	):
		self.app = app
		self.folder = folder
		self.prefix = prefix
		self.clock = clock
		self.sent: deque[Sent] = deque()
		shutil.rmtree(folder, ignore_errors=True)  # what the last run left

	async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
		upload = scope['type'] == 'http' and scope['method'] == 'POST'
		if not upload or scope['path'].removeprefix(self.prefix) != ADDRESS:
			await self.app(scope, receive, send)
			return
		headers = Headers(scope=scope)
		visitor = visitor_of(headers)
		try:
			size = self.size(headers)
			if not visitor.may('owner'):
				self.check(visitor.name, size)
		except LocalAIError as error:
			status = 413 if isinstance(error, TooMuch) else 422
			return await JSONResponse({'error': error.told()}, status)(scope, receive, send)
		now = Sent(self.clock(), visitor.name, size, 1)
		self.sent.append(now)
		self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
		try:
			await self.app(scope, receive, self.telling(send, now))
		finally:
			loop = asyncio.get_running_loop()
			for seconds in (UNFINISHED, AGE):
				loop.call_later(seconds + 1, self.sweep)

	def size(self, headers: Headers) -> int:
		"""Raises InvalidInput, TooMuch."""
		kind, _, rest = headers.get('content-type', '').partition(';')
		if kind.strip().lower() != 'multipart/form-data' or 'boundary=' not in rest:
			raise InvalidInput('No file was sent.', 'Send it as multipart/form-data.', 'files')
		length = headers.get('content-length', '')
		if not length.isascii() or not length.isdecimal():
			raise InvalidInput(
				'The length of the file is missing.', 'Send Content-Length.', 'files'
			)
		if len(length) > 18 or int(length) > LARGEST:
			raise TooMuch('The file is larger than 64 MB.', 'Send a smaller one.', 'files')
		return int(length)

	def check(self, name: str, size: int) -> None:
		"""Raises TooMuch."""
		while self.sent and self.sent[0].when < self.clock() - AGE:
			self.sent.popleft()
		own = [one for one in self.sent if one.name == name]
		for sent, bytes_most, files_most in (
			(own, OF_ONE, FILES_OF_ONE),
			(self.sent, OF_ALL, FILES_OF_ALL),
		):
			total, files = sum(s.size for s in sent), sum(s.files for s in sent)
			if total + size > bytes_most or files >= files_most:
				raise TooMuch(
					f'Visitors can send up to {bytes_most // MB} MB or {files_most} files an hour.',
					'Send the rest later.',
					'files',
				)

	def telling(self, send: Send, now: Sent) -> Send:
		"""The answer names the files below our folder only."""
		start: Message = {}
		body = b''

		async def told(message: Message) -> None:
			nonlocal start, body
			if message['type'] == 'http.response.start' and message['status'] == 200:
				start = message
			elif not start or message['type'] != 'http.response.body':
				await send(message)
			else:
				body += message.get('body', b'')
				if message.get('more_body'):
					return
				paths = [os.path.relpath(path, self.folder) for path in json.loads(body)]
				self.sent.append(now._replace(size=0, files=max(0, len(paths) - 1)))
				body = json.dumps([path.replace(os.sep, '/') for path in paths]).encode()
				kept = [h for h in start['headers'] if h[0].lower() != b'content-length']
				length = b'content-length', str(len(body)).encode()
				await send({**start, 'headers': [*kept, length]})
				await send({'type': 'http.response.body', 'body': body})

		return told

	def sweep(self) -> None:
		"""Gradio puts each file into a folder of its own when all of it is here."""
		now = self.clock()
		for path in self.folder.glob('*'):
			try:
				about = path.stat()
				if path.is_dir():
					if about.st_mtime < now - AGE:
						shutil.rmtree(path, ignore_errors=True)
				elif about.st_mtime < now - UNFINISHED:
					path.unlink()
			except OSError:  # somebody was faster
				continue


class TooMuch(InvalidInput):
	pass
