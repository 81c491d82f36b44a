"""Generate in a real Chromium: its first minute on an empty home, its keys, and that no words of a person
are lost."""

import json

import pytest
from playwright.sync_api import Page, expect

from tests.live import live_app
from tests.ui.conftest import keep, scripts

pytestmark = pytest.mark.browser
APPLE = 'a red apple on a blue background'
# A key as an input method holds it while letters are composed: the first way is of the standard, the
# second of some browsers.
COMPOSED = (
	"{ key: '%s', isComposing: true, bubbles: true, cancelable: true }",
	"{ key: '%s', keyCode: 229, bubbles: true, cancelable: true }",
)


@pytest.fixture(scope='module')
def app(tmp_path_factory):
	with live_app(tmp_path_factory.mktemp('generate') / 'home') as live:
		yield live


def drawn(app, **fields: object) -> dict:
	return app.wait_job(app.submit(**{'steps': 2, **fields})['id'])


def compose(page: Page, key: str) -> None:
	for way in COMPOSED:
		page.evaluate(
			f"document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {way % key}))"
		)


def shown(page: Page) -> object:
	return page.locator('#stage-image').get_attribute('data-seed')


class TestTheFirstMinute:
	"""In this order: the home is empty only once."""

	@pytest.mark.parametrize(
		('scheme', 'size'), [('light', 'desktop'), ('dark', 'desktop'), ('dark', 'phone')]
	)
	def test_an_empty_home_says_what_it_can_do_and_leads_further(self, open_page, scheme, size):
		page = open_page(scheme, size)
		expect(page.locator('#welcome-text')).to_contain_text('small sample model')
		pictures = page.locator('#examples img')
		expect(pictures).to_have_count(3)
		for at in range(3):
			picture = pictures.nth(at)
			page.wait_for_function(
				'(one) => one.naturalWidth === 128', arg=picture.element_handle()
			)
		offer = page.locator('#offer')
		expect(offer).to_contain_text(' GB')
		expect(offer).to_contain_text('Licence: ')
		expect(offer.get_by_text('Download and use')).to_be_visible()
		assert page.evaluate('document.documentElement.scrollWidth <= innerWidth')
		keep(page, f'first-{size}-{scheme}')

	def test_the_offer_is_fetched_and_loaded_with_one_click(self, open_page):
		page = open_page()
		name = page.locator('#offer strong').inner_text()
		asked = scripts(page, 's.recommended()', s='page/suggestions')
		first = next(one for one in asked if one['name'] == name)
		assert first['fit'] in ('fits', 'offload') and not first['gated']
		page.click('#offer .main')
		expect(page.locator('#offer').get_by_text('Cancel')).to_be_visible()
		request = scripts(page, 's.state.snapshot.downloads[0].request', s='page/state')
		assert (request['source'], request['then_load']) == (first['repo'], True)
		page.locator('#offer').get_by_text('Cancel').click()
		expect(page.locator('#offer .main')).to_be_visible()

	def test_what_is_offered_stays_the_same_model_when_the_order_becomes_another(self, open_page):
		page = open_page()
		name = page.locator('#offer strong').inner_text()
		names = 's.recommended().then((list) => list.map((one) => one.name))'
		before = scripts(page, names, s='page/suggestions')

		def turn_round(route):
			if 'ui_recommended' not in (route.request.post_data or ''):
				return route.continue_()
			answer = route.fetch()
			found = answer.json()
			found['recommended'].reverse()
			return route.fulfill(response=answer, json=found)

		page.route('**/component_server/', turn_round)
		with page.expect_response(lambda one: 'ui_recommended' in (one.request.post_data or '')):
			scripts(page, "bus.emit('library')", bus='page/bus')
		page.wait_for_timeout(100)
		assert scripts(page, names, s='page/suggestions') == before[::-1] != before
		expect(page.locator('#offer strong')).to_have_text(name)

	def test_an_example_is_drawn_with_one_click_and_then_the_sample_says_what_it_is(
		self, open_page
	):
		page = open_page()
		page.locator('.example').first.click()
		expect(page.locator('#stage-image[data-kind=picture]')).to_be_visible()
		expect(page.locator('#welcome')).to_be_hidden()
		expect(page.locator('#prompt')).to_have_value('a fox on a yellow background, shaded style')
		expect(page.locator('#stage-sample')).to_contain_text('small sample model')
		box = page.locator('#stage-image').bounding_box()
		assert 256 <= box['width'] <= 384, 'a small picture is not stretched'
		page.click('#larger')
		expect(page.locator('#downloads')).to_be_visible()


