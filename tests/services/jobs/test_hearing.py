"""What a page sees of a job while its engine speaks, word for word: the fake engine is held, the test
speaks for it."""

import pytest

from localai.errors import DiskFull
from localai.schemas import engine as say
from localai.schemas.jobs import JobSnapshot
from localai.services.jobs.hearing import AGAIN, TRIES
from localai.studio import Studio
from tests.services.jobs.test_service import DIED, finish, start
from tests.waiting import eventually


@pytest.fixture
def held(executor):
	"""The engine, which stops before its first step until the test lets it go."""
	executor.gate.clear()
	yield executor
	executor.gate.set()


def begun(studio: Studio, **fields) -> JobSnapshot:
	"""A job that an engine has and of which it has said all that it will say before its gate."""
	job = start(studio, **fields)
	eventually(lambda: studio.engines.status.held)
	return job


def stepped(job: JobSnapshot, **fields) -> say.Stepped:
	return say.Stepped(
		**{'job_id': job.id, 'index': 0, 'step': 1, 'steps': 3, 'seconds_per_step': 2} | fields
	)


class TestProgress:
	def test_loading_tells_its_stage_and_bytes_until_the_first_step(self, studio, held):
		job = begun(studio, count=2)
		studio.jobs.hear(say.Loading(job_id=job.id, stage='vae', done=3, total=8))
		now = studio.jobs.get(job.id)
		assert (now.state, now.stage, now.stage_done, now.stage_total) == ('loading', 'vae', 3, 8)
		studio.jobs.hear(stepped(job, index=1, step=2))
		now = studio.jobs.get(job.id)
		assert (now.state, now.stage, now.picture, now.step, now.steps) == ('running', '', 1, 2, 3)
		assert now.eta == 2
		assert studio.board.store.get(job.id).state == 'running'

	def test_previews_are_counted_and_the_latest_is_there_until_the_end(self, studio, held):
		job = begun(studio)
		assert studio.jobs.preview(job.id) == b''
		for step, data, count in ((1, b'one', 1), (2, b'', 1), (3, b'two', 2)):
			studio.jobs.hear(stepped(job, step=step, data=data))
			assert studio.jobs.get(job.id).preview == count
			assert studio.jobs.preview(job.id) == (data or b'one')
		held.gate.set()
		finish(studio, job.id)
		assert studio.jobs.preview(job.id) == b''
		assert not studio.board.previews

	def test_what_has_ended_has_no_place_no_wait_and_no_stage(self, studio, held):
		first, second, third = (begun(studio, seed=seed) for seed in range(3))
		studio.jobs.hear(stepped(first))
		assert studio.jobs.get(third.id).position == 2
		cancelled = studio.jobs.stop(third.id)
		assert (cancelled.state, cancelled.position) == ('cancelled', 0)
		studio.jobs.hear(say.Loading(job_id=first.id, stage='unet', done=1, total=2))
		assert studio.jobs.get(first.id).eta and studio.jobs.get(first.id).stage
		held.first.tell(say.Finished(job_id=first.id), held.seen[0])
		ended = studio.presence.now.last
		assert (ended.id, ended.state, ended.eta, ended.stage) == (first.id, 'finished', None, '')
		assert studio.jobs.get(second.id).state == 'loading'
		assert studio.board.feeds.keys() == studio.board.live.keys() == {second.id}
		assert studio.board.costs.keys() <= {second.id}

	def test_a_word_about_a_job_that_has_ended_changes_nothing(self, studio):
		job = finish(studio, start(studio).id)
		for event in (stepped(job), say.Failed(job_id=job.id, code='X', message='', remedy='')):
			studio.jobs.hear(event)
		assert studio.jobs.get(job.id).state == 'finished' and not studio.board.live


