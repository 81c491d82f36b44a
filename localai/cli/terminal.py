"""Knows how things are said on a terminal: one line that moves, sizes and times in words, errors; and
how the number of a picture is typed."""

import re
import shutil
import sys

from localai.errors import InvalidInput, LocalAIError
from localai.schemas.families import PARTS
from localai.text import escaped, plain

FOUND = 'Use a number from `localai history search`, such as 12.'


class Line:
	"""One line at the bottom of a terminal, written over and over; nothing where there is none."""

	def __init__(self, on: bool):
		self.on = on

	def show(self, text: str) -> None:
		if self.on:
			room = max(20, shutil.get_terminal_size().columns - 1)
			print(f'\r\x1b[K{plain(text, room)}', end='', file=sys.stderr, flush=True)

	def clear(self) -> None:
		if self.on:
			print('\r\x1b[K', end='', file=sys.stderr, flush=True)


def bar(done: float, total: float, width: int = 24) -> str:
	filled = int(width * min(done, total) / total) if total > 0 else 0
	return f'[{"#" * filled}{"." * (width - filled)}]'


def loading(stage: str) -> str:
	"""What comes into memory, as in 'loading the text encoder'."""
	return f'loading the {PARTS[stage]}' if stage in PARTS else f'loading {stage}'.rstrip()


def size(count: float) -> str:
	"""Bytes in words: 2.13 GB, 66 MB, 12 kB."""
	if count > 5e8:
		return f'{count / 1e9:.2f} GB'
	return f'{count / 1e6:.0f} MB' if count > 5e5 else f'{count / 1e3:.0f} kB'


def span(seconds: float) -> str:
	"""Seconds in words: 12 s, 3 min 20 s, 2 h 5 min."""
	whole = round(seconds)
	if whole < 60:
		return f'{whole} s'
	if whole < 3600:
		return f'{whole // 60} min {whole % 60} s'
	return f'{whole // 3600} h {whole % 3600 // 60} min'


def counted(count: int, one: str, many: str = '') -> str:
	return f'{count:,} {one if count == 1 else many or one + "s"}'


def number(text: str) -> int:
	"""The number of a picture. Raises InvalidInput."""
	if not re.fullmatch(r'[0-9]{1,18}', text.strip()):
		raise InvalidInput(f'{plain(text, 40)!r} is not a picture number.', FOUND, 'picture')
	return int(text)


def complain(error: LocalAIError) -> None:
	lines = [f'error: {error.message}', *([error.remedy] if error.remedy else [])]
	note('\n'.join(lines))


def note(text: str) -> None:
	print(escaped(text), file=sys.stderr)
