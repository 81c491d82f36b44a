"""Knows how contact sheets look: pages of small pictures with a number and a few words under each."""

import functools
import io
import itertools
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from localai.files.pictures.opening import UNREADABLE, shrunk

COLUMNS, ROWS = 6, 8
PER_PAGE = COLUMNS * ROWS
SIDE = 208  # of the square that a picture fits into
GAP = 16
LINE = 17
MARGIN = 24
GROUND, INK, MUTED, SOFT = '#ffffff', '#1f1e1b', '#6d6a62', '#efede7'
LACKING = '\u25a1'  # a box, for what the font cannot write
READ = 300  # characters of a prompt, of which not all will fit


class Cell(NamedTuple):
	"""`source` is tried first, then `spare`; `words` and `seed` are left out of sheets to share."""

	number: int
	source: Path
	spare: Path | None = None
	words: str = ''
	seed: int | None = None


def pages(cells: Iterable[Cell]) -> Iterator[bytes]:
	"""JPEGs of up to 48 pictures each; one page is in memory at a time."""
	cells = iter(cells)
	while chosen := list(itertools.islice(cells, PER_PAGE)):
		yield page(chosen)


def page(cells: list[Cell]) -> bytes:
	columns = min(COLUMNS, len(cells))
	rows = -(-len(cells) // columns)
	lines = 2 if any(c.words for c in cells) else 1
	high = SIDE + GAP + LINE * lines
	size = (2 * MARGIN + columns * (SIDE + GAP) - GAP, 2 * MARGIN + rows * high - GAP)
	sheet = Image.new('RGB', size, GROUND)
	draw = ImageDraw.Draw(sheet)
	for place, cell in enumerate(cells):
		left = MARGIN + place % columns * (SIDE + GAP)
		top = MARGIN + place // columns * high
		small = picture_of(cell)
		if small is None:
			draw.rectangle((left, top, left + SIDE - 1, top + SIDE - 1), fill=SOFT)
		else:
			# At the bottom of its square, near its words.
			sheet.paste(small, (left + (SIDE - small.width) // 2, top + SIDE - small.height))
		seed = '' if cell.seed is None else f' · seed {cell.seed}'
		draw.text((left, top + SIDE + 3), fitting(f'{cell.number}{seed}'), INK, font())
		draw.text((left, top + SIDE + 3 + LINE), fitting(cell.words), MUTED, font())
	buffer = io.BytesIO()
	sheet.save(buffer, 'JPEG', quality=88, optimize=True)
	return buffer.getvalue()


def picture_of(cell: Cell) -> Image.Image | None:
	"""Upright, small, on the ground of the page; None when it cannot be read."""
	for path in (cell.source, cell.spare):
		if path is None:
			continue
		try:
			small = shrunk(path, SIDE).convert('RGBA')
			ground = Image.new('RGBA', small.size, GROUND)
			return Image.alpha_composite(ground, small).convert('RGB')
		except UNREADABLE:
			continue
	return None


# Words in the one font that is always there


@functools.cache
def font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
	return ImageFont.load_default(13)


@functools.lru_cache(4096)
def can_write(character: str) -> bool:
	try:
		return bytes(font().getmask(character)) != lacking_mask()
	except (UnicodeError, OSError, ValueError):
		return False


@functools.cache
def lacking_mask() -> bytes:
	"""How the font draws a character that does not exist."""
	return bytes(font().getmask('\U0010fffe'))


def writable(text: str) -> str:
	"""The text as far as the font can write it: accents are dropped, a stretch in another script or
	of emoji becomes a box."""
	found = ''
	for character in ' '.join(unicodedata.normalize('NFKD', text[:READ]).split()):
		kind = unicodedata.category(character)
		if kind[0] == 'M' or kind in ('Cc', 'Cf'):
			continue
		if character == ' ' or can_write(character):
			found += character
		elif not found.endswith(LACKING):
			found += LACKING
	return found


@functools.lru_cache(4096)
def width(character: str) -> float:
	return font().getlength(character)


def fitting(text: str) -> str:
	"""As much of the text as is as wide as a picture."""
	text = writable(text)
	if font().getlength(text) <= SIDE:
		return text
	wide = itertools.accumulate(map(width, text), initial=width('…'))
	text = text[: sum(1 for w in wide if w <= SIDE) - 1].rstrip()
	while text and font().getlength(f'{text}…') > SIDE:
		text = text[:-1]
	return f'{text}…'
