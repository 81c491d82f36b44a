"""Hashes of models: each computed once, in the background or when a picture needs one."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from localai.files.weights.hashes import hashes
from localai.files.weights.walk import look
from localai.services.models.scan import same
from localai.store.models import ModelRecord

log = logging.getLogger('localai.models')


class Hasher:
	"""`learnt` is called with a record that got its hashes. One thread works through the queue; a
	picture that needs a hash does not wait for it."""

	def __init__(self, learnt: Callable[[ModelRecord], None]):
		self.learnt = learnt
		self.lock = threading.Lock()
		self.busy: dict[str, threading.Lock] = {}
		self.closed = threading.Event()
		self.thread: threading.Thread | None = None

	def of(self, record: ModelRecord) -> ModelRecord:
		"""The record with its hashes; without them when the file changed or we are closing. Raises
		OSError."""
		if record.sha256 or not record.facts:
			return record
		with self.lock:
			mine = self.busy.setdefault(record.path, threading.Lock())
		with mine:
			found = hashes(Path(record.facts.denoiser or record.path), self.closed.is_set)
			if found is None or not same(record, look(Path(record.path))):
				return record
			record = record.model_copy(update={'sha256': found[0], 'autov3': found[1]})
			self.learnt(record)
			return record

	def all(self, waiting: Callable[[], list[ModelRecord]]) -> None:
		"""Computes what is missing, smallest first, in a thread; `waiting` is asked again after each
		so that what comes or goes meanwhile counts."""
		with self.lock:
			if self.closed.is_set() or (self.thread and self.thread.is_alive()):
				return
			self.thread = threading.Thread(
				target=self.work, args=(waiting,), name='hashes', daemon=True
			)
			self.thread.start()

	def work(self, waiting: Callable[[], list[ModelRecord]]) -> None:
		tried: set[str] = set()
		while not self.closed.is_set():
			left = [r for r in waiting() if r.path not in tried]
			if not left:
				return
			record = min(left, key=lambda r: r.size)
			tried.add(record.path)
			try:
				self.of(record)
			except Exception as error:
				log.warning('no hash for %s: %s', record.path, error)

	def close(self) -> None:
		self.closed.set()
		if self.thread:
			self.thread.join(10)
