"""Knows what can be searched for, one key a row, and what a search means once it was understood: words,
facets, numbers, days."""

from typing import Literal, NamedTuple

from localai.schemas.base import Schema
from localai.schemas.terms import TABLE

KeyKind = Literal['words', 'facet', 'flag', 'number', 'period']


class Key(NamedTuple):
	"""What stands before the colon, and what after it: some of the words of a text; a whole value; yes
	or no; a number or a span of them; days. `column` is that of `pictures`, or `request.` and a
	setting; '' where the index finds it otherwise. A facet with `choices` takes no other values, each
	by the name that it has there. With a `label` it is a fact of a picture that is shown beside its
	settings; the picture then has a field of the column's name. A search has one of those that are
	`single`, and several of the others narrow it down together. `also` is how else it is typed;
	`offered` are values to choose from besides those that pictures have."""

	name: str
	kind: KeyKind
	column: str = ''
	choices: dict[str, str] | None = None
	label: str = ''
	single: bool = False
	also: tuple[str, ...] = ()
	offered: tuple[str, ...] = ()


ALSO = {'guidance': ('cfg',)}
# In the order in which they are told.
KEY_TABLE = (
	Key('prompt', 'words'),
	Key('negative', 'words'),
	Key('model', 'words', single=True),
	Key('family', 'facet', 'family', single=True),
	Key('sampler', 'words', single=True),
	Key('lora', 'words'),
	Key('style', 'words'),
	Key('notes', 'words'),
	Key('tag', 'facet', also=('tags',)),
	Key('album', 'facet'),
	Key('size', 'facet', single=True),
	Key('width', 'number', 'width'),
	Key('height', 'number', 'height'),
	*(
		Key(term.word, 'number', f'request.{term.name}', also=ALSO.get(term.word, ()))
		for term in TABLE
		if term.searched
	),
	Key('seed', 'facet'),
	Key('rating', 'facet', 'rating', single=True, offered=('5', '>=4', '>=3', '0')),
	Key(
		'favourite',
		'flag',
		'favourite',
		single=True,
		also=('favorite', 'fav'),
		offered=('yes', 'no'),
	),
	Key(
		'kind',
		'facet',
		'kind',
		{'generated': 'generated', 'drawn': 'generated', 'imported': 'imported'},
		single=True,
		offered=('generated', 'imported'),
	),
	Key('after', 'period'),
	Key('before', 'period'),
	Key('on', 'period', also=('date',), offered=('today', 'yesterday')),
	Key('id', 'number', 'id'),
)
KEYS = {key.name: key for key in KEY_TABLE}
# Facets and flags that stand in a column as they are.
STORED = tuple(key for key in KEY_TABLE if key.column and key.kind in ('facet', 'flag'))
FACTS = tuple(key for key in KEY_TABLE if key.label)


class Word(Schema):
	"""Words that stand one after the other. `field` '' is all that is read; `beginning` lets the
	last of them be only how a word begins."""

	text: str
	field: str = ''
	beginning: bool = False
	negative: bool = False


class Facet(Schema):
	"""One of `values`, whole and without regard to case."""

	field: str
	values: tuple[str, ...]
	negative: bool = False


class Number(Schema):
	"""From `low` to `high`, both among them; None is no bound."""

	field: str
	low: float | None = None
	high: float | None = None
	negative: bool = False


class Period(Schema):
	"""Days since 1970, both among them."""

	first: int | None = None
	last: int | None = None
	negative: bool = False


class Either(Schema):
	"""One of these must hold, at least."""

	parts: tuple[Word | Facet, ...]


class Search(Schema):
	"""Everything of it must hold. `notes` says what was not understood."""

	words: tuple[Word, ...] = ()
	eithers: tuple[Either, ...] = ()
	facets: tuple[Facet, ...] = ()
	numbers: tuple[Number, ...] = ()
	periods: tuple[Period, ...] = ()
	notes: tuple[str, ...] = ()

	@property
	def everything(self) -> bool:
		return not (self.words or self.eithers or self.facets or self.numbers or self.periods)
