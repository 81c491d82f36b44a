"""Several devices behind one queue: each draws, stops, dies and holds models for itself."""

import pytest

from localai.errors import EngineDied
from localai.services.models.service import BUILTIN
from localai.studio import Studio
from tests.fakes import FakeEngine, FakeExecutor
from tests.services.jobs.test_service import finish, start
from tests.waiting import eventually


@pytest.fixture
def executor() -> FakeExecutor:
	executor = FakeExecutor(devices=('left', 'right'))
	hold(executor)
	yield executor
	release(executor)


def hold(executor) -> None:
	for engine in executor.engines.values():
		engine.gate.clear()


def release(executor) -> None:
	for engine in executor.engines.values():
		engine.gate.set()


@pytest.fixture
def left(executor):
	return executor.engines['left']


@pytest.fixture
def right(executor):
	return executor.engines['right']


@pytest.fixture
def tiny(tiny_model) -> str:
	return str(tiny_model)


def running(studio) -> dict[str, str]:
	"""The job of each device that has one."""
	return {d.name: d.task.job_id for d in studio.engines.devices.values() if d.task}


def idle(studio) -> None:
	eventually(lambda: not studio.chores.pending and not studio.board.live)


def engine(studio, name):
	now = studio.presence.now
	return next(e for e in (now.engine, *now.others) if e.name == name)


class TestTwoAtOnce:
	def test_two_jobs_are_drawn_at_once_and_the_third_by_whichever_is_free_first(
		self, studio, executor, left, right
	):
		first, second, third = (start(studio, seed=i) for i in range(3))
		assert running(studio) == {'left': first.id, 'right': second.id}
		assert [studio.jobs.get(j.id).state for j in (first, second)] == ['loading'] * 2
		assert studio.jobs.get(third.id).state == 'queued'
		right.gate.set()
		ended = finish(studio, third.id)
		assert ended.state == 'finished' and [p.seed for p in ended.pictures] == [2]
		assert [t.job_id for t in right.seen] == [second.id, third.id]
		assert studio.jobs.get(first.id).live
		left.gate.set()
		assert finish(studio, first.id).state == 'finished'

	def test_many_jobs_are_each_drawn_once(self, studio, executor):
		jobs = [start(studio, seed=10 * i, count=2, steps=2) for i in range(20)]
		release(executor)
		for i, job in enumerate(jobs):
			ended = finish(studio, job.id)
			assert ended.state == 'finished'
			assert [p.seed for p in ended.pictures] == [10 * i, 10 * i + 1]
		assert sorted(t.job_id for t in executor.seen) == [j.id for j in jobs]

	def test_pages_see_one_engine_as_before_and_the_others_beside_it(self, studio):
		start(studio)
		eventually(lambda: studio.presence.now.engine.state == 'loading')
		now = studio.presence.now
		assert now.engine.name == 'left'
		assert [(e.name, e.state) for e in now.others] == [('right', 'ready')]

	def test_the_wait_is_until_the_first_of_them_is_free(self, studio, left, right, monkeypatch):
		monkeypatch.setattr(studio.board, 'seconds', lambda request: float(request.steps))
		first = start(studio, steps=100)
		second = start(studio, steps=30)
		third, fourth, fifth = (start(studio, steps=s) for s in (50, 60, 5))
		assert [studio.jobs.get(j.id).eta for j in (third, fourth, fifth)] == [30, 80, 100]
		assert [studio.jobs.get(j.id).position for j in (first, second, third, fourth)] == [
			0,
			0,
			2,
			3,
		]


class TestStop:
	def test_each_stops_alone(self, studio, executor, left, right):
		first, second = start(studio), start(studio)
		studio.jobs.stop(second.id)
		assert finish(studio, second.id).state == 'cancelled'
		assert studio.jobs.get(first.id).live and left.mode is None
		left.gate.set()
		assert finish(studio, first.id).state == 'finished'

	def test_all_stop_together(self, studio):
		jobs = [start(studio) for _ in range(3)]
		assert studio.jobs.stop_all() == 3
		assert {finish(studio, j.id).state for j in jobs} == {'cancelled'}


