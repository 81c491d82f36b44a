"""Knows what a picture is asked for with, and what a finished picture is."""

import math
import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from localai.schemas.base import Schema
from localai.schemas.samplers import SAMPLERS, SCHEDULES, SamplerName, ScheduleName, schedules_for

PROMPT_LIMIT = 10_000
SIZE_LIMITS = (64, 2048)
SEED_LIMIT = 2**32
EXACT = 2**53  # from here on a script rounds whole numbers


def one_of(label: str, names: tuple[str, ...]) -> BeforeValidator:
	"""Matches a name without regard to case; says which names exist."""
	folded = {n.casefold(): n for n in names}

	def check(value: Any) -> str:
		found = folded.get(value.strip().casefold()) if isinstance(value, str) else None
		if found is None:
			raise ValueError(
				f'There is no {label} called {shorten(value)}. Choose one of: {", ".join(names)}.'
			)
		return found

	return BeforeValidator(check)


def between(label: str, low: float, high: float, whole: bool = True) -> BeforeValidator:
	"""A number inside its limits, said in one sentence when it is not."""
	kind = 'a whole number' if whole else 'a number'

	def check(value: Any) -> float | int:
		sentence = f'{label} must be {kind} from {low:g} to {high:.10g}, not {shorten(value)}.'
		if isinstance(value, bool) or not isinstance(value, int | float | str):
			raise ValueError(sentence)
		try:
			number = float(value)
		except (ValueError, OverflowError):
			raise ValueError(sentence) from None
		if (
			not math.isfinite(number)
			or not low <= number <= high
			or (whole and number != int(number))
		):
			raise ValueError(sentence)
		return int(number) if whole else number

	return BeforeValidator(check)


def multiple_of_8(value: int) -> int:
	if value % 8:
		raise ValueError(
			f'Width and height must be multiples of 8; {value} is not, {round(value / 8) * 8} is.'
		)
	return value


def text(label: str) -> BeforeValidator:
	"""Text without control characters; a lone surrogate could not be stored."""

	def check(value: Any) -> str:
		if not isinstance(value, str):
			raise ValueError(f'{label} must be text, not {shorten(value)}.')
		if len(value) > PROMPT_LIMIT:
			raise ValueError(
				f'{label} has {len(value):,} characters; {PROMPT_LIMIT:,} are the most.'
			)
		value = value.encode('utf-8', 'ignore').decode('utf-8')
		value = value.replace('\r\n', '\n').replace('\r', '\n')
		return re.sub(r'[\x00-\x08\x0b-\x1f\x7f]', ' ', value).strip()

	return BeforeValidator(check)


def said(value: str) -> str:
	if not value:
		raise ValueError('The prompt is empty. Say in a few words what to draw.')
	return value


def shorten(value: Any) -> str:
	text = repr(value)
	return text if len(text) <= 40 else text[:37] + '...'


Side = Annotated[int, between('Width and height', *SIZE_LIMITS), AfterValidator(multiple_of_8)]
Prompt = Annotated[str, text('The prompt'), AfterValidator(said)]
Steps = Annotated[int, between('Steps', 1, 150)]
Guidance = Annotated[float, between('Guidance scale', 0, 30, whole=False)]
Count = Annotated[int, between('The number of pictures', 1, 100)]
Seed = Annotated[int, between('The seed', 0, SEED_LIMIT - 1)]


class GenerationRequest(Schema):
	"""All that decides a picture. `None` means: let the model's own default or chance decide."""

	prompt: Prompt
	negative_prompt: Annotated[str, text('The negative prompt')] = ''
	model: str = Field('sketchbook', max_length=1000)
	width: Side | None = None
	height: Side | None = None
	steps: Steps | None = None
	guidance_scale: Guidance | None = None
	sampler: Annotated[SamplerName, one_of('sampler', SAMPLERS)] | None = None
	schedule: Annotated[ScheduleName, one_of('schedule', SCHEDULES)] | None = None
	seed: Seed | None = None
	count: Count = 1

	@model_validator(mode='after')
	def combination_exists(self):
		if self.sampler and self.schedule and self.schedule not in schedules_for(self.sampler):
			raise ValueError(
				f'{self.sampler} has no {self.schedule} schedule. It has: {", ".join(schedules_for(self.sampler))}.'
			)
		return self


def exact(seed: int) -> int | str:
	return str(seed) if abs(seed) >= EXACT else seed


# As text in JSON where a script could not hold it exactly: other programs have seeds of 64 bits.
ExactSeed = Annotated[int, PlainSerializer(exact, when_used='json')]


class LoraUse(Schema):
	"""A LoRA as a picture names it. `weight` is 1 where none is said."""

	name: str
	weight: float = 1.0
	hash: str = ''


class Recipe(Schema):
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


class Receipt(Schema):
	"""How a picture came to be, beyond what was asked for. `app` is the version of LocalAI, or of a
	picture from elsewhere the program that drew it."""

	app: str
	torch: str
	diffusers: str
	model_name: str
	model_hash: str
	device: str
	dtype: str
	attention: str
	seconds: float
	steps_done: int
	stopped_early: bool = False
	family: str = ''


PictureKind = Literal['generated', 'imported']


class Picture(Schema):
	"""A saved picture. `path` is absolute; `url` and `thumbnail` are where the page's server shows
	it. `job_id` is '' for one that no job of this app drew."""

	id: int
	job_id: str
	index: int
	seed: ExactSeed | None
	width: int
	height: int
	path: str
	url: str
	thumbnail: str
	created_at: datetime
	kind: PictureKind = 'generated'
	favourite: bool = False
	rating: int = 0
	request: Recipe
	receipt: Receipt
