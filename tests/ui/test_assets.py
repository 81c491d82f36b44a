"""How the page's files travel: once, small, and never again; also behind a path and a password."""

import gzip
import re
import warnings

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from localai.api.guard import Guard
from localai.settings import read_settings
from localai.studio import Studio
from localai.ui import blocks
from localai.ui.assets import STATIC, Assets, lean
from localai.ui.catalog import catalog
from tests.fakes import FakeExecutor

CATALOG = {'keys': ['tag'], 'closing': '</script>'}
ASSETS = Assets(CATALOG)
HERE = f'/{ASSETS.prefix}'
PAGE_BAR, FIRST_BAR = 60_000, 150_000


@pytest.fixture(scope='module')
def client():
	app = FastAPI()
	app.mount(f'/{ASSETS.room}', ASSETS)
	return TestClient(app)


@pytest.fixture(scope='module', params=['/', '/behind'])
def page(request, tmp_path_factory):
	"""The page, and below which path it lies."""
	home = tmp_path_factory.mktemp('home')
	studio = Studio(read_settings({}, home=home).prepare(), FakeExecutor()).open()
	app = FastAPI()
	blocks.mount(app, studio, path=request.param)
	yield TestClient(app), request.param.rstrip('/')
	studio.close()


class TestFiles:
	def test_a_file_is_kept_for_a_year(self, client):
		answer = client.get(f'{HERE}/page/bus.js', headers={'accept-encoding': 'gzip, br'})
		assert answer.text == lean((STATIC / 'page' / 'bus.js').read_text('utf-8'))
		assert answer.headers['cache-control'] == 'public, max-age=31536000, immutable'
		assert answer.headers['content-type'] == 'text/javascript; charset=utf-8'
		assert answer.headers['content-encoding'] == 'gzip'
		assert answer.headers['vary'] == 'accept-encoding'

	def test_a_picture_travels_as_it_is(self, client):
		answer = client.get(f'{HERE}/generate/fox.webp', headers={'accept-encoding': 'gzip'})
		assert answer.content == (STATIC / 'generate' / 'fox.webp').read_bytes()
		assert answer.headers['content-type'] == 'image/webp'
		assert 'content-encoding' not in answer.headers

	def test_who_cannot_unpack_gets_it_plain_under_another_tag(self, client):
		plain = client.get(f'{HERE}/page.css', headers={'accept-encoding': 'identity'})
		small = client.get(f'{HERE}/page.css', headers={'accept-encoding': 'gzip'})
		assert 'content-encoding' not in plain.headers
		assert plain.text == small.text
		assert plain.headers['etag'] != small.headers['etag']

	@pytest.mark.parametrize('accepted', ['gzip;q=0', 'br, GZIP ; q=0.0, *', 'x-gzip', ''])
	def test_who_refuses_it_packed_gets_it_plain(self, client, page, accepted):
		app, path = page
		for answer in (
			client.get(f'{HERE}/page.css', headers={'accept-encoding': accepted}),
			app.get(f'{path}/', headers={'accept-encoding': accepted}),
		):
			assert answer.status_code == 200 and 'content-encoding' not in answer.headers

	@pytest.mark.parametrize('accepted', ['GZIP', 'br;q=1.0, gzip;q=0.5', 'deflate,gzip;q=0.01'])
	def test_who_takes_it_packed_says_so_in_many_ways(self, client, accepted):
		answer = client.get(f'{HERE}/page.css', headers={'accept-encoding': accepted})
		assert answer.headers['content-encoding'] == 'gzip'

	def test_what_is_known_is_not_sent_again(self, client):
		tag = client.get(f'{HERE}/page.css').headers['etag']
		again = client.get(f'{HERE}/page.css', headers={'if-none-match': f'W/"x", {tag}'})
		assert again.status_code == 304
		assert not again.content

	@pytest.mark.parametrize(
		'path',
		[
			'/page/none.js',
			'/page/tokens.css',
			'/../assets.py',
			'/%2e%2e/assets.py',
			'/page/../../assets.py',
			'',
		],
	)
	def test_nothing_else_is_there(self, client, path):
		assert client.get(f'{HERE}{path}').status_code == 404

	def test_another_version_is_not_there_either(self, client):
		assert client.get(f'/{ASSETS.room}/{"0" * 16}/page/bus.js').status_code == 404

	def test_files_are_only_read(self, client):
		assert client.post(f'{HERE}/page/bus.js').status_code == 405
		head = client.head(f'{HERE}/page/bus.js')
		assert head.status_code == 200
		assert not head.content

	def test_the_address_changes_with_what_the_scripts_know(self):
		assert Assets(CATALOG).prefix == ASSETS.prefix
		assert Assets({'keys': []}).prefix != ASSETS.prefix

	def test_every_style_sheet_is_in_the_one_that_is_served(self, client):
		served = client.get(f'{HERE}/page.css').text
		assert all(lean(f.read_text('utf-8')) in served for f in STATIC.rglob('*.css'))


