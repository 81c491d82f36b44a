"""Knows what an executor is: it takes tasks, tells events, and can be asked to stop one."""

from collections.abc import Callable
from typing import Protocol

from localai.schemas import engine as say
from localai.schemas.hardware import EngineStatus
from localai.schemas.jobs import StopMode

OnEvent = Callable[[say.Event], None]
OnStatus = Callable[[EngineStatus], None]


class Executor(Protocol):
	"""Runs one task at a time. Events of a task come in order and end with Finished, Cancelled or
	Failed."""

	def start(self, on_event: OnEvent, on_status: OnStatus) -> None:
		"""Begins to come up; returns at once."""

	def submit(self, task: say.Generate) -> None:
		"""Hands over the next task; only when none is running."""

	def stop(self, job_id: str, mode: StopMode) -> None:
		"""Asks the running task to stop; the answer comes as an event."""

	def close(self) -> None:
		"""Ends the engine."""
