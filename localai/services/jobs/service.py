"""Jobs, as verbs: what is drawn next, and where."""

import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import get_args

from localai.errors import InvalidInput, LocalAIError, StorageProblem, UnknownName
from localai.schemas import engine as say
from localai.schemas.hardware import EngineStatus
from localai.schemas.jobs import JobSnapshot, JobState, Problem, StopMode
from localai.services.jobs.board import Board, Seconds
from localai.services.jobs.chores import Chores
from localai.services.jobs.engines import Engines
from localai.services.jobs.hearing import Hearing, Save

log = logging.getLogger('localai.jobs')
LATER = 10.0  # seconds until what a disk refused is tried again
HELD = 'Waiting for the disk: '

MakeTask = Callable[[JobSnapshot], say.Generate]


class JobService:
	"""The queue of the board, worked off by the engines between their chores. Everything here is
	quick; the work is in the engines' processes."""

	def __init__(self, board: Board, chores: Chores, engines: Engines):
		self.board = board
		self.chores = chores
		self.engines = engines
		self.lock = engines.lock
		self.timer: threading.Timer | None = None

	def start(self, make_task: MakeTask, save: Save, seconds: Seconds) -> None:
		"""Given the verbs of generation, the engines may come up."""
		self.make_task = make_task
		self.hearing = Hearing(self.board, self.engines, save, self.end, self.dispatch)
		self.board.open(seconds)
		self.engines.start(self.hear, self.hear_status)

	def close(self) -> None:
		"""The engines end; what they were drawing is marked and goes on at the next start."""
		with self.lock:
			if self.engines.closed:
				return
			self.engines.closed = True
			if self.timer:
				self.timer.cancel()
			for job_id in self.running():
				with contextlib.suppress(StorageProblem):  # `resume` finds it as running
					self.board.store.change(job_id, 'interrupted')
		self.engines.close()
		self.board.close()
		self.chores.close()

	# Who looks

	def get(self, job_id: str) -> JobSnapshot:
		"""Raises UnknownName."""
		return self.board.get(job_id)

	def list(self, limit: int = 50) -> tuple[JobSnapshot, ...]:
		"""The live jobs in order, then those that ended last."""
		return self.board.list(limit)

	def preview(self, job_id: str) -> bytes:
		return self.board.preview(job_id)

	def follow(self, job_id: str, beat: float | None = None) -> Iterator[JobSnapshot]:
		return self.board.follow(job_id, beat)

	def follow_async(self, job_id: str) -> AsyncIterator[JobSnapshot]:
		return self.board.follow_async(job_id)

	def running(self) -> tuple[str, ...]:
		"""The ids of the jobs that engines work on."""
		tasks = (d.task for d in self.engines.devices.values())
		return tuple(t.job_id for t in tasks if t and t.job_id in self.board.live)

	# The queue

	def enqueue(self, job: JobSnapshot) -> JobSnapshot:
		with self.lock:
			self.board.add(job)
			self.dispatch()
			return self.board.live.get(job.id, job)

	def resume(self, deleted: Callable[[str], Sequence[int]]) -> int:
		"""After a start: jobs that were being worked on are marked interrupted and go back to the
		queue, before the others. Those of their pictures that were `deleted` are not drawn again."""
		store = self.board.store
		with self.lock:
			for job in store.in_states(('loading', 'running', 'interrupted')):
				store.change(job.id, 'interrupted')
				for number in deleted(job.id):
					store.skip(job.id, number)
				job = store.get(job.id) or job
				if len({p.index for p in job.pictures} | store.skipped(job.id)) >= len(job.seeds):
					store.change(job.id, 'finished')
					self.board.last = store.get(job.id)
					continue
				store.change(job.id, 'queued')
				log.info('job %s was interrupted and is queued again', job.id)
			self.board.add(*store.in_states(('queued',)))
			self.dispatch()
			return len(self.board.live)

	def dispatch(self) -> None:
		"""Gives every free engine its next task: a chore, or else the first queued job that fits
		it."""
		self.chores.hand_over()
		for job in list(self.board.live.values()):
			if not self.engines.free():
				return
			if job.state == 'queued' and not self.begin(job):
				return

	def begin(self, job: JobSnapshot) -> bool:
		"""Whether others may be begun after it."""
		try:
			task = self.make_task(job)
			device = self.engines.choose(task)
			if device is None:  # the one it wishes has other work
				return True
			notes = tuple(n for n in job.notes if not n.startswith(HELD))
			first = task.drawings[0].index if task.drawings else 0
			self.board.change(
				job.id, 'loading', picture=first, steps=job.request.steps, notes=notes
			)
		except StorageProblem as error:
			self.hold(job, error)
			return False
		except LocalAIError as error:
			self.end(job.id, 'failed', error)
			return True
		except Exception as error:
			log.exception('job %s could not be started', job.id)
			why = f'The job could not be started: {error}.'
			self.end(job.id, 'failed', LocalAIError(why, 'See logs/localai.log.'))
			return True
		self.engines.give(device, task)
		return True

	def hold(self, job: JobSnapshot, error: StorageProblem) -> None:
		"""A disk that is full or away fails nobody who waits: the job says so and goes on when it
		is well again."""
		log.warning('job %s waits: %s', job.id, error.message)
		notes = (n for n in job.notes if not n.startswith(HELD))
		self.board.update(job.id, notes=(*notes, HELD + error.message))
		self.try_later()

	def try_later(self) -> None:
		if self.timer is None and not self.engines.closed:
			self.timer = threading.Timer(LATER, self.try_again)
			self.timer.daemon = True
			self.timer.start()

	def try_again(self) -> None:
		with self.lock:
			self.timer = None
			if self.engines.closed:
				return
			if not self.board.store_again():
				self.try_later()
			self.dispatch()

	def stop(self, job_id: str, mode: StopMode = 'stop') -> JobSnapshot:
		"""A queued job is cancelled here; a running one is asked to. An ended one stays as it
		is."""
		if mode not in get_args(StopMode):
			raise InvalidInput(
				f'A job cannot be stopped with {str(mode)[:40]!r}.',
				'Choose stop, keep or skip.',
				'mode',
			)
		with self.lock:
			job = self.get(job_id)
			if job_id in self.running():
				if mode == 'skip' and job.picture in {p.index for p in job.pictures}:
					return job  # its picture is there already: there is nothing to leave out
				if mode == 'skip':
					self.board.store.skip(job_id, job.picture)
				log.info('job %s: %s', job_id, mode)
				self.engines.stop(job_id, mode, job.picture)
			elif job_id in self.board.live and mode != 'skip':
				self.end(job_id, 'cancelled')
			return self.get(job_id)

	def stop_all(self) -> int:
		"""Cancels the queue, the running jobs last. Returns how many jobs."""
		with self.lock:
			running = self.running()
			waiting = [i for i in self.board.live if i not in running]
			for job_id in waiting:
				self.end(job_id, 'cancelled')
			for job_id in running:
				self.stop(job_id)
			return len(waiting) + len(running)

	def move(self, job_id: str, position: int) -> None:
		"""Puts a waiting job to a place, counted as `JobSnapshot.position` counts: 0 is what is
		drawn or drawn next."""
		with self.lock:
			live = self.board.live
			waiting = [j.id for j in live.values() if j.state == 'queued']
			working = [i for i in live if i not in waiting]
			if job_id not in waiting:
				raise UnknownName(
					'That job is no longer waiting.', 'Only waiting jobs can be moved.', 'job'
				)
			waiting.remove(job_id)
			waiting.insert(max(0, position - len(working)), job_id)
			self.board.arrange(waiting)

	# What the engines say, each in its reading thread; nothing that goes wrong here may stop one

	def hear_status(self, status: EngineStatus) -> None:
		with self.lock:
			self.engines.heard(status)
			self.chores.give_up_lost()
			self.dispatch()

	def hear(self, event: say.Event) -> None:
		job_id = getattr(event, 'job_id', '')
		with self.lock:
			device = self.engines.working_on(job_id)
			job = self.board.live.get(job_id)
		if device is None:
			return
		if job is not None:
			self.hearing.hear(device, job, event)
			return
		self.chores.hear(device, job_id, event)
		if isinstance(event, say.ENDINGS):
			with self.lock:
				self.dispatch()

	def end(
		self,
		job_id: str,
		state: JobState,
		error: Problem | LocalAIError | None = None,
		attempts: int | None = None,
	) -> None:
		self.board.end(job_id, state, error, attempts)
		if self.board.unstored:
			self.try_later()
