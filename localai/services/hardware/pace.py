"""Knows about how long a picture takes on this machine, also with a model that never drew here."""

import math
from collections.abc import Callable
from statistics import median

from localai.schemas.hardware import DeviceKind, EngineStatus
from localai.schemas.operations import operations
from localai.store.history import History

# What drawing reaches of the speed that was measured with one large product of matrices. On a CPU as
# measured with SD 1 in both precisions; elsewhere what others published of theirs.
REACHED: dict[DeviceKind, float] = {'cpu': 0.6, 'mps': 0.4, 'cuda': 0.4}
# Operations a second of a plain device of each kind: what is sorted by while nothing was measured.
# Nobody is told a time that follows from these.
PLAIN: dict[DeviceKind, float] = {'cpu': 2.5e11, 'mps': 2e12, 'cuda': 1.5e13}
# Times as they are said: nobody knows better than this.
LADDER = (1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 120, 180, 300, 600, 900, 1200, 1800, 2700, 3600)
HOUR = 3600


class Pace:
	def __init__(self, status: Callable[[], EngineStatus], history: History):
		self.status = status
		self.history = history

	def speed(self) -> float:
		"""Operations a second as pictures are drawn: what this device took lately, else what follows
		from its measured speed; 0 as long as nothing is known."""
		status = self.status()
		rates = [
			operations(p.family, (p.width, p.height), p.steps, p.guidance_scale, p.sampler)
			/ p.seconds
			for p in self.history.lately(status.device)
		]
		if any(rates):
			return median(rate for rate in rates if rate)
		return status.speed * REACHED[status.device_kind]

	def plain(self) -> float:
		return PLAIN[self.status().device_kind]


def about(seconds: float) -> float:
	"""The nearest time that can be said without a claim to know it exactly."""
	if seconds > LADDER[-1]:
		return round(seconds / HOUR * 2) * HOUR / 2
	return min(LADDER, key=lambda step: abs(math.log(step / max(seconds, 0.1))))
