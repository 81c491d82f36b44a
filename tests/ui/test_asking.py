"""What Gradio is asked: junk gets one sentence and no traceback, and nothing that is asked leads to a file
of this machine."""

import asyncio
import io
import json
import logging
from pathlib import Path

import pytest
from starlette.exceptions import HTTPException

from localai.api.guard import Guard
from localai.services.visitors import Visitor
from localai.ui.endpoints.doors import guarded
from localai.ui.failures import Failures
from localai.ui.visitors import open_to
from tests.fakes import FakeExecutor
from tests.samples import png
from tests.visits import ask, call, visited

API = '/gradio_api'
SCOPE = {'type': 'http', 'path': '/', 'method': 'GET', 'headers': []}
EVIL = {'Origin': 'https://evil.example', 'Host': '192.168.1.7:7860'}


@pytest.fixture(scope='module')
def house(tmp_path_factory):
	with visited(tmp_path_factory.mktemp('asked'), FakeExecutor()) as house:
		yield house


@pytest.fixture
def drawn(house):
	"""A finished job of two pictures."""
	fields = {'prompt': 'a kite', 'count': 2, 'steps': 1, 'width': 64, 'height': 64}
	*_, end = house.studio.jobs.follow(house.studio.generation.start(fields).id)
	return end


@pytest.fixture(autouse=True)
def no_traceback(caplog, capfd):
	"""Neither in the log nor past it."""
	yield
	assert not [r for r in caplog.records if r.exc_info]
	assert 'Traceback' not in capfd.readouterr().err


def wire(client) -> int:
	components = client.get('/config').json()['components']
	return next(c['id'] for c in components if c['props'].get('elem_id') == 'wire')


def sentence(answer, status: int) -> str:
	assert answer.status_code == status, answer.text
	error = answer.json()['error']
	assert error['message'] and '\n' not in error['message'] and '\x1b' not in answer.text
	return f'{error["message"]} {error["remedy"]}'


