"""Jobs, as verbs: what is drawn next, and what becomes of what the engine says."""

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import get_args

from localai.errors import InvalidInput, LocalAIError, StorageProblem, UnknownName
from localai.executors.base import Executor
from localai.schemas import engine as say
from localai.schemas.generation import Picture
from localai.schemas.hardware import EngineStatus
from localai.schemas.jobs import JobSnapshot, JobState, Problem, StopMode
from localai.schemas.models import ModelSpec
from localai.services.jobs.board import Seconds
from localai.services.jobs.chores import Chores, Library
from localai.store.jobs import Jobs

log = logging.getLogger('localai.jobs')
TRIES = 2  # how often a job may take the engine down with it before it counts as failed
AGAIN = ' It is being tried once more.'
LATER = 10.0  # seconds until what a disk refused is tried again
HELD = 'Waiting for the disk: '

MakeTask = Callable[[JobSnapshot], say.Generate]
Save = Callable[[JobSnapshot, ModelSpec, say.Drawn], Picture]


class JobService(Chores):
	"""The board with a worker. Everything here is quick; the work is in the engine's process."""

	def __init__(self, store: Jobs, executor: Executor, models: Library):
		super().__init__(store, executor, models)
		# Why the running job is being stopped, if it is not its user's wish.
		self.broken: LocalAIError | None = None
		self.timer: threading.Timer | None = None

	def start(self, make_task: MakeTask, save: Save, seconds: Seconds) -> None:
		"""Given the verbs of generation, the engine may come up."""
		self.make_task, self.save = make_task, save
		self.open(seconds)
		self.executor.start(self.hear, self.hear_status)

	def close(self) -> None:
		"""The engine ends; what it was drawing is marked and goes on at the next start."""
		with self.lock:
			if self.closed:
				return
			self.closed = True
			if self.timer:
				self.timer.cancel()
			if self.running:
				with contextlib.suppress(StorageProblem):  # `resume` finds it as running
					self.store.change(self.running.job_id, 'interrupted')
		self.executor.close()
		super().close()

	# The queue

	def enqueue(self, job: JobSnapshot) -> JobSnapshot:
		with self.lock:
			self.add(job)
			self.dispatch()
			return self.live.get(job.id, job)

	def resume(self, adopt: Callable[[JobSnapshot], int]) -> int:
		"""After a start: jobs that were being worked on are marked interrupted and go back to the
		queue, before the others."""
		with self.lock:
			for job in self.store.in_states(('loading', 'running', 'interrupted')):
				self.store.change(job.id, 'interrupted')
				adopt(job)
				job = self.store.get(job.id)
				if len({p.index for p in job.pictures} | self.store.skipped(job.id)) >= len(
					job.seeds
				):
					self.store.change(job.id, 'finished')
					self.last = self.store.get(job.id)
					continue
				self.store.change(job.id, 'queued')
				log.info('job %s was interrupted and is queued again', job.id)
			self.add(*self.store.in_states(('queued',)))
			self.dispatch()
			return len(self.live)

	def dispatch(self) -> None:
		"""Hands the next chore, or the first queued job, to the engine when it is free."""
		while (
			self.running is None
			and self.chore is None
			and self.engine.state == 'ready'
			and not self.closed
		):
			if self.next_chore():
				return
			job = next((j for j in self.live.values() if j.state == 'queued'), None)
			if job is None:
				return
			try:
				task = self.make_task(job)
				notes = tuple(n for n in job.notes if not n.startswith(HELD))
				self.change(job.id, 'loading', steps=job.request.steps, notes=notes)
			except StorageProblem as error:
				self.hold(job, error)
				return
			except LocalAIError as error:
				self.end(job.id, 'failed', error)
				continue
			except Exception as error:
				log.exception('job %s could not be started', job.id)
				self.end(
					job.id,
					'failed',
					LocalAIError(
						f'The job could not be started: {error}.', 'See logs/localai.log.'
					),
				)
				continue
			self.running, self.broken, self.trouble = task, None, ''
			self.paths[task.model.id] = task.model.path
			self.executor.submit(task)

	def hold(self, job: JobSnapshot, error: StorageProblem) -> None:
		"""A disk that is full or away fails nobody who waits: the job says so and goes on when it
		is well again."""
		log.warning('job %s waits: %s', job.id, error.message)
		notes = (n for n in job.notes if not n.startswith(HELD))
		self.update(job.id, notes=(*notes, HELD + error.message))
		self.try_later()

	def try_later(self) -> None:
		if self.timer is None and not self.closed:
			self.timer = threading.Timer(LATER, self.try_again)
			self.timer.daemon = True
			self.timer.start()

	def try_again(self) -> None:
		with self.lock:
			self.timer = None
			if self.closed:
				return
			if not self.store_again():
				self.try_later()
			self.dispatch()

	def stop(self, job_id: str, mode: StopMode = 'stop') -> JobSnapshot:
		"""A queued job is cancelled here; the running one is asked to. An ended one stays as it
		is."""
		if mode not in get_args(StopMode):
			raise InvalidInput(
				f'There is no way to stop called {str(mode)[:40]!r}.',
				'Choose stop, keep or skip.',
				'mode',
			)
		with self.lock:
			job = self.get(job_id)
			if self.running and self.running.job_id == job_id:
				if mode == 'skip':
					self.store.skip(job_id, job.picture)
				log.info('job %s: %s', job_id, mode)
				self.executor.stop(job_id, mode)
			elif job_id in self.live and mode != 'skip':
				self.end(job_id, 'cancelled')
			return self.get(job_id)

	def stop_all(self) -> int:
		"""Cancels the queue, the running job last. Returns how many jobs."""
		with self.lock:
			waiting = [
				j.id
				for j in self.live.values()
				if not (self.running and j.id == self.running.job_id)
			]
			for job_id in waiting:
				self.end(job_id, 'cancelled')
			if self.running:
				self.stop(self.running.job_id)
			return len(waiting) + (self.running is not None)

	def move(self, job_id: str, position: int) -> None:
		"""Puts a waiting job to a place, counted as `JobSnapshot.position` counts: 0 is what is
		drawn or drawn next."""
		with self.lock:
			waiting = [j.id for j in self.live.values() if j.state == 'queued']
			working = [i for i in self.live if i not in waiting]
			if job_id not in waiting:
				raise UnknownName(
					'That job is not waiting any more.', 'Only waiting jobs can be moved.', 'job'
				)
			waiting.remove(job_id)
			waiting.insert(max(0, position - len(working)), job_id)
			self.arrange(waiting)

	# What the engine says

	def hear_status(self, status: EngineStatus) -> None:
		with self.lock:
			self.engine = self.with_trouble(status)
			self.tell()
			self.dispatch()

	def hear(self, event: say.Event) -> None:
		"""One event of the engine, in its reading thread. Nothing that goes wrong here may stop
		that thread."""
		if self.hear_chore(event):
			return
		with self.lock:
			job = self.live.get(getattr(event, 'job_id', ''))
			model = self.running and self.running.model
		if job is None or model is None:
			return
		try:
			# The disk may be slow: nobody waits for it. A picture is kept even while the app
			# closes.
			picture = self.save(job, model, event) if isinstance(event, say.Drawn) else None
			with self.lock:
				if not self.closed and job.id in self.live:
					self.take(self.live[job.id], event, picture)
		except LocalAIError as error:
			log.warning('job %s: %s', job.id, error)
			self.give_up(job, event, error)
		except Exception as error:
			log.exception('job %s: %s could not be handled', job.id, event.kind)
			self.give_up(
				job,
				event,
				LocalAIError(f'Something unexpected happened: {error}.', 'See logs/localai.log.'),
			)

	def take(self, job: JobSnapshot, event: say.Event, picture: Picture | None) -> None:
		match event:
			case say.Loading():
				self.update(
					job.id, stage=event.stage, stage_done=event.done, stage_total=event.total
				)
			case say.Stepped():
				if event.data:
					self.previews[job.id] = event.data
				changes = {
					'picture': event.index,
					'step': event.step,
					'steps': event.steps,
					'eta': self.seconds_left(job, event),
					'preview': job.preview + bool(event.data),
					'stage': '',
				}
				if job.state == 'running':
					self.update(job.id, **changes)
				else:
					self.change(job.id, 'running', **changes)
			case say.Drawn():
				log.info('job %s: picture %s saved', job.id, event.index + 1)
				others = (p for p in job.pictures if p.id != picture.id)
				self.update(job.id, pictures=(*others, picture))
			case say.Finished():
				self.end_running(job.id, 'failed' if self.broken else 'finished', self.broken)
			case say.Cancelled():
				self.end_running(job.id, 'failed' if self.broken else 'cancelled', self.broken)
			case say.Failed():
				self.take_failure(job, event)

	def take_failure(self, job: JobSnapshot, event: say.Failed) -> None:
		error = Problem(code=event.code, message=event.message, remedy=event.remedy)
		attempts = job.attempts + event.engine_died
		if not event.engine_died or attempts >= TRIES:
			if event.engine_died:
				error = error.model_copy(
					update={
						'remedy': 'It happened twice, so it was not tried again. Draw at a smaller size, or choose a smaller model.'
					}
				)
				notes = tuple(n for n in job.notes if not n.endswith(AGAIN))
				self.store.note(job.id, notes)
				self.update(job.id, notes=notes)
			self.end_running(job.id, 'failed', error, attempts=attempts)
			return
		note = event.message + AGAIN
		self.store.note(job.id, (*job.notes, note))
		self.running = None
		self.change(
			job.id,
			'queued',
			attempts=attempts,
			notes=(*job.notes, note),
			step=0,
			eta=None,
			stage='',
		)

	def give_up(self, job: JobSnapshot, event: say.Event, error: LocalAIError) -> None:
		"""The running job cannot go on: the engine is asked to leave it, and its end will say
		why."""
		with self.lock:
			if isinstance(event, say.ENDINGS):  # the engine has left it already
				if job.id in self.live and not self.closed:
					self.end_running(job.id, 'failed', self.broken or error)
			elif self.broken is None:
				self.broken = error
				self.executor.stop(job.id, 'stop')

	def seconds_left(self, job: JobSnapshot, event: say.Stepped) -> float:
		here = max(0, event.steps - event.step) * event.seconds_per_step
		after = (
			sum(1 for d in self.running.drawings if d.index > event.index) if self.running else 0
		)
		return here + after * event.steps * event.seconds_per_step

	def end_running(
		self,
		job_id: str,
		state: JobState,
		error: Problem | LocalAIError | None = None,
		attempts: int | None = None,
	) -> None:
		self.running = self.broken = None
		self.end(job_id, state, error, attempts)
		self.dispatch()

	def end(
		self,
		job_id: str,
		state: JobState,
		error: Problem | LocalAIError | None = None,
		attempts: int | None = None,
	) -> None:
		super().end(job_id, state, error, attempts)
		if self.unstored:
			self.try_later()
