"""Knows how a picture is copied so that only the picture is in the copy: the same pixels, and no
text, name, place or time. What can still be read in a file is told by exposure.py."""

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from localai.errors import InvalidInput
from localai.files.pictures.chunks import PNG_SIGNATURE
from localai.files.pictures.opening import UNREADABLE
from localai.files.pictures.stealth import SIGNATURES, gather
from localai.files.sharing.stripping import (
	png_with,
	strip_jpeg,
	strip_png,
	strip_webp,
)


class SafeCopy(NamedTuple):
	"""`note` says what had to be changed in the pixels, '' when nothing."""

	data: bytes
	suffix: str
	note: str = ''


def safe_copy(path: Path) -> SafeCopy:
	"""Raises OSError when the file is gone, InvalidInput when it is no picture that can be read."""
	return clean(path.read_bytes())


def clean(data: bytes) -> SafeCopy:
	try:
		# 1. Take the container apart and keep only what is the picture.
		kind = kind_of(data)
		if kind == 'PNG':
			stripped, suffix = strip_png(data), '.png'
		elif kind == 'JPEG':
			return SafeCopy(checked(strip_jpeg(data)), '.jpg')
		elif kind == 'WEBP':
			stripped, suffix = strip_webp(data), '.webp'
		else:
			return drawn_anew(data)
		# 2. Look into the pixels: they can hide a text as well.
		with Image.open(io.BytesIO(stripped)) as image:
			image.load()
			cleared, note = without_hidden(image)
			told = {n: image.info.get(n) or b'' for n in ('exif', 'icc_profile')}
		if cleared is None:
			return SafeCopy(stripped, suffix)
		# 3. Only then are they encoded again, without loss.
		buffer = io.BytesIO()
		if kind == 'PNG':
			cleared.save(buffer, 'PNG')
			return SafeCopy(png_with(stripped, buffer.getvalue()), suffix, note)
		cleared.save(buffer, 'WEBP', lossless=True, exact=True, **told)
		return SafeCopy(strip_webp(buffer.getvalue()), suffix, note)
	except (*UNREADABLE, Image.DecompressionBombError):
		return drawn_anew(data)


def drawn_anew(data: bytes) -> SafeCopy:
	"""A PNG of what is seen, for containers that are broken or of another kind."""
	if kind_of(data) == 'JPEG':
		data += b'\xff\xd9'  # it may be its end that is missing
	try:
		with Image.open(io.BytesIO(data)) as image:
			image.load()
			seen = ImageOps.exif_transpose(image)
			if seen.mode not in ('1', 'L', 'LA', 'P', 'RGB', 'RGBA', 'I;16'):
				seen = seen.convert('RGB')
			seen.info.pop('icc_profile', None)
			cleared, note = without_hidden(seen)
			buffer = io.BytesIO()
			(cleared or seen).save(buffer, 'PNG')
			return SafeCopy(strip_png(buffer.getvalue()), '.png', note)
	except (*UNREADABLE, Image.DecompressionBombError) as error:
		raise InvalidInput(
			'The picture cannot be read, so no safe copy of it can be made.',
			'Share it as it is only if you know what is in it.',
		) from error


def checked(data: bytes) -> bytes:
	with Image.open(io.BytesIO(data)) as image:
		image.load()
	return data


def kind_of(data: bytes) -> str:
	if data.startswith(PNG_SIGNATURE):
		return 'PNG'
	if data.startswith(b'\xff\xd8\xff'):
		return 'JPEG'
	return 'WEBP' if data[:4] == b'RIFF' and data[8:12] == b'WEBP' else ''


# Texts in the pixels


def without_hidden(image: Image.Image) -> tuple[Image.Image | None, str]:
	"""The picture without data in its lowest bits and a sentence about it; None when there is
	none."""
	notes, found = [], image
	if image.mode in ('RGBA', 'LA'):
		alpha = np.asarray(image.getchannel('A'))
		if alpha.min() == 254 or named(alpha[..., None], 'alpha'):
			# 254 looks like 255, so nothing is lost where it is all but opaque.
			found = image.copy()
			found.putalpha(Image.fromarray(np.where(alpha >= 254, 255, alpha & 254)))
			notes.append('Data hidden in the transparency was removed.')
	if image.mode in ('RGB', 'RGBA') and named(np.asarray(image)[..., :3], 'rgb'):
		pixels = np.array(found)
		pixels[..., :3] &= 254
		found = Image.fromarray(pixels)
		notes.append('Data hidden in the colours was removed: each colour lost its lowest bit.')
	return (found if notes else None), ' '.join(notes)


def named(plane: np.ndarray, channels: str) -> bool:
	"""Whether a name that programs know begins in the lowest bits."""
	return SIGNATURES.get(gather(plane, 0, 15), ('',))[0] == channels
