"""What is done with a picture of the history, in a real Chromium over the real app: compare, use again,
verify, full screen, the prompts of the day, import, export."""

import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.ui.conftest import holding, keep, scripts
from tests.ui.history import FOXES, filled_app, find, open_first, png, tile

pytestmark = pytest.mark.browser


@pytest.fixture(scope='module')
def app(tmp_path_factory):
	with filled_app(tmp_path_factory.mktemp('history') / 'home') as live:
		yield live


@pytest.fixture(scope='module')
def drawn(app):
	"""Two pictures that this app drew itself, the newest of all."""
	pictures = []
	for prompt in ('a red apple on a blue background', 'a green apple on a blue background'):
		job = app.wait_job(app.submit(prompt=prompt, steps=4, seed=11)['id'])
		assert job['state'] == 'finished', job
		pictures.append(job['pictures'][0])
	return pictures


class TestUsing:
	def test_what_is_pressed_before_the_details_come_is_done_when_they_have(self, open_page, drawn):
		page = open_page(tab='history')
		find(page, 'apple', len(drawn))
		with holding(page, 'ui_history_card'):
			tile(page, 2).click()
			expect(page.locator('#detail-use')).to_be_visible()
			page.click('#detail-favourite')
			page.click('#detail-use')
		expect(page.locator('#prompt')).to_have_value('a red apple on a blue background')
		page.click('#tab-history')
		expect(page.locator('#detail-favourite')).to_have_attribute('aria-pressed', 'true')
		page.click('#detail-favourite')
		expect(page.locator('#detail-favourite')).to_have_attribute('aria-pressed', 'false')

	def test_details_that_do_not_come_are_not_those_of_the_picture_before(self, open_page, drawn):
		page = open_page(tab='history')
		open_first(page, 'apple')
		expect(page.locator('#detail-facts')).not_to_be_empty()
		page.route(
			'**/component_server/',
			lambda call: (
				call.abort()
				if 'ui_history_card' in (call.request.post_data or '')
				else call.continue_()
			),
		)
		tile(page, 2).click()
		expect(page.locator('#notice')).to_contain_text('LocalAI did not answer')
		expect(page.locator('#detail')).to_be_visible()
		assert scripts(page, 'detail.picture()', detail='history/detail') is None

	def test_compare_and_use_again(self, open_page, drawn):
		page = open_page(tab='history')
		find(page, 'apple', len(drawn))
		tile(page, 1).click(modifiers=['Control'])
		expect(page.locator('#selection-compare')).to_be_disabled()
		tile(page, 2).click(modifiers=['Control'])
		page.click('#selection-compare')
		expect(page.locator('#compare-pieces del')).to_be_visible()
		page.keyboard.press('ArrowRight')
		keep(page, 'history-compare')
		page.keyboard.press('Escape')
		page.click('#selection-clear')
		tile(page, 2).click()
		page.click('#detail-use')
		expect(page.locator('#prompt')).to_have_value('a red apple on a blue background')
		assert scripts(page, '[form.values.seed, form.values.steps]', form='page/form') == [11, 4]
		page.click('#tab-history')
		page.click('#detail-vary')
		expect(page.locator('#notice')).to_contain_text('a new seed')
		assert scripts(page, 'form.values.seedMode', form='page/form') == 'random'
		page.click('#tab-history')
		open_first(page, 'fox 003')
		page.click('#detail-use')  # of another program: what is not here is said
		expect(page.locator('#notice')).to_contain_text('Dreamer')
		expect(page.locator('#prompt')).to_have_value('a fox 003 in grass')

	def test_verify_is_identical(self, open_page, drawn):
		page = open_page(tab='history')
		open_first(page, '"red apple"')
		page.click('#detail-verify')
		expect(page.locator('#detail-verdict')).to_contain_text(
			'Identical, pixel for pixel', timeout=90_000
		)
		keep(page, 'history-verified')

	def test_full_screen_walks_over_all_that_is_found(self, open_page):
		page = open_page(tab='history')
		open_first(page, 'fox')
		page.click('#detail-open')
		expect(page.locator('#viewer-place')).to_have_text(f'1 of {FOXES}')
		page.keyboard.press('End')
		expect(page.locator('#viewer-words')).to_have_text('a fox 000 in grass')
		expect(page.locator('#viewer-place')).to_have_text(f'{FOXES} of {FOXES}')
		page.keyboard.press('3')
		expect(page.locator('#viewer-marks')).to_have_text(re.compile('★'))
		page.keyboard.press('Delete')
		expect(page.locator('#viewer-place')).to_have_text(f'{FOXES - 1} of {FOXES - 1}')
		page.click('#viewer #notice >> text=Undo')
		expect(page.locator('#history-count')).to_have_text(f'{FOXES} pictures')
		page.keyboard.press('End')
		expect(page.locator('#viewer-place')).to_have_text(f'{FOXES} of {FOXES}')
		page.keyboard.press('Escape')
		expect(page.locator('#detail-prompt')).to_have_text('a fox 000 in grass')

	def test_the_prompts_of_the_day(self, open_page, drawn):
		page = open_page()
		page.fill('#prompt', 'what I am typing')
		page.keyboard.press('Alt+ArrowUp')
		expect(page.locator('#prompt')).to_have_value('a green apple on a blue background')
		page.click('#timeline-back')
		expect(page.locator('#prompt')).to_have_value('a red apple on a blue background')
		expect(page.locator('#stage-image')).to_have_attribute(
			'alt', 'a red apple on a blue background'
		)
		page.click('#timeline-button')
		expect(page.locator('#timeline-rows ins').first).to_be_visible()
		keep(page, 'prompts')
		page.keyboard.press('Escape')
		page.focus('#prompt')
		page.keyboard.press('Alt+ArrowDown')
		page.keyboard.press('Alt+ArrowDown')
		expect(page.locator('#prompt')).to_have_value('what I am typing')

	def test_heart_and_delete_on_the_stage(self, open_page, drawn):
		page = open_page()
		expect(page.locator('#stage-favourite')).to_be_visible()
		page.click('#stage-favourite')
		expect(page.locator('#stage-favourite')).to_have_attribute('aria-pressed', 'true')
		strip = page.locator('#filmstrip [data-picture-id]')
		first = strip.first.get_attribute('data-picture-id')
		page.click('#stage-delete')
		expect(page.locator(f'#filmstrip [data-picture-id="{first}"]')).to_have_count(0)
		page.click('#notice >> text=Undo')
		expect(page.locator(f'#filmstrip [data-picture-id="{first}"]')).to_have_count(1)
		expect(page.locator('#stage-favourite')).to_have_attribute('aria-pressed', 'true')


