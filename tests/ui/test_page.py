"""The page in a real Chromium over the real app: a person draws, reloads, looks on from elsewhere,
stops."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.live import live_app
from tests.ui.conftest import keep, scripts

pytestmark = pytest.mark.browser


@pytest.fixture(scope='module')
def app(tmp_path_factory):
	with live_app(tmp_path_factory.mktemp('page') / 'home') as live:
		yield live


def set_up(page: Page, prompt: str, steps: int = 20, count: int = 1) -> None:
	page.fill('#prompt', prompt)
	if not page.locator('#steps').is_visible():
		page.click('#sampler-fold summary')
	page.fill('#steps', str(steps))
	page.fill('#count', str(count))


def step_of(page: Page) -> int:
	found = re.search(r'step (\d+) of', page.locator('#progress-label').inner_text())
	return int(found.group(1)) if found else 0


def change(page: Page, edit: Callable[[dict], None]) -> None:
	"""Opens the page again with another catalog than the app's."""

	def answer(call: Route) -> None:
		name, told = call.fetch().text().removesuffix(';\n').split('=', 1)
		catalog = json.loads(told)
		edit(catalog)
		call.fulfill(body=f'{name}={json.dumps(catalog)};', content_type='text/javascript')

	page.route('**/page/catalog.js', answer)
	page.reload()
	expect(page.locator('#generate')).to_be_visible()
	page.wait_for_function("document.getElementById('steps').value")


def expect_picture(page: Page) -> None:
	expect(page.locator('#stage-image[data-kind=picture]')).to_be_visible(timeout=60_000)
	page.wait_for_function(
		"document.getElementById('stage-image').naturalWidth > 0", timeout=10_000
	)


