"""The live jobs as everybody sees them: their order, places and waits; each change is stored first,
then told."""

import heapq
import logging
import math
from asyncio import to_thread
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from localai.errors import LocalAIError, StorageProblem, UnknownName
from localai.schemas.jobs import JobSnapshot, JobState, Problem
from localai.services.feed import Feed
from localai.services.jobs.engines import Engines
from localai.services.presence import BEAT, Presence
from localai.store.jobs import Jobs

log = logging.getLogger('localai.jobs')
Seconds = Callable[..., float | None]


class Board:
	"""Who changes a job holds the lock of the engines; who follows one needs none."""

	def __init__(self, store: Jobs, engines: Engines, presence: Presence):
		self.store = store
		self.engines = engines
		self.presence = presence
		self.lock = engines.lock
		# In the order of the queue; the running jobs are the first.
		self.live: dict[str, JobSnapshot] = {}
		self.feeds: dict[str, Feed[JobSnapshot]] = {}
		self.previews: dict[str, bytes] = {}
		self.costs: dict[str, float | None] = {}
		# Ends that a full disk would not store: told already, and stored as soon as there is space.
		self.unstored: dict[str, JobSnapshot] = {}
		self.last: JobSnapshot | None = None

	def open(self, seconds: Seconds) -> None:
		"""`seconds` says what a request will take, None where nobody knows."""
		self.seconds = seconds
		recent = self.store.recent(1)
		self.last = recent[0] if recent else None

	def close(self) -> None:
		"""Ends every following."""
		with self.lock:
			feeds = list(self.feeds.values())
		for feed in feeds:
			feed.close()

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
				f'There is no job {job_id[:40]!r}.', 'Look at the list of jobs.', 'job'
			)
		return job

	def list(self, limit: int = 50) -> tuple[JobSnapshot, ...]:
		"""The live jobs in order, then those that ended last."""
		with self.lock:
			return (*self.live.values(), *self.store.recent(limit))

	def preview(self, job_id: str) -> bytes:
		"""The latest preview as JPEG, b'' when there is none."""
		return self.previews.get(job_id, b'')

	def follow(self, job_id: str, beat: float | None = None) -> Iterator[JobSnapshot]:
		"""The job now, each change, and its end; repeated after `beat` quiet seconds."""
		feed = self.feeds.get(job_id)
		if feed is None:
			yield self.get(job_id)
			return
		yield from feed.follow(beat)

	async def follow_async(self, job_id: str) -> AsyncIterator[JobSnapshot]:
		"""The same for asyncio, with a heartbeat, so that a line that waits long is not taken for a
		dead one."""
		feed = self.feeds.get(job_id)
		if feed is None:  # then a lock is waited for, and the disk
			yield await to_thread(self.get, job_id)
			return
		async for job in feed.follow_async(BEAT):
			yield job

	def look_again(self) -> None:
		"""A person marked, deleted or brought back pictures: those of the jobs that are shown are
		read anew. A deleted one of a live job is not drawn again after a restart."""
		with self.lock:
			for job in list(self.live.values()):
				stored = self.store.get(job.id) if job.pictures or job.state != 'queued' else None
				if stored:
					kept = stored.pictures
					for gone in {p.index for p in job.pictures} - {p.index for p in kept}:
						self.store.skip(job.id, gone)
					if kept != job.pictures:
						self.update(job.id, pictures=kept)
			if self.last:
				fresh = self.store.get(self.last.id)
				if fresh:
					self.last = self.last.model_copy(update={'pictures': fresh.pictures})
			self.tell()

	# Changes

	def add(self, *jobs: JobSnapshot) -> None:
		"""Stored jobs at the end of the queue."""
		for job in jobs:
			self.live[job.id] = job
			self.feeds[job.id] = Feed(job)
		self.tell(*(job.id for job in jobs))

	def arrange(self, ids: Sequence[str]) -> None:
		"""Puts waiting jobs into this order, after those that are being worked on."""
		self.store.order(ids)
		working = [i for i in self.live if i not in ids]
		self.live = {i: self.live[i] for i in (*working, *ids)}
		self.tell(*ids)

	def change(
		self, job_id: str, state: JobState, attempts: int | None = None, **changes: Any
	) -> None:
		try:
			self.store.change(job_id, state, attempts=attempts)
		except StorageProblem as error:
			# To a start it is the same as loading: no reason to lose what is being drawn.
			if state != 'running':
				raise
			log.warning('could not record that job %s is running: %s', job_id, error.message)
		if attempts is not None:
			changes['attempts'] = attempts
		if state == 'loading' and self.live[job_id].started_at is None:
			changes['started_at'] = datetime.now(UTC)
		self.update(job_id, state=state, **changes)

	def update(self, job_id: str, **changes: Any) -> None:
		self.live[job_id] = self.live[job_id].model_copy(update=changes)
		self.tell(job_id)

	def end(
		self,
		job_id: str,
		state: JobState,
		error: Problem | LocalAIError | None = None,
		attempts: int | None = None,
	) -> None:
		if isinstance(error, LocalAIError):
			error = Problem.of(error)
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
			log.warning('could not record the end of job %s yet: %s', job_id, problem)
			self.unstored[job_id] = ended
		log.info('job %s %s%s', job_id, state, f': {error.message}' if error else '')
		del self.live[job_id]
		self.previews.pop(job_id, None)
		self.costs.pop(job_id, None)
		self.last = ended
		self.feeds.pop(job_id).publish(ended, last=True)
		self.tell(*self.live)

	def store_again(self) -> bool:
		"""Whether every end that a full disk would not store is stored now."""
		try:
			for job in list(self.unstored.values()):
				self.store.change(job.id, job.state, job.error, job.attempts, job.finished_at)
				del self.unstored[job.id]
		except StorageProblem:
			return False
		return True

	def tell(self, *ids: str) -> None:
		"""Publishes the named jobs with their places and waits, then the whole."""
		# When each engine will be free: after what it works on, or at once.
		free = [self.rest(job) for job in self.live.values() if job.state != 'queued']
		free += [0.0] * (max(1, len(self.engines.alive)) - len(free))
		heapq.heapify(free)
		for position, (job_id, job) in enumerate(list(self.live.items())):
			place, eta = 0, job.eta
			if job.state == 'queued':
				wait = heapq.heappop(free)
				heapq.heappush(free, wait + self.rest(job))
				place, eta = position, wait if position and wait < math.inf else None
			if (job.position, job.eta) != (place, eta):
				job = job.model_copy(update={'position': place, 'eta': eta})
				self.live[job_id] = job
			if job_id in ids:
				self.feeds[job_id].publish(job)
		self.presence.show_jobs(tuple(self.live.values()), self.last)

	def rest(self, job: JobSnapshot) -> float:
		"""Seconds that a job will still take; infinite where nobody knows."""
		own = job.eta if job.state == 'running' else self.cost(job)
		return math.inf if own is None else own

	def cost(self, job: JobSnapshot) -> float | None:
		"""Seconds a waiting job will take, asked once per job."""
		if job.id not in self.costs:
			self.costs[job.id] = self.seconds(job.request)
		return self.costs[job.id]
