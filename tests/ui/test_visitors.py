"""Closed by default: whatever can be reached says for whom it is, and who is not meant is refused before
what was sent is read."""

import json
import re

import gradio as gr
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.routing import Mount

from localai.api import media
from localai.api.server import create
from localai.api.visitors import Door
from localai.errors import StartProblem
from localai.schemas.visitors import OWNER, Visitor
from localai.services.visitors import visitor_of
from localai.ui import blocks
from localai.ui.endpoints import ENDPOINTS
from localai.ui.endpoints.doors import offer
from localai.ui.routes import ROUTES, UNUSED, Gate, audience_at
from localai.ui.tabs import Tab
from localai.ui.visitors import audience_of, open_to
from tests.fakes import FakeExecutor
from tests.visits import ask, call, visit, visited

# What /download takes besides its source.
REST = ['main', '', None, None, False, False]
# All that a visitor over the network may ask of a LocalAI without a password: look, and draw.
LOOK_AND_DRAW = {
	'ui_begin', 'ui_submit', 'ui_estimate', 'ui_stop', 'ui_models',
	'ui_models_find', 'ui_model_card',
	'ui_history_find', 'ui_history_outline', 'ui_history_select', 'ui_history_card',
	'ui_history_vocabulary', 'ui_history_compare', 'ui_history_reuse', 'ui_history_inside',
	'ui_history_timeline',
	'ui_hardware',
}  # fmt: skip
ENDPOINTS_FOR_ANYONE = {
	'/generate', '/submit', '/follow', '/cancel', '/job', '/jobs', '/models', '/downloads',
	'/history', '/picture', '/read_settings',
}  # fmt: skip
ROUTES_FOR_ANYONE = {
	'GET /healthz',
	'GET /media/preview/{job_id}/{number}.jpg',
	'GET /media/{picture_id}', 'HEAD /media/{picture_id}',
	'GET /media/{picture_id}/thumbnail', 'HEAD /media/{picture_id}/thumbnail',
	'POST /api/jobs', 'GET /api/jobs', 'GET /api/jobs/{job_id}', 'GET /api/jobs/{job_id}/events',
	'POST /api/jobs/{job_id}/stop',
}  # fmt: skip
# A service that meets this has read it; none takes it, and a token this long is never kept.
JUNK = {'token': 'x' * 2000, 'id': [], 'ids': 7, 'model': ['x'], 'repo': '../..', 'verb': 'explode'}


@pytest.fixture(scope='module')
def executor():
	return FakeExecutor()


@pytest.fixture(scope='module')
def house(executor, tmp_path_factory):
	with visited(tmp_path_factory.mktemp('visited'), executor) as house:
		yield house


@pytest.fixture
def studio(house):
	return house.studio


@pytest.fixture
def app(house):
	return house.app


@pytest.fixture
def stranger(house):
	return house.stranger


@pytest.fixture
def owner(house):
	return house.owner


def refused(answer: dict) -> bool:
	error = answer.get('error')
	return isinstance(error, dict) and error['code'] == 'NotAllowed'


def gradio_app(app):
	*_, mounted = (route for route in app.routes if isinstance(route, Mount))
	return mounted.app.app.app.app.app  # behind gate, failures, uploads, and what it may be asked


def every_route(routes) -> list:
	"""Those of an app and of all that it includes or mounts, with their whole addresses."""
	found = []
	for route in routes:
		included = getattr(route, 'original_router', None)
		found += every_route(included.routes) if included else [route]
	return found