class TestInAndOut:
	def test_import_by_choosing_files(self, open_page, tmp_path: Path):
		page = open_page(tab='history')
		new, broken = tmp_path / 'new.png', tmp_path / 'broken.png'
		new.write_bytes(png('a brand new lighthouse', 777))
		broken.write_bytes(b'no picture at all')
		page.click('#history-import')
		page.set_input_files('#import-files', [new, broken])
		expect(page.locator('#import-result')).to_contain_text('1 picture imported')
		expect(page.locator('#import-refused')).to_contain_text('broken.png')
		keep(page, 'history-imported')
		page.click('#import-again')
		page.set_input_files('#import-files', [new])
		expect(page.locator('#import-result')).to_contain_text('Nothing new was imported')
		page.click('#import-again')
		page.set_input_files('#import-read', new)
		expect(page.locator('#reading-prompt')).to_have_text('a brand new lighthouse')
		keep(page, 'history-reading')
		page.click('#reading-use')
		expect(page.locator('#prompt')).to_have_value('a brand new lighthouse')
		page.click('#tab-history')
		find(page, 'brand new lighthouse', 1)
		tile(page, 1).click()
		page.click('#detail-inside summary')
		expect(page.locator('#detail-inside-text')).to_contain_text('Negative prompt: blurry')

	def test_import_by_dropping(self, open_page):
		page = open_page(tab='history')
		expect(page.locator('#history-count')).not_to_be_empty()
		drop = """([bytes, where]) => {
			const files = new DataTransfer();
			files.items.add(new File([new Uint8Array(bytes)], 'dropped.png', {type: 'image/png'}));
			const say = (name, target) => target.dispatchEvent(
				new DragEvent(name, {bubbles: true, cancelable: true, dataTransfer: files}));
			say('dragenter', document.getElementById('history-grid'));
			say('drop', document.querySelector(`[data-drop=${where}]`));
		}"""
		bytes_of = list(png('a dropped teapot', 4242))
		page.evaluate(drop, [bytes_of, 'read'])
		expect(page.locator('#reading-prompt')).to_have_text('a dropped teapot')
		page.click('#import-close')
		find(page, 'teapot', 0)
		page.evaluate(drop, [bytes_of, 'import'])
		expect(page.locator('#import-result')).to_contain_text('1 picture imported')
		page.click('#import-show')
		expect(page.locator('#history-count')).to_have_text('1 picture')

	def test_what_is_safe_to_share_says_what_can_be_read(self, open_page, drawn):
		page = open_page(tab='history')
		open_first(page, 'apple')
		page.click('#detail-more-button')
		page.click('#detail-export')
		page.check('#export-safe')
		expect(page.locator('#export-seen-list')).to_contain_text('PNG')
		expect(page.locator('#export-seen-list')).not_to_contain_text('apple')
		page.check('#export-sheet')
		keep(page, 'history-export')
		with page.expect_download() as coming:
			page.click('#export-go')
		with zipfile.ZipFile(coming.value.path()) as parcel:
			assert len(parcel.namelist()) >= 2
			assert not any(b'apple' in parcel.read(name) for name in parcel.namelist())
