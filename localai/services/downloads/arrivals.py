"""The downloads as everybody sees them: their order, how far each is, how fast; each change of state
is stored first, then told."""

import logging
import math
import threading
import time
from asyncio import to_thread
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from localai.errors import LocalAIError, UnknownName
from localai.schemas.downloads import (
	DownloadFile,
	DownloadPlan,
	DownloadSnapshot,
	DownloadState,
)
from localai.schemas.jobs import Problem
from localai.services.feed import Feed
from localai.store.downloads import Downloads

log = logging.getLogger('localai.downloads')
BEAT = 0.25  # seconds between two tellings of how far it is
SMOOTH = 3.0  # seconds over which the speed is smoothed
QUIET = 5.0  # seconds after which a follower hears again what it knows
KEPT = 50  # ended downloads that are shown

Publish = Callable[[tuple[DownloadSnapshot, ...]], None]


@dataclass
class Run:
	"""A download while a thread works at it. `stop` asks the thread to leave; `tick` hears of bytes
	that came over the network, from any thread."""

	source: str
	plan: DownloadPlan | None = None
	stop: threading.Event = field(default_factory=threading.Event)
	lock: threading.Lock = field(default_factory=threading.Lock)
	thread: threading.Thread | None = None
	# Bytes on the disk, by path.
	done: dict[str, int] = field(default_factory=dict)
	fetched: int = 0
	reused: int = 0
	measured: int = 0
	speed: float = 0.0
	# What the parts on the disk are for when the thread has left: kept, unless it was cancelled.
	discard: bool = False

	def tick(self, path: str, count: int, fetched: bool) -> None:
		"""`count` is negative where a part had to be thrown away; `fetched` is False for bytes that
		lay elsewhere on the disk."""
		with self.lock:
			self.done[path] = self.done.get(path, 0) + count
			if fetched:
				self.fetched += max(0, count)
			else:
				self.reused = max(0, self.reused + count)

	def reading(self, seconds: float) -> dict:
		"""What changed of the snapshot, `seconds` after the last reading."""
		with self.lock:
			done, fetched = dict(self.done), self.fetched
		now = (fetched - self.measured) / seconds
		weight = 1.0 if self.speed == 0 else 1 - math.exp(-seconds / SMOOTH)
		self.measured, self.speed = fetched, self.speed + weight * (now - self.speed)
		if self.plan is None:
			return {}
		left = self.plan.bytes - sum(done.values())
		return {
			**progress(self.plan, done, self.reused),
			'speed': round(self.speed, 1),
			'eta': left / self.speed if self.speed > 1 else None,
		}


def progress(plan: DownloadPlan, done: dict[str, int], reused: int = 0) -> dict:
	"""The fields of a snapshot that tell of `done` bytes of each file, `reused` of them found
	elsewhere on the disk."""
	return {
		'name': plan.name,
		'bytes': plan.bytes,
		'done': sum(done.values()),
		'reused': reused + sum(f.bytes for f in plan.files if f.have),
		'files': tuple(
			DownloadFile(path=f.path, bytes=f.bytes, done=done.get(f.path, 0), have=f.have)
			for f in plan.files
		),
	}


