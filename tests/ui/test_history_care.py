"""What must not go lost in the History tab: what is typed, where the focus is, how far a range reaches, the
page itself when a file is let go beside it, and the way back."""

import pytest
from playwright.sync_api import expect

from tests.ui.conftest import holding, scripts
from tests.ui.history import FOXES, LONG, TILES, filled_app, find, open_first, png, tile

pytestmark = pytest.mark.browser

DROP = """([bytes, where]) => {
	const files = new DataTransfer();
	files.items.add(new File([new Uint8Array(bytes)], 'dropped.png', {type: 'image/png'}));
	return ['dragover', 'drop'].map((name) => !document.getElementById(where).dispatchEvent(
		new DragEvent(name, {bubbles: true, cancelable: true, dataTransfer: files})));
}"""


@pytest.fixture(scope='module')
def app(tmp_path_factory):
	with filled_app(tmp_path_factory.mktemp('history') / 'home') as live:
		yield live


class TestFocus:
	def test_undo_waits_for_keys_and_gives_the_focus_back(self, open_page):
		page = open_page(tab='history')
		find(page, 'fox 01', 10)
		tile(page, 3).focus()
		page.keyboard.press('Delete')
		expect(page.locator('#history-count')).to_have_text('9 pictures')
		expect(tile(page, 3)).to_be_focused()
		page.wait_for_timeout(300)
		undo = page.locator('#notice').get_by_role('button', name='Undo')
		undo.focus()
		page.wait_for_timeout(6500)
		expect(undo).to_be_focused()
		page.keyboard.press('Enter')
		expect(page.locator('#history-count')).to_have_text('10 pictures')
		expect(page.locator(f'{TILES}:focus')).to_have_count(1)
		expect(page.locator('#notice')).to_be_hidden()

	def test_escape_folds_the_foot_that_is_used_before_the_details(self, open_page):
		page = open_page(tab='history')
		open_first(page, 'fox 020')
		page.click('#history-check-button')
		page.focus('#history-check-run')
		page.keyboard.press('Escape')
		expect(page.locator('#history-check')).to_be_hidden()
		expect(page.locator('#history-check-button')).to_be_focused()
		expect(page.locator('#detail')).to_be_visible()

	def test_an_import_leads_the_focus_on(self, open_page, tmp_path):
		page = open_page(tab='history')
		new = tmp_path / 'new.png'
		new.write_bytes(png('a heron', 31))
		page.click('#history-import')
		page.set_input_files('#import-files', new)
		expect(page.locator('#import-show')).to_be_focused()

	def test_a_range_begins_where_it_began_though_its_end_is_not_known_yet(self, open_page):
		page = open_page(tab='history')
		find(page, 'fox', FOXES)
		tile(page, 2).focus()
		page.keyboard.press(' ')
		page.keyboard.press('Shift+End')
		page.keyboard.press('Shift+Home')
		expect(page.locator('#selection-count')).to_have_text('2 selected')
		page.keyboard.press('Shift+End')
		expect(page.locator('#selection-count')).to_have_text(f'{FOXES - 1} selected')

	def test_albums_are_renamed_and_removed_by_keys(self, open_page):
		page = open_page(tab='history')
		open_first(page, 'fox 050')
		page.fill('#detail-albums input', 'Reds')
		page.keyboard.press('Enter')
		expect(page.locator('#detail-albums .label')).to_have_count(1)
		page.click('#history-albums-button')
		rename = page.get_by_role('button', name='Rename the album Reds')
		rename.press('Enter')
		page.keyboard.press('Escape')
		expect(page.locator('#history-albums [data-value="Reds"]')).to_be_focused()
		rename.press('Enter')
		page.keyboard.type('Browns')
		page.keyboard.press('Enter')
		expect(page.locator('#history-albums [data-value="Browns"]')).to_be_focused()
		page.get_by_role('button', name='Remove the album Browns').press('Enter')
		page.get_by_role('button', name='Remove the album', exact=True).press('Enter')
		expect(page.locator('#history-albums-button')).to_be_focused()

	def test_what_is_being_pressed_or_asked_stays_while_the_history_is_looked_at_again(
		self, open_page
	):
		page = open_page(tab='history')
		open_first(page, 'fox 051')
		page.fill('#detail-albums input', 'Greens')
		page.keyboard.press('Enter')
		expect(page.locator('#detail-albums .label')).to_have_count(1)
		page.click('#history-narrow-button')
		pill = page.locator('#history-narrow [data-key="kind"]').first
		pill.focus()
		pressed = pill.element_handle()
		with page.expect_response(
			lambda one: 'ui_history_vocabulary' in (one.request.post_data or '')
		):
			scripts(page, "bus.emit('history')", bus='page/bus')
		page.wait_for_timeout(100)
		assert pressed.evaluate('pill => pill.isConnected && pill === document.activeElement')
		page.click('#history-albums-button')
		question = page.get_by_role('button', name='Remove the album', exact=True)
		with holding(page, 'ui_history_vocabulary'):
			scripts(page, "bus.emit('history')", bus='page/bus')
			page.get_by_role('button', name='Remove the album Greens').click()
			expect(question).to_be_visible()
		page.wait_for_timeout(100)
		question.click()
		expect(page.locator('#detail-albums .label')).to_have_count(0)

	def test_in_full_screen_marks_are_said_and_the_line_is_readable(self, open_page):
		page = open_page(tab='history')
		open_first(page, 'fox 060')
		page.click('#detail-open')
		page.keyboard.press('4')
		expect(page.locator('#viewer-caption').get_by_role('img', name='4 stars')).to_be_visible()
		page.keyboard.press('Delete')
		line = page.locator('#viewer #notice, #notice').first
		expect(line).to_contain_text('in the trash')
		ink, ground = (
			line.evaluate(f'(e) => getComputedStyle(e).{name}')
			for name in ('color', 'backgroundColor')
		)
		assert (ink, ground) == ('rgb(31, 30, 27)', 'rgb(255, 254, 251)')
		page.click('#notice >> text=Undo')
		expect(page.locator('#history-count')).to_have_text('1 picture')

	def test_when_all_that_was_found_is_deleted_the_focus_goes_to_what_is_offered(self, open_page):
		page = open_page(tab='history')
		find(page, 'fox 07', 10)
		tile(page, 1).focus()
		page.keyboard.press('Control+a')
		expect(page.locator('#selection-count')).to_have_text('10 selected')
		page.focus('#selection-delete')
		page.keyboard.press('Enter')
		expect(page.locator('#history-clear')).to_be_focused()
		page.click('#notice >> text=Undo')
		expect(page.locator('#history-count')).to_have_text('10 pictures')

	def test_down_leads_from_a_button_into_what_it_opened(self, open_page):
		page = open_page(tab='history')
		open_first(page, 'fox 080')
		page.press('#detail-more-button', 'Enter')
		page.keyboard.press('ArrowDown')
		expect(page.locator('#detail-use-prompt')).to_be_focused()
		page.keyboard.press('Escape')
		expect(page.locator('#detail-more-button')).to_be_focused()

	def test_a_long_prompt_is_not_read_aloud_to_its_end(self, open_page):
		page = open_page(tab='history')
		find(page, 'word model:Harm', 1)
		assert len(tile(page, 1).get_attribute('aria-label')) < 400
		assert len(tile(page, 1).get_attribute('title')) < 400


