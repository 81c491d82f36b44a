"""Downloads at rest: order, states, plans, and what is forgotten."""

import pytest

from localai.schemas.downloads import DownloadPlan, DownloadRequest, PlannedFile
from localai.schemas.jobs import Problem
from localai.store.database import Database
from localai.store.downloads import Downloads

PLAN = DownloadPlan(
	name='org/name',
	repo='org/name',
	commit='c' * 40,
	files=(
		PlannedFile(path='unet/model.safetensors', bytes=70, etag='e', sha256='5' * 64),
		PlannedFile(path='model_index.json', bytes=30, have=True),
	),
)
ERROR = Problem(code='WrongBytes', message='Wrong.', remedy='Again.')


@pytest.fixture
def store(tmp_path):
	database = Database(tmp_path / 'a.db')
	yield Downloads(database)
	database.close()


def add(store: Downloads, *ids: str) -> None:
	for one in ids:
		store.add(one, DownloadRequest(source=f'org/{one}'))


class TestRows:
	def test_what_is_added_comes_back_whole(self, store):
		request = DownloadRequest(source='org/name', variant='fp16', then_load=True)
		added = store.add('a', request, PLAN)
		assert (added.name, added.state, added.bytes, added.reused) == (
			'org/name',
			'queued',
			100,
			30,
		)
		assert store.get('a') == added
		assert store.plan('a') == PLAN
		assert [f.path for f in added.files] == ['unet/model.safetensors', 'model_index.json']

	def test_without_a_plan_it_goes_by_what_was_asked_for(self, store):
		add(store, 'a')
		assert store.get('a').name == 'org/a' and store.plan('a') is None
		store.settle('a', PLAN)
		assert store.get('a').name == 'org/name' and store.plan('a') == PLAN

	def test_nothing_is_known_of_an_unknown_one(self, store):
		assert store.get('a') is None and store.plan('a') is None
		store.forget('a')

	def test_an_end_has_its_time_and_error_and_loses_them_when_it_goes_on(self, store):
		add(store, 'a')
		store.change('a', 'failed', ERROR)
		ended = store.get('a')
		assert ended.error == ERROR and ended.finished_at
		store.change('a', 'queued')
		assert store.get('a').error is None and store.get('a').finished_at is None

	def test_a_finished_one_is_all_there_and_names_its_model(self, store):
		store.add('a', DownloadRequest(source='org/name'), PLAN)
		store.change('a', 'finished', model='org/name')
		ended = store.get('a')
		assert (ended.done, ended.model) == (100, 'org/name')
		assert all(f.done == f.bytes for f in ended.files)


class TestOrder:
	def test_pending_ones_are_in_the_order_given(self, store):
		add(store, 'a', 'b', 'c', 'd')
		store.order(['c', 'a'])
		assert [d.id for d in store.pending()] == ['c', 'b', 'a', 'd']
		store.change('b', 'paused')
		store.change('d', 'running')
		assert [d.id for d in store.pending()] == ['c', 'b', 'a', 'd']

	def test_ended_ones_come_newest_first_and_can_be_forgotten(self, store):
		add(store, 'a', 'b', 'c')
		for one, state in (('b', 'finished'), ('a', 'cancelled'), ('c', 'failed')):
			store.change(one, state)
		assert [d.id for d in store.recent(2)] == ['c', 'a']
		assert store.pending() == []
		store.forget('c')
		assert [d.id for d in store.recent(5)] == ['a', 'b']