class TestJunk:
	@pytest.mark.parametrize(
		('path', 'body', 'status', 'words'),
		[
			('call/v2/submit', {}, 422, 'prompt is missing.'),
			('call/v2/submit', {'widht': 1, 'prompt': 'x'}, 422, "has no parameter 'widht'."),
			('call/v2/nothing', {}, 404, "no endpoint 'nothing'."),
			('call/nothing', {'data': []}, 404, "no endpoint 'nothing'."),
			('call/nothing%1b[31m', {'data': []}, 404, 'no endpoint'),
			('call/ui_follow', {'data': []}, 404, "no endpoint 'ui_follow'."),
			('call/submit', {}, 422, 'The values are not a list.'),
			('call/submit', {'data': 'x'}, 422, 'The values are not a list.'),
			('call/submit', {'data': []}, 422, 'prompt is missing.'),
			('call/jobs', {'data': [1, 2]}, 422, '/jobs was sent 2 values; the limit is 0.'),
			('call/jobs', {'data': [], 'session_hash': 7}, 422, 'session_hash is missing.'),
			('call/jobs', [], 422, 'not a JSON object'),
			('queue/join', {}, 404, 'no function None.'),
			('queue/join', {'fn_index': 99_999, 'session_hash': 'x', 'data': []}, 404, '99999'),
			('queue/join', {'fn_index': True, 'session_hash': 'x', 'data': []}, 404, 'True'),
			('queue/join', {'fn_index': [], 'session_hash': 'x'}, 404, 'no function []'),
			('component_server', {}, 404, 'not part of the page'),
			('component_server', {'component_id': 99_999}, 404, 'not part of the page'),
			('component_server', {'component_id': []}, 404, 'not part of the page'),
			('component_server', {'component_id': {'a': 1}}, 404, 'not part of the page'),
			('cancel', {}, 422, 'No function was named.'),
			('cancel', {'fn_index': 0, 'session_hash': [], 'event_id': 1}, 422, 'is missing'),
			('reset', {'event_id': None}, 422, 'event_id is missing.'),
		],
	)
	def test_one_sentence(self, house, path, body, status, words):
		assert words in sentence(house.owner.post(f'{API}/{path}', json=body), status)

	@pytest.mark.parametrize('name', ['', 7, None, [], 'ui_nothing', '__class__', 'get_config'])
	def test_only_functions_of_the_page(self, house, name):
		body = {'component_id': wire(house.owner), 'fn_name': name, 'session_hash': 's', 'data': {}}
		told = sentence(house.owner.post(f'{API}/component_server', json=body), 404)
		assert 'The page has no function' in told

	@pytest.mark.parametrize('path', ['component_server', 'queue/join', 'call/jobs', 'cancel'])
	@pytest.mark.parametrize(
		'body', [b'', b'{', b'null', b'\xff\xfe', b'[' * 200_000, b'{"a":' + b'9' * 9000, b'"x"']
	)
	def test_what_is_no_object(self, house, path, body):
		kind = {'Content-Type': 'application/json'}
		answer = house.owner.post(f'{API}/{path}', content=body, headers=kind)
		assert 'not a JSON object' in sentence(answer, 422)

	@pytest.mark.parametrize('kind', ['text/plain', 'multipart/form-data; boundary=x', ''])
	def test_what_is_not_json(self, house, kind):
		for path in ('component_server', 'queue/join', 'call/jobs'):
			answer = house.owner.post(
				f'{API}/{path}', content=b'{}', headers={'Content-Type': kind}
			)
			assert 'is not JSON' in sentence(answer, 422)

	def test_more_than_anything_that_can_be_asked(self, house):
		answer = house.owner.post(f'{API}/call/jobs', json={'data': ['x' * 4_000_001]})
		assert 'too long' in sentence(answer, 413)

	def test_a_call_that_is_not_there(self, house):
		for path in ('call/jobs/nothing', 'call/v2/jobs/nothing', 'call/jobs/%1b%5b31m'):
			assert 'has ended' in sentence(house.owner.get(f'{API}/{path}'), 404)
		told = house.owner.get(f'{API}/queue/data', params={'session_hash': 'nothing'})
		assert '404' in told.text

	def test_addresses_and_parameters(self, house):
		assert 'nothing at this address' in sentence(house.owner.get('/pwa_icon/99999'), 404)
		assert 'not valid' in sentence(house.owner.get(f'{API}/queue/data'), 422)
		assert 'does not allow that method' in sentence(house.owner.get(f'{API}/queue/join'), 405)
		assert 'nothing at this address' in sentence(house.owner.delete('/api/jobs'), 404)

	def test_an_endpoint_never_answers_with_an_empty_error(self, house):
		named = house.owner.get(f'{API}/info').json()['named_endpoints']
		for name, endpoint in named.items():
			for junk in ([], {'a': 1}, 'x\ud800\x00', None, -1):
				if name in ('/generate', '/submit', '/download') and junk != []:
					continue
				data = [junk] * len(endpoint['parameters'])
				sent = json.dumps({'data': data}).encode()
				kind = {'Content-Type': 'application/json'}
				answer = house.owner.post(f'{API}/call{name}', content=sent, headers=kind)
				if answer.status_code == 422:  # nothing was sent, and something is needed
					assert junk == [] or sentence(answer, 422)
					continue
				told = house.owner.get(f'{API}/call{name}/{answer.json()["event_id"]}').text
				assert '"error": null' not in told and 'data: null' not in told, (name, junk)
				assert 'Something went wrong' not in told, (name, junk, told)

	def test_a_list_as_the_id_of_a_job(self, house):
		for function in ('ui_stop', 'ui_move'):
			for job in ([], {}, 7, None, 'x' * 9999, '\ud800'):
				assert call(house.owner, function, {'job': job})['error']['message']

	def test_values_that_are_left_out_at_the_end_are_what_they_are_by_default(self, house):
		told = ask(house.owner, 'submit', 'a fox')
		assert json.loads(told.split('data: ')[1])[0]['request']['prompt'] == 'a fox'


