"""Knows the anatomy of each family: which part of its pipeline denoises, how it is called, how its
files are read and how its latents are seen."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import diffusers
import torch

from localai.schemas.families import FAMILIES, FamilyName, Way
from localai.schemas.generation import GenerationParameters

BUILTIN = Path(__file__).parents[1] / 'builtin'
# What a scheduler of the family believes noise is: added in steps that were trained, or a straight
# way between noise and picture.
NoiseName = Literal['discrete', 'flow']
Unpack = Callable[[torch.Tensor, int, int], torch.Tensor]


def plain(latents: torch.Tensor, height: int, width: int) -> torch.Tensor:
	return latents


def pairs(latents: torch.Tensor, height: int, width: int) -> torch.Tensor:
	"""A row of patches of two by two (1, n, 4C) -> (1, C, height, width), as FLUX.1 packs them."""
	patches = latents.unflatten(1, (height // 2, width // 2)).unflatten(-1, (-1, 2, 2))
	return patches.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)


@dataclass(frozen=True)
class Look:
	"""How a latent becomes a small picture without the VAE: one row of RGB in [-1, 1] for each
	latent channel, least-squares fits known throughout the field, or a file with such.

	`unpack` brings latents as the pipeline keeps them into (1, C, height, width).
	"""

	factors: tuple[tuple[float, ...], ...] = ()
	file: Path | None = None
	unpack: Unpack = plain


@dataclass(frozen=True)
class SingleFile:
	"""How a file of the original program is read, with the configs in configs/FAMILY.

	`places` says how the names of each part's tensors begin, in any of these ways; `padding` what
	each CLIP tokenizer fills short texts with.
	"""

	places: dict[str, tuple[str, ...]]
	padding: tuple[str, ...]


@dataclass(frozen=True)
class Anatomy:
	"""`parts` are those with weights; `guidance` is what the pipeline calls the guidance
	scale; `constants` what every call is told and `options` what every load is."""

	parts: tuple[str, ...]
	look: Look
	denoiser: str = 'unet'
	noise: NoiseName = 'discrete'
	guidance: str = 'guidance_scale'
	constants: dict[str, Any] = field(default_factory=dict)
	options: dict[str, Any] = field(default_factory=dict)
	# The parts that are quicker with the channels last, which all convolutions are.
	channels_last: tuple[str, ...] = ('unet', 'vae')
	file: SingleFile | None = None


def pipeline_of(family: FamilyName, way: Way = 'text') -> Any:
	"""The class that draws."""
	return getattr(diffusers, FAMILIES[family].pipelines[way])


def arguments(family: FamilyName, request: GenerationParameters) -> dict[str, Any]:
	"""What the settings of a picture are called in a call of the family's pipeline."""
	anatomy = ANATOMIES[family]
	named = {
		'prompt': request.prompt,
		'width': request.width,
		'height': request.height,
		'num_inference_steps': request.steps,
		anatomy.guidance: request.guidance_scale,
	}
	if FAMILIES[family].negative_prompt:
		named['negative_prompt'] = request.negative_prompt or None
	return named | anatomy.constants


PARTS = ('unet', 'vae', 'text_encoder')
PLACES = {
	'unet': ('model.diffusion_model.',),
	'vae': ('first_stage_model.', 'vae.'),
	'text_encoder': ('cond_stage_model.', 'conditioner.embedders.0.'),
}
UNCHECKED = {'safety_checker': None, 'requires_safety_checker': False}
SD1_LOOK = Look(
	(
		(0.298, 0.207, 0.208),
		(0.187, 0.286, 0.173),
		(-0.158, 0.189, 0.264),
		(-0.184, -0.271, -0.473),
	)
)
ANATOMIES: dict[FamilyName, Anatomy] = {
	'sketchbook': Anatomy(
		parts=PARTS,
		# A Sketchbook that came from elsewhere may lack the file, which is none of diffusers'.
		look=Look(file=BUILTIN / 'preview.json'),
		options=UNCHECKED,
	),
	'sd1': Anatomy(
		parts=PARTS,
		look=SD1_LOOK,
		options=UNCHECKED,
		file=SingleFile(PLACES, ('<|endoftext|>',)),
	),
	'sd2': Anatomy(
		parts=PARTS,
		look=SD1_LOOK,
		options=UNCHECKED,
		file=SingleFile(PLACES, ('!',)),
	),
	'sdxl': Anatomy(
		parts=(*PARTS, 'text_encoder_2'),
		look=Look(
			(
				(0.3651, 0.4232, 0.4341),
				(-0.2533, -0.0042, 0.1068),
				(0.1076, 0.1111, -0.0362),
				(-0.3165, -0.2492, -0.2188),
			)
		),
		file=SingleFile(
			PLACES | {'text_encoder_2': ('conditioner.embedders.1.',)}, ('<|endoftext|>', '!')
		),
	),
}
