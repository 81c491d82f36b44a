"""Knows what a stranger can read in a picture file. It shares no code with sharing.py, so that it
is a witness of what that leaves."""

import io
import re
import struct
import zlib
from collections.abc import Iterator

from PIL import ExifTags, Image, ImageCms

SHOWN = 10_000  # characters of one text
UNPACKED = 4_000_000  # bytes of one packed text
PNG_PICTURE = {b'IHDR', b'PLTE', b'IDAT', b'IEND', b'tRNS'}
WEBP_PICTURE = {b'VP8 ', b'VP8L', b'VP8X', b'ALPH', b'ANIM', b'ANMF'}
# Both say only that there is a picture, and how its colours are mixed.
JFIF_ALONE = b'JFIF\0\x01\x01\0\0\x01\0\x01\0\0'
ADOBE_ALONE = b'Adobe\0\x64\0\0\0\0'
Found = tuple[str, str]


def exposure(data: bytes) -> tuple[Found, ...]:
	"""Each thing by its name, with its value as text. A file without secrets has its format, sizes
	and colours, and no more."""
	if data.startswith(b'\x89PNG\r\n\x1a\n'):
		kind, walk = 'PNG', png_found
	elif data.startswith(b'\xff\xd8\xff'):
		kind, walk = 'JPEG', jpeg_found
	elif data[:4] == b'RIFF' and data[8:12] == b'WEBP':
		kind, walk = 'WebP', webp_found
	else:
		return (('Format', 'unknown'), ('File size', size(data)), ('Text', readable(data)))
	found: list[Found] = [('Format', kind), ('File size', size(data))]
	found += pixels_found(data)
	try:
		found += walk(data)
	except (struct.error, IndexError, ValueError):
		found.append(('Damage', 'the file ends too early'))
	return tuple(found)


def pixels_found(data: bytes) -> Iterator[Found]:
	try:
		with Image.open(io.BytesIO(data)) as image:
			yield 'Size', f'{image.width} x {image.height} pixels'
			yield 'Colours', image.mode
			if (frames := getattr(image, 'n_frames', 1)) > 1:
				yield 'Frames', str(frames)
			image.load()
			yield from hidden_found(image)
	except Exception:  # whatever a hostile file does to a reader
		yield 'Picture', 'cannot be decoded'


def hidden_found(image: Image.Image) -> Iterator[Found]:
	"""Texts in the lowest bits, as A1111's stealth extension and NovelAI hide them."""
	if image.mode not in ('RGB', 'RGBA', 'LA'):
		return
	bands = image.getbands()
	places = [(x, y) for x in range(min(120, image.width)) for y in range(min(120, image.height))]
	if image.height > 120:
		places = [(0, y) for y in range(120)]
	pixels = (image.getpixel(place) for place in places[:120])
	seen = [dict(zip(bands, p, strict=True)) for p in pixels if isinstance(p, tuple)]
	if 'A' in bands:
		unseen = image.getchannel('A').point(lambda alpha: 255 * (alpha == 0))
		if sum(map(bool, image.convert('L').histogram(unseen))) > 1:
			yield 'Under the transparency', 'colours that cannot be seen'
		lowest, highest = image.getchannel('A').getextrema()
		text = from_bits([p['A'] & 1 for p in seen])
		if text.startswith(b'stealth_png'):
			yield 'Hidden in the transparency', text.decode()
		elif (lowest, highest) == (254, 255):
			yield 'Hidden in the transparency', 'a pattern that cannot be seen'
	if 'R' in bands:
		text = from_bits([p[c] & 1 for p in seen[:40] for c in 'RGB'])
		if text.startswith(b'stealth_rgb'):
			yield 'Hidden in the colours', text.decode()


def from_bits(bits: list[int]) -> bytes:
	"""Fifteen bytes; b'' when the picture is too small for them."""
	return int(''.join(map(str, bits)), 2).to_bytes(15) if len(bits) == 120 else b''


# Containers


def png_found(data: bytes) -> Iterator[Found]:
	at, packed = 8, bytearray()
	while at < len(data):
		length = int.from_bytes(data[at : at + 4])
		name, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
		at += 12 + length
		if name == b'IDAT':
			packed += body
		elif name in (b'tEXt', b'zTXt', b'iTXt'):
			yield png_text(name, body)
		elif name == b'eXIf':
			yield from exif_found(body)
		elif name == b'iCCP':
			start = body.index(b'\0')
			yield profile_found(inflate(body[start + 2 :]), body[:start].decode('latin-1'))
		elif name == b'tIME' and len(body) == 7:
			yield 'Time', '{}-{:02}-{:02} {:02}:{:02}:{:02}'.format(*struct.unpack('>H5B', body))
		elif name not in PNG_PICTURE:
			yield f'Chunk {name.decode("latin-1")}', readable(body)
		if name == b'IEND':
			break
	unpack, rest = zlib.decompressobj(), bytes(packed)
	try:
		while unpack.decompress(rest, 1 << 20):
			rest = unpack.unconsumed_tail
	except zlib.error:
		yield 'Damage', 'the pixels cannot be unpacked'
	if unpack.unused_data:
		yield 'After the pixels', readable(unpack.unused_data)
	if data[at:]:
		yield 'After the end', readable(data[at:])


