"""Knows how the machine and the engine are said to be."""

from typing import Literal

from localai.schemas.base import Schema

EngineState = Literal['starting', 'ready', 'loading', 'working', 'restarting', 'stopped']


class EngineStatus(Schema):
	"""The engine now. `model` is the id of the model in memory, '' when there is none."""

	state: EngineState = 'starting'
	device: str = ''
	dtype: str = ''
	model: str = ''
	pid: int = 0
	message: str = ''


class MemoryReading(Schema):
	"""Bytes of main memory (on a GPU: of its own)."""

	free: int
	total: int


class Estimate(Schema):
	"""What a request will cost. `seconds` is None until this model has drawn once here."""

	seconds: float | None
	bytes: int
	memory: MemoryReading
	fits: bool
	tokens: int
	negative_tokens: int
	token_limit: int
