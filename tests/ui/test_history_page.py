"""The History tab in a real Chromium over the real app: find, select, mark, delete, undo, compare, use
again, verify, import; words that mean harm, keys alone, a phone."""

import io
import re
import urllib.parse
import zipfile
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin
from playwright.sync_api import Page, expect

from tests.live import live_app
from tests.ui.conftest import keep

pytestmark = pytest.mark.browser
MARKUP = '<img src=x onerror="document.title=1"> ${document.title=2} {{value}}'
TURNED = 'مرحبا \u202egnp\u202c 🦊 lantern'
LONG = 'word ' * 10_000
TILES = '#history-grid [role=option]'
FOXES, OWLS = 160, 80


def png(prompt: str, seed: int, model: str = 'Dreamer', size: int = 64) -> bytes:
	"""A picture as A1111 writes it."""
	text = f'{prompt}\nNegative prompt: blurry\nSteps: 12, Sampler: Euler a, CFG scale: 6, Seed: {seed}, Size: {size}x{size}, Model: {model}'
	info = PngImagePlugin.PngInfo()
	info.add_itxt('parameters', text)
	colour = (40 + seed * 37 % 200, 40 + seed * 71 % 200, 40 + seed * 113 % 200)
	buffer = io.BytesIO()
	Image.new('RGB', (size, size), colour).save(buffer, 'PNG', pnginfo=info)
	return buffer.getvalue()


def bring(live, name: str, data: bytes) -> int:
	"""The number of the picture that came in through the door for imports."""
	status, body = live.ask(f'/api/history/import?name={urllib.parse.quote(name)}', data)
	assert status == 200, body
	return int(re.search(rb'"imported":\[(\d+)\]', body)[1])


@pytest.fixture(scope='module')
def app(tmp_path_factory):
	with live_app(tmp_path_factory.mktemp('history') / 'home') as live:
		for number in range(OWLS):
			bring(live, f'o{number}.png', png(f'an owl {number:03}', number, 'Plain'))
		for number in range(FOXES):
			bring(live, f'f{number}.png', png(f'a fox {number:03} in grass', number + 1000))
		for number, prompt in enumerate((MARKUP, TURNED, LONG)):
			bring(live, f'h{number}.png', png(prompt, number + 5000, 'Harm'))
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


def find(page: Page, words: str, count: int | None = None) -> None:
	expect(page.locator('#history-count')).not_to_be_empty()
	page.fill('#history-search', words)
	page.keyboard.press('Enter')
	expect(page.locator('#history-grid[aria-busy]')).to_have_count(0)
	if count is not None:
		expect(page.locator('#history-count')).to_have_text(re.compile(f'^{count} picture'))


def tile(page: Page, number: int):
	"""The tile of a place, from 1 on."""
	return page.locator(f'{TILES}[aria-posinset="{number}"]')


def open_first(page: Page, words: str) -> None:
	find(page, words)
	tile(page, 1).click()
	expect(page.locator('#detail-facts dt').first).to_be_visible()


def sideways(page: Page) -> bool:
	return page.evaluate('document.documentElement.scrollWidth > innerWidth')


