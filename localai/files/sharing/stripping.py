"""Knows how the containers PNG, JPEG and WebP are taken apart so that only the picture is left: the
pixels as they are packed, how their colours are meant, and which way is up."""

import re
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

from localai.files.pictures.chunks import CHANNELS, PNG_SIGNATURE
from localai.files.pictures.opening import PIXELS
from localai.files.sharing.profiles import NEUTRAL, neutral_profile

# Ancillary PNG chunks that say how colours are meant, and how long they are.
COLOUR_CHUNKS = {b'cICP': 4, b'gAMA': 4, b'cHRM': 32, b'sRGB': 1, b'sBIT': 4}
ADAM7 = (
	*((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)),
	(0, 1, 1, 2),
)
PROFILE_LIMIT = 4_000_000
# What a JPEG is decoded with: frames, tables, restarts. All else is told about it, not of it.
DECODING = frozenset((*range(0xC0, 0xD0), 0xDB, 0xDC, 0xDD, 0xDE, 0xDF))
JFIF = b'JFIF\0\x01\x01\0\0\x01\0\x01\0\0'
WEBP_PICTURE = (b'VP8 ', b'VP8L', b'ALPH')


# PNG


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
	at = len(PNG_SIGNATURE)
	while at < len(data):
		size, name = struct.unpack_from('>I4s', data, at)
		if at + 12 + size > len(data):
			raise ValueError('the file ends too early')
		yield name, data[at + 8 : at + 8 + size]
		if name == b'IEND':
			return
		at += 12 + size
	raise ValueError('the file has no end')


def strip_png(data: bytes) -> bytes:
	"""The pixels stay as they are packed; what is packed with them is left out."""
	first: dict[bytes, bytes] = {}
	packed = []
	for name, body in png_chunks(data):
		if name == b'IDAT':
			packed.append(body)
		else:
			first.setdefault(name, body)
	header = first[b'IHDR']
	depth, colour = header[8], header[9]
	kept = {b'IHDR': header[:13]}
	for name, size in COLOUR_CHUNKS.items():
		if name in first:
			kept[name] = first[name][:size]
	if b'iCCP' in first and (profile := neutral_profile(inflate_profile(first[b'iCCP']))):
		kept[b'iCCP'] = f'{NEUTRAL}\0\0'.encode() + zlib.compress(profile)
	if colour == 3:
		kept[b'PLTE'] = first[b'PLTE'][: 3 * 2**depth]
	if b'tRNS' in first:
		longest = len(kept[b'PLTE']) // 3 if colour == 3 else 2 * CHANNELS[colour]
		kept[b'tRNS'] = first[b'tRNS'][:longest]
	if (turned := orientation(first.get(b'eXIf', b''))) != 1:
		kept[b'eXIf'] = turned_exif(turned)
	kept[b'IDAT'] = exactly(b''.join(packed), png_size(header))
	return join_png(kept)


def join_png(chunks: dict[bytes, bytes]) -> bytes:
	parts = [
		struct.pack('>I', len(body)) + name + body + struct.pack('>I', zlib.crc32(name + body))
		for name, body in (*chunks.items(), (b'IEND', b''))
	]
	return PNG_SIGNATURE + b''.join(parts)


def png_with(stripped: bytes, encoded: bytes) -> bytes:
	"""The pixels of `encoded` with what `stripped` says of colours and orientation."""
	chunks = dict(png_chunks(strip_png(encoded)))
	old = dict(png_chunks(stripped))
	header = chunks.pop(b'IHDR')
	told = {n: b for n, b in old.items() if n in COLOUR_CHUNKS or n in (b'iCCP', b'eXIf')}
	if old[b'IHDR'][8:10] != header[8:10]:
		told.pop(b'sBIT', None)
	chunks.pop(b'IEND')
	return join_png({b'IHDR': header} | told | {n: b for n, b in chunks.items() if n not in told})


def inflate_profile(body: bytes) -> bytes:
	try:
		return zlib.decompressobj().decompress(body[body.index(b'\0') + 2 :], PROFILE_LIMIT)
	except (ValueError, zlib.error):
		return b''