def png_text(name: bytes, body: bytes) -> Found:
	key, _, rest = body.partition(b'\0')
	if name == b'zTXt':
		rest = inflate(rest[1:])
	elif name == b'iTXt':
		packed, (language, title, rest) = rest[:1], rest[2:].split(b'\0', 2)
		rest = inflate(rest) if packed == b'\1' else rest
		about = b' '.join(p for p in (key, language, title) if p)
		return f'Text {about.decode("utf-8", "replace")}', cut(rest.decode('utf-8', 'replace'))
	return f'Text {key.decode("latin-1")}', cut(rest.decode('latin-1'))


def jpeg_found(data: bytes) -> Iterator[Found]:
	at, profile = 2, bytearray()
	while at < len(data):
		if data[at] != 0xFF:  # pixels, up to the next marker
			at = data.find(b'\xff', at)
			if at < 0:
				raise ValueError('the end is missing')
			continue
		marker = data[at + 1]
		if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD7:
			at += 1 if marker == 0xFF else 2
			continue
		if marker == 0xD9:
			break
		length = int.from_bytes(data[at + 2 : at + 4])
		body, at = data[at + 4 : at + 2 + length], at + 2 + length
		if marker == 0xFE:
			yield 'Comment', readable(body)
		elif marker == 0xE1 and body.startswith(b'Exif\0\0'):
			yield from exif_found(body[6:])
		elif marker == 0xE1 and body.startswith(b'http://ns.adobe.com/x'):
			yield 'XMP', cut(body.split(b'\0', 1)[-1].decode('utf-8', 'replace'))
		elif marker == 0xE2 and body.startswith(b'ICC_PROFILE\0'):
			profile += body[14:]
		elif (marker, body) == (0xE0, JFIF_ALONE) or (marker, body[:-1]) == (0xEE, ADOBE_ALONE):
			continue
		elif 0xE0 <= marker <= 0xEF or marker >= 0xF0:
			yield f'Segment {marker:02X}', readable(body)
	if profile:
		yield profile_found(bytes(profile))
	if data[at + 2 :]:
		yield 'After the end', readable(data[at + 2 :])


def webp_found(data: bytes, at: int = 12, end: int | None = None) -> Iterator[Found]:
	whole = end is None
	end = 8 + int.from_bytes(data[4:8], 'little') if end is None else end
	if whole and end > len(data):
		raise ValueError('the end is missing')
	while at + 8 <= end:
		name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], 'little')
		body = data[at + 8 : at + 8 + length]
		if name == b'EXIF':
			yield from exif_found(body.removeprefix(b'Exif\0\0'))
		elif name == b'XMP ':
			yield 'XMP', cut(body.decode('utf-8', 'replace'))
		elif name == b'ICCP':
			yield profile_found(body)
		elif name == b'ANMF':
			yield from webp_found(data, at + 24, at + 8 + length)
		elif name not in WEBP_PICTURE:
			yield f'Chunk {name.decode("latin-1")}', readable(body)
		at += 8 + length + length % 2
	if whole and data[end:]:
		yield 'After the end', readable(data[end:])


# What is in them


def exif_found(exif: bytes) -> list[Found]:
	"""Every tag of every directory. The orientation alone is said by itself."""
	try:
		tags = Image.Exif()
		tags.load(exif)
		found = [
			(f'EXIF {ExifTags.TAGS.get(tag, tag)}', value_text(value))
			for tag, value in tags.items()
			if tag not in list(ExifTags.IFD)
		]
		for part in ExifTags.IFD:
			names = ExifTags.GPSTAGS if part == ExifTags.IFD.GPSInfo else ExifTags.TAGS
			if part in tags or part == ExifTags.IFD.IFD1:
				inner = tags.get_ifd(part)
				found += [
					(f'EXIF {part.name} {names.get(tag, tag)}', value_text(value))
					for tag, value in inner.items()
				]
	except Exception:  # whatever hostile bytes do to a reader
		return [('EXIF', readable(exif))]
	if len(exif) == 26 and [name for name, _ in found] == ['EXIF Orientation']:
		return [('Orientation', found[0][1])]
	return [*found, ('EXIF', readable(exif))]


def value_text(value: object) -> str:
	if not isinstance(value, bytes):
		return cut(str(value))
	code, text = value[:8], value[8:]
	if code == b'UNICODE\0':
		# Little-endian text of a Western script has its zeros at odd places.
		little = text[1::2].count(0) > text[0::2].count(0)
		return cut(text.decode('utf-16-le' if little else 'utf-16-be', 'replace'))
	if code == b'ASCII\0\0\0':
		return cut(text.decode('latin-1'))
	return readable(value)


def profile_found(profile: bytes, name: str = '') -> Found:
	try:
		about = ImageCms.getProfileDescription(io.BytesIO(profile)).strip()
	except (ImageCms.PyCMSError, OSError, TypeError):
		about = 'cannot be understood'
	return 'Colour profile', ' '.join(dict.fromkeys(p for p in (name, about) if p))


def inflate(data: bytes) -> bytes:
	try:
		return zlib.decompressobj().decompress(data, UNPACKED)
	except zlib.error:
		return data


def readable(data: bytes) -> str:
	"""As text where it is text; else how long it is, and the words that stand in it."""
	try:
		text = data.decode('utf-8')
		if text.replace('\n', '').replace('\r', '').replace('\t', '').isprintable():
			return cut(text)
	except UnicodeDecodeError:
		pass
	words = b' '.join(re.findall(rb'[\x20-\x7e]{6,}', data[:UNPACKED])).decode()
	return cut(f'{size(data)}: {words}' if words else size(data))


def size(data: bytes) -> str:
	return f'{len(data):,} bytes'


def cut(text: str) -> str:
	return text if len(text) <= SHOWN else f'{text[:SHOWN]}… ({len(text):,} characters)'
