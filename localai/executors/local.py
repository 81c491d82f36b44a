"""The default executor: on this machine, one engine process for each device."""

from collections.abc import Sequence
from typing import Self

from localai.executors.base import OnEvent, OnStatus
from localai.executors.process import EngineProcess
from localai.schemas import engine as say
from localai.schemas.hardware import PrecisionWish
from localai.schemas.jobs import StopMode
from localai.settings import Settings


class LocalExecutor:
	"""`devices` as `engine.devices` reads them: 'auto', 'cpu', 'cuda:1'. `warm` are the bytes that
	models may take on each, -1 for its own share; `precision` is what they compute in."""

	def __init__(self, devices: Sequence[str], warm: int = -1, precision: PrecisionWish = 'auto'):
		self.processes = {
			device: EngineProcess(device, warm=warm, precision=precision) for device in devices
		}

	@classmethod
	def of(cls, settings: Settings) -> Self:
		return cls((settings.device,), settings.warm_bytes, settings.precision)

	@property
	def devices(self) -> tuple[str, ...]:
		return tuple(self.processes)

	def launch(self) -> None:
		"""Begins to come up before anybody can listen, who then hears all of it. The processes end with
		ours."""
		for process in self.processes.values():
			process.launch()

	def start(self, on_event: OnEvent, on_status: OnStatus) -> None:
		for process in self.processes.values():
			process.start(on_event, on_status)

	def submit(self, task: say.Task, device: str) -> None:
		self.processes[device].submit(task)

	def stop(self, job_id: str, mode: StopMode, picture: int = 0) -> None:
		for process in self.processes.values():  # only the one that works on it listens
			process.stop(job_id, mode, picture)

	def close(self) -> None:
		for process in self.processes.values():
			process.ask_to_end()
		for process in self.processes.values():
			process.close()