class TestFailed:
	def test_what_the_engine_could_not_do_is_said_and_not_tried_again(self, studio, executor):
		executor.failures = [
			say.Failed(job_id='', code='ModelBroken', message='No VAE.', remedy='Get another.')
		]
		job = finish(studio, start(studio).id)
		assert (job.state, job.attempts, job.notes) == ('failed', 0, ())
		assert (job.error.code, job.error.message, job.error.remedy) == (
			'ModelBroken',
			'No VAE.',
			'Get another.',
		)
		assert len(executor.seen) == 1

	def test_a_second_try_begins_from_nothing_but_began_when_the_first_did(self, studio, held):
		job = begun(studio, count=2)
		studio.jobs.hear(stepped(job, step=2))
		before = studio.jobs.get(job.id)
		held.first.tell(DIED.model_copy(update={'job_id': job.id}), held.seen[0])
		now = studio.jobs.get(job.id)
		assert (now.step, now.eta, now.stage, now.attempts) == (0, None, '', 1)
		assert now.started_at == before.started_at is not None
		assert now.notes == (DIED.message + AGAIN,) == studio.board.store.get(job.id).notes
		assert len(held.seen) == 2

	def test_after_the_last_try_nothing_says_any_more_that_it_is_being_tried(
		self, studio, executor
	):
		executor.failures = [DIED] * TRIES
		job = finish(studio, start(studio).id)
		stored = studio.board.store.get(job.id)
		assert job.attempts == stored.attempts == TRIES
		assert job.notes == stored.notes == ()
		assert job.error.message == DIED.message and job.error == stored.error

	def test_a_disk_that_is_full_when_the_engine_dies_ends_the_job_and_not_the_queue(
		self, studio, executor, monkeypatch
	):
		def full(*arguments):
			raise DiskFull('The disk is full.')

		monkeypatch.setattr(studio.board.store, 'note', full)
		executor.failures = [DIED]
		bad, good = start(studio), start(studio)
		assert finish(studio, good.id).state == 'finished'
		bad = studio.jobs.get(bad.id)
		assert (bad.state, bad.error.code) == ('failed', 'DiskFull')

	def test_the_first_of_two_reasons_is_the_one_that_is_said(self, studio, held, monkeypatch):
		reasons = iter(('first', 'second'))

		def full(*arguments):
			raise DiskFull(f'The {next(reasons)} disk is full.')

		monkeypatch.setattr(studio.jobs.hearing, 'save', full)
		monkeypatch.setattr(held, 'stop', lambda *arguments: None)  # it is slow to hear
		job = begun(studio, count=3)
		(task,) = held.seen
		for drawing in task.drawings[:2]:
			studio.jobs.hear(held.first.picture(task, drawing))
		studio.jobs.hear(say.Cancelled(job_id=job.id))
		ended = studio.jobs.get(job.id)
		assert (ended.state, ended.error.message) == ('failed', 'The first disk is full.')


class TestPictures:
	def test_one_that_is_marked_while_the_next_is_drawn_is_shown_with_its_mark(self, studio, held):
		job = begun(studio, count=2)
		(task,) = held.seen
		studio.jobs.hear(held.first.picture(task, task.drawings[0]))
		(picture,) = studio.jobs.get(job.id).pictures
		studio.marks.mark([picture.id], {'favourite': True})
		(marked,) = studio.jobs.get(job.id).pictures
		assert marked.id == picture.id and marked.favourite

	def test_one_that_a_look_around_found_first_is_there_once(self, studio, held, monkeypatch):
		"""Saving is slow, and a mark elsewhere reads the pictures of the job anew meanwhile."""
		save = studio.jobs.hearing.save

		def slowly(*arguments):
			picture = save(*arguments)
			studio.history_changed()
			return picture

		monkeypatch.setattr(studio.jobs.hearing, 'save', slowly)
		job = begun(studio, count=2)
		held.gate.set()
		assert [p.index for p in finish(studio, job.id).pictures] == [0, 1]

	def test_one_that_is_deleted_is_not_drawn_again_and_who_waits_is_not_asked(self, studio, held):
		job = begun(studio, count=3)
		begun(studio)
		(task,) = held.seen
		for drawing in task.drawings[:2]:
			studio.jobs.hear(held.first.picture(task, drawing))
		first, second = studio.jobs.get(job.id).pictures
		studio.picture_trash.delete([first.id])
		assert studio.jobs.get(job.id).pictures == (second,)
		assert studio.board.store.skipped(job.id) == {0}

	def test_the_job_that_ended_last_shows_what_became_of_its_pictures(self, studio):
		job = finish(studio, start(studio, count=2).id)
		first, second = job.pictures
		studio.picture_trash.delete([first.id])
		assert studio.presence.now.last.pictures == (second,)
		assert studio.presence.now.last.state == 'finished'