class TestWhatItCosts:
	def test_another_size_than_the_models_own_is_said_and_mended_with_a_click(self, app, open_page):
		drawn(app)
		page = open_page()
		page.fill('#width', '256')
		page.fill('#height', '256')
		cost = page.locator('#cost')
		expect(cost).to_contain_text('Sketchbook draws best at 128 × 128.')
		page.get_by_text('Use 128 × 128').click()
		expect(page.locator('#width')).to_have_value('128')
		expect(cost).not_to_contain_text('best')

	def test_long_is_not_said_as_quietly_as_short(self, app, open_page):
		drawn(app)
		page = open_page()
		page.fill('#prompt', APPLE)
		ink = "getComputedStyle(document.querySelector('#cost strong')).color"
		expect(page.locator('#cost')).to_contain_text('second')
		short = page.evaluate(ink)
		for name in ('width', 'height'):
			page.fill(f'#{name}', '2048')
		page.fill('#count', '8')
		expect(page.locator('#cost.long')).to_contain_text('About')
		assert page.evaluate(ink) != short


class TestComposing:
	def test_no_key_of_an_input_method_is_ours(self, app, open_page):
		drawn(app)
		page = open_page()
		before = len(app.jobs())
		page.fill('#prompt', APPLE)
		page.focus('#prompt')
		compose(page, 'Escape')
		assert page.evaluate('document.activeElement.id') == 'prompt'
		page.click('#sampler-fold summary')
		steps = page.locator('#steps').input_value()
		page.focus('#steps')
		compose(page, 'ArrowUp')
		assert page.locator('#steps').input_value() == steps
		assert len(app.jobs()) == before

	def test_nor_in_a_search(self, app, open_page):
		drawn(app)
		page = open_page(tab='history')
		page.locator('#history-grid [role=option]').first.wait_for()
		page.focus('#history-search')
		for key in ('ArrowDown', 'Enter', 'Escape'):
			compose(page, key)
			assert page.evaluate('document.activeElement.id') == 'history-search'


