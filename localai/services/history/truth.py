"""Truth, as verbs: the database against the disk, what to do where they differ, and the database anew
from the pictures alone."""

import contextlib
import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from localai.errors import LocalAIError
from localai.files.pictures import writing
from localai.files.pictures.journal import Journal
from localai.files.trash import BESIDE, there
from localai.schemas.history import CheckReport, Marks
from localai.services.history import recording
from localai.store.discards import Discards
from localai.store.history import NewPicture
from localai.store.records import FileRecord, Records

log = logging.getLogger('localai.history')
SHOWN = 100  # names of each kind that are told
BATCH = 500
HANDS = 4  # files that are read side by side
CLOSE = 0.01  # seconds by which two times of change may differ and be the same
Tell = Callable[[int, int], None]


class Found(NamedTuple):
	size: int
	modified: float


class TruthService:
	"""`folder` is where pictures lie, `trash` LOCALAI_HOME/trash; `moving` is held by whoever moves
	pictures between them; `changed` is called after a repair."""

	def __init__(
		self,
		folder: Path,
		trash: Path,
		records: Records,
		discards: Discards,
		journal: Journal,
		moving: AbstractContextManager,
		changed: Callable[[], None],
	):
		self.folder = folder
		self.moving = moving
		self.trash = trash
		self.records = records
		self.discards = discards
		self.journal = journal
		self.changed = changed
		self.lock = threading.Lock()

	def check(
		self,
		repair: bool = False,
		deep: bool = False,
		forget: bool = False,
		tell: Tell = lambda done, total: None,
	) -> CheckReport:
		"""Looks at every row and every file, by size and time of change, or `deep` by every byte.

		`repair` takes in what has no row, finds what was moved, and reads anew what has changed;
		`forget` also drops the rows whose files are gone. Nothing on the disk is changed.
		"""
		with self.lock:
			# 1. What is on the disk, and what does the database say?
			began = time.monotonic()
			files = dict(self.walk())
			rows = {row.path: row for row in self.records.all()}
			# What was drawn since the disk was read has a row by now: only what is not there is missing.
			lost = [row for path, row in rows.items() if path not in files]
			missing = [row for row in lost if not (self.folder / row.path).is_file()]
			orphaned = self.still([path for path in files if path not in rows])
			changed, silent, unreadable = self.altered(rows, files, deep)

			# 2. Mend what can be mended.
			repaired = 0
			if repair:
				repaired += self.records.learn(silent)
				broken = self.read_anew(changed)
				repaired += len(changed) - len(broken)
				changed, unreadable = [], unreadable + broken
				added, moved, broken = self.take_in(orphaned, missing, tell)
				repaired += added + len(moved)
				unreadable = unreadable + broken
				missing = [row for row in missing if row.id not in moved]
				with self.moving:
					repaired += self.take_in_trash()
					# What is neither recorded nor unreadable by now has nobody's word for it.
					recorded = {row.path for row in self.records.all()} | set(broken)
					orphaned = self.still([path for path in orphaned if path not in recorded])
				if forget and missing and files:  # with no file at all, their disk may only be away
					repaired += self.records.remove([row.id for row in missing])
					missing = []
				if repaired:
					log.info('%s pictures were repaired in the history', repaired)
					self.changed()

			# 3. Say what is left.
			gone = [row.path for row in missing]
			return CheckReport(
				pictures=self.records.count(),
				files=len(files),
				missing=len(gone),
				orphaned=len(orphaned),
				changed=len(changed),
				unreadable=len(unreadable),
				missing_names=few(gone),
				orphaned_names=few(orphaned),
				changed_names=few([row.path for row in changed]),
				unreadable_names=few(unreadable),
				repaired=repaired,
				seconds=round(time.monotonic() - began, 2),
			)

	def rebuild(self) -> int:
		"""Where there are pictures and no rows, or where it was cut off: the database was lost.
		Returns how many are back."""
		whole = self.records.whole()
		if whole and (self.records.count() or self.discards.total()[0]):
			return 0
		back = 0
		if next(self.walk(), None) is not None:
			log.warning('the history is incomplete: rebuilding it from the pictures')
			back = self.check(repair=True).repaired
		if not whole:
			self.records.declare_whole()
		return back

	def begin(self) -> None:
		"""Where there is nothing yet there is nothing to be made whole: from now on what is there is
		known to be all."""
		if not self.records.whole() and next(self.walk(), None) is None:
			self.records.declare_whole()

	def still(self, paths: list[str]) -> list[str]:
		"""Those that were not deleted meanwhile."""
		return [path for path in paths if there(self.folder / path)]

	def walk(self) -> Iterator[tuple[str, Found]]:
		"""Every picture file below the folder, by its path there; not what is being written."""
		for folder, names, files in os.walk(self.folder):
			names[:] = sorted(n for n in names if not n.startswith('.'))
			for name in sorted(files):
				if name.startswith('.') or not name.lower().endswith(writing.ENDINGS):
					continue
				path = Path(folder, name)
				with contextlib.suppress(OSError):
					about = path.stat()
					if stat.S_ISREG(about.st_mode):  # a pipe would never end
						where = path.relative_to(self.folder).as_posix()
						yield where, Found(about.st_size, about.st_mtime)

	def altered(
		self, rows: dict[str, FileRecord], files: dict[str, Found], deep: bool
	) -> tuple[list[FileRecord], list[FileRecord], list[str]]:
		"""Rows whose files have other bytes than were saved, rows that do not say what was saved,
		and files that cannot be read."""
		changed, silent, unreadable = [], [], []
		for path, row in rows.items():
			found = files.get(path)
			if found is None:
				continue
			same = found.size == row.bytes and abs(found.modified - row.modified) < CLOSE
			if row.digest and same and not deep:
				continue
			try:
				digest = writing.digest((self.folder / path).read_bytes())
			except OSError:
				unreadable.append(path)
				continue
			if not row.digest or (digest == row.digest and not same):
				silent.append(FileRecord(row.id, path, found.size, found.modified, digest))
			elif digest != row.digest:
				changed.append(row)
		return changed, silent, unreadable

	def read_anew(self, rows: list[FileRecord]) -> list[str]:
		"""Records what the changed files say now; returns those that are no pictures any more."""
		broken = []
		for row in rows:
			try:
				fresh = recording.of_file(self.folder / row.path, self.folder)
			except (OSError, LocalAIError):
				broken.append(row.path)
				continue
			self.records.refresh(row.id, fresh)
		return broken

	def take_in(
		self, paths: list[str], missing: list[FileRecord], tell: Tell
	) -> tuple[int, set[int], list[str]]:
		"""Files without a row: those that were moved find theirs again, the others get one. Returns
		how many were added, whose rows were found, and what is no picture."""
		marks, lost = self.journal.read(), {row.digest: row for row in missing if row.digest}
		moved: set[int] = set()
		broken: list[str] = []
		added = done = 0

		def read(path: str) -> NewPicture | str | None:
			try:
				path.encode()  # a name that is no text cannot be recorded
				return recording.of_file(self.folder / path, self.folder, marks.get(path, Marks()))
			except FileNotFoundError:  # deleted meanwhile
				return None
			except (OSError, UnicodeError, LocalAIError):
				return path

		with ThreadPoolExecutor(HANDS) as hands:
			for start in range(0, len(paths), BATCH):
				batch = list(hands.map(read, paths[start : start + BATCH]))
				broken += [one for one in batch if isinstance(one, str)]
				with self.moving:
					added += self.record(
						[p for p in batch if isinstance(p, NewPicture)], lost, moved
					)
				done += len(batch)
				tell(done, len(paths))
				self.changed()
		return added, moved, broken

	def record(self, found: list[NewPicture], lost: dict[str, FileRecord], moved: set[int]) -> int:
		"""Each gets its row from `lost`, whose id is then in `moved`, or a new one; returns how many
		are new."""
		away = self.on_the_way([one.path for one in found])
		new: list[NewPicture] = []
		for one in found:
			if one.path in away:
				continue
			if one.digest in lost:
				row = lost.pop(one.digest)
				kept = self.records.move(row.id, one.path, one.modified)
				if kept != Marks():
					self.journal.add({one.path: kept})
				moved.add(row.id)
			else:
				new.append(one)
		return self.records.add(sorted(new, key=lambda one: one.created_at))

	def on_the_way(self, paths: list[str]) -> set[str]:
		"""Those that went into the trash since they were read, or were cut off on the way: they have
		no row, and need none. Of a copy that lies where a picture of the trash lay, both are there."""
		return {
			path
			for held, path in self.discards.at(paths)
			if not (there(self.trash / held / Path(path).name) and there(self.folder / path))
		}

	def take_in_trash(self) -> int:
		"""What lies in the trash and the database knows nothing of: it can be brought back again."""
		marks, added = self.journal.read(), 0
		# First the disk, then the database: what was deleted in between is known.
		folders = sorted(self.held())
		known = {self.trash / held for _, held, _ in self.discards.places()}
		for folder in folders:
			if folder in known or not folder.is_dir():
				continue
			files = [f for f in folder.iterdir() if f.suffix.lower() in writing.ENDINGS]
			if len(files) != 1 or len(list(folder.iterdir())) != 1:
				continue  # a model's
			try:
				picture = recording.of_file(files[0], folder)
			except (OSError, LocalAIError):
				continue
			day = picture.created_at.astimezone().strftime('%Y-%m-%d')
			path = f'{day}/{files[0].name}'
			if folder.parent.name == BESIDE:
				lay = folder.parent.parent / files[0].name
				path = lay.relative_to(self.folder).as_posix()
			known_marks = marks.get(path, Marks())
			picture = picture.model_copy(update={'path': path, 'marks': known_marks})
			when = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
			held = folder.name if folder.parent == self.trash else str(folder)
			self.records.add_to_trash(folder.name, held, picture, when)
			added += 1
		return added

	def held(self) -> Iterator[Path]:
		"""Folders that hold something of the trash."""
		places = [self.trash]
		for folder, names, _ in os.walk(self.folder):
			places += [Path(folder, name) for name in names if name == BESIDE]
			names[:] = [n for n in names if not n.startswith('.')]
		for place in places:
			if place.is_dir():
				yield from place.iterdir()


def few(names: list[str]) -> tuple[str, ...]:
	return tuple(name.encode('utf-8', 'replace').decode() for name in names[:SHOWN])
