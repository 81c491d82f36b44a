"""What the engines say of the jobs they draw: progress, pictures, ends, and a second try when one of
them dies."""

import logging
from collections.abc import Callable
from typing import Any

from localai.errors import LocalAIError
from localai.schemas import engine as say
from localai.schemas.generation import Picture
from localai.schemas.jobs import JobSnapshot, JobState, Problem
from localai.schemas.models import ModelSpec
from localai.services.jobs.board import Board
from localai.services.jobs.engines import Device, Engines

log = logging.getLogger('localai.jobs')
TRIES = 2  # how often a job may take an engine down with it before it counts as failed
AGAIN = ' It is being tried once more.'

Save = Callable[[JobSnapshot, ModelSpec, say.Drawn], Picture]


class Hearing:
	"""`end` ends a job; `dispatch` gives free engines their next tasks."""

	def __init__(
		self,
		board: Board,
		engines: Engines,
		save: Save,
		end: Callable[..., None],
		dispatch: Callable[[], None],
	):
		self.board = board
		self.engines = engines
		self.save = save
		self.end = end
		self.dispatch = dispatch
		self.lock = engines.lock

	def hear(self, device: Device, job: JobSnapshot, event: say.Event) -> None:
		task = device.task
		if not isinstance(task, say.Generate):  # a job is nothing else
			return
		try:
			# The disk may be slow: nobody waits for it. A picture is kept even while the app
			# closes.
			picture = self.save(job, task.model, event) if isinstance(event, say.Drawn) else None
			with self.lock:
				if not self.engines.closed and job.id in self.board.live:
					self.take(task, device.broken, self.board.live[job.id], event, picture)
		except LocalAIError as error:
			log.warning('job %s: %s', job.id, error)
			self.give_up(device, job, event, error)
		except Exception as error:
			log.exception('job %s: %s could not be handled', job.id, event.kind)
			why = f'Something unexpected happened: {error}.'
			self.give_up(device, job, event, LocalAIError(why, 'See logs/localai.log.'))

	def take(
		self,
		task: say.Generate,
		broken: LocalAIError | None,
		job: JobSnapshot,
		event: say.Event,
		picture: Picture | None,
	) -> None:
		board = self.board
		match event:
			case say.Loading():
				board.update(
					job.id, stage=event.stage, stage_done=event.done, stage_total=event.total
				)
			case say.Stepped():
				if event.data:
					board.previews[job.id] = event.data
				changes: dict[str, Any] = {
					'picture': event.index,
					'step': event.step,
					'steps': event.steps,
					'eta': seconds_left(task, event),
					'preview': job.preview + bool(event.data),
					'stage': '',
				}
				if job.state == 'running':
					board.update(job.id, **changes)
				else:
					board.change(job.id, 'running', **changes)
			case say.Drawn() if picture:
				log.info('job %s: picture %s saved', job.id, event.index + 1)
				others = (p for p in job.pictures if p.id != picture.id)
				pictures = (*others, picture)
				left = next_of(task, event.index)
				begun = {} if left is None else {'picture': left, 'step': 0}
				board.update(job.id, pictures=pictures, **begun)
			case say.Finished():
				self.end_running(job.id, 'failed' if broken else 'finished', broken)
			case say.Cancelled():
				self.end_running(job.id, 'failed' if broken else 'cancelled', broken)
			case say.Failed():
				self.take_failure(job, event)

	def take_failure(self, job: JobSnapshot, event: say.Failed) -> None:
		error = Problem.of(event)
		attempts = job.attempts + event.engine_died
		if not event.engine_died or attempts >= TRIES:
			if event.engine_died:
				error = error.model_copy(
					update={
						'remedy': 'It happened twice, so it was not tried again. Draw at a smaller size, or choose a smaller model.'
					}
				)
				notes = tuple(n for n in job.notes if not n.endswith(AGAIN))
				self.board.store.note(job.id, notes)
				self.board.update(job.id, notes=notes)
			self.end_running(job.id, 'failed', error, attempts=attempts)
			return
		note = event.message + AGAIN
		self.board.store.note(job.id, (*job.notes, note))
		self.board.change(
			job.id,
			'queued',
			attempts=attempts,
			notes=(*job.notes, note),
			step=0,
			eta=None,
			stage='',
		)
		self.engines.release(job.id)
		self.dispatch()

	def give_up(
		self, device: Device, job: JobSnapshot, event: say.Event, error: LocalAIError
	) -> None:
		"""A running job cannot go on: the engine is asked to leave it, and its end will say
		why."""
		with self.lock:
			if isinstance(event, say.ENDINGS):  # the engine has left it already
				if job.id in self.board.live and not self.engines.closed:
					self.end_running(job.id, 'failed', device.broken or error)
			elif device.broken is None:
				device.broken = error
				self.engines.stop(job.id)

	def end_running(
		self,
		job_id: str,
		state: JobState,
		error: Problem | LocalAIError | None = None,
		attempts: int | None = None,
	) -> None:
		self.engines.release(job_id)
		self.end(job_id, state, error, attempts)
		self.dispatch()


def next_of(task: say.Generate, index: int) -> int | None:
	"""The number of the picture that is drawn after that one; None after the last."""
	return next((d.index for d in task.drawings if d.index > index), None)


def seconds_left(task: say.Generate, event: say.Stepped) -> float:
	here = max(0, event.steps - event.step) * event.seconds_per_step
	after = sum(1 for d in task.drawings if d.index > event.index)
	return here + after * event.steps * event.seconds_per_step
