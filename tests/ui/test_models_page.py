"""The Models tab in a real Chromium over the real app: find, load and draw, unload, delete and undo,
notes that stay, names that mean harm."""

import json
import re
import shutil
import struct
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from localai.schemas.history import NOTES_LIMIT
from tests.live import live_app
from tests.ui.conftest import keep, reload_in_a_hurry, scripts

pytestmark = pytest.mark.browser
MARKUP = '<img src=x onerror="document.title=1"> ${document.title=2} {{value}}'
# Windows has no such names.
HOSTILE = 'harmless' if sys.platform == 'win32' else MARKUP.replace('/', '')
LONG = 'n' * 200
TURNED = 'مرحبا \u202egnp'


def write_lora(path: Path, words: str) -> None:
	"""A LoRA for Stable Diffusion 1 as its trainers write it, of a single layer."""
	layer = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k'
	shapes = {f'{layer}.lora_down.weight': [4, 768], f'{layer}.lora_up.weight': [320, 4]}
	header: dict[str, object] = {
		'__metadata__': {
			'ss_base_model_version': 'sd_v1',
			'ss_tag_frequency': json.dumps({'1': {words: 9}}),
			'modelspec.trigger_phrase': words,
			'ss_network_module': 'networks.lora',
		}
	}
	end = 0
	for name, shape in shapes.items():
		begin, end = end, end + 2 * shape[0] * shape[1]
		header[name] = {'dtype': 'F16', 'shape': shape, 'data_offsets': [begin, end]}
	text = json.dumps(header).encode()
	path.parent.mkdir(parents=True, exist_ok=True)
	path.write_bytes(struct.pack('<Q', len(text)) + text + bytes(end))


@pytest.fixture(scope='module')
def app(tmp_path_factory, tiny_model):
	home = tmp_path_factory.mktemp('library') / 'home'
	models = home / 'models'
	shutil.copytree(tiny_model, models / 'Tiny')
	for name in (HOSTILE, LONG, TURNED):
		write_lora(models / 'loras' / f'{name}.safetensors', f'{name} words')
	for number in range(150):
		write_lora(models / 'loras' / f'paper {number:03}.safetensors', 'paper cut')
	hub = {'HF_HUB_CACHE': str(home / 'hub')}
	with live_app(home, **hub) as live:
		yield live


def row(page: Page, name: str):
	"""The row of a model, searched for, because a long list has only the rows that can be seen."""
	page.fill('#models-search', name)
	named = page.locator('.row-name').get_by_text(name, exact=True)
	return page.locator('#models-rows .row').filter(has=named)


def find(page: Page, words: str, count: int) -> None:
	page.fill('#models-search', words)
	expect(page.locator('#models-count')).to_have_text(re.compile(f'^{count} '))


def test_a_reload_leaves_it_as_it_was_and_says_nothing(open_page):
	page = open_page(tab='models')
	said = []
	page.on('console', lambda message: said.append(message.text))
	page.fill('#models-search', 'paper')
	expect(page.locator('#models-count')).to_have_text('150 models')
	page.select_option('#models-sort', 'newest')
	expect(page.locator('#models-rows .row').first).to_be_visible()
	page.locator('#models-scroll').evaluate('(one) => one.scrollTo(0, 3000)')
	row = page.locator('#models-rows .row-open').filter(has_text='paper').nth(12)
	row.click()
	expect(page.locator('#card')).to_be_visible()
	name = page.locator('#card-name').inner_text()
	top = page.locator('#models-scroll').evaluate('(one) => one.scrollTop')
	reload_in_a_hurry(page, 'ui_models_find')
	expect(page.locator('#models-search')).to_have_value('paper')
	expect(page.locator('#models-count')).to_have_text('150 models')
	expect(page.locator('#models-sort')).to_have_value('newest')
	expect(page.locator('#card-name')).to_have_text(name)
	page.wait_for_function(
		"(top) => Math.abs(document.getElementById('models-scroll').scrollTop - top) < 3", arg=top
	)
	assert top > 100 and said == []


class TestFinding:
	def test_words_kinds_and_a_long_list(self, open_page):
		page = open_page(tab='models')
		expect(page.locator('#models-count')).to_have_text(re.compile('^155 '))
		keep(page, 'models')
		# Only what can be seen exists, and the keyboard reaches the last of it.
		assert page.locator('#models-rows .row').count() < 60
		page.locator('#models-rows .row-open').first.focus()
		page.keyboard.press('End')
		expect(page.locator('#models-rows [aria-posinset="155"] .row-open')).to_be_focused()
		page.keyboard.press('ArrowUp')
		expect(page.locator('#models-rows [aria-posinset="154"] .row-open')).to_be_focused()
		find(page, 'PAPER 01', 12)
		find(page, 'nothing of this kind', 0)
		expect(page.locator('#models-none')).to_be_visible()
		page.click('#models-clear')
		expect(page.locator('#models-count')).to_have_text(re.compile('^155 '))
		page.locator('#models-kinds [data-kind=checkpoint]').click()
		expect(page.locator('#models-rows .row')).to_have_count(2)

	def test_what_a_file_says_is_never_run(self, open_page):
		page = open_page(tab='models')
		for name in (HOSTILE, LONG, TURNED):
			row(page, name).locator('.row-open').click()
			expect(page.locator('#card-name')).to_have_text(name)
			expect(page.locator('#card-words .word').first).to_be_visible()
			page.fill('#card-notes', f'{MARKUP[:8]} or {MARKUP[8:]}')
			expect(page.locator('#card-notes-state')).to_have_text('Saved.')
			assert page.evaluate('document.documentElement.scrollWidth <= innerWidth')
			page.keyboard.press('Escape')
		assert page.title() == 'LocalAI'
		assert page.locator('#models img[src=x]').count() == 0


