"""Knows how a file that others wrote is opened: a regular file or none, and no more of it than a
budget. A pipe, a device or a folder that is called like a file never holds anybody up."""

import errno
import os
import stat
from typing import BinaryIO

# What something is that is no regular file.
THINGS = (
	(stat.S_ISDIR, 'a folder'),
	(stat.S_ISFIFO, 'a pipe'),
	(stat.S_ISSOCK, 'a socket'),
	(stat.S_ISBLK, 'a device'),
	(stat.S_ISCHR, 'a device'),
)


class NoFile(OSError):
	"""It is there, and it is no file. `strerror` says what it is, for a sentence."""


class TooMuch(OSError):
	"""It is larger than what may be read of it."""


def open_foreign(path: str | os.PathLike[str]) -> BinaryIO:
	"""For reading, without waiting for anybody. Raises OSError; NoFile for what is no regular file."""
	regular(path)  # first: to open a device can do something to it
	return open(path, 'rb', opener=opened)


def opened(path: str, flags: int) -> int:
	number = os.open(path, flags | getattr(os, 'O_NONBLOCK', 0))
	try:
		check(os.fstat(number).st_mode, path)  # it may be another one by now
	except BaseException:
		os.close(number)
		raise
	return number


def read_foreign(path: str | os.PathLike[str], limit: int) -> bytes:
	"""All of a file that has up to `limit` bytes. Raises OSError; TooMuch for one that has more, also
	where it grows meanwhile."""
	with open_foreign(path) as stream:
		there = os.fstat(stream.fileno()).st_size
		if there <= limit:
			content = stream.read(there + 1)  # as much memory as it needs, not as it may have
			if len(content) > there:
				content += stream.read(limit + 1 - len(content))
			if len(content) <= limit:
				return content
	raise TooMuch(errno.EFBIG, f'it is larger than {size(limit)}', os.fspath(path))


def regular(path: str | os.PathLike[str]) -> os.stat_result:
	"""The size and times of a regular file. Raises OSError; NoFile for what is none."""
	facts = os.stat(path)
	check(facts.st_mode, path)
	return facts


def check(mode: int, path: str | os.PathLike[str]) -> None:
	if stat.S_ISREG(mode):
		return
	what = next((name for test, name in THINGS if test(mode)), 'something else')
	raise NoFile(errno.EINVAL, f'it is {what}, not a file', os.fspath(path))


def size(limit: int) -> str:
	return f'{limit / 1_000_000:,.0f} MB' if limit >= 1_000_000 else f'{limit:,} bytes'
