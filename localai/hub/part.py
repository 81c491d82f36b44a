"""Knows a file that is not whole yet: its bytes, which of them are there, and their hash as they come."""

import errno
import hashlib
import io
import mmap
import struct
import threading
from contextlib import suppress
from pathlib import Path

from localai.errors import DiskFull, StorageProblem

# What the system calls a disk without room; the second is a quota.
FULL = (errno.ENOSPC, getattr(errno, 'EDQUOT', errno.ENOSPC))
# What one request asks for. How much of it has come is written down with every block.
UNIT = 16 << 20
BLOCK = 1 << 19
# How much of what lies on the disk already is hashed between two blocks from the network.
CATCH_UP = 32 << 20
HEAD = struct.Struct('<8sQQ32s8x')
MAGIC = b'LAIPART1'


class Part:
	"""`<target>.localai-part` holds the bytes where they belong, `<target>.localai-map` how many of each unit
	are there. Both outlive a kill; `identity` tells whether they are of the same content."""

	def __init__(self, target: Path, size: int, identity: str = ''):
		self.path = target.with_name(target.name + '.localai-part')
		self.journal = target.with_name(target.name + '.localai-map')
		self.size = size
		self.count = -(-size // UNIT)
		self.identity = hashlib.sha256(f'{identity} {size}'.encode()).digest()
		self.map: mmap.mmap | None = None
		self.done = memoryview(bytearray(4 * self.count)).cast('I')

	@property
	def came(self) -> int:
		return sum(self.done)

	def length(self, unit: int) -> int:
		return min(UNIT, self.size - unit * UNIT)

	def missing(self) -> list[int]:
		return [u for u in range(self.count) if self.done[u] < self.length(u)]

	def read(self) -> bytes:
		"""The journal when it is of this content, b'' otherwise."""
		try:
			content = self.journal.read_bytes()
			there = self.path.stat().st_size
		except OSError:
			return b''
		head = HEAD.pack(MAGIC, self.size, UNIT, self.identity)
		if len(content) != HEAD.size + 4 * self.count or not content.startswith(head):
			return b''
		counts = memoryview(bytearray(content[HEAD.size :])).cast('I')
		for unit in range(self.count):  # never more than lies there
			counts[unit] = max(0, min(counts[unit], self.length(unit), there - unit * UNIT))
		return bytes(counts)

	def peek(self) -> int:
		"""Bytes that are there, without opening anything."""
		counts = self.read()
		return sum(memoryview(counts).cast('I')) if counts else 0

	def open(self) -> 'Part':
		"""Takes up what is there, or begins."""
		with guard(self.path):
			self.path.parent.mkdir(parents=True, exist_ok=True)
			counts = self.read()
			if not counts:
				self.remove()
				self.path.touch()
				counts = bytes(4 * self.count)
				head = HEAD.pack(MAGIC, self.size, UNIT, self.identity)
				self.journal.write_bytes(head + counts)
			with open(self.journal, 'r+b') as file:
				self.map = mmap.mmap(file.fileno(), 0)
		self.map[HEAD.size :] = counts
		self.done = memoryview(self.map)[HEAD.size :].cast('I')
		return self

	def put(self, file: io.FileIO, position: int, block: memoryview) -> int:
		"""Writes what is new of a block that begins at `position`; the bytes that were."""
		fresh = 0
		while block:
			unit, begin = divmod(position, UNIT)
			piece = block[: UNIT - begin]
			new = begin + len(piece) - self.done[unit]
			if new > 0 and begin <= self.done[unit]:
				with guard(self.path):
					file.seek(position + len(piece) - new)
					rest = piece[len(piece) - new :]
					while rest:
						rest = rest[file.write(rest) :]
				# After the bytes: what is written down is there, also after a kill.
				self.done[unit] = begin + len(piece)
				fresh += new
			position += len(piece)
			block = block[len(piece) :]
		return fresh

	def close(self) -> None:
		if self.map is not None:
			held, self.done = (
				self.done,
				memoryview(bytes(self.done)).cast('I') if self.count else self.done,
			)
			held.release()
			self.map.close()
			self.map = None

	def remove(self) -> None:
		self.close()
		for file in (self.path, self.journal):
			with suppress(FileNotFoundError):
				file.unlink()

	def move(self, target: Path) -> None:
		"""Makes it visible under its own name."""
		self.close()
		with guard(target):
			target.parent.mkdir(parents=True, exist_ok=True)
			self.path.replace(target)
		self.journal.unlink(missing_ok=True)


class Digest:
	"""The hash of a part in the order of its bytes, fed from what is still in the cache of the processor.

	`git` hashes as git names a blob (https://git-scm.com/book/en/v2/Git-Internals-Git-Objects).
	"""

	def __init__(self, part: Part, git: bool = False):
		self.part = part
		self.hash = hashlib.sha1(f'blob {part.size}\0'.encode()) if git else hashlib.sha256()
		self.position = 0
		self.lock = threading.Lock()

	def follow(self, file: io.FileIO, position: int, block: memoryview) -> None:
		"""Takes a block at `position` when its turn has come; if it is a little behind, catches up from the file.
		Nobody waits for it."""
		if not self.lock.acquire(blocking=False):
			return
		try:
			if self.position < position:
				self.read_on(file, min(self.frontier(), position, self.position + CATCH_UP))
			if self.position == position:
				self.hash.update(block)
				self.position += len(block)
		finally:
			self.lock.release()

	def frontier(self) -> int:
		"""Up to where everything is there."""
		unit = self.position // UNIT
		while unit < self.part.count and self.part.done[unit] == self.part.length(unit):
			unit += 1
		return min(
			self.part.size, unit * UNIT + (self.part.done[unit] if unit < self.part.count else 0)
		)

	def read_on(self, file: io.FileIO, end: int, halt: threading.Event | None = None) -> None:
		buffer = memoryview(bytearray(min(BLOCK, max(1, end - self.position))))
		with guard(self.part.path):
			file.seek(self.position)
			while self.position < end and not (halt and halt.is_set()):
				count = file.readinto(buffer[: end - self.position])
				if not count:
					return
				self.hash.update(buffer[:count])
				self.position += count

	def finish(self, halt: threading.Event) -> str:
		"""The hash of the whole file as hexadecimal digits, '' when it was halted before."""
		with self.lock:
			if self.position < self.part.size:
				with open(self.part.path, 'rb', buffering=0) as file:
					self.read_on(file, self.part.size, halt)
			return self.hash.hexdigest() if self.position == self.part.size else ''


class guard:
	"""What the disk refuses becomes ours: DiskFull, StorageProblem."""

	def __init__(self, path: Path):
		self.path = path

	def __enter__(self) -> None:
		pass

	def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
		if not isinstance(error, OSError):
			return
		if error.errno in FULL:
			raise DiskFull(
				f'The disk holding {self.path.parent} is full.',
				'Free some space, then resume; what was downloaded is kept.',
			) from error
		raise StorageProblem(
			f'LocalAI cannot write to {self.path}: {error.strerror or error}.',
			'Give it permission to write there, then resume.',
		) from error
