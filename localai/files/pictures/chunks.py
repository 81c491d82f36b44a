"""Knows where the texts of a picture file lie, and fetches them without decoding a pixel: PNG, JPEG,
WebP. Trusts no length; exif.py knows what is inside an EXIF block, opening.py what must be sound.

Formats: PNG specification (third edition), ITU T.81 and JFIF, the WebP container specification.
"""

import io
import os
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from localai.errors import InvalidInput
from localai.files.foreign import open_foreign
from localai.files.pictures.exif import decode, read_exif

PNG_SIGNATURE = b'\x89PNG\r\n\x1a\n'
OURS = 'localai'  # the name of our own chunk; metadata.py has what is in it
TEXT_BYTES = 4 * 2**20  # of one text; whatever is longer is cut
ALL_BYTES = 16 * 2**20  # of all texts of a file
TEXTS = 500  # texts of a file
PIECES = 100_000  # chunks or segments of a file
KEYWORD = 79  # letters of the name of a text in a PNG, as its specification says
REMEDY = 'Choose a PNG, JPEG or WebP picture.'
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a PNG's colour types
# JPEG: markers without a length, and those with the size of the picture.
BARE = frozenset((0x01, *range(0xD0, 0xD8)))
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(slots=True)
class Contents:
	"""What a file says before its pixels are decoded. The first of two texts of one name counts.
	`doubtful` are the texts whose checksum is wrong; `packed` bytes of a PNG hold its pixels, each
	of `bits`. Only where they are packed `lossless` can they hide anything."""

	media_type: str
	width: int = 0
	height: int = 0
	texts: dict[str, str] = field(default_factory=dict)
	doubtful: dict[str, str] = field(default_factory=dict)
	packed: int = 0
	bits: int = 0
	lossless: bool = False

	def add(self, name: str, text: str, sound: bool = True) -> None:
		if text and len(self.texts) + len(self.doubtful) < TEXTS:
			(self.texts if sound else self.doubtful).setdefault(name, text)


def damaged() -> InvalidInput:
	return InvalidInput('The picture is damaged.', 'Choose a copy that is not damaged.')


def read_contents(source: Path | bytes) -> Contents:
	"""Raises InvalidInput for what is no picture of these formats or ends too early."""
	try:
		if isinstance(source, bytes):
			return read_stream(io.BytesIO(source), len(source))
		with open_foreign(source) as stream:
			return read_stream(stream, os.fstat(stream.fileno()).st_size)
	except OSError as error:
		raise InvalidInput(
			f'The picture cannot be read: {error.strerror or error}.', REMEDY
		) from error
	except ValueError as error:  # a path with a zero in it
		raise InvalidInput('The picture cannot be read.', REMEDY) from error


def read_stream(stream: BinaryIO, size: int) -> Contents:
	start = stream.read(12)
	if start.startswith(PNG_SIGNATURE):
		found = read_png(stream, size)
	elif start.startswith(b'\xff\xd8\xff'):
		found = read_jpeg(stream, size)
	elif start[:4] == b'RIFF' and start[8:] == b'WEBP':
		found = read_webp(stream, min(size, 8 + int.from_bytes(start[4:8], 'little')), size)
	else:
		raise InvalidInput('This is not a picture that LocalAI can read.', REMEDY)
	if not (found.width and found.height):
		raise damaged()
	return found


# PNG


def read_png(stream: BinaryIO, size: int) -> Contents:
	raw: list[tuple[bytes, bytes, bool]] = []
	found, total = Contents('image/png', lossless=True), 0
	position, drawn = len(PNG_SIGNATURE), False
	stream.seek(position)
	for _ in range(PIECES):
		# 1. Name and length; nothing may end after the file does
		head = stream.read(8)
		length, name = int.from_bytes(head[:4]), head[4:]
		if len(head) < 8 or position + 12 + length > size:
			raise damaged()
		position += 12 + length
		# 2. What is read, and what is stepped over
		if not found.width:
			if name != b'IHDR' or length != 13:
				raise damaged()
			body, sound = checked(stream, name, length)
			if not sound:
				raise damaged()
			found.width, found.height, depth, colour = struct.unpack('>IIBB', body[:10])
			found.bits = depth * CHANNELS.get(colour, 1)
		elif name in (b'tEXt', b'zTXt', b'iTXt', b'eXIf'):
			if total < ALL_BYTES and len(raw) < TEXTS:
				body, sound = checked(stream, name, length)
				total += len(body)
				raw.append((name, body, sound))
			stream.seek(position)
		elif name == b'IEND':
			if not drawn:
				raise damaged()
			break
		else:
			if name == b'IDAT':
				drawn, found.packed = True, found.packed + length
			stream.seek(position)
	else:
		raise InvalidInput('The picture is made of too many pieces.', REMEDY)
	# 3. Others write UTF-8 where Latin-1 is meant; we never do
	strict, room = any(body.startswith(OURS.encode() + b'\0') for _, body, _ in raw), ALL_BYTES
	blocks: list[tuple[bytes, bool]] = []
	for name, body, sound in raw:
		if name == b'eXIf':
			blocks.append((body, sound))
			continue
		key, text = png_text(name, body, strict, min(room, TEXT_BYTES))
		room -= len(text)
		found.add(key, text, sound)
	for body, sound in blocks[:1]:
		for key, text in read_exif(body).items():
			found.add(key, text, sound)
	return found


