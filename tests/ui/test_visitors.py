"""What a visitor over the network may not do while no password is set."""

import pytest
from fastapi.testclient import TestClient

from localai.api.guard import Guard
from localai.api.server import create
from localai.ui import blocks
from localai.ui.visitors import OWNER_ONLY

# What /download takes besides its source.
REST = ['main', '', None, None, False, False]
STRANGER, OWNER = '192.168.1.9', '127.0.0.1'


@pytest.fixture
def visit(studio):
	"""Opens the whole app as somebody from an address sees it."""
	app = create(studio)
	blocks.mount(app, studio)
	guarded = Guard(app, network=True)
	open_ones = []

	def visitor(address: str) -> TestClient:
		client = TestClient(guarded, base_url='http://192.168.1.7:7860', client=(address, 1))
		open_ones.append(client.__enter__())
		return client

	yield visitor
	for client in open_ones:
		client.__exit__(None, None, None)


def call(client: TestClient, name: str) -> dict:
	"""A function of the page."""
	components = client.get('/config').json()['components']
	wire = next(c['id'] for c in components if c['props'].get('elem_id') == 'wire')
	body = {'session_hash': 'test', 'component_id': wire, 'fn_name': name, 'data': {}}
	answer = client.post('/gradio_api/component_server', json=body)
	assert answer.status_code == 200, answer.text
	return answer.json()


class TestStrangers:
	def test_they_look_and_draw_but_fetch_and_delete_nothing(self, visit):
		stranger = visit(STRANGER)
		for name in OWNER_ONLY:
			assert call(stranger, name)['error']['code'] == 'NotAllowed', name
		assert call(stranger, 'ui_models_find')['total'] == 1
		event = stranger.post('/gradio_api/call/download', json={'data': ['org/one', *REST]}).json()
		told = stranger.get(f'/gradio_api/call/download/{event["event_id"]}').text
		assert 'only for visitors who gave a password' in told
		event = stranger.post('/gradio_api/call/jobs', json={'data': []}).json()
		told = stranger.get(f'/gradio_api/call/jobs/{event["event_id"]}').text
		assert told.startswith('event: complete')

	def test_they_look_at_the_history_and_change_nothing_of_it(self, visit, studio):
		job = studio.generation.start({'prompt': 'a red apple', 'steps': 1, 'seed': 7})
		*_, end = studio.jobs.follow(job.id)
		(picture,) = end.pictures
		stranger = visit(STRANGER)

		def ask(endpoint: str, *data: object) -> str:
			event = stranger.post(f'/gradio_api/call/{endpoint}', json={'data': data}).json()
			return stranger.get(f'/gradio_api/call/{endpoint}/{event["event_id"]}').text

		told = ask('history', 'apple', 'newest', 0, 60)
		assert told.startswith('event: complete') and str(studio.settings.home) not in told
		assert ask('picture', picture.id).startswith('event: complete')
		for endpoint, data in (
			('delete_pictures', ([picture.id],)),
			('restore_pictures', (['nothing'],)),
			('mark_pictures', ([picture.id], True, 5, 'mine', [], [], [], [])),
		):
			assert 'only for visitors who gave a password' in ask(endpoint, *data), endpoint
		assert ask('read_settings', {'path': picture.path}).startswith('event: error')
		card = studio.history.card(picture.id)
		assert not card.missing and card.marks.rating == 0

	def test_who_sits_at_the_machine_may(self, visit):
		owner = visit(OWNER)
		assert call(owner, 'ui_download_limits')['limits']['at_once'] == 2
		event = owner.post('/gradio_api/call/download', json={'data': ['', *REST]}).json()
		told = owner.get(f'/gradio_api/call/download/{event["event_id"]}').text
		assert 'Nothing to download was named.' in told
		event = owner.post('/gradio_api/call/delete_pictures', json={'data': [[999]]}).json()
		told = owner.get(f'/gradio_api/call/delete_pictures/{event["event_id"]}').text
		assert told.startswith('event: complete') and '"gone": 1' in told