class TestJourney:
	def test_draw_reload_look_on_stop_and_draw_again(self, app, open_page):
		page = open_page()
		keep(page, 'empty')

		# Type and generate with the keyboard; watch steps and a preview.
		set_up(page, 'a red apple on a blue background', steps=150, count=4)
		page.focus('#prompt')
		page.keyboard.press('Control+Enter')
		expect(page.locator('#progress-label')).to_contain_text('step', timeout=60_000)
		expect(page.locator('#stage-image[data-kind=preview]')).to_be_visible()
		keep(page, 'running')
		job = page.locator('#stage-image').get_attribute('data-job')
		before = step_of(page)

		# Reload in the middle: it goes on, with its preview, and the words are still there.
		page.reload()
		expect(page.locator('#stage-image[data-kind=preview]')).to_be_visible()
		expect(page.locator('#progress-label')).to_contain_text('step')
		assert page.locator('#stage-image').get_attribute('data-job') == job
		expect(page.locator('#prompt')).to_have_value('a red apple on a blue background')
		assert before >= 0

		# A second browser sees the same job.
		other = open_page('dark')
		expect(other.locator('#stage-image[data-kind=preview]')).to_be_visible()
		assert other.locator('#stage-image').get_attribute('data-job') == job
		keep(other, 'running-dark')

		# Queue a second one, look at the queue, stop the first by Escape.
		page.click('#generate')
		expect(page.locator('#queue-chip')).to_contain_text('2')
		page.click('#queue-chip')
		expect(page.locator('#queue-list li')).to_have_count(2)
		keep(page, 'queue')
		page.keyboard.press('Escape')
		expect(page.locator('#queue-panel')).to_be_hidden()
		page.locator('body').press('Escape')
		expect(page.locator('#stage-image')).not_to_have_attribute('data-job', job)
		page.click('#queue-chip')
		page.click('#stop-all')
		page.keyboard.press('Escape')
		expect(other.locator('#stop')).to_be_hidden()

		# And draw again.
		set_up(page, 'a fox on a yellow background', steps=10)
		page.click('#generate')
		expect_picture(page)
		expect_picture(other)
		expect(page.locator('#filmstrip [data-picture-id]').first).to_be_visible()
		keep(page, 'finished')

	def test_settings_come_back_in_another_browser(self, open_page):
		page = open_page()
		set_up(page, 'a castle', steps=7)
		page.click('#generate')
		expect_picture(page)
		other = open_page()
		expect(other.locator('#prompt')).to_have_value('a castle')
		assert other.locator('#steps').input_value() == '7'

	def test_the_form_carries_a_noun_that_it_has_no_part_for(self, open_page):
		page = open_page()

		def ask(catalog: dict) -> None:
			next(term for term in catalog['terms'] if term['name'] == 'loras')['asked'] = True

		def form(what: str) -> object:
			return scripts(page, what, form='page/form', terms='page/terms')

		change(page, ask)
		uses = [{'name': 'ink', 'weight': 0.8, 'of a later version': [1]}]
		assert 'loras' not in form('form.fields()')
		form(f"form.set({{ [terms.short('loras')]: {json.dumps(uses)} }})")
		assert form('form.fields().loras') == uses
		page.reload()  # kept, and brought back
		expect(page.locator('#generate')).to_be_visible()
		page.wait_for_function('document.getElementById("steps").value')
		assert form('form.fields().loras') == uses
		form("form.use({ prompt: 'a fox', loras: [{ name: 'oil' }] })")
		assert form('form.fields().loras') == [{'name': 'oil'}]
		form("form.use({ prompt: 'a cat' })")  # drawn without
		assert 'loras' not in form('form.fields()')

	def test_it_shows_what_the_family_has(self, open_page):
		page = open_page()

		def differ(catalog: dict) -> None:
			row = catalog['families']['sketchbook']
			row['samplers'] = ['DDIM', 'Euler']
			row['negative_prompt'] = False
			row['shapes'].append({'name': 'Wide', 'width': 192, 'height': 128})
			row['efforts'].pop()

		expect(page.locator('#negative-toggle')).to_be_visible()
		change(page, differ)
		expect(page.locator('#negative-toggle')).to_be_hidden()
		page.click('#sampler-fold summary')
		assert page.locator('#sampler option').all_text_contents() == ['DDIM', 'Euler']
		assert page.locator('#efforts [role=radio]').all_inner_texts() == ['Quality', 'Balanced']
		page.click('#shapes [data-name=Wide]')
		expect(page.locator('#width')).to_have_value('192')
		page.click('#tab-models')
		page.click('#models-rows .row-open')
		page.click('#card-defaults summary')
		samplers = page.locator('#default-sampler option').all_text_contents()
		assert samplers == ['usual', 'DDIM', 'Euler']
		assert 'Karras' in page.locator('#default-schedule option').all_text_contents()
		assert page.locator('#default-negative_prompt').count() == 0
		for chosen, kept in (('Euler', "'Euler'"), ('usual', 'null')):
			page.select_option('#default-sampler', chosen)
			page.wait_for_function(
				'import(document.querySelector(\'link[href*="page/state"]\').href)'
				f'.then(({{ state }}) => state.models[0].defaults.sampler === {kept})'
			)

	def test_wrong_input_is_said_beside_the_field_and_the_page_lives(self, open_page):
		page = open_page()
		expect(page.locator('#cost')).to_contain_text('Fits')
		page.fill('#prompt', '')
		page.click('#generate')
		expect(page.locator('#error-prompt')).to_be_visible()
		set_up(page, 'a fox', steps=20)
		if not page.locator('#steps').is_visible():
			page.click('#sampler-fold summary')
		page.fill('#steps', '9999')
		page.locator('#steps').blur()
		expect(page.locator('#error-steps')).to_contain_text('150')
		expect(page.locator('#steps')).to_have_value('150')
		page.fill('#steps', '5')
		page.wait_for_timeout(400)  # two clicks within 0.3 s count as one
		page.click('#generate')
		expect_picture(page)

	def test_what_was_written_is_never_run(self, open_page):
		page = open_page()
		set_up(
			page, '<img src=x onerror="document.title=1"> ${document.title=2} {{value}}', steps=3
		)
		page.click('#generate')
		expect_picture(page)
		page.reload()
		expect_picture(page)
		assert page.title() == 'LocalAI'

	def test_a_long_prompt_is_counted_and_said(self, open_page):
		page = open_page()
		page.fill('#prompt', 'fox ' * 100)
		expect(page.locator('#token-count')).to_contain_text('102')
		expect(page.locator('#token-note')).to_be_visible()