class TestNothingIsOpenByChance:
	def test_every_route_of_the_app_has_said_for_whom_it_is(self, app):
		routes = every_route(app.routes)
		assert len(routes) > 40
		for route in routes:
			if isinstance(route, APIRoute):
				doors = [d.dependency for d in route.dependencies]
				assert any(isinstance(door, Door) for door in doors), route.path
			else:  # what is mounted stands behind a gate
				assert isinstance(route.app, Gate), route

	def test_every_route_of_gradio_is_in_the_table(self, app):
		there = {route.path for route in every_route(gradio_app(app).routes)}
		assert len(there) > 60
		assert there <= set(ROUTES) | UNUSED

	def test_what_gradio_may_bring_some_day_is_nobodys(self, stranger, owner):
		for path in (
			'/gradio_api/new-door',
			'/whatever',
			'/gradio_api//queue/join',
			'/api/nothing',
		):
			assert audience_at(path) is None
			for visitor in (stranger, owner):
				for answer in (visitor.get(path), visitor.post(path, json={})):
					assert answer.status_code == 404
					assert 'nothing at this address' in answer.json()['error']['message']

	def test_what_of_gradio_is_not_used_is_nobodys(self, owner):
		for address in UNUSED:
			for hole in ('size', 'key', 'id', 'event_id', 'api_name', 'run', 'component_id', 'ext'):
				address = address.replace(f'{{{hole}}}', '99999')
			address = re.sub(r'{[^}]*}', 'x', address)
			assert owner.get(address).status_code == 404, address

	@pytest.mark.parametrize(
		('path', 'audience'),
		[
			('/gradio_api/file=/home/ada/localai/pictures/2026-01-02/a.png', None),
			('/gradio_api/file=/home/ada/localai/pictures/marks.jsonl', None),
			('/gradio_api/file=https://example.com/a.png', None),
			('/gradio_api/call/jobs', 'anyone'),
			('/gradio_api/call/v2/jobs', 'owner'),
			('/gradio_api/openapi.json', 'owner'),
			('/openapi.json', None),
			('/docs', None),
			('/endpoints', None),
			('/gradio_api/run/jobs', None),
			('/assets/index-1.js', 'anyone'),
		],
	)
	def test_gradios_own(self, path, audience):
		assert audience_at(path) == audience

	def test_the_page_itself_is_for_anyone(self, stranger):
		for path in ('/', '/config', '/gradio_api/info', '/theme.css', '/gradio_api/theme.css'):
			assert stranger.get(path).status_code == 200, path

	def test_a_function_without_a_word_does_not_start(self, studio, monkeypatch):
		def ui_planted(given: dict) -> dict:
			return {}

		planted = Tab('planted', 'Planted', (), lambda studio: [ui_planted])
		monkeypatch.setattr(blocks, 'TABS', (*blocks.TABS, planted))
		with pytest.raises(StartProblem, match='ui_planted does not say for whom'):
			blocks.build(studio)

	def test_an_endpoint_without_a_word_does_not_start(self):
		def planted() -> str:
			return ''

		with gr.Blocks(), pytest.raises(StartProblem, match='planted does not say for whom'):
			offer(planted)

	def test_a_route_without_a_word_does_not_start(self, studio, monkeypatch):
		def planted(studio) -> APIRouter:
			routes = APIRouter(prefix='/media')

			@routes.get('/planted')
			def answer() -> str:
				return ''

			return routes

		monkeypatch.setattr(media, 'router', planted)
		with pytest.raises(StartProblem, match='/media/planted does not say for whom'):
			create(studio)

	def test_without_a_guard_everybody_is_a_stranger(self, app):
		assert visitor_of({}) == Visitor() and not Visitor().may('signed_in')
		answer = TestClient(app).get('/api/models')
		assert answer.status_code == 403 and refused(answer.json())


class TestStrangersAndOwners:
	def test_every_function_of_the_page(self, studio, stranger, owner):
		functions = {f.__name__: audience_of(f) for f in blocks.functions(studio)}
		assert len(functions) > 50
		assert {n for n, audience in functions.items() if audience == 'anyone'} == LOOK_AND_DRAW
		for name, audience in functions.items():
			assert refused(call(stranger, name, JUNK)) is (
				audience != 'anyone' or name == 'ui_stop'  # no job of theirs
			), name
			assert not refused(call(owner, name, JUNK)), name

	def test_every_endpoint(self, stranger, owner):
		named = stranger.get('/gradio_api/info').json()['named_endpoints']
		assert set(named) == ENDPOINTS
		for name, endpoint in named.items():
			if name == '/cancel':  # tried below
				continue
			parameters = endpoint['parameters']
			data = [
				p['parameter_default'] if p['parameter_has_default'] else [] for p in parameters
			]
			told = ask(stranger, name[1:], *data)
			may = name in ENDPOINTS_FOR_ANYONE
			assert ('visitors who gave a password can' in told) is not may, name
			told = ask(owner, name[1:], *data)
			assert told.startswith('event: ') and 'NotAllowed' not in told, name
			assert 'visitors who gave' not in told, name

	def test_every_route_of_ours(self, app, stranger, owner):
		tried = 0
		for path, operations in app.openapi()['paths'].items():
			for method in operations:
				name = f'{method.upper()} {path}'
				where = path.replace('{verb}', 'pause').replace('_id}', '}')
				for hole in ('job', 'picture', 'trash', 'number', 'download', 'chore', 'token'):
					where = where.replace(f'{{{hole}}}', '99')
				assert '{' not in where, where
				answer = stranger.request(method, where, json=JUNK)
				may = name in ROUTES_FOR_ANYONE - {'POST /api/jobs/{job_id}/stop'}
				assert (answer.status_code == 403) is not may, (name, answer.text)
				assert may or method == 'head' or refused(answer.json()), name
				assert owner.request(method, where, json=JUNK).status_code != 403, name
				tried += 1
		assert tried > 35


