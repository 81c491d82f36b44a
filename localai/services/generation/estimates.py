"""What a request will cost before it is drawn: seconds, bytes, tokens."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from localai.errors import OutOfMemory
from localai.files.weights import tokens
from localai.schemas import memory
from localai.schemas.families import Family, FamilyName
from localai.schemas.generation import GenerationParameters
from localai.schemas.hardware import Estimate, Machine, MemoryReading
from localai.schemas.models import ModelSpec
from localai.schemas.samplers import evaluations
from localai.services.generation.unheeded import unheeded
from localai.store.history import History

log = logging.getLogger('localai.generation')


class Estimates:
	"""`room` answers with what a model could have: what is free and what the engine could let go."""

	def __init__(
		self,
		families: Mapping[FamilyName, Family],
		history: History,
		room: Callable[[], Machine],
	):
		self.families = families
		self.history = history
		self.room = room

	def estimate(
		self, request: GenerationParameters, model: ModelSpec, empty: bool = False
	) -> Estimate:
		"""`empty`: nothing was typed yet, and the prompt stands for any other."""
		machine = self.room()
		plan = self.plan(request, model, machine)
		return Estimate(
			seconds=self.seconds_needed(request),
			bytes=plan.bytes,
			memory=machine.reading,
			fits=plan.fits or not machine.reading.total,
			tokens=0 if empty else self.count_tokens(model, request.prompt),
			negative_tokens=self.count_tokens(model, request.negative_prompt),
			token_limit=self.families[model.family].token_limit,
			notes=() if empty else unheeded(request.prompt, request.negative_prompt),
		)

	def plan(
		self, request: GenerationParameters, model: ModelSpec, machine: Machine
	) -> memory.Plan:
		"""The weights, and one picture being drawn, as the engine will plan it."""
		size = request.width, request.height
		need = memory.needed(model.family, model.bytes, model.parameters, machine, size)
		return memory.plan(need, machine.reading.free)

	def check(self, request: GenerationParameters, model: ModelSpec) -> None:
		"""Raises OutOfMemory for what this machine could not draw if all of its memory were free."""
		machine = self.room()
		total = machine.reading.total
		everything = MemoryReading(free=total, total=total)
		plan = self.plan(request, model, machine.model_copy(update={'reading': everything}))
		if total and not plan.fits:
			raise OutOfMemory(
				f'This needs about {plan.bytes / 1e9:.1f} GB, '
				f'but the machine has only {total / 1e9:.1f} GB.'
			)

	def seconds_needed(self, request: GenerationParameters) -> float | None:
		"""From what this model took here lately; None before its first picture."""
		pace = self.history.speed(request.model)
		if pace is None:
			return None
		calls = evaluations(request.sampler, request.steps)
		return pace * calls * request.count * request.width * request.height / 1e6

	def count_tokens(self, model: ModelSpec, text: str) -> int:
		try:
			return tokens.count_tokens(tokens.tokenizer_of(Path(model.path)), text)
		except Exception as error:  # the tokenizers library raises bare Exception
			log.warning('the tokenizer of %s cannot be read: %s', model.name, error)
			return 0

	def notes(self, request: GenerationParameters, model: ModelSpec) -> tuple[str, ...]:
		"""Says which end of a long prompt the model will not read, and what in it has no effect."""
		limit = self.families[model.family].token_limit
		texts = {'prompt': request.prompt, 'negative prompt': request.negative_prompt}
		counts = {label: self.count_tokens(model, text) for label, text in texts.items()}
		cut = tuple(
			f'The {label} has {count} tokens, but {model.name} reads only {limit}; '
			f'the last {count - limit} will be ignored.'
			for label, count in counts.items()
			if count > limit
		)
		return cut + unheeded(*texts.values())
