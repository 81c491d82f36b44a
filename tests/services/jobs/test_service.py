"""The queue and those who follow it, with the fake engine behind the real store."""

import asyncio
import shutil
import threading
import time
from pathlib import Path

import pytest

from localai.errors import DiskFull, InvalidInput, UnknownName
from localai.schemas import engine as say
from localai.services.jobs.hearing import TRIES
from localai.studio import Studio
from tests.fakes import FakeExecutor
from tests.pictures import row
from tests.waiting import eventually

DIED = say.Failed(
	job_id='',
	code='EngineDied',
	message='The engine process was killed.',
	remedy='',
	engine_died=True,
)


def start(studio: Studio, **fields):
	return studio.generation.start(
		{'prompt': 'a fox', 'steps': 3, 'width': 64, 'height': 64, 'seed': 5} | fields
	)


def finish(studio: Studio, job_id: str):
	return list(studio.jobs.follow(job_id))[-1]


class TestRun:
	def test_a_job_is_stored_before_it_is_work_and_finishes(self, studio, executor):
		executor.gate.clear()
		job = start(studio, count=2)
		assert studio.board.store.get(job.id).state in ('queued', 'loading', 'running')
		executor.gate.set()
		job = finish(studio, job.id)
		assert job.state == 'finished' and [p.seed for p in job.pictures] == [5, 6]
		assert all(Path(p.path).is_file() for p in job.pictures)
		stored = studio.board.store.get(job.id)
		assert (
			stored.state == 'finished' and stored.pictures == job.pictures and stored.seconds >= 0
		)

	def test_everybody_sees_the_one_that_ended_last(self, studio, executor):
		finish(studio, start(studio).id)
		last = finish(studio, start(studio).id)
		eventually(lambda: not studio.presence.now.queue)
		assert studio.presence.now.last == last

	def test_a_follower_that_comes_late_sees_the_end_and_no_more(self, studio):
		job = start(studio)
		finish(studio, job.id)
		assert [j.state for j in studio.jobs.follow(job.id)] == ['finished']

	def test_any_number_of_followers_see_the_end(self, studio, executor):
		executor.gate.clear()
		job = start(studio)
		ends = []
		threads = [
			threading.Thread(target=lambda: ends.append(finish(studio, job.id).state))
			for _ in range(5)
		]
		for thread in threads:
			thread.start()
		executor.gate.set()
		for thread in threads:
			thread.join(10)
		assert ends == ['finished'] * 5

	def test_asyncio_followers_see_states_in_order(self, studio, executor):
		executor.gate.clear()
		job = start(studio)

		async def states():
			seen = []
			async for snapshot in studio.jobs.follow_async(job.id):
				seen.append(snapshot.state)
				executor.gate.set()
			return seen

		seen = asyncio.run(asyncio.wait_for(states(), 10))
		assert seen[-1] == 'finished' and seen == sorted(
			seen, key=['queued', 'loading', 'running', 'finished'].index
		)

	def test_who_follows_one_that_has_ended_holds_up_nobody_else(self, studio):
		job = finish(studio, start(studio).id)
		held, let_go, heard = threading.Event(), threading.Event(), []

		def hold():  # as one does who writes to a disk that is busy
			with studio.engines.lock:
				held.set()
				heard.append(let_go.wait(10))

		async def follow():
			first = asyncio.ensure_future(anext(studio.jobs.follow_async(job.id)))
			await asyncio.sleep(0)
			let_go.set()
			return await first

		holder = threading.Thread(target=hold)
		holder.start()
		held.wait()
		assert asyncio.run(follow()).id == job.id
		holder.join()
		assert heard == [True]

	def test_an_unknown_job_is_refused_by_name(self, studio):
		with pytest.raises(UnknownName, match='nothing'):
			studio.jobs.get('nothing')


