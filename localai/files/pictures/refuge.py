"""Knows where a picture waits that its own disk refused: in a folder of the system's temporary files that
nobody else can read, found again by whoever has the home."""

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

from localai.errors import StorageProblem
from localai.files.pictures.writing import files_in, write_whole


class Refuge:
	def __init__(self, home: Path, place: Path | None = None):
		name = blake2b(os.fsencode(home), digest_size=6).hexdigest()
		self.folder = (place or Path(tempfile.gettempdir())) / f'localai-rescued-{name}'

	def take(self, name: str, data: bytes) -> Path:
		"""Raises StorageProblem."""
		with contextlib.suppress(OSError):
			self.folder.mkdir(mode=0o700)
		if not self.private():
			raise StorageProblem(f'{self.folder} belongs to another user.')
		path = self.folder / name
		write_whole(path, data)
		return path

	def waiting(self) -> Iterator[tuple[Path, bytes]]:
		if self.private():
			for path in files_in(self.folder):
				with contextlib.suppress(OSError):
					yield path, path.read_bytes()

	def private(self) -> bool:
		"""Anybody may make a folder of this name there before us."""
		try:
			about = self.folder.lstat()
		except OSError:
			return False
		if os.name != 'posix':
			return stat.S_ISDIR(about.st_mode)
		closed = stat.S_ISDIR(about.st_mode) and not about.st_mode & 0o077
		return closed and about.st_uid == os.getuid()

	def leave(self, path: Path) -> None:
		with contextlib.suppress(OSError):
			path.unlink()
			self.folder.rmdir()
