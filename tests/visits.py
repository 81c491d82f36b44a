"""Knows how a test comes to the app: from the computer that it runs on, or as a stranger over the
network. Both pass the guard, as everybody does."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from fastapi import FastAPI
from fastapi.testclient import TestClient

from localai.api.guard import Guard
from localai.api.server import create
from localai.settings import read_settings
from localai.studio import Studio
from localai.ui import blocks
from tests.fakes import FakeExecutor

HERE, STRANGER = '127.0.0.1', '192.168.1.9'


def visit(app, address: str, host: str = '192.168.1.7', **options) -> TestClient:
	"""The app as somebody at that address sees it; `options` are those of the guard."""
	guarded = Guard(app, network=True, **options)
	return TestClient(guarded, base_url=f'http://{host}:7860', client=(address, 1))


def at_home(app) -> TestClient:
	return visit(app, HERE, HERE)


def over_the_network(app) -> TestClient:
	return visit(app, STRANGER)


class House(NamedTuple):
	"""The whole app, as a stranger and as its owner see it."""

	studio: Studio
	app: FastAPI
	stranger: TestClient
	owner: TestClient


@contextmanager
def visited(folder: Path, executor: FakeExecutor) -> Iterator[House]:
	settings = read_settings({}, home=folder / 'home', hub_cache=folder / 'hub').prepare()
	with ExitStack() as ends:
		studio = Studio(settings, executor).open()
		ends.callback(studio.close)
		app = create(studio)
		blocks.mount(app, studio)
		stranger = ends.enter_context(over_the_network(app))
		yield House(studio, app, stranger, ends.enter_context(at_home(app)))


def call(client: TestClient, name: str, given: object = None) -> dict:
	"""A function of the page."""
	components = client.get('/config').json()['components']
	wire = next(c['id'] for c in components if c['props'].get('elem_id') == 'wire')
	given = {} if given is None else given
	body = {'session_hash': 'test', 'component_id': wire, 'fn_name': name, 'data': given}
	sent, kind = json.dumps(body), {'content-type': 'application/json'}
	answer = client.post('/gradio_api/component_server', content=sent, headers=kind)
	assert answer.status_code == 200, answer.text
	return answer.json()


def ask(client: TestClient, endpoint: str, *data: object) -> str:
	"""What an endpoint of Gradio answers."""
	event = client.post(f'/gradio_api/call/{endpoint}', json={'data': data}).json()
	return client.get(f'/gradio_api/call/{endpoint}/{event["event_id"]}').text