class TestQueue:
	def test_positions_moving_and_cancelling_a_waiting_job(self, studio, executor):
		executor.gate.clear()
		first, second, third, fourth = (start(studio, seed=i) for i in range(4))
		assert [studio.jobs.get(j.id).position for j in (first, second, third, fourth)] == [
			0,
			1,
			2,
			3,
		]
		studio.jobs.move(fourth.id, 1)
		assert [j.id for j in studio.board.live.values()] == [
			first.id,
			fourth.id,
			second.id,
			third.id,
		]
		assert [j.id for j in studio.board.store.in_states(('queued',))] == [
			fourth.id,
			second.id,
			third.id,
		]
		assert studio.jobs.stop(second.id).state == 'cancelled'
		executor.gate.set()
		assert [finish(studio, j.id).state for j in (first, third, fourth)] == ['finished'] * 3
		assert [t.job_id for t in executor.seen] == [first.id, fourth.id, third.id]

	def test_a_place_is_counted_with_what_is_drawn_and_no_place_is_before_that(
		self, studio, executor
	):
		executor.gate.clear()
		first, second, third, fourth = (start(studio, seed=i).id for i in range(4))
		for moved, position, order in (
			(second, 2, [first, third, second, fourth]),
			(fourth, 0, [first, fourth, third, second]),
			(fourth, 99, [first, third, second, fourth]),
		):
			studio.jobs.move(moved, position)
			assert [job.id for job in studio.jobs.list()] == order
			assert [studio.jobs.get(job).position for job in order] == [0, 1, 2, 3]

	def test_the_list_is_the_queue_then_what_ended_last(self, studio, executor):
		ended = [finish(studio, start(studio, seed=i).id).id for i in range(3)]
		executor.gate.clear()
		live = [start(studio, seed=i).id for i in range(2)]
		listed = [job.id for job in studio.jobs.list(2)]
		assert listed == [*live, ended[2], ended[1]]

	def test_who_waits_is_told_how_long_and_who_is_next_is_not(self, settings):
		studio = Studio(settings, FakeExecutor(ready=False)).open()
		try:
			studio.history.store.add([row()])  # it tells how long the next ones will take
			jobs = [start(studio, seed=number).id for number in range(3)]
			first, second, third = (studio.jobs.get(job).eta for job in jobs)
			assert first is None
			assert second > 0 and third == pytest.approx(2 * second)
		finally:
			studio.close()

	def test_the_wait_is_what_the_running_one_has_left_and_those_between(
		self, studio, executor, monkeypatch
	):
		monkeypatch.setattr(studio.board, 'seconds', lambda request: float(request.steps))
		executor.gate.clear()
		first, second, third = (start(studio, steps=s, count=2) for s in (100, 30, 5))
		waits = lambda: [studio.jobs.get(j.id).eta for j in (second, third)]  # noqa: E731
		assert waits() == [100, 130]  # nothing is drawn yet: all of it is ahead
		pace = {'index': 0, 'steps': 100, 'seconds_per_step': 2}
		studio.jobs.hear(say.Stepped(job_id=first.id, step=90, **pace))
		assert studio.jobs.get(first.id).eta == 220  # ten steps, and the second picture
		assert waits() == [220, 250]
		studio.jobs.move(third.id, 1)
		assert waits() == [225, 220]

	def test_nobody_knows_the_wait_behind_a_job_of_which_nobody_knows_how_long_it_takes(
		self, studio, executor, monkeypatch
	):
		monkeypatch.setattr(studio.board, 'seconds', lambda request: None)
		executor.gate.clear()
		first, second = start(studio), start(studio)
		assert studio.jobs.get(second.id).eta is None
		studio.jobs.hear(say.Stepped(job_id=first.id, index=0, step=1, steps=3, seconds_per_step=2))
		assert studio.jobs.get(second.id).eta == 4

	def test_a_running_job_cannot_be_moved(self, studio, executor):
		executor.gate.clear()
		job = start(studio)
		with pytest.raises(UnknownName):
			studio.jobs.move(job.id, 1)

	def test_cancel_all_leaves_nothing(self, studio, executor):
		executor.gate.clear()
		jobs = [start(studio, seed=i) for i in range(3)]
		assert studio.jobs.stop_all() == 3
		assert {finish(studio, j.id).state for j in jobs} == {'cancelled'}
		assert not studio.board.live

	def test_a_job_waits_while_the_engine_comes_up(self, settings):
		executor = FakeExecutor(ready=False)
		studio = Studio(settings, executor).open()
		job = start(studio)
		assert studio.jobs.get(job.id).state == 'queued' and not executor.seen
		executor.on_status(executor.status)
		assert finish(studio, job.id).state == 'finished'
		studio.close()


