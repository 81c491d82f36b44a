"""Imports, as verbs: pictures of any program come into the history with the settings they carry; their
bytes stay as they are."""

import logging
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from localai.errors import InvalidInput, LocalAIError
from localai.files.pictures import metadata, writing
from localai.files.pictures.chunks import read_contents
from localai.files.pictures.opening import examine
from localai.files.pictures.readings import of_contents
from localai.schemas.exchange import ImportReport, Reading, Refusal
from localai.services.history import recording
from localai.store.history import EARLIEST, History
from localai.store.unsettled import Unsettled

log = logging.getLogger('localai.history')
SUFFIXES = {'image/png': '.png', 'image/jpeg': '.jpg', 'image/webp': '.webp'}
LARGEST = 256 * 1024**2  # bytes of a file
NAMED = 200  # refusals that are told one by one
STEM = 80  # characters of a name that are kept


class ImportService:
	"""`folder` is where pictures lie, `apart` other folders of our own that are never imported from;
	`changed` is called after every import."""

	def __init__(
		self,
		folder: Path,
		store: History,
		unsettled: Unsettled,
		changed: Callable[[], None],
		apart: Sequence[Path] = (),
	):
		self.folder = folder
		self.store = store
		self.unsettled = unsettled
		self.changed = changed
		self.apart = (folder, *apart)
		# Two that bring the same picture at once would each find that it is not here yet.
		self.lock = threading.Lock()

	def take(self, name: str, data: bytes, modified: datetime | None = None) -> ImportReport:
		"""One file by its bytes. What is wrong with it is in the report. Raises StorageProblem."""
		report = self.take_one(name, data, modified)
		if report.imported:
			self.changed()
		return report

	def take_paths(
		self,
		paths: Sequence[Path],
		tell: Callable[[int, int], None] = lambda done, total: None,
	) -> ImportReport:
		"""Files, and all pictures in folders, in the order of their names. Raises InvalidInput for a
		path that is not there, StorageProblem."""
		files = [file for path in paths for file in self.files_of(path)]
		imported: list[int] = []
		known: list[int] = []
		refused: list[Refusal] = []
		told = time.monotonic()
		try:
			for at, file in enumerate(files):
				report = self.take_path(file)
				imported += report.imported
				known += report.known
				refused += report.refused
				tell(at + 1, len(files))
				if time.monotonic() - told > 1 and imported:
					told = time.monotonic()
					self.changed()
		finally:  # also when the disk is full: what was taken in is there
			if imported:
				self.changed()
		if len(refused) > NAMED:
			more = Refusal(name='', why=f'{len(refused) - NAMED} more were not taken.')
			refused = [*refused[:NAMED], more]
		return ImportReport(imported=tuple(imported), known=tuple(known), refused=tuple(refused))

	def take_path(self, file: Path) -> ImportReport:
		try:
			about = file.stat()
			when = datetime.fromtimestamp(about.st_mtime, UTC)
			if not stat.S_ISREG(about.st_mode):  # a pipe would never end, nor would a device
				raise InvalidInput('It is not a file.')
			if about.st_size > LARGEST:
				raise InvalidInput(f'It has {about.st_size / 1e6:.0f} MB.')
			return self.take_one(file.name, file.read_bytes(), when)
		except (OSError, InvalidInput, OverflowError) as error:
			why = getattr(error, 'strerror', None) or str(error)
			return ImportReport(refused=(Refusal(name=clean(file.name), why=why),))

	def files_of(self, path: Path) -> list[Path]:
		path = Path(os.path.abspath(os.path.expanduser(path)))
		if path.is_relative_to(self.folder):
			raise InvalidInput(
				f'{path} is where LocalAI keeps its own pictures.',
				'Check the pictures instead; that takes in what is new there.',
				'paths',
			)
		# These take any name, also one that is too long for the disk.
		if os.path.isfile(path):
			return [path]
		if not os.path.isdir(path):
			raise InvalidInput(
				f'There is no file or folder {str(path)[:200]}.', 'Check the path.', 'paths'
			)
		found = []
		for folder, names, files in os.walk(path):
			names[:] = sorted(n for n in names if not n.startswith('.'))
			found += [Path(folder, f) for f in sorted(files) if f.lower().endswith(writing.ENDINGS)]
		return [f for f in found if not any(f.is_relative_to(own) for own in self.apart)]

	def take_one(self, name: str, data: bytes, modified: datetime | None) -> ImportReport:
		# 1. Is it a picture, and what does it say?
		shown = clean(name)
		if len(data) > LARGEST:
			return ImportReport(refused=(Refusal(name=shown, why='It is too large.'),))
		try:
			contents = read_contents(data)
			examine(data, contents)
			reading = of_contents(data, contents)
		except LocalAIError as error:
			return ImportReport(refused=(Refusal(name=shown, why=str(error)),))

		with self.lock:
			return self.keep(shown, data, reading, modified)

	def keep(
		self, shown: str, data: bytes, reading: Reading, modified: datetime | None
	) -> ImportReport:
		# 2. The same bytes are taken once.
		digest = writing.digest(data)
		known = self.store.with_digests([digest])
		if digest in known:
			return ImportReport(known=(known[digest],))

		# 3. File first, its time that of the picture, then the row.
		record = metadata.read_record(data)
		when = modified or datetime.now(UTC)
		if record:
			when = datetime.fromisoformat(record.created_at)
		elif reading.created_at:
			when = reading.created_at
		when = min(max(when, EARLIEST), datetime.now(UTC))
		day = when.astimezone().strftime('%Y-%m-%d')
		suffix = SUFFIXES[reading.media_type]
		path = self.folder / day / writing.imported_name(Path(shown).stem[:STEM], digest, suffix)
		with self.unsettled.at(day):
			writing.write_whole(path, data, when)
			if record:
				size = reading.width, reading.height
				row = recording.of_record(record, path, self.folder, digest, size, 'imported')
			else:
				row = recording.of_reading(reading, path, self.folder, digest, when)
			picture, _ = self.store.record(row)
		log.info('picture %s was imported: %s', picture.id, reading.format or 'no settings')
		return ImportReport(imported=(picture.id,))


def clean(name: str) -> str:
	"""The last part of a name, with letters that any disk takes."""
	last = re.split(r'[\\/]', str(name))[-1]
	kept = re.sub(r'[^\w.() -]+', '_', last, flags=re.ASCII).strip(' .')
	return kept or 'picture'
