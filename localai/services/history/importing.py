"""Imports, as verbs: pictures of any program come into the history with the settings they carry; their
bytes stay as they are."""

import logging
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from localai.errors import InvalidInput, LocalAIError
from localai.files.foreign import read_foreign
from localai.files.pictures import metadata, writing
from localai.files.pictures.chunks import OURS, read_contents
from localai.files.pictures.opening import BYTES, examine
from localai.files.pictures.readings import of_contents
from localai.schemas.exchange import FORMATS, Arrival, ImportReport, Reading, Refusal
from localai.services.history import recording
from localai.store.history import EARLIEST, History
from localai.store.unsettled import Unsettled

log = logging.getLogger('localai.history')
SUFFIXES = {'image/png': '.png', 'image/jpeg': '.jpg', 'image/webp': '.webp'}
NAMED = 200  # files that are told one by one, of each kind
HANDS = 2  # files that are read while another is written
STEM = 80  # characters of a name that are kept


class Brought(NamedTuple):
	"""A picture that may come in. `record` is our own, of one that LocalAI drew."""

	name: str
	data: bytes
	digest: str
	reading: Reading
	record: metadata.Record | None
	modified: datetime | None


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
		report = self.keep(self.look(name, data, modified))
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
		found = [self.files_of(path) for path in paths]
		files, others = [f for some, _ in found for f in some], sum(number for _, number in found)
		imported: list[int] = []
		known: list[int] = []
		arrivals: list[Arrival] = []
		refused: list[Refusal] = []
		told = time.monotonic()
		try:
			for at, one in enumerate(self.look_ahead(files)):
				report = self.keep(one)
				imported += report.imported
				known += report.known
				arrivals += report.arrivals if len(arrivals) < NAMED else ()
				refused += report.refused
				tell(at + 1, len(files))
				if time.monotonic() - told > 1 and imported:
					told = time.monotonic()
					self.changed()
		finally:  # also when the disk is full: what was taken in is there
			if imported:
				self.changed()
		if len(refused) > NAMED:
			left = len(refused) - NAMED
			more = Refusal(
				name='', why=f'{left} more {"was" if left == 1 else "were"} not imported.'
			)
			refused = [*refused[:NAMED], more]
		return ImportReport(
			imported=tuple(imported),
			known=tuple(known),
			arrivals=tuple(arrivals),
			refused=tuple(refused),
			others=others,
		)

	def look_ahead(self, files: Sequence[Path]) -> Iterator[Brought | Refusal]:
		"""Each in its turn, while the next ones are being read."""
		with ThreadPoolExecutor(HANDS) as hands:
			waiting: deque[Future[Brought | Refusal]] = deque()
			for file in files:
				waiting.append(hands.submit(self.look_at, file))
				if len(waiting) > HANDS:
					yield waiting.popleft().result()
			while waiting:
				yield waiting.popleft().result()

	def look_at(self, file: Path) -> Brought | Refusal:
		try:
			when = datetime.fromtimestamp(file.stat().st_mtime, UTC)
			return self.look(file.name, read_foreign(file, BYTES), when)
		except (OSError, OverflowError) as error:
			why = getattr(error, 'strerror', None) or str(error)
			why = f'{why[:1].upper()}{why[1:]}'.rstrip('.') + '.'
			return Refusal(name=clean(file.name), why=why)

	def files_of(self, path: Path) -> tuple[list[Path], int]:
		"""The pictures at a path, and how many other files there are. Raises InvalidInput."""
		path = Path(os.path.abspath(os.path.expanduser(path)))
		if path.is_relative_to(self.folder):
			raise InvalidInput(
				f'{path} is where LocalAI keeps its own pictures.',
				'Check the history instead; that adds what is new there.',
				'paths',
			)
		# These take any name, also one that is too long for the disk.
		if os.path.isfile(path):
			return [path], 0
		if not os.path.isdir(path):
			raise InvalidInput(
				f'There is no file or folder {str(path)[:200]}.', 'Check the path.', 'paths'
			)
		found, others = [], 0
		for folder, names, files in os.walk(path):
			names[:] = sorted(n for n in names if not n.startswith('.'))
			if any(Path(folder).is_relative_to(own) for own in self.apart):
				names.clear()
				continue
			pictures = [
				Path(folder, f) for f in sorted(files) if f.lower().endswith(writing.ENDINGS)
			]
			found += pictures
			others += sum(not f.startswith('.') for f in files) - len(pictures)
		return found, others

	def look(self, name: str, data: bytes, modified: datetime | None) -> Brought | Refusal:
		"""Is it a picture, and what does it say?"""
		shown = clean(name)
		try:
			if len(data) > BYTES:
				raise InvalidInput(f'It is larger than {BYTES // 1_000_000} MB.')
			contents = read_contents(data)
			examine(data, contents)
			reading = of_contents(data, contents)
		except LocalAIError as error:
			return Refusal(name=shown, why=str(error))
		record = metadata.parse_record(contents.texts.get(OURS, ''))
		return Brought(shown, data, writing.digest(data), reading, record, modified)

	def keep(self, one: Brought | Refusal) -> ImportReport:
		"""Copies it into the pictures folder and records it. Raises StorageProblem."""
		if isinstance(one, Refusal):
			return ImportReport(refused=(one,))
		with self.lock:
			# 1. The same bytes are taken once.
			known = self.store.with_digests([one.digest])
			if one.digest in known:
				here = Arrival(name=one.name, id=known[one.digest], words='It was already here.')
				return ImportReport(known=(here.id,), arrivals=(here,))

			# 2. File first, its time that of the picture, then the row.
			record, reading, digest = one.record, one.reading, one.digest
			when = one.modified or datetime.now(UTC)
			if record:
				when = datetime.fromisoformat(record.created_at)
			elif reading.created_at:
				when = reading.created_at
			when = min(max(when, EARLIEST), datetime.now(UTC))
			day = when.astimezone().strftime('%Y-%m-%d')
			suffix = SUFFIXES[reading.media_type]
			stem = Path(one.name).stem[:STEM]
			path = self.folder / day / writing.imported_name(stem, digest, suffix)
			with self.unsettled.at(day):
				writing.write_whole(path, one.data, when)
				if record:
					size = reading.width, reading.height
					row = recording.of_record(record, path, self.folder, digest, size, 'imported')
				else:
					row = recording.of_reading(reading, path, self.folder, digest, when)
				picture, _ = self.store.record(row)
		log.info('picture %s was imported: %s', picture.id, reading.format or 'no settings')
		arrival = Arrival(name=one.name, id=picture.id, words=words(reading), note=reading.note)
		return ImportReport(imported=(picture.id,), arrivals=(arrival,))


def words(reading: Reading) -> str:
	"""What a picture says of itself."""
	if not reading.format:
		return 'No settings were found in it.'
	return f'Settings from {FORMATS[reading.format]}.'


def clean(name: str) -> str:
	"""The last part of a name, with letters that any disk takes."""
	last = re.split(r'[\\/]', str(name))[-1]
	kept = re.sub(r'[^\w.() -]+', '_', last, flags=re.ASCII).strip(' .')
	return kept or 'picture'
