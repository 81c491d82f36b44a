"""What the tests of the page share: one Chromium, and pages in it that may meet neither errors nor
strangers. A module brings its own `app`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect, sync_playwright

from tests.live import Live

expect.set_options(timeout=60_000)  # a busy machine is slow, not wrong
FLAGS = [
	'--no-sandbox',
	'--disable-gpu',
	'--disable-quic',
	'--no-first-run',
	'--disable-background-networking',
	'--disable-component-update',
	'--disable-sync',
]
# LOCALAI_SCREENSHOTS=DIR keeps what the tests saw.
SCREENSHOTS = os.environ.get('LOCALAI_SCREENSHOTS')
SIZES = {'desktop': (1440, 900), 'phone': (390, 844)}


@pytest.fixture(scope='module')
def browser(chromium):
	with sync_playwright() as playwright:
		browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
		yield browser
		browser.close()


@pytest.fixture
def open_page(app: Live, browser):
	"""Opens pages that each are a browser of their own; afterwards none may have met an error or a
	stranger."""
	wrong: list[str] = []
	contexts = []

	def opened(
		scheme: str = 'light',
		size: str = 'desktop',
		tab: str = 'generate',
		headers: dict[str, str] | None = None,
	) -> Page:
		width, height = SIZES[size]
		context = browser.new_context(
			viewport={'width': width, 'height': height},
			color_scheme=scheme,
			has_touch=size == 'phone',
			extra_http_headers=headers or {},
		)
		contexts.append(context)
		page = context.new_page()
		page.set_default_timeout(60_000)

		def route(call):
			if call.request.url.startswith((app.url, 'data:', 'blob:')):
				call.continue_()
			else:
				wrong.append(call.request.url)
				call.abort()

		page.route('**/*', route)
		page.on('pageerror', lambda error: wrong.append(str(error)))
		page.goto(f'{app.url}#{tab}')
		expect(page.locator('#generate' if tab == 'generate' else f'#{tab}')).to_be_visible()
		if tab == 'generate':  # the kept form is in place once its cost is asked for
			expect(page.locator('#cost')).not_to_contain_text('Estimating')
		return page

	yield opened
	for context in contexts:
		context.close()
	assert not wrong


def keep(page: Page, name: str) -> None:
	if SCREENSHOTS:
		page.wait_for_timeout(250)
		page.screenshot(path=Path(SCREENSHOTS) / f'{name}.png')


SCRIPTS = """async ([what, names]) => {
	const served = document.querySelector('link[rel=modulepreload]').href.split('/').slice(0, -2).join('/');
	const scripts = await Promise.all(Object.values(names).map((name) => import(`${served}/${name}.js`)));
	return new Function(...Object.keys(names), `return ${what}`)(...scripts);
}"""


def scripts(page: Page, what: str, **names: str) -> object:
	"""An expression over the page's own scripts: `scripts(page, 'form.values', form='page/form')`."""
	return page.evaluate(SCRIPTS, [what, names])


@contextmanager
def holding(page: Page, call: str) -> Iterator[list[Route]]:
	"""Holds every `call` of the page back until the end; those taken out of the list are never answered."""
	held: list[Route] = []

	def hold(route: Route) -> None:
		if call in (route.request.post_data or ''):
			held.append(route)
		else:
			route.continue_()

	page.route('**/component_server/', hold)
	yield held
	page.unroute('**/component_server/')
	for route in held:
		route.continue_()


def reload_in_a_hurry(page: Page, call: str) -> None:
	"""Reloads the page, and once more before the first time has had the answer to `call`."""
	with holding(page, call) as held:
		with page.expect_request(lambda one: call in (one.post_data or '')):
			page.reload()
		held.clear()
	page.reload()