class TestPlaces:
	@pytest.mark.parametrize(
		('scheme', 'size'), [('light', 'phone'), ('dark', 'phone'), ('dark', 'desktop')]
	)
	def test_nothing_scrolls_sideways(self, open_page, scheme, size):
		page = open_page(scheme, size)
		expect(page.locator('#prompt')).to_be_visible()
		keep(page, f'{size}-{scheme}')
		assert page.evaluate('document.documentElement.scrollWidth <= innerWidth')

	def test_every_control_is_reached_by_tab_with_a_name_and_a_visible_focus(self, open_page):
		page = open_page()
		set_up(page, 'a key', steps=2)
		page.click('#generate')
		expect(page.locator('#filmstrip').get_by_label('a key').first).to_be_visible()
		expect(page.locator('#use-settings')).to_be_visible()
		if not page.locator('#steps').is_visible():
			page.click('#sampler-fold summary')
		page.keyboard.press('Escape')
		seen: dict[str, dict] = {}
		page.evaluate('document.activeElement.blur()')
		for _ in range(80):
			page.keyboard.press('Tab')
			here = page.evaluate(
				"""() => {
				const e = document.activeElement, s = getComputedStyle(e), b = e.getBoundingClientRect();
				const box = e.closest('.prompt-box, .generate, .segments') || e, t = getComputedStyle(box);
				const ring = (x) => (x.outlineStyle !== 'none' && parseFloat(x.outlineWidth) >= 2) || x.boxShadow !== 'none';
				return {id: e.id || e.className || e.tagName, ring: ring(s) || ring(t),
					name: (e.ariaLabel || e.innerText || (e.labels && e.labels[0] && e.labels[0].innerText) || e.title || '').trim(),
					visible: b.width > 0 && b.height > 0};
			}"""
			)
			seen[here['id']] = here
		for wanted in (
			'prompt',
			'generate',
			'count',
			'steps',
			'guidance',
			'sampler',
			'schedule',
			'seed',
			'width',
			'height',
		):
			assert wanted in seen, (wanted, list(seen))
		for wanted in (
			'model-chip',
			'queue-chip',
			'negative-toggle',
			'use-settings',
			'download',
			'full-screen',
		):
			assert wanted in seen, (wanted, list(seen))
		nameless = [k for k, v in seen.items() if k != 'BODY' and not v['name']]
		unseen = [k for k, v in seen.items() if k != 'BODY' and not v['ring']]
		assert not nameless and not unseen, (nameless, unseen)

	def test_the_page_stays_small(self, app):
		import json
		import urllib.request

		config = json.loads(urllib.request.urlopen(f'{app.url}/config', timeout=60).read())
		assert len(config['components']) <= 150


class TestFiles:
	def test_a_reload_takes_none_of_ours_again(self, app, browser):
		# Not `open_page`: who looks into every request has no cache.
		context = browser.new_context()
		page = context.new_page()
		spoken: list[str] = []
		page.on('console', lambda message: spoken.append(message.text))
		line = context.new_cdp_session(page)
		line.send('Network.enable')
		asked: dict[str, str] = {}
		bytes_of: dict[str, float] = {}
		line.on(
			'Network.requestWillBeSent',
			lambda e: asked.update({e['requestId']: e['request']['url']}),
		)
		line.on(
			'Network.loadingFinished',
			lambda e: bytes_of.update({e['requestId']: e['encodedDataLength']}),
		)

		def ours() -> float:
			names = [i for i in bytes_of if '/localai/' in asked.get(i, '')]
			assert len(names) > 50
			return sum(bytes_of.pop(i) for i in names)

		page.goto(app.url)
		expect(page.locator('#generate')).to_be_visible()
		expect(page.locator('#model-name')).to_have_text('Sketchbook')
		assert 0 < ours() <= 150_000
		assert not spoken
		page.reload()
		expect(page.locator('#generate')).to_be_visible()
		expect(page.locator('#model-name')).to_have_text('Sketchbook')
		assert ours() == 0
		context.close()

	def test_what_suits_this_machine_is_looked_at_from_an_empty_library(self, open_page):
		page = open_page(tab='models')
		page.locator('#models-suggest .row-open').first.click()
		expect(page.locator('#tab-downloads')).to_have_attribute('aria-selected', 'true')
		expect(page.locator('#repository')).to_be_visible()
		page.go_back()
		expect(page.locator('#models')).to_be_visible()

	def test_a_part_that_does_not_load_is_said_and_loaded_again(self, open_page):
		page = open_page()
		page.route('**/history/grid.js', lambda call: call.abort())
		page.reload()
		page.click('#tab-history')
		expect(page.locator('#notice')).to_contain_text('A part of this page did not load.')
		page.unroute('**/history/grid.js')
		page.click('#notice .link')
		tile, nothing = (
			page.locator('#history-grid [role=option]'),
			page.get_by_text('Nothing drawn yet'),
		)
		expect(tile.or_(nothing).first).to_be_visible()
		expect(page.locator('#notice')).to_be_hidden()
