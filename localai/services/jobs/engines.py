"""The engines, one for each device: how each is, what it works on and holds, and which of them is free
for what."""

import threading
from dataclasses import dataclass

from localai.errors import EngineDied, LocalAIError
from localai.executors.base import Executor, OnEvent, OnStatus
from localai.schemas import engine as say
from localai.schemas.hardware import EngineStatus
from localai.schemas.jobs import StopMode
from localai.services.presence import Presence


@dataclass
class Device:
	"""One of them as it is now."""

	status: EngineStatus
	task: say.Task | None = None
	# Why its task is being stopped, if it is not a person's wish.
	broken: LocalAIError | None = None
	# What its last chore failed with, until the next task begins.
	trouble: str = ''

	@property
	def name(self) -> str:
		return self.status.name

	@property
	def stopped(self) -> bool:
		"""Whether it is gone for good."""
		return self.status.state == 'stopped'

	@property
	def told(self) -> EngineStatus:
		"""Its status as people see it."""
		message = self.status.message or self.trouble
		return self.status.model_copy(update={'message': message})


class Engines:
	"""`lock` is the one lock of the jobs: whoever changes a job, a chore or a device holds it,
	because each of them changes who is free for the others."""

	def __init__(self, executor: Executor, presence: Presence):
		self.executor = executor
		self.presence = presence
		self.lock = threading.RLock()
		self.closed = False
		# By the executor's names, the one to prefer first.
		self.devices = {n: Device(EngineStatus(name=n)) for n in executor.devices}
		# Where the models lie that an engine has seen, by id.
		self.paths: dict[str, str] = {}

	def start(self, on_event: OnEvent, on_status: OnStatus) -> None:
		self.executor.start(on_event, on_status)

	def close(self) -> None:
		self.executor.close()

	# Who looks

	@property
	def status(self) -> EngineStatus:
		"""Of the first one that can still work."""
		first = min(self.devices.values(), key=lambda d: d.stopped, default=None)
		return first.told if first else EngineStatus()

	@property
	def alive(self) -> list[Device]:
		"""Those that work, or will again."""
		return [d for d in self.devices.values() if not d.stopped]

	def in_use(self) -> frozenset[str]:
		"""The paths that a device holds or works with."""
		with self.lock:
			return frozenset().union(*(self.paths_of(d) for d in self.devices.values()))

	def paths_of(self, device: Device) -> frozenset[str]:
		held = {self.paths.get(m.id, '') for m in device.status.held} - {''}
		return (device.task.paths if device.task else frozenset()) | held

	def held_path(self, model_id: str) -> str:
		"""Where a model lies that is in memory, though it may be gone from the library; '' for
		one that is not."""
		held = {m.id for d in self.devices.values() for m in d.status.held}
		return self.paths.get(model_id, '') if model_id in held else ''

	def holder(self, path: str) -> Device | None:
		"""The first one that has this model in memory."""
		return next((d for d in self.alive if self.distance(d, path) < 2), None)

	def distance(self, device: Device, path: str) -> int:
		"""How far a device is from drawing with a model: 0 at once, 1 it is in memory, 2 it is
		not."""
		held = [self.paths.get(m.id) for m in device.status.held]
		return 2 if path not in held else int(held[0] != path)

	def check(self) -> None:
		"""Raises EngineDied when none will ever work."""
		if not self.alive:
			raise EngineDied(f'The engine is not running. {self.status.message}'.strip())

	# Who gives work; all of it under the lock

	def free(self) -> list[Device]:
		return [] if self.closed else [d for d in self.alive if ready(d)]

	def choose(self, task: say.Task) -> Device | None:
		"""The free one that fits the task's wish and is nearest to its model."""
		fits = [d for d in self.free() if task.device in ('', d.name)]
		path = task.model.path if task.model else ''
		return min(fits, key=lambda d: self.distance(d, path), default=None)

	def give(self, device: Device, task: say.Task) -> None:
		device.task, device.broken = task, None
		if not task.gives_back:
			device.trouble = ''
		if task.model:
			self.paths[task.model.id] = task.model.path
		self.show()
		self.executor.submit(task, device.name)

	def working_on(self, job_id: str) -> Device | None:
		return next((d for d in self.devices.values() if d.task and d.task.job_id == job_id), None)

	def stop(self, job_id: str, mode: StopMode = 'stop', picture: int = 0) -> None:
		"""Asks; the answer comes as an event."""
		self.executor.stop(job_id, mode, picture)

	def release(self, job_id: str) -> None:
		"""That task has ended."""
		device = self.working_on(job_id)
		if device:
			device.task = device.broken = None

	def heard(self, status: EngineStatus) -> None:
		"""A device that was not known yet has joined. Who looks needs no lock: then the table is
		another one."""
		if status.name not in self.devices:
			self.devices = {**self.devices, status.name: Device(status)}
		self.devices[status.name].status = status
		self.show()

	def show(self) -> None:
		first = self.status
		others = (d.told for d in self.devices.values() if d.name != first.name)
		self.presence.show_engines(first, tuple(others))


def ready(device: Device) -> bool:
	return device.task is None and device.status.state == 'ready'
