"""Knows how fast all transfers together may go: bytes a second, changeable while they run."""

import threading
import time

# How much may come at once after a pause, in seconds of the rate.
BURST = 0.25


class Limiter:
	"""A bucket that fills with `rate` bytes a second; 0 lets everything through."""

	def __init__(self, rate: float = 0):
		self.lock = threading.Lock()
		self.speed = max(0.0, float(rate))
		self.credit = 0.0
		self.filled = time.monotonic()

	@property
	def rate(self) -> float:
		return self.speed

	@rate.setter
	def rate(self, rate: float) -> None:
		with self.lock:
			self.speed = max(0.0, float(rate))
			self.credit = 0.0
			self.filled = time.monotonic()

	def portion(self, most: int) -> int:
		"""How many bytes to ask for at once, so that no single read takes seconds."""
		return min(most, max(4096, int(self.speed * BURST))) if self.speed else most

	def take(self, count: int, stop: threading.Event) -> None:
		"""Waits until `count` bytes that came are paid for, or until `stop` is set."""
		if not self.speed:
			return
		with self.lock:
			if not self.speed:
				return
			now = time.monotonic()
			most = self.speed * BURST
			self.credit = min(most, self.credit + (now - self.filled) * self.speed) - count
			self.filled = now
			wait = -self.credit / self.speed
		if wait > 0:
			stop.wait(wait)
