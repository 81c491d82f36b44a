"""What LocalAI does for itself, in one thread: once after a start, every minute, and every day."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from localai.errors import LocalAIError

log = logging.getLogger('localai.upkeep')
MINUTE, DAY = 60.0, 86_400.0
Step = Callable[[], object]


class Upkeep:
	"""The daily steps are also done at a start. What fails is said, and the others are done."""

	def __init__(self, first: Sequence[Step], minutely: Sequence[Step], daily: Sequence[Step]):
		self.first = first
		self.minutely = minutely
		self.daily = daily
		self.thread: threading.Thread | None = None
		self.closed = threading.Event()
		# Set as soon as all that follows a start is done.
		self.settled = threading.Event()

	def open(self) -> None:
		self.thread = threading.Thread(target=self.run, name='upkeep', daemon=True)
		self.thread.start()

	def run(self) -> None:
		self.do((*self.first, *self.minutely, *self.daily))
		self.settled.set()
		due = time.monotonic() + DAY
		while not self.closed.wait(MINUTE):
			self.do(self.minutely)
			if time.monotonic() >= due:
				self.do(self.daily)
				due = time.monotonic() + DAY

	def do(self, steps: Sequence[Step]) -> None:
		for step in steps:
			try:
				step()
			except LocalAIError as error:
				log.warning('tidying the home folder failed: %s', error)
			except Exception:
				log.exception('tidying the home folder failed')

	def close(self) -> None:
		self.closed.set()
		if self.thread:
			self.thread.join(5)
