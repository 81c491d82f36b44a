"""Jobs at rest: each remembers for itself what is not wanted, and when it began and ended."""

from datetime import UTC, datetime

import pytest

from localai.schemas.jobs import Problem
from localai.store.database import Database
from localai.store.history import History
from localai.store.jobs import Jobs
from tests.pictures import row

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def jobs(tmp_path):
	database = Database(tmp_path / 'a.db')
	yield Jobs(database, History(database, tmp_path))
	database.close()


@pytest.fixture
def three(jobs) -> list[str]:
	for name in ('a', 'b', 'c'):
		jobs.add(name, row(name).recipe, [1, 2])
	return ['a', 'b', 'c']


class TestSkipped:
	def test_each_job_remembers_its_own(self, jobs, three):
		for index in (1, 0, 1):
			jobs.skip('a', index)
		jobs.skip('b', 1)
		jobs.skip('never', 1)
		found = [jobs.skipped(name) for name in (*three, 'never')]
		assert found == [{0, 1}, {1}, set(), set()]


class TestOrder:
	def test_new_ones_come_last_and_a_part_changes_places_among_itself(self, jobs, three):
		jobs.order(['c', 'a'])
		assert [job.id for job in jobs.in_states(('queued',))] == ['c', 'b', 'a']
		jobs.add('d', row().recipe, [1])
		jobs.change('b', 'running')
		assert [job.id for job in jobs.in_states(('queued',))] == ['c', 'a', 'd']


class TestChange:
	def test_a_second_try_began_when_the_first_did(self, jobs, three):
		jobs.change('a', 'loading', when=NOON)
		jobs.change('a', 'queued', attempts=1)
		jobs.change('a', 'loading', when=NOON.replace(hour=13))
		job = jobs.get('a')
		assert (job.started_at, job.finished_at, job.attempts) == (NOON, None, 1)
		assert jobs.get('b').started_at is None

	@pytest.mark.parametrize('state', ['finished', 'cancelled', 'failed'])
	def test_an_end_has_a_time_and_the_last_comes_first(self, jobs, three, state):
		problem = Problem(code='X', message='It broke.', remedy='Mend it.')
		jobs.change('b', state, problem, when=NOON)
		jobs.change('a', state, when=NOON.replace(hour=13))
		jobs.change('c', 'interrupted')
		last, first = jobs.recent(5)
		assert (last.id, first.id) == ('a', 'b') and [j.id for j in jobs.recent(1)] == ['a']
		assert (first.state, first.finished_at, first.error) == (state, NOON, problem)
		assert jobs.get('c').finished_at is None
