"""All models of this machine, kept: loaded from the database at once, made true by a scan."""

import logging
import os
import threading
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from localai.errors import InvalidInput, StorageProblem, UnknownName
from localai.files.weights import layouts, walk
from localai.schemas.models import ModelFolder, ScanReport
from localai.services.models.cards import BUILTIN, Place, place_of
from localai.services.models.library import Library
from localai.services.models.scan import EDITION, learn, same, scan
from localai.store.models import ModelRecord, Models
from localai.store.preferences import Preferences

log = logging.getLogger('localai.models')
FOLDERS = 'model_folders'
FACTS = 'model_facts'
TRIES = 3
FIRST = 10.0  # seconds that the first look at the library waits for the first scan


class Registry:
	"""`home` is LOCALAI_HOME/models, `hub` the Hugging Face cache. `changed` is called after every
	change, outside of the lock."""

	def __init__(
		self,
		home: Path,
		hub: Path,
		store: Models,
		preferences: Preferences,
		changed: Callable[[], None],
	):
		self.home = home
		self.hub = hub
		self.store = store
		self.preferences = preferences
		self.changed = changed
		# Held for every change of the library; `edits` counts those that a running scan would undo.
		self.lock = threading.RLock()
		self.edits = 0
		self.scan_lock = threading.Lock()
		self.thread: threading.Thread | None = None
		self.wanted = False
		self.closed = threading.Event()
		self.scanned = threading.Event()
		self.report = ScanReport(files=0, added=0, changed=0, gone=0, seconds=0)
		self.problems: dict[str, list[str]] = {}
		self.counts: dict[str, int] = {}
		self.shown = self.places()
		self.library = self.load()

	# What is known

	def load(self) -> Library:
		"""From the database alone; opens nothing."""
		try:
			return Library.of(self.store.all().values(), self.places())
		except StorageProblem as error:
			log.warning('the library could not be read: %s', error)
			return Library()

	@property
	def scanning(self) -> bool:
		return self.scan_lock.locked() or self.wanted

	def settled(self) -> Library:
		"""The library; on the very first start it waits for the first scan."""
		if not self.library.items and not self.scanned.is_set() and not self.closed.is_set():
			if self.thread:
				self.scanned.wait(FIRST)
			else:
				self.scan()
		return self.library

	def known(self, found: walk.Found) -> ModelRecord:
		"""The record of one model as it is on the disk now, learnt when it is new or changed."""
		item = self.library.paths.get(found.path)
		record = item.record if item else self.stored(found.path)
		if record and record.facts and same(record, found):
			return record
		new = learn(found, record)
		if new is None:
			raise FileNotFoundError(2, 'it no longer exists', found.path)
		if item:
			self.replace(new)
		else:  # not in the library, or not yet: what is learnt of it is kept all the same
			self.write(lambda: self.store.learn([new]))
		return new

	def stored(self, path: str) -> ModelRecord | None:
		try:
			return self.store.get(path)
		except StorageProblem as error:
			log.warning('%s', error)
			return None

	def replace(self, record: ModelRecord, learnt: bool = True) -> None:
		"""Another record of a model of the library, stored and shown."""
		if learnt:
			self.write(lambda: self.store.learn([record]))
		with self.lock:
			self.library = self.library.replaced(record)
			self.edits += 1
		self.changed()

	def adopt(self, path: Path, record: ModelRecord | None) -> ModelRecord:
		"""A model that came into one of the places, with what was known of it. Raises OSError."""
		found = walk.look(path)
		if not (record and record.facts and same(record, found) and record.path == found.path):
			record = learn(found, record) or record
		if record is None:
			raise FileNotFoundError(2, 'it no longer exists', found.path)
		adopted = record
		self.write(lambda: self.store.put(adopted))
		with self.lock:
			records = [i.record for i in self.library.items.values() if i.record.path != found.path]
			self.library = Library.of([*records, adopted], self.shown)
			self.edits += 1
		self.changed()
		return adopted

	def drop(self, path: str) -> None:
		"""A model that is gone from its place."""
		with self.lock:
			self.library = self.library.without(path)
			self.edits += 1
		self.changed()

	def write(self, verb: Callable[[], None]) -> bool:
		"""What the database refuses stays in memory: the library is a copy of the disk."""
		try:
			verb()
			return True
		except StorageProblem as error:
			log.warning('the library could not be stored: %s', error)
			return False

	# Scanning

	def refresh(self, after: Callable[[], None] = lambda: None) -> None:
		"""Scans in a thread, then calls `after`; during a scan: once more when it is done."""
		with self.lock:
			self.wanted = not self.closed.is_set()
			if self.wanted and self.thread is None:
				self.thread = threading.Thread(
					target=self.work, args=(after,), name='scan', daemon=True
				)
				self.thread.start()

	def work(self, after: Callable[[], None]) -> None:
		while True:
			with self.lock:
				if not self.wanted or self.closed.is_set():
					self.thread = None
					return
				self.wanted = False
			try:
				self.scan()
				after()
			except Exception:
				log.exception('the models could not be scanned')
			finally:
				self.scanned.set()

	def scan(self) -> ScanReport:
		"""1. compare the disk with what is stored, 2. store what is new, 3. show it; again when
		something was deleted or brought back meanwhile."""
		with self.scan_lock:
			dirty = False
			for _ in range(TRIES):
				before, places = self.edits, self.places()
				done = scan(self.stored_all(), places, self.closed.is_set)
				if done is None:
					return self.report
				self.report = done.report
				self.write(partial(self.keep, done.learnt, done.gone))
				dirty |= bool(done.learnt or done.gone)
				with self.lock:
					self.problems, self.counts = done.problems, done.counts
					if self.edits != before:
						continue
					if dirty or places != self.shown or not self.library.items:
						self.library, self.shown = Library.of(done.records, places), places
					break
			log.info('scanned: %s', self.report)
		self.scanned.set()
		self.changed()
		return self.report

	def stored_all(self) -> dict[str, ModelRecord]:
		"""By path; without facts where an older edition wrote them."""
		try:
			stored = self.store.all()
			if (self.preferences.read(FACTS) or {}).get('edition') == EDITION:
				return stored
		except StorageProblem:
			return {p: i.record for p, i in self.library.paths.items()}
		return {p: r.model_copy(update={'facts': None}) for p, r in stored.items()}

	def keep(self, learnt: Iterable[ModelRecord], gone: Iterable[str]) -> None:
		self.store.learn(learnt)
		self.store.remove(gone)
		self.preferences.write(FACTS, {'edition': EDITION})

	# Places

	def places(self) -> tuple[Place, ...]:
		"""In this order: what two of them have in common belongs to the first."""
		return (
			Place('builtin', str(BUILTIN)),
			Place('home', str(self.home)),
			Place('hub', str(self.hub)),
			*(Place('folder', path) for path in self.added()),
		)

	def added(self) -> tuple[str, ...]:
		try:
			paths = (self.preferences.read(FOLDERS) or {}).get('paths')
		except StorageProblem:
			return ()
		return tuple(p for p in paths if isinstance(p, str)) if isinstance(paths, list) else ()

	def folders(self) -> tuple[ModelFolder, ...]:
		"""Those that were added, and of our own those in which something is wrong."""
		added = self.added()
		ours = (p.path for p in self.places() if p.source != 'folder' and self.problems.get(p.path))
		return (
			*(self.folder(path).model_copy(update={'own': True}) for path in ours),
			*(self.folder(path) for path in added),
		)

	def folder(self, path: str) -> ModelFolder:
		found = layouts.describe(path)
		problems = self.problems.get(path) or []
		more = f' And {len(problems) - 1} more.' if len(problems) > 1 else ''
		return found.model_copy(
			update={
				'files': self.counts.get(path, 0) or self.library.below(path),
				'problem': found.problem or (problems[0] + more if problems else ''),
			}
		)

	def add_folder(self, path: str) -> ModelFolder:
		"""Raises InvalidInput for what is no folder or is looked through already."""
		folder = read_folder(path)
		with self.lock:
			for place in self.places():
				if place_of(str(folder), [place]):
					raise InvalidInput(
						f'{folder} is already on the list.', 'Add another folder.', 'path'
					)
			found = layouts.describe(str(folder))
			if found.problem:
				raise InvalidInput(f'{folder} cannot be used. {found.problem}', '', 'path')
			self.preferences.write(FOLDERS, {'paths': [*self.added(), str(folder)]})
		return found

	def remove_folder(self, path: str) -> None:
		"""Only the reference goes. Raises UnknownName."""
		with self.lock:
			added = self.added()
			gone = next((p for p in added if p == path or Path(p) == Path(path)), None)
			if gone is None:
				raise UnknownName(
					f'{str(path)[:200]} is not one of the added folders.',
					'Choose one from the list of folders.',
					'path',
				)
			self.preferences.write(FOLDERS, {'paths': [p for p in added if p != gone]})
			self.problems.pop(gone, None)
			self.library, self.shown = self.library.without(gone), self.places()
			self.edits += 1
		self.changed()

	def close(self) -> None:
		self.closed.set()
		thread = self.thread
		if thread:
			thread.join(10)


def read_folder(path: str) -> Path:
	"""A folder from what a person typed. Raises InvalidInput."""
	text = str(path).strip().strip('"')
	wrong = InvalidInput(
		f'There is no folder at {text[:200]!r}.', 'Give the full path of a folder.', 'path'
	)
	try:
		folder = Path(text).expanduser()
		if not text or '\0' in text or not folder.is_absolute() or not folder.is_dir():
			raise wrong
	except (OSError, RuntimeError, ValueError):
		raise wrong from None
	folder = Path(os.path.abspath(folder))
	if folder == Path(folder.anchor):
		raise InvalidInput(f'{folder} is a whole disk.', 'Add the folder with the models.', 'path')
	return folder
