"""Headers of weights files: what they say, and everything that can be wrong with them."""

import json
import struct
import tracemalloc
from contextlib import contextmanager

import numpy
import pytest
from safetensors.numpy import save_file

from localai.errors import ModelBroken
from localai.files.weights.headers import read_header
from localai.files.weights.tensors import LIMIT
from tests import fabricate


def raw(path, text: bytes, body: int = 0, length: int | None = None):
	return fabricate.written(
		path, struct.pack('<Q', len(text) if length is None else length) + text, body
	)


@contextmanager
def reads_little():
	"""What is refused at once is not taken into memory before."""
	tracemalloc.start()
	try:
		yield
		assert tracemalloc.get_traced_memory()[1] < 4_000_000
	finally:
		tracemalloc.stop()


def entry(shape, begin, end, dtype='F16'):
	return {'dtype': dtype, 'shape': shape, 'data_offsets': [begin, end]}


class TestSafetensors:
	def test_it_reads_what_the_library_writes(self, tmp_path):
		file = tmp_path / 'a.safetensors'
		arrays = {
			'b': numpy.zeros((2, 3), 'float32'),
			'a': numpy.zeros((), 'int8'),
			'c': numpy.zeros((0, 4), 'float16'),
		}
		save_file(arrays, file, {'title': 'ä'})
		header = read_header(file)
		assert {n: (t.dtype, t.shape) for n, t in header.tensors.items()} == {
			'a': ('I8', ()),
			'b': ('F32', (2, 3)),
			'c': ('F16', (0, 4)),
		}
		assert header.metadata == {'title': 'ä'}
		assert header.weights == {'F32': 24, 'I8': 1, 'F16': 0} and header.values == 7
		assert header.data_bytes == 25 and header.missing == 0

	def test_tensors_may_be_listed_in_any_order(self, tmp_path):
		content = {'b': entry([2], 4, 8), 'a': entry([2], 0, 4)}
		header = read_header(raw(tmp_path / 'a.safetensors', json.dumps(content).encode(), 8))
		assert set(header.tensors) == {'a', 'b'}

	def test_values_of_less_than_a_byte(self, tmp_path):
		content = {'a': entry([2, 4], 0, 4, 'F4')}
		assert (
			read_header(raw(tmp_path / 'a.safetensors', json.dumps(content).encode(), 4)).values
			== 8
		)

	@pytest.mark.parametrize(
		'content',
		[
			b'',
			b'12345',
			b'\xff' * 100,
			struct.pack('<Q', 5) + b'[1,2]',
			struct.pack('<Q', 0),
			struct.pack('<Q', 4) + b'{}',
			struct.pack('<Q', 7) + b'{"a":1}',
			struct.pack('<Q', 2) + b'\xff\xfe',
			b'GGUF' + b'\0' * 40,
			b'PK\x03\x04' + b'\0' * 60,
			b'<!DOCTYPE html><html><body>404</body></html>',
		],
	)
	def test_what_is_no_weights_file_is_said_in_one_sentence(self, tmp_path, content):
		file = tmp_path / 'thing.safetensors'
		file.write_bytes(content)
		with pytest.raises(ModelBroken) as error:
			read_header(file)
		assert error.value.message.startswith('thing.safetensors ')
		assert error.value.message.endswith('.') and '\n' not in error.value.message

	@pytest.mark.parametrize(
		'tensors',
		[
			{'a': entry([2], 0, 4), 'b': entry([2], 2, 6)},  # one over the other
			{'a': entry([2], 0, 4), 'b': entry([2], 6, 10)},  # a hole
			{'a': entry([2], 4, 8)},  # a hole at the start
			{'a': entry([2], 4, 0)},
			{'a': entry([2], -4, 0)},
			{'a': entry([3], 0, 4)},  # more values than bytes
			{'a': entry([2], 0, 4, 'F17')},
			{'a': entry([2], 0, 4, ['F16'])},
			{'a': entry([-2], 0, -4)},
			{'a': entry([2.0], 0, 4)},
			{'a': entry([True, 2], 0, 4)},
			{'a': entry('2', 0, 4)},
			{'a': entry([[2]], 0, 4)},
			{'a': entry([2], '0', '4')},
			{'a': entry([2], None, 4)},
			{'a': entry([1] * 17 + [2], 0, 4)},
			{'a': entry([1 << 60, 0], 0, 0)},
			{'a': entry([3], 0, 1, 'F4')},
			{'a': {'dtype': 'F16', 'shape': [2]}},
			{'a': {'dtype': 'F16', 'shape': [2], 'data_offsets': [0, 2, 4]}},
			{'a': [1]},
			{'__metadata__': {'a': 1}},
			{'__metadata__': 'a'},
		],
	)
	def test_tensors_that_do_not_add_up_are_refused(self, tmp_path, tensors):
		file = raw(tmp_path / 'thing.safetensors', json.dumps(tensors).encode(), 4)
		with pytest.raises(ModelBroken, match=r'^thing.safetensors is'):
			read_header(file)

	def test_a_name_twice_is_refused(self, tmp_path):
		one = json.dumps(entry([2], 0, 4))
		file = raw(tmp_path / 'thing.safetensors', f'{{"a":{one},"a":{one}}}'.encode(), 4)
		with pytest.raises(ModelBroken, match='its header cannot be read'):
			read_header(file)

	def test_a_cut_file_says_how_much_of_it_is_there(self, tmp_path):
		file = fabricate.safetensors(tmp_path / 'cut.safetensors', {'a': (1000, 500)})
		with open(file, 'r+b') as stream:
			stream.truncate(750_000)
		with pytest.raises(ModelBroken, match=r'cut.safetensors is incomplete: only 74\.9% of it'):
			read_header(file)
		assert read_header(file, whole=False).missing > 250_000

	def test_more_than_it_says_is_refused(self, tmp_path):
		file = fabricate.safetensors(tmp_path / 'long.safetensors', {'a': (4,)})
		file.write_bytes(file.read_bytes() + b'#!/bin/sh')
		with pytest.raises(ModelBroken, match='9 bytes longer'):
			read_header(file)

	def test_a_huge_length_is_refused_without_reading(self, tmp_path):
		for length in (2**64 - 1, 2**63, 10**9):
			file = raw(tmp_path / 'huge.safetensors', b'{', 50, length)
			with pytest.raises(ModelBroken, match='is incomplete'):
				read_header(file)

	def test_100_mb_of_json_are_refused_at_once(self, tmp_path):
		file = raw(tmp_path / 'fat.safetensors', b'{', 100_000_000, 100_000_000)
		with reads_little(), pytest.raises(ModelBroken, match='its header claims to be 100 MB'):
			read_header(file)
		assert LIMIT < 100_000_000

	@pytest.mark.parametrize('bracket', [b'[', b'{"a":'])
	def test_deep_nesting_is_refused(self, tmp_path, bracket):
		with pytest.raises(ModelBroken, match='its header cannot be read'):
			read_header(raw(tmp_path / 'deep.safetensors', bracket * 1_000_000))

	def test_numbers_of_a_million_digits_are_refused(self, tmp_path):
		text = b'{"a":{"dtype":"F16","shape":[' + b'9' * 1_000_000 + b'],"data_offsets":[0,4]}}'
		with pytest.raises(ModelBroken, match='its header cannot be read'):
			read_header(raw(tmp_path / 'long.safetensors', text, 4))

	def test_names_in_messages_are_short_and_plain(self, tmp_path):
		content = {'\x1b[31m' + 'x' * 5000: entry([3], 0, 4)}
		with pytest.raises(ModelBroken) as error:
			read_header(raw(tmp_path / 'a.safetensors', json.dumps(content).encode(), 4))
		assert '\x1b' not in error.value.message and len(error.value.message) < 200


