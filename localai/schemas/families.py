"""Knows every family of models that LocalAI can tell, one row each: its title and how the hub and
diffusers name it; and of those it draws with what a person sees: shapes, efforts, limits."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from localai.schemas.base import Schema
from localai.schemas.samplers import SAMPLERS, SamplerName, ScheduleName

# All that a file can be known as; ARCHITECTURES below has a row for each.
ArchitectureName = Literal[
	'sketchbook',
	'sd1',
	'sd2',
	'sdxl',
	'sdxl-refiner',
	'sd3',
	'flux1',
	'flux2',
	'flux2-klein',
	'chroma',
	'qwen-image',
	'z-image',
	'lumina2',
	'sana',
	'pixart',
	'kolors',
	'hidream',
	'unknown',
]
# What diffusers calls each part with weights, and what it is to a person.
PARTS = {
	'unet': 'denoiser',
	'transformer': 'denoiser',
	'vae': 'VAE',
	'text_encoder': 'text encoder',
	'text_encoder_2': 'second text encoder',
	'text_encoder_3': 'third text encoder',
}
# What a picture can be drawn from.
Way = Literal['text']


def drawn(name: ArchitectureName) -> ArchitectureName:
	if name not in FAMILIES:
		raise ValueError(f'LocalAI cannot draw with {name}.')
	return name


# One of those that can be drawn with.
FamilyName = Annotated[ArchitectureName, AfterValidator(drawn)]


class Shape(Schema):
	"""An aspect preset: a name and its size in pixels."""

	name: str
	width: int
	height: int


class Effort(Schema):
	"""One choice that sets steps, sampler and schedule together."""

	name: str
	steps: int
	sampler: SamplerName
	schedule: ScheduleName


class Architecture(Schema):
	"""What models of one kind have in common, whether they can be drawn with or not. `mark` is a few
	letters that stand where one of them has no picture.

	`classes` is how the names of their pipelines in diffusers begin, where no other family shares
	them. `bases` finds, in the names of repositories (a regular
	expression, lower case), those that others are made from, and `owners` are those whose
	repositories with such names are the originals. `gguf` is the architecture that GGUF files name,
	`within` the family whose class its repositories may have too. A page has no use for any of these.
	"""

	name: ArchitectureName
	title: str
	mark: str = '?'
	classes: tuple[str, ...] = Field((), exclude=True)
	bases: str = Field('', exclude=True)
	owners: tuple[str, ...] = Field((), exclude=True)
	gguf: str = Field('', exclude=True)
	within: ArchitectureName | None = Field(None, exclude=True)
	# A single file of it has its text encoders inside, or is no whole checkpoint.
	encoders_inside: bool = Field(False, exclude=True)
	# The part of all weights that its biggest component has: measured, see the sizes of each family.
	biggest: float = Field(0.7, exclude=True)


class Family(Architecture):
	"""One that LocalAI draws with, as far as a person sees it.

	`pipelines` are the classes of diffusers that draw, by what is drawn from; `variants` those that
	are drawn like the plain one.
	"""

	pipelines: dict[Way, str] = Field(exclude=True)
	variants: tuple[str, ...] = Field(('', 'turbo', 'lightning', 'distilled'), exclude=True)
	shapes: tuple[Shape, ...]
	efforts: tuple[Effort, ...]
	effort: str
	guidance_scale: float
	negative_prompt: bool = True
	samplers: tuple[SamplerName, ...] = SAMPLERS
	# Whether it is drawn with from single files of the original programs, too.
	single_files: bool = False
	token_limit: int = 77
	# Peak bytes per drawn pixel in half precision; 1,900 to 3,000 were measured with SD 1 on a CPU.
	bytes_per_pixel: int = 2400
	# 10^12 operations of one pass of the denoiser: for each megapixel, and for each of its square,
	# as attention takes them; counted on the configs of `engine/configs`. None: not counted.
	pass_operations: tuple[float, float] | None = Field(None, exclude=True)

	@property
	def default_effort(self) -> Effort:
		return next(e for e in self.efforts if e.name == self.effort)


def efforts(quality: int, balanced: int, fast: int) -> tuple[Effort, ...]:
	return (
		Effort(name='Quality', steps=quality, sampler='DPM++ 2M', schedule='Karras'),
		Effort(name='Balanced', steps=balanced, sampler='DPM++ 2M', schedule='Karras'),
		Effort(name='Fast', steps=fast, sampler='UniPC', schedule='Automatic'),
	)


def shapes(square: int, *others: tuple[str, int, int]) -> tuple[Shape, ...]:
	return (
		Shape(name='Square', width=square, height=square),
		*(Shape(name=n, width=w, height=h) for n, w, h in others),
	)


ROWS: tuple[Architecture, ...] = (
	Family(
		name='sketchbook',
		title='Sketchbook',
		mark='SK',
		pipelines={'text': 'StableDiffusionPipeline'},
		biggest=0.5,
		shapes=shapes(128),
		efforts=(
			Effort(name='Quality', steps=40, sampler='DDIM', schedule='Automatic'),
			Effort(name='Balanced', steps=20, sampler='DDIM', schedule='Automatic'),
			Effort(name='Fast', steps=10, sampler='DDIM', schedule='Automatic'),
		),
		effort='Balanced',
		guidance_scale=4,
	),
	Family(
		name='sd1',
		title='Stable Diffusion 1',
		mark='SD 1',
		pipelines={'text': 'StableDiffusionPipeline'},
		bases=r'(^|/)stable-diffusion-v?1',
		owners=('runwayml/', 'stable-diffusion-v1-5/', 'CompVis/', 'stabilityai/'),
		gguf='sd1',
		encoders_inside=True,
		single_files=True,
		biggest=0.81,
		pass_operations=(2.6, 1.77),
		shapes=shapes(
			512,
			('Portrait', 512, 640),
			('Tall', 448, 768),
			('Landscape', 640, 512),
			('Wide', 768, 448),
		),
		efforts=efforts(30, 20, 12),
		effort='Balanced',
		guidance_scale=7,
	),
	Family(
		name='sd2',
		title='Stable Diffusion 2',
		mark='SD 2',
		pipelines={'text': 'StableDiffusionPipeline'},
		bases=r'(^|/)stable-diffusion-2|sd-turbo$',
		owners=('stabilityai/',),
		encoders_inside=True,
		single_files=True,
		biggest=0.67,
		pass_operations=(2.6, 1.77),
		shapes=shapes(
			768,
			('Portrait', 704, 832),
			('Tall', 576, 1024),
			('Landscape', 832, 704),
			('Wide', 1024, 576),
		),
		efforts=efforts(30, 20, 12),
		effort='Balanced',
		guidance_scale=7,
	),
	Family(
		name='sdxl',
		title='Stable Diffusion XL',
		mark='XL',
		pipelines={'text': 'StableDiffusionXLPipeline'},
		classes=('StableDiffusionXL',),
		bases=r'stable-diffusion-xl(?!-refiner)|sdxl-turbo'
		r'|illustrious-xl|pony-diffusion-v6-xl|animagine-xl|noobai-xl',
		owners=('stabilityai/',),
		gguf='sdxl',
		encoders_inside=True,
		single_files=True,
		biggest=0.74,
		pass_operations=(5.93, 0.49),
		shapes=shapes(
			1024,
			('Portrait', 896, 1152),
			('Tall', 768, 1344),
			('Landscape', 1152, 896),
			('Wide', 1344, 768),
		),
		efforts=efforts(35, 25, 14),
		effort='Balanced',
		guidance_scale=6,
	),
	Architecture(
		name='sdxl-refiner',
		title='SDXL Refiner',
		mark='XL R',
		within='sdxl',
		bases=r'stable-diffusion-xl-refiner',
		owners=('stabilityai/',),
		encoders_inside=True,
		biggest=0.77,
	),
	Architecture(
		name='sd3',
		title='Stable Diffusion 3',
		mark='SD 3',
		classes=('StableDiffusion3',),
		bases=r'stable-diffusion-3',
		owners=('stabilityai/',),
		gguf='sd3',
		biggest=0.6,
	),
	Architecture(
		name='flux1',
		title='FLUX.1',
		mark='FX 1',
		classes=('Flux',),
		bases=r'flux\.1',
		owners=('black-forest-labs/',),
		biggest=0.71,
	),
	Architecture(
		name='flux2',
		title='FLUX.2',
		mark='FX 2',
		classes=('Flux2',),
		bases=r'flux\.2(?!-klein)',
		owners=('black-forest-labs/',),
		biggest=0.58,
	),
	Architecture(
		name='flux2-klein',
		title='FLUX.2 klein',
		mark='FX 2',
		within='flux2',
		classes=('Flux2Klein',),
		bases=r'flux\.2-klein',
		owners=('black-forest-labs/',),
		biggest=0.53,
	),
	Architecture(
		name='chroma',
		title='Chroma',
		mark='CHR',
		classes=('Chroma',),
		bases=r'/chroma',
		owners=('lodestones/',),
		biggest=0.65,
	),
	Architecture(
		name='qwen-image',
		title='Qwen-Image',
		mark='QW',
		classes=('QwenImage',),
		bases=r'qwen-image',
		owners=('Qwen/',),
		gguf='qwen_image',
		biggest=0.71,
	),
	Architecture(
		name='z-image',
		title='Z-Image',
		mark='Z',
		classes=('ZImage',),
		bases=r'z-image',
		owners=('Tongyi-MAI/',),
		biggest=0.6,
	),
	Architecture(
		name='lumina2',
		title='Lumina 2',
		mark='LU',
		classes=('Lumina2',),
		bases=r'lumina-image-2',
		owners=('Alpha-VLLM/',),
		biggest=0.5,
	),
	Architecture(
		name='sana',
		title='Sana',
		mark='SA',
		classes=('Sana',),
		bases=r'/sana_',
		owners=('Efficient-Large-Model/',),
		biggest=0.6,
	),
	Architecture(
		name='pixart',
		title='PixArt',
		mark='PX',
		classes=('PixArt',),
		bases=r'pixart-',
		owners=('PixArt-alpha/',),
		biggest=0.88,
	),
	Architecture(
		name='kolors',
		title='Kolors',
		mark='KO',
		classes=('Kolors',),
		bases=r'/kolors',
		owners=('Kwai-Kolors/',),
		encoders_inside=True,
	),
	Architecture(
		name='hidream',
		title='HiDream',
		mark='HI',
		classes=('HiDream',),
		bases=r'/hidream-i1',
		owners=('HiDream-ai/',),
		gguf='hidream',
		biggest=0.56,
	),
	# Films are none of ours.
	Architecture(name='unknown', title='Unknown', classes=('SanaVideo',)),
)
ARCHITECTURES: dict[ArchitectureName, Architecture] = {row.name: row for row in ROWS}
FAMILIES: dict[ArchitectureName, Family] = {
	row.name: row for row in ROWS if isinstance(row, Family)
}


def of_class(name: str) -> ArchitectureName | None:
	"""The family whose pipelines have such names in diffusers, the longest start first; None for
	one that tells nothing."""
	starts = [(start, row.name) for row in ROWS for start in row.classes if name.startswith(start)]
	return max(starts, key=lambda one: len(one[0]))[1] if starts else None


def of_base(name: str) -> ArchitectureName | None:
	"""The family that a repository is the base of, as cards name it (`base_model`)."""
	low = name.lower()
	return next((row.name for row in ROWS if row.bases and re.search(row.bases, low)), None)
