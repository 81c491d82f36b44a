"""What a request will cost before it is drawn: seconds, bytes, tokens."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from localai.files.weights import tokens
from localai.schemas.families import Family, FamilyName
from localai.schemas.generation import GenerationParameters
from localai.schemas.hardware import Estimate, MemoryReading
from localai.schemas.models import ModelSpec
from localai.schemas.samplers import evaluations
from localai.store.history import History

log = logging.getLogger('localai.generation')


class Estimates:
	"""`resident` is the id of the model that is in memory."""

	def __init__(
		self,
		families: Mapping[FamilyName, Family],
		history: History,
		resident: Callable[[], str],
	):
		self.families = families
		self.history = history
		self.resident = resident

	def estimate(
		self, request: GenerationParameters, model: ModelSpec, empty: bool = False
	) -> Estimate:
		"""`empty`: nothing was typed yet, and the prompt stands for any other."""
		memory = read_memory()
		needed = self.bytes_needed(request, model)
		return Estimate(
			seconds=self.seconds_needed(request),
			bytes=needed,
			memory=memory,
			fits=needed - (weights(model) if self.resident() == model.id else 0) <= memory.free,
			tokens=2 if empty else self.count_tokens(model, request.prompt),
			negative_tokens=self.count_tokens(model, request.negative_prompt),
			token_limit=self.families[model.family].token_limit,
		)

	def seconds_needed(self, request: GenerationParameters) -> float | None:
		"""From what this model took here lately; None before its first picture."""
		pace = self.history.speed(request.model)
		if pace is None:
			return None
		calls = evaluations(request.sampler, request.steps)
		return pace * calls * request.count * request.width * request.height / 1e6

	def bytes_needed(self, request: GenerationParameters, model: ModelSpec) -> int:
		"""The weights, and one picture being decoded."""
		family = self.families[model.family]
		return weights(model) + request.width * request.height * family.bytes_per_pixel

	def count_tokens(self, model: ModelSpec, text: str) -> int:
		try:
			return tokens.count_tokens(tokens.tokenizer_of(Path(model.path)), text)
		except Exception as error:  # the tokenizers library raises bare Exception
			log.warning('the tokenizer of %s cannot be read: %s', model.name, error)
			return 0

	def notes(self, request: GenerationParameters, model: ModelSpec) -> tuple[str, ...]:
		"""Says which end of a long prompt the model will not read."""
		limit = self.families[model.family].token_limit
		texts = {'prompt': request.prompt, 'negative prompt': request.negative_prompt}
		counts = {label: self.count_tokens(model, text) for label, text in texts.items()}
		return tuple(
			f'The {label} has {count} tokens and {model.name} reads {limit}; '
			f'the last {count - limit} are left out.'
			for label, count in counts.items()
			if count > limit
		)


def read_memory() -> MemoryReading:
	memory = psutil.virtual_memory()
	return MemoryReading(free=memory.available, total=memory.total)


def weights(model: ModelSpec) -> int:
	"""Bytes in memory: half precision, single where the model is tiny."""
	return model.parameters * (4 if model.parameters < 100_000_000 else 2)
