"""Knows the texts inside an EXIF block, and which encoding a text without a label is in. Only the
tags below are read, each at most once, so a block that lies costs nothing.

Format: TIFF 6.0 and CIPA DC-008 (Exif); UserComment is 4.6.5 there.
"""

import struct

# Where texts are found: in the first directory, and in the one that 0x8769 leads to.
TAGS = {
	0x010E: 'ImageDescription',
	0x010F: 'Make',
	0x0110: 'Model',
	0x0131: 'Software',
	0x0132: 'DateTime',
	0x013B: 'Artist',
	0x013C: 'HostComputer',
	0x8298: 'Copyright',
	0x9003: 'DateTimeOriginal',
	0x927C: 'MakerNote',
	0x9286: 'UserComment',
	0x9C9B: 'XPTitle',
	0x9C9C: 'XPComment',
	0x9C9D: 'XPAuthor',
	0x9C9E: 'XPKeywords',
	0x9C9F: 'XPSubject',
	0xA430: 'CameraOwnerName',
}
INNER, PLACE = 0x8769, 0x8825
ENTRIES = 2000  # of one directory
TEXT_TYPES = frozenset((1, 2, 7, 129))  # bytes, ASCII, undefined, UTF-8
LABELS = {
	b'UNICODE\0': 'utf-16',
	b'ASCII\0\0\0': '',
	b'JIS\0\0\0\0\0': 'iso2022_jp',
	bytes(8): '',
}


def read_exif(block: bytes) -> dict[str, str]:
	"""The texts of an EXIF block by the names of their tags; {} when it cannot be understood."""
	if block.startswith(b'Exif\0'):
		block = block[6:]
	order = {b'II*\0': '<', b'MM\0*': '>'}.get(block[:4])
	found: dict[str, str] = {}
	if order is None or len(block) < 8:
		return found
	first = struct.unpack(order + 'I', block[4:8])[0]
	inner = read_directory(block, order, first, found)
	if inner:
		read_directory(block, order, inner, found)
	return found


def read_directory(block: bytes, order: str, start: int, found: dict[str, str]) -> int:
	"""Adds its texts; returns where the inner directory begins, 0 when there is none."""
	if not 8 <= start <= len(block) - 2:
		return 0
	inner = 0
	count = min(struct.unpack_from(order + 'H', block, start)[0], ENTRIES)
	for index in range(count):
		place = start + 2 + 12 * index
		if place + 12 > len(block):
			break
		tag, kind, length, value = struct.unpack_from(order + 'HHII', block, place)
		if tag == INNER:
			inner = value
		elif tag == PLACE:
			found.setdefault('GPS', 'a location')
		elif tag in TAGS and TAGS[tag] not in found and kind in TEXT_TYPES:
			begin = place + 8 if length <= 4 else value
			text = tag_text(tag, block[begin : begin + length], order)
			if text:
				found[TAGS[tag]] = text
	return inner


def tag_text(tag: int, data: bytes, order: str) -> str:
	if 0x9C9B <= tag <= 0x9C9F:
		return data.decode('utf-16-le', 'ignore').rstrip('\0')
	if tag != 0x9286:
		return decode(data).rstrip('\0')
	label = LABELS.get(data[:8])
	body = data if label is None else data[8:]
	if label == 'utf-16':
		return wide(body, order).rstrip('\0')
	if label:
		return body.decode(label, 'ignore').rstrip('\0')
	return decode(body).rstrip('\0')


def decode(data: bytes) -> str:
	"""A text of which nothing is said: UTF-16 when it has the zeros of one, UTF-8, else Latin-1."""
	if data[:2] in (b'\xff\xfe', b'\xfe\xff') or (
		len(data) >= 4 and data[:64].rstrip(b'\0').count(0) * 3 >= len(data[:64].rstrip(b'\0')) > 1
	):
		return wide(data, '<')
	try:
		return data.decode('utf-8-sig')
	except UnicodeDecodeError as error:
		# cut in the middle of its last letter, after others of that kind
		if error.reason == 'unexpected end of data' and not data[: error.start].isascii():
			return data[: error.start].decode('utf-8-sig')
		return data.decode('latin-1')


def wide(data: bytes, order: str) -> str:
	"""UTF-16 in either order; what the block says of itself decides only where the text does not.
	Some write UTF-8 under that label."""
	if data[:2] == b'\xff\xfe':
		return data[2:].decode('utf-16-le', 'ignore')
	if data[:2] == b'\xfe\xff':
		return data[2:].decode('utf-16-be', 'ignore')
	even, odd = data[0::2].count(0), data[1::2].count(0)
	if not even and not odd:
		try:
			return data.decode('utf-8')
		except UnicodeDecodeError:
			pass
	big = even > odd if even != odd else order == '>'
	return data.decode('utf-16-be' if big else 'utf-16-le', 'ignore')