class TestFinding:
	def test_words_chips_completion_and_reload(self, open_page):
		page = open_page(tab='history')
		expect(tile(page, 1)).to_be_visible()
		keep(page, 'history')
		assert page.locator(TILES).count() < 120  # only what can be seen exists
		find(page, 'fox', FOXES)
		find(page, 'owl 00', 10)
		page.click('#history-narrow-button')
		page.locator('#history-narrow').get_by_role('button', name=re.compile('^Plain')).click()
		expect(page.locator('#history-search')).to_have_value('model:Plain owl 00')
		expect(page.locator('#history-count')).to_have_text('10 pictures')
		keep(page, 'history-filter')
		page.keyboard.press('Escape')
		page.reload()
		expect(page.locator('#history-search')).to_have_value('model:Plain owl 00')
		expect(page.locator('#history-count')).to_have_text('10 pictures')
		page.get_by_role('button', name='Take off model:Plain').click()
		expect(page.locator('#history-search')).to_have_value('owl 00')
		page.fill('#history-search', 'fox mod')
		page.keyboard.press('ArrowDown')
		page.keyboard.press('Tab')
		expect(page.locator('#history-completions')).to_contain_text('Dreamer')
		page.keyboard.press('ArrowDown')
		page.keyboard.press('Enter')
		expect(page.locator('#history-search')).to_have_value('fox model:Dreamer ')
		expect(page.locator('#history-count')).to_have_text(f'{FOXES} pictures')
		find(page, 'size:nonsense')
		expect(page.locator('#history-notes')).to_be_visible()

	def test_strange_searches_are_only_words(self, open_page):
		page = open_page(tab='history')
		for words in ("'; DROP TABLE pictures; --", '"', '*', 'a" OR "b', 'NEAR(', MARKUP, '-', ':'):
			find(page, words)
			expect(page.locator('#history-count')).to_have_text(re.compile(r'^\d+ picture'))
		find(page, 'nothing of this kind', 0)
		expect(page.locator('#history-empty')).to_contain_text('Nothing matches')
		keep(page, 'history-nothing')
		page.click('#history-clear')
		expect(page.locator('#history-empty')).to_be_hidden()

	def test_what_a_picture_says_is_never_run(self, open_page):
		page = open_page(tab='history')
		for words, prompt in (('onerror', MARKUP), ('lantern', TURNED), ('word model:Harm', LONG.strip())):
			open_first(page, words)
			expect(page.locator('#detail-prompt')).to_have_text(prompt)
			assert not sideways(page)
			page.click('#detail-open')
			expect(page.locator('#viewer-words')).to_contain_text(prompt[:80])
			page.keyboard.press('Escape')
			page.fill('#detail-notes', prompt[:200])
			expect(page.locator('#detail-notes-state')).to_have_text('Saved.')
			page.locator('#detail-tags input').fill(prompt[:60].replace(',', ' '))
			page.keyboard.press('Enter')
			expect(page.locator('#detail-tags .label')).to_have_count(1)
			keep(page, f'history-inert-{words[:4]}')
			page.get_by_role('button', name='Use settings').click()
			page.click('#tab-history')
		assert page.title() == 'LocalAI'
		assert page.locator('img[src=x]').count() == 0


class TestKeys:
	def test_all_of_it_by_keyboard(self, open_page):
		page = open_page(tab='history')
		find(page, 'fox', FOXES)
		page.keyboard.press('ArrowDown')
		expect(tile(page, 1)).to_be_focused()
		page.keyboard.press('End')
		expect(tile(page, FOXES)).to_be_focused()
		page.keyboard.press('Home')
		page.keyboard.press('ArrowDown')
		expect(tile(page, 1)).not_to_be_focused()
		page.keyboard.press('Home')
		page.keyboard.press('ArrowRight')
		expect(tile(page, 2)).to_be_focused()
		page.keyboard.press('f')
		expect(tile(page, 2)).to_have_attribute('aria-label', re.compile('favourite'))
		page.keyboard.press('4')
		expect(tile(page, 2)).to_have_attribute('aria-label', re.compile('4 stars'))
		page.keyboard.press('Enter')
		expect(page.locator('#detail-close')).to_be_focused()
		page.keyboard.press('Escape')
		expect(page.locator('#detail')).to_be_hidden()
		expect(tile(page, 2)).to_be_focused()
		page.keyboard.press('f')
		page.keyboard.press('0')
		page.keyboard.press(' ')
		page.keyboard.press('Shift+ArrowRight')
		page.keyboard.press('Shift+ArrowRight')
		expect(page.locator('#selection-count')).to_have_text('3 selected')
		page.keyboard.press('Escape')
		expect(page.locator('#selection')).to_be_hidden()
		page.keyboard.press('Control+a')
		expect(page.locator('#selection-count')).to_have_text(f'{FOXES} selected')
		page.keyboard.press('Escape')
		page.keyboard.press('Delete')
		expect(page.locator('#history-count')).to_have_text(f'{FOXES - 1} pictures')
		page.locator('#notice').get_by_role('button', name='Undo').focus()
		page.keyboard.press('Enter')
		expect(page.locator('#history-count')).to_have_text(f'{FOXES} pictures')
		page.locator('body').press('/')
		expect(page.locator('#history-search')).to_be_focused()


