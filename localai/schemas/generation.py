"""Knows what a picture is asked for with (GenerationRequest), what it will be drawn with
(GenerationParameters), what is known of how one was asked for (Recipe), and what a finished picture is."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from localai.schemas.base import Kept, Schema
from localai.schemas.samplers import SamplerName, ScheduleName, schedules_for
from localai.schemas.terms import PROMPT_LIMIT, TERMS, Term, words
from localai.text import clean

EXACT = 2**53  # from here on a script rounds whole numbers


def exact(seed: int) -> int | str:
	return str(seed) if abs(seed) >= EXACT else seed


# As text in JSON where a script could not hold it exactly: seeds have up to 64 bits.
ExactSeed = Annotated[int, PlainSerializer(exact, when_used='json')]


# What may be asked for, each wrong value said in one sentence


def valid(setting: str | Term) -> BeforeValidator:
	"""The check of a setting, from its row in the table; a part of a noun has its row where it is."""
	term = TERMS[setting] if isinstance(setting, str) else setting
	checks: dict[str, Callable[[Term, Any], Any]] = {
		'text': text,
		'whole': number,
		'number': number,
		'choice': choice,
	}
	check = checks[term.kind]
	return BeforeValidator(lambda value: check(term, value))


def choice(term: Term, value: Any) -> str:
	"""Matches a name without regard to case; says which names exist."""
	folded = {n.casefold(): n for n in term.choices}
	found = folded.get(value.strip().casefold()) if isinstance(value, str) else None
	if found is None:
		raise ValueError(
			f'There is no {term.within} called {shorten(value)}. Choose one of: {", ".join(term.choices)}.'
		)
	return found


def number(term: Term, value: Any) -> float | int:
	"""A number inside its limits, said in one sentence when it is not."""
	whole = term.kind == 'whole'
	kind = 'a whole number' if whole else 'a number'
	subject = term.subject or term.label
	high = term.high if whole else f'{term.high:g}'
	sentence = f'{subject} must be {kind} from {term.low:g} to {high}, not {shorten(value)}.'
	if isinstance(value, bool) or not isinstance(value, int | float | str):
		raise ValueError(sentence)
	found: float | int
	try:
		# As a float a long seed would lose its last digits.
		found = int(value) if whole and not isinstance(value, float) else float(value)
	except (ValueError, OverflowError):
		try:
			found = float(value)  # such as '20.0'
		except (ValueError, OverflowError):
			raise ValueError(sentence) from None
	if not term.low <= found <= term.high or (whole and found != int(found)):
		raise ValueError(sentence)
	if term.multiple > 1 and found % term.multiple:
		raise ValueError(
			f'{subject} must be multiples of {term.multiple}; {found:g} is not, '
			f'{round(found / term.multiple) * term.multiple} is.'
		)
	return int(found) if whole else found


def text(term: Term, value: Any) -> str:
	"""Clean text that is not too long; a prompt says something."""
	subject = term.subject or term.label
	if not isinstance(value, str):
		raise ValueError(f'{subject} must be text, not {shorten(value)}.')
	if len(value) > PROMPT_LIMIT:
		raise ValueError(f'{subject} has {len(value):,} characters; the limit is {PROMPT_LIMIT:,}.')
	value = clean(value)
	if not value and term.name == 'prompt':
		raise ValueError('The prompt is empty. Say in a few words what to draw.')
	return value


def shorten(value: Any) -> str:
	text = repr(value)
	return text if len(text) <= 40 else text[:37] + '...'


Side = Annotated[int, valid('width')]


class GenerationRequest(Schema):
	"""What is asked for. `None` means: let the model's own default or chance decide."""

	prompt: Annotated[str, valid('prompt')]
	negative_prompt: Annotated[str, valid('negative_prompt')] = ''
	model: str = Field('sketchbook', max_length=1000)
	width: Side | None = None
	height: Side | None = None
	steps: Annotated[int, valid('steps')] | None = None
	guidance_scale: Annotated[float, valid('guidance_scale')] | None = None
	sampler: Annotated[SamplerName, valid('sampler')] | None = None
	schedule: Annotated[ScheduleName, valid('schedule')] | None = None
	seed: Annotated[int, valid('seed')] | None = None
	count: Annotated[int, valid('count')] = 1

	@model_validator(mode='after')
	def combination_exists(self) -> Self:
		if self.sampler and self.schedule and self.schedule not in schedules_for(self.sampler):
			raise ValueError(
				f'{self.sampler} has no {self.schedule} schedule. It has: {", ".join(schedules_for(self.sampler))}.'
			)
		return self


