"""Knows the families of models, as far as a person sees them: names, titles, shapes, efforts."""

from typing import Literal

from localai.schemas.base import Schema
from localai.schemas.samplers import SamplerName, ScheduleName

# The families that can be drawn with; FAMILIES below says how.
FamilyName = Literal['sketchbook', 'sd1', 'sd2', 'sdxl']
# All that a file can be known as.
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
ARCHITECTURES: dict[ArchitectureName, str] = {
	'sketchbook': 'Sketchbook',
	'sd1': 'Stable Diffusion 1',
	'sd2': 'Stable Diffusion 2',
	'sdxl': 'Stable Diffusion XL',
	'sdxl-refiner': 'SDXL Refiner',
	'sd3': 'Stable Diffusion 3',
	'flux1': 'FLUX.1',
	'flux2': 'FLUX.2',
	'flux2-klein': 'FLUX.2 klein',
	'chroma': 'Chroma',
	'qwen-image': 'Qwen-Image',
	'z-image': 'Z-Image',
	'lumina2': 'Lumina 2',
	'sana': 'Sana',
	'pixart': 'PixArt',
	'kolors': 'Kolors',
	'hidream': 'HiDream',
	'unknown': 'Unknown',
}


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


class Family(Schema):
	"""What models of one kind have in common, as far as a person sees it."""

	name: FamilyName
	title: str
	shapes: tuple[Shape, ...]
	efforts: tuple[Effort, ...]
	effort: str
	guidance_scale: float
	token_limit: int = 77
	# Peak bytes per drawn pixel in half precision; 1,900 to 3,000 were measured with SD 1 on a CPU.
	bytes_per_pixel: int = 2400

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


FAMILIES: dict[FamilyName, Family] = {
	'sketchbook': Family(
		name='sketchbook',
		title='Sketchbook',
		shapes=shapes(128),
		efforts=(
			Effort(name='Quality', steps=40, sampler='DDIM', schedule='Automatic'),
			Effort(name='Balanced', steps=20, sampler='DDIM', schedule='Automatic'),
			Effort(name='Fast', steps=10, sampler='DDIM', schedule='Automatic'),
		),
		effort='Balanced',
		guidance_scale=4,
	),
	'sd1': Family(
		name='sd1',
		title='Stable Diffusion 1',
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
	'sd2': Family(
		name='sd2',
		title='Stable Diffusion 2',
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
	'sdxl': Family(
		name='sdxl',
		title='Stable Diffusion XL',
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
}