class TestStrangers:
	def test_they_look_and_draw_but_fetch_and_delete_nothing(self, stranger):
		assert call(stranger, 'ui_models_find')['total'] == 1
		told = ask(stranger, 'download', 'org/one', *REST)
		assert 'visitors who gave a password can' in told
		assert ask(stranger, 'jobs').startswith('event: complete')

	def test_they_look_at_the_history_and_change_nothing_of_it(self, stranger, studio):
		job = studio.generation.start({'prompt': 'a red apple', 'steps': 1, 'seed': 7})
		*_, end = studio.jobs.follow(job.id)
		(picture,) = end.pictures
		told = ask(stranger, 'history', 'apple', 'newest', 0, 60)
		assert told.startswith('event: complete') and str(studio.settings.home) not in told
		assert ask(stranger, 'picture', picture.id).startswith('event: complete')
		for endpoint, data in (
			('delete_pictures', ([picture.id],)),
			('restore_pictures', (['nothing'],)),
			('mark_pictures', ([picture.id], True, 5, 'mine', [], [], [], [])),
		):
			assert 'visitors who gave a password can' in ask(stranger, endpoint, *data), endpoint
		assert ask(stranger, 'read_settings', {'path': picture.path}).startswith('event: error')
		card = studio.history.card(picture.id)
		assert not card.missing and card.marks.rating == 0

	def test_they_neither_read_nor_overwrite_what_the_owner_typed(self, stranger, owner):
		typed = {'prompt': 'a present for you'}
		assert call(owner, 'ui_remember', typed) == {}
		assert call(stranger, 'ui_begin')['form'] is None
		assert refused(call(stranger, 'ui_remember', {'prompt': 'spoilt'}))
		assert call(owner, 'ui_begin')['form'] == typed

	def test_half_a_letter_that_was_typed_leaves_the_page_to_its_owner(self, owner):
		typed = {'prompt': 'a fox \ud83e', 'seed': 10**30, 'steps': 7}
		assert call(owner, 'ui_remember', typed) == {}
		assert call(owner, 'ui_begin')['form'] == {
			'prompt': 'a fox \ufffd',
			'seed': None,
			'steps': 7,
		}

	def test_they_leave_models_as_they_are(self, stranger, owner):
		given = {'model': 'sketchbook', 'notes': 'spoilt', 'defaults': {'steps': 1}}
		assert refused(call(stranger, 'ui_model_annotate', given))
		assert call(owner, 'ui_model_card', given)['card']['notes'] == ''
		assert call(owner, 'ui_model_card', given)['card']['path']
		assert call(stranger, 'ui_model_card', given)['card']['path'] == ''

	def test_they_stop_their_own_jobs_only(self, app, stranger, owner, studio, executor):
		executor.gate.clear()
		theirs = call(stranger, 'ui_submit', {'prompt': 'a boat'})['job']['id']
		mine = call(owner, 'ui_submit', {'prompt': 'a house'})['job']['id']
		sent = stranger.post('/api/jobs', json={'prompt': 'a kite'}).json()['id']
		asked = json.loads(
			ask(stranger, 'submit', 'a tree', '', 'sketchbook', *[None] * 7, 1).split('data: ')[1]
		)[0]['id']
		assert refused(call(stranger, 'ui_stop', {'job': mine}))
		assert 'Someone else started this job.' in ask(stranger, 'cancel', mine, 'stop')
		assert stranger.post(f'/api/jobs/{mine}/stop').status_code == 403
		assert refused(call(stranger, 'ui_stop_all'))
		assert refused(call(stranger, 'ui_move', {'job': mine, 'position': 0}))
		assert visit(app, '192.168.1.10').post(f'/api/jobs/{sent}/stop').status_code == 403
		assert studio.jobs.get(mine).live and studio.jobs.get(sent).live
		assert call(stranger, 'ui_stop', {'job': asked})['job']['state'] == 'cancelled'
		assert stranger.post(f'/api/jobs/{sent}/stop').json()['state'] == 'cancelled'
		assert ask(stranger, 'cancel', theirs, 'stop').startswith('event: complete')
		assert not refused(call(owner, 'ui_stop', {'job': mine}))

	def test_nobody_has_a_session_of_their_own_in_gradio(self, app, stranger, owner, studio):
		"""Each would take 100 kB, and a part of the page with a state would be everybody's."""
		for visitor in (stranger, owner):
			assert ask(visitor, 'jobs').startswith('event: complete')
		page = next(route.app for route in app.routes if getattr(route, 'path', None) == '')
		while not hasattr(page, 'state_holder'):
			page = page.app
		assert len(page.state_holder.session_data) == 1
		assert not any(block.stateful for block in blocks.build(studio).blocks.values())

	def test_who_sits_at_the_machine_may(self, owner):
		assert call(owner, 'ui_download_limits')['limits']['at_once'] == 2
		assert 'There is nothing to download.' in ask(owner, 'download', '', *REST)
		told = ask(owner, 'delete_pictures', [999])
		assert told.startswith('event: complete') and '"gone": 1' in told


class TestRoles:
	def test_each_may_what_those_before_may(self):
		for role, doors in (
			('stranger', {'anyone'}),
			('member', {'anyone', 'signed_in'}),
			('owner', {'anyone', 'signed_in', 'owner'}),
		):
			may = {d for d in ('anyone', 'signed_in', 'owner') if Visitor(role=role).may(d)}
			assert may == doors
		assert OWNER.may('owner')

	def test_a_mark_of_no_role_is_a_strangers(self):
		for mark in ('', 'king', 'OWNER', 'owner,stranger', ' owner'):
			assert visitor_of({'x-localai-visitor': mark}).role == 'stranger', mark

	def test_a_declaration_stays_with_its_function(self):
		@open_to('owner')
		def planted() -> None: ...

		assert audience_of(planted) == 'owner'
