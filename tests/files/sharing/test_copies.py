"""Safe copies: the same picture, and a stranger reads nothing in it; what he reads in others."""

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from localai.errors import InvalidInput
from localai.files.sharing.copies import clean, safe_copy
from localai.files.sharing.exposure import exposure
from tests.stranger import reads

SECRET = 'the secret garden of Anna, C:\\Users\\anna'
PLAIN = ['Format', 'File size', 'Size', 'Colours']
UNSEEN = 'Under the transparency'
SIGNATURES = ('stealth_pnginfo', 'stealth_pngcomp', 'stealth_rgbinfo', 'stealth_rgbcomp')


def noise(mode: str = 'RGB', size: tuple[int, int] = (61, 43)) -> Image.Image:
	bands = {'1': 1, 'L': 1, 'P': 1, 'LA': 2, 'RGB': 3, 'RGBA': 4, 'CMYK': 4}[mode]
	data = np.random.default_rng(7).integers(0, 256, (size[1], size[0], bands), np.uint8)
	if mode == '1':
		return Image.fromarray(data[..., 0]).convert('1')
	if mode == 'P':
		return Image.fromarray(data[..., 0]).quantize(30)
	if mode == 'CMYK':
		return Image.frombytes('CMYK', size, data.tobytes())
	return Image.fromarray(data.squeeze())


def saved(image: Image.Image, kind: str, **options) -> bytes:
	buffer = io.BytesIO()
	image.save(buffer, kind, **options)
	return buffer.getvalue()


def exif(turned: int = 1, prompt: str = SECRET) -> bytes:
	tags = Image.Exif()
	tags[0x0112] = turned
	tags[0x010E] = SECRET
	tags[0x013B] = 'Anna'
	tags[0x0132] = '2026:11:23 10:00:00'
	inner = tags.get_ifd(0x8769)
	inner[0x9286] = b'UNICODE\0' + prompt.encode('utf-16-be')
	place = tags.get_ifd(0x8825)
	place[1], place[2] = 'N', (52.0, 31.0, 12.0)
	return tags.tobytes()


def chunk(name: bytes, body: bytes) -> bytes:
	return struct.pack('>I', len(body)) + name + body + struct.pack('>I', zlib.crc32(name + body))


def with_chunks(png: bytes, *chunks: bytes, after: bytes = b'') -> bytes:
	"""Behind the header, and behind the pixels."""
	return png[:33] + b''.join(chunks) + png[33:-12] + after + png[-12:]


def full_png(image: Image.Image, turned: int = 1) -> bytes:
	secret = SECRET.encode()
	return with_chunks(
		saved(image, 'PNG'),
		chunk(b'tEXt', b'parameters\0' + secret),
		chunk(b'zTXt', b'Comment\0\0' + zlib.compress(secret)),
		chunk(b'iTXt', b'XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta>' + secret),
		chunk(b'iTXt', b'workflow\0\1\0de\0titel\0' + zlib.compress('{"日本": "🍎"}'.encode())),
		chunk(b'eXIf', exif(turned)),
		chunk(b'tIME', struct.pack('>H5B', 2026, 11, 23, 10, 9, 8)),
		chunk(b'pHYs', struct.pack('>IIB', 2835, 2835, 1)),
		chunk(b'annA', secret),
		after=chunk(b'tEXt', b'late\0' + secret),
	)


