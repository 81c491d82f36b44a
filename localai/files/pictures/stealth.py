"""Knows the settings that hide in the lowest bits of a picture's pixels, as NovelAI, Forge and SwarmUI
put them there.

Layout: column by column, one bit of alpha or three of red, green and blue for each pixel: a name of
15 letters, 32 bits with the number of bits that follow, then the text, plain or packed by gzip.
"""

import struct
import zlib
from pathlib import Path

import numpy

from localai.files.foreign import read_foreign
from localai.files.pictures.chunks import CHANNELS, Contents
from localai.files.pictures.foreign.values import clean, mapping, words
from localai.files.pictures.opening import BYTES, chunks_of, opened

# Name -> channels, and whether the text is packed.
SIGNATURES = {
	b'stealth_pnginfo': ('alpha', False),
	b'stealth_pngcomp': ('alpha', True),
	b'stealth_rgbinfo': ('rgb', False),
	b'stealth_rgbcomp': ('rgb', True),
}
ROWS = 120  # of which one bit each makes a name
SHARES = {2: 1, 3: 0.5, 4: 1}  # of the pixel above, by the filter of a row
HEAD = 19  # bytes: the name and the length
PIXELS = 32_000_000  # no larger picture is decoded for this
LIMIT = 4 * 2**20  # bytes of a text


def read_hidden(source: Path | bytes, contents: Contents) -> dict[str, str]:
	"""The hidden texts of a picture; {} where there are none."""
	if not contents.lossless or contents.width * contents.height > PIXELS:
		return {}
	try:
		file = source if isinstance(source, bytes) else read_foreign(source, BYTES)
	except OSError:
		return {}
	png = contents.media_type == 'image/png'
	pixels = decoded(file) if not png or may_hide(file) else None
	if pixels is None:
		return {}
	for mode, plane in (('alpha', pixels[:, :, 3:]), ('rgb', pixels[:, :, :3])):
		data = read_plane(plane, mode)
		if data:
			return texts_of(data)
	return {}


def may_hide(data: bytes) -> bool:
	"""Whether to look at all pixels of a PNG, from those of its first column, where a name would begin.
	They can be told without the others: there every filter asks only for the pixel above."""
	width, _, depth, colour, _, _, interlaced = struct.unpack('>IIBBBBB', data[16:29])
	channels = CHANNELS.get(colour, 0)
	if depth != 8 or channels < 3 or interlaced:
		return depth == 8 and channels >= 3
	# 1. As many rows as a name has bits
	row, unpack, raw = 1 + width * channels, zlib.decompressobj(), b''
	try:
		for name, place, end in chunks_of(data):
			if name == b'IDAT' and len(raw) < ROWS * row:
				raw += unpack.decompress(data[place + 8 : end - 4], ROWS * row - len(raw))
	except zlib.error:
		return False
	# 2. Their first pixels
	above, column = [0] * channels, []
	for start in range(0, len(raw) - channels, row):
		share = SHARES.get(raw[start], 0)
		pixel = raw[start + 1 : start + 1 + channels]
		above = [(p + int(a * share)) & 255 for p, a in zip(pixel, above, strict=True)]
		column.append(above)
	# 3. Does a name begin there?
	plane = numpy.array(column, 'uint8').reshape(-1, 1, channels)
	for mode, part in (('alpha', plane[:, :, 3:]), ('rgb', plane[:, :, :3])):
		begun = gather(part, 0, min(15, part.size // 8)) if part.size else None
		names = [name for name, (kind, _) in SIGNATURES.items() if kind == mode]
		if begun is not None and any(name.startswith(begun) for name in names):
			return True
	return False


def decoded(source: bytes) -> numpy.ndarray | None:
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
