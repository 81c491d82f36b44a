"""The downloads with workers: which may run, what each does in its thread, and what becomes of it when
the network, the disk or the bytes fail."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from localai.errors import DiskFull, HubUnreachable, LocalAIError, StorageProblem
from localai.hub.links import Links
from localai.hub.transfer import Stopped, Transfers
from localai.schemas.downloads import DownloadLimits, DownloadPlan, DownloadSnapshot
from localai.schemas.jobs import Problem
from localai.services.downloads.arrivals import Arrivals, Publish, Run, progress
from localai.services.downloads.catalogue import Catalogue, free_below
from localai.store.downloads import Downloads

log = logging.getLogger('localai.downloads')
SPARE = 100_000_000  # bytes that stay free on the disk
FAREWELL = 5.0  # seconds that a closing app waits for its threads


class Models(Protocol):
	"""What downloads need of the models' service: looking for what is new, which blocks."""

	def scan(self) -> object: ...


class Fetching(Arrivals):
	"""`load` brings a model into memory, by its id. `patience` is how long a download waits after
	the network has failed it, in seconds: at first, and at most."""

	def __init__(
		self,
		store: Downloads,
		catalogue: Catalogue,
		models: Models,
		load: Callable[[str], object],
		publish: Publish,
		patience: tuple[float, float],
	):
		super().__init__(store, publish)
		self.catalogue = catalogue
		self.models = models
		self.load = load
		self.patience = patience
		self.at_once = DownloadLimits().at_once
		# When a waiting download is tried again, and how often it was in vain.
		self.later: dict[str, float] = {}
		self.failures: dict[str, int] = {}
		self.timer: threading.Timer | None = None

	def close(self) -> None:
		"""The running ones stop where they are, and go on at the next start."""
		with self.lock:
			self.closing.set()
			if self.timer:
				self.timer.cancel()
			runs = list(self.running.values())
			for run in runs:
				run.stop.set()
		end = time.monotonic() + FAREWELL
		for run in runs:
			if run.thread:
				run.thread.join(max(0.0, end - time.monotonic()))
		super().close()

	def dispatch(self) -> None:
		"""Gives every free place to the first that may run."""
		with self.lock:
			while len(self.running) < self.at_once and not self.closing.is_set():
				download = next((d for d in self.live.values() if self.may_run(d)), None)
				if download is None:
					break
				try:
					self.change(download.id, 'running', error=download.error)
				except StorageProblem as error:
					self.wait(download.id, error)
					continue
				run = self.running[download.id] = Run(download.request.source)
				run.thread = threading.Thread(
					target=self.work, args=(download.id, run), name=f'download-{download.id}'
				)
				run.thread.daemon = True
				run.thread.start()
				self.watch_running()
			self.set_alarm()

	def may_run(self, download: DownloadSnapshot) -> bool:
		"""Queued, not waiting for the network, and nothing else works at the same source."""
		return (
			download.state == 'queued'
			and self.later.get(download.id, 0) <= time.monotonic()
			and not self.busy(download.request.source)
		)

	def busy(self, source: str) -> bool:
		return any(run.source == source for run in self.running.values())

	def set_alarm(self) -> None:
		"""Wakes the queue when the first of the waiting ones may try again."""
		now = time.monotonic()
		times = [t for i, t in self.later.items() if t > now and i in self.live]
		if self.timer:
			self.timer.cancel()
			self.timer = None
		if times and not self.closing.is_set():
			self.timer = threading.Timer(min(times) - now + 0.01, self.dispatch)
			self.timer.daemon = True
			self.timer.start()

	def work(self, download_id: str, run: Run) -> None:
		"""A download from its start to whatever ends it, in its own thread."""
		try:
			request = self.get(download_id).request
			# 1. What there is to fetch, unless an earlier run settled it.
			plan = self.store.plan(download_id)
			if plan is None:
				plan = self.catalogue.plan(request)
				self.store.settle(download_id, plan)
			# 2. What is here already, and whether there is room for the rest.
			run.done, run.plan = self.have(plan), plan
			self.check_disk(plan, run.done, download_id)
			# 3. The bytes.
			path = self.place(plan).fetch(plan, run.tick, run.stop, lambda: self.check(download_id))
			# 4. The library learns of it.
			self.finish(download_id, run, plan, path)
		except Stopped:
			log.info('download %s stopped', download_id)
		except HubUnreachable as error:
			self.hold(download_id, run, error)
		except LocalAIError as error:
			self.fail(download_id, error)
		except Exception as error:
			log.exception('download %s could not go on', download_id)
			self.fail(
				download_id,
				LocalAIError(f'Something unexpected happened: {error}.', 'See logs/localai.log.'),
			)
		finally:
			self.leave(download_id, run)

	def check(self, download_id: str) -> None:
		with self.lock:
			if download_id in self.live and self.live[download_id].state == 'running':
				self.change(download_id, 'checking', error=None)

	def finish(self, download_id: str, run: Run, plan: DownloadPlan, path: Path) -> None:
		model = plan.repo or path.relative_to(self.catalogue.links.models).as_posix()
		try:
			self.models.scan()
		except Exception:  # the download itself is well
			log.exception('the library could not be scanned after download %s', download_id)
		with self.lock:
			download = self.live.get(download_id)
			if download is None:  # cancelled at the last moment
				return
			whole = {f.path: f.bytes for f in plan.files}
			self.end(download_id, 'finished', model=model, **progress(plan, whole, run.reused))
		if download.request.then_load:
			try:
				self.load(model)
			except LocalAIError as error:
				log.warning('%s was downloaded but not loaded: %s', model, error)

	def hold(self, download_id: str, run: Run, error: LocalAIError) -> None:
		"""Without a network a download waits, longer each time, and goes on by itself."""
		with self.lock:
			if self.closing.is_set() or not self.works(download_id):
				return
			if run.fetched:
				self.failures.pop(download_id, None)
			self.change(download_id, 'queued')
			self.wait(download_id, error)

	def wait(self, download_id: str, error: LocalAIError) -> None:
		tries = self.failures[download_id] = self.failures.get(download_id, 0) + 1
		pause = min(self.patience[1], self.patience[0] * 2 ** min(tries - 1, 20))
		self.later[download_id] = time.monotonic() + pause
		what = 'network' if isinstance(error, HubUnreachable) else 'disk'
		log.warning('download %s waits %.0f s: %s', download_id, pause, error.message)
		problem = Problem.of(error)
		message = f'Waiting for the {what}. {error.message}'
		self.update(download_id, error=problem.model_copy(update={'message': message}))

	def fail(self, download_id: str, error: LocalAIError) -> None:
		with self.lock:
			if not self.closing.is_set() and self.works(download_id):
				self.end(download_id, 'failed', error)

	def works(self, download_id: str) -> bool:
		"""Whether it is still wanted: neither paused nor cancelled meanwhile."""
		return download_id in self.live and self.live[download_id].state in ('running', 'checking')

	def leave(self, download_id: str, run: Run) -> None:
		"""The thread has left; the place is free."""
		if run.discard and run.plan:
			self.give_up(download_id, run.plan)
		with self.lock:
			del self.running[download_id]
			if download_id not in self.live:
				self.later.pop(download_id, None)
				self.failures.pop(download_id, None)
			self.dispatch()

	def leave_alone(self, download_id: str) -> Run | None:
		"""Asks the thread of a download to leave it."""
		run = self.running.get(download_id)
		if run:
			run.stop.set()
		return run

	# The disk

	def place(self, plan: DownloadPlan) -> Links | Transfers:
		return self.catalogue.links if plan.url else self.catalogue.transfers

	def have(self, plan: DownloadPlan) -> dict[str, int]:
		return self.place(plan).have(plan)

	def discard(self, plan: DownloadPlan) -> None:
		with contextlib.suppress(OSError):
			log.info('%s: %s bytes removed', plan.name, self.place(plan).discard(plan))

	def give_up(self, download_id: str, plan: DownloadPlan) -> None:
		"""What is left of a cancelled one is removed. Where it is not, by a kill or because the disk
		refuses, the next start does it."""
		with contextlib.suppress(OSError, StorageProblem):
			log.info('%s: %s bytes removed', plan.name, self.place(plan).discard(plan))
			self.store.let_go(download_id, plan)

	def check_disk(self, plan: DownloadPlan, done: Mapping[str, int], but: str = '') -> None:
		"""Room for the rest of this plan, and of those that run `but` one. Raises DiskFull."""
		with self.lock:
			others = [self.live[i] for i in self.running if i in self.live and i != but]
		folder = self.catalogue.links.models if plan.url else self.catalogue.transfers.cache
		free = free_below(folder) - SPARE - sum(max(0, d.bytes - d.done) for d in others)
		needed = plan.bytes - sum(done.values())
		if needed > max(0, free):
			raise DiskFull(
				f'{plan.name} needs another {needed / 1e9:.1f} GB, '
				f'but the disk has only {max(0, free) / 1e9:.1f} GB free.',
				'Free some space, or choose a smaller variant.',
			)
