"""Hashes of models: each computed once, when a picture needs it, or in the background while nothing is
drawn."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from localai.files.weights.hashes import CHUNK, hashes
from localai.files.weights.walk import look
from localai.schemas.models import Reading
from localai.services.models.scan import same
from localai.store.models import ModelRecord

log = logging.getLogger('localai.models')
PAUSE = 0.5  # seconds until it is looked again whether anything is drawn


class Hasher:
	"""`learnt` is called with a record that got its hashes, `drawing` says whether the machine has
	better things to do. One thread works through the queue; what a picture needs waits for none of
	it."""

	def __init__(
		self,
		learnt: Callable[[ModelRecord], None],
		drawing: Callable[[], bool] = lambda: False,
	):
		self.learnt, self.drawing = learnt, drawing
		self.lock = threading.Lock()
		self.busy: dict[str, threading.Lock] = {}
		self.wanted: Counter[str] = Counter()
		self.done: dict[str, ModelRecord] = {}
		self.closed, self.stopped = threading.Event(), threading.Event()
		self.thread: threading.Thread | None = None
		self.reading = Reading()

	def of(self, record: ModelRecord) -> ModelRecord:
		"""The record with its hashes, read now; without them when the file changed or we are closing.
		Raises OSError."""
		with self.lock:
			self.wanted[record.path] += 1
		try:
			return self.read(record, self.closed.is_set)
		finally:
			with self.lock:
				self.wanted[record.path] -= 1

	def read(self, record: ModelRecord, given_up: Callable[[], bool]) -> ModelRecord:
		if record.sha256 or not record.facts:
			return record
		with self.lock:
			mine = self.busy.setdefault(record.path, threading.Lock())
		with mine:
			known = self.done.get(record.path)
			if known and (known.size, known.modified) == (record.size, record.modified):
				return record.model_copy(update={'sha256': known.sha256, 'autov3': known.autov3})
			found = hashes(file_of(record), given_up)
			if found is None:
				return record
			if not same(record, look(Path(record.path))):
				log.info('%s changed while it was read', record.path)
				return record
			record = record.model_copy(update={'sha256': found[0], 'autov3': found[1]})
			self.done[record.path] = record
			self.learnt(record)
			return record

	def all(self, waiting: Callable[[], Sequence[ModelRecord]]) -> None:
		"""Computes what is missing, smallest first, in a thread; `waiting` is asked again before each
		and during each, so that what comes, goes or is not wanted any more counts."""
		with self.lock:
			if self.closed.is_set() or (self.thread and self.thread.is_alive()):
				return
			self.stopped.clear()
			self.thread = threading.Thread(
				target=self.work, args=(waiting,), name='hashes', daemon=True
			)
			self.thread.start()

	def work(self, waiting: Callable[[], Sequence[ModelRecord]]) -> None:
		tried: set[str] = set()
		done = 0
		while self.rest(''):
			sizes = {r.path: size_of(r) for r in waiting() if r.path not in tried}
			record = min(
				(r for r in waiting() if r.path in sizes), key=lambda r: sizes[r.path], default=None
			)
			if record is None:
				break
			path, total = record.path, done + sum(sizes.values())
			self.reading = Reading(files=len(sizes), done=done, bytes=total)
			tried.add(path)

			def given_up(path: str = path) -> bool:
				self.reading = self.reading.model_copy(update={'done': self.reading.done + CHUNK})
				return not self.rest(path) or all(r.path != path for r in waiting())

			try:
				self.read(record, given_up)
			except Exception as error:
				log.warning('no hash for %s: %s', path, error)
			done += sizes[path]
		self.reading = Reading()

	def rest(self, path: str) -> bool:
		"""Waits while pictures are drawn, but for a file that a picture needs; False when it is time to
		end."""
		while not self.over() and self.drawing() and not self.wanted[path]:
			self.closed.wait(PAUSE)
		return not self.over()

	def over(self) -> bool:
		return self.closed.is_set() or self.stopped.is_set()

	def stop(self) -> None:
		"""Ends what is read in the background, until there is something new."""
		self.stopped.set()

	def close(self) -> None:
		self.closed.set()
		if self.thread:
			self.thread.join(10)


def file_of(record: ModelRecord) -> Path:
	return Path(record.known.denoiser or record.path)


def size_of(record: ModelRecord) -> int:
	try:
		return file_of(record).stat().st_size
	except OSError:
		return 0
