"""Pictures of anybody, opened within a budget: what hinders no browser hinders nobody here, and what
claims more than it holds is refused in one sentence."""

import io
import struct
import zlib

import pytest
from PIL import Image

from localai.errors import InvalidInput
from localai.files.pictures import opening, writing
from localai.files.pictures.chunks import read_contents
from localai.files.pictures.opening import UNREADABLE, examine, opened
from tests import samples
from tests.files.pictures.test_chunks import END, PIXEL, chunk, made, spoilt


def claims(wide: int, high: int, texts: tuple[bytes, ...] = ()) -> bytes:
	return made(*texts, PIXEL, END, size=(wide, high))


class TestExamine:
	def test_every_sample_is_sound(self):
		for make in samples.SAMPLES.values():
			data = make()
			examine(data, read_contents(data))

	@pytest.mark.parametrize('mode', ['1', 'L', 'P', 'LA', 'RGB', 'RGBA', 'I;16'])
	def test_so_is_one_colour_in_every_mode(self, mode):
		"""Nothing is packed more densely."""
		buffer = io.BytesIO()
		Image.new(mode, (5000, 3000)).save(buffer, 'PNG', optimize=True)
		examine(buffer.getvalue(), read_contents(buffer.getvalue()))

	@pytest.mark.parametrize('size', [(60_000, 60_000), (2**31 - 1, 2**31 - 1), (2**31 - 1, 1)])
	def test_more_pixels_than_can_be_shown(self, size):
		data = claims(*size)
		with pytest.raises(InvalidInput) as error:
			examine(data, read_contents(data))
		assert error.value.message == (
			f'It claims to be {size[0]:,} x {size[1]:,} pixels; '
			'LocalAI can show pictures of up to 268 megapixels.'
		)

	@pytest.mark.parametrize(
		'data',
		[
			claims(12_000, 12_000),
			spoilt(samples.png({}), b'IDAT'),
			made(chunk(b'PLTE', bytes(3))[:-1] + b'x', PIXEL, END),
		],
		ids=['claims', 'pixels', 'palette'],
	)
	def test_pixels_that_are_not_there(self, data):
		with pytest.raises(InvalidInput, match='damaged'):
			examine(data, read_contents(data))


class TestOpened:
	def test_texts_are_in_nobodys_way(self, tmp_path):
		"""Pillow refuses each of these; browsers show them."""
		plain = samples.png({})
		start = plain.index(b'IDAT') - 4
		texts = [
			spoilt(chunk(b'tEXt', b'a\0b'), b'tEXt'),
			spoilt(chunk(b'gAMA', bytes(4)), b'gAMA'),
			chunk(b'zTXt', b'a\0\0' + zlib.compress(bytes(8_000_000))),
			chunk(b'iCCP', b'a\0\0' + zlib.compress(bytes(80_000_000))),
			b''.join(chunk(b'tEXt', b'%d\0' % n + b'x' * 1_000_000) for n in range(70)),
		]
		for text in texts:
			path = tmp_path / 'a.png'
			path.write_bytes(plain[:start] + text + plain[start:])
			with opened(path) as image:
				assert image.convert('RGB').tobytes() == samples.pixels().tobytes()
			assert writing.thumbnail(path, 32)[8:12] == b'WEBP'

	def test_which_way_is_up_and_what_is_seen_through_stay(self):
		image = samples.pixels(alpha=True).quantize(16)
		buffer = io.BytesIO()
		image.save(buffer, 'PNG', exif=samples.exif({0x0112: 6}), transparency=3)
		with opened(buffer.getvalue()) as found:
			found.load()
			assert found.getexif()[0x0112] == 6 and found.info['transparency'] is not None

	def test_a_photograph_without_its_end(self):
		with opened(samples.saved('JPEG', b'')[:-40]) as image:
			image.load()
			assert image.size == (64, 128)

	def test_a_small_one_of_a_large_photograph_is_decoded_small(self):
		data = samples.saved('JPEG', b'', samples.pixels(size=(2000, 1000)))
		with opened(data, 100) as image:
			assert image.size == (250, 125)

	def test_a_large_one_is_made_small_and_turned(self):
		wide = samples.pixels().resize((9000, 4500), Image.Resampling.NEAREST)
		buffer = io.BytesIO()
		wide.save(buffer, 'PNG', compress_level=1, exif=samples.exif({0x0112: 6}))
		small = opening.shrunk(buffer.getvalue(), 100)
		assert small.size == (50, 100)
		left = samples.pixels().getpixel((0, 127))
		assert all(abs(a - b) < 40 for a, b in zip(small.getpixel((0, 0)), left, strict=True))

	def test_what_is_too_large_or_no_picture(self, tmp_path, monkeypatch):
		buffer = io.BytesIO()
		samples.pixels().save(buffer, 'BMP')
		path = tmp_path / 'endless.png'
		with path.open('wb') as file:
			file.truncate(opening.BYTES + 1)
		webp = b'VP8L\x05\0\0\0\x2f' + struct.pack('<I', 16_382 | 16_382 << 14) + b'\0'
		webp = b'RIFF' + struct.pack('<I', 4 + len(webp)) + b'WEBP' + webp
		for source in (
			b'',
			b'\x89PNG\r\n\x1a\n',
			buffer.getvalue(),
			path,
			claims(30_000, 30_000),
			webp,
		):
			with pytest.raises(UNREADABLE), opened(source) as image:
				image.load()