def full_jpeg(image: Image.Image, turned: int = 1, **options) -> bytes:
	"""As A1111 writes it, with an XMP block, a comment, Photoshop's notes and bytes at the end."""
	data = saved(image, 'JPEG', exif=exif(turned), comment=SECRET, **options)
	secret = SECRET.encode()
	extra = b''.join(
		bytes((0xFF, marker)) + struct.pack('>H', len(body) + 2) + body
		for marker, body in (
			(0xE1, b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>' + secret),
			(0xED, b'Photoshop 3.0\0' + secret),
			(0xE2, b'MPF\0' + secret),
			(0xFE, secret),
		)
	)
	return data[:2] + extra + data[2:] + secret


def full_webp(image: Image.Image, turned: int = 1, **options) -> bytes:
	data = saved(image, 'WEBP', exif=exif(turned), xmp=b'<x>' + SECRET.encode(), **options)
	odd = b'ANNA' + struct.pack('<I', 5) + b'Anna!\0'
	return data[:4] + struct.pack('<I', len(data) - 8 + len(odd)) + data[8:] + odd + b'Anna'


def pixels(data: bytes) -> tuple[str, bytes]:
	with Image.open(io.BytesIO(data)) as image:
		return image.mode, image.tobytes()


def hide(image: Image.Image, name: str, text: bytes = SECRET.encode()) -> Image.Image:
	"""As the stealth extension does it, pixel by pixel."""
	payload = name.encode() + struct.pack('>I', len(text) * 8) + text
	bits = np.unpackbits(np.frombuffer(payload, np.uint8))
	data = np.array(image)
	channels = [3] if 'png' in name else [0, 1, 2]
	number = 0
	for x in range(image.width):
		for y in range(image.height):
			for channel in channels:
				if number < len(bits):
					data[y, x, channel] = data[y, x, channel] & 254 | bits[number]
					number += 1
	return Image.fromarray(data)


def names(data: bytes) -> list[str]:
	return [name for name, _ in exposure(data)]


def check_safe(data: bytes, *more: str) -> None:
	found = exposure(data)
	assert [n for n, _ in found] == [*PLAIN, *more], found
	assert b'Anna' not in data and b'anna' not in data and SECRET.encode('utf-16-be') not in data


class TestPng:
	@pytest.mark.parametrize('mode', ['1', 'L', 'P', 'LA', 'RGB', 'RGBA'])
	def test_the_pixels_stay_and_the_rest_is_gone(self, tmp_path, mode):
		image = noise(mode)
		path = tmp_path / 'anna.png'
		path.write_bytes(full_png(image))
		copy = safe_copy(path)
		assert copy.suffix == '.png' and copy.note == ''
		assert pixels(copy.data) == pixels(saved(image, 'PNG'))
		check_safe(copy.data, *([UNSEEN] if 'A' in mode else []))

	def test_transparency_of_palettes_and_sixteen_bits_stay(self):
		data = full_png(noise('P'))
		data = with_chunks(saved(noise('P'), 'PNG', transparency=3), chunk(b'tEXt', b'a\0Anna'))
		with Image.open(io.BytesIO(clean(data).data)) as image:
			assert image.info['transparency'] == 3
		deep = Image.fromarray(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64))
		data = full_png(deep)
		assert pixels(clean(data).data) == ('I;16', deep.tobytes())

	def test_interlaced_pictures_stay_as_they_are_packed(self):
		"""Two by two pixels of grey in seven passes, of which four have pixels."""
		rows = b'\0\x11' + b'\0\x22' + b'\0\x33\x44'
		header = struct.pack('>IIBBBBB', 2, 2, 8, 0, 0, 0, 1)
		data = b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header)
		data += chunk(b'IDAT', zlib.compress(rows)) + chunk(b'tEXt', b'a\0Anna')
		data += chunk(b'IEND', b'')
		copy = clean(data)
		assert pixels(copy.data) == pixels(data) == ('L', b'\x11\x22\x33\x44')
		assert zlib.compress(rows) in copy.data
		check_safe(copy.data)

	def test_what_is_packed_behind_the_last_row_is_left_out(self):
		image = noise('L', (8, 8))
		rows = b''.join(b'\0' + image.tobytes()[i : i + 8] for i in range(0, 64, 8))
		head = b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', 8, 8, 8, 0, 0, 0, 0))
		for body in (zlib.compress(rows + b'Anna' * 99), zlib.compress(rows) + b'Anna' * 9):
			data = head + chunk(b'IDAT', body) + chunk(b'IEND', b'') + b'Anna'
			copy = clean(data).data
			assert pixels(copy) == ('L', image.tobytes())
			check_safe(copy)
			assert zlib.compress(rows) in copy

	def test_a_moving_picture_becomes_its_first_frame(self):
		data = saved(noise(), 'PNG', save_all=True, append_images=[noise('RGB', (61, 43))])
		still = clean(data).data
		check_safe(still)
		assert pixels(still) == pixels(data)

	def test_a_wrong_checksum_does_no_harm(self):
		data = bytearray(full_png(noise()))
		data[40] ^= 255
		copy = clean(bytes(data)).data
		check_safe(copy)
		assert pixels(copy) == ('RGB', noise().tobytes())

	def test_a_text_that_unpacks_to_gigabytes_does_no_harm(self):
		bomb = chunk(b'zTXt', b'Comment\0\0' + zlib.compress(bytes(50_000_000)))
		data = with_chunks(saved(noise(), 'PNG'), bomb)
		check_safe(clean(data).data)
		assert dict(exposure(data))['Text Comment'].endswith('characters)')


