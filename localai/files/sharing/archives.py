"""Knows how files become a zip while it is being read, one file in memory at a time, and which names
files may have in one."""

import io
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
	from _typeshed import ReadableBuffer

NEUTRAL = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip can name
NAME_BYTES = 180
RESERVED = re.compile(r'(con|prn|aux|nul|com\d|lpt\d)(\.|$)', re.I)


class Member(NamedTuple):
	"""A file of an archive. Texts are packed, pictures are so already. None is no time at all."""

	name: str
	content: bytes | Path | Iterable[bytes]
	when: datetime | None = None
	packed: bool = False


def stream(members: Iterable[Member]) -> Iterator[bytes]:
	"""The bytes of a zip. Sizes stand in front of each file, so that every reader takes it."""
	sink = Sink()
	with zipfile.ZipFile(sink, 'w', allowZip64=True) as archive:
		for member in members:
			add(archive, member)
			yield sink.take()
	yield sink.take()


def add(archive: zipfile.ZipFile, member: Member) -> None:
	local = member.when and member.when.astimezone().timetuple()[:6]
	# A zip knows the years from 1980 to 2107.
	when = local if local and 1980 <= local[0] <= 2107 else NEUTRAL
	info = zipfile.ZipInfo(plain_name(member.name), when)
	info.create_system = 3  # the same from every machine
	info.external_attr = 0o644 << 16
	info.compress_type = zipfile.ZIP_DEFLATED if member.packed else zipfile.ZIP_STORED
	content = member.content.read_bytes() if isinstance(member.content, Path) else member.content
	if isinstance(content, bytes):
		archive.writestr(info, content)
		return
	with archive.open(info, 'w', force_zip64=True) as file:
		for piece in content:
			file.write(piece)


class Sink(io.RawIOBase):
	"""A file that can be written and, up to the last `take`, corrected; what was taken is gone."""

	def __init__(self) -> None:
		super().__init__()
		self.taken = 0
		self.buffer = io.BytesIO()

	def writable(self) -> bool:
		return True

	def seekable(self) -> bool:
		return True

	def write(self, data: 'ReadableBuffer') -> int:
		return self.buffer.write(data)

	def tell(self) -> int:
		return self.taken + self.buffer.tell()

	def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
		if whence == io.SEEK_SET:
			offset -= self.taken
			if offset < 0:
				raise io.UnsupportedOperation('that part has left already')
		return self.taken + self.buffer.seek(offset, whence)

	def take(self) -> bytes:
		data = self.buffer.getvalue()
		self.taken += len(data)
		self.buffer = io.BytesIO()
		return data


def plain_name(name: str) -> str:
	"""A file name that every system takes, and that leads nowhere else."""
	name = unicodedata.normalize('NFC', name.encode('utf-8', 'replace').decode('utf-8'))
	name = ''.join('_' if unicodedata.category(c)[0] == 'C' else c for c in name)
	name = re.sub(r'[<>:"/\\|?*]', '_', name).strip(' .')
	if RESERVED.match(name):
		name = f'_{name}'
	stem, dot, suffix = name.rpartition('.')
	if not dot or len(suffix) > 10:
		stem, suffix = name, ''
	stem = stem.encode()[:NAME_BYTES].decode('utf-8', 'ignore').strip(' .')
	return f'{stem or "file"}.{suffix}' if suffix else stem or 'file'


def numbered(name: str, number: int) -> str:
	"""`a.png` the second time: `a (2).png`."""
	if number < 2:
		return name
	path = Path(name)
	return f'{path.stem} ({number}){path.suffix}'
