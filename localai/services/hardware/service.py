"""Hardware, as verbs: how the machine and the engine are now."""

from collections.abc import Callable

import psutil

from localai.schemas.hardware import EngineStatus, MemoryReading
from localai.services.hardware.fit import Machine


class HardwareService:
	"""`status` answers how the engine is."""

	def __init__(self, status: Callable[[], EngineStatus]):
		self.status = status

	def report(self) -> tuple[EngineStatus, MemoryReading]:
		memory = psutil.virtual_memory()
		return self.status(), MemoryReading(free=memory.available, total=memory.total)

	def room(self) -> Machine:
		"""What a model could have: what is free and what the engine could let go. The memory of a
		graphics card is not known here, and nothing is said of it."""
		status, memory = self.report()
		if status.device not in ('', 'CPU', 'Apple GPU', 'Fake'):
			return Machine(MemoryReading(free=0, total=0), status.device)
		free = min(memory.total, memory.free + sum(model.bytes for model in status.held))
		return Machine(MemoryReading(free=free, total=memory.total), status.device)
