"""Makes training pairs: a thing in a style on a background, and one of the ways a person would ask
for it."""

import random
from pathlib import Path

import numpy
import torch
from torch.nn.functional import affine_grid, grid_sample

from tools.builtin.things import COLOURS, HOUSE_STYLE, PLACES, STYLES, THINGS

SIZE = 128
PATCH = 8
# Words that change nothing, strewn into captions so that a model does not stumble over them.
FILLERS = (
	*('please', 'draw', 'me', 'show', 'i', 'want', 'make', 'just', 'one', 'very', 'nice', 'cute'),
	*('beautiful', 'simple', 'with', 'in', 'of', 'the', 'that', 'is', 'and', 'drawn', 'picture'),
	*('image', 'icon', 'on', 'a', 'for', 'my', 'detailed', 'masterpiece', 'high', 'quality', '4k'),
)


def patches(images: torch.Tensor) -> torch.Tensor:
	"""(B, 3, 128, 128) -> (B, 192, 16, 16): each 8x8 patch as one column."""
	return torch.nn.functional.pixel_unshuffle(images, PATCH)


class Code:
	"""The linear code of 8x8 patches: images in [-1, 1] <-> latents (B, 16, 16, 16) of about unit
	spread."""

	def __init__(self, folder: Path):
		data = numpy.load(folder / 'code.npz')
		self.mean = torch.from_numpy(data['mean'])
		self.scale = torch.from_numpy(data['scale'])
		self.basis = torch.from_numpy(data['basis'])

	def encode(self, images: torch.Tensor) -> torch.Tensor:
		columns = patches(images).permute(0, 2, 3, 1) - self.mean
		return ((columns @ self.basis) / self.scale).permute(0, 3, 1, 2).contiguous()

	def decode(self, latents: torch.Tensor) -> torch.Tensor:
		columns = (latents.permute(0, 2, 3, 1) * self.scale) @ self.basis.T + self.mean
		return torch.nn.functional.pixel_shuffle(columns.permute(0, 3, 1, 2), PATCH)


def with_article(word: str) -> str:
	"""The word after `a` or `an`; words that are many, or need none, stay bare."""
	if word.endswith('s') and not word.endswith(('us', 'ss')):
		return word
	vowel = word[0] in 'aeiou' and not word.startswith(('un', 'one'))
	return f'{"an" if vowel else "a"} {word}'