class TestFailures:
	"""What nobody foresaw: a sentence outside, the rest in the log."""

	@pytest.fixture(autouse=True)
	def no_traceback(self):
		"""Here there is one, in the log."""

	def test_an_endpoint(self, caplog):
		@open_to('anyone')
		def planted(visitor: Visitor) -> str:
			raise RuntimeError('secret \x1b[31m')

		with pytest.raises(Exception, match='Something went wrong in LocalAI') as caught:
			guarded(planted)(None)
		assert caught.value.print_exception is False and 'secret' not in str(caught.value)
		assert 'an endpoint failed' in caplog.text

	@pytest.mark.parametrize(
		('error', 'status', 'words'),
		[(RuntimeError('x'), 500, 'went wrong'), (OSError(28, 'full'), 507, 'The disk is full.')],
	)
	def test_gradio_itself(self, error, status, words):
		async def app(scope, receive, send):
			await send({'type': 'http.response.start', 'status': 500, 'headers': []})
			await send({'type': 'http.response.body', 'body': b'Internal Server Error'})
			raise error

		sent = []

		async def send(message):
			sent.append(message)

		asyncio.run(Failures(app)(SCOPE, None, send))
		assert sent[0]['status'] == status and words in sent[1]['body'].decode()

	@pytest.mark.parametrize(('known', 'told'), [(True, False), (False, True)])
	def test_a_stream_that_breaks_off(self, caplog, known, told):
		async def app(scope, receive, send):
			await send({'type': 'http.response.start', 'status': 200, 'headers': []})
			await send({'type': 'http.response.body', 'body': b'event: error', 'more_body': True})
			try:
				raise HTTPException(404) if known else KeyError('x')
			except (HTTPException, KeyError) as error:  # as Starlette does it
				raise RuntimeError('response already started') from error

		sent = []

		async def send(message):
			sent.append(message)

		asyncio.run(Failures(app)(SCOPE, None, send))
		assert sent[-1] == {'type': 'http.response.body', 'body': b'', 'more_body': False}
		assert bool(caplog.records) is told


class TestFiles:
	"""Pictures are fetched by their numbers; nothing else of this machine is fetched."""

	def test_strangers_are_told_addresses_and_the_owner_paths(self, house, drawn):
		home = str(house.studio.settings.home)
		for visitor, told in ((house.stranger, False), (house.owner, True)):
			texts = [
				visitor.get('/api/jobs').text,
				visitor.get(f'/api/jobs/{drawn.id}').text,
				visitor.get(f'/api/jobs/{drawn.id}/events').text,
			]
			for text in texts:
				assert (home in text) is told, text
				assert told or drawn.pictures[0].url in text
			for text in (
				ask(visitor, 'job', drawn.id),
				ask(visitor, 'jobs'),
				ask(visitor, 'follow', drawn.id),
			):
				assert home not in text and '"path"' not in text and drawn.pictures[0].url in text
		fields = {'prompt': 'a kite', 'steps': 1, 'width': 64, 'height': 64}
		stranger = house.stranger
		others = [
			ask(stranger, 'generate', 'a kite', '', None, 64, 64, 1),
			ask(stranger, 'submit', 'a kite', '', None, 64, 64, 1),
			ask(stranger, 'history', 'kite'),
			ask(stranger, 'picture', drawn.pictures[0].id),
			stranger.post('/api/jobs', json=fields).text,
			json.dumps(call(stranger, 'ui_begin')),
			json.dumps(call(stranger, 'ui_history_card', {'id': drawn.pictures[0].id})),
			json.dumps(call(stranger, 'ui_submit', fields)),
		]
		for text in others:
			assert home not in text and 'rror' not in text[:20], text

	def test_a_program_fetches_them_as_gradios_clients_do(self, house, drawn):
		told = ask(house.stranger, 'picture', drawn.pictures[0].id)
		file = json.loads(told.split('data: ')[1])[0]
		name = Path(drawn.pictures[0].path).name
		assert file['path'] == f'media/{drawn.pictures[0].id}/{name}' and file['orig_name'] == name
		assert file['meta'] == {'_type': 'gradio.FileData'}
		answer = house.stranger.get(f'{API}/file={file["path"]}')
		assert answer.headers['content-type'] == 'image/png'
		assert answer.content == Path(drawn.pictures[0].path).read_bytes()
		assert house.stranger.get(file['url']).content == answer.content
		assert house.stranger.get(f'{API}/file=media/99999/x.png').status_code == 404

	def test_nothing_else_is_served_by_where_it_lies(self, house, drawn):
		picture = Path(drawn.pictures[0].path)
		marks = picture.parents[1] / 'marks.jsonl'
		call(
			house.owner, 'ui_history_mark', {'ids': [drawn.pictures[0].id], 'change': {'rating': 5}}
		)
		assert marks.is_file()
		for visitor in (house.stranger, house.owner):
			for path in (
				picture,
				marks,
				house.studio.settings.database,
				'/etc/passwd',
				'https://example.com/a.png',
				'http://127.0.0.1:1/',
				'media/1',
				'media/1/../../x.png',
				'media/..%2f1/x.png',
			):
				assert visitor.get(f'{API}/file={path}').status_code == 404, path
				assert visitor.get(f'{API}/file/{path}').status_code == 404, path
		assert house.stranger.get('/media/marks.jsonl').status_code == 422

	def test_a_file_of_this_machine_is_never_copied_for_an_endpoint(self, house, tmp_path):
		secret = tmp_path / 'secret.png'
		secret.write_bytes(png({'parameters': 'a fox\nSteps: 3'}))
		file = {'path': str(secret), 'meta': {'_type': 'gradio.FileData'}}
		for name in ('job', 'load_model', 'history', 'read_settings'):
			told = ask(house.owner, name, file)
			assert told.startswith('event: error') and 'fox' not in told


