"""Who may talk to the server."""

import socket

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from localai.api.guard import TRIES, Guard
from localai.api.server import create
from localai.services.visitors import MARK
from tests.visits import over_the_network


def client(**options) -> TestClient:
	app = FastAPI()

	@app.get('/')
	@app.post('/')
	def root() -> str:
		return 'in'

	return TestClient(Guard(app, **options), base_url='http://127.0.0.1:7860')


class TestHosts:
	@pytest.mark.parametrize(
		'host',
		['evil.example', 'localhost.evil.example', '', '127.0.0.1.evil.example', 'x.gradio.live'],
	)
	def test_foreign_names_are_refused(self, host):
		assert client().get('/', headers={'Host': host}).status_code == 400

	@pytest.mark.parametrize('host', ['localhost:7860', '127.0.0.1:1', '[::1]:7860', 'LOCALHOST'])
	def test_our_names_pass(self, host):
		assert client().get('/', headers={'Host': host}).status_code == 200

	def test_a_share_link_passes_only_with_a_password(self):
		answer = client(password='p').get('/', headers={'Host': 'x.gradio.live'}, auth=('any', 'p'))
		assert answer.status_code == 200

	def test_opened_to_the_network_it_goes_by_numbers_and_its_own_name_only(self):
		opened = client(network=True)
		for host, status in (
			('192.168.1.7:7860', 200),
			('[fe80::1]:7860', 200),
			(socket.gethostname(), 200),
			('evil.example', 400),
		):
			assert opened.get('/', headers={'Host': host}).status_code == status


class TestOrigins:
	@pytest.mark.parametrize(
		'origin', ['https://evil.example', 'null', 'http://127.0.0.1:9999', 'http://127.0.0.1']
	)
	def test_a_change_from_a_foreign_page_is_refused(self, origin):
		assert client().post('/', headers={'Origin': origin}).status_code == 403

	def test_our_own_page_and_programs_pass(self):
		assert (
			client()
			.post('/', headers={'Origin': 'http://127.0.0.1:7860', 'Host': '127.0.0.1:7860'})
			.status_code
			== 200
		)
		assert client().post('/').status_code == 200

	def test_answers_say_nosniff(self):
		assert client().get('/').headers['x-content-type-options'] == 'nosniff'


class TestStrangers:
	"""Visitors over the network of a LocalAI that has no password."""

	def seen(self, address: str, path: str, **options) -> tuple[int, str]:
		"""Status, and what the app was told of the visitor."""
		app = FastAPI()

		@app.get('/{path:path}')
		@app.post('/{path:path}')
		def echo(request: Request) -> str:
			return ' | '.join(request.headers.getlist(MARK))

		guarded = TestClient(
			Guard(app, network=True, **options),
			base_url='http://192.168.1.7:7860',
			client=(address, 1),
		)
		answer = guarded.post(
			path, headers={MARK: 'owner'}, auth=('any', options.get('password', ''))
		)
		return answer.status_code, answer.json() if answer.status_code == 200 else ''

	def test_they_are_marked_and_kept_from_models_and_downloads(self, studio):
		marked = 200, 'stranger 192.168.1.9'
		assert self.seen('192.168.1.9', '/gradio_api/queue/join') == marked
		stranger = over_the_network(create(studio))
		for path in ('/api/downloads', '/api/downloads/one/cancel', '/api/models/load'):
			assert stranger.post(path).status_code == 403

	@pytest.mark.parametrize('address', ['unknown', '', '192.168.1.9:5', '_hidden', 'fe80::1%eth0'])
	def test_an_address_that_says_nothing_of_this_machine_is_a_strangers(self, address):
		assert self.seen(address, '/')[1].startswith('stranger')

	def test_this_machine_and_who_gave_the_password_are_none(self):
		for address, options in (
			('127.0.0.1', {}),
			('::1', {}),
			('192.168.1.7', {}),  # by its own address
			('192.168.1.9', {'password': 'p'}),
		):
			assert self.seen(address, '/api/downloads', **options) == (200, 'owner'), address


class TestPassword:
	def test_needed_right_and_by_token(self):
		guarded = client(password='secret', token='machine')
		assert guarded.get('/').status_code == 401
		assert guarded.get('/', auth=('a', 'wrong')).status_code == 401
		assert guarded.get('/', auth=('a', 'secret')).status_code == 200
		assert guarded.get('/', headers={'Authorization': 'Bearer machine'}).status_code == 200
		assert guarded.get('/', headers={'Authorization': 'Bearer '}).status_code == 401
		assert guarded.get('/', headers={'Authorization': 'Basic !!!'}).status_code == 401

	def test_guessing_is_slowed(self):
		guarded = client(password='secret')
		for _ in range(TRIES):
			guarded.get('/', auth=('a', 'wrong'))
		assert guarded.get('/', auth=('a', 'secret')).status_code == 401