class TestTyped:
	def test_a_note_outlives_the_page_and_a_silent_server(self, open_page):
		page = open_page(tab='history')
		open_first(page, 'fox 030')
		page.fill('#detail-notes', 'left at once')
		page.reload()
		open_first(page, 'fox 030')
		expect(page.locator('#detail-notes')).to_have_value('left at once')

		def silent(call):
			marking = 'ui_history_mark' in (call.request.post_data or '')
			call.abort() if marking else call.fallback()

		page.route('**/component_server/', silent)
		page.fill('#detail-notes', 'while nobody answers')
		expect(page.locator('#detail-notes-state')).to_contain_text('Not saved yet')
		page.unroute('**/component_server/', silent)
		page.reload()
		open_first(page, 'notes:nobody fox')
		expect(page.locator('#detail-notes')).to_have_value('while nobody answers')
		assert page.evaluate("localStorage.getItem('localai:note')") is None

	def test_what_the_file_says_comes_also_where_it_is_opened_before_the_details(self, open_page):
		page = open_page(tab='history')
		held = []

		def slow(call):
			asked = 'ui_history_card' in (call.request.post_data or '')
			held.append(call) if asked else call.fallback()

		page.route('**/component_server/', slow)
		find(page, 'fox', FOXES)
		tile(page, 1).click()
		page.click('#detail-inside summary')
		expect(page.locator('#detail-inside-words')).not_to_be_empty()
		for call in held:
			call.fallback()
		expect(page.locator('#detail-receipt-facts')).not_to_be_empty()

	def test_a_key_without_its_value_narrows_nothing_down_yet(self, open_page):
		page = open_page(tab='history')
		find(page, 'fox model:', FOXES)
		expect(page.locator('#history-chips button')).to_have_count(0)
		find(page, 'fox model:Plain', 0)
		expect(page.locator('#history-chips button')).to_have_count(1)

	def test_a_prompt_that_is_too_long_leaves_what_is_typed(self, open_page):
		page = open_page()
		page.fill('#prompt', 'what I am typing')
		page.click('#tab-history')
		open_first(page, 'word model:Harm')
		expect(page.locator('#detail-prompt')).to_have_text(LONG.strip())
		page.click('#detail-use')
		expect(page.locator('#notice')).to_contain_text('the prompt stays as it is')
		expect(page.locator('#prompt')).to_have_value('what I am typing')


class TestMissing:
	def test_a_file_that_is_back_is_seen_by_the_check(self, open_page, app):
		page = open_page(tab='history')
		open_first(page, 'owl 020')
		file = (
			app.home
			/ 'pictures'
			/ page.locator('#detail-receipt-facts dd', has_text='.png').text_content()
		)
		away = file.rename(app.home / 'away.png')
		page.click('#history-check-button')
		page.click('#history-check-run')
		expect(page.locator('#detail-missing')).to_be_visible()
		page.click('#detail-more-button')
		expect(page.locator('#detail-use-prompt')).to_be_visible()
		expect(page.locator('#detail-download')).to_be_hidden()
		page.keyboard.press('Escape')
		away.rename(file)
		page.click('#history-check-run')
		expect(page.locator('#detail-missing')).to_be_hidden()


class TestPage:
	def test_back_leads_to_the_tab_before_with_its_search(self, open_page):
		page = open_page(tab='history')
		open_first(page, 'fox 040')
		page.click('#detail-use')
		expect(page.locator('#composer')).to_be_visible()
		page.go_back()
		expect(page.locator('#history-search')).to_be_visible()
		expect(page.locator('#history-search')).to_have_value('fox 040')
		page.go_forward()
		expect(page.locator('#composer')).to_be_visible()

	def test_files_let_go_beside_the_tab_leave_the_page_alone(self, open_page):
		page = open_page(tab='history')
		expect(page.locator('#history-count')).not_to_be_empty()
		picture = list(png('a dropped heron', 32))
		assert page.evaluate(DROP, [picture, 'header']) == [True, True]
		page.click('#history-import')
		assert page.evaluate(DROP, [picture, 'import-choose']) == [True, True]
		expect(page.locator('#import-result')).to_contain_text('1 picture imported')
