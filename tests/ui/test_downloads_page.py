"""The Downloads tab in a real Chromium over the real app and a hub on this machine: search, exact
sizes, fetch, pause, wrong bytes, a token that is never seen again."""

import shutil

import pytest
from playwright.sync_api import Page, expect

from tests.hub_server import HubServer
from tests.live import live_app
from tests.repositories import WEIGHTS, publish
from tests.ui.conftest import keep, reload_in_a_hurry, scripts

pytestmark = pytest.mark.browser
MB = 1_000_000
TINY = 'ada/tiny-sd'
LARGE = 'ada/large-sd'
GATED = 'ada/gated-sd'
DIFFUSERS = {
	'library_name': 'diffusers',
	'pipeline_tag': 'text-to-image',
	'tags': ['diffusers', 'base_model:stable-diffusion-v1-5/stable-diffusion-v1-5'],
}


@pytest.fixture(scope='module')
def hub(tmp_path_factory, tiny_model):
	root = tmp_path_factory.mktemp('served')
	publish(root, TINY, downloads=1200, **DIFFUSERS)
	shutil.copytree(tiny_model, root / TINY, dirs_exist_ok=True)
	publish(root, LARGE, size=24 * MB, downloads=40, **DIFFUSERS)
	publish(root, GATED, gated='manual', **DIFFUSERS)
	with HubServer(root) as server:
		yield server


@pytest.fixture(scope='module')
def app(tmp_path_factory, hub):
	folder = tmp_path_factory.mktemp('downloads')
	with live_app(
		folder / 'home',
		HF_ENDPOINT=hub.endpoint,
		HF_HUB_CACHE=str(folder / 'hub'),
		HF_HUB_OFFLINE='0',
		HF_TOKEN_PATH=str(folder / 'token'),
		NO_PROXY='127.0.0.1',
	) as live:
		yield live


@pytest.fixture(autouse=True)
def no_faults(hub):
	yield
	hub.faults.clear()


def search(page: Page, words: str) -> None:
	page.fill('#hub-search', words)
	page.keyboard.press('Enter')


def look_at(page: Page, repo: str) -> None:
	"""A name instead of words opens it at once."""
	search(page, repo)
	expect(page.locator('#repository-sum')).to_be_visible()
	expect(page.locator('#repository-name')).to_have_text(repo)


def fetched(page: Page, repo: str):
	named = page.locator('.row-name').get_by_text(repo, exact=True)
	return page.locator('#fetching-rows .row').filter(has=named)


class TestLooking:
	def test_the_list_for_this_machine(self, open_page):
		page = open_page(tab='downloads')
		expect(page.locator('#hub-machine .row').nth(14)).to_be_attached()
		expect(page.locator('#hub-machine .badge').first).to_be_visible()
		keep(page, 'downloads')

	def test_search_and_see_exactly_what_comes(self, open_page, hub):
		page = open_page(tab='downloads')
		search(page, 'sd')
		expect(page.locator('#hub-rows .row')).to_have_count(3)
		expect(page.locator('#hub-rows')).to_contain_text('1,200 downloads')
		page.select_option('#hub-gated', 'yes')
		expect(page.locator('#hub-rows .row')).to_have_count(1)
		expect(page.locator('#hub-rows .badge')).to_have_text('Gated')
		look_at(page, LARGE)
		keep(page, 'downloads-repository')
		expect(page.locator('#repository-sum')).to_contain_text('Downloads 24 MB')
		page.locator('.part', has_text='unet').locator('summary').click()
		expect(page.locator('.part[open] li')).to_have_count(2)
		page.keyboard.press('Escape')
		expect(page.locator('#repository')).to_be_hidden()

	def test_a_row_is_no_longer_than_the_eye_follows(self, open_page):
		page = open_page(tab='downloads')
		expect(page.locator('#hub-machine .row').first).to_be_visible()
		page.set_viewport_size({'width': 2560, 'height': 1440})
		page.wait_for_function(  # the list is drawn again as soon as the machine is known better
			"""() => {
				const row = document.querySelector('#hub-machine .row');
				const box = row && row.getBoundingClientRect();
				return box && box.width > 1100 && box.width < 1300 && box.x > 500;
			}"""
		)

	def test_a_hub_that_cannot_be_reached(self, open_page, hub):
		page = open_page(tab='downloads')
		hub.fault('/api/models*', status=503)
		search(page, 'castle')
		expect(page.locator('#hub-message-title')).to_contain_text('cannot be reached')
		keep(page, 'downloads-offline')
		hub.faults.clear()
		page.click('#hub-again')
		expect(page.locator('#hub-message-title')).to_contain_text('Nothing found')

	def test_no_such_repository_and_markup_in_its_place(self, open_page):
		page = open_page(tab='downloads')
		search(page, 'ada/nothing')
		expect(page.locator('#repository-wrong-text')).to_be_visible()
		search(page, '<img src=x onerror="document.title=1">${document.title=2}')
		expect(page.locator('#hub-message-title')).to_be_visible()
		assert page.title() == 'LocalAI'

	def test_the_page_of_a_model_elsewhere_is_not_called_a_file(self, open_page):
		page = open_page(tab='downloads')
		search(page, 'https://civitai.com/models/4384/dreamshaper')
		expect(page.locator('#repository-wrong-text')).to_contain_text('not its file')
		expect(page.locator('#repository-again')).to_be_hidden()
		expect(page.locator('#repository-body')).to_be_hidden()
		search(page, 'https://civitai.com/models/4384/dreamshaper?modelVersionId=128713')
		expect(page.locator('#repository-line')).to_have_text('One file from civitai.com')
		expect(page.locator('#repository-wrong')).to_be_hidden()

	def test_a_reload_leaves_what_was_searched_for_and_what_is_open(self, open_page):
		page = open_page(tab='downloads')
		search(page, 'sd')
		expect(page.locator('#hub-rows .row')).to_have_count(3)
		look_at(page, LARGE)
		page.fill('#hub-search', 'sd')
		reload_in_a_hurry(page, 'ui_hub_search')
		expect(page.locator('#hub-rows .row')).to_have_count(3)
		expect(page.locator('#hub-search')).to_have_value('sd')
		expect(page.locator('#repository-name')).to_have_text(LARGE)
		expect(page.locator('#repository-sum')).to_be_visible()


