"""Knows what Gradio can be asked: whatever is not that is refused in one sentence before Gradio reads it,
and what it reads is whole text that names no file of this machine."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import gradio as gr
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from localai.errors import InvalidInput, UnknownName
from localai.services.fields import short
from localai.text import plain, sound_all

LIMIT = 4_000_000  # bytes of one request: the numbers of 100,000 pictures fit
NAME_LIMIT = 200  # characters of what tells one session or call from another
MARK = 'meta'  # by which Gradio knows a file among what was sent
CALL, NAMED = '/gradio_api/call/', 'v2/'
Fields = dict[str, Any]
Reader = Callable[[Fields], Fields]


class TooLong(Exception):
	"""More than anything that can be asked."""


class Asking:
	"""An ASGI layer before Gradio. `page` are the functions that the scripts of the page call, of the
	component with that number."""

	def __init__(
		self, app: ASGIApp, demo: gr.Blocks, page: tuple[int, frozenset[str]], prefix: str
	):
		self.app = app
		self.demo = demo
		self.page = page
		self.prefix = prefix
		named = demo.get_api_info()['named_endpoints']
		self.endpoints = {n.lstrip('/'): endpoint['parameters'] for n, endpoint in named.items()}
		self.indices = {index for index, fn in demo.fns.items() if fn.fn is not None}
		self.readers: dict[str, Reader] = {
			'/gradio_api/component_server': self.of_page,
			'/gradio_api/queue/join': self.of_queue,
			'/gradio_api/cancel': self.of_cancel,
			'/gradio_api/reset': self.of_reset,
		}

	async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
		if scope['type'] != 'http':
			await self.app(scope, receive, send)
			return
		try:
			reader = self.reader(scope['method'], scope['path'].removeprefix(self.prefix))
			if reader is not None:
				body = json.dumps(reader(await read(scope, receive))).encode()
				scope, receive = retold(scope, body), again(body, receive)
		except TooLong:
			error = InvalidInput('The request is too long.', 'Send less at once.')
			return await refused(error, 413)(scope, receive, send)
		except InvalidInput as error:
			return await refused(error)(scope, receive, send)
		await self.app(scope, receive, send)

	def reader(self, method: str, path: str) -> Reader | None:
		"""What reads the body of such a request; None where there is none to read. Raises
		UnknownName."""
		if not path.startswith(CALL):
			return self.readers.get(path.rstrip('/')) if method == 'POST' else None
		rest = path.removeprefix(CALL)
		name, _, event = rest.removeprefix(NAMED).rstrip('/').partition('/')
		if name not in self.endpoints:
			raise UnknownName(
				f'There is no endpoint {short(name)}.', 'See /gradio_api/info.', 'api_name'
			)
		if event and not self.heard(event):
			raise UnknownName('This call has ended, or there never was one.', field='event_id')
		if event or method != 'POST':
			return None
		return partial(self.of_named if rest.startswith(NAMED) else self.of_call, name)

	def heard(self, event: str) -> bool:
		"""Whether there is something to hear of a call, as Gradio itself finds it."""
		queue = self.demo._queue
		waiting = queue.pending_event_ids_session.values()
		return event in queue.event_ids_to_events or any(event in ids for ids in waiting)

	# Each kind of request: what Gradio gets of it. All raise InvalidInput

	def of_page(self, fields: Fields) -> Fields:
		"""A function of the page."""
		component, functions = self.page
		name = fields.get('fn_name')
		if fields.get('component_id') != component or isinstance(fields['component_id'], bool):
			raise UnknownName('That is not part of the page.', 'Reload it.', 'component_id')
		if not isinstance(name, str) or name not in functions:
			raise UnknownName(f'The page has no function {short(name)}.', 'Reload it.', 'fn_name')
		return {
			'component_id': component,
			'fn_name': name,
			'session_hash': name_in(fields, 'session_hash'),
			'data': fields.get('data'),
		}

	def of_queue(self, fields: Fields) -> Fields:
		"""An event of the page, or an endpoint as Gradio's clients call it."""
		index = fields.get('fn_index')
		if isinstance(index, bool) or not isinstance(index, int) or index not in self.indices:
			raise UnknownName(f'There is no function {short(index)}.', field='fn_index')
		name = str(self.demo.fns[index].api_name)
		trigger = fields.get('trigger_id')
		return {
			'fn_index': index,
			'session_hash': name_in(fields, 'session_hash'),
			'data': self.whole(name, fields.get('data')),
			'trigger_id': trigger if type(trigger) is int else None,
		}

	def of_call(self, name: str, fields: Fields) -> Fields:
		"""`{"data": […]}` for an endpoint: its values in their order."""
		told: Fields = {'data': self.whole(name, fields.get('data'))}
		if fields.get('session_hash') is not None:
			told['session_hash'] = name_in(fields, 'session_hash')
		return told

	def of_named(self, name: str, fields: Fields) -> Fields:
		"""The values of an endpoint by their names."""
		known = {p['parameter_name']: p for p in self.endpoints[name]}
		for field in fields:
			if field not in known:
				raise InvalidInput(
					f'/{name} has no parameter {short(field)}.', field=plain(field, 80)
				)
		for field, parameter in known.items():
			if field not in fields and not parameter['parameter_has_default']:
				raise InvalidInput(f'{field} is missing.', field=field)
		return fields

	def of_cancel(self, fields: Fields) -> Fields:
		index = fields.get('fn_index')
		if isinstance(index, bool) or not isinstance(index, int):
			raise InvalidInput('No function was named.', 'Send its number.', 'fn_index')
		names = {name: name_in(fields, name) for name in ('session_hash', 'event_id')}
		return names | {'fn_index': index}

	def of_reset(self, fields: Fields) -> Fields:
		return {'event_id': name_in(fields, 'event_id')}

	def whole(self, name: str, data: object) -> list[Any]:
		"""The values of an endpoint; those left out at the end are what they are by default."""
		if not isinstance(data, list):
			raise InvalidInput('The values are not a list.', 'Send {"data": […]}.', 'data')
		parameters = self.endpoints.get(name)
		if parameters is None:  # an event of the page, which takes none
			return []
		if len(data) > len(parameters):
			most = len(parameters)
			raise InvalidInput(
				f'/{name} was sent {len(data)} values; the limit is {most}.', field='data'
			)
		for parameter in parameters[len(data) :]:
			if not parameter['parameter_has_default']:
				field = parameter['parameter_name']
				raise InvalidInput(f'{field} is missing.', field=field)
			data = [*data, parameter['parameter_default']]
		return data


