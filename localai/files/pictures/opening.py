"""Knows how the pixels of a picture that anybody may have made are opened: within a budget of pixels
and memory, and without what else its file says being in the way.

Whatever in this app decodes a picture of others does it here.
"""

import io
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from localai.errors import InvalidInput
from localai.files.foreign import read_foreign
from localai.files.pictures.chunks import PNG_SIGNATURE, Contents, damaged

FORMATS = ('PNG', 'JPEG', 'WEBP')
BYTES = 256 * 1024**2  # of a file
PIXELS = 178_956_970  # of a picture; from here on Pillow takes it for an attack
LARGE = 32_000_000  # pixels; of pictures with more only one is decoded at a time
ONE = threading.RLock()
DENSEST = 1032  # times that a deflate stream may grow; its format allows no more
# What a decoder says of bytes that are not what they claim.
UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error, LookupError)
# Chunks of a PNG beside the critical ones that are looked at: what is seen through, which way is up.
MEANT = (b'tRNS', b'eXIf')


def examine(data: bytes, contents: Contents) -> None:
	"""Whether this app can show what was read of a file. Raises InvalidInput, with one sentence."""
	wide, high = contents.width, contents.height
	if wide * high > PIXELS:
		raise InvalidInput(
			f'It says that it is {wide:,} x {high:,} pixels large. Pictures of up to '
			f'{PIXELS // 1_000_000} megapixels can be shown.',
			'Choose a smaller copy of it.',
		)
	if contents.media_type != 'image/png':
		return
	if high * (1 + -(-wide * contents.bits // 8)) > DENSEST * contents.packed:
		raise damaged()
	for name, place, end in chunks_of(data):
		if critical(name) and not sound(data, place, end):
			raise damaged()


@contextmanager
def opened(source: Path | bytes, side: int = 0) -> Iterator[Image.Image]:
	"""A picture whose pixels are not decoded yet; where only a small one is needed, of about `side`
	pixels, a JPEG is decoded smaller. Raises what is in UNREADABLE."""
	data = source if isinstance(source, bytes) else read_foreign(source, BYTES)
	if data.startswith(PNG_SIGNATURE):
		data = bare(data)
	elif data.startswith(b'\xff\xd8') and not data.endswith(b'\xff\xd9'):
		data += b'\xff\xd9'  # what is there of it can be seen
	try:
		with Image.open(io.BytesIO(data), formats=FORMATS) as image:
			if image.width * image.height > PIXELS:
				raise ValueError('too many pixels')
			if side:
				image.draft('RGB', (side, side))
			if image.width * image.height <= LARGE:
				yield image
			else:
				with ONE:
					yield image
	except Image.DecompressionBombError as error:
		raise ValueError(str(error)) from error


def bare(data: bytes) -> bytes:
	"""A PNG with its pixels alone: a text that is damaged, or endless, is in nobody's way."""
	parts: list[bytes | memoryview] = [PNG_SIGNATURE]
	view = memoryview(data)
	for name, place, end in chunks_of(data):
		if critical(name) or (name in MEANT and sound(data, place, end)):
			parts.append(view[place:end])
	return b''.join(parts)


def chunks_of(data: bytes) -> Iterator[tuple[bytes, int, int]]:
	"""Name, beginning and end of each chunk, up to the last one or where the file ends."""
	place = len(PNG_SIGNATURE)
	while place + 12 <= len(data):
		length, name = struct.unpack_from('>I4s', data, place)
		end = place + 12 + length
		if end > len(data):
			return
		yield name, place, end
		if name == b'IEND':
			return
		place = end


def critical(name: bytes) -> bool:
	"""Without it there is no picture: its name begins with a capital letter."""
	return not name[0] & 0x20


def sound(data: bytes, place: int, end: int) -> bool:
	"""Whether the checksum of a chunk is right."""
	view = memoryview(data)
	return zlib.crc32(view[place + 4 : end - 4]) == int.from_bytes(view[end - 4 : end])
