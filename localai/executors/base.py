"""Knows what an executor is: it has devices, takes tasks for them, tells events, and can be asked to
stop one."""

from collections.abc import Callable
from typing import Protocol

from localai.schemas import engine as say
from localai.schemas.hardware import EngineStatus
from localai.schemas.jobs import StopMode

OnEvent = Callable[[say.Event], None]
OnStatus = Callable[[EngineStatus], None]
NOT_LOADING = {'loading': '', 'stage': '', 'stage_done': 0, 'stage_total': 0}
EMPTY = NOT_LOADING | {'model': '', 'held': ()}


class Executor(Protocol):
	"""Runs one task at a time on each of its devices. Events of a task come in order and end with
	Finished, Cancelled or Failed; a status says by its `name` whose it is."""

	@property
	def devices(self) -> tuple[str, ...]:
		"""The names of the devices, the one to prefer first. One that joins later is known by its
		first status."""

	def start(self, on_event: OnEvent, on_status: OnStatus) -> None:
		"""Begins to come up; returns at once. Each device may tell in a thread of its own."""

	def submit(self, task: say.Task, device: str) -> None:
		"""Hands over the next task of a device; only when it has none."""

	def stop(self, job_id: str, mode: StopMode, picture: int = 0) -> None:
		"""Asks a running task to stop, or to skip that picture; the answer comes as an event."""

	def close(self) -> None:
		"""Ends the engines."""


def status_after(status: EngineStatus, event: say.Event, task: say.Task | None) -> EngineStatus:
	"""How an engine is after one of its events; `task` is the one it works on."""
	match event:
		case say.Ready():
			changes = EMPTY | {
				'state': 'ready',
				'device': event.device,
				'device_kind': event.device_kind,
				'dtype': event.dtype,
				'speed': event.speed,
				'message': '',
			}
		case say.Failed(job_id=''):
			changes = EMPTY | {'state': 'stopped', 'message': f'{event.message} {event.remedy}'}
		case say.Held():
			first = event.models[0].id if event.models else ''
			changes = {
				'held': event.models,
				'budget': event.budget,
				'memory': event.memory,
				'model': first,
			}
		case say.Loading():
			changes = {
				'state': 'loading',
				'loading': task.subject if task else '',
				'stage': event.stage,
				'stage_done': event.done,
				'stage_total': event.total,
			}
		case say.Stepped() | say.Drawn():
			changes = NOT_LOADING | {'state': 'working'}
		case _:
			changes = NOT_LOADING | {'state': 'ready'}
	return status.model_copy(update=changes)