class TestChanging:
	def test_select_many_mark_delete_and_undo(self, open_page):
		page = open_page(tab='history')
		find(page, 'owl', OWLS)
		tile(page, 2).click(modifiers=['Control'])
		tile(page, 6).click(modifiers=['Shift'])
		expect(page.locator('#selection-count')).to_have_text('5 selected')
		page.click('#selection-tag-button')
		page.locator('#selection-tag input').fill('night, bird')
		page.keyboard.press('Enter')
		expect(page.locator('#notice')).to_contain_text('5 pictures tagged')
		page.click('#selection-album-button')
		page.locator('#selection-album input').fill('Of owls')
		page.keyboard.press('Enter')
		page.click('#selection-rate-button')
		keep(page, 'history-selection')
		page.locator('#selection-rate button').first.click()
		expect(page.locator(f'{TILES}[aria-label*="5 stars"]')).to_have_count(5)
		page.click('#selection-clear')
		find(page, 'tag:night rating:5 album:"Of owls"', 5)
		page.locator(TILES).first.focus()
		page.keyboard.press('Control+a')
		page.click('#selection-delete')
		expect(page.locator('#history-count')).to_have_text('0 pictures')
		page.click('#notice >> text=Undo')
		expect(page.locator('#history-count')).to_have_text('5 pictures')
		# Albums: renamed, then taken away; the pictures stay.
		page.click('#history-albums-button')
		page.get_by_role('button', name='Rename the album Of owls').click()
		page.locator('.album-form input').fill('Night birds')
		page.keyboard.press('Enter')
		expect(page.locator('#history-search')).to_have_value('tag:night rating:5 album:"Night birds"')
		expect(page.locator('#history-count')).to_have_text('5 pictures')
		page.get_by_role('button', name='Remove the album Night birds').click()
		page.get_by_role('button', name='Remove the album', exact=True).click()
		expect(page.locator('#history-count')).to_have_text('5 pictures')
		expect(page.locator('#history-search')).to_have_value('tag:night rating:5')

	def test_two_browsers_delete_the_same(self, open_page):
		page, other = open_page(tab='history'), open_page('dark', tab='history')
		for one in (page, other):
			find(one, 'owl 07', 10)
			tile(one, 3).click()
		other.evaluate("LocalAI.pictures.remove([LocalAI.detail.shown()])")
		page.evaluate("LocalAI.pictures.remove([LocalAI.detail.shown()])")
		for one in (page, other):
			expect(one.locator('#history-count')).to_have_text('9 pictures')
			expect(one.locator('#notice')).to_be_visible()
		undo = [one for one in (page, other) if one.locator('#notice >> text=Undo').count()]
		assert len(undo) == 1  # the other is told that it was gone
		undo[0].click('#notice >> text=Undo')
		for one in (page, other):
			expect(one.locator('#history-count')).to_have_text('10 pictures')

	def test_marks_of_another_browser_and_new_pictures_show_in_place(self, open_page, app):
		page = open_page(tab='history')
		find(page, '', None)
		tile(page, 1).focus()
		page.keyboard.press('PageDown')
		page.keyboard.press('PageDown')
		seen = page.evaluate(
			"""() => { const top = document.getElementById('history-scroll').getBoundingClientRect().top;
			return [...document.querySelectorAll('#history-grid [role=option]')].filter((e) => e.getBoundingClientRect().top >= top)
				.map((e) => [e.dataset.id, e.getBoundingClientRect().top, e.getBoundingClientRect().left])[0]; }"""
		)
		before = page.locator('#history-count').inner_text()
		new = bring(app, 'late.png', png('a late whale', 9000))
		expect(page.locator('#history-count')).not_to_have_text(before)
		page.wait_for_timeout(500)
		box = page.locator(f'{TILES}[data-id="{seen[0]}"]').bounding_box()
		assert abs(box['y'] - seen[1]) < 2
		app.ask('/api/history/mark', {'ids': [int(seen[0])], 'change': {'rating': 2}})
		expect(page.locator(f'{TILES}[data-id="{seen[0]}"]')).to_have_attribute('aria-label', re.compile('2 stars'))
		app.ask('/api/history/delete', {'ids': [new]})
		expect(page.locator('#history-count')).to_have_text(before)

	def test_trash_and_check(self, open_page):
		page = open_page(tab='history')
		open_first(page, 'owl 011')
		page.click('#detail-delete')
		expect(page.locator('#history-count')).to_have_text('0 pictures')
		page.click('#history-trash-button')
		expect(page.locator('#history-trash-rows')).to_contain_text('an owl 011')
		keep(page, 'history-trash')
		page.get_by_role('button', name='Restore an owl 011').click()
		expect(page.locator('#history-count')).to_have_text('1 picture')
		page.click('#history-check-button')
		page.click('#history-check-run')
		expect(page.locator('#history-check-words')).to_contain_text('All is well')
		keep(page, 'history-check')


