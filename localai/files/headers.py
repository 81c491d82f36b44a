"""Knows what the header of a weights file says: names, types and shapes of its tensors, and its
metadata. Reads nothing else, trusts nothing, and needs no torch.

Formats: https://github.com/huggingface/safetensors (eight bytes of length, JSON, data) and
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import json
import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from localai.errors import ModelBroken

# The headers of the biggest models stay below 20 MB.
LIMIT = 25_000_000
# Bits of one value, as the format knows them.
BITS = {
	'BOOL': 8,
	'U8': 8,
	'I8': 8,
	'U16': 16,
	'I16': 16,
	'U32': 32,
	'I32': 32,
	'U64': 64,
	'I64': 64,
	'F4': 4,
	'F6_E2M3': 6,
	'F6_E3M2': 6,
	'F8_E8M0': 8,
	'F8_E4M3': 8,
	'F8_E5M2': 8,
	'F8_E4M3FNUZ': 8,
	'F8_E5M2FNUZ': 8,
	'F16': 16,
	'BF16': 16,
	'F32': 32,
	'F64': 64,
	'C64': 64,
}
# Number in a GGUF file: name, values in a block, bytes of a block.
BLOCKS = {
	0: ('F32', 1, 4),
	1: ('F16', 1, 2),
	2: ('Q4_0', 32, 18),
	3: ('Q4_1', 32, 20),
	6: ('Q5_0', 32, 22),
	7: ('Q5_1', 32, 24),
	8: ('Q8_0', 32, 34),
	9: ('Q8_1', 32, 40),
	10: ('Q2_K', 256, 84),
	11: ('Q3_K', 256, 110),
	12: ('Q4_K', 256, 144),
	13: ('Q5_K', 256, 176),
	14: ('Q6_K', 256, 210),
	15: ('Q8_K', 256, 292),
	16: ('IQ2_XXS', 256, 66),
	17: ('IQ2_XS', 256, 74),
	18: ('IQ3_XXS', 256, 98),
	19: ('IQ1_S', 256, 50),
	20: ('IQ4_NL', 32, 18),
	21: ('IQ3_S', 256, 110),
	22: ('IQ2_S', 256, 82),
	23: ('IQ4_XS', 256, 136),
	24: ('I8', 1, 1),
	25: ('I16', 1, 2),
	26: ('I32', 1, 4),
	27: ('I64', 1, 8),
	28: ('F64', 1, 8),
	29: ('IQ1_M', 256, 56),
	30: ('BF16', 1, 2),
	34: ('TQ1_0', 256, 54),
	35: ('TQ2_0', 256, 66),
	39: ('MXFP4', 32, 17),
}
# More than any tensor has: sides, values along one of them.
SIDES, SIDE = 16, 1 << 48
# Values of GGUF metadata that have one size; 8 is a string, 9 a list.
VALUES = {
	0: '<B',
	1: '<b',
	2: '<H',
	3: '<h',
	4: '<I',
	5: '<i',
	6: '<f',
	7: '<?',
	10: '<Q',
	11: '<q',
	12: '<d',
}
STRING, LIST = 8, 9
TENSORS, KEYS, ITEMS, NAME, TEXT = 100_000, 20_000, 1_000_000, 1000, 4_000_000


class Tensor(NamedTuple):
	dtype: str
	shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Header:
	"""`weights` are the bytes of each dtype; `missing` those that the end of the file lacks, as a
	download that was cut does."""

	tensors: dict[str, Tensor]
	metadata: dict[str, str]
	weights: dict[str, int]
	missing: int = 0

	@property
	def data_bytes(self) -> int:
		return sum(self.weights.values())


def read_header(file: Path, name: str = '', whole: bool = True) -> Header:
	"""`name` is what messages call the file. Raises ModelBroken, also for a file that ends too early
	unless `whole` is False; OSError when it cannot be read."""
	name = name or file.name
	with open(file, 'rb') as stream:
		size = os.fstat(stream.fileno()).st_size
		gguf = file.suffix.lower() == '.gguf'
		header = read_gguf(stream, size, name) if gguf else read_safetensors(stream, size, name)
	if whole and header.missing:
		there = size / (size + header.missing)
		raise ModelBroken(
			f'{name} ends too early: only {math.floor(there * 1000) / 10:.1f} % of it are there.'
		)
	return header


def read_safetensors(stream: BinaryIO, size: int, name: str) -> Header:
	"""`size` is that of the whole file. Raises ModelBroken."""
	# 1. As much as it claims, and no more than a header can be
	start = stream.read(8)
	length = struct.unpack('<Q', start)[0] if len(start) == 8 else 0
	if not 2 <= length <= size - 8:
		raise ModelBroken(f'{name} ends too early or is not a weights file.')
	if length > LIMIT:
		raise ModelBroken(
			f'{name} is not a weights file: its header claims {length // 1_000_000} MB, more than that of any model.'
		)
	# 2. JSON, each name once
	try:
		content = json.loads(stream.read(length).decode('utf-8'), object_pairs_hook=unique)
		if not isinstance(content, dict):
			raise ValueError('not an object')
	except (ValueError, RecursionError):
		raise ModelBroken(f'{name} is not a weights file: its header cannot be read.') from None
	metadata = content.pop('__metadata__', {})
	if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
		raise ModelBroken(f'{name} is damaged: its metadata is not made of texts.')
	# 3. Every tensor has as many bytes as its shape needs, one after the other
	tensors: dict[str, Tensor] = {}
	weights: dict[str, int] = {}
	places = []
	for key, entry in content.items():
		try:
			dtype, shape, (begin, end) = entry['dtype'], entry['shape'], entry['data_offsets']
			bits = BITS[dtype]
			if type(shape) is not list or len(shape) > SIDES:
				raise ValueError('shape')
			for side in shape:
				if type(side) is not int or not 0 <= side <= SIDE:
					raise ValueError('side')
				bits *= side
			if type(begin) is not int or type(end) is not int or bits != (end - begin) * 8:
				raise ValueError('bytes')
		except (KeyError, TypeError, ValueError):
			raise damaged(name, key) from None
		places.append((begin, end, key))
		tensors[key] = Tensor(dtype, tuple(shape))
		weights[dtype] = weights.get(dtype, 0) + end - begin
	places.sort()
	last = 0
	for begin, end, key in places:
		if begin != last:
			raise damaged(name, key)
		last = end
	return Header(tensors, metadata, weights, surplus(name, size, 8 + length + last))


def surplus(name: str, size: int, needed: int) -> int:
	"""The bytes that a file lacks. Raises ModelBroken when it has more than it says."""
	if size > needed:
		raise ModelBroken(
			f'{name} is damaged: it is {size - needed} bytes longer than its header says.'
		)
	return needed - size


def unique(pairs: list[tuple[str, object]]) -> dict:
	found = dict(pairs)
	if len(found) != len(pairs):
		raise ValueError('a name twice')
	return found


def damaged(name: str, key: str) -> ModelBroken:
	key = ''.join(c for c in key if c.isprintable())
	return ModelBroken(f'{name} is damaged: what its header says of {key[:80]!r} does not add up.')


def read_gguf(stream: BinaryIO, size: int, name: str) -> Header:
	"""`size` is that of the whole file. Raises ModelBroken."""
	reader = Reader(stream, name)
	# 1. What it is, and how much of it
	if reader.take(4) != b'GGUF':
		raise ModelBroken(f'{name} is not a GGUF file.')
	version = reader.number('<I')
	if version not in (2, 3):
		raise ModelBroken(f'{name} is a GGUF file of a version that is not read ({version}).')
	count, keys = reader.number('<Q'), reader.number('<Q')
	if count > TENSORS or keys > KEYS:
		raise reader.broken()
	# 2. Metadata
	metadata: dict[str, str] = {}
	for _ in range(keys):
		key = reader.text(NAME)
		if key in metadata:
			raise damaged(name, key)
		metadata[key] = reader.value(reader.number('<I'))
	# 3. The tensors: sides are written from the innermost to the outermost
	alignment = metadata.get('general.alignment', '32')
	step = int(alignment) if alignment.isdecimal() else 0
	if not 1 <= step <= 65536:
		raise damaged(name, 'general.alignment')
	tensors: dict[str, Tensor] = {}
	weights: dict[str, int] = {}
	places = []
	for _ in range(count):
		key = reader.text(NAME)
		dimensions = reader.number('<I')
		if key in tensors or dimensions > SIDES:
			raise damaged(name, key)
		shape = tuple(reader.number('<Q') for _ in range(dimensions))[::-1]
		number, offset = reader.number('<I'), reader.number('<Q')
		if number not in BLOCKS:
			raise ModelBroken(f'{name} has values of a type that is not known ({number}).')
		dtype, block, each = BLOCKS[number]
		values = math.prod(shape)
		if values % block or offset % step:
			raise damaged(name, key)
		length = values // block * each
		places.append((offset, offset + length, key))
		weights[dtype] = weights.get(dtype, 0) + length
		# Rows that do not fill blocks are written flat, with the true shape beside them.
		original = metadata.get(f'comfy.gguf.orig_shape.{key}', '')
		sides = tuple(int(s) for s in original.split(',') if s.isdecimal())
		tensors[key] = Tensor(dtype, sides if sides and math.prod(sides) == values else shape)
	# 4. They lie one after the other, each at a multiple of the alignment
	places.sort()
	last = 0
	for begin, end, key in places:
		if not last <= begin < last + step:
			raise damaged(name, key)
		last = end
	start = -(-reader.place // step) * step
	return Header(tensors, metadata, weights, max(0, start + last - size) if places else 0)


class Reader:
	"""Reads the parts of a GGUF header, within LIMIT bytes in all."""

	def __init__(self, stream: BinaryIO, name: str):
		self.stream, self.name, self.place = stream, name, 0

	def broken(self) -> ModelBroken:
		return ModelBroken(f'{self.name} is damaged: its GGUF header cannot be read.')

	def take(self, length: int) -> bytes:
		if length < 0 or self.place + length > LIMIT:
			raise self.broken()
		data = self.stream.read(length)
		if len(data) != length:
			raise ModelBroken(f'{self.name} ends too early or is not a weights file.')
		self.place += length
		return data

	def number(self, code: str) -> int:
		return struct.unpack(code, self.take(struct.calcsize(code)))[0]

	def text(self, limit: int) -> str:
		length = self.number('<Q')
		if length > limit:
			raise self.broken()
		try:
			return self.take(length).decode('utf-8')
		except UnicodeDecodeError:
			raise self.broken() from None

	def value(self, kind: int) -> str:
		"""As text; of a list of numbers the first few, of a list of texts nothing: these are
		vocabularies."""
		if kind == STRING:
			return self.text(TEXT)
		if kind in VALUES:
			return str(self.number(VALUES[kind]))
		if kind != LIST:
			raise self.broken()
		kind, count = self.number('<I'), self.number('<Q')
		if count > ITEMS:
			raise self.broken()
		if kind == STRING:
			for _ in range(count):
				self.take(self.number('<Q'))
			return ''
		if kind not in VALUES:
			raise self.broken()
		each = struct.calcsize(VALUES[kind])
		data = self.take(count * each)
		first = struct.iter_unpack(VALUES[kind], data[: 8 * each])
		return ','.join(str(value) for (value,) in first)