class TestOtherWebsites:
	def test_none_may_read_anything(self, house, drawn):
		picture = drawn.pictures[0].id
		for path in ('/', '/config', f'{API}/info', f'/media/{picture}', '/api/jobs', '/theme.css'):
			headers = house.stranger.get(path, headers=EVIL).headers
			assert not [h for h in headers if h.startswith('access-control')], path
			assert headers['cross-origin-resource-policy'] == 'same-origin'
		asked = {**EVIL, 'Access-Control-Request-Method': 'POST'}
		answer = house.stranger.options(f'{API}/queue/join', headers=asked)
		assert 'access-control-allow-origin' not in answer.headers


class TestHalf:
	def test_who_goes_away_while_sending_is_no_error(self, house, caplog):
		"""At every door that reads a body."""

		async def ask(path: str) -> list[dict]:
			sent: list[dict] = []
			messages = [
				{'type': 'http.request', 'body': b'{"pro', 'more_body': True},
				{'type': 'http.disconnect'},
			]

			async def receive():
				return messages.pop(0) if len(messages) > 1 else messages[0]

			async def send(message):
				sent.append(message)

			headers = [
				(b'host', b'127.0.0.1'),
				(
					b'content-type',
					b'multipart/form-data; boundary=x' if 'upload' in path else b'application/json',
				),
				(b'content-length', b'900'),
			]
			scope = {
				'type': 'http', 'http_version': '1.1', 'method': 'POST', 'path': path, 'raw_path': b'',
				'query_string': b'', 'root_path': '', 'scheme': 'http', 'headers': headers,
				'client': ('127.0.0.1', 1), 'server': ('127.0.0.1', 7860),
			}  # fmt: skip
			await Guard(house.app)(scope, receive, send)
			return sent

		for path in ('/api/jobs', '/api/history/import', f'{API}/upload', f'{API}/queue/join'):
			sent = asyncio.run(ask(path))
			assert not sent or sent[0]['status'] < 500, path
		assert not [r for r in caplog.records if r.levelname == 'ERROR']


class TestText:
	"""Half letters and control characters never make the page's first call fail."""

	def test_whatever_is_kept(self, house):
		bad = 'fox \ud83e \x00\x1b[31m\x9b \u202e'
		for name, given in (
			('ui_remember', {'prompt': bad, bad: [bad, {'deep': bad}], 'seed': 10**300}),
			('ui_model_annotate', {'model': 'sketchbook', 'notes': bad}),
			('ui_submit', {'prompt': bad, 'steps': 1}),
			('ui_download_limits', {bad: 1}),
			('ui_hub_token', {'token': bad}),
			('ui_folder_add', {'path': bad}),
			('ui_history_find', {'text': bad}),
		):
			answer = call(house.owner, name, given)
			assert isinstance(answer, dict), name
			begun = call(house.owner, 'ui_begin')
			assert 'form' in begun and 'error' not in begun, name
		house.owner.post('/api/jobs', content=json.dumps({'prompt': bad, 'steps': 1}))
		assert 'form' in call(house.stranger, 'ui_begin')
		assert house.owner.get('/api/jobs').status_code == 200
		call(house.owner, 'ui_remember', {})

	def test_a_form_that_an_earlier_version_kept(self, house):
		house.studio.preferences.write('generate', {'prompt': 'half \ud83e', 'seed': 10**30})
		assert call(house.owner, 'ui_begin')['form']['prompt'].startswith('half ')
		house.studio.preferences.write('generate', {})

	def test_the_log_is_printable(self):
		from localai.text import OneLine

		out = io.StringIO()
		handler = logging.StreamHandler(out)
		handler.setFormatter(OneLine('%(message)s'))
		record = logging.LogRecord('x', logging.WARNING, '', 0, 'a\x1b[31m\x00\nb', (), None)
		handler.emit(record)
		assert out.getvalue() == 'a\\x1b[31m\\x00\\nb\n'