class Arrivals:
	"""What changes it holds `lock`; who follows needs none."""

	def __init__(self, store: Downloads, publish: Publish):
		self.store = store
		self.publish = publish
		self.lock = threading.RLock()
		# In the order of the queue, running ones among them.
		self.live: dict[str, DownloadSnapshot] = {}
		self.ended: dict[str, DownloadSnapshot] = {}
		self.feeds: dict[str, Feed[DownloadSnapshot]] = {}
		self.running: dict[str, Run] = {}
		self.ticker: threading.Thread | None = None
		self.closing = threading.Event()

	# Who looks

	def get(self, download_id: str) -> DownloadSnapshot:
		"""Raises UnknownName."""
		with self.lock:
			found = self.live.get(download_id) or self.ended.get(download_id)
		found = found or self.store.get(str(download_id)[:64])
		if found is None:
			raise UnknownName(
				f'There is no download {str(download_id)[:40]!r}.',
				'Look at the list of downloads.',
				'download',
			)
		return found

	def list(self) -> tuple[DownloadSnapshot, ...]:
		"""The pending ones in their order, then those that ended last."""
		with self.lock:
			return (*self.live.values(), *self.ended.values())

	def follow(self, download_id: str, beat: float | None = None) -> Iterator[DownloadSnapshot]:
		"""The download now, each change, and its end; repeated after `beat` quiet seconds."""
		feed = self.feeds.get(download_id)
		if feed is None:
			yield self.get(download_id)
			return
		yield from feed.follow(beat)

	async def follow_async(self, download_id: str) -> AsyncIterator[DownloadSnapshot]:
		"""The same for asyncio, repeated while it is quiet, so that a line that waits long is not
		taken for a dead one."""
		feed = self.feeds.get(download_id)
		if feed is None:
			yield await to_thread(self.get, download_id)
			return
		async for download in feed.follow_async(QUIET):
			yield download

	# Changes

	def add(self, *downloads: DownloadSnapshot) -> None:
		"""Stored downloads at the end of the queue."""
		for download in downloads:
			self.ended.pop(download.id, None)
			self.live[download.id] = download
			self.feeds[download.id] = Feed(download)
		self.tell()

	def arrange(self, ids: Sequence[str]) -> None:
		self.store.order(ids)
		self.live = {i: self.live[i] for i in ids}
		self.tell()

	def change(self, download_id: str, state: DownloadState, **changes: object) -> None:
		self.store.change(download_id, state)
		if state != 'running':
			changes |= {'speed': 0.0, 'eta': None}
		self.update(download_id, state=state, **changes)

	def update(self, download_id: str, **changes: object) -> None:
		self.live[download_id] = self.live[download_id].model_copy(update=changes)
		self.tell(download_id)

	def end(
		self,
		download_id: str,
		state: DownloadState,
		error: LocalAIError | None = None,
		model: str = '',
		**changes: object,
	) -> None:
		"""The last word on a download, for now. A database that refuses it is only logged: at the
		next start the download goes on, and finds its bytes."""
		problem = Problem.of(error) if error else None
		try:
			self.store.change(download_id, state, problem, model)
		except LocalAIError as refusal:
			log.warning('could not record the end of download %s: %s', download_id, refusal)
		changes |= {
			'state': state,
			'error': problem,
			'model': model,
			'speed': 0.0,
			'eta': None,
			'position': 0,
			'finished_at': datetime.now(UTC),
		}
		ended = self.live.pop(download_id).model_copy(update=changes)
		log.info('download %s %s%s', ended.name, state, f': {error.message}' if error else '')
		self.ended = dict([(download_id, ended), *list(self.ended.items())[: KEPT - 1]])
		self.feeds.pop(download_id).publish(ended, last=True)
		self.tell()

	def tell(self, *ids: str) -> None:
		"""Publishes the named downloads, and those whose place has changed, then the whole."""
		for position, (download_id, download) in enumerate(list(self.live.items())):
			if download.position != position:
				download = download.model_copy(update={'position': position})
				self.live[download_id] = download
			elif download_id not in ids:
				continue
			self.feeds[download_id].publish(download)
		self.publish((*self.live.values(), *self.ended.values()))

	# How far they are

	def watch_running(self) -> None:
		"""A thread that tells how far the running ones are, while there are any."""
		if self.ticker is None:
			self.ticker = threading.Thread(target=self.beat, name='downloads', daemon=True)
			self.ticker.start()

	def beat(self) -> None:
		last = time.monotonic()
		while not self.closing.wait(BEAT):
			with self.lock:
				if not self.running:
					self.ticker = None
					return
				seconds, last = time.monotonic() - last, time.monotonic()
				changed = [i for i in self.running if self.measure(i, seconds)]
				if changed:
					self.tell(*changed)

	def measure(self, download_id: str, seconds: float) -> bool:
		"""Whether a running download is further than it was told."""
		before = self.live.get(download_id)
		if before is None or before.state not in ('running', 'checking'):
			return False
		changes = self.running[download_id].reading(seconds)
		if changes.get('done', 0) > before.done and before.error:  # the network is back
			changes['error'] = None
		self.live[download_id] = before.model_copy(update=changes)
		return self.live[download_id] != before

	def close(self) -> None:
		"""Ends every following."""
		self.closing.set()
		with self.lock:
			feeds = list(self.feeds.values())
		for feed in feeds:
			feed.close()
