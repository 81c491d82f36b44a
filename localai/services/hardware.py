"""Hardware, as verbs: how the machine and the engine are now."""

from collections.abc import Callable

import psutil

from localai.schemas.hardware import EngineStatus, MemoryReading


class HardwareService:
	"""`status` answers how the engine is."""

	def __init__(self, status: Callable[[], EngineStatus]):
		self.status = status

	def report(self) -> tuple[EngineStatus, MemoryReading]:
		memory = psutil.virtual_memory()
		return self.status(), MemoryReading(free=memory.available, total=memory.total)
