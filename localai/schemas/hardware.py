"""Knows how the machine and the engine are said to be."""

from typing import Literal

from localai.schemas.base import Schema

EngineState = Literal['starting', 'ready', 'loading', 'working', 'restarting', 'stopped']


DeviceKind = Literal['cpu', 'mps', 'cuda']
PrecisionName = Literal['fp32', 'fp16', 'bf16']
PrecisionWish = Literal['auto', 'fp32', 'fp16', 'bf16']


class MemoryReading(Schema):
	"""Bytes of main memory (on a GPU: of its own)."""

	free: int
	total: int


class Machine(Schema):
	"""What a model has to fit into: the memory of the device that draws, and `half`, the precision
	there of all that is not tiny. `speed` is that of `EngineStatus`."""

	reading: MemoryReading
	kind: DeviceKind = 'cpu'
	half: PrecisionName = 'bf16'


class HeldModel(Schema):
	"""A model in the engine's memory, with the bytes of its weights there."""

	id: str
	bytes: int


class EngineStatus(Schema):
	"""The engine of one device now. `name` is what the executor calls the device, `device` what a
	person calls it, '' until it is known. `model` is the id of the model that would draw at once, '' when there is none.

	`held` are all models in memory, the last used first, within `budget` bytes. While a model comes
	into memory `loading` is its id, with the stage and the bytes of its files read so far. `memory` is
	the device's own as it was told last, None where main memory is drawn in. `speed` is how many
	operations a second the device reached in `dtype` when the engine started, 0 until it is known.
	"""

	name: str = ''
	state: EngineState = 'starting'
	device: str = ''
	device_kind: DeviceKind = 'cpu'
	dtype: PrecisionName | Literal[''] = ''
	speed: float = 0.0
	memory: MemoryReading | None = None
	model: str = ''
	pid: int = 0
	message: str = ''
	held: tuple[HeldModel, ...] = ()
	budget: int = 0
	loading: str = ''
	stage: str = ''
	stage_done: int = 0
	stage_total: int = 0


class Estimate(Schema):
	"""What a request will cost. `seconds` is None until this model has drawn once here; `notes` say
	what of the prompt has no effect."""

	seconds: float | None
	bytes: int
	memory: MemoryReading
	fits: bool
	tokens: int
	negative_tokens: int
	token_limit: int
	notes: tuple[str, ...] = ()
