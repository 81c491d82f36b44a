"""Takes the pictures of the page that the README shows, light and dark, from a real LocalAI with the
drawings of Sketchbook: `python -m tools.portraits`. It needs the packages of the tests, and Chromium."""

import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from tests.conftest import find_chromium
from tests.live import Live, live_app

FOLDER = Path(__file__).parents[1] / 'docs'
# In pixels of the page; a picture has SCALE times as many.
WIDTH, HEIGHT, SCALE = 1120, 700, 1.25
QUALITY = 80
# What is out of sight need not have come.
LOADED = """() => [...document.images].every((one) => {
	const { top, left, width } = one.getBoundingClientRect();
	return one.complete || !width || top > innerHeight || left > innerWidth;
})"""
FOX = 'a fox on a yellow background, shaded style'
# What was drawn, the last first to be seen: prompt, seed, rating, tag.
DRAWINGS = (
	('a fox on a blue background, flat style', 3, 0, ''),
	('a rocket on a purple background, shaded style', 5, 3, 'sky'),
	('an owl on a green background, shaded style', 2, 4, 'forest'),
	('a cactus on an orange background, shaded style', 4, 0, ''),
	('a whale on a white background, shaded style', 8, 4, 'sea'),
	('a castle on a pink background, shaded style', 6, 3, ''),
	('a fox on a green background, shaded style', 12, 4, 'forest'),
	('a mushroom on a green background, shaded style', 7, 5, 'forest'),
	('an owl on a purple background, flat style', 11, 3, 'forest'),
	('a dolphin on a teal background, shaded style', 9, 0, 'sea'),
	('a butterfly on a yellow background, shaded style', 10, 5, 'sky'),
	('a strawberry on a pink background, shaded style', 3, 0, ''),
	('a penguin on a blue background, shaded style', 14, 4, 'sea'),
	('an owl on a yellow background, shaded style', 16, 5, 'forest'),
	('a sunflower on a blue background, shaded style', 15, 3, 'garden'),
	('a tree on an orange background, shaded style', 18, 0, 'forest'),
	('a sailboat on a blue background, shaded style', 9, 5, 'sea'),
	('a fox on a purple background, shaded style', 21, 3, 'forest'),
	('an apple on a white background, shaded style', 20, 0, ''),
	(FOX, 9, 5, 'forest'),
)


def draw(app: Live) -> None:
	"""Fills the history, and says of each picture what a person would."""
	for prompt, seed, rating, tag in DRAWINGS:
		job = app.wait_job(app.submit(prompt=prompt, seed=seed, steps=30)['id'])
		change = {'rating': rating, 'favourite': rating == 5, 'add_tags': [tag] if tag else []}
		marked = {'ids': [job['pictures'][0]['id']], 'change': change}
		status, answer = app.ask('/api/history/mark', marked)
		assert status == 200, answer


def show_generate(page) -> None:
	page.fill('#prompt', FOX)
	page.locator('#stage-image[data-kind=picture]').wait_for()
	page.locator('#cost strong').first.wait_for()
	page.evaluate('document.activeElement.blur()')


def search(page, words: str, count: int) -> None:
	page.fill('#history-search', words)
	page.keyboard.press('Enter')
	page.get_by_text(f'{count} pictures', exact=True).wait_for()


def show_search(page) -> None:
	search(page, 'fox OR owl tag:forest rating:>=3', 6)
	page.locator('#history-grid [role=option]').first.click()
	page.locator('#detail-facts dd').nth(3).wait_for()
	page.mouse.move(WIDTH // 2, HEIGHT - 8)


def show_comparison(page) -> None:
	search(page, 'fox shaded', 3)
	tiles = page.locator('#history-grid [role=option]')
	for at in (0, 1):
		tiles.nth(at).click(modifiers=['Control'])
	page.click('#selection-compare')
	page.locator('#compare-rows tr').first.wait_for()
	page.evaluate('document.activeElement.blur()')


SCENES: tuple[tuple[str, str, Callable], ...] = (
	('generate', 'generate', show_generate),
	('search', 'history', show_search),
	('comparison', 'history', show_comparison),
)


def main() -> int:
	try:
		from playwright.sync_api import sync_playwright
	except ModuleNotFoundError:
		print('Playwright is missing: run `python3 run.py test` once.', file=sys.stderr)
		return 1
	chromium = find_chromium()
	if chromium is None:
		print('Chromium is missing: install it.', file=sys.stderr)
		return 1
	FOLDER.mkdir(exist_ok=True)
	with (
		tempfile.TemporaryDirectory() as home,
		live_app(Path(home) / 'home') as app,
		sync_playwright() as playwright,
	):
		draw(app)
		browser = playwright.chromium.launch(executable_path=chromium, args=['--no-sandbox'])
		for scheme in ('light', 'dark'):
			for name, tab, show in SCENES:
				page = browser.new_page(
					viewport={'width': WIDTH, 'height': HEIGHT},
					device_scale_factor=SCALE,
					color_scheme=scheme,
				)
				page.goto(f'{app.url}#{tab}')
				show(page)
				page.wait_for_function(LOADED)
				page.wait_for_timeout(600)  # for what fades in
				there = FOLDER / f'{name}-{scheme}.webp'
				with Image.open(io.BytesIO(page.screenshot())) as seen:
					seen.convert('RGB').save(there, 'WEBP', quality=QUALITY, method=6)
				print(f'{there.name}: {there.stat().st_size:,} bytes')
				page.close()
		browser.close()
	return 0


if __name__ == '__main__':
	sys.exit(main())