class TestDeath:
	def test_one_that_dies_touches_only_its_own_job(self, studio, left, right):
		first, second = start(studio), start(studio)
		right.die()
		eventually(lambda: studio.jobs.get(second.id).attempts == 1)
		untouched = studio.jobs.get(first.id)
		assert untouched.attempts == 0 and untouched.notes == ()
		assert running(studio)['left'] == first.id
		right.gate.set()
		again = finish(studio, second.id)
		assert again.state == 'finished' and 'tried once more' in again.notes[0]
		left.gate.set()
		assert finish(studio, first.id).state == 'finished'

	def test_it_is_tried_again_on_the_one_that_is_free(self, studio, left, right):
		job = start(studio)
		right.gate.set()
		left.die()
		assert finish(studio, job.id).state == 'finished'
		assert [t.job_id for t in right.seen] == [job.id]

	def test_one_that_is_gone_for_good_leaves_the_work_to_the_other(self, studio, left, right):
		gone = left.status.model_copy(update={'state': 'stopped', 'message': 'No such device.'})
		studio.jobs.hear_status(gone)
		assert studio.presence.now.engine.name == 'right'
		release(studio.executor)
		assert finish(studio, start(studio).id).state == 'finished'
		assert not left.seen
		studio.chores.load('sketchbook')
		idle(studio)
		studio.jobs.hear_status(gone.model_copy(update={'name': 'right'}))
		with pytest.raises(EngineDied, match='No such device'):
			studio.chores.load('sketchbook')

	def test_a_chore_that_waits_for_one_that_is_gone_for_good_says_so(self, studio, left, right):
		start(studio), start(studio)
		load, unload = studio.chores.load('sketchbook'), studio.chores.unload()
		assert studio.chores.get(load).state == 'cancelled'  # the unload came after it
		load = studio.chores.load('sketchbook')
		for one in (left, right):
			studio.jobs.hear_status(one.status.model_copy(update={'state': 'stopped'}))
		assert studio.chores.get(load).error.code == 'EngineDied'
		assert studio.chores.get(unload).state == 'finished'

	def test_memory_of_one_that_is_gone_for_good_needs_no_giving_back(self, studio, left, right):
		job, lost = start(studio), start(studio)
		unload = studio.chores.unload()
		studio.jobs.hear_status(right.status.model_copy(update={'state': 'stopped'}))
		assert studio.chores.get(unload).state == 'waiting'
		left.gate.set()
		assert finish(studio, job.id).state == 'finished'
		eventually(lambda: not studio.chores.get(unload).pending)
		assert [t.kind for t in left.seen] == ['generate', 'unload']
		assert studio.jobs.get(lost.id).live

	def test_one_that_joins_later_gets_work(self, studio, executor, right):
		start(studio), start(studio)
		third = start(studio)
		executor.engines['late'] = late = FakeEngine('late')
		late.start(executor.on_event, executor.on_status)
		executor.on_status(late.status)
		assert finish(studio, third.id).state == 'finished'
		assert [t.job_id for t in late.seen] == [third.id]


