"""The trash of pictures, as verbs: put away, bring back exactly, empty."""

import contextlib
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from localai.errors import InvalidInput, LocalAIError, StorageProblem, UnknownName
from localai.files import trash as files
from localai.files.pictures.writing import flush_folder
from localai.files.reserve import Reserve
from localai.schemas.history import MANY, Discarded, Discarding, Restoring
from localai.services.fields import ids_of
from localai.services.history.thumbnails import Thumbnails
from localai.store.discards import DiscardRecord, Discards
from localai.store.tables import now
from localai.text import sound

log = logging.getLogger('localai.trash')
TOGETHER = 200  # pictures that come back in one transaction
SAID = 5  # problems that are told one by one


class PictureTrash:
	"""`pictures` is where they lie, `folder` LOCALAI_HOME/trash; `changed` is called after every
	change."""

	def __init__(
		self,
		pictures: Path,
		folder: Path,
		store: Discards,
		thumbnails: Thumbnails,
		reserve: Reserve,
		changed: Callable[[], None],
	):
		self.pictures = pictures
		self.folder = folder
		self.store = store
		self.thumbnails = thumbnails
		self.reserve = reserve
		self.changed = changed
		self.lock = threading.RLock()

	def delete(self, ids: object) -> Discarding:
		"""Rows first, so that nothing is ever away without one. Pictures that are gone already are
		only counted. Raises InvalidInput, StorageProblem."""
		wanted = ids_of(ids, MANY)
		with self.lock, self.reserve.lent():
			stamp = f'{time.time_ns() // 1_000_000:011x}{secrets.token_hex(2)}'
			named = [(i, f'{stamp}{at:05x}') for at, i in enumerate(wanted)]
			records = self.store.take_out(named, place=self.place)
			trashed, problems = [], []
			for record in records:
				try:
					self.put_away(record)
					trashed.append(record)
				except StorageProblem as error:
					self.store.put_back([(record, record.path)])
					problems.append(str(error))
		if trashed:
			log.info('%s pictures are in the trash', len(trashed))
			self.changed()
		return Discarding(
			trashed=tuple(r.id for r in trashed),
			bytes=sum(r.bytes for r in trashed),
			gone=len(wanted) - len(records),
			problems=few(problems),
		)

	def place(self, path: str, trash_id: str) -> str:
		"""Where it will be held: pictures may lie on another disk than the trash."""
		try:
			return files.place(self.pictures / path, self.folder, trash_id)
		except StorageProblem:  # its folder is gone, or the move will say what is wrong
			return trash_id

	def put_away(self, record: DiscardRecord) -> None:
		path = self.pictures / record.path
		if files.there(path):  # one that was deleted outside leaves only its row
			files.move_all([path], self.folder / record.held)

	def restore(self, trash_ids: object) -> Restoring:
		"""File, row, tags and albums as they were. Those that are back already are only counted.
		Raises InvalidInput."""
		if isinstance(trash_ids, str):
			trash_ids = [trash_ids]
		if not isinstance(trash_ids, list | tuple) or len(trash_ids) > MANY:
			raise InvalidInput(
				'No pictures to restore were named.',
				'Send a list of their names in the trash.',
				'trashed',
			)
		wanted = list(dict.fromkeys(sound(str(one)) for one in trash_ids))
		back: list[int] = []
		problems: list[str] = []
		with self.lock, self.reserve.lent():
			records = self.store.many(wanted)
			for start in range(0, len(records), TOGETHER):
				placed = []
				for record in records[start : start + TOGETHER]:
					try:
						placed.append((record, self.bring_back(record)))
					except LocalAIError as error:
						problems.append(str(error))
				if placed:
					back += self.store.put_back(placed)
				problems += [
					f'{Path(path).name} stays in the trash: it is already back in the history.'
					for record, path in placed
					if record.row['id'] not in back
				]
		if back:
			log.info('%s pictures are back', len(back))
			self.changed()
		gone = len(wanted) - len(records)
		return Restoring(pictures=tuple(back), gone=gone, problems=few(problems))

	def bring_back(self, record: DiscardRecord) -> str:
		"""Where its file lies now, below the pictures folder."""
		path, held = self.pictures / record.path, self.folder / record.held
		if not files.there(held / path.name):  # it was deleted outside before it came here
			return record.path

		def settled(target: Path) -> None:
			to = self.below(target)
			if to != (record.to or record.path):
				self.store.head_for(record.id, to)

		back = files.bring_back(held, (path.name,), path, settled)
		with contextlib.suppress(OSError):
			flush_folder(back.parent)
		return self.below(back)

	def below(self, path: Path) -> str:
		return path.relative_to(self.pictures).as_posix()

	def numbers_of(self, job_id: str) -> list[int]:
		"""Which pictures of a job a person deleted."""
		return self.store.numbers_of(job_id)

	def listed(self, limit: int = 60, offset: int = 0) -> tuple[Discarded, ...]:
		"""The last deleted first."""
		return self.store.list(min(max(1, limit), 500), min(max(0, offset), 2**53))

	def total(self) -> tuple[int, int]:
		"""How many there are, and their bytes."""
		return self.store.total()

	def thumbnail(self, trash_id: str) -> Path:
		"""The small WebP of a picture in the trash. Raises UnknownName."""
		record = self.store.get(trash_id)
		if record is None:
			raise UnknownName(
				'That picture is not in the trash.',
				'It was restored, or deleted for good.',
				'trash',
			)
		path = self.folder / record.held / Path(record.path).name
		return self.thumbnails.get(record.row['ordinal'], record.row['digest'], path)

	def empty(self, days: float = 0) -> int:
		"""Deletes for good what lies longer than `days`; returns the bytes that came free."""
		with self.lock, self.reserve.lent():
			self.store.let_go(now() - timedelta(days=days))
			return self.wipe()

	def wipe(self) -> int:
		"""What was let go of is deleted; what the system will not delete stays in the trash."""
		freed = 0
		gone: list[str] = []
		kept: list[str] = []
		for trash_id, held, ordinal, digest in self.store.gone():
			self.thumbnails.forget(ordinal, digest)
			freed += files.wipe(self.folder / held)
			(kept if files.there(self.folder / held) else gone).append(trash_id)
		self.store.keep(kept)
		self.store.forget(gone)
		if gone:
			log.info('%s pictures were deleted for good, %s bytes', len(gone), freed)
			self.changed()
		return freed

	def mend(self) -> None:
		"""After a start: what was cut off between row and file is brought to its end. A picture that
		came again to the same place is another one, and stays."""
		with self.lock:
			self.wipe()
			for held, path, to in self.store.unreplaced():
				file, target = self.pictures / to, self.folder / held / Path(path).name
				if not files.there(target) and files.there(file):
					with contextlib.suppress(OSError):
						target.parent.mkdir(parents=True, exist_ok=True)
						os.rename(file, target)


def few(problems: Sequence[str]) -> tuple[str, ...]:
	if len(problems) <= SAID:
		return tuple(problems)
	return (*problems[:SAID], f'And {len(problems) - SAID} more.')
