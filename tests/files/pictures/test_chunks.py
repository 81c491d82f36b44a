"""The texts of picture files: where they may stand, how they may be written, and all that can be wrong."""

import io
import struct
import zlib

import pytest
from PIL import Image

from localai.errors import InvalidInput
from localai.files.pictures import chunks, exif
from localai.files.pictures.chunks import TEXT_BYTES, read_contents
from localai.files.pictures.metadata import embed, read_record
from tests import samples
from tests.files.pictures.test_metadata import record

SIGNATURE = b'\x89PNG\r\n\x1a\n'


def chunk(name: bytes, body: bytes = b'', length: int | None = None) -> bytes:
	size = len(body) if length is None else length
	return struct.pack('>I', size) + name + body + struct.pack('>I', zlib.crc32(name + body))


def made(*pieces: bytes, size: tuple[int, int] = (1, 1)) -> bytes:
	head = chunk(b'IHDR', struct.pack('>IIBBBBB', *size, 8, 0, 0, 0, 0))
	return SIGNATURE + head + b''.join(pieces)


def spoilt(data: bytes, name: bytes) -> bytes:
	"""The same file, with a wrong checksum in the first chunk of that name."""
	at = data.index(name)
	end = at + 4 + int.from_bytes(data[at - 4 : at])
	return data[:end] + bytes(255 - b for b in data[end : end + 4]) + data[end + 4 :]


PIXEL = chunk(b'IDAT', zlib.compress(b'\0\0'))
END = chunk(b'IEND')


def tiff(*entries: tuple[int, int, int, int], order: str = '<', tail: bytes = b'') -> bytes:
	start = (b'II*\0' if order == '<' else b'MM\0*') + struct.pack(order + 'I', 8)
	listed = b''.join(struct.pack(order + 'HHII', *e) for e in entries)
	return start + struct.pack(order + 'H', len(entries)) + listed + bytes(4) + tail


def jpeg(*segments: tuple[int, bytes]) -> bytes:
	plain = samples.saved('JPEG', b'')
	extra = b''.join(struct.pack('>BBH', 0xFF, m, len(b) + 2) + b for m, b in segments)
	return plain[:2] + extra + plain[2:]