class TestEscape:
	def test_it_leaves_what_is_nearest_and_stops_at_last(self, app, open_page):
		old = drawn(app, seed=77)
		page = open_page()
		page.fill('#prompt', APPLE)
		page.locator('#filmstrip [data-picture-id]').first.wait_for()
		job = app.submit(steps=150, count=20)['id']
		expect(page.locator('#stage-image[data-kind=preview]')).to_be_visible()
		page.locator(f'[data-picture-id="{old["pictures"][0]["id"]}"]').click()
		expect(page.locator('#stage-image')).to_have_attribute('data-seed', '77')
		page.click('#negative-toggle')
		page.click('#queue-chip')

		page.keyboard.press('Escape')
		expect(page.locator('#queue-panel')).to_be_hidden()
		page.focus('#prompt')
		page.keyboard.press('Escape')
		assert page.evaluate('document.activeElement.id') != 'prompt'
		assert app.job(job)['state'] in ('loading', 'running', 'queued')
		expect(page.locator('#stage-image')).to_have_attribute('data-seed', '77')
		page.keyboard.press('Escape')
		expect(page.locator('#stage-image')).not_to_have_attribute('data-seed', '77')
		assert app.job(job)['state'] in ('loading', 'running', 'queued')
		page.keyboard.press('Escape')
		expect(
			page.locator('#stage-message, #stage-ended').locator('visible=true')
		).to_contain_text('Stopped.')
		stopped = app.wait_job(job)
		assert stopped['state'] == 'cancelled'

		# It goes on with what was missing, from the same seeds.
		page.get_by_role('button', name='Continue').click()
		page.wait_for_function("document.getElementById('stop').offsetParent")
		again = app.jobs()[0]
		assert again['seeds'] == stopped['seeds'][len(stopped['pictures']) :]
		page.click('#stop')
		app.wait_job(again['id'])

	def test_what_is_stopped_behind_another_job_is_said(self, app, open_page):
		page = open_page()
		expect(page.locator('#cost')).to_contain_text('Fits')
		first = app.submit(steps=150, count=20, prompt='a violin on a red background')['id']
		second = app.submit(steps=150, count=20, prompt=APPLE)['id']
		expect(page.locator('#queue-count')).to_have_text('2')
		expect(page.locator('#stage-image[data-kind=preview]')).to_be_visible()
		page.keyboard.press('Escape')
		expect(page.locator('#notice')).to_contain_text('Stopped “a violin on a red background”.')
		expect(page.locator('#notice .link')).to_have_text('Continue')
		expect(page.locator('#queue-count')).to_have_text('1')
		preview = page.locator('#stage-image[data-kind=preview]')
		expect(preview).to_have_attribute('alt', f'Preview: {APPLE}')
		page.keyboard.press('Escape')
		ended = page.locator('#stage-message, #stage-ended').locator('visible=true')
		expect(ended).to_contain_text('Stopped.')
		for job in (first, second):
			assert app.wait_job(job)['state'] == 'cancelled'