class TestStop:
	def test_stop_keeps_what_was_finished(self, studio, executor):
		job = start(studio, count=50, steps=50)
		for snapshot in studio.jobs.follow(job.id):
			if len(snapshot.pictures) == 2:
				studio.jobs.stop(job.id)
		assert snapshot.state == 'cancelled' and 2 <= len(snapshot.pictures) < 50

	def test_stop_and_keep_saves_the_picture_in_hand(self, studio, executor):
		executor.gate.clear()
		job = start(studio)
		studio.jobs.stop(job.id, 'keep')
		job = finish(studio, job.id)
		assert (
			job.state == 'cancelled'
			and len(job.pictures) == 1
			and job.pictures[0].receipt.stopped_early
		)

	def test_skip_leaves_out_one_picture(self, studio, executor):
		executor.gate.clear()
		job = start(studio, count=3)
		studio.jobs.stop(job.id, 'skip')
		job = finish(studio, job.id)
		assert job.state == 'finished' and [p.index for p in job.pictures] == [1, 2]
		assert studio.board.store.skipped(job.id) == {0}  # nor after a restart

	def test_a_skip_is_of_the_picture_that_is_shown(self, studio, executor):
		"""The engine has drawn the first, but nobody has heard of it yet; then the second is next."""
		executor.gate.clear()
		job, shown = start(studio, count=4), []
		(engine,) = executor.engines.values()
		tell = engine.on_event

		def skip_around(event):
			if isinstance(event, say.Drawn) and event.index < 2:
				shown.append(studio.jobs.get(job.id).picture)
				if event.index == 0:
					studio.jobs.stop(job.id, 'skip')
			tell(event)
			if isinstance(event, say.Drawn) and event.index == 1:
				shown.append(studio.jobs.get(job.id).picture)
				studio.jobs.stop(job.id, 'skip')

		engine.on_event = skip_around
		engine.gate.set()
		job = finish(studio, job.id)
		assert shown == [0, 1, 2] and [p.index for p in job.pictures] == [0, 1, 3]

	def test_who_waits_has_no_picture_to_skip(self, studio, executor):
		executor.gate.clear()
		start(studio)
		waiting = start(studio)
		assert studio.jobs.stop(waiting.id, 'skip').state == 'queued'
		assert studio.board.store.skipped(waiting.id) == frozenset()

	def test_another_way_to_stop_is_refused(self, studio):
		with pytest.raises(InvalidInput, match='explode') as refused:
			studio.jobs.stop(start(studio).id, 'explode')
		assert refused.value.field == 'mode'

	def test_stopping_an_ended_job_changes_nothing(self, studio):
		job = start(studio)
		finish(studio, job.id)
		assert studio.jobs.stop(job.id).state == 'finished'


