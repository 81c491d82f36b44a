"""Knows all that can be asked of the app: its routes, its endpoints, the functions of its page, each with
the names that it reads; and makes one request of junk after the other."""

import inspect
import re
from typing import Any, NamedTuple

from localai.schemas.downloads import DownloadRequest, HubQuery
from localai.schemas.exchange import ExportRequest
from localai.schemas.generation import GenerationRequest
from localai.schemas.history import HistoryQuery, MarkChange
from localai.schemas.models import ModelQuery
from localai.ui import blocks
from localai.ui.endpoints import ENDPOINTS
from localai.ui.routes import ROUTES, UNUSED
from tools.fuzz.house import House
from tools.fuzz.junk import Junk

API = '/gradio_api'
METHODS = ('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS')
SCHEMAS = (
	GenerationRequest, HistoryQuery, ModelQuery, HubQuery, DownloadRequest, ExportRequest, MarkChange,
)  # fmt: skip
READ = re.compile(r"given(?:\.get\(|\[)'(\w+)'|fields(?:\.get\(|\[)'(\w+)'|number\(given, '(\w+)'")
SOUND: dict[str, Any] = {
	'prompt': 'a fox', 'steps': 1, 'width': 64, 'height': 64, 'id': 1, 'ids': [1, 2], 'left': 1, 'right': 2,
	'model': 'sketchbook', 'change': {'rating': 3}, 'text': 'fox', 'limit': 5, 'offset': 0, 'mode': 'stop',
	'pictures': [1], 'search': 'fox', 'picture': 1, 'format': 'zip',
}  # fmt: skip


class Asked(NamedTuple):
	"""`then` is where the answer is heard, with the number of the call in it."""

	what: str
	method: str
	path: str
	headers: dict[str, str]
	body: bytes | None = None
	then: str = ''
	half: bool = False


