"""Knows what a job is at any moment: its state, its place, how far it is, what it has drawn."""

from datetime import datetime
from typing import Literal, Self

from localai.schemas.base import Kept, Schema
from localai.schemas.generation import ExactSeed, GenerationParameters, Picture

JobState = Literal['queued', 'loading', 'running', 'finished', 'cancelled', 'failed', 'interrupted']
LIVE: frozenset[JobState] = frozenset(('queued', 'loading', 'running', 'interrupted'))
StopMode = Literal['stop', 'keep', 'skip']


class Problem(Kept):
	"""An error as it is stored and shown; `code` is the name of its class."""

	code: str
	message: str
	remedy: str

	@classmethod
	def of(cls, error: object) -> Self:
		"""What an error of ours says, or the event that tells one."""
		return cls.model_validate(error, from_attributes=True)


class JobSnapshot(Schema):
	"""A job now. `position` counts the jobs ahead of it; `eta` is in seconds; `stage` and its bytes
	tell of loading.

	`preview` grows by one with each new preview picture of this job and is 0 before the first.
	"""

	id: str
	state: JobState
	request: GenerationParameters
	seeds: tuple[ExactSeed, ...]
	position: int = 0
	attempts: int = 0
	picture: int = 0
	step: int = 0
	steps: int = 0
	eta: float | None = None
	stage: str = ''
	stage_done: int = 0
	stage_total: int = 0
	preview: int = 0
	pictures: tuple[Picture, ...] = ()
	notes: tuple[str, ...] = ()
	error: Problem | None = None
	created_at: datetime
	started_at: datetime | None = None
	finished_at: datetime | None = None

	@property
	def live(self) -> bool:
		return self.state in LIVE

	@property
	def seconds(self) -> float:
		"""From the start of work to its end; 0 while there is no end."""
		if self.started_at is None or self.finished_at is None:
			return 0.0
		return (self.finished_at - self.started_at).total_seconds()