class TestLean:
	def test_comments_and_indentation_stay_here_and_lines_keep_their_numbers(self):
		text = (
			"// One.\nconst a = 'http://b'; // kept\n\t/** Two,\n\t * three. */\n\tb(); /* c */\n"
		)
		assert lean(text) == "\nconst a = 'http://b'; // kept\n\n\nb(); /* c */\n"

	@pytest.mark.parametrize(
		'name', [f.relative_to(STATIC).as_posix() for f in STATIC.rglob('*.js')]
	)
	def test_no_line_begins_within_a_template_or_a_string(self, name):
		for number, line in enumerate((STATIC / name).read_text('utf-8').splitlines(), 1):
			assert line.count('`') % 2 == 0 and not line.endswith('\\'), f'{name}:{number}'


class TestTheFirstAnswer:
	def test_it_is_small_and_names_every_file_in_its_head(self, page):
		client, path = page
		answer = client.get(f'{path}/', headers={'accept-encoding': 'gzip'})
		head = answer.text.partition('</head>')[0]
		assert len(answer.content) <= PAGE_BAR
		named = re.findall(r'href="(localai/[^"]+)"', head)
		assert {n.partition('/')[2].partition('/')[2] for n in named} == set(
			f for f in Assets(catalog()).files if not f.endswith('.webp')
		)
		for name in named:
			assert client.get(f'{path}/{name}').status_code == 200

	def test_all_of_ours_is_small_on_the_way(self):
		assets = Assets(catalog())
		sent = {name: assets.sent(name) for name in assets.files}
		assert sum(map(len, sent.values())) <= FIRST_BAR
		assert {
			n: small if n.endswith('.webp') else gzip.decompress(small) for n, small in sent.items()
		} == assets.files

	def test_it_travels_packed_where_it_may(self, page):
		client, path = page
		plain = client.get(f'{path}/', headers={'accept-encoding': 'identity'})
		small = client.get(f'{path}/', headers={'accept-encoding': 'gzip'})
		assert small.headers['content-encoding'] == 'gzip'
		assert int(small.headers['content-length']) < len(plain.content) / 2
		assert 'content-encoding' not in plain.headers
		assert small.text == plain.text

	def test_programs_still_find_every_endpoint(self, page):
		client, path = page
		assert '/generate' in client.get(f'{path}/gradio_api/info').json()['named_endpoints']
		names = [d['api_name'] for d in client.get(f'{path}/config').json()['dependencies']]
		assert {'generate', 'ui_follow'} <= set(names)

	def test_no_browser_keeps_it(self, page):
		"""Going back after an update, it would ask for scripts that are no longer there."""
		client, path = page
		assert client.get(f'{path}/').headers['cache-control'] == 'no-store'

	def test_making_it_says_nothing(self, tmp_path):
		studio = Studio(read_settings({}, home=tmp_path).prepare(), FakeExecutor())
		with warnings.catch_warnings(record=True) as said:
			warnings.simplefilter('always', UserWarning)
			blocks.mount(FastAPI(), studio)
		assert not [str(one.message) for one in said if one.category is UserWarning]


class TestPassword:
	def test_the_files_are_behind_it_as_the_page_is(self):
		app = FastAPI()
		app.mount(f'/{ASSETS.room}', ASSETS)
		app.add_middleware(Guard, hosts=('testserver',), password='secret')
		client = TestClient(app)
		assert client.get(f'{HERE}/page/bus.js').status_code == 401
		answer = client.get(f'{HERE}/page/bus.js', auth=('me', 'secret'))
		assert answer.status_code == 200
		assert answer.headers['x-content-type-options'] == 'nosniff'


class TestTabs:
	def test_a_tab_is_its_module_its_folder_and_a_place_in_the_row(self):
		for tab in blocks.TABS:
			folder = STATIC / tab.name
			markup = {f.stem for f in folder.glob('*.html')}
			assert markup == {*tab.parts, *tab.over}, tab.name
			assert all((folder / f'{name}.js').exists() for name in markup)

	def test_gradio_knows_them_in_the_order_of_the_header(self, page):
		client, path = page
		components = client.get(f'{path}/config').json()['components']
		known = [
			(c['props']['id'], c['props']['label']) for c in components if c['type'] == 'tabitem'
		]
		assert known == [(tab.name, tab.title) for tab in blocks.TABS]
