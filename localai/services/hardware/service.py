"""Hardware, as verbs: how the machine and the engine are now."""

from collections.abc import Callable

from localai.machine import read_memory
from localai.schemas.hardware import EngineStatus, Machine, MemoryReading


class HardwareService:
	"""`status` answers how the engine is."""

	def __init__(self, status: Callable[[], EngineStatus]):
		self.status = status

	def report(self) -> tuple[EngineStatus, MemoryReading]:
		"""The engine, and the main memory."""
		return self.status(), read_memory()

	def machine(self) -> Machine:
		"""The device that draws as it is now. The memory of a graphics card is told by the engine;
		before that nothing is said of it."""
		status = self.status()
		unknown = MemoryReading(free=0, total=0)
		reading = status.memory or (unknown if status.device_kind == 'cuda' else read_memory())
		return Machine(reading=reading, kind=status.device_kind, half=status.dtype or 'bf16')

	def room(self) -> Machine:
		"""What a model could have: what is free and what the engine could let go."""
		machine = self.machine()
		held = sum(model.bytes for model in self.status().held)
		free = min(machine.reading.total, machine.reading.free + held)
		reading = MemoryReading(free=free, total=machine.reading.total)
		return machine.model_copy(update={'reading': reading})