class TestPng:
	@pytest.mark.parametrize('after', [False, True])
	def test_every_kind_of_text_before_and_after_the_pixels(self, after):
		texts = [
			chunk(b'tEXt', b'a\0' + 'ä'.encode('latin-1')),
			chunk(b'tEXt', 'b\0灯'.encode()),  # UTF-8, which the specification does not allow
			chunk(b'zTXt', b'c\0\0' + zlib.compress(b'packed')),
			chunk(b'iTXt', b'd\0\0\0en\0dd\0' + '灯'.encode()),
			chunk(b'iTXt', b'e\0\1\0\0\0' + zlib.compress('台'.encode())),
			chunk(b'eXIf', samples.comment('f')),
		]
		pieces = [PIXEL, *texts] if after else [*texts, PIXEL]
		found = read_contents(made(*pieces, END))
		assert found.texts == {
			'a': 'ä',
			'b': '灯',
			'c': 'packed',
			'd': '灯',
			'e': '台',
			'UserComment': 'f',
		}
		assert (found.media_type, found.width, found.height) == ('image/png', 1, 1)

	def test_what_looks_like_another_encoding_in_our_own_chunk_stays(self, tmp_path):
		said = record(prompt='Ã¤ is what ä became')
		path = tmp_path / 'a.png'
		path.write_bytes(embed(samples.png({}), said, 64, 128))
		assert read_record(path) == said

	def test_nor_is_a_text_of_others_beside_ours(self):
		# What they mean by Latin-1 is kept, since the file is one that we wrote.
		theirs = chunk(b'tEXt', 'Comment\0Ã¤'.encode('latin-1'))
		ours = chunk(b'tEXt', b'localai\0{}')
		assert read_contents(made(theirs, ours, PIXEL, END)).texts['Comment'] == 'Ã¤'
		assert read_contents(made(theirs, PIXEL, END)).texts['Comment'] == 'ä'

	def test_the_first_of_two_texts_of_one_name_counts(self):
		twice = [chunk(b'tEXt', b'a\0first'), chunk(b'tEXt', b'a\0second')]
		assert read_contents(made(*twice, PIXEL, END)).texts == {'a': 'first'}

	@pytest.mark.parametrize(
		'data',
		[
			b'',
			SIGNATURE,
			made(),
			made(PIXEL),
			made(END),
			made(PIXEL, END[:-3]),
			made(chunk(b'tEXt', b'a\0b', length=2**31), PIXEL, END),
			made(chunk(b'tEXt', b'a\0b', length=2**32 - 1)),
			spoilt(made(PIXEL, END), b'IHDR'),
			made(PIXEL, END, size=(0, 1)),
			made(PIXEL, END, size=(1, 0)),
			SIGNATURE + PIXEL + END,
			SIGNATURE + chunk(b'IHDR', struct.pack('>III', 1, 1, 0)) + PIXEL + END,
			SIGNATURE + chunk(b'IHDR', b'\0' * 12) + PIXEL + END,
			samples.png({'a': 'b'})[:-200],
		],
	)
	def test_damaged_files_are_refused_in_one_sentence(self, data, tmp_path):
		path = tmp_path / 'a.png'
		path.write_bytes(data)
		for source in (data, path):
			with pytest.raises(InvalidInput) as error:
				read_contents(source)
			assert error.value.remedy
		assert read_record(path) is None

	@pytest.mark.parametrize('name', [b'tEXt', b'zTXt', b'iTXt', b'eXIf', b'gAMA'])
	def test_a_wrong_checksum_beside_the_pixels_is_forgiven(self, name):
		"""And what it covers is kept apart."""
		bodies = {b'tEXt': b'b\0told', b'zTXt': b'b\0\0' + zlib.compress(b'told')}
		bodies |= {b'iTXt': b'b\0\0\0\0\0told', b'eXIf': samples.exif({0x010E: 'told'})}
		text = chunk(b'tEXt', b'a\0sound')
		data = made(text, chunk(name, bodies.get(name, bytes(4))), PIXEL, END)
		at = data.rindex(name)
		found = read_contents(data[:at] + spoilt(data[at - 4 :], name)[4:])
		assert found.texts == {'a': 'sound'}
		assert list(found.doubtful.values()) == ([] if name == b'gAMA' else ['told'])

	def test_a_bomb_stays_small(self):
		bomb = zlib.compress(bytes(64 * TEXT_BYTES))
		texts = [chunk(b'zTXt', b'%d\0\0' % n + bomb) for n in range(10)]
		texts += [chunk(b'iTXt', b'x%d\0\1\0\0\0' % n + bomb) for n in range(10)]
		found = read_contents(made(*texts, PIXEL, END))
		assert sum(map(len, found.texts.values())) <= chunks.ALL_BYTES + TEXT_BYTES

	def test_a_long_text_is_cut(self):
		text = b'a\0' + b'x' * (TEXT_BYTES + 1000)
		assert len(read_contents(made(chunk(b'tEXt', text), PIXEL, END)).texts['a']) < TEXT_BYTES

	@pytest.mark.parametrize(
		'body',
		[b'', b'\0text', b'k' * 80 + b'\0text', b'no zero', b'a\0'],
	)
	def test_texts_without_a_proper_name_are_passed_over(self, body):
		texts = [chunk(name, body) for name in (b'tEXt', b'zTXt', b'iTXt')]
		assert read_contents(made(*texts, PIXEL, END)).texts == {}

	def test_broken_packing_is_passed_over(self):
		texts = [chunk(b'zTXt', b'a\0\0garbage'), chunk(b'zTXt', b'b\0\7x'), chunk(b'eXIf', b'II*')]
		assert read_contents(made(*texts, PIXEL, END)).texts == {}

	def test_names_are_only_names(self):
		name = b"__proto__<script>'../x"
		found = read_contents(made(chunk(b'tEXt', name + b'\0v'), PIXEL, END))
		assert found.texts == {name.decode(): 'v'}

	def test_a_file_of_a_million_pieces_is_refused(self, monkeypatch):
		monkeypatch.setattr(chunks, 'PIECES', 50)
		with pytest.raises(InvalidInput, match='pieces'):
			read_contents(made(*[chunk(b'IDAT')] * 60, END))

	def test_a_picture_too_large_to_be_decoded_is_read(self):
		found = read_contents(
			made(chunk(b'tEXt', b'a\0b'), PIXEL, END, size=(2**31 - 1, 2**31 - 1))
		)
		assert found.texts == {'a': 'b'} and found.width == 2**31 - 1

	def test_only_headers_and_texts_are_read(self, tmp_path, monkeypatch):
		"""What makes it fast: pixels are stepped over."""
		path, taken = tmp_path / 'a.png', []
		noise = Image.effect_noise((512, 512), 80)
		path.write_bytes(samples.png({'a': 'b'}, noise))

		class Counting(io.BytesIO):
			def read(self, size=-1):
				data = super().read(size)
				taken.append(len(data))
				return data

		data = path.read_bytes()
		assert chunks.read_stream(Counting(data), len(data)).texts == {'a': 'b'}
		assert sum(taken) < 500 < 100_000 < len(data)


