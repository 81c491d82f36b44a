"""Knows how any number of followers see the latest value at once and each change after it, from
threads or from asyncio."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Generic, TypeVar

Value = TypeVar('Value')
# So many values a second go to all together who follow one feed in asyncio: the more look on, the fewer
# of those in between each of them sees.
MOST = 200


class Feed(Generic[Value]):
	"""Latest wins: a slow follower misses what lay between, never the last. `close` ends every
	following."""

	def __init__(self, value: Value):
		self.value = value
		self.version = 0
		self.closed = False
		self.changed = threading.Condition()
		self.wakers: set[Callable[[], None]] = set()

	def publish(self, value: Value, last: bool = False) -> None:
		with self.changed:
			self.value = value
			self.version += 1
			self.closed = self.closed or last
			self.changed.notify_all()
			wakers = list(self.wakers)
		for wake in wakers:
			wake()

	def close(self) -> None:
		self.publish(self.value, last=True)

	def follow(self, beat: float | None = None) -> Iterator[Value]:
		"""Blocks between values; repeats the latest after `beat` quiet seconds."""
		seen = -1
		while True:
			with self.changed:
				end = None if beat is None else time.monotonic() + beat
				while self.version == seen and not self.closed:
					# Short waits, so that Ctrl+C is heard on every system.
					self.changed.wait(0.5)
					if end is not None and time.monotonic() > end:
						break
				if self.version == seen and self.closed:
					return
				seen, value = self.version, self.value
			yield value

	async def follow_async(self, beat: float | None = None) -> AsyncIterator[Value]:
		"""The same for asyncio, without a thread."""
		loop, changed = asyncio.get_running_loop(), asyncio.Event()

		def wake() -> None:
			try:
				loop.call_soon_threadsafe(changed.set)
			except RuntimeError:  # that loop is gone
				self.wakers.discard(wake)

		with self.changed:
			self.wakers.add(wake)
		try:
			seen = -1
			while True:
				changed.clear()
				with self.changed:
					version, value, closed = self.version, self.value, self.closed
				if version != seen:
					seen = version
					yield value
					if not closed:
						await asyncio.sleep(len(self.wakers) / MOST)
					continue
				if closed:
					return
				try:
					await asyncio.wait_for(changed.wait(), beat)
				except TimeoutError:
					yield self.value
		finally:
			with self.changed:
				self.wakers.discard(wake)