class TestWords:
	def test_weights_that_have_no_effect_are_said_while_they_are_typed(self, open_page):
		page = open_page()
		page.fill('#prompt', 'a (red:1.3) apple, <lora:ink:1>')
		notes = page.locator('#cost .cost-note')
		expect(notes.filter(has_text='“(red:1.3)” has no effect yet')).to_be_visible()
		expect(notes.filter(has_text='“<lora:ink:1>” has no effect yet')).to_be_visible()
		page.fill('#prompt', 'a (red) apple')
		expect(notes.filter(has_text='no effect')).to_have_count(0)

	def test_closing_negative_keeps_its_text_and_shows_it(self, open_page):
		page = open_page()
		# Whatever the page of another test has left open.
		scripts(page, "form.set({negative: '', negativeOpen: false})", form='page/form')
		page.click('#negative-toggle')
		page.fill('#negative-prompt', 'blurry')
		page.click('#negative-toggle')
		expect(page.locator('#negative-box')).to_be_hidden()
		expect(page.locator('#negative-toggle')).to_have_text('negative: blurry')
		assert scripts(page, 'form.fields().negative_prompt', form='page/form') == 'blurry'
		page.click('#negative-toggle')
		expect(page.locator('#negative-prompt')).to_have_value('blurry')
		page.fill('#negative-prompt', '')

	def test_use_settings_takes_the_seed_and_gives_a_typed_prompt_back(self, app, open_page):
		drawn(app, prompt='a castle', seed=1234567)
		page = open_page()
		page.locator('#filmstrip').get_by_label('a castle').first.click()
		expect(page.locator('#caption-seed')).to_have_text('seed 1234567')
		page.fill('#prompt', 'words of my own')
		page.click('#use-settings')
		expect(page.locator('#prompt')).to_have_value('a castle')
		expect(page.locator('#seed')).to_have_value('1234567')
		page.locator('#notice').get_by_text('Undo').click()
		expect(page.locator('#prompt')).to_have_value('words of my own')
		expect(page.locator('#seed')).to_have_value('')
		page.click('#stage-vary')
		expect(page.locator('#prompt')).to_have_value('a castle')
		expect(page.locator('#seed')).to_have_value('')
		page.locator('.stage').focus()
		page.keyboard.press('Control+z')
		expect(page.locator('#prompt')).to_have_value('words of my own')

	def test_fixed_begins_with_the_seed_of_the_picture_that_is_shown(self, app, open_page):
		drawn(app, seed=11)
		drawn(app, seed=12)
		page = open_page()
		page.locator('#filmstrip [data-picture-id]').nth(1).click()
		page.click('#seed-modes [data-mode=fixed]')
		expect(page.locator('#seed')).to_have_value('11')
		page.click('#seed-modes [data-mode=random]')
		expect(page.locator('#seed')).to_have_value('')
		page.click('#seed-modes [data-mode=fixed]')

	def test_one_seed_is_written_in_one_way(self, app, open_page):
		job = drawn(app, seed=1234567)
		page = open_page()
		expect(page.locator('#caption-seed')).to_have_text('seed 1234567')
		page.click('#tab-history')
		page.locator('#history-grid [role=option]').first.click()
		expect(page.locator('#detail')).to_contain_text('1234567')
		assert job['seeds'] == [1234567] or job['seeds'] == ['1234567']

	def test_each_tab_of_a_browser_keeps_its_own_words(self, open_page):
		page = open_page()
		page.fill('#prompt', 'of the first')
		other = page.context.new_page()
		other.goto(page.url)
		expect(other.locator('#prompt')).to_have_value('of the first')  # where a new one begins
		other.fill('#prompt', 'of the second')
		page.reload()
		expect(page.locator('#prompt')).to_have_value('of the first')
		other.reload()
		expect(other.locator('#prompt')).to_have_value('of the second')

	def test_how_the_machine_is_is_said_in_whole_sentences(self, open_page):
		page = open_page()

		def said(**engine: object) -> object:
			known = {'state': 'ready', 'device': 'cpu', 'dtype': 'bf16', **engine}
			memory = {'free': 16_000_000_000, 'total': 25_000_000_000}
			return scripts(
				page,
				f'h.sentence({json.dumps(known)}, {json.dumps(memory)})',
				h='hardware/hardware',
			)

		assert said() == 'All well. 16 GB free, CPU with bf16.'
		loading = {'loading': 'x', 'stage': 'unet', 'stage_done': 2.1e9, 'stage_total': 2.1e9}
		assert said(state='loading', **loading) == (
			'All well. 16 GB free, CPU with bf16. Loading the denoiser, 2.1 of 2.1 GB.'
		)

	def test_a_value_that_was_mended_is_no_error_any_more(self, open_page):
		page = open_page()
		if not page.locator('#steps').is_visible():
			page.click('#sampler-fold summary')
		page.fill('#width', '333')
		page.locator('#width').blur()
		expect(page.locator('#error-width')).to_contain_text('336')
		expect(page.locator('#width')).not_to_have_attribute('aria-invalid', 'true')
		page.fill('#width', '128')
		page.set_viewport_size({'width': 1440, 'height': 560})
		page.fill('#steps', '9999')
		page.locator('#steps').blur()
		expect(page.locator('#error-steps')).to_be_in_viewport()


class TestKeys:
	def test_after_drawing_with_the_keyboard_keys_are_no_letters(self, app, open_page):
		page = open_page()
		page.fill('#prompt', APPLE)
		page.keyboard.press('Control+Enter')
		page.wait_for_function("document.activeElement.className === 'stage'")
		page.keyboard.press('?')
		expect(page.locator('#keys-dialog')).to_be_visible()
		page.keyboard.press('Escape')
		page.keyboard.press('/')
		assert page.evaluate('document.activeElement.id') == 'prompt'
		expect(page.locator('#prompt')).to_have_value(APPLE)
		app.wait_job(app.jobs()[0]['id'])

	def test_the_list_of_keys_is_seen_without_knowing_one(self, open_page):
		page = open_page()
		page.get_by_role('button', name='Keys').click()
		expect(page.locator('#keys-dialog')).to_be_visible()

	def test_a_delete_is_undone_by_its_key_but_not_in_a_field(self, app, open_page):
		drawn(app, prompt='a tent')
		page = open_page()
		tile = page.locator('#filmstrip').get_by_label('a tent')
		expect(tile).to_have_count(1)
		page.keyboard.press('Delete')
		expect(tile).to_have_count(0)
		page.focus('#prompt')
		page.keyboard.press('Control+z')
		expect(page.locator('#notice')).to_contain_text('trash')
		page.keyboard.press('Escape')
		page.keyboard.press('Control+z')
		expect(tile).to_have_count(1)