class TestExif:
	@pytest.mark.parametrize(
		'data',
		[
			b'UNICODE\0' + 'a 灯: b'.encode('utf-16-be'),
			b'UNICODE\0' + 'a 灯: b'.encode('utf-16-le'),
			b'UNICODE\0' + 'a 灯: b'.encode('utf-16'),
			b'UNICODE\0\xfe\xff' + 'a 灯: b'.encode('utf-16-be'),
			# cut in the last letter
			b'UNICODE\0' + 'a 灯: b'.encode('utf-16-be') + b'x',
			b'UNICODE\0\xff\xfe' + 'a 灯: b'.encode('utf-16-le') + b'x',
			b'UNICODE\0\xfe\xff' + 'a 灯: b'.encode('utf-16-be') + b'x',
			b'UNICODE\0' + 'a 灯: b'.encode(),
			b'ASCII\0\0\0' + 'a 灯: b'.encode(),
			bytes(8) + 'a 灯: b'.encode(),
			bytes(8) + 'a 灯: b'.encode('utf-16-le'),
			'a 灯: b'.encode(),
			'a 灯: b\0\0'.encode(),
			'a 灯: b'.encode('utf-16-be'),
		],
	)
	def test_a_comment_in_every_encoding(self, data):
		block = samples.exif({}, {0x9286: data})
		for picture in (samples.saved('JPEG', block), samples.saved('WEBP', block)):
			assert read_contents(picture).texts['UserComment'] == 'a 灯: b'

	def test_latin_letters_and_japanese_labels(self):
		latin = samples.exif({}, {0x9286: b'ASCII\0\0\0' + 'Äpfel sind'.encode('latin-1')})
		assert exif.read_exif(latin)['UserComment'] == 'Äpfel sind'
		assert exif.decode('im Café'.encode('latin-1')) == 'im Café'
		assert exif.decode('灯台'.encode()[:-1]) == '灯'
		for more in (b'', b'\xff'):
			told = b'JIS\0\0\0\0\0' + '灯台'.encode('iso2022_jp') + more
			assert exif.read_exif(samples.exif({}, {0x9286: told}))['UserComment'] == '灯台'

	def test_the_other_texts(self):
		block = samples.exif(
			{0x010E: 'told', 0x0131: 'program', 0x9C9C: 'noted'.encode('utf-16-le') + b'\0\0'},
			{0x927C: b'scheme'},
		)
		assert exif.read_exif(block) == {
			'ImageDescription': 'told',
			'Software': 'program',
			'XPComment': 'noted',
			'MakerNote': 'scheme',
		}

	def test_what_windows_writes(self):
		names = ('XPTitle', 'XPComment', 'XPAuthor', 'XPKeywords', 'XPSubject')
		texts = {0x9C9B + place: name.encode('utf-16-le') for place, name in enumerate(names)}
		assert exif.read_exif(samples.exif(texts)) == {name: name for name in names}
		cut = {tag: text + b'x' for tag, text in texts.items()}
		assert exif.read_exif(samples.exif(cut)) == {name: name for name in names}

	@pytest.mark.parametrize('order', ['<', '>'])
	def test_blocks_that_lie(self, order):
		lies = [
			b'',
			b'II*\0',
			b'II*\0\xff\xff\xff\xff',
			tiff((0x8769, 4, 1, 8), order=order),  # an inner directory that is the outer one
			tiff((0x8769, 4, 1, 2**32 - 1), order=order),
			tiff((0x9286, 7, 2**32 - 1, 2**32 - 1), order=order),
			tiff((0x9286, 99, 5, 8), order=order),
			tiff((0x9286, 7, 0, 0), order=order),
			tiff(order=order)[:8] + b'\xff\xff',
		]
		assert [exif.read_exif(block) for block in lies] == [{}] * len(lies)

	def test_many_entries_cost_no_more_than_the_known_ones(self):
		"""Each of them claims the whole block; only the first of each name is copied."""
		body = b'x' * 60_000
		count = 4000
		entries = [(0x9286, 2, len(body), 14 + 12 * count)] * count
		found = exif.read_exif(tiff(*entries, tail=body))
		assert list(found) == ['UserComment'] and len(found['UserComment']) <= len(body)


