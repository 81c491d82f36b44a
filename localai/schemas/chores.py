"""Knows how a load, an unload, a conversion or a verification is said to be: where it stands, how far
it is, how it ended."""

from typing import Literal

from localai.schemas.base import Schema
from localai.schemas.history import Verdict
from localai.schemas.jobs import Problem

ChoreState = Literal['waiting', 'running', 'finished', 'cancelled', 'failed']


class ChoreSnapshot(Schema):
	"""A chore now. `kind` is that of its task, `model` the id of its model, '' for all of them;
	`stage` and its bytes tell of what is read from the disk. A verification also has steps, and at
	its end a verdict."""

	id: str
	kind: str
	model: str = ''
	state: ChoreState
	stage: str = ''
	stage_done: int = 0
	stage_total: int = 0
	step: int = 0
	steps: int = 0
	verdict: Verdict | None = None
	error: Problem | None = None

	@property
	def pending(self) -> bool:
		return self.state in ('waiting', 'running')