class TestJpeg:
	@pytest.mark.parametrize(
		'options',
		[{}, {'progressive': True}, {'subsampling': 0, 'quality': 100}, {'restart_marker_rows': 1}],
	)
	def test_it_is_not_encoded_again(self, options):
		image = noise()
		copy = clean(full_jpeg(image, **options))
		assert copy.suffix == '.jpg'
		assert pixels(copy.data) == pixels(saved(image, 'JPEG', **options))
		check_safe(copy.data)

	@pytest.mark.parametrize('mode', ['L', 'CMYK'])
	def test_other_colours(self, mode):
		data = full_jpeg(noise(mode))
		assert pixels(clean(data).data) == pixels(data)
		check_safe(clean(data).data)

	def test_colours_that_are_not_mixed_as_usual(self):
		"""Adobe's marker says so, and stays."""
		data = full_jpeg(noise(), keep_rgb=True)
		assert pixels(clean(data).data) == pixels(data)

	@pytest.mark.parametrize('end', [b'', b'\xff\xff\xd9'])
	def test_ends_that_others_forgive(self, end):
		data = saved(noise(), 'JPEG', comment='Anna')[:-2] + end
		check_safe(clean(data).data)

	def test_a_jpeg_that_calls_itself_png(self, tmp_path):
		path = tmp_path / 'a.png'
		path.write_bytes(full_jpeg(noise()))
		assert safe_copy(path).suffix == '.jpg'


class TestWebp:
	@pytest.mark.parametrize('mode', ['RGB', 'RGBA'])
	@pytest.mark.parametrize('lossless', [False, True])
	def test_it_is_not_encoded_again(self, mode, lossless):
		image = noise(mode)
		data = full_webp(image, lossless=lossless, exact=True)
		copy = clean(data)
		assert copy.suffix == '.webp'
		assert pixels(copy.data) == pixels(data)
		check_safe(copy.data, *([UNSEEN] if mode == 'RGBA' else []))

	def test_animations_stay_animated(self):
		frames = [noise('RGB', (31, 31)), Image.new('RGB', (31, 31), 'red')]
		data = full_webp(frames[0], save_all=True, append_images=frames[1:], duration=100)
		copy = clean(data).data
		with Image.open(io.BytesIO(copy)) as image:
			assert image.n_frames == 2
		assert [n for n in names(copy) if n not in PLAIN] == ['Frames']
		assert b'nna' not in copy


class TestOrientation:
	@pytest.mark.parametrize('turned', range(1, 9))
	@pytest.mark.parametrize('make', [full_png, full_jpeg, full_webp])
	def test_it_is_all_that_stays(self, make, turned):
		data = make(noise(), turned)
		copy = clean(data).data
		check_safe(copy, *(['Orientation'] if turned > 1 else []))
		with Image.open(io.BytesIO(copy)) as image:
			assert image.getexif().get(0x0112, 1) == turned
			assert len(image.getexif()) == (turned > 1)

	def test_a_hostile_one_is_upright(self):
		broken = b'MM\0*' + struct.pack('>IHHHI', 8, 60_000, 0x0112, 3, 2**32 - 1)
		check_safe(clean(with_chunks(saved(noise(), 'PNG'), chunk(b'eXIf', broken))).data)


def profile(about: str, blue: tuple[float, float]) -> bytes:
	"""A real profile of its own colours, made by lcms and described by hand."""
	data = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
	at = data.index(b'mluc')
	start, text = at + 28, about.encode('utf-16-be')
	size = struct.unpack_from('>I', data, at + 20)[0]
	data = data[:start] + text[:size].ljust(size, b'\0') + data[start + size :]
	place = struct.unpack_from('>I', data, data.index(b'bXYZ', 128) + 4)[0]
	return data[: place + 8] + struct.pack('>i', int(blue[0] * 65536)) + data[place + 12 :]


