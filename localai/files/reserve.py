"""Knows a file that is there to be given up: when the disk is full, its room is for what must not fail,
which is to delete, and to keep what was drawn."""

import contextlib
import logging
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger('localai.home')
SIZE = 32_000_000
# Less than so much is a full disk: a database that writes a few rows needs some of it.
LOW = 8_000_000
# So much stays free when the room is taken back on a full disk.
LEFT = 1_000_000
BLOCK = 1_000_000


class Reserve:
	def __init__(self, path: Path, size: int = SIZE):
		self.path = path
		self.size = size
		self.lock = threading.Lock()
		self.lenders = 0
		self.lent_size = 0
		self.said = False

	def free(self) -> int:
		return shutil.disk_usage(self.path.parent).free

	def has(self) -> int:
		try:
			return self.path.stat().st_size
		except OSError:
			return 0

	@contextlib.contextmanager
	def lent(self) -> Iterator[None]:
		"""While the disk is full its room is free here; afterwards what is left of it is taken back."""
		with self.lock:
			self.lenders += 1
			self.lent_size = max(self.lent_size, self.give_up())
		try:
			yield
		finally:
			with self.lock:
				self.lenders -= 1
				if not self.lenders and self.lent_size:
					with contextlib.suppress(OSError):
						self.grow(min(self.lent_size, self.free() - LEFT))
					self.lent_size = 0

	def give_up(self) -> int:
		"""Where the disk is full. Returns the bytes that came free."""
		with contextlib.suppress(OSError):
			size = self.has()
			if size and self.free() < LOW:
				self.path.unlink()
				if not self.said:
					log.warning(
						'the disk is full: using the last %s MB, kept in reserve', size // 1_000_000
					)
				self.said = True
				return size
		return 0

	def fill(self) -> None:
		"""Never more than a quarter of what is free."""
		with self.lock, contextlib.suppress(OSError):
			if not self.lent_size:
				self.grow(min(self.size, self.has() + self.free() // 4))

	def grow(self, size: int) -> None:
		"""With blocks of its own: a file that is only long takes no room from anybody."""
		with open(self.path, 'ab') as file:
			if file.tell() >= size:
				return
			if hasattr(os, 'posix_fallocate'):
				os.posix_fallocate(file.fileno(), 0, size)
			while (missing := size - file.seek(0, os.SEEK_END)) > 0:
				file.write(os.urandom(min(BLOCK, missing)))
