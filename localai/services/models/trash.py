"""The trash of models, as verbs: put away, bring back, empty."""

import contextlib
import logging
import secrets
import threading
import time
from datetime import timedelta
from pathlib import Path

from localai.errors import UnknownName
from localai.files import trash as files
from localai.files.reserve import Reserve
from localai.schemas.models import Trashed
from localai.store.models import ModelRecord
from localai.store.tables import now
from localai.store.trash import Trash, TrashRecord

log = logging.getLogger('localai.trash')
DAYS = 30  # what lies longer is deleted for good at the next start


class ModelTrash:
	"""`folder` is LOCALAI_HOME/trash. What lies on another disk waits in a hidden folder beside
	where it lay, because a rename is the only move that cannot be half done."""

	def __init__(self, folder: Path, store: Trash, reserve: Reserve):
		self.folder = folder
		self.store = store
		self.reserve = reserve
		self.lock = threading.RLock()

	def put(self, path: Path, name: str, model: ModelRecord | None) -> Trashed:
		"""Row first, so that nothing is ever away without one. Raises StorageProblem."""
		with self.lock, self.reserve.lent():
			moving = files.belongings(path)
			trash_id = f'{time.time_ns() // 1_000_000:011x}{secrets.token_hex(2)}'
			record = TrashRecord(
				id=trash_id,
				name=name,
				path=str(path),
				held=files.place(path, self.folder, trash_id),
				bytes=sum(files.size_of(p) for p in moving),
				files=tuple(p.name for p in moving),
				model=model,
				deleted_at=now(),
			)
			self.store.add(record)
			try:
				files.move_all(moving, self.folder / record.held)
			except BaseException:
				self.store.remove(trash_id)
				raise
			log.info('%s is in the trash', path)
			return told(record)

	def restore(self, trash_id: str) -> TrashRecord:
		"""What it was, with the path where it lies now. Raises UnknownName, StorageProblem."""
		with self.lock:
			record = self.get(trash_id)
			path = files.bring_back(self.folder / record.held, record.files, Path(record.path))
			model = record.model and record.model.model_copy(update={'path': str(path)})
			self.store.remove(trash_id, back=model)
			log.info('%s is back', path)
			return record.model_copy(update={'path': str(path), 'model': model})

	def get(self, trash_id: str) -> TrashRecord:
		record = self.store.get(trash_id)
		if record is None:
			raise UnknownName(
				f'There is nothing called {str(trash_id)[:40]!r} in the trash.',
				'It has already been restored or deleted for good.',
				'trash',
			)
		return record

	def all(self) -> tuple[Trashed, ...]:
		return tuple(told(record) for record in self.store.all())

	def empty(self, days: float = 0) -> int:
		"""Deletes for good what lies longer than `days`; returns the bytes that came free."""
		with self.lock, self.reserve.lent():
			self.store.let_go(now() - timedelta(days=days))
			return self.wipe()

	def wipe(self) -> int:
		"""What was let go of is deleted; what the system will not delete stays in the trash."""
		freed = 0
		for record in self.store.gone():
			freed += files.wipe(self.folder / record.held)
			if files.there(self.folder / record.held):
				self.store.keep(record.id)
			else:
				self.store.remove(record.id)
		if freed:
			log.info('emptying the trash freed %s bytes', freed)
		return freed

	def mend(self) -> None:
		"""After a start: a move that was cut off ends where the model itself is."""
		with self.lock:
			self.wipe()
			for record in self.store.all():
				held, path = self.folder / record.held, Path(record.path)
				if files.there(held / path.name) or not files.there(path):
					continue
				with contextlib.suppress(OSError):
					files.complete(held, record.files, path)
					self.store.remove(record.id, back=record.model)


def told(record: TrashRecord) -> Trashed:
	return Trashed(id=record.id, name=record.name, bytes=record.bytes, deleted_at=record.deleted_at)
