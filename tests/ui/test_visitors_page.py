"""The page as a stranger from the network sees it, in a real Chromium over the real app: they look, draw and
stop what they began, and are shown nothing that would be refused."""

import pytest
from playwright.sync_api import expect

from tests.live import live_app
from tests.ui.conftest import keep
from tests.visits import STRANGER

pytestmark = pytest.mark.browser
# What a page may show of each tab to its owner only; `#detail` and `#card` are open.
OWN = {
	'generate': ('#stage-favourite', '#stage-delete', '#tab-downloads'),
	'models': ('#models-refresh', '#card-notes', '#folders-button', '#trash-button'),
	'history': (
		'#history-import',
		'#detail-favourite',
		'#detail-verify',
		'#detail-delete',
		'#detail-notes',
		'#history-trash-button',
		'#history-check-button',
	),
}


@pytest.fixture(scope='module')
def app(tmp_path_factory):
	# All come through a proxy on this machine, so the owner is who has the token.
	proxies = {'LOCALAI_PROXIES': '127.0.0.1'}
	with live_app(tmp_path_factory.mktemp('visited') / 'home', **proxies) as live:
		live.wait_job(live.submit(prompt='a red apple', steps=2)['id'])
		yield live


@pytest.fixture
def visit(open_page):
	"""A page, and the sentences of refusal that it was told."""

	def opened(headers: dict[str, str] | None = None):
		page = open_page(headers=headers)
		told: list[str] = []

		def hear(answer) -> None:
			if answer.url.endswith('component_server') and 'NotAllowed' in answer.text():
				told.append(answer.request.post_data)

		page.on('response', hear)
		expect(page.locator('#stage-image[data-kind=picture]')).to_be_visible()
		return page, told

	return opened


def look_around(page):
	"""Every tab with something open in it."""
	yield 'generate'
	page.click('#tab-models')
	page.locator('#models-rows .row', has_text='Sketchbook').first.click()
	expect(page.locator('#card-name')).to_have_text('Sketchbook')
	yield 'models'
	page.click('#tab-history')
	page.locator('#history-grid [role=option]').first.click()
	expect(page.locator('#detail-prompt')).to_contain_text('a red apple')
	yield 'history'


class TestStrangers:
	def test_they_are_shown_nothing_that_would_be_refused(self, visit):
		page, told = visit({'X-Forwarded-For': STRANGER})
		for tab in look_around(page):
			for control in OWN[tab]:
				expect(page.locator(control)).to_be_hidden()
			keep(page, f'stranger-{tab}')
		assert not told

	def test_they_are_not_offered_to_stop_what_somebody_else_began(self, app, visit):
		page, told = visit({'X-Forwarded-For': STRANGER})
		other = app.submit(prompt='a red apple', steps=150, count=20)['id']
		expect(page.locator('#progress-label')).to_contain_text('step', timeout=60_000)
		for name in ('#stop', '#stop-keep', '#skip'):
			expect(page.locator(name)).to_be_hidden()
		page.locator('.stage').press('Escape')
		page.fill('#prompt', 'a blue boat')
		page.click('#generate')
		page.click('#queue-chip')
		rows = page.locator('#queue-list li')
		expect(rows).to_have_count(2)
		expect(rows.nth(0).get_by_label('Stop')).to_be_hidden()
		rows.nth(1).get_by_label('Stop').click()
		expect(rows).to_have_count(1)
		assert app.job(other)['state'] == 'running' and not told
		owner = {'Authorization': f'Bearer {app.token}'}
		assert page.request.post(f'{app.url}/api/jobs/{other}/stop', headers=owner).ok
		app.wait_job(other)

	def test_an_address_of_a_tab_that_is_not_theirs_leads_to_the_first(self, app, open_page):
		page = open_page(headers={'X-Forwarded-For': STRANGER})
		page.goto(f'{app.url}#downloads')
		page.reload()
		expect(page.locator('#prompt')).to_be_visible()
		expect(page.locator('#tab-downloads')).to_be_hidden()


class TestBehindAProxy:
	@pytest.fixture(scope='class')
	def app(self, tmp_path_factory):
		"""One that says for whom it speaks: strangers are told apart by it."""
		home = tmp_path_factory.mktemp('proxied') / 'home'
		with live_app(home, LOCALAI_PROXIES='127.0.0.1') as live:
			yield live

	def test_they_draw_and_stop_what_they_began(self, app, open_page):
		page = open_page(headers={'X-Forwarded-For': STRANGER})
		page.fill('#prompt', 'a blue boat')
		page.click('#sampler-fold summary')
		page.fill('#steps', '150')
		page.fill('#count', '20')
		page.click('#generate')
		expect(page.locator('#progress-label')).to_contain_text('step', timeout=60_000)
		page.click('#stop')
		expect(page.locator('.stage')).to_contain_text('Stopped.')
		assert app.jobs()[0]['state'] == 'cancelled'


class TestOwners:
	def test_they_are_shown_all_of_it(self, app, visit):
		page, told = visit({'Authorization': f'Bearer {app.token}'})
		for tab in look_around(page):
			for control in OWN[tab]:
				expect(page.locator(control)).to_be_visible()
		assert not told
