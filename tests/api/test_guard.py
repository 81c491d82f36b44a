"""Who may talk to the server."""

import asyncio
import base64
import socket
from ipaddress import ip_network

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from localai.api.guard import Guard
from localai.api.server import create
from localai.api.serving import Server
from localai.services.visitors import MARK
from tests.visits import HERE, STRANGER, over_the_network


def echo() -> FastAPI:
	"""Says how who asks is marked."""
	app = FastAPI()

	@app.get('/{path:path}')
	@app.post('/{path:path}')
	def told(request: Request) -> str:
		return ' | '.join(request.headers.getlist(MARK))

	return app


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

	def test_a_share_link_passes_only_while_it_is_shared(self):
		for shared, status in ((True, 200), (False, 400)):
			guarded = client(password='p', shared=shared)
			answer = guarded.get('/', headers={'Host': 'x.gradio.live'}, auth=('any', 'p'))
			assert answer.status_code == status

	def test_a_name_of_its_own_is_given_and_the_refusal_says_how(self):
		answer = client().get('/', headers={'Host': 'art.example:8443'})
		assert 'art.example' in answer.text and 'LOCALAI_NAMES' in answer.text
		assert 'LOCALAI_HOST' not in answer.text
		named = client(names=('Art.example',))
		assert named.get('/', headers={'Host': 'art.example:8443'}).status_code == 200
		answer = named.get('/', headers={'Host': '<b>\x1b.example'})
		assert answer.status_code == 400 and 'for this name.' in answer.text

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

	def test_no_other_site_may_show_what_is_here(self):
		for host in ('127.0.0.1:7860', 'evil.example'):
			headers = client().get('/', headers={'Host': host}).headers
			assert headers['cross-origin-resource-policy'] == 'same-origin'


class TestStrangers:
	"""Visitors over the network of a LocalAI that has no password."""

	def seen(self, address: str, path: str, **options) -> tuple[int, str]:
		"""Status, and what the app was told of the visitor."""
		guarded = TestClient(
			Guard(echo(), network=True, **options),
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

	def test_guessing_makes_the_guesser_wait_and_nobody_else(self):
		guarded = Guard(echo(), password='secret', network=True)

		def at(address: str) -> TestClient:
			host = '127.0.0.1' if address == HERE else '192.168.1.7'
			return TestClient(guarded, base_url=f'http://{host}:7860', client=(address, 1))

		for address in (STRANGER, HERE):
			for _ in range(20):
				at(address).get('/', auth=('a', 'wrong'))
		answer = at(STRANGER).get('/', auth=('a', 'secret'))
		assert answer.status_code == 429 and answer.headers['retry-after'] == '1'
		assert 'Try again in 1 second.' in answer.text
		for address in (HERE, '192.168.1.10'):
			assert at(address).get('/', auth=('a', 'wrong')).status_code == 401
			assert at(address).get('/', auth=('a', 'secret')).status_code == 200


class TestProxies:
	"""Who is behind one is never the owner; its own word counts only where it is named."""

	NAMED = ip_network('127.0.0.1'), ip_network('10.0.0.0/8')

	def seen(self, headers: dict, **options) -> tuple[int, str]:
		"""Status, and how who asks is marked, through a proxy on this machine."""
		options = {'network': True, 'names': ('art.example',), **options}
		guarded = Guard(echo(), **options)
		opened = TestClient(guarded, base_url='http://127.0.0.1:7860', client=(HERE, 1))
		answer = opened.post('/', headers=headers)
		return answer.status_code, answer.json() if answer.status_code == 200 else answer.text

	@pytest.mark.parametrize(
		'headers',
		[
			{'X-Forwarded-For': 'unknown'},
			{'X-Forwarded-For': '127.0.0.1'},
			{'X-Forwarded-For': '127.0.0.1:4711'},
			{'X-Forwarded-For': '_hidden'},
			{'X-Forwarded-For': ''},
			{'X-Real-IP': '127.0.0.1'},
			{'Forwarded': 'for=127.0.0.1'},
			{'Via': '1.1 caddy'},
			{'Host': 'art.example'},  # one that says nothing but the name it was asked by
		],
	)
	@pytest.mark.parametrize('proxies', [(), NAMED])
	def test_nobody_behind_one_is_the_owner(self, headers, proxies):
		status, told = self.seen(headers, proxies=proxies)
		assert status == 200 and told.split(' ')[0] == 'stranger', told

	def test_a_named_one_that_says_nothing_leaves_everybody_a_stranger(self):
		assert self.seen({}, proxies=self.NAMED) == (200, 'stranger')
		assert self.seen({}) == (200, 'owner')

	def test_a_named_one_tells_strangers_apart(self):
		headers = {'X-Forwarded-For': '6.6.6.6, 9.9.9.9'}
		assert self.seen(headers, proxies=self.NAMED) == (200, 'stranger 9.9.9.9')
		assert self.seen(headers) == (200, 'stranger')

	def test_its_page_may_change_something_under_its_own_name_only(self):
		page = {'Origin': 'https://art.example', 'X-Forwarded-For': '9.9.9.9'}
		forwarded = page | {'X-Forwarded-Host': 'art.example', 'X-Forwarded-Proto': 'https'}
		assert self.seen(page | {'Host': 'art.example'})[0] == 200
		assert self.seen(page, proxies=self.NAMED)[0] == 200
		assert self.seen(forwarded, proxies=self.NAMED)[0] == 200
		assert self.seen(page)[0] == 403  # the proxy hides its name, and nobody vouches for it
		assert self.seen(forwarded)[0] == 403
		foreign = forwarded | {'Origin': 'https://evil.example'}
		assert self.seen(foreign, proxies=self.NAMED)[0] == 403
		named_evil = foreign | {'X-Forwarded-Host': 'evil.example'}
		assert self.seen(named_evil, proxies=self.NAMED)[0] == 400

	def test_a_password_makes_an_owner_there_too(self):
		auth = {'Authorization': 'Basic ' + base64.b64encode(b'any:p').decode()}
		headers = {'X-Forwarded-For': '9.9.9.9', **auth}
		assert self.seen(headers, proxies=self.NAMED, password='p') == (200, 'owner')
		assert self.seen({'X-Forwarded-For': '9.9.9.9'}, password='p')[0] == 401

	def test_in_a_container_that_is_open_to_the_network_nobody_sits_here(self):
		assert self.seen({}, local=False) == (200, 'stranger 127.0.0.1')

	def test_uvicorn_does_not_read_what_proxies_say(self):
		assert not Server(FastAPI()).config.proxy_headers


class TestSockets:
	def test_a_foreign_page_opens_none(self):
		heard = []

		async def ask(origin: str) -> None:
			scope = {
				'type': 'websocket',
				'path': '/',
				'client': (HERE, 1),
				'headers': [(b'host', b'127.0.0.1:7860'), (b'origin', origin.encode())],
			}

			async def app(scope, receive, send):
				heard.append('in')

			async def send(message):
				heard.append(message['type'])

			await Guard(app)(scope, None, send)

		for origin in ('https://evil.example', 'null', 'http://127.0.0.1:7860'):
			asyncio.run(ask(origin))
		assert heard == ['websocket.close', 'websocket.close', 'in']
