"""Knows how text from outside becomes text of ours, which a database, JSON, a log and a terminal all
take; imports nothing of ours."""

import logging
import re
from typing import Any

# All but tab and line feed; those from 80 to 9F steer some terminals too.
CONTROL = re.compile(r'[\x00-\x08\x0b-\x1f\x7f-\x9f]')
DEPTH = 100  # of lists within lists


def sound(text: str) -> str:
	"""The same text where it is whole. Half letters (lone surrogates), as in a file name that is not
	UTF-8 or an emoji that was cut, cannot be stored or sent: each becomes U+FFFD."""
	if text.isascii():
		return text
	try:
		text.encode()
		return text
	except UnicodeEncodeError:
		return text.encode('utf-16-le', 'surrogatepass').decode('utf-16-le', 'replace')


def clean(text: str) -> str:
	"""Text in lines, as it can be kept and shown: sound, and without control characters."""
	text = sound(text).replace('\r\n', '\n').replace('\r', '\n')
	return CONTROL.sub(' ', text).strip()


def plain(text: object, most: int = 0) -> str:
	"""Anything on one line, without what a terminal would obey or a reader would not see; cut to
	`most` letters. Also of a path."""
	letters = ''.join(c if c.isprintable() else ' ' for c in sound(str(text)))
	line = ' '.join(letters.split())
	return line if not most or len(line) <= most else f'{line[: most - 1]}…'


def escaped(text: str) -> str:
	"""Text for a log or a traceback: nothing of it is lost, and nothing steers a terminal."""
	return CONTROL.sub(lambda found: f'\\x{ord(found[0]):02x}', sound(text))


def is_sound(value: object) -> bool:
	"""Whether every text in a value of JSON is whole."""
	left: list[object] = [value]
	while left:
		one = left.pop()
		if isinstance(one, str):
			if sound(one) is not one:
				return False
		elif isinstance(one, dict):
			left += [*one.keys(), *one.values()]
		elif isinstance(one, list | tuple):
			left += one
	return True


def sound_all(value: Any, depth: int = 0) -> Any:
	"""A value of JSON with every text in it whole; what lies deeper than anything of ours is
	nothing."""
	if isinstance(value, str):
		return sound(value)
	if depth > DEPTH:
		return None
	if isinstance(value, dict):
		return {sound_all(k): sound_all(one, depth + 1) for k, one in value.items()}
	if type(value) in (list, tuple):
		return type(value)(sound_all(one, depth + 1) for one in value)
	return value


class OneLine(logging.Formatter):
	"""An event on one line, whatever is in it; its traceback stands below."""

	def formatMessage(self, record: logging.LogRecord) -> str:
		return super().formatMessage(record).replace('\r', '\n').replace('\n', '\\n')

	def format(self, record: logging.LogRecord) -> str:
		return escaped(super().format(record))