class TestUsing:
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
		assert page.evaluate('[LocalAI.form.values.seed, LocalAI.form.values.steps]') == [11, 4]
		page.click('#tab-history')
		page.click('#detail-vary')
		expect(page.locator('#notice')).to_contain_text('a new seed')
		assert page.evaluate('LocalAI.form.values.seedMode') == 'random'
		page.click('#tab-history')
		open_first(page, 'fox 003')
		page.click('#detail-use')  # of another program: what is not here is said
		expect(page.locator('#notice')).to_contain_text('Dreamer')
		expect(page.locator('#prompt')).to_have_value('a fox 003 in grass')

	def test_verify_is_identical(self, open_page, drawn):
		page = open_page(tab='history')
		open_first(page, '"red apple"')
		page.click('#detail-verify')
		expect(page.locator('#detail-verdict')).to_contain_text('Identical, pixel for pixel', timeout=90_000)
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
		page.keyboard.press('Escape')
		expect(page.locator('#detail-prompt')).to_have_text('a fox 000 in grass')

	def test_the_prompts_of_the_day(self, open_page, drawn):
		page = open_page()
		page.fill('#prompt', 'what I am typing')
		page.keyboard.press('Alt+ArrowUp')
		expect(page.locator('#prompt')).to_have_value('a green apple on a blue background')
		page.click('#timeline-back')
		expect(page.locator('#prompt')).to_have_value('a red apple on a blue background')
		expect(page.locator('#stage-image')).to_have_attribute('alt', 'a red apple on a blue background')
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
		expect(page.locator('#import-result')).to_contain_text('here already')
		page.click('#import-again')
		page.set_input_files('#import-read', new)
		expect(page.locator('#reading-prompt')).to_have_text('a brand new lighthouse')
		keep(page, 'history-reading')
		page.click('#reading-use')
		expect(page.locator('#prompt')).to_have_value('a brand new lighthouse')
		page.click('#tab-history')
		find(page, 'brand new lighthouse', 1)

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


class TestPlaces:
	@pytest.mark.parametrize('scheme', ['light', 'dark'])
	def test_a_phone_shows_all_of_it(self, open_page, scheme):
		page = open_page(scheme, 'phone', 'history')
		find(page, 'fox', FOXES)
		page.locator('#history-search').blur()
		assert tile(page, 3).bounding_box()['y'] == tile(page, 1).bounding_box()['y']
		assert tile(page, 4).bounding_box()['y'] > tile(page, 1).bounding_box()['y']
		keep(page, f'history-phone-{scheme}')
		tile(page, 2).tap()
		expect(page.locator('#detail-close')).to_be_focused()
		expect(page.locator('#detail-facts dt').first).to_be_visible()
		keep(page, f'history-phone-details-{scheme}')
		small = page.evaluate(
			"""() => [...document.querySelectorAll('#history :is(button, input, select, summary, a, textarea)')]
			.filter((e) => { const b = e.getBoundingClientRect(); return b.height && b.height < 43.5 && !e.matches('.copy'); })
			.map((e) => e.id || e.className)"""
		)
		assert not small
		assert not sideways(page)
		page.click('#detail-close')
		at = tile(page, 1).bounding_box()
		page.evaluate(
			"""({x, y}) => document.elementFromPoint(x + 20, y + 20).dispatchEvent(
			new PointerEvent('pointerdown', {bubbles: true, pointerType: 'touch', clientX: x + 20, clientY: y + 20}))""",
			at,
		)
		expect(page.locator('#selection-count')).to_have_text('1 selected')
		tile(page, 2).tap()
		expect(page.locator('#selection-count')).to_have_text('2 selected')
		keep(page, f'history-phone-selection-{scheme}')
		assert not sideways(page)

	def test_dark_with_details(self, open_page):
		page = open_page('dark', tab='history')
		open_first(page, 'fox 012')
		keep(page, 'history-dark')


class TestEmpty:
	def test_nothing_drawn_yet(self, browser, tmp_path_factory):
		with live_app(tmp_path_factory.mktemp('empty') / 'home', engine=False) as live:
			page = browser.new_page(viewport={'width': 1440, 'height': 900})
			page.goto(f'{live.url}#history')
			expect(page.locator('#history-empty')).to_contain_text('Nothing drawn yet')
			keep(page, 'history-empty')
			page.click('#history-first-import')
			expect(page.locator('#import')).to_be_visible()
			page.keyboard.press('Escape')
			page.click('#history-start')
			expect(page.locator('#prompt')).to_be_focused()
			page.close()
