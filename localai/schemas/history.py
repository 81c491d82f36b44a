"""Knows what is asked of the history and what it answers: searches, pages, cards, marks, checks."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from localai.schemas.base import Kept, Schema
from localai.schemas.generation import Picture, PictureKind

SortName = Literal['newest', 'oldest', 'rating', 'largest']
TEXT_LIMIT = 2000  # characters of a search
PAGE_LIMIT = 500
MANY = 20_000  # pictures that one change may name
TAG_LIMIT = 100  # characters
NOTES_LIMIT = 10_000


def a_day(value: str) -> str:
	try:
		return date.fromisoformat(value).isoformat()
	except ValueError:
		raise ValueError('Write a day as 2026-11-25.') from None


class HistoryQuery(Schema):
	"""A part of the history. `text` is words and `key:value`, as a person types them. `day` (ISO)
	lets `offset` count from the first picture of that day on; without it from the very first."""

	text: str = Field('', max_length=TEXT_LIMIT)
	sort: SortName = 'newest'
	day: Annotated[str, AfterValidator(a_day)] | None = None
	offset: int = Field(0, ge=0, lt=2**53)
	limit: int = Field(60, ge=1, le=PAGE_LIMIT)


class HistoryEntry(Schema):
	"""A picture as a tile: enough to show it. `prompt` is its beginning; `day` is ISO."""

	id: int
	day: str
	created_at: datetime
	width: int
	height: int
	prompt: str
	kind: PictureKind
	favourite: bool
	rating: int
	url: str
	thumbnail: str


class HistoryPage(Schema):
	"""`notes` says what of the search was not understood; `more` that there are others after."""

	entries: tuple[HistoryEntry, ...] = ()
	more: bool = False
	notes: tuple[str, ...] = ()


class DayCount(Schema):
	day: str
	count: int


class Outline(Schema):
	"""How many pictures a search finds, and on which days, in the order of the pages. `days` is
	empty when the order is not one of time."""

	total: int = 0
	days: tuple[DayCount, ...] = ()
	notes: tuple[str, ...] = ()


class Count(Schema):
	"""A name that pictures have in common, and how many do."""

	name: str
	count: int


class Vocabulary(Schema):
	"""What the history can be narrowed down to, the most used first."""

	models: tuple[Count, ...] = ()
	families: tuple[Count, ...] = ()
	samplers: tuple[Count, ...] = ()
	sizes: tuple[Count, ...] = ()
	tags: tuple[Count, ...] = ()
	albums: tuple[Count, ...] = ()


# Marks


def one_line(value: object) -> object:
	"""A tag or an album: one line without the white space around it."""
	return ' '.join(value.split()) if isinstance(value, str) else value


Name = Annotated[str, BeforeValidator(one_line), Field(min_length=1, max_length=TAG_LIMIT)]


class Marks(Kept):
	"""What a person made of a picture. A rating of 0 is none."""

	favourite: bool = False
	rating: int = Field(0, ge=0, le=5)
	tags: tuple[str, ...] = ()
	albums: tuple[str, ...] = ()
	notes: str = ''


class MarkChange(Schema):
	"""What is to change; None and () leave what is."""

	favourite: bool | None = None
	rating: Annotated[int, Field(ge=0, le=5)] | None = None
	notes: Annotated[str, Field(max_length=NOTES_LIMIT)] | None = None
	add_tags: tuple[Name, ...] = Field((), max_length=100)
	remove_tags: tuple[Name, ...] = Field((), max_length=100)
	add_albums: tuple[Name, ...] = Field((), max_length=100)
	remove_albums: tuple[Name, ...] = Field((), max_length=100)


# One picture, and two beside each other


class Piece(Schema):
	"""A stretch of a text that is in both, only in the newer, or only in the older."""

	change: Literal['same', 'added', 'removed']
	text: str


class Difference(Schema):
	"""A setting that differs; '' is not set."""

	name: str
	before: str
	after: str


class Comparison(Schema):
	"""Two pictures; `pieces` tells the prompts apart, `settings` all the rest."""

	left: Picture
	right: Picture
	pieces: tuple[Piece, ...] = ()
	negative_pieces: tuple[Piece, ...] = ()
	settings: tuple[Difference, ...] = ()


class PictureCard(Schema):
	"""All of a picture. `previous` is the one drawn before it, and `changes` what has changed since.
	`parameters` is the settings as A1111 writes them, to be copied."""

	picture: Picture
	marks: Marks
	bytes: int
	missing: bool = False
	previous: int | None = None
	pieces: tuple[Piece, ...] = ()
	changes: tuple[Difference, ...] = ()
	parameters: str = ''


class Reuse(Schema):
	"""The settings of a picture as far as they can be asked for here; `notes` says what could not be
	taken. Seeds are `fields['seed']`."""

	fields: dict[str, object]
	notes: tuple[str, ...] = ()


class PromptStep(Schema):
	"""A prompt of the timeline: its last picture, how many it made, how it differs from the prompt
	before."""

	picture: Picture
	count: int
	pieces: tuple[Piece, ...] = ()


# The trash


class Discarded(Schema):
	"""A picture in the trash. `id` brings it back."""

	id: str
	picture: int
	prompt: str
	bytes: int
	deleted_at: datetime


class Discarding(Schema):
	"""What became of pictures that were deleted: those in the trash, and how many were gone before."""

	trashed: tuple[str, ...] = ()
	bytes: int = 0
	gone: int = 0
	problems: tuple[str, ...] = ()


class Restoring(Schema):
	"""The pictures that are back, by their ids, and how many could not be brought back."""

	pictures: tuple[int, ...] = ()
	gone: int = 0
	problems: tuple[str, ...] = ()


# Truth


class Verdict(Schema):
	"""How a picture that was drawn again compares with the one that was kept. Differences of pixels
	are in steps of 256; `share` is the part of the pixels that differ."""

	picture: int
	state: Literal['identical', 'different']
	maximum: int = 0
	mean: float = 0.0
	share: float = 0.0
	conditions: tuple[Difference, ...] = ()
	seconds: float = 0.0


class CheckReport(Schema):
	"""Database against disk. `missing` rows have no file, `orphaned` files no row, `changed` files
	other bytes than were saved. The lists are cut at a hundred names, the counts are not."""

	pictures: int = 0
	files: int = 0
	missing: int = 0
	orphaned: int = 0
	changed: int = 0
	unreadable: int = 0
	missing_names: tuple[str, ...] = ()
	orphaned_names: tuple[str, ...] = ()
	changed_names: tuple[str, ...] = ()
	unreadable_names: tuple[str, ...] = ()
	repaired: int = 0
	seconds: float = 0.0

	@property
	def well(self) -> bool:
		return not (self.missing or self.orphaned or self.changed or self.unreadable)
