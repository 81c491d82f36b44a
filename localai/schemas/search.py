"""Knows what a search means once it was understood: words, facets, numbers, days."""

from typing import Literal

from localai.schemas.base import Schema

WordField = Literal['', 'prompt', 'negative', 'model', 'sampler', 'lora', 'style', 'tags', 'notes']
FacetField = Literal['family', 'tag', 'album', 'size', 'seed', 'rating', 'favourite', 'kind']
NumberField = Literal['width', 'height', 'steps', 'guidance', 'id']


class Word(Schema):
	"""Words that stand one after the other. `field` '' is all that is read; `beginning` lets the
	last of them be only how a word begins."""

	text: str
	field: WordField = ''
	beginning: bool = False
	negative: bool = False


class Facet(Schema):
	"""One of `values`, whole and without regard to case."""

	field: FacetField
	values: tuple[str, ...]
	negative: bool = False


class Number(Schema):
	"""From `low` to `high`, both among them; None is no bound."""

	field: NumberField
	low: float | None = None
	high: float | None = None
	negative: bool = False


class Period(Schema):
	"""Days since 1970, both among them."""

	first: int | None = None
	last: int | None = None
	negative: bool = False


class Search(Schema):
	"""Everything of it must hold. `notes` says what was not understood."""

	words: tuple[Word, ...] = ()
	facets: tuple[Facet, ...] = ()
	numbers: tuple[Number, ...] = ()
	periods: tuple[Period, ...] = ()
	notes: tuple[str, ...] = ()

	@property
	def everything(self) -> bool:
		return not (self.words or self.facets or self.numbers or self.periods)
