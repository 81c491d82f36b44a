"""Makes the sheets that people look at: unpicked samples, samplers, img2img, inpainting."""

from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont

from localai.schemas.samplers import SamplerName
from tools.builtin.compose import SIZE, Composer
from tools.builtin.painter import Painter
from tools.builtin.prompts import Asked
from tools.builtin.things import THINGS

GAP, WORDS, LINES = 6, 34, 3
ONE_PROMPT = 'a fox on a teal background, flat style'
# Eight of those that know zero terminal signal, of every kind: plain, ancestral, second order,
# multistep, stochastic.
SAMPLERS: tuple[SamplerName, ...] = (
	'DDIM',
	'Euler',
	'Euler a',
	'Heun',
	'DPM++ 2M',
	'DPM++ 2M SDE',
	'UniPC',
	'DDPM',
)


def to_image(picture: torch.Tensor) -> Image.Image:
	"""(3 or 1, H, W) in [-1, 1] -> RGB."""
	values = ((picture.clamp(-1, 1) + 1) * 127.5).round().byte().expand(3, -1, -1)
	return Image.fromarray(values.permute(1, 2, 0).contiguous().numpy())


def wrap(text: str, font, width: int) -> list[str]:
	lines = ['']
	for word in text.split():
		longer = f'{lines[-1]} {word}'.strip()
		if font.getlength(longer) > width and lines[-1]:
			lines.append(word)
		else:
			lines[-1] = longer
	return lines[:LINES]


def sheet(pictures: list[torch.Tensor], words: list[str], columns: int) -> Image.Image:
	"""Pictures in rows, with the words small under each."""
	font = ImageFont.load_default(size=9)
	wide, high = SIZE + GAP, SIZE + WORDS + GAP
	rows = -(-len(pictures) // columns)
	page = Image.new('RGB', (columns * wide + GAP, rows * high + GAP), 'white')
	pen = ImageDraw.Draw(page)
	for i, (picture, text) in enumerate(zip(pictures, words, strict=True)):
		left, top = GAP + i % columns * wide, GAP + i // columns * high
		page.paste(to_image(picture), (left, top))
		for line, part in enumerate(wrap(text, font, SIZE)):
			pen.text((left, top + SIZE + 1 + line * 11), part, fill='black', font=font)
	return page


def unpicked(painter: Painter, asked: list[Asked], out: Path) -> None:
	"""The first 64 of the fixed prompts, the first seed of each."""
	texts = [a.text for a in asked[:64]]
	pictures = painter.draw(texts, list(range(len(texts))))
	sheet(list(pictures), texts, 8).save(out / 'sheet.png')


def samplers(painter: Painter, out: Path) -> None:
	"""One prompt over eight samplers, two seeds."""
	columns = [painter.draw([ONE_PROMPT] * 2, [3, 4], sampler=s) for s in SAMPLERS]
	pictures = [column[row] for row in range(2) for column in columns]
	sheet(pictures, list(SAMPLERS) * 2, len(SAMPLERS)).save(out / 'samplers.png')


def still(data: Path, icon: str, colour: str) -> torch.Tensor:
	"""A composition to begin from, (1, 3, 128, 128)."""
	thing = [t.icon for t in THINGS].index(icon)
	return Composer(data, seed=4).compose([thing], [1], [colour], [0])


def img2img(painter: Painter, data: Path, out: Path) -> None:
	"""Sources and what became of them at three strengths."""
	pictures, words = [], []
	for icon, colour, text in (
		('red-apple', 'blue', 'a green apple on a blue background, flat style'),
		('cat-face', 'yellow', 'a fox on an orange background, flat style'),
		('balloon', 'white', 'a light bulb on a pink background, flat style'),
	):
		source = still(data, icon, colour)
		pictures.append(source[0])
		words.append('source')
		for strength in (0.3, 0.5, 0.7):
			pictures.append(painter.redraw(source, text, strength, seed=1)[0])
			words.append(f'{strength}: {text}')
	sheet(pictures, words, 4).save(out / 'img2img.png')


def inpaint(painter: Painter, data: Path, out: Path) -> None:
	"""Source, mask, result: the middle is drawn anew, the border stays."""
	pictures, words = [], []
	for icon, colour, text in (
		('red-apple', 'blue', 'a lemon on a blue background, flat style'),
		('cat-face', 'yellow', 'a panda on a yellow background, flat style'),
		('robot', 'green', 'a rocket on a green background, flat style'),
	):
		source = still(data, icon, colour)
		mask = torch.zeros(1, 1, SIZE, SIZE)
		mask[:, :, 8:-8, 8:-8] = 1
		pictures += [source[0], mask[0] * 2 - 1, painter.fill(source, mask, text, seed=2)[0]]
		words += ['source', 'mask', text]
	sheet(pictures, words, 3).save(out / 'inpaint.png')
