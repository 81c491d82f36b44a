"""Knows the header of GGUF files: metadata, then the names, shapes and types of the tensors.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import math
import struct
from typing import BinaryIO

from localai.errors import ModelBroken
from localai.files.weights.tensors import LIMIT, SIDES, TENSORS, Header, Tensor, damaged, too_many

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
KEYS, ITEMS, NAME, TEXT = 20_000, 1_000_000, 1000, 4_000_000


def read_gguf(stream: BinaryIO, size: int, name: str) -> Header:
	"""`size` is that of the whole file. Raises ModelBroken."""
	reader = Reader(stream, name)
	# 1. What it is, and how much of it
	if reader.take(4) != b'GGUF':
		raise ModelBroken(f'{name} is not a GGUF file.')
	version = reader.number('<I')
	if version not in (2, 3):
		raise ModelBroken(f'{name} is a GGUF file of version {version}, which LocalAI cannot read.')
	count, keys = reader.number('<Q'), reader.number('<Q')
	if count > TENSORS:
		raise too_many(name, count)
	if keys > KEYS:
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
	total = 0
	for _ in range(count):
		key = reader.text(NAME)
		dimensions = reader.number('<I')
		if key in tensors or dimensions > SIDES:
			raise damaged(name, key)
		*sides, number, offset = reader.numbers(f'<{dimensions}QIQ')
		shape = tuple(reversed(sides))
		if number not in BLOCKS:
			raise ModelBroken(f'{name} has values of an unknown type ({number}).')
		dtype, block, each = BLOCKS[number]
		values = math.prod(shape)
		if values % block or offset % step:
			raise damaged(name, key)
		length = values // block * each
		places.append((offset, offset + length, key))
		weights[dtype] = weights.get(dtype, 0) + length
		# Rows that do not fill blocks are written flat, with the true shape beside them.
		original = metadata.get(f'comfy.gguf.orig_shape.{key}', '')
		true = tuple(int(s) for s in original.split(',') if s.isdecimal()) if original else ()
		tensors[key] = Tensor(dtype, true if true and math.prod(true) == values else shape)
		total += values
	# 4. They lie one after the other, each at a multiple of the alignment
	places.sort()
	last = 0
	for begin, end, key in places:
		if not last <= begin < last + step:
			raise damaged(name, key)
		last = end
	start = -(-reader.place // step) * step
	missing = max(0, start + last - size) if places else 0
	return Header(tensors, metadata, weights, total, missing)


class Reader:
	"""Reads the parts of a GGUF header, within LIMIT bytes in all."""

	def __init__(self, stream: BinaryIO, name: str):
		self.stream, self.name, self.place, self.data = stream, name, 0, b''

	def broken(self) -> ModelBroken:
		return ModelBroken(f'{self.name} is damaged: its GGUF header cannot be read.')

	def reach(self, length: int) -> int:
		"""Where the next `length` bytes begin, which are in `data` from now on."""
		if length < 0 or self.place + length > LIMIT:
			raise self.broken()
		end = self.place + length
		if end > len(self.data):
			self.data += self.stream.read(max(end - len(self.data), 1 << 18))
		if end > len(self.data):
			raise ModelBroken(f'{self.name} is incomplete or is not a weights file.')
		begin, self.place = self.place, end
		return begin

	def take(self, length: int) -> bytes:
		begin = self.reach(length)
		return self.data[begin : self.place]

	def numbers(self, code: str) -> tuple:
		begin = self.reach(struct.calcsize(code))
		return struct.unpack_from(code, self.data, begin)

	def number(self, code: str) -> int:
		return self.numbers(code)[0]

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
