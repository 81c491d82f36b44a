"""Knows the settings that hide in the lowest bits of a picture's pixels, as NovelAI, Forge and SwarmUI
put them there.

Layout: column by column, one bit of alpha or three of red, green and blue for each pixel: a name of
15 letters, 32 bits with the number of bits that follow, then the text, plain or packed by gzip.
"""

import zlib
from pathlib import Path

import numpy

from localai.files.pictures.chunks import Contents
from localai.files.pictures.foreign.values import clean, mapping, words
from localai.files.pictures.opening import opened

# Name -> channels, and whether the text is packed.
SIGNATURES = {
	b'stealth_pnginfo': ('alpha', False),
	b'stealth_pngcomp': ('alpha', True),
	b'stealth_rgbinfo': ('rgb', False),
	b'stealth_rgbcomp': ('rgb', True),
}
HEAD = 19  # bytes: the name and the length
PIXELS = 32_000_000  # no larger picture is decoded for this
LIMIT = 4 * 2**20  # bytes of a text


def read_hidden(source: Path | bytes, contents: Contents) -> dict[str, str]:
	"""The hidden texts of a picture; {} where there are none."""
	if contents.media_type == 'image/jpeg' or contents.width * contents.height > PIXELS:
		return {}
	pixels = decoded(source)
	if pixels is None:
		return {}
	for mode, plane in (('alpha', pixels[:, :, 3:]), ('rgb', pixels[:, :, :3])):
		data = read_plane(plane, mode)
		if data:
			return texts_of(data)
	return {}


def decoded(source: Path | bytes) -> numpy.ndarray | None:
	"""Height, width and channels of a picture with the colours as they are; None of any other."""
	try:
		with opened(source) as image:
			if image.mode not in ('RGB', 'RGBA') or image.width * image.height > PIXELS:
				return None
			return numpy.asarray(image)
	except Exception:  # whatever a decoder says of bytes that are not what they claim
		return None


def read_plane(plane: numpy.ndarray, mode: str) -> bytes:
	"""What hides in these channels; the name is looked at before anything else is gathered."""
	height, width, channels = plane.shape
	if not channels or height * width * channels < HEAD * 8:
		return b''
	head = gather(plane, 0, HEAD)
	kind, packed = SIGNATURES.get(head[:15], ('', False))
	length = int.from_bytes(head[15:]) // 8
	if kind != mode or not 0 < length <= min(LIMIT, height * width * channels // 8 - HEAD):
		return b''
	data = gather(plane, HEAD, HEAD + length)
	if not packed:
		return data
	try:
		return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, LIMIT)
	except zlib.error:
		return b''


def gather(plane: numpy.ndarray, start: int, end: int) -> bytes:
	"""Bytes of the stream of lowest bits, columns first; only the columns that hold them are read."""
	height, _, channels = plane.shape
	column = height * channels
	first, last = start * 8 // column, -(-end * 8 // column)
	bits = (plane[:, first:last] & 1).transpose(1, 0, 2).ravel()
	begin = start * 8 - first * column
	return numpy.packbits(bits[begin : begin + (end - start) * 8]).tobytes()


def texts_of(data: bytes) -> dict[str, str]:
	"""NovelAI hides the texts of a PNG as one JSON object, the others their `parameters`."""
	text = clean(data.decode('utf-8', 'ignore'), LIMIT)
	found = mapping(text)
	if found and 'Comment' in found:
		return {str(k)[:79]: v if isinstance(v, str) else words(v, LIMIT) for k, v in found.items()}
	return {'parameters': text} if text else {}