class TestFetching:
	def test_pause_resume_and_the_whole_way_into_models(self, open_page, hub):
		page = open_page(tab='downloads')
		slow = hub.fault(f'*{WEIGHTS}', rate=3 * MB)
		look_at(page, LARGE)
		page.click('#repository-get')
		line = fetched(page, LARGE)
		expect(line).to_contain_text('MB/s')
		keep(page, 'downloads-running')
		line.get_by_role('button', name='Pause').click()
		expect(line).to_contain_text('Paused at')
		hub.faults.remove(slow)
		line.get_by_role('button', name='Resume').click()
		expect(line).to_contain_text('Finished', timeout=60_000)
		assert hub.sent(f'*{LARGE}*{WEIGHTS}') < 30 * MB
		line.get_by_role('button', name='Remove').click()
		expect(line).to_have_count(0)

	def test_download_and_load(self, open_page):
		page = open_page(tab='downloads')
		look_at(page, TINY)
		page.click('#repository-load')
		expect(fetched(page, TINY)).to_contain_text('Finished', timeout=60_000)
		page.click('#tab-models')
		expect(page.locator('#models-memory-words')).to_contain_text('tiny-sd', timeout=90_000)
		expect(page.locator('#model-name')).to_have_text('tiny-sd')
		page.fill('#models-search', 'tiny')
		expect(page.locator('#models-rows .row')).to_have_count(1)
		expect(page.locator('#models-rows').get_by_role('button', name='Unload')).to_be_visible()

	def test_wrong_bytes_are_refused_and_can_be_tried_again(self, open_page, hub):
		publish(hub.root, 'ada/wrong-sd', size=MB, **DIFFUSERS)
		wrong = hub.fault('*wrong-sd*.safetensors', wrong=True)
		page = open_page(tab='downloads')
		look_at(page, 'ada/wrong-sd')
		page.click('#repository-get')
		line = fetched(page, 'ada/wrong-sd')
		expect(line.locator('.row-line.trouble')).to_be_visible()
		expect(line.get_by_role('button', name='Try again')).to_be_visible()
		keep(page, 'downloads-wrong')
		hub.faults.remove(wrong)
		line.get_by_role('button', name='Try again').click()
		expect(line).to_contain_text('Finished')


class TestToken:
	def test_it_goes_in_and_never_comes_out(self, open_page, app):
		page = open_page(tab='downloads')
		seen: list[str] = []
		page.on('response', lambda answer: seen.append(answer.url))
		search(page, GATED)
		expect(page.locator('#repository-name')).to_have_text(GATED)
		expect(page.locator('#repository-gate')).to_contain_text('Its owners')
		expect(page.locator('#repository-get')).to_be_disabled()
		keep(page, 'downloads-gated')
		page.click('#hub-settings-button')
		page.fill('#hub-token', 'hf_good')
		page.keyboard.press('Enter')
		expect(page.locator('#hub-settings-state')).to_contain_text('is stored')
		expect(page.locator('#hub-token')).to_have_value('')
		page.reload()
		page.click('#hub-settings-button')
		expect(page.locator('#hub-token-remove')).to_be_visible()
		held = page.evaluate(
			'document.documentElement.outerHTML + JSON.stringify(localStorage)'
		) + scripts(page, 'JSON.stringify(known.state)', known='page/state')
		assert 'hf_good' not in held
		assert not any('hf_good' in url for url in seen)
		look_at(page, GATED)
		page.click('#hub-token-remove')
		expect(page.locator('#hub-settings-state')).to_contain_text('No token is set')
		assert 'hf_good' not in app.log


class TestPlaces:
	@pytest.mark.parametrize('scheme', ['light', 'dark'])
	def test_a_phone_shows_all_of_it(self, open_page, scheme):
		page = open_page(scheme, 'phone', 'downloads')
		expect(page.locator('#hub-machine .row').first).to_be_visible()
		keep(page, f'downloads-phone-{scheme}')
		look_at(page, LARGE)
		expect(page.locator('#repository-close')).to_be_focused()
		keep(page, f'downloads-phone-details-{scheme}')
		page.click('#repository-close')
		page.click('#hub-settings-button')
		assert page.evaluate('document.documentElement.scrollWidth <= innerWidth')
		small = page.evaluate(
			"""() => [...document.querySelectorAll('#downloads :is(button, input, select, summary)')]
			.filter((e) => { const b = e.getBoundingClientRect(); return b.height && b.height < 43.5; })
			.map((e) => e.id || e.className)"""
		)
		assert not small
