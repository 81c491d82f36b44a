"""The library and the downloads as JSON: for the command line and other programs of this machine."""

import json
import threading

import pytest

from localai.api.server import create
from localai.schemas.chores import ChoreSnapshot
from localai.schemas.models import ModelPage, ScanReport
from tests.visits import at_home


@pytest.fixture
def client(studio):
	return at_home(create(studio))


def refusal(answer) -> str:
	assert 400 <= answer.status_code < 500, answer.text
	error = answer.json()['error']
	assert error['code'] and '\n' not in error['message']
	return error['message']


def chore(answer) -> ChoreSnapshot:
	assert answer.status_code == 202, answer.text
	return ChoreSnapshot.model_validate(answer.json())


def told(client, chore_id: str) -> list[ChoreSnapshot]:
	lines = client.get(f'/api/models/chores/{chore_id}/events').text.strip().split('\n')
	return [ChoreSnapshot.model_validate_json(line) for line in lines]


class TestLibrary:
	def test_list_find_card_and_scan(self, client):
		assert [m['id'] for m in client.get('/api/models').json()] == ['sketchbook']
		page = ModelPage.model_validate(client.post('/api/models/find', json={}).json())
		assert page.total == 1 and page.entries[0].builtin
		assert client.post('/api/models/find', json={'kinds': ['lora']}).json()['total'] == 0
		card = client.get('/api/models/card', params={'model': 'sketchbook'}).json()
		assert card['path'].endswith('builtin')
		ScanReport.model_validate(client.post('/api/models/scan').json())

	def test_what_is_asked_wrongly_is_said(self, client):
		for fields, sentence in (
			({'kinds': ['magic']}, "kinds cannot be 'magic'."),
			({'sort': 'colour'}, "sort cannot be 'colour'."),
			({'colour': 1}, "There is no setting called 'colour'."),
			({'text': ['x']}, 'text is not valid'),
		):
			assert sentence in refusal(client.post('/api/models/find', json=fields))
		for body in (b'', b'null', b'[]', b'{', b'[' * 100_000, b'\xff'):
			for path in ('find', 'load', 'unload'):
				answer = client.post(f'/api/models/{path}', content=body)
				assert refusal(answer) == 'The request is not a JSON object.'
		missing = client.get('/api/models/card', params={'model': '../..'})
		assert missing.status_code == 404 and "'../..'" in refusal(missing)


class TestMemory:
	def test_a_load_is_followed_to_its_end(self, client, studio, executor):
		executor.gate.clear()
		begun = chore(client.post('/api/models/load', json={'model': 'sketchbook'}))
		assert begun.kind == 'load' and begun.model == 'sketchbook' and begun.pending
		# Asked again, it is the same load.
		again = chore(client.post('/api/models/load', json={'model': 'sketchbook'}))
		assert again.id == begun.id
		threading.Timer(0.3, executor.gate.set).start()
		lines = told(client, begun.id)
		assert [c.state for c in lines][-1] == 'finished' and lines[0].pending
		assert any(c.stage == 'unet' and c.stage_total == 4 for c in lines)
		assert [m.id for m in studio.engines.status.held] == ['sketchbook']
		gone = chore(client.post('/api/models/unload', json={}))
		assert told(client, gone.id)[-1].state == 'finished'
		assert studio.engines.status.held == ()

	def test_a_load_is_given_up(self, client, executor):
		executor.gate.clear()
		begun = chore(client.post('/api/models/load', json={'model': 'sketchbook'}))
		assert client.post('/api/models/cancel').status_code == 200
		assert told(client, begun.id)[-1].state == 'cancelled'
		assert client.get(f'/api/models/chores/{begun.id}').json()['state'] == 'cancelled'

	def test_a_load_that_fails_says_why(self, client, executor):
		from localai.schemas import engine as say

		executor.failures = [
			say.Failed(job_id='', code='OutOfMemory', message='It is too large.', remedy='Choose.')
		]
		begun = chore(client.post('/api/models/load', json={'model': 'sketchbook'}))
		end = told(client, begun.id)[-1]
		assert (end.state, end.error.code, end.error.message) == (
			'failed',
			'OutOfMemory',
			'It is too large.',
		)

	@pytest.mark.parametrize('model', ['', 'nothing', '../..', 'a\0b', 'x' * 5000, ['x'], None, 7])
	def test_what_cannot_be_loaded_is_said(self, client, model):
		assert refusal(client.post('/api/models/load', json={'model': model})).endswith('.')

	def test_a_chore_that_is_not_there(self, client):
		for path in ('/api/models/chores/nothing', '/api/models/chores/nothing/events'):
			assert "There is no load or unload 'nothing'." in refusal(client.get(path))


class TestDownloads:
	def test_what_cannot_be_fetched_is_said(self, client):
		for source in ('', '../..', 'a\0b', 'x' * 5000, 'http://example.com/a.safetensors', 7):
			assert refusal(client.post('/api/downloads', json={'source': source})).endswith('.')
		assert client.get('/api/downloads').json() == []

	def test_a_download_that_is_not_there(self, client):
		for method, path in (
			('GET', ''),
			('GET', '/events'),
			('POST', '/pause'),
			('POST', '/resume'),
			('POST', '/cancel'),
			('POST', '/forget'),
			('POST', '/move?position=1'),
		):
			answer = client.request(method, f'/api/downloads/nothing{path}')
			assert answer.status_code == 404
			assert "There is no download 'nothing'." in refusal(answer)
		assert client.post('/api/downloads/nothing/explode').status_code == 422

	def test_one_is_followed_line_by_line(self, client, studio):
		from localai.schemas.downloads import DownloadRequest

		store = studio.downloads.store
		studio.downloads.add(store.add('one', DownloadRequest(source='org/one'), None))
		threading.Timer(0.3, studio.downloads.cancel, ('one',)).start()
		lines = client.get('/api/downloads/one/events').text.strip().split('\n')
		states = [json.loads(line)['state'] for line in lines]
		assert states[0] == 'queued' and states[-1] == 'cancelled'