class TestPlaces:
	def test_every_action_is_in_sight_wherever_it_is(self, app, open_page):
		drawn(app)
		page = open_page()
		expect(page.locator('#stage-image[data-kind=picture]')).to_be_visible()
		for width, height in ((390, 844), (844, 390), (720, 450), (2560, 1440)):
			page.set_viewport_size({'width': width, 'height': height})
			for name in ('use-settings', 'stage-vary', 'stage-favourite', 'download'):
				expect(page.locator(f'#{name}')).to_be_in_viewport(ratio=1)
			for name in ('full-screen', 'stage-delete', 'queue-chip', 'model-chip'):
				if name != 'queue-chip' or width > 760:  # there only while something waits
					expect(page.locator(f'#{name}')).to_be_in_viewport(ratio=1)
			assert page.evaluate('document.documentElement.scrollWidth <= innerWidth')
			box = page.locator('#stage-image').bounding_box()
			assert min(box['width'], box['height']) >= 200, (width, height, box)

	def test_in_a_low_window_nothing_lies_on_the_picture(self, app, open_page):
		page = open_page()
		job = app.submit(steps=150, count=4)['id']
		expect(page.locator('#stage-image[data-kind=preview]')).to_be_visible()
		expect(page.locator('#progress-label')).to_be_visible()
		page.set_viewport_size({'width': 844, 'height': 390})
		expect(page.locator('#progress-label')).to_be_hidden()
		expect(page.locator('#caption-progress')).to_contain_text('step')
		for name in ('queue-chip', 'stop', 'stop-keep', 'skip'):
			expect(page.locator(f'#{name}')).to_be_in_viewport(ratio=1)
		page.click('#stop')
		app.wait_job(job)

	def test_what_can_be_touched_is_large_enough_on_a_phone(self, app, open_page):
		drawn(app)
		page = open_page('light', 'phone')
		expect(page.locator('#stage-image[data-kind=picture]')).to_be_visible()
		small = page.evaluate(
			"""() => [...document.querySelectorAll('#stage-actions > *')].filter((one) => one.offsetParent)
				.map((one) => [one.id, one.getBoundingClientRect()])
				.filter(([, box]) => box.width < 44 || box.height < 44).map(([id]) => id)"""
		)
		assert small == []

	def test_a_server_that_goes_before_the_scripts_came_is_said_and_waited_for(self, app, browser):
		context = browser.new_context()
		page = context.new_page()
		for what in ('**/localai/**', '**/healthz'):
			page.route(what, lambda call: call.abort())
		page.goto(app.url)
		expect(page.get_by_role('alert')).to_contain_text('LocalAI is not answering.')
		page.unroute_all()
		expect(page.locator('#generate')).to_be_visible()
		expect(page.get_by_text('is not answering')).to_have_count(0)
		context.close()

	def test_the_lost_connection_pushes_the_page_down_and_shows_on_the_dot(self, open_page):
		page = open_page()
		expect(page.locator('#model-dot')).to_have_class('dot ready')
		page.route('**/healthz', lambda call: call.abort())
		scripts(page, 'void wire.lose()', wire='page/wire')
		expect(page.locator('#connection')).to_be_visible()
		expect(page.locator('#model-dot')).to_have_class('dot trouble')
		bar, prompt = (page.locator(f'#{n}').bounding_box() for n in ('connection', 'prompt'))
		assert bar['y'] + bar['height'] <= prompt['y']