class TestFailure:
	def test_a_dead_engine_is_tried_once_more_and_said(self, studio, executor):
		executor.failures = [DIED]
		job = finish(studio, start(studio).id)
		assert job.state == 'finished' and job.attempts == 1 and 'tried once more' in job.notes[0]

	def test_a_job_that_kills_the_engine_twice_fails_and_the_next_works(self, studio, executor):
		executor.failures = [DIED] * TRIES
		bad, good = start(studio), start(studio, seed=9)
		assert finish(studio, good.id).state == 'finished'
		bad = studio.jobs.get(bad.id)
		assert (
			bad.state == 'failed' and bad.error.code == 'EngineDied' and 'twice' in bad.error.remedy
		)

	def test_a_picture_that_cannot_be_saved_fails_the_job_and_says_where_it_was_kept(
		self, studio, executor, settings
	):
		executor.gate.clear()
		job = start(studio, count=2)
		settings.pictures.rmdir()
		settings.pictures.write_text('in the way')
		executor.gate.set()
		job = finish(studio, job.id)
		assert (
			job.state == 'failed'
			and job.error.code == 'StorageProblem'
			and 'kept as' in job.error.message
		)
		kept = Path(job.error.message.rsplit('kept as ', 1)[1].partition(' and will appear')[0])
		assert kept.is_file()
		kept.unlink()

	def test_a_model_that_is_gone_when_its_turn_comes_fails_only_its_job(
		self, studio, executor, tiny_model, tmp_path
	):
		folder = shutil.copytree(tiny_model, tmp_path / 'gone')
		executor.gate.clear()
		first, lost, last = start(studio), start(studio, model=str(folder)), start(studio)
		shutil.rmtree(folder)
		executor.gate.set()
		assert [finish(studio, j.id).state for j in (first, last)] == ['finished'] * 2
		lost = studio.jobs.get(lost.id)
		assert lost.state == 'failed' and 'gone' in lost.error.message
		assert studio.board.store.get(lost.id).error == lost.error
		assert [t.job_id for t in executor.seen] == [first.id, last.id]

	def test_what_nobody_foresaw_fails_a_job_and_not_the_queue(self, studio, executor, monkeypatch):
		save, make_task = studio.jobs.hearing.save, studio.jobs.make_task

		def badly(how):
			def act(job, *rest):
				if job.request.prompt == 'trouble':
					raise RuntimeError('upside down')
				return how(job, *rest)

			return act

		for place, name, how in (
			(studio.jobs.hearing, 'save', save),
			(studio.jobs, 'make_task', make_task),
		):
			with monkeypatch.context() as patch:
				patch.setattr(place, name, badly(how))
				executor.gate.clear()
				start(studio)
				bad, good = start(studio, prompt='trouble', count=2), start(studio)
				executor.gate.set()
				assert finish(studio, good.id).state == 'finished'
				bad = finish(studio, bad.id)
			assert bad.state == 'failed' and bad.finished_at and not bad.pictures
			assert 'upside down' in bad.error.message and 'localai.log' in bad.error.remedy


class TestRestart:
	def test_the_queue_goes_on_with_the_same_seeds_and_only_what_is_missing(
		self, settings, executor
	):
		studio = Studio(settings, executor).open()
		job = start(studio, count=40, steps=30)
		waiting = start(studio, seed=99)
		for snapshot in studio.jobs.follow(job.id):
			if len(snapshot.pictures) == 2:
				break
		studio.close()  # as at the end of the app: the job is left in the middle
		stored = Studio(settings, FakeExecutor()).board.store.get(job.id)
		assert stored.state == 'interrupted'
		done = len(stored.pictures)

		again = FakeExecutor()
		studio = Studio(settings, again).open()
		job = finish(studio, job.id)
		assert job.state == 'finished' and [p.seed for p in job.pictures] == list(range(5, 45))
		assert len(again.seen[0].drawings) == 40 - done
		assert finish(studio, waiting.id).state == 'finished'
		studio.close()

	def test_a_file_without_its_row_is_adopted(self, settings, executor):
		studio = Studio(settings, executor).open()
		job = finish(studio, start(studio, count=2).id)
		picture = job.pictures[1]
		from sqlalchemy import text

		with studio.database.engine.begin() as connection:
			connection.execute(text(f'delete from pictures where id = {picture.id}'))
			connection.execute(text(f"update jobs set state = 'running' where id = '{job.id}'"))
		path = Path(picture.path)
		path.with_name(f'.{job.id}-009-1.png.part').write_bytes(b'half')
		with studio.unsettled.at(path.parent.name):  # as a kill leaves it
			studio.close()

		again = FakeExecutor()
		studio = Studio(settings, again).open()
		job = studio.jobs.get(job.id)
		assert (
			job.state == 'finished' and [p.seed for p in job.pictures] == [5, 6] and not again.seen
		)
		assert not list(settings.pictures.glob('*/.*.part'))
		studio.close()


