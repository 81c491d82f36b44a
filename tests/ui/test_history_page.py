"""The History tab in a real Chromium over the real app: find, select, mark, delete, undo; words that mean
harm, keys alone, two browsers, a phone, nothing at all."""

import re

import pytest
from playwright.sync_api import expect

from tests.live import live_app
from tests.ui.conftest import keep, reload_in_a_hurry, scripts
from tests.ui.history import (
	FOXES,
	LONG,
	MARKUP,
	OWLS,
	TILES,
	TURNED,
	bring,
	filled_app,
	find,
	open_first,
	png,
	sideways,
	tile,
)

pytestmark = pytest.mark.browser


@pytest.fixture(scope='module')
def app(tmp_path_factory):
	with filled_app(tmp_path_factory.mktemp('history') / 'home') as live:
		yield live


def test_a_reload_leaves_the_details_and_the_place_and_says_nothing(open_page):
	page = open_page(tab='history')
	said = []
	page.on('console', lambda message: said.append(message.text))
	find(page, 'owl')
	scroller = page.locator('#history-scroll')
	scroller.evaluate('(one) => one.scrollTo(0, 700)')
	tile(page, 30).click()
	expect(page.locator('#detail')).to_be_visible()
	prompt = page.locator('#detail-prompt').inner_text()
	top = scroller.evaluate('(one) => one.scrollTop')
	reload_in_a_hurry(page, 'ui_history_find')
	expect(page.locator('#detail-prompt')).to_have_text(prompt)
	page.wait_for_function(
		"(top) => Math.abs(document.getElementById('history-scroll').scrollTop - top) < 3", arg=top
	)
	assert top > 200 and said == []
	# Another search is another place.
	page.keyboard.press('Escape')
	find(page, 'fox')
	assert scroller.evaluate('(one) => one.scrollTop') == 0


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
		page.get_by_role('button', name='Remove model:Plain').click()
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
		find(page, 'model:Dreamer OR model:Plain')
		expect(page.locator('#history-chips button')).to_have_count(2)
		expect(page.locator('#history-notes')).to_be_hidden()
		find(page, 'colour:red')
		expect(page.locator('#history-notes')).to_contain_text('“colour:” is not a key')

	def test_strange_searches_are_only_words(self, open_page):
		page = open_page(tab='history')
		for words in (
			"'; DROP TABLE pictures; --",
			'"',
			'*',
			'a" OR "b',
			'NEAR(',
			MARKUP,
			'-',
			':',
		):
			find(page, words)
			expect(page.locator('#history-count')).to_have_text(re.compile(r'^\d+ picture'))
		find(page, 'nothing of this kind', 0)
		expect(page.locator('#history-empty')).to_contain_text('Nothing matches')
		keep(page, 'history-nothing')
		page.click('#history-clear')
		expect(page.locator('#history-empty')).to_be_hidden()

	def test_what_a_picture_says_is_never_run(self, open_page):
		page = open_page(tab='history')
		for words, prompt in (
			('onerror', MARKUP),
			('lantern', TURNED),
			('word model:Harm', LONG.strip()),
		):
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
			expect(page.locator('#prompt')).to_be_visible()
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
		expect(page.locator('#history-search')).to_have_value(
			'tag:night rating:5 album:"Night birds"'
		)
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
		for one in (other, page):
			names = {'pictures': 'page/pictures', 'detail': 'history/detail'}
			scripts(one, 'pictures.remove([detail.shown()])', **names)
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
		expect(page.locator(f'{TILES}[data-id="{seen[0]}"]')).to_have_attribute(
			'aria-label', re.compile('2 stars')
		)
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


class TestSight:
	def test_what_is_done_most_is_in_sight_on_a_phone(self, open_page):
		page = open_page('light', 'phone', tab='history')
		expect(tile(page, 1)).to_be_visible()
		for name in ('history-favourites', 'history-albums-button', 'history-sort'):
			expect(page.locator(f'#{name}')).to_be_in_viewport(ratio=1)
		tile(page, 1).click(modifiers=['Control'])
		for name in ('selection-count', 'selection-clear', 'selection-delete'):
			expect(page.locator(f'#{name}')).to_be_in_viewport(ratio=1)
		page.click('#selection-clear')
		tile(page, 1).click()
		for name in ('detail-use', 'detail-download', 'detail-delete'):
			expect(page.locator(f'#{name}')).to_be_in_viewport(ratio=1)
		assert page.locator('#detail .copy').count() > 3
		small = page.evaluate(
			"""() => [...document.querySelectorAll('#detail :is(button, a, summary)')]
				.filter((one) => one.offsetParent).map((one) => [one.id || one.className, one.getBoundingClientRect()])
				.filter(([, box]) => box.width < 43.5 || box.height < 43.5).map(([name]) => name)"""
		)
		assert small == []

	def test_the_grid_has_pictures_and_groups_and_no_headings(self, open_page):
		"""A list of options may have nothing else in it; the groups are called by their days."""
		page = open_page(tab='history')
		expect(tile(page, 1)).to_be_visible()
		roles = page.evaluate(
			"""() => [...new Set([...document.querySelectorAll('#history-grid *')]
				.map((one) => one.getAttribute('role') || (/^H\\d$/.test(one.tagName) ? one.tagName : ''))
				.filter(Boolean))].sort()"""
		)
		assert roles == ['group', 'option']
		levels = page.evaluate(
			"""() => [...document.querySelectorAll('h1, h2, h3')].filter((one) => one.offsetParent)
				.map((one) => Number(one.tagName[1]))"""
		)
		assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False))


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
