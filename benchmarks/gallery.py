"""The History tab in Chromium over 100,000 pictures: how soon it is painted, how a search feels, and what
memory the page's process has after 10,000 pictures were scrolled through.

    python -m benchmarks.gallery [--home HOME] [--rows 100000] [--repeats 5]

The home is made by benchmarks.shelves unless one is given. The bars: the tab is painted, with every
small picture in sight, within 1 s of the click; the memory of the process grows by 5 % at most between
the first and the second walk through 10,000 pictures; never more than 400 tiles are in the page.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil
from playwright.sync_api import Page, sync_playwright

from tests.conftest import find_chromium
from tests.live import live_app

PAINTED, GROWN, TILES = 1.0, 1.05, 400
FLAGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking']
READY = """() => {
	const panel = document.querySelector('#history');
	if (!panel || panel.hidden) return false;
	const seen = [...document.querySelectorAll('#history-grid .tile-box')].filter((one) => {
		const box = one.getBoundingClientRect();
		return box.bottom > 0 && box.top < innerHeight;
	});
	return seen.length > 5 && seen.every((one) => one.dataset.state === 'shown');
}"""


END = '() => { const at = document.querySelector("#history-scroll"); at.scrollTop = at.scrollHeight; }'


def main() -> int:
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument('--home', type=Path)
	parser.add_argument('--rows', type=int, default=100_000)
	parser.add_argument('--repeats', type=int, default=5)
	options = parser.parse_args()
	if options.home:
		return measure(options.home, options.repeats)
	with tempfile.TemporaryDirectory() as folder:
		from benchmarks import shelves
		from localai.settings import read_settings

		home = Path(folder) / 'home'
		shelves.make(read_settings({}, home=home).prepare(), options.rows)
		return measure(home, options.repeats)


def measure(home: Path, repeats: int) -> int:
	with live_app(home) as live, sync_playwright() as driver:
		browser = driver.chromium.launch(executable_path=find_chromium(), args=FLAGS)
		clicks, opened, searches = [], [], []
		for _ in range(repeats):
			context = browser.new_context(viewport={'width': 1440, 'height': 900})
			page = context.new_page()
			page.goto(live.url)
			page.wait_for_selector('#generate')
			page.wait_for_timeout(1500)
			clicks.append(timed(page, lambda page=page: page.click('#tab-history')))
			searches.append(search(page, 'fox castle'))
			context.close()
			context = browser.new_context(viewport={'width': 1440, 'height': 900})
			page = context.new_page()
			began = time.perf_counter()
			page.goto(f'{live.url}#history')
			page.wait_for_function(READY)
			opened.append(time.perf_counter() - began)
			context.close()

		page = browser.new_context(viewport={'width': 1440, 'height': 900}).new_page()
		page.goto(f'{live.url}#history')
		page.wait_for_function(READY)
		process = psutil.Process(live.process.pid)
		memory, tiles = [], 0
		for _ in range(2):
			tiles = max(tiles, walk(page))
			memory.append(process.memory_info().rss)
		page.evaluate(END)
		began = time.perf_counter()
		page.wait_for_function(READY)
		jump = time.perf_counter() - began
		browser.close()
	paint = statistics.median(clicks)
	grown = memory[1] / memory[0]
	print(f'painted after the click {said(clicks)}, page opened at the tab {said(opened)}')
	print(f'a search of two words, typed to painted {said(searches)}')
	print(f'a jump to the oldest, painted {jump:.2f} s')
	print(
		f'memory after 10,000 pictures {memory[0] / 1e6:.0f} MB, after 10,000 more {memory[1] / 1e6:.0f} MB'
	)
	print(f'at most {tiles} tiles in the page')
	print(f'{paint:.2f} s (bar {PAINTED}), {grown:.3f} (bar {GROWN}), {tiles} tiles (bar {TILES})')
	return int(paint > PAINTED or grown > GROWN or tiles > TILES)


def timed(page: Page, act) -> float:
	began = time.perf_counter()
	act()
	page.wait_for_timeout(10)
	page.wait_for_function(READY)
	return time.perf_counter() - began


def search(page: Page, words: str) -> float:
	"""From the last letter to the last small picture in sight."""
	before = page.inner_text('#history-count')
	began = time.perf_counter()
	page.fill('#history-search', words)
	page.wait_for_function(
		'(old) => document.querySelector("#history-count").innerText !== old', arg=before
	)
	page.wait_for_function(READY)
	return time.perf_counter() - began


def walk(page: Page) -> int:
	"""Scrolls through 10,000 pictures, a screen at a time; the most tiles there were."""
	return page.evaluate(
		"""async () => {
		const at = document.querySelector('#history-scroll');
		const tile = document.querySelector('#history-grid .tile-box').getBoundingClientRect();
		const row = Math.max(1, Math.floor(at.clientWidth / tile.width));
		const end = 10000 / row * tile.height;
		let most = 0;
		for (at.scrollTop = 0; at.scrollTop < end; at.scrollTop += at.clientHeight * 0.9) {
			await new Promise((done) => setTimeout(done, 120));
			most = Math.max(most, document.querySelectorAll('#history-grid .tile-box').length);
			if (at.scrollTop + at.clientHeight >= at.scrollHeight - 2) break;
		}
		return most;
	}"""
	)


def said(seconds: list[float]) -> str:
	return ' '.join(f'{s:.2f}' for s in seconds) + ' s'


if __name__ == '__main__':
	sys.exit(main())
