"""Settings hidden in the pixels: found in each layout, and never looked for longer than needed."""

import io
import struct
import zlib

import numpy
import pytest
from PIL import Image

from localai.files.pictures import stealth
from localai.files.pictures.chunks import read_contents
from localai.files.pictures.readings import read_settings
from tests import samples
from tests.files.pictures.test_chunks import chunk


def lossless(image: Image.Image) -> bytes:
	return samples.png({}, image)


def with_head(name: bytes, length: int, body: bytes = b'') -> bytes:
	"""A picture whose stream begins with these bytes."""
	array = numpy.array(samples.pixels(alpha=True, size=(64, 64)))
	bits = numpy.unpackbits(numpy.frombuffer(name + struct.pack('>I', length) + body, 'uint8'))
	columns = array[:, :, 3].transpose().reshape(-1)
	columns[: len(bits)] = columns[: len(bits)] & 0xFE | bits
	array[:, :, 3] = columns.reshape(64, 64).transpose()
	return lossless(Image.fromarray(array))


class TestLayouts:
	@pytest.mark.parametrize('mode', ['alpha', 'rgb'])
	@pytest.mark.parametrize('packed', [False, True])
	@pytest.mark.parametrize('text', ['a', 'a pier, 灯台\nSteps: 1', 'x' * 900])
	def test_each_comes_back(self, mode, packed, text, tmp_path):
		data = lossless(samples.hidden(text.encode(), mode, packed))
		path = tmp_path / 'a.png'
		path.write_bytes(data)
		for source in (data, path):
			found = stealth.read_hidden(source, read_contents(source))
			assert found == {'parameters': text}

	def test_an_independent_reader_finds_the_same(self):
		from sd_parsers import Eagerness, ParserManager

		data = samples.SAMPLES['novelai-stealth.png']()
		theirs = ParserManager(eagerness=Eagerness.EAGER).parse(io.BytesIO(data))
		ours = read_settings(data)
		assert ours.stealth and theirs is not None
		assert ours.recipe.prompt == theirs.full_prompt == samples.PROMPT

	def test_a_text_is_not_looked_for_where_one_stands(self, monkeypatch):
		monkeypatch.setattr(stealth, 'decoded', lambda source: pytest.fail('decoded'))
		read_settings(samples.SAMPLES['a1111.png']())
		read_settings(samples.SAMPLES['photograph.jpg']())


class TestHostile:
	@pytest.mark.parametrize('length', [0, 7, 2**32 - 1, 64 * 64])
	def test_lengths_that_lie(self, length):
		assert not read_settings(with_head(b'stealth_pnginfo', length)).stealth

	def test_packing_that_is_none_and_bombs(self, monkeypatch):
		garbage = with_head(b'stealth_pngcomp', 80, b'0123456789')
		assert not read_settings(garbage).stealth
		monkeypatch.setattr(stealth, 'LIMIT', 1000)
		bomb = lossless(samples.hidden(b'x' * 200_000))
		found = stealth.read_hidden(bomb, read_contents(bomb))
		assert len(found['parameters']) <= 1000

	@pytest.mark.parametrize('alpha', [False, True])
	def test_without_a_name_nothing_is_decoded(self, alpha, monkeypatch):
		monkeypatch.setattr(stealth, 'decoded', lambda source: pytest.fail('decoded'))
		assert read_settings(lossless(samples.pixels(alpha=alpha))).format == ''
		assert read_settings(samples.saved('WEBP', b'')).format == ''

	@pytest.mark.parametrize('filter', range(5))
	def test_the_first_column_is_known_by_every_filter(self, filter):
		"""Packed with one filter alone; the pixels are ours."""
		image = numpy.array(samples.hidden(b'told')).astype(int)
		height, width, channels = image.shape
		left = numpy.pad(image, ((0, 0), (1, 0), (0, 0)))[:, :-1]
		above = numpy.pad(image, ((1, 0), (0, 0), (0, 0)))[:-1]
		corner = numpy.pad(above, ((0, 0), (1, 0), (0, 0)))[:, :-1]
		guess = left + above - corner
		nearest = numpy.stack([abs(guess - one) for one in (left, above, corner)]).argmin(0)
		paeth = numpy.choose(nearest, (left, above, corner))
		expected = (0, left, above, (left + above) // 2, paeth)[filter]
		packed = ((image - expected) & 255).astype('uint8').reshape(height, -1)
		rows = numpy.hstack([numpy.full((height, 1), filter, 'uint8'), packed])
		head = chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 6, 0, 0, 0))
		data = head + chunk(b'IDAT', zlib.compress(rows.tobytes())) + chunk(b'IEND')
		found = read_settings(b'\x89PNG\r\n\x1a\n' + data)
		assert found.stealth and found.text == 'parameters: told'

	def test_small_grey_and_huge_pictures(self, monkeypatch):
		for image in (
			Image.new('RGB', (1, 1)),
			Image.new('RGBA', (3, 5)),
			Image.new('L', (64, 64)),
			Image.new('P', (64, 64)),
		):
			assert read_settings(lossless(image)).format == ''
		monkeypatch.setattr(stealth, 'decoded', lambda source: pytest.fail('decoded'))
		monkeypatch.setattr(stealth, 'PIXELS', 100)
		assert read_settings(lossless(samples.pixels())).format == ''

	def test_pixels_that_cannot_be_decoded(self):
		data = bytearray(lossless(samples.pixels(alpha=True)))
		start = data.index(b'IDAT')
		length = struct.unpack('>I', data[start - 4 : start])[0]
		data[start + 4 : start + 4 + length] = b'\0' * length
		data[start + 4 + length : start + 8 + length] = struct.pack(
			'>I', zlib.crc32(data[start : start + 4 + length])
		)
		assert read_settings(bytes(data)).format == ''