class TestMemory:
	def test_load_draw_and_unload(self, open_page):
		page = open_page(tab='models')
		tiny = row(page, 'Tiny')
		tiny.get_by_role('button', name='Use Tiny').click()
		expect(page.locator('#models-memory-words')).to_contain_text('Tiny', timeout=90_000)
		expect(page.locator('#model-name')).to_have_text('Tiny')
		page.click('#notice >> text=Draw with it')
		page.fill('#prompt', 'a fox')
		if not page.locator('#steps').is_visible():
			page.click('#sampler-fold summary')
		page.fill('#steps', '2')
		page.fill('#width', '64')
		page.fill('#height', '64')
		page.click('#generate')
		expect(page.locator('#stage-image[data-kind=picture]')).to_be_visible(timeout=60_000)
		expect(page.locator('#filmstrip [data-picture-id]')).to_have_count(1)
		page.click('#tab-models')
		keep(page, 'models-held')
		# What is in memory is not deleted, and says so.
		tiny.locator('.row-open').click()
		page.click('#card-picture')
		expect(tiny.locator('.thumb img')).to_be_visible()
		page.click('#card-delete')
		expect(page.locator('#notice')).to_contain_text('in use')
		tiny.get_by_role('button', name='Unload Tiny').click()
		expect(page.locator('#models-memory-words')).not_to_contain_text('Tiny')
		expect(tiny.get_by_role('button', name='Use Tiny')).to_be_visible()


class TestKeeping:
	def test_notes_and_own_defaults_survive(self, open_page):
		page = open_page(tab='models')
		row(page, 'Tiny').locator('.row-open').click()
		expect(page.locator('#card-notes')).to_have_attribute('maxlength', str(NOTES_LIMIT))
		page.fill('#card-notes', 'Good with foxes')
		page.click('#card-defaults summary')
		page.fill('#default-steps', '11')
		page.locator('#default-steps').blur()
		expect(page.locator('#card-notes-state')).to_have_text('Saved.')
		page.reload()
		find(page, 'foxes', 1)
		row(page, 'Tiny').locator('.row-open').press('Enter')
		expect(page.locator('#card-notes')).to_have_value('Good with foxes')
		expect(page.locator('#default-steps')).to_have_value('11')
		page.click('#model-chip')
		page.locator('#model-list').get_by_role('radio', name='Tiny').click()
		page.click('#tab-generate')
		assert scripts(page, 'form.values.steps', form='page/form') == 11

	def test_delete_comes_back_by_undo_and_from_the_trash(self, open_page, app):
		page = open_page(tab='models')
		file = app.home / 'models' / 'loras' / 'paper 077.safetensors'
		for back in ('#notice >> text=Undo', '#trash-rows >> text=Restore'):
			find(page, 'paper 077', 1)
			page.locator('#models-rows .row-open').focus()
			page.keyboard.press('Delete')
			expect(page.locator('#models-rows .row')).to_have_count(0)
			assert not file.exists()
			if 'trash' in back:
				page.click('#trash-button')
				keep(page, 'models-trash')
			page.click(back)
			expect(page.locator('#models-rows .row')).to_have_count(1)
			assert file.exists()
		expect(page.locator('#trash-none')).to_be_visible()

	def test_what_is_pressed_in_the_trash_is_not_drawn_anew_meanwhile(self, open_page, app):
		page = open_page(tab='models')
		find(page, 'paper 078', 1)
		page.locator('#models-rows .row-open').focus()
		page.keyboard.press('Delete')
		expect(page.locator('#models-rows .row')).to_have_count(0)
		page.click('#trash-button')
		button = page.locator('#trash-rows').get_by_text('Restore')
		expect(button).to_be_visible()
		pressed = button.element_handle()
		scripts(page, 'places.refresh()', places='models/places')
		assert pressed.evaluate('button => button.isConnected')
		button.click()
		expect(page.locator('#trash-none')).to_be_visible()
		expect(page.locator('#models-rows .row')).to_have_count(1)

	def test_folders_by_reference(self, open_page, app):
		page = open_page(tab='models')
		page.click('#folders-button')
		page.fill('#folder-path', '/no such folder')
		page.keyboard.press('Enter')
		expect(page.locator('#folder-error')).to_be_visible()
		other = app.home.parent / 'other'
		write_lora(other / 'Lora' / 'elsewhere.safetensors', 'far')
		page.fill('#folder-path', str(other))
		page.keyboard.press('Enter')
		expect(page.locator('#folder-rows li')).to_have_count(1)
		expect(page.locator('#folder-error')).to_be_hidden()
		find(page, 'elsewhere', 1)
		page.locator('#folder-rows').get_by_role('button').click()
		expect(page.locator('#folder-rows li')).to_have_count(0)
		expect(page.locator('#models-count')).to_have_text(re.compile('^0 '))


class TestPlaces:
	@pytest.mark.parametrize('scheme', ['light', 'dark'])
	def test_a_phone_shows_all_of_it(self, open_page, scheme):
		page = open_page(scheme, 'phone', 'models')
		expect(row(page, 'Sketchbook')).to_be_visible()
		keep(page, f'models-phone-{scheme}')
		row(page, 'Sketchbook').locator('.row-open').click()
		expect(page.locator('#card-close')).to_be_focused()
		keep(page, f'models-phone-details-{scheme}')
		assert page.evaluate('document.documentElement.scrollWidth <= innerWidth')
		small = page.evaluate(
			"""() => [...document.querySelectorAll('#models button, #models input, #models select, #models summary')]
			.filter((e) => { const b = e.getBoundingClientRect(); return b.height && b.height < 43.5 && !e.matches('.copy'); })
			.map((e) => e.id || e.className)"""
		)
		assert not small
