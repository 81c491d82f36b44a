"""Knows what goes into an export, piece by piece: pictures, contact sheets, settings, and a word on
what is missing."""

import csv
import io
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from localai.errors import LocalAIError
from localai.files.sharing import sheets
from localai.files.sharing.archives import Member, numbered, plain_name
from localai.files.sharing.copies import safe_copy
from localai.files.sharing.exposure import exposure
from localai.schemas.exchange import ExportRequest, Exposure
from localai.schemas.generation import Picture
from localai.schemas.history import Marks
from localai.schemas.search import FACTS
from localai.schemas.terms import shown, words
from localai.store.history import History

log = logging.getLogger('localai.exporting')
MISSING = 'their files are gone or cannot be read.'
BATCH = sheets.PER_PAGE
SHEET_BYTES = 600_000  # of a page, at most
Row = tuple[str, Picture, Marks]


class Parcel:
	"""One export. `taken` says whether a name is in use where it goes. After `members` has run out,
	`kept` holds the id and the name of each picture, `missing` those that could not be read."""

	def __init__(
		self,
		history: History,
		ids: Sequence[int],
		request: ExportRequest,
		thumbnail: Callable[[int], Path] | None = None,
		taken: Callable[[str], bool] = lambda name: False,
		witness: bool = False,
	):
		self.history = history
		self.ids = ids
		self.request = request
		self.thumbnail = thumbnail
		self.taken = taken
		self.witness = witness
		self.names: set[str] = set()
		self.kept: list[tuple[int, str]] = []
		self.missing: list[int] = []
		self.exposures: list[Exposure] = []

	def members(self) -> Iterator[Member]:
		yield from self.pictures()
		if self.request.sheet and self.kept:
			yield from self.contact_sheets()
		if self.request.settings == 'csv':
			yield Member(self.name('settings.csv'), self.table(), packed=True)
		elif self.request.settings == 'json':
			yield Member(self.name('settings.json'), self.facts(), packed=True)
		if self.missing:
			text = (
				f'{len(self.missing)} of {len(self.ids)} pictures could not be included: '
				f'{MISSING}\n'
			)
			yield Member(self.name('missing.txt'), text.encode())

	def name(self, wanted: str) -> str:
		"""One that nothing else has; capitals do not tell names apart everywhere."""
		wanted, number = plain_name(wanted), 1
		while True:
			name = numbered(wanted, number)
			if name.casefold() not in self.names and not self.taken(name):
				self.names.add(name.casefold())
				return name
			number += 1

	def found(self, ids: Sequence[int]) -> Iterator[Picture]:
		for start in range(0, len(ids), BATCH):
			yield from self.history.many(ids[start : start + BATCH])

	def needed(self) -> int:
		"""About what it all will take on a disk."""
		total = 0
		for picture in self.found(self.ids):
			try:
				total += Path(picture.path).stat().st_size
			except OSError:
				continue
			if self.request.settings != 'none':
				total += 3 * len(picture.request.prompt) + 4000
		return total + self.request.sheet * SHEET_BYTES * -(-len(self.ids) // sheets.PER_PAGE)

	# Pictures

	def pictures(self) -> Iterator[Member]:
		left = dict.fromkeys(self.ids)
		for picture in self.found(self.ids):
			try:
				member = self.safe(picture) if self.request.safe else self.original(picture)
			except (OSError, LocalAIError) as error:
				log.warning('picture %d is left out of an export: %s', picture.id, error)
				continue
			left.pop(picture.id)
			self.kept.append((picture.id, member.name))
			yield member
		self.missing += left

	def original(self, picture: Picture) -> Member:
		path = Path(picture.path)
		return Member(self.name(path.name), path.read_bytes(), picture.created_at)

	def safe(self, picture: Picture) -> Member:
		copy = safe_copy(Path(picture.path))
		digits = max(3, len(str(len(self.ids))))
		name = self.name(f'picture-{len(self.kept) + 1:0{digits}}{copy.suffix}')
		if self.witness:
			changed = (('Changed', copy.note),) if copy.note else ()
			self.exposures.append(Exposure(name=name, found=exposure(copy.data) + changed))
		return Member(name, copy.data)

	# Contact sheets

	def contact_sheets(self) -> Iterator[Member]:
		count = -(-len(self.kept) // sheets.PER_PAGE)
		digits = max(2, len(str(count)))
		for number, page in enumerate(sheets.pages(self.cells()), 1):
			name = f'contact-sheet-{number:0{digits}}.jpg' if count > 1 else 'contact-sheet.jpg'
			name = self.name(name)
			if self.witness and self.request.safe:
				self.exposures.append(Exposure(name=name, found=exposure(page)))
			yield Member(name, page)

	def cells(self) -> Iterator[sheets.Cell]:
		places = {picture_id: number for number, (picture_id, _) in enumerate(self.kept, 1)}
		for picture in self.found(list(places)):
			small, path = None, Path(picture.path)
			if self.thumbnail:
				try:
					small = self.thumbnail(picture.id)
				except (OSError, LocalAIError):
					small = None
			cell = sheets.Cell(places[picture.id], small or path, path)
			if not self.request.safe:
				cell = cell._replace(words=picture.request.prompt, seed=picture.setting('seed'))
			yield cell

	# Settings

	def rows(self) -> Iterator[Row]:
		names = dict(self.kept)
		for start in range(0, len(self.kept), BATCH):
			ids = [picture_id for picture_id, _ in self.kept[start : start + BATCH]]
			marks = self.history.marks(ids)
			for picture in self.history.many(ids):
				yield names[picture.id], picture, marks.get(picture.id, Marks())

	def table(self) -> Iterator[bytes]:
		"""With the mark that tells spreadsheets it is UTF-8."""
		yield '\ufeff'.encode()
		for number, row in enumerate(self.rows()):
			columns = columns_of(*row)
			if not number:
				yield csv_line(columns)
			yield csv_line(inert(v) for v in columns.values())

	def facts(self) -> Iterator[bytes]:
		before = '[\n'
		for row in self.rows():
			text = json.dumps(facts_of(*row), ensure_ascii=False, default=str)
			yield f'{before}{text}'.encode('utf-8', 'replace')
			before = ',\n'
		yield b'\n]\n' if before != '[\n' else b'[]\n'


def columns_of(name: str, picture: Picture, marks: Marks) -> dict[str, object]:
	receipt = picture.receipt
	settings: dict[str, object] = {}
	for term in shown('exports'):
		value = picture.setting(term.name)
		settings[term.label.lower()] = words(value) if term.kind in ('names', 'noun') else value
		if term.name == 'model':
			settings |= {'model hash': receipt.model_hash, 'family': receipt.family}
	return {
		'file': name,
		'created': picture.created_at.isoformat(timespec='seconds'),
		**settings,
		**{key.label.lower(): words(getattr(picture, key.column)) for key in FACTS},
		'kind': picture.kind,
		'favourite': 'yes' if marks.favourite else 'no',
		'rating': marks.rating or None,
		'tags': '; '.join(marks.tags),
		'albums': '; '.join(marks.albums),
		'notes': marks.notes,
		'seconds': receipt.seconds or None,
		'app': receipt.app,
		'device': receipt.device,
		'dtype': receipt.dtype,
	}


def facts_of(name: str, picture: Picture, marks: Marks) -> dict[str, object]:
	return {
		'file': name,
		'created': picture.created_at.isoformat(timespec='seconds'),
		'kind': picture.kind,
		'width': picture.width,
		'height': picture.height,
		**{key.column: getattr(picture, key.column) for key in FACTS},
		**marks.model_dump(),
		'recipe': picture.request.model_dump(),
		'receipt': picture.receipt.model_dump(),
	}


def inert(value: object) -> object:
	"""A text that a spreadsheet would take for a formula gets an apostrophe in front, as the
	CSV injection page of OWASP advises."""
	if not isinstance(value, str):
		return value
	value = value.replace('\0', ' ')
	risky = value[:1] in ('\t', '\r', '\n') or value.lstrip()[:1] in tuple('=+-@＝＋－＠')
	return f"'{value}" if value and risky else value


def csv_line(values: Iterable[object]) -> bytes:
	buffer = io.StringIO()
	csv.writer(buffer).writerow(values)
	return buffer.getvalue().encode('utf-8', 'replace')