class GenerationParameters(Kept):
	"""What pictures are drawn with: complete. It is stored with a job, carried to the engine, and
	written into each picture, so it outlives this version: a field that is added has a default that
	means what was drawn before there was that field, and names may be ones that a later version knows.
	"""

	prompt: str
	negative_prompt: str = ''
	model: str
	width: int
	height: int
	steps: int
	guidance_scale: float
	sampler: str
	schedule: str
	seed: ExactSeed
	count: int = 1


class LoraUse(Kept):
	"""A LoRA as a picture names it. `weight` is 1 where none is said."""

	name: str
	weight: float = 1.0
	hash: str = ''

	def __str__(self) -> str:
		return f'{self.name} {self.weight:g}'


class Recipe(Kept):
	"""All that is known of how a picture was asked for, whoever drew it.

	Nothing is certain to be there, and the values of other programs need not be ones that can be
	asked for here. `extra` holds what has no field of its own, as name and value.
	"""

	prompt: str = ''
	negative_prompt: str = ''
	model: str = ''
	width: int | None = None
	height: int | None = None
	steps: int | None = None
	guidance_scale: float | None = None
	sampler: str | None = None
	schedule: str | None = None
	seed: ExactSeed | None = None
	count: int = 1
	clip_skip: int | None = None
	denoising_strength: float | None = None
	vae: str = ''
	loras: tuple[LoraUse, ...] = ()
	styles: tuple[str, ...] = ()
	extra: tuple[tuple[str, str], ...] = ()

	@property
	def rest(self) -> tuple[tuple[str, str], ...]:
		"""All that has no field here, by name: of other programs and of later versions."""
		told = ((name.replace('_', ' '), words(value)) for name, value in self.others.items())
		return (*self.extra, *((name, value) for name, value in told if value))


class Receipt(Kept):
	"""How a picture came to be, beyond what was asked for. `app` is the version of LocalAI, or of a
	picture from elsewhere the program that drew it."""

	app: str = ''
	torch: str = ''
	diffusers: str = ''
	model_name: str = ''
	model_hash: str = ''
	device: str = ''
	dtype: str = ''
	attention: str = ''
	seconds: float = 0.0
	steps_done: int = Field(0, ge=0, lt=2**63)  # as much as a database holds
	stopped_early: bool = False
	family: str = ''


def known_kind(kind: Any) -> Any:
	"""Whatever else a later version calls it: it was drawn here."""
	return kind if kind == 'imported' or not isinstance(kind, str) else 'generated'


PictureKind = Annotated[Literal['generated', 'imported'], BeforeValidator(known_kind)]


class Pictured(Schema):
	"""What a picture has in the history, and on its way there. A new column of the history is a field
	here of the same name. `job_id` is '' for one that no job of this app drew; `path` is absolute,
	and on the way relative to the pictures folder."""

	job_id: str = ''
	index: int = 0
	kind: PictureKind = 'generated'
	seed: ExactSeed | None
	width: int
	height: int
	path: str
	created_at: datetime
	receipt: Receipt


class Picture(Pictured):
	"""A saved picture. `url` and `thumbnail` are where the page's server shows it."""

	id: int
	url: str
	thumbnail: str
	favourite: bool = False
	rating: int = 0
	request: Recipe

	def setting(self, name: str) -> Any:
		"""The value of a setting, from what knows it best: a request has the first seed of its job,
		and the name that a model has elsewhere."""
		recipe = self.request
		match name:
			case 'model':
				return self.receipt.model_name or recipe.model
			case 'seed':
				return recipe.seed if self.seed is None else self.seed
			case 'width' | 'height':
				return getattr(self, name)
		return getattr(recipe, name)
