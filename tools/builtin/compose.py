"""Makes training pairs: a thing in a style on a background, and one of the ways a person would ask
for it."""

import random
from pathlib import Path

import numpy
import torch
from torch.nn.functional import affine_grid, grid_sample

from tools.builtin.things import COLOURS, STYLES, THINGS

SIZE = 128
PATCH = 8


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

	def caption(self, thing: int, style: int, colour: str) -> str:
		if self.random.random() < 0.1:
			return ''
		words = THINGS[thing].words
		word = words[0] if self.random.random() < 0.6 else self.random.choice(words)
		plural = word in ('cherries', 'cup of coffee') or word.endswith('s')
		article = 'an' if word[0] in 'aeiou' and not word.startswith(('u', 'one')) else 'a'
		phrase = word if plural or self.random.random() < 0.25 else f'{article} {word}'
		if self.random.random() < 0.1:
			phrase = f'{self.random.choice(("a drawing of", "a picture of"))} {phrase}'
		ground = 'an orange' if colour == 'orange' else f'a {colour}'
		parts = [phrase]
		if self.random.random() < 0.85:
			said = self.random.choice(
				(f'on {ground} background', f'on {ground} background', f'{colour} background')
			)
			if said.startswith('on'):
				parts = [f'{phrase} {said}']
			else:
				parts.insert(self.random.randint(0, 1), said)
		if self.random.random() < 0.7:
			parts.insert(self.random.randint(0, len(parts)), f'{STYLES[style].word} style')
		return ', '.join(parts)

	def batch(self, count: int) -> tuple[torch.Tensor, list[str]]:
		"""Images (B, 3, 128, 128) in [-1, 1] and their captions."""
		things = [self.random.randrange(len(THINGS)) for _ in range(count)]
		styles = [self.random.choice(self.styles) for _ in range(count)]
		colours = [self.random.choice(list(COLOURS)) for _ in range(count)]
		scale = 1 / self.uniform(count, low=0.72, high=0.9)
		theta = torch.zeros(count, 2, 3)
		theta[:, 0, 0] = theta[:, 1, 1] = scale
		theta[:, :, 2] = self.uniform(count, 2, low=-0.09, high=0.09)
		icons = self.renders[things, styles]
		icons = grid_sample(
			icons, affine_grid(theta, list(icons.shape), align_corners=False), align_corners=False
		)
		images = icons[:, :3] + self.background(colours) * (1 - icons[:, 3:])
		captions = [self.caption(t, s, c) for t, s, c in zip(things, styles, colours, strict=True)]
		return images * 2 - 1, captions