class TestChores:
	def test_a_job_goes_where_its_model_is(self, studio, executor, left, right, tiny):
		release(executor)
		first = start(studio, model=tiny)
		finish(studio, first.id)
		hold(executor)
		busy = start(studio, model=tiny)
		right.gate.set()
		finish(studio, start(studio).id)
		left.gate.set()
		finish(studio, busy.id)
		for job, seen in ((start(studio), right), (start(studio, model=tiny), left)):
			finish(studio, job.id)
			assert seen.seen[-1].job_id == job.id

	def test_a_load_goes_to_the_one_that_is_free_and_an_unload_to_the_one_that_holds(
		self, studio, executor, left, right, tiny
	):
		right.gate.set()
		job = start(studio)
		studio.chores.load(tiny)
		eventually(lambda: not studio.chores.pending)
		assert [m.id for m in engine(studio, 'right').held] == [tiny]
		eventually(lambda: engine(studio, 'left').held)
		studio.chores.unload(tiny)
		eventually(lambda: not studio.chores.pending)
		assert engine(studio, 'right').held == ()
		assert [m.id for m in engine(studio, 'left').held] == ['sketchbook']
		assert [t.kind for t in left.seen] == ['generate']
		left.gate.set()
		assert finish(studio, job.id).state == 'finished'

	def test_all_memory_is_given_back_everywhere_each_as_soon_as_it_can(
		self, studio, executor, left, right, tiny
	):
		right.gate.set()
		job = start(studio)
		studio.chores.load(tiny)
		eventually(lambda: not studio.chores.pending)
		chore = studio.chores.unload()
		eventually(lambda: not engine(studio, 'right').held)
		assert studio.chores.get(chore).state == 'waiting'  # for the one that draws
		left.gate.set()
		finish(studio, job.id)
		eventually(lambda: not studio.chores.pending)
		assert studio.chores.get(chore).state == 'finished'
		assert not engine(studio, 'left').held and not engine(studio, 'right').held

	def test_one_that_holds_the_model_makes_it_the_current_one(
		self, studio, executor, left, right, tiny
	):
		release(executor)
		studio.chores.load('sketchbook')
		idle(studio)
		studio.chores.load('sketchbook')
		idle(studio)
		assert [t.kind for t in left.seen] == ['load', 'load'] and not right.seen

	def test_a_job_that_wishes_a_device_waits_for_it_and_lets_others_pass(
		self, studio, left, right, monkeypatch
	):
		make = studio.jobs.make_task

		def wish(job):
			return make(job).model_copy(update={'device': 'right' if job.request.seed < 2 else ''})

		monkeypatch.setattr(studio.jobs, 'make_task', wish)
		first, second, third = (start(studio, seed=i) for i in range(3))
		assert running(studio) == {'right': first.id, 'left': third.id}
		left.gate.set()
		assert finish(studio, third.id).state == 'finished'
		assert studio.jobs.get(second.id).state == 'queued'
		right.gate.set()
		assert finish(studio, second.id).state == 'finished'
		assert [t.job_id for t in right.seen] == [first.id, second.id]

	def test_what_both_hold_or_draw_with_is_in_use(self, studio, executor, left, right, tiny):
		right.gate.set()
		start(studio)
		studio.chores.load(tiny)
		eventually(lambda: not studio.chores.pending)
		assert studio.chores.in_use() == {str(BUILTIN), tiny}
		left.gate.set()
		idle(studio)
		assert studio.chores.in_use() == {str(BUILTIN), tiny}
		studio.chores.unload()
		eventually(lambda: not studio.chores.pending)
		assert studio.chores.in_use() == frozenset()


class TestRestart:
	def test_what_both_were_drawing_goes_on(self, settings, executor, left, right):
		studio = Studio(settings, executor).open()
		jobs = [start(studio, count=3, steps=30, seed=10 * i) for i in range(3)]
		eventually(lambda: len(running(studio)) == 2)
		studio.close()
		studio = Studio(settings, FakeExecutor(devices=('left', 'right'))).open(resume=False)
		assert [studio.jobs.get(j.id).state for j in jobs] == [
			'interrupted',
			'interrupted',
			'queued',
		]
		studio.jobs.resume(studio.picture_trash.numbers_of)
		for i, job in enumerate(jobs):
			ended = finish(studio, job.id)
			assert ended.state == 'finished'
			assert [p.seed for p in ended.pictures] == [10 * i + n for n in range(3)]
		studio.close()
