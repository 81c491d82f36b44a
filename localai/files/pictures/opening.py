"""Knows how the pixels of a picture that anybody may have made are opened: within a budget of pixels
and memory, and without what else its file says being in the way.

Whatever in this app decodes a picture of others does it here.
"""

import io
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from localai.errors import InvalidInput
from localai.files.foreign import read_foreign
from localai.files.pictures.chunks import PNG_SIGNATURE, Contents, damaged, read_contents

# By their own classes: Pillow's own limit is one for all programs, and lower than what phones take.
DECODERS = {'image/png': PngImageFile, 'image/jpeg': JpegImageFile, 'image/webp': WebPImageFile}
BYTES = 256 * 1024**2  # of a file
PIXELS = 2**28  # of a picture; a GB while it is decoded
LARGE = 32_000_000  # pixels; of pictures with more only one is decoded at a time
ONE = threading.RLock()
JPEG_END = b'\xff\xd9'
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
			f'It claims to be {wide:,} x {high:,} pixels; '
			f'LocalAI can show pictures of up to {PIXELS // 1_000_000} megapixels.',
			'Use a smaller copy.',
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
	try:
		contents = read_contents(data)
	except InvalidInput as error:
		raise ValueError(error.message) from error
	pixels = contents.width * contents.height
	if pixels > PIXELS:
		raise ValueError('too many pixels')
	if contents.media_type == 'image/png':
		data = bare(data)
	elif contents.media_type == 'image/jpeg' and not data.endswith(JPEG_END):
		data += JPEG_END  # what is there of it can be seen
	with (
		nullcontext() if pixels <= LARGE else ONE,
		DECODERS[contents.media_type](io.BytesIO(data)) as image,
	):
		if side:
			image.draft('RGB', (side, side))
		yield image


def shrunk(source: Path | bytes, side: int) -> Image.Image:
	"""Upright, within a square of `side` pixels; small pictures are not blown up. Raises what is in
	UNREADABLE."""
	with opened(source, side) as image:
		image.load()
		small: Image.Image = image
		step = min(image.size) // (8 * side)
		if image.width * image.height > LARGE and step > 1:
			# roughly at first, without a second one of that size in memory
			small = image.resize(
				(image.width // step, image.height // step), Image.Resampling.NEAREST
			)
		small.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
		return ImageOps.exif_transpose(small)


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
