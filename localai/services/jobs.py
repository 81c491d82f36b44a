"""Jobs, as verbs: the queue, its one worker, and everybody who follows."""

import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import get_args

from localai.errors import DiskFull, InvalidInput, LocalAIError, StorageProblem, UnknownName
from localai.executors.base import Executor
from localai.schemas import engine as say
from localai.schemas.generation import Picture
from localai.schemas.hardware import EngineStatus
from localai.schemas.jobs import JobSnapshot, JobState, Problem, StopMode
from localai.schemas.models import ModelSpec
from localai.schemas.studio import StudioSnapshot
from localai.services.feed import Feed
from localai.store.jobs import Jobs

log = logging.getLogger('localai.jobs')
TRIES = 2  # how often a job may take the engine down with it before it counts as failed
LATER = 10.0  # seconds until what a full disk refused is tried again
HELD = 'Waiting for space on the disk: '
BEAT = 10.0  # seconds after which a quiet feed repeats itself, so that doors know it is alive

MakeTask = Callable[[JobSnapshot], say.Generate]
Save = Callable[[JobSnapshot, ModelSpec, say.Drawn], Picture]
Seconds = Callable[..., float | None]


class JobService:
	"""Owns the live jobs. Each change is stored first, then told. Everything here is quick; the work is elsewhere."""

	def __init__(self, store: Jobs, executor: Executor):
		self.store = store
		self.executor = executor
		self.lock = threading.RLock()
		self.live: dict[
			str, JobSnapshot
		] = {}  # in the order of the queue; the running job is the first
		self.feeds: dict[str, Feed[JobSnapshot]] = {}
		self.previews: dict[str, bytes] = {}
		self.costs: dict[str, float | None] = {}
		self.running: say.Generate | None = None
		self.broken: LocalAIError | None = (
			None  # why the running job is being stopped, if it is not its user's wish
		)
		# Ends that a full disk would not store: told already, and stored as soon as there is space.
		self.unstored: dict[str, JobSnapshot] = {}
		self.timer: threading.Timer | None = None
		self.closed = False
		self.engine = EngineStatus()
		self.last: JobSnapshot | None = None
		self.studio: Feed[StudioSnapshot] = Feed(StudioSnapshot(engine=self.engine))

	def open(self, make_task: MakeTask, save: Save, seconds: Seconds) -> None:
		"""Given the verbs of generation, the engine may come up."""
		self.make_task, self.save, self.seconds = make_task, save, seconds
		recent = self.store.recent(1)
		self.last = recent[0] if recent else None
		self.executor.start(self.hear, self.hear_status)

	def close(self) -> None:
		"""The engine ends; what it was drawing is marked and goes on at the next start."""
		with self.lock:
			self.closed = True
			if self.timer:
				self.timer.cancel()
			if self.running:
				with contextlib.suppress(StorageProblem):  # `resume` finds it as running
					self.store.change(self.running.job_id, 'interrupted')
			feeds = [self.studio, *self.feeds.values()]
		self.executor.close()
		for feed in feeds:
			feed.close()

	# The queue

	def enqueue(self, job: JobSnapshot) -> JobSnapshot:
		with self.lock:
			self.live[job.id] = job
			self.feeds[job.id] = Feed(job)
			self.tell(job.id)
			self.dispatch()
			return self.live.get(job.id, job)

	def resume(self, adopt: Callable[[JobSnapshot], int]) -> int:
		"""After a start: jobs that were being worked on are marked interrupted and go back to the queue, before the others."""
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
			for job in self.store.in_states(('queued',)):
				self.live[job.id] = job
				self.feeds[job.id] = Feed(job)
			self.tell()
			self.dispatch()
			return len(self.live)

	def dispatch(self) -> None:
		"""Hands the first queued job to the engine when it is free."""
		while self.running is None and self.engine.state == 'ready' and not self.closed:
			job = next((j for j in self.live.values() if j.state == 'queued'), None)
			if job is None:
				return
			try:
				task = self.make_task(job)
				notes = tuple(n for n in job.notes if not n.startswith(HELD))
				self.change(job.id, 'loading', steps=job.request.steps, notes=notes)
			except DiskFull as error:
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
			self.running, self.broken = task, None
			self.executor.submit(task)

	def hold(self, job: JobSnapshot, error: DiskFull) -> None:
		"""A full disk fails nobody who waits: the job says so and goes on by itself when there is space."""
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
			try:
				for job in list(self.unstored.values()):
					self.store.change(job.id, job.state, job.error, job.attempts, job.finished_at)
					del self.unstored[job.id]
			except StorageProblem:
				self.try_later()
			self.dispatch()

	def stop(self, job_id: str, mode: StopMode = 'stop') -> JobSnapshot:
		"""A queued job is cancelled here; the running one is asked to. An ended one stays as it is."""
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
		"""Puts a waiting job to a place, counted as `JobSnapshot.position` counts: 0 is what is drawn or drawn next."""
		with self.lock:
			waiting = [j.id for j in self.live.values() if j.state == 'queued']
			working = [i for i in self.live if i not in waiting]
			if job_id not in waiting:
				raise UnknownName(
					'That job is not waiting any more.', 'Only waiting jobs can be moved.', 'job'
				)
			waiting.remove(job_id)
			waiting.insert(max(0, position - len(working)), job_id)
			self.store.order(waiting)
			self.live = {i: self.live[i] for i in (*working, *waiting)}
			self.tell(*waiting)

	# Who looks

	def get(self, job_id: str) -> JobSnapshot:
		"""Raises UnknownName."""
		with self.lock:
			if job_id in self.live:
				return self.live[job_id]
			if job_id in self.unstored:
				return self.unstored[job_id]
		job = self.store.get(job_id)
		if job is None:
			raise UnknownName(
				f'There is no job {job_id[:40]!r}.', 'Ask for the list of jobs.', 'job'
			)
		return job

	def list(self, limit: int = 50) -> tuple[JobSnapshot, ...]:
		"""The live jobs in order, then those that ended last."""
		with self.lock:
			return (*self.live.values(), *self.store.recent(limit))

	def preview(self, job_id: str) -> bytes:
		"""The latest preview as JPEG, b'' when there is none."""
		return self.previews.get(job_id, b'')

	def follow(self, job_id: str) -> Iterator[JobSnapshot]:
		"""The job now, each change, and its end."""
		feed = self.feeds.get(job_id)
		if feed is None:
			yield self.get(job_id)
			return
		yield from feed.follow()

	async def follow_async(self, job_id: str) -> AsyncIterator[JobSnapshot]:
		"""The same for asyncio, with a heartbeat, so that a line that waits long is not taken for a dead one."""
		feed = self.feeds.get(job_id)
		if feed is None:
			yield self.get(job_id)
			return
		async for job in feed.follow_async(BEAT):
			yield job

	def watch(self) -> AsyncIterator[StudioSnapshot]:
		"""Everything a page shows: the latest at once, each change, and a heartbeat."""
		return self.studio.follow_async(BEAT)

	# What the engine says

	def hear_status(self, status: EngineStatus) -> None:
		with self.lock:
			self.engine = status
			self.tell()
			self.dispatch()

	def hear(self, event: say.Event) -> None:
		"""One event of the engine, in its reading thread. Nothing that goes wrong here may stop that thread."""
		with self.lock:
			job = self.live.get(getattr(event, 'job_id', ''))
			model = self.running and self.running.model
		if job is None or model is None:
			return
		try:
			# The disk may be slow: nobody waits for it. A picture is kept even while the app closes.
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
				self.update(job.id, pictures=(*job.pictures, picture))
			case say.Noted():
				notes = (*job.notes, event.note)
				self.store.note(job.id, notes)
				self.update(job.id, notes=notes)
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
			self.end_running(job.id, 'failed', error, attempts=attempts)
			return
		note = f'{event.message} It is being tried once more.'
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
		"""The running job cannot go on: the engine is asked to leave it, and its end will say why."""
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

	# Changes: stored, then told

	def change(self, job_id: str, state: JobState, **changes: object) -> None:
		attempts = changes.get('attempts')
		self.store.change(job_id, state, attempts=attempts)
		if state == 'loading' and self.live[job_id].started_at is None:
			changes['started_at'] = datetime.now(UTC)
		self.update(job_id, state=state, **changes)

	def update(self, job_id: str, **changes: object) -> None:
		self.live[job_id] = self.live[job_id].model_copy(update=changes)
		self.tell(job_id)

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
		if isinstance(error, LocalAIError):
			error = Problem(code=error.code, message=error.message, remedy=error.remedy)
		job = self.live[job_id]
		when = datetime.now(UTC)
		ended = job.model_copy(
			update={
				'state': state,
				'error': error,
				'attempts': job.attempts if attempts is None else attempts,
				'finished_at': when,
				'eta': None,
				'stage': '',
				'position': 0,
			}
		)
		try:
			self.store.change(job_id, state, error, attempts, when)
		except LocalAIError as problem:
			log.warning('the end of job %s could not be stored yet: %s', job_id, problem)
			self.unstored[job_id] = ended
			self.try_later()
		log.info('job %s %s%s', job_id, state, f': {error.message}' if error else '')
		del self.live[job_id]
		self.previews.pop(job_id, None)
		self.costs.pop(job_id, None)
		self.last = ended
		self.feeds.pop(job_id).publish(ended, last=True)
		self.tell(*self.live)

	def tell(self, *ids: str) -> None:
		"""Publishes the named jobs with their places and waits, then the whole."""
		wait: float | None = 0.0
		for position, (job_id, job) in enumerate(list(self.live.items())):
			if job.state == 'queued':
				if (job.position, job.eta) != (position, wait):
					job = self.live[job_id] = job.model_copy(
						update={'position': position, 'eta': wait if position else None}
					)
			elif job.position:
				job = self.live[job_id] = job.model_copy(update={'position': 0})
			if wait is not None:
				own = job.eta if job.state == 'running' else self.cost(job)
				wait = None if own is None else wait + own
			if job_id in ids:
				self.feeds[job_id].publish(job)
		self.studio.publish(
			StudioSnapshot(engine=self.engine, queue=tuple(self.live.values()), last=self.last)
		)

	def cost(self, job: JobSnapshot) -> float | None:
		"""Seconds a waiting job will take, asked once per job."""
		if job.id not in self.costs:
			self.costs[job.id] = self.seconds(job.request)
		return self.costs[job.id]
