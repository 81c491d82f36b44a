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

	def test_who_sits_at_the_machine_may(self, visit):
		owner = visit(OWNER)
		assert call(owner, 'ui_download_limits')['limits']['at_once'] == 2
		event = owner.post('/gradio_api/call/download', json={'data': ['', *REST]}).json()
		told = owner.get(f'/gradio_api/call/download/{event["event_id"]}').text
		assert 'Nothing to download was named.' in told