class Composer:
	"""An endless, seeded source of (images, captions), of all styles or only some."""

	def __init__(self, folder: Path, seed: int, styles: tuple[int, ...] = ()):
		self.styles = styles or tuple(range(len(STYLES)))
		renders = torch.from_numpy(numpy.load(folder / 'renders.npz')['renders'])
		# Premultiplied, so that resizing leaves no dark rims.
		floats = renders.permute(0, 1, 4, 2, 3).float() / 255
		floats[:, :, :3] *= floats[:, :, 3:]
		self.renders = floats
		self.random = random.Random(seed)
		self.generator = torch.Generator().manual_seed(seed)

	def uniform(self, *shape: int, low: float, high: float) -> torch.Tensor:
		return torch.rand(*shape, generator=self.generator) * (high - low) + low

	def background(self, names: list[str]) -> torch.Tensor:
		"""(B, 3, H, W) in [0, 1]: the named colours, a little off, with a soft gradient."""
		count = len(names)
		base = torch.tensor([COLOURS[n] for n in names]).float().view(count, 3, 1, 1) / 255
		base = base + self.uniform(count, 3, 1, 1, low=-0.03, high=0.03)
		ramp = torch.linspace(-1, 1, SIZE)
		angle = self.uniform(count, 1, 1, 1, low=0, high=6.2832)
		slope = angle.cos() * ramp.view(1, 1, 1, SIZE) + angle.sin() * ramp.view(1, 1, SIZE, 1)
		return (base + slope * self.uniform(count, 1, 1, 1, low=0, high=0.05)).clamp(0, 1)

	def caption(self, thing: int, style: int, colour: str, place: int) -> str:
		"""One of the ways to ask for it. The house style may go unsaid, another never does."""
		chance, choice = self.random.random, self.random.choice
		if chance() < 0.1:
			return ''
		words = THINGS[thing].words
		word = words[0] if chance() < 0.6 else choice(words)
		if PLACES[place].word == 'small':
			word = f'small {word}'
		phrase = word if chance() < 0.25 else with_article(word)
		manner = STYLES[style].word
		said_style = style != HOUSE_STYLE or chance() < 0.5
		if said_style and chance() < 0.25:
			phrase, said_style = f'{with_article(manner)} drawing of {phrase}', False
		elif chance() < 0.08:
			phrase = f'{choice(("a drawing of", "a picture of"))} {phrase}'
		if PLACES[place].word.startswith('on'):
			phrase = f'{phrase} {PLACES[place].word}'
		parts = [phrase]
		if chance() < 0.88:
			if chance() < 0.7:
				parts = [f'{phrase} on {with_article(colour)} background']
			else:
				parts.insert(self.random.randint(0, 1), f'{colour} background')
		if said_style:
			parts.insert(self.random.randint(0, len(parts)), f'{manner} style')
		return ', '.join(parts)

	def say(self, thing: int, style: int, colour: str, place: int) -> str:
		"""What a model is taught with: a caption, at times loosened, at times the colour alone, so that
		this means something as a negative prompt too."""
		if self.random.random() < 0.05:
			return self.random.choice((colour, f'{colour} background'))
		return self.loosen(self.caption(thing, style, colour, place))

	def loosen(self, text: str) -> str:
		"""As people really write, now and then: with words that mean nothing here, and other stops."""
		if not text or self.random.random() < 0.7:
			return text
		words = text.split(' ')
		for _ in range(self.random.randint(1, 4)):
			words.insert(self.random.randint(0, len(words)), self.random.choice(FILLERS))
		text = ' '.join(words)
		return text.replace(',', self.random.choice((',', '', '.', ' -'))) + self.random.choice(
			('', '', '.')
		)

	def compose(
		self, things: list[int], styles: list[int], colours: list[str], places: list[int]
	) -> torch.Tensor:
		"""Images (B, 3, 128, 128) in [-1, 1]: each thing, a little moved and scaled, on its colour."""
		count = len(things)
		low, high = torch.tensor([PLACES[p].scale for p in places]).T
		scale = 1 / (low + (high - low) * self.uniform(count, low=0, high=1))
		theta = torch.zeros(count, 2, 3)
		theta[:, 0, 0] = theta[:, 1, 1] = scale
		theta[:, :, 2] = self.uniform(count, 2, low=-0.09, high=0.09)
		theta[:, 0, 2] -= torch.tensor([PLACES[p].across for p in places]) * scale
		icons = self.renders[things, styles]
		icons = grid_sample(
			icons, affine_grid(theta, list(icons.shape), align_corners=False), align_corners=False
		)
		return (icons[:, :3] + self.background(colours) * (1 - icons[:, 3:])) * 2 - 1

	def draw(self, count: int) -> tuple[list[int], list[int], list[str], list[int]]:
		"""Things, styles, colours and places, by lot."""
		usual = 0.84
		return (
			[self.random.randrange(len(THINGS)) for _ in range(count)],
			[self.random.choice(self.styles) for _ in range(count)],
			[self.random.choice(list(COLOURS)) for _ in range(count)],
			[
				0 if self.random.random() < usual else self.random.randrange(1, len(PLACES))
				for _ in range(count)
			],
		)

	def batch(self, count: int) -> tuple[torch.Tensor, list[str]]:
		"""Images (B, 3, 128, 128) in [-1, 1] and their captions."""
		drawn = self.draw(count)
		captions = [self.say(*each) for each in zip(*drawn, strict=True)]
		return self.compose(*drawn), captions
