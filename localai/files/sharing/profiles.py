"""Knows how a colour profile is kept for its colours and loses what it says of its maker."""

import struct

# What colours are worked out from (ICC.1:2022, 9.2); everything else is words or private.
COLOURS = {'wtpt', 'bkpt', 'chad', 'lumi', 'gamt', 'cicp'}
COLOURS |= {'rXYZ', 'gXYZ', 'bXYZ', 'rTRC', 'gTRC', 'bTRC', 'kTRC'}
COLOURS |= {f'{way}{n}' for way in ('A2B', 'B2A', 'D2B', 'B2D') for n in range(4)}
NEUTRAL = 'Colours'
HEADER = 128
TAG_LIMIT = 100


def neutral_profile(profile: bytes) -> bytes:
	"""The same colours under a neutral name, without maker, date and copyright. b'' for sRGB, which
	a picture without a profile is taken for, and for what is no profile."""
	tags = read_tags(profile)
	# Names are ASCII, or UTF-16 that is ASCII between zeros.
	if not tags or b'srgb' in tags.get('desc', b'').replace(b'\0', b'').lower():
		return b''
	newer = profile[8] >= 4
	kept = {n: d for n, d in tags.items() if n in COLOURS}
	kept['desc'] = words(NEUTRAL) if newer else described(NEUTRAL)
	kept['cprt'] = words('None') if newer else b'text\0\0\0\0None\0'
	table, body, places = b'', b'', {}
	start = HEADER + 4 + 12 * len(kept)
	for name, data in kept.items():
		if data not in places:
			places[data] = start + len(body)
			body += data + bytes(-len(data) % 4)
		table += name.encode() + struct.pack('>II', places[data], len(data))
	header = bytearray(HEADER)
	header[8:24] = profile[8:24]  # version, class, and the two colour spaces
	header[24:36] = struct.pack('>6H', 1980, 1, 1, 0, 0, 0)
	header[36:40] = b'acsp'
	header[64:80] = profile[64:80]  # rendering intent and white point
	header[0:4] = struct.pack('>I', start + len(body))
	return bytes(header) + struct.pack('>I', len(kept)) + table + body


def read_tags(profile: bytes) -> dict[str, bytes]:
	if len(profile) < HEADER + 4 or profile[36:40] != b'acsp':
		return {}
	count = struct.unpack_from('>I', profile, HEADER)[0]
	if count > TAG_LIMIT or len(profile) < HEADER + 4 + 12 * count:
		return {}
	found = {}
	for i in range(count):
		name, offset, size = struct.unpack_from('>4sII', profile, HEADER + 4 + 12 * i)
		if offset + size > len(profile):
			return {}
		found[name.decode('latin-1')] = profile[offset : offset + size]
	return found


def words(text: str) -> bytes:
	"""multiLocalizedUnicodeType, of version 4."""
	data = text.encode('utf-16-be')
	return b'mluc\0\0\0\0' + struct.pack('>II4sII', 1, 12, b'enUS', len(data), 28) + data


def described(text: str) -> bytes:
	"""textDescriptionType, of version 2: ASCII, and no other spellings."""
	data = text.encode() + b'\0'
	return b'desc\0\0\0\0' + struct.pack('>I', len(data)) + data + bytes(8 + 3 + 67)