class TestClose:
	def test_nothing_is_tried_later_any_more(self, settings, monkeypatch):
		executor = FakeExecutor(ready=False)
		studio = Studio(settings, executor).open()
		waiting = start(studio)
		monkeypatch.setattr('localai.services.generation.service.SPARE', 10**18)
		executor.on_status(executor.status)
		assert studio.jobs.get(waiting.id).notes[0].startswith('Waiting for the disk')
		timer = studio.jobs.timer
		studio.close()
		assert timer.finished.is_set()  # it was cancelled, long before it was due
		studio.jobs.try_again()
		studio.jobs.close()
		assert not executor.seen and studio.jobs.timer is None
		assert studio.board.store.get(waiting.id).state == 'queued'

	def test_a_disk_that_is_full_at_the_end_ends_nothing_else(
		self, settings, executor, monkeypatch
	):
		studio = Studio(settings, executor).open()
		executor.gate.clear()
		job = start(studio)
		eventually(lambda: executor.first.held)
		with monkeypatch.context() as patch:

			def full(*arguments):
				raise DiskFull('The disk is full.')

			patch.setattr(studio.board.store, 'change', full)
			studio.close()
		again = Studio(settings, FakeExecutor()).open()
		assert finish(again, job.id).state == 'finished'
		again.close()


class TestFullDisk:
	def test_waiting_jobs_wait_and_go_on_when_there_is_space(self, studio, executor, monkeypatch):
		executor.gate.clear()
		first = start(studio)
		waiting = start(studio)
		monkeypatch.setattr('localai.services.jobs.service.LATER', 0.05)
		monkeypatch.setattr('localai.services.generation.service.SPARE', 10**18)
		executor.gate.set()
		assert finish(studio, first.id).state == 'finished'
		held = studio.jobs.get(waiting.id)
		assert held.state == 'queued' and held.notes[0].startswith('Waiting for the disk')
		monkeypatch.setattr('localai.services.generation.service.SPARE', 0)
		ended = finish(studio, waiting.id)
		assert ended.state == 'finished' and ended.notes == ()

	def test_an_end_that_cannot_be_stored_is_told_and_stored_later(
		self, studio, executor, monkeypatch
	):
		monkeypatch.setattr('localai.services.jobs.service.LATER', 0.2)
		executor.gate.clear()
		job = start(studio)
		store, change = studio.board.store, studio.board.store.change

		def full(job_id, state, *rest, **more):
			if state == 'finished' and not space.is_set():
				raise DiskFull('The disk is full.')
			change(job_id, state, *rest, **more)

		space = threading.Event()
		monkeypatch.setattr(store, 'change', full)
		executor.gate.set()
		assert finish(studio, job.id).state == 'finished'
		assert studio.jobs.get(job.id).state == 'finished'
		assert store.get(job.id).state == 'running'
		space.set()
		for _ in range(100):
			if store.get(job.id).state == 'finished':
				break
			time.sleep(0.05)
		assert store.get(job.id).state == 'finished' and not studio.board.unstored
		with studio.jobs.lock:  # it is not tried for ever
			assert studio.jobs.timer is None

	def test_a_job_whose_last_picture_could_not_be_saved_is_not_called_finished(
		self, studio, monkeypatch
	):
		def full(*arguments):
			raise DiskFull('The disk is full.')

		monkeypatch.setattr(studio.jobs.hearing, 'save', full)
		job = finish(studio, start(studio).id)
		assert job.state == 'failed' and job.error.code == 'DiskFull'
