"""Knows what the header of a weights file says: names, types and shapes of its tensors, and its
metadata. Reads nothing else, trusts nothing, and needs no torch.

Format: https://github.com/huggingface/safetensors (eight bytes of length, JSON, data); gguf.py has the other.
"""

import json
import math
import os
import struct
from pathlib import Path
from typing import BinaryIO

import orjson

from localai.errors import ModelBroken
from localai.files.foreign import NoFile, open_foreign
from localai.files.weights.gguf import read_gguf
from localai.files.weights.tensors import (
	LIMIT,
	SIDE,
	SIDES,
	TENSORS,
	Header,
	Tensor,
	damaged,
	too_many,
)

# What is written once for each tensor.
ENTRY = (b'"dtype"', b'"shape"', b'"data_offsets"')
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


def read_header(file: Path, name: str = '', whole: bool = True) -> Header:
	"""`name` is what messages call the file. Raises ModelBroken, also for a file that ends too early
	unless `whole` is False; OSError when it cannot be read."""
	name = name or file.name
	try:
		stream = open_foreign(file)
	except NoFile as error:
		raise ModelBroken(f'{name} cannot be read: {error.strerror}.') from None
	with stream:
		size = os.fstat(stream.fileno()).st_size
		gguf = file.suffix.lower() == '.gguf'
		header = read_gguf(stream, size, name) if gguf else read_safetensors(stream, size, name)
	if whole and header.missing:
		there = size / (size + header.missing)
		raise ModelBroken(
			f'{name} is incomplete: only {math.floor(there * 1000) / 10:.1f}% of it is there.'
		)
	return header


def read_safetensors(stream: BinaryIO, size: int, name: str) -> Header:
	"""`size` is that of the whole file. Raises ModelBroken."""
	# 1. As much as it claims, and no more than a header can be
	start = stream.read(8)
	length = struct.unpack('<Q', start)[0] if len(start) == 8 else 0
	if not 2 <= length <= size - 8:
		raise ModelBroken(f'{name} is incomplete or is not a weights file.')
	if length > LIMIT:
		raise ModelBroken(
			f'{name} is not a weights file: '
			f'its header claims to be {length // 1_000_000} MB, more than any model needs.'
		)
	# 2. JSON, each name once
	text = stream.read(length)
	counts = [text.count(word) for word in ENTRY]
	if counts[0] > TENSORS:
		raise too_many(name, counts[0])
	try:
		content = orjson.loads(text)
		if not isinstance(content, dict):
			raise ValueError('not an object')
		metadata = content.pop('__metadata__', {})
		if any(count != len(content) for count in counts):
			json.loads(text, object_pairs_hook=unique)  # slow, and sure
	except (ValueError, RecursionError):
		raise ModelBroken(f'{name} is not a weights file: its header cannot be read.') from None
	if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
		raise ModelBroken(f'{name} is damaged: its metadata is not text.')
	# 3. Every tensor has as many bytes as its shape needs, one after the other. Most tensors of a
	#    model share their shape with others, and are looked at once.
	tensors: dict[str, Tensor] = {}
	known: dict[tuple, Measured] = {}
	last, ordered = 0, True
	for key, entry in content.items():
		try:
			mark = (entry['dtype'], *entry['shape'])
			seen = known.get(mark)
			if seen is None:
				seen = known[mark] = Measured(entry['dtype'], entry['shape'])
			begin, end = entry['data_offsets']
			if end - begin != seen.bytes:
				raise ValueError('bytes')
		except (KeyError, TypeError, ValueError):
			raise damaged(name, key) from None
		tensors[key] = seen.tensor
		seen.uses += 1
		ordered = ordered and begin == last
		last += seen.bytes
	if not ordered:
		check_places(content, name)
	weights: dict[str, int] = {}
	for seen in known.values():
		dtype = seen.tensor.dtype
		weights[dtype] = weights.get(dtype, 0) + seen.uses * seen.bytes
	values = sum(8 * count // BITS[dtype] for dtype, count in weights.items())
	return Header(tensors, metadata, weights, values, surplus(name, size, 8 + length + last))


class Measured:
	"""A tensor, its bytes, and how many there are like it. Raises KeyError, TypeError, ValueError."""

	def __init__(self, dtype: str, shape: list[int]):
		bits = BITS[dtype]
		if type(shape) is not list or len(shape) > SIDES:
			raise ValueError('shape')
		for side in shape:
			if type(side) is not int or not 0 <= side <= SIDE:
				raise ValueError('side')
			bits *= side
		if bits % 8:
			raise ValueError('bits')
		self.tensor, self.bytes, self.uses = Tensor(dtype, tuple(shape)), bits // 8, 0


def check_places(content: dict[str, dict], name: str) -> None:
	"""Every tensor begins where the one before it ends. Raises ModelBroken."""
	last = 0
	try:
		places = sorted((*entry['data_offsets'], key) for key, entry in content.items())
	except TypeError:
		raise ModelBroken(
			f'{name} is damaged: its header does not say where its tensors are.'
		) from None
	for begin, end, key in places:
		if begin != last:
			raise damaged(name, key)
		last = end


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