def text(value: str) -> bytes:
	return struct.pack('<Q', len(value)) + value.encode()


class TestGguf:
	def test_names_shapes_and_types(self, tmp_path):
		shapes = {'a.weight': (64, 256), 'a.bias': (64,), 'b.weight': (8, 300)}
		file = fabricate.gguf(tmp_path / 'a.gguf', shapes, 'Q4_K', {'general.architecture': 'flux'})
		header = read_header(file)
		assert {n: t.shape for n, t in header.tensors.items()} == shapes
		assert [t.dtype for t in header.tensors.values()] == ['Q4_K', 'F32', 'F32']
		assert header.metadata['general.architecture'] == 'flux'
		assert header.weights['Q4_K'] == 64 * 144 and header.values == 64 * 256 + 64 + 2400

	def test_the_true_shape_of_what_was_written_flat(self, tmp_path):
		key = text('comfy.gguf.orig_shape.a') + struct.pack('<IIQ3i', 9, 5, 3, 2, 4, 8)
		tensor = text('a') + struct.pack('<IQIQ', 1, 64, 0, 0)
		head = b'GGUF' + struct.pack('<IQQ', 3, 1, 1) + key + tensor
		file = fabricate.written(tmp_path / 'a.gguf', head + b'\0' * (-len(head) % 32), 256)
		assert read_header(file).tensors['a'].shape == (2, 4, 8)

	def test_vocabularies_are_skipped(self, tmp_path):
		words = struct.pack('<IIQ', 9, 8, 1000) + text('word') * 1000
		head = b'GGUF' + struct.pack('<IQQ', 3, 0, 1) + text('tokens') + words
		assert read_header(fabricate.written(tmp_path / 'a.gguf', head, 0)).metadata == {
			'tokens': ''
		}

	def test_a_cut_file(self, tmp_path):
		file = fabricate.gguf(tmp_path / 'cut.gguf', {'a': (1000, 256)}, 'Q4_K')
		with open(file, 'r+b') as stream:
			stream.truncate(70_000)
		with pytest.raises(ModelBroken, match='cut.gguf is incomplete'):
			read_header(file)

	@pytest.mark.parametrize(
		'head',
		[
			b'',
			b'GGUF',
			b'GGML' + b'\0' * 60,
			b'GGUF' + struct.pack('<IQQ', 1, 0, 0),
			b'GGUF' + struct.pack('>IQQ', 3, 0, 0),
			b'GGUF' + struct.pack('<IQQ', 3, 2**63, 0),
			b'GGUF' + struct.pack('<IQQ', 3, 0, 2**63),
			b'GGUF' + struct.pack('<IQQ', 3, 1, 0) + struct.pack('<Q', 2**60),
			b'GGUF' + struct.pack('<IQQ', 3, 0, 1) + text('a') + struct.pack('<I', 99),
			b'GGUF' + struct.pack('<IQQ', 3, 0, 1) + text('a') + struct.pack('<IIQ', 9, 8, 2**62),
			b'GGUF'
			+ struct.pack('<IQQ', 3, 0, 1)
			+ text('a')
			+ struct.pack('<IIQ', 9, 0, 900_000_000),
			b'GGUF' + struct.pack('<IQQ', 3, 0, 1) + text('a') + struct.pack('<IIQ', 9, 9, 1),
			b'GGUF' + struct.pack('<IQQ', 3, 0, 1) + struct.pack('<Q', 2) + b'\xff\xff',
			b'GGUF' + struct.pack('<IQQ', 3, 1, 0) + text('a') + struct.pack('<I', 1_000_000),
			b'GGUF'
			+ struct.pack('<IQQ', 3, 1, 0)
			+ text('a')
			+ struct.pack('<IQIQ', 1, 100, 12, 0),
			b'GGUF' + struct.pack('<IQQ', 3, 1, 0) + text('a') + struct.pack('<IQIQ', 1, 32, 77, 0),
			b'GGUF' + struct.pack('<IQQ', 3, 1, 0) + text('a') + struct.pack('<IQIQ', 1, 32, 0, 64),
			b'GGUF'
			+ struct.pack('<IQQ', 3, 2, 0)
			+ 2 * (text('a') + struct.pack('<IQIQ', 1, 32, 0, 0)),
		],
	)
	def test_hostile_headers_are_refused_at_once(self, tmp_path, head):
		file = fabricate.written(tmp_path / 'bad.gguf', head, 0)
		with reads_little(), pytest.raises(ModelBroken, match=r'^bad.gguf '):
			read_header(file)
