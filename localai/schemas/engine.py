"""Knows what is said to the engine (commands) and by it (events); both cross a process boundary as
JSON and bytes."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, TypeAdapter

from localai.schemas.base import Schema
from localai.schemas.generation import GenerationParameters
from localai.schemas.hardware import DeviceKind, HeldModel, MemoryReading, PrecisionName
from localai.schemas.jobs import StopMode
from localai.schemas.models import ModelSpec, NamedWeights


class Drawing(Schema):
	"""One picture of a job still to be drawn."""

	index: int
	seed: int


class Task(Schema):
	"""What the engine is asked to do, and all that the ways there and back must know of it.

	`model` is the one it is about, None where it is about none or about a file that is no model of
	the library; `device` is the one it wishes, '' for any. A new kind is a class here and in
	`Command`, a line in `engine.engine.DOERS`, and the verb that asks for it.
	"""

	# What a person reads when the engine dies in the middle: 'while it ...'.
	doing: ClassVar[str] = 'worked on this'
	# Only gives memory back: needs no engine that runs, is never given up, and says nothing of what
	# went before.
	gives_back: ClassVar[bool] = False

	kind: str
	job_id: str
	device: str = ''
	model: ModelSpec | None = None

	@property
	def subject(self) -> str:
		"""The id of what it is about, for words and logs; '' for all of the memory."""
		return self.model.id if self.model else ''

	@property
	def paths(self) -> frozenset[str]:
		"""What must not be moved or deleted before its end."""
		return frozenset((self.model.path,)) if self.model else frozenset()

	def like(self, other: 'Task') -> bool:
		"""Whether one of the two is enough."""
		return False


class Generate(Task):
	"""Draw pictures: those of a job, or one anew to `verify` it. `weights` are those that the settings
	name, as `weights['loras']['ink']`."""

	doing = 'drew this'

	kind: Literal['generate', 'verify'] = 'generate'
	request: GenerationParameters
	model: ModelSpec
	weights: NamedWeights = {}
	drawings: tuple[Drawing, ...]

	@property
	def paths(self) -> frozenset[str]:
		named = (spec.path for specs in self.weights.values() for spec in specs.values())
		return super().paths.union(named)


class Load(Task):
	"""Bring a model into memory without drawing; answered by Loading events and an ending."""

	kind: Literal['load'] = 'load'
	model: ModelSpec

	def like(self, other: Task) -> bool:
		return isinstance(other, Load) and other.model.path == self.model.path


class Unload(Task):
	"""Let the model at `path` go, or with '' all of them."""

	gives_back = True

	kind: Literal['unload'] = 'unload'
	path: str = ''


class Convert(Task):
	"""Write a model (a single file, or a pickle, which is read as bare weights only) to `target`: a
	folder in the diffusers layout, or with a name that ends in .safetensors the same weights as a
	safe file."""

	kind: Literal['convert'] = 'convert'
	source: str
	target: str

	@property
	def subject(self) -> str:
		return super().subject or self.source

	@property
	def paths(self) -> frozenset[str]:
		return frozenset((self.source,))

	def like(self, other: Task) -> bool:
		return isinstance(other, Convert) and other.target == self.target


class Stop(Schema):
	"""Stop a job: at once; at once but keep what can be seen; or skip only one `picture`, by its
	number in the job, since another may be drawn by the time this is heard."""

	kind: Literal['stop'] = 'stop'
	job_id: str
	mode: StopMode
	picture: int = 0


class Close(Schema):
	kind: Literal['close'] = 'close'


class Ready(Schema):
	"""The engine can work. `speed` is in operations a second, as `EngineStatus` has it."""

	kind: Literal['ready'] = 'ready'
	device: str
	device_kind: DeviceKind
	dtype: PrecisionName
	torch: str
	diffusers: str
	speed: float = 0.0


class Held(Schema):
	"""What is in the engine's memory, told whenever it changes; the last used first. `memory` is
	that of a GPU, which only the engine can read; None where main memory is drawn in."""

	kind: Literal['held'] = 'held'
	models: tuple[HeldModel, ...]
	budget: int
	memory: MemoryReading | None = None


class Loading(Schema):
	"""A model comes into memory; bytes of the files read so far and in all."""

	kind: Literal['loading'] = 'loading'
	job_id: str
	stage: str
	done: int
	total: int


class Stepped(Schema):
	"""A step of one picture is done; with it may come a JPEG of the predicted picture."""

	kind: Literal['stepped'] = 'stepped'
	job_id: str
	index: int
	step: int
	steps: int
	seconds_per_step: float
	data: bytes = Field(b'', exclude=True, repr=False)


class Drawn(Schema):
	"""One picture is done: a PNG without texts, and how it was made."""

	kind: Literal['drawn'] = 'drawn'
	job_id: str
	index: int
	seed: int
	width: int
	height: int
	torch: str
	diffusers: str
	device: str
	dtype: str
	attention: str
	seconds: float
	steps_done: int
	stopped_early: bool
	data: bytes = Field(b'', exclude=True, repr=False)


class Finished(Schema):
	kind: Literal['finished'] = 'finished'
	job_id: str


class Cancelled(Schema):
	kind: Literal['cancelled'] = 'cancelled'
	job_id: str


class Failed(Schema):
	"""`engine_died` tells a crash of the whole process from an error of the job."""

	kind: Literal['failed'] = 'failed'
	job_id: str
	code: str
	message: str
	remedy: str
	engine_died: bool = False


Command = Annotated[Generate | Load | Unload | Convert | Stop | Close, Field(discriminator='kind')]
Event = Annotated[
	Ready | Held | Loading | Stepped | Drawn | Finished | Cancelled | Failed,
	Field(discriminator='kind'),
]
COMMANDS: TypeAdapter = TypeAdapter(Command)
EVENTS: TypeAdapter = TypeAdapter(Event)
ENDINGS = (Finished, Cancelled, Failed)