def png_size(header: bytes) -> int:
	"""Bytes of all rows, each with its filter."""
	width, height, depth, colour, _, _, interlaced = struct.unpack('>IIBBBBB', header[:13])
	if width * height > PIXELS:
		raise ValueError('too many pixels')
	passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
	total = 0
	for x, y, across, down in passes:
		wide, high = -(-(width - x) // across), -(-(height - y) // down)
		if wide > 0 and high > 0:
			total += high * (1 + -(-wide * depth * CHANNELS[colour] // 8))
	return total


def exactly(packed: bytes, size: int) -> bytes:
	"""The stream as it is when it holds the rows and nothing more; else packed again."""
	unpack, seen, rest = zlib.decompressobj(), 0, packed
	while not unpack.eof and seen <= size and (piece := unpack.decompress(rest, 1 << 20)):
		seen, rest = seen + len(piece), unpack.unconsumed_tail
	if not unpack.eof and seen == size:  # its checksum may come after the last row
		seen += len(unpack.decompress(rest, 1))
	if seen < size:
		raise ValueError('rows are missing')
	if seen == size and unpack.eof and not unpack.unused_data:
		return packed
	return zlib.compress(zlib.decompressobj().decompress(packed, size))


# JPEG


def strip_jpeg(data: bytes) -> bytes:
	"""The frames and tables as they are; of the segments before them only how colours are meant."""
	at, kept = 2, list[bytes]()
	profile: dict[int, bytes] = {}
	jfif, turned, ended = False, 1, False
	while at < len(data) and not ended:
		if data[at] != 0xFF:
			raise ValueError('no marker')
		while data[at] == 0xFF:  # fill bytes are allowed before a marker
			at += 1
		marker, at = data[at], at + 1
		ended = marker == 0xD9
		if ended or marker == 0x01 or 0xD0 <= marker <= 0xD7:
			continue
		size = struct.unpack_from('>H', data, at)[0]
		body = data[at + 2 : at + size]
		at += size
		if marker == 0xDA:
			ends = re.compile(rb'\xff[^\x00\xd0-\xd7\xff]').search(data, at)
			if ends is None:
				break
			kept.append(segment(marker, body) + data[at : ends.start()])
			at = ends.start()
		elif marker in DECODING:
			kept.append(segment(marker, body))
		elif marker == 0xE0 and body.startswith(b'JFIF\0'):
			jfif = True
		elif marker == 0xE1 and body.startswith(b'Exif\0\0') and turned == 1:
			turned = orientation(body)
		elif marker == 0xE2 and body.startswith(b'ICC_PROFILE\0'):
			profile.setdefault(body[12], body[14:])
		elif marker == 0xEE and body.startswith(b'Adobe') and len(body) >= 12:
			# Says whether the colours are YCbCr, RGB or CMYK.
			kept.append(segment(marker, b'Adobe\0\x64\0\0\0\0' + body[11:12]))
	if not ended:  # anything could stand behind the pixels
		raise ValueError('the file has no end')
	start = [segment(0xE0, JFIF)] if jfif else []
	if turned != 1:
		start.append(segment(0xE1, b'Exif\0\0' + turned_exif(turned)))
	colours = neutral_profile(b''.join(profile[n] for n in sorted(profile)))
	pieces = [colours[i : i + 65_000] for i in range(0, len(colours), 65_000)]
	for number, piece in enumerate(pieces, 1):
		start.append(segment(0xE2, b'ICC_PROFILE\0' + bytes((number, len(pieces))) + piece))
	return b'\xff\xd8' + b''.join(start + kept) + b'\xff\xd9'


def segment(marker: int, body: bytes) -> bytes:
	return bytes((0xFF, marker)) + struct.pack('>H', len(body) + 2) + body


# WebP


def riff_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
	at = 0
	while at + 8 <= len(data):
		name, size = struct.unpack_from('<4sI', data, at)
		if at + 8 + size > len(data):
			raise ValueError('the file ends too early')
		yield name, data[at + 8 : at + 8 + size]
		at += 8 + size + size % 2


def riff_chunk(name: bytes, body: bytes) -> bytes:
	return name + struct.pack('<I', len(body)) + body + bytes(len(body) % 2)


def strip_webp(data: bytes) -> bytes:
	"""Also of each frame of an animation."""
	size = struct.unpack_from('<I', data, 4)[0]
	canvas, colours, turned, kept = b'', b'', 1, []
	for name, body in riff_chunks(data[12 : 8 + size]):
		if name == b'VP8X':
			canvas = body
		elif name == b'ICCP':
			colours = neutral_profile(body)
		elif name == b'EXIF':
			turned = orientation(body)
		elif name == b'ANIM':
			kept.append(riff_chunk(name, body[:6]))
		elif name == b'ANMF':
			frame = b''.join(
				riff_chunk(n, b) for n, b in riff_chunks(body[16:]) if n in WEBP_PICTURE
			)
			kept.append(riff_chunk(name, body[:16] + frame))
		elif name in WEBP_PICTURE:
			kept.append(riff_chunk(name, body))
	if canvas:
		exif = turned_exif(turned) if turned != 1 else b''
		flags = canvas[0] & 0x12 | bool(colours) * 0x20 | bool(exif) * 0x08
		kept.insert(0, riff_chunk(b'VP8X', bytes((flags, 0, 0, 0)) + canvas[4:10]))
		if colours:
			kept.insert(1, riff_chunk(b'ICCP', colours))
		if exif:
			kept.append(riff_chunk(b'EXIF', exif))
	body = b'WEBP' + b''.join(kept)
	return b'RIFF' + struct.pack('<I', len(body)) + body


# Which way up


def orientation(exif: bytes) -> int:
	"""1 to 8 as EXIF says it; 1, upright, when it does not."""
	try:
		tags = Image.Exif()
		tags.load(exif)
		turned = tags.get(0x0112, 1)
	except Exception:  # hostile bytes may break a reader in any way
		return 1
	return turned if isinstance(turned, int) and 1 <= turned <= 8 else 1


def turned_exif(turned: int) -> bytes:
	"""The shortest EXIF there is that says only which way is up."""
	return b'MM\0*' + struct.pack('>IHHHIHHI', 8, 1, 0x0112, 3, 1, turned, 0, 0)