class Asking:
	def __init__(self, house: House, junk: Junk):
		self.house = house
		self.junk = junk
		self.functions = {f.__name__: names_in(f) for f in blocks.functions(house.studio)}
		self.common = sorted({n for schema in SCHEMAS for n in schema.model_fields} | set(SOUND))
		paths = house.app.openapi()['paths']
		self.routes = [(m.upper(), path) for path, methods in paths.items() for m in methods]
		self.gradio = [(m, path) for path in [*ROUTES, *UNUSED] for m in ('GET', 'POST')]

	def one(self) -> Asked:
		lot = self.junk.lot
		makers = (self.of_route, self.of_gradio, self.of_function, self.of_endpoint, self.of_queue)
		asked = lot.choices(makers, (30, 8, 35, 25, 4))[0]()
		if self.junk.one_in(12):
			asked = asked._replace(method=lot.choice(METHODS), then='')
		if self.junk.one_in(2):
			asked = asked._replace(
				what=f'stranger: {asked.what}',
				headers=asked.headers | {'X-Forwarded-For': '9.9.9.9'},
			)
		if self.junk.one_in(40):
			name = lot.choice(
				('Host', 'Origin', 'Authorization', 'Cookie', 'Range', 'Accept-Encoding')
			)
			asked = asked._replace(headers=asked.headers | {name: self.junk.word()})
		return asked._replace(half=asked.body is not None and self.junk.one_in(60))

	def sent(self, what: str, path: str, value: Any, then: str = '', method: str = 'POST') -> Asked:
		headers = {'Content-Type': self.junk.kind()}
		return Asked(what, method, path, headers, self.junk.body(value), then)

	def of_route(self) -> Asked:
		method, path = self.junk.lot.choice(self.routes)
		told = f'{method} {path}'
		path = re.sub(r'{[^}]*}', lambda hole: self.hole(), path)
		if self.junk.one_in(3):
			path += '?' + '&'.join(
				f'{n}={self.quoted()}' for n in self.names(['limit', 'mode', 'follow'])
			)
		if method in ('GET', 'HEAD'):
			return Asked(told, method, path, {})
		if path.startswith(('/api/history/import?', '/api/history/read')) or path.endswith(
			'/import'
		):
			data = self.junk.lot.choice(
				(b'', b'PK\3\4', b'\x89PNG\r\n\x1a\n' + bytes(40), bytes(999))
			)
			return Asked(told, method, path, {}, data)
		return self.sent(
			told, path, self.junk.fields(self.names(self.common), SOUND), method=method
		)

	def of_gradio(self) -> Asked:
		method, path = self.junk.lot.choice(self.gradio)
		told = f'{method} {path}'
		path = re.sub(r'{[^}]*}', lambda hole: self.hole(), path)
		if method == 'GET':
			return Asked(told, method, f'{path}?{self.junk.word()}={self.quoted()}', {})
		names = ['session_hash', 'fn_index', 'event_id', 'data', 'component_id', 'fn_name']
		return self.sent(told, path, self.junk.fields(names))

	def of_function(self) -> Asked:
		name = self.junk.lot.choice(list(self.functions))
		names = [*self.functions[name], *self.names(self.common)]
		given = self.junk.fields(names, SOUND)
		fields = {
			'component_id': self.house.wire,
			'fn_name': name,
			'session_hash': 'fuzz',
			'data': given,
		}
		if self.junk.one_in(10):
			fields[self.junk.lot.choice(list(fields))] = self.junk.value()
		return self.sent(name, f'{API}/component_server', fields)

	def of_endpoint(self) -> Asked:
		name = self.junk.lot.choice(sorted(ENDPOINTS))
		parameters = self.parameters(name)
		values = {
			p['parameter_name']: p.get('parameter_default', SOUND.get(p['parameter_name']))
			for p in parameters
		}
		if self.junk.one_in(4):
			fields = self.junk.fields(list(values), values | SOUND)
			return self.sent(f'v2{name}', f'{API}/call/v2{name}', fields, f'{API}/call{name}/')
		data = [self.junk.value() if self.junk.one_in(3) else value for value in values.values()]
		if self.junk.one_in(8):
			data = data[: self.junk.lot.randrange(len(data) + 1)] + self.junk.row()
		fields = {'data': data} if not self.junk.one_in(20) else self.junk.fields(['data'])
		return self.sent(name, f'{API}/call{name}', fields, f'{API}/call{name}/')

	def of_queue(self) -> Asked:
		session = f'fuzz{self.junk.lot.randrange(10**9)}'
		fields = {'fn_index': self.junk.lot.randrange(-1, 25), 'data': [], 'session_hash': session}
		if self.junk.one_in(3):
			fields[self.junk.lot.choice(list(fields))] = self.junk.value()
		then = f'{API}/queue/data?session_hash={session}#'
		return self.sent('queue/join', f'{API}/queue/join', fields, then)

	def parameters(self, name: str) -> list[dict[str, Any]]:
		if not hasattr(self, 'info'):
			mounted = self.house.app.routes[-1].app.app.app.app
			self.info = mounted.endpoints
		return self.info[name.lstrip('/')]

	def names(self, all_names: list[str]) -> list[str]:
		return self.junk.lot.sample(all_names, self.junk.lot.randrange(min(5, len(all_names)) + 1))

	def hole(self) -> str:
		return self.junk.lot.choice(('1', '2', '99', '0', '-1', '9' * 30, self.quoted() or 'x'))

	def quoted(self) -> str:
		data = self.junk.text().encode('utf-8', 'surrogatepass')[:300]
		return ''.join(
			f'%{byte:02x}' if not chr(byte).isalnum() or byte > 127 else chr(byte) for byte in data
		)


def names_in(function: Any) -> list[str]:
	"""The names that a function of the page reads of what it is given."""
	source = inspect.getsource(inspect.unwrap(function))
	return sorted({next(filter(None, found)) for found in READ.findall(source)})
