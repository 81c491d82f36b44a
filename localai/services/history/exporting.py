"""Export, as verbs: a zip to fetch, a folder to fill, and what a stranger could read in the copies."""

import contextlib
import errno
import logging
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from localai.errors import DiskFull, InvalidInput, StorageProblem, UnknownName
from localai.files.pictures.writing import PART
from localai.files.sharing.archives import Member, stream
from localai.schemas.exchange import ExportReport, ExportRequest, Exposure
from localai.schemas.history import MANY, HistoryQuery
from localai.services import fields
from localai.services.history.parcels import Parcel
from localai.store.history import History
from localai.store.unsettled import Unsettled

log = logging.getLogger('localai.exporting')
TOKENS = 20
LIFETIME = 3600.0  # seconds that a link is good for
SPARE = 20_000_000  # bytes that stay free on a disk
SHOWN = 500  # exposures in a report
NEUTRAL_TIME = 315_576_000.0  # 1 January 1980, noon in UTC
# What the copy of a picture cannot but have.
PLAIN = {'Format', 'Size', 'File size', 'Colours', 'Orientation'}
NAME_LIMIT = 4096


class ExportService:
	"""`select` gives the ids that a search finds; `thumbnail` where a small picture lies. Nothing is
	exported into `pictures`."""

	def __init__(
		self,
		history: History,
		select: Callable[[HistoryQuery], Sequence[int]],
		pictures: Path,
		unsettled: Unsettled,
		thumbnail: Callable[[int], Path] | None = None,
		clock: Callable[[], float] = time.monotonic,
	):
		self.history = history
		self.select = select
		self.folder = pictures
		self.unsettled = unsettled
		self.thumbnail = thumbnail
		self.clock = clock
		self.lock = threading.Lock()
		self.waiting: dict[str, tuple[float, ExportRequest, tuple[int, ...]]] = {}

	# A zip

	def prepare(self, request: ExportRequest | Mapping[str, object]) -> str:
		"""A token for `stream`, good for an hour and any number of times. Raises InvalidInput."""
		request, ids = self.chosen(request)
		token = secrets.token_urlsafe(18)
		with self.lock:
			self.forget()
			while len(self.waiting) >= TOKENS:
				self.waiting.pop(next(iter(self.waiting)))
			self.waiting[token] = (self.clock(), request, ids)
		return token

	def stream(self, token: str) -> tuple[str, Iterator[bytes]]:
		"""The name of the zip, and its bytes as they are made. Raises UnknownName."""
		with self.lock:
			self.forget()
			found = self.waiting.get(token)
		if found is None:
			raise UnknownName('This link has expired.', 'Export the pictures again.', 'token')
		_, request, ids = found
		day = '' if request.safe else f'-{datetime.now():%Y-%m-%d}'
		parcel = Parcel(self.history, ids, request, self.thumbnail)
		return f'pictures{day}.zip', stream(parcel.members())

	def forget(self) -> None:
		oldest = self.clock() - LIFETIME
		for token in [t for t, (made, _, _) in self.waiting.items() if made < oldest]:
			del self.waiting[token]

	# A folder

	def to_folder(
		self, request: ExportRequest | Mapping[str, object], folder: Path
	) -> ExportReport:
		"""Nothing that is there is overwritten. What was written whole stays when it fails halfway.
		Raises InvalidInput, DiskFull, StorageProblem."""
		# 1. Is it possible at all?
		request, ids = self.chosen(request)
		folder = self.allowed(folder)
		parcel = Parcel(
			self.history,
			ids,
			request,
			self.thumbnail,
			lambda name: os.path.lexists(folder / name),
			request.safe,
		)
		with said(folder):
			folder.mkdir(parents=True, exist_ok=True)
			needed, free = parcel.needed() + SPARE, shutil.disk_usage(folder).free
		if free < needed:
			raise DiskFull(
				f'{folder} has {free / 1e6:,.0f} MB free, '
				f'but the export needs {needed / 1e6:,.0f} MB.',
				'Free some space, or choose another folder.',
			)
		# 2. One file after the other, each whole or not at all.
		written, part = 0, folder / f'.localai-{secrets.token_hex(4)}{PART}'
		with said(folder), self.unsettled.at(str(part)):
			for member in parcel.members():
				written += write(folder / member.name, part, member, request.safe)
		if request.safe:
			parcel.exposures.sort(key=lambda e: all(name in PLAIN for name, _ in e.found))
		log.info('exported %d pictures, %d missing', len(parcel.kept), len(parcel.missing))
		return ExportReport(
			path=str(folder),
			pictures=len(parcel.kept),
			bytes=written,
			missing=len(parcel.missing),
			exposures=tuple(parcel.exposures[:SHOWN]),
		)

	def allowed(self, folder: Path) -> Path:
		text = str(folder)
		if not text.strip() or '\0' in text or len(text) > NAME_LIMIT:
			raise InvalidInput('That is not a folder.', 'Give the full path of a folder.', 'folder')
		with contextlib.suppress(RuntimeError):  # no such user
			folder = Path(text).expanduser()
		if not folder.is_absolute():
			raise InvalidInput(
				f'{text!r} is not the full path of a folder.',
				'Start it with / or ~ (on Windows, with the drive).',
				'folder',
			)
		folder = Path(os.path.realpath(folder))
		for part in (folder, *folder.parents):
			with contextlib.suppress(OSError):
				# By identity: names differ in capitals and links.
				if part.samefile(self.folder):
					raise InvalidInput(
						'LocalAI keeps its own pictures in that folder.',
						'Choose a folder outside it.',
						'folder',
					)
		return folder

	# What a stranger reads

	def exposures(self, ids: object) -> tuple[Exposure, ...]:
		"""Of the safe copies as an export would make them now, at most 500 of them."""
		wanted = fields.ids_of(ids, MANY)
		if not wanted:
			raise InvalidInput('No pictures were chosen.', 'Select at least one.', 'ids')
		request, chosen = self.chosen({'ids': wanted, 'safe': True})
		parcel = Parcel(self.history, chosen[:SHOWN], request, witness=True)
		for _ in parcel.pictures():
			pass
		return tuple(parcel.exposures)

	# What was asked for

	def chosen(
		self, request: ExportRequest | Mapping[str, object]
	) -> tuple[ExportRequest, tuple[int, ...]]:
		"""Raises InvalidInput."""
		if not isinstance(request, ExportRequest):
			fields.ids_of(request.get('ids', ()), MANY)
			request = fields.read(ExportRequest, request)
		if request.safe and request.settings != 'none':
			raise InvalidInput(
				'Safe copies cannot come with a list of settings, '
				'because it contains prompts and names.',
				'Leave the list out, or export the originals.',
				'settings',
			)
		ids = request.ids or tuple(self.select(HistoryQuery(text=request.text)))
		if not request.ids and len(ids) >= MANY:
			raise InvalidInput(
				f'The search finds {MANY:,} pictures or more, which is too many for one export.',
				'Narrow it down, for example with after:2026-01 before:2026-02.',
				'text',
			)
		ids = tuple(dict.fromkeys(i for i in ids if 0 < i < 2**63))
		if not ids:
			raise InvalidInput(
				'There are no pictures to export.', 'Select some, or try another search.', 'ids'
			)
		return request, ids