def checked(stream: BinaryIO, name: bytes, length: int) -> tuple[bytes, bool]:
	"""The body of a chunk, and whether its checksum is right; of one that is too long the beginning,
	which nobody proves."""
	body = stream.read(min(length, TEXT_BYTES))
	if len(body) < length:
		return body, True
	return body, int.from_bytes(stream.read(4)) == zlib.crc32(body, zlib.crc32(name))


def png_text(name: bytes, body: bytes, strict: bool, limit: int) -> tuple[str, str]:
	"""Name and text of a chunk; ('', '') of one that cannot be understood."""
	key, _, rest = body.partition(b'\0')
	if not 0 < len(key) <= KEYWORD:
		return '', ''
	packed = name == b'zTXt'
	if packed:
		packed, rest = rest[:1] == b'\0', rest[1:]
		if not packed:
			return '', ''
	elif name == b'iTXt':
		packed, rest = rest[:1] == b'\1', rest[2:]
		rest = rest.partition(b'\0')[2].partition(b'\0')[2]  # language, translated name
	rest = unpacked(rest, limit) if packed else rest[:limit]
	if name == b'iTXt':
		return key.decode('latin-1'), rest.decode('utf-8', 'ignore')
	latin = strict or rest.isascii()
	return key.decode('latin-1'), rest.decode('latin-1') if latin else decode(rest)


def unpacked(data: bytes, limit: int) -> bytes:
	"""The beginning of what was packed, never more than the limit; a bomb stays small."""
	try:
		return zlib.decompressobj().decompress(data, max(1, limit))
	except zlib.error:
		return b''


# JPEG


def read_jpeg(stream: BinaryIO, size: int) -> Contents:
	found, position = Contents('image/jpeg'), 2
	for _ in range(PIECES):
		stream.seek(position)
		head = stream.read(4)
		if len(head) < 4 or head[0] != 0xFF:
			raise damaged()
		marker, length = head[1], int.from_bytes(head[2:])
		if marker == 0xFF or marker in BARE:  # filling
			position += 1 if marker == 0xFF else 2
			continue
		if marker == 0xD9 or length < 2 or position + 2 + length > size:
			raise damaged()
		if marker == 0xDA:  # from here on there are pixels
			return found
		if marker in FRAMES and length >= 8:
			found.height, found.width = struct.unpack('>HH', stream.read(5)[1:])
		elif marker in (0xE1, 0xFE):
			add_segment(found, marker, stream.read(length - 2))
		position += 2 + length
	raise InvalidInput('The picture is made of too many pieces.', REMEDY)


def add_segment(found: Contents, marker: int, body: bytes) -> None:
	if marker == 0xFE:
		found.add('comment', decode(body))
	elif body.startswith(b'Exif\0'):
		for key, text in read_exif(body[6:]).items():
			found.add(key, text)
	elif body.startswith(b'http://ns.adobe.com/xap/1.0/\0'):
		found.add('XMP', decode(body.partition(b'\0')[2]))


# WebP


def read_webp(stream: BinaryIO, end: int, size: int) -> Contents:
	found, position, drawn = Contents('image/webp'), 12, False
	stream.seek(4)
	if int.from_bytes(stream.read(4), 'little') + 8 > size + 1:  # an odd end may lack its padding
		raise damaged()
	for _ in range(PIECES):
		if position + 8 > end:
			break
		stream.seek(position)
		name, length = stream.read(4), int.from_bytes(stream.read(4), 'little')
		if position + 8 + length > end:
			raise damaged()
		found.lossless = found.lossless or name in (b'VP8L', b'ALPH', b'ANMF')
		if name in (b'VP8X', b'VP8 ', b'VP8L', b'ANMF'):
			drawn = drawn or name != b'VP8X'
			if not found.width:
				found.width, found.height = webp_size(name, stream.read(10))
		elif name == b'EXIF':
			for key, text in read_exif(stream.read(min(length, TEXT_BYTES))).items():
				found.add(key, text)
		elif name == b'XMP ':
			found.add('XMP', decode(stream.read(min(length, TEXT_BYTES))))
		position += 8 + length + length % 2
	if not drawn:
		raise damaged()
	return found


def webp_size(name: bytes, head: bytes) -> tuple[int, int]:
	if len(head) < 10:
		raise damaged()
	if name == b'VP8X':
		return int.from_bytes(head[4:7], 'little') + 1, int.from_bytes(head[7:10], 'little') + 1
	if name == b'VP8 ' and head[3:6] == b'\x9d\x01\x2a':
		width, height = struct.unpack('<HH', head[6:10])
		return width & 0x3FFF, height & 0x3FFF
	if name == b'VP8L' and head[0] == 0x2F:
		bits = int.from_bytes(head[1:5], 'little')
		return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
	raise damaged()