class TestJpeg:
	def test_comment_and_xmp_are_text_and_nothing_is_expanded(self):
		laughs = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'
		found = read_contents(
			jpeg(
				(0xFE, 'a note 灯'.encode()),
				(0xE1, b'http://ns.adobe.com/xap/1.0/\0' + laughs.encode()),
				(0xE1, b'something else'),
			)
		)
		assert found.texts == {'comment': 'a note 灯', 'XMP': laughs}
		assert (found.media_type, found.width, found.height) == ('image/jpeg', 64, 128)

	@pytest.mark.parametrize('end', [2, 3, 5, 30, 200])
	def test_a_file_that_ends_before_its_pixels_is_damaged(self, end):
		with pytest.raises(InvalidInput):
			read_contents(samples.saved('JPEG', samples.comment('x' * 400))[:end])

	def test_lengths_that_lie(self):
		plain = samples.saved('JPEG', b'')
		for piece in (b'\xff\xe1\x00\x00', b'\xff\xe1\x00\x01', b'\x00\x00', b'\xff\xd9'):
			with pytest.raises(InvalidInput):
				read_contents(plain[:2] + piece + plain[2:])

	def test_bytes_that_only_fill_are_stepped_over(self):
		told = jpeg((0xFE, b'told'))
		found = read_contents(told[:2] + b'\xff\xff\xff' + told[2:])
		assert (found.texts, found.width, found.height) == ({'comment': 'told'}, 64, 128)

	def test_a_file_of_a_million_pieces_is_refused(self, monkeypatch):
		monkeypatch.setattr(chunks, 'PIECES', 50)
		assert read_contents(jpeg(*[(0xE5, b'')] * 20)).width == 64
		with pytest.raises(InvalidInput, match='pieces'):
			read_contents(jpeg(*[(0xE5, b'')] * 50))

	def test_no_size_is_damaged(self):
		with pytest.raises(InvalidInput):
			read_contents(b'\xff\xd8\xff\xda\x00\x02')


class TestWebp:
	@pytest.mark.parametrize('options', [{}, {'lossless': True}])
	def test_sizes_and_texts(self, options):
		for block in (b'', samples.comment('told')):
			found = read_contents(samples.saved('WEBP', block, **options))
			assert (found.media_type, found.width, found.height) == ('image/webp', 64, 128)
			assert found.texts == ({'UserComment': 'told'} if block else {})

	@pytest.mark.parametrize('size', [(1, 1), (63, 127), (301, 257)])
	@pytest.mark.parametrize('options', [{}, {'lossless': True}])
	def test_every_size(self, size, options):
		image = samples.pixels(size=size)
		for picture in (image, image.convert('RGBA')):
			for block in (b'', samples.comment('told')):
				found = read_contents(samples.saved('WEBP', block, picture, **options))
				assert (found.width, found.height) == size

	@pytest.mark.parametrize(
		('name', 'body'),
		[(b'VP8 ', bytes(10)), (b'VP8L', bytes(10)), (b'VP8L', b'\x2f\0\0\0'), (b'VP8X', b'')],
	)
	def test_pixels_that_do_not_begin_as_they_must(self, name, body):
		piece = name + struct.pack('<I', len(body)) + body
		data = b'RIFF' + struct.pack('<I', 4 + len(piece)) + b'WEBP' + piece
		with pytest.raises(InvalidInput):
			read_contents(data)

	def test_what_stands_behind_its_end_is_not_read(self):
		plain, told = samples.saved('WEBP', b''), samples.saved('WEBP', samples.comment('told'))
		assert read_contents(plain + told[told.index(b'EXIF') :]).texts == {}

	def test_xmp(self):
		buffer = io.BytesIO()
		samples.pixels().save(buffer, 'WEBP', xmp=b'<x:xmpmeta/>')
		assert read_contents(buffer.getvalue()).texts == {'XMP': '<x:xmpmeta/>'}

	def test_damage(self):
		whole = samples.saved('WEBP', samples.comment('told'))
		lying = whole[:16] + b'\xff\xff\xff\x7f' + whole[20:]
		empty = b'RIFF\x04\0\0\0WEBP'
		for data in (whole[:-4], whole[:40], whole[:12], lying, empty):
			with pytest.raises(InvalidInput):
				read_contents(data)


class TestOthers:
	def test_what_is_no_picture_is_refused(self, tmp_path):
		(tmp_path / 'a.png').write_text('not one')
		buffer = io.BytesIO()
		samples.pixels().save(buffer, 'GIF')
		for source in (b'nothing', buffer.getvalue(), tmp_path / 'a.png', tmp_path, tmp_path / 'b'):
			with pytest.raises(InvalidInput):
				read_contents(source)
		assert read_record(tmp_path / 'b') is None and read_record(tmp_path) is None

	@pytest.mark.parametrize('name', list(samples.SAMPLES))
	def test_every_beginning_of_every_sample_is_read_or_refused(self, name):
		data = samples.SAMPLES[name]()
		for end in range(0, min(len(data), 6000), 97):
			try:
				read_contents(data[:end])
			except InvalidInput:
				continue