def write(path: Path, part: Path, member: Member, neutral: bool) -> int:
	"""A new file, whole or not at all: it is `part` until then. Returns its size."""
	content = member.content
	if isinstance(content, Path):
		content = content.read_bytes()
	pieces = (content,) if isinstance(content, bytes) else content
	try:
		with part.open('wb') as file:
			for piece in pieces:
				file.write(piece)
			file.flush()
			size = file.tell()
		when = member.when.timestamp() if member.when else None
		if neutral:
			when = NEUTRAL_TIME
		if when is not None:
			with contextlib.suppress(OSError, OverflowError, ValueError):
				os.utime(part, (when, when))
		if os.path.lexists(path):
			raise FileExistsError(errno.EEXIST, f'{path.name} already exists')
		os.rename(part, path)
	except BaseException:
		with contextlib.suppress(OSError):
			part.unlink()
		raise
	return size


@contextlib.contextmanager
def said(folder: Path) -> Iterator[None]:
	"""What the disk refuses, in a sentence."""
	try:
		yield
	except OSError as error:
		if error.errno in (errno.ENOSPC, errno.EDQUOT):
			raise DiskFull(
				f'The disk holding {folder} is full. The files written before that are complete.',
				'Free some space, or choose another folder.',
			) from error
		raise StorageProblem(
			f'LocalAI cannot write to {folder}: {error.strerror or error}.',
			'Choose another folder.',
		) from error