class TestProfiles:
	@pytest.mark.parametrize('kind', ['PNG', 'JPEG', 'WEBP'])
	def test_its_colours_stay_and_its_name_goes(self, kind):
		told = profile('Anna 4K', (0.3, 0.1))
		data = saved(noise(), kind, icc_profile=told)
		assert 'Anna' in dict(exposure(data))['Colour profile']
		copy = clean(data).data
		check_safe(copy, 'Colour profile')
		assert dict(exposure(copy))['Colour profile'] == 'Colours'
		with Image.open(io.BytesIO(copy)) as image:
			kept = ImageCms.getOpenProfile(io.BytesIO(image.info['icc_profile']))
		before = ImageCms.getOpenProfile(io.BytesIO(told))
		assert kept.profile.blue_colorant == before.profile.blue_colorant
		plain = ImageCms.createProfile('sRGB')
		shown = [ImageCms.profileToProfile(noise(), p, plain).tobytes() for p in (before, kept)]
		assert shown[0] == shown[1] != noise().tobytes()

	@pytest.mark.parametrize('kind', ['PNG', 'JPEG', 'WEBP'])
	def test_srgb_and_rubbish_go(self, kind):
		for told in (profile('sRGB of Anna', (0.143, 0)), b'Anna' * 100):
			check_safe(clean(saved(noise(), kind, icc_profile=told)).data)


class TestStealth:
	@pytest.mark.parametrize('name', SIGNATURES)
	@pytest.mark.parametrize('kind', ['PNG', 'WEBP'])
	@pytest.mark.parametrize('size', [(200, 150), (300, 10)])
	def test_it_is_found_said_and_cleared(self, name, kind, size):
		image = noise('RGB', size).convert('RGBA')
		data = saved(hide(image, name), kind, lossless=True, exact=True)
		assert name in dict(exposure(data)).values()
		copy = clean(data)
		check_safe(copy.data)
		with Image.open(io.BytesIO(copy.data)) as cleared:
			# A WebP that is opaque need not say so.
			after, before = np.array(cleared.convert('RGBA')), np.array(image)
		assert (after[..., 3] == 255).all()
		if 'png' in name:
			assert 'transparency' in copy.note
			assert (after == before).all()
		else:
			assert 'lowest bit' in copy.note
			assert (after[..., :3] == before[..., :3] & 254).all()

	def test_the_own_reader_finds_nothing_after(self):
		from localai.files.pictures import readings

		data = saved(hide(noise('RGB', (200, 150)).convert('RGBA'), SIGNATURES[0]), 'PNG')
		assert SECRET in readings.read_settings(data).text
		found = readings.read_settings(clean(data).data)
		assert (found.format, found.text) == ('', '')

	def test_a_pattern_without_a_name_becomes_opaque(self):
		data = np.array(noise('RGBA'))
		data[..., 3] |= 254
		copy = clean(saved(Image.fromarray(data), 'PNG')).data
		with Image.open(io.BytesIO(copy)) as image:
			after = np.array(image)
		assert (after[..., 3] == 255).all() and (after[..., :3] == data[..., :3]).all()
		check_safe(copy)

	def test_true_transparency_stays_and_loses_only_its_lowest_bit(self):
		image = hide(noise('RGBA', (200, 150)), SIGNATURES[0])
		with Image.open(io.BytesIO(clean(saved(image, 'PNG')).data)) as cleared:
			after, before = np.array(cleared).astype(int), np.array(image).astype(int)
		assert (after[..., :3] == before[..., :3]).all()
		assert np.abs(after - before).max() == 1

	def test_what_stands_beside_it_is_gone_too(self):
		image = hide(noise('RGBA', (200, 150)), SIGNATURES[2])
		copy = clean(full_png(image, 6)).data
		assert [n for n in names(copy) if n not in PLAIN] == [
			UNSEEN,
			'Orientation',
		]
		assert b'nna' not in copy


class TestStranger:
	@pytest.mark.parametrize('kind', ['PNG', 'JPEG'])
	def test_an_independent_reader_finds_nothing(self, kind):
		"""sd-parsers knows the grammars of all the programs that draw."""
		words = f'{SECRET}\nSteps: 20, Sampler: Euler, CFG scale: 4, Seed: 7, Size: 61x43'
		info = PngImagePlugin.PngInfo()
		info.add_text('parameters', words)
		told = {'pnginfo': info} if kind == 'PNG' else {'exif': exif(prompt=words)}
		data = saved(noise(), kind, **told)
		assert reads(data).prompts
		assert not getattr(reads(clean(data).data), 'prompts', None)