def name_in(fields: Mapping[str, object], what: str) -> str:
	"""What tells one session or one call from another. Raises InvalidInput."""
	name = fields.get(what)
	if not isinstance(name, str) or not 0 < len(name) <= NAME_LIMIT:
		raise InvalidInput(f'{what} is missing.', 'Send a short text.', what)
	return name


async def read(scope: Scope, receive: Receive) -> Fields:
	"""The object in the body, its texts whole. Raises InvalidInput, TooLong."""
	kind = Headers(scope=scope).get('content-type', '')
	if kind.partition(';')[0].strip().lower() != 'application/json':
		raise InvalidInput('The request is not JSON.', 'Send it as application/json.')
	body = b''
	while True:
		message = await receive()
		body += message.get('body', b'')
		if len(body) > LIMIT:
			raise TooLong
		if not message.get('more_body'):
			break
	try:
		fields = json.loads(body)
	except (ValueError, RecursionError):
		fields = None
	if not isinstance(fields, dict):
		raise InvalidInput('The request is not a JSON object.', 'Send {…}.')
	return without_files(sound_all(fields))


def without_files(value: Any) -> Any:
	"""Gradio would fetch or copy whatever is marked as a file; none of our functions takes one from
	it."""
	if isinstance(value, dict):
		return {
			k: without_files(one) for k, one in value.items() if k != MARK or 'path' not in value
		}
	return [without_files(one) for one in value] if isinstance(value, list) else value


def retold(scope: Scope, body: bytes) -> Scope:
	gone = (b'content-length', b'transfer-encoding')
	kept = [pair for pair in scope['headers'] if pair[0].lower() not in gone]
	return {**scope, 'headers': [*kept, (b'content-length', str(len(body)).encode())]}


def again(body: bytes, receive: Receive) -> Receive:
	"""The body as if it came now; after it, whatever comes."""
	heard = False

	async def next_message() -> Message:
		nonlocal heard
		if heard:
			return await receive()
		heard = True
		return {'type': 'http.request', 'body': body, 'more_body': False}

	return next_message


def refused(error: InvalidInput, status: int = 0) -> JSONResponse:
	status = status or (404 if isinstance(error, UnknownName) else 422)
	return JSONResponse({'error': error.told()}, status)
