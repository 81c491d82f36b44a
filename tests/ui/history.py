"""What the tests of the History tab share: pictures of another program, brought in by the door for
imports, and how a page looks for them."""

import io
import re
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, PngImagePlugin
from playwright.sync_api import Page, expect

from tests.live import Live, live_app

MARKUP = '<img src=x onerror="document.title=1"> ${document.title=2} {{value}}'
TURNED = 'مرحبا \u202egnp\u202c 🦊 lantern'
LONG = 'word ' * 10_000
TILES = '#history-grid [role=option]'
FOXES, OWLS = 160, 80


def png(prompt: str, seed: int, model: str = 'Dreamer', size: int = 64) -> bytes:
	"""A picture as A1111 writes it."""
	settings = f'Steps: 12, Sampler: Euler a, CFG scale: 6, Seed: {seed}, Size: {size}x{size}'
	text = f'{prompt}\nNegative prompt: blurry\n{settings}, Model: {model}'
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


@contextmanager
def filled_app(home: Path) -> Iterator[Live]:
	"""A running app with foxes and owls, and a few pictures that mean harm."""
	with live_app(home) as live:
		for number in range(OWLS):
			bring(live, f'o{number}.png', png(f'an owl {number:03}', number, 'Plain'))
		for number in range(FOXES):
			bring(live, f'f{number}.png', png(f'a fox {number:03} in grass', number + 1000))
		for number, prompt in enumerate((MARKUP, TURNED, LONG)):
			bring(live, f'h{number}.png', png(prompt, number + 5000, 'Harm'))
		yield live


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