class TestOthers:
	@pytest.mark.parametrize('kind', ['GIF', 'BMP', 'TIFF'])
	def test_other_kinds_become_png(self, kind):
		options = {'comment': SECRET} if kind == 'GIF' else {}
		copy = clean(saved(noise(), kind, **options))
		assert copy.suffix == '.png'
		check_safe(copy.data)

	@pytest.mark.parametrize(
		'data',
		[b'', b'Anna', b'\x89PNG\r\n\x1a\n', b'\xff\xd8\xff', b'RIFF\0\0\0\0WEBP' + bytes(9)],
	)
	def test_what_is_no_picture_is_refused(self, data):
		with pytest.raises(InvalidInput, match='cannot be read'):
			clean(data)
		assert exposure(data)

	@pytest.mark.parametrize('make', [full_png, full_jpeg, full_webp])
	def test_cut_files_are_refused_or_safe(self, make):
		data = make(noise('RGB', (20, 20)))
		for end in range(0, len(data), 41):
			with contextlib.suppress(InvalidInput):
				check_safe(clean(data[:end]).data)
			assert exposure(data[:end])

	@pytest.mark.parametrize('make', [full_png, full_jpeg, full_webp])
	def test_broken_bytes_are_refused_or_safe(self, make):
		random = np.random.default_rng(3)
		whole = make(noise('RGB', (20, 20)))
		for _ in range(300):
			data = bytearray(whole)
			for at in random.integers(0, len(data), 4):
				data[at] = random.integers(0, 256)
			try:
				copy = clean(bytes(data)).data
			except InvalidInput:
				copy = None
			if copy:
				assert SECRET.encode() not in copy
				assert not {n for n in names(copy) if n.startswith(('Text', 'EXIF', 'XMP', 'Comm'))}
			assert exposure(bytes(data))

	def test_a_picture_of_too_many_pixels_is_refused(self):
		header = struct.pack('>IIBBBBB', 2**31 - 1, 2**31 - 1, 8, 6, 0, 0, 0)
		data = b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header)
		data += chunk(b'IDAT', zlib.compress(b'')) + chunk(b'IEND', b'')
		with pytest.raises(InvalidInput):
			clean(data)


class TestExposure:
	def test_everything_in_a_png_is_named(self):
		found = dict(exposure(full_png(noise(), 6) + b'Anna behind it'))
		assert found['Format'] == 'PNG' and found['Size'] == '61 x 43 pixels'
		assert found['Text parameters'] == found['Text Comment'] == found['Text late'] == SECRET
		assert SECRET in found['Text XML:com.adobe.xmp']
		assert found['Text workflow de titel'] == '{"日本": "🍎"}'
		assert found['Time'] == '2026-11-23 10:09:08'
		assert found['EXIF Artist'] == 'Anna' and found['EXIF Exif UserComment'] == SECRET
		assert found['EXIF GPSInfo GPSLatitude'] == '(52.0, 31.0, 12.0)'
		assert found['Chunk annA'] == SECRET and 'Chunk pHYs' in found
		assert found['After the end'] == 'Anna behind it'

	def test_everything_in_a_jpeg_is_named(self):
		found = dict(exposure(full_jpeg(noise())))
		assert SECRET in found['XMP'] and found['Comment'] == SECRET
		assert SECRET in found['Segment ED'] and 'Segment E2' in found
		assert found['EXIF Exif UserComment'] == SECRET and found['After the end'] == SECRET

	def test_everything_in_a_webp_is_named(self):
		found = dict(exposure(full_webp(noise())))
		assert SECRET in found['XMP'] and found['EXIF ImageDescription'] == SECRET
		assert found['Chunk ANNA'] == 'Anna!' and found['After the end'] == 'Anna'

	def test_long_and_strange_texts_are_shown_as_text(self):
		words = '<script>alert(1)</script> \u202e ' + '🍎' * 50_000
		info = PngImagePlugin.PngInfo()
		info.add_itxt('parameters', words)
		data = saved(noise(), 'PNG', pnginfo=info)
		text = dict(exposure(data))['Text parameters']
		assert text.startswith('<script>alert(1)</script> \u202e 🍎') and len(text) < 10_100
		assert f'({len(words):,} characters)' in text
		check_safe(clean(data).data)

	@pytest.mark.parametrize('prompt', ['ein Äpfel', '林檎 🍎', 'שלום'])
	def test_prompts_of_every_script_in_exif(self, prompt):
		data = saved(noise(), 'JPEG', exif=exif(prompt=prompt))
		assert dict(exposure(data))['EXIF Exif UserComment'] == prompt
