"""Knows the family and kind of a repository from what the hub says of it; 'unknown' rather than a guess."""

import re
from collections.abc import Iterable

from localai.schemas.families import ArchitectureName
from localai.schemas.models import KindName

# The class of a pipeline names its family, but for the three that share classes with another.
PIPELINES: dict[str, ArchitectureName] = {
	'StableDiffusionXL': 'sdxl',
	'StableDiffusion3': 'sd3',
	'Flux2Klein': 'flux2-klein',
	'Flux2': 'flux2',
	'Flux': 'flux1',
	'Chroma': 'chroma',
	'QwenImage': 'qwen-image',
	'ZImage': 'z-image',
	'Lumina2': 'lumina2',
	'Sana': 'sana',
	'PixArt': 'pixart',
	'Kolors': 'kolors',
	'HiDream': 'hidream',
}
# Repositories that others are made from, as cards name them (`base_model`).
BASES: tuple[tuple[str, ArchitectureName], ...] = (
	(r'stable-diffusion-xl-refiner', 'sdxl-refiner'),
	(r'stable-diffusion-xl|sdxl-turbo|illustrious-xl|pony-diffusion-v6-xl|animagine-xl|noobai-xl', 'sdxl'),
	(r'stable-diffusion-3', 'sd3'),
	(r'(^|/)stable-diffusion-2|sd-turbo$', 'sd2'),
	(r'(^|/)stable-diffusion-v?1', 'sd1'),
	(r'flux\.2-klein', 'flux2-klein'),
	(r'flux\.2', 'flux2'),
	(r'flux\.1', 'flux1'),
	(r'/chroma', 'chroma'),
	(r'qwen-image', 'qwen-image'),
	(r'z-image', 'z-image'),
	(r'lumina-image-2', 'lumina2'),
	(r'/sana_', 'sana'),
	(r'pixart-', 'pixart'),
	(r'/kolors', 'kolors'),
	(r'/hidream-i1', 'hidream'),
)  # fmt: skip
# Owners whose repositories with such names are the originals; of others a name proves nothing.
ORIGINALS = (
	'stabilityai/', 'black-forest-labs/', 'runwayml/', 'stable-diffusion-v1-5/', 'CompVis/', 'Qwen/',
	'Tongyi-MAI/', 'Alpha-VLLM/', 'Efficient-Large-Model/', 'PixArt-alpha/', 'Kwai-Kolors/', 'HiDream-ai/',
	'lodestones/',
)  # fmt: skip


def family_of(pipeline: str, tags: Iterable[str], names: Iterable[str] = ()) -> ArchitectureName:
	"""`pipeline` is a class of diffusers, `names` the repository itself and those it was made from."""
	stated = [
		t.removeprefix('base_model:').rpartition(':')[2]
		for t in tags
		if t.startswith('base_model:')
	]
	names = tuple(names)
	own = [n for n in names[:1] if n.startswith(ORIGINALS)]
	bases = {f for n in (*own, *names[1:], *stated) if (f := base_of(n))}
	by_class = next((f for start, f in PIPELINES.items() if pipeline.startswith(start)), None)
	if by_class == 'sdxl' and 'sdxl-refiner' in bases:
		return 'sdxl-refiner'
	if by_class == 'flux2' and 'flux2-klein' in bases:
		return 'flux2-klein'
	if by_class:
		return by_class
	return bases.pop() if len(bases) == 1 else 'unknown'


def base_of(name: str) -> ArchitectureName | None:
	return next((f for pattern, f in BASES if re.search(pattern, name.lower())), None)


def kind_of(pipeline: str, tags: Iterable[str], library: str, task: str) -> KindName:
	tags = {t.lower() for t in tags}
	if tags & {'lora', 'lycoris'} or any(t.startswith('base_model:adapter:') for t in tags):
		return 'lora'
	if tags & {'controlnet', 'control-net'}:
		return 'controlnet'
	if tags & {'textual_inversion', 'textual-inversion'}:
		return 'embedding'
	if tags & {'vae', 'autoencoderkl'}:
		return 'vae'
	if tags & {'esrgan', 'upscaler', 'super-resolution'}:
		return 'upscaler'
	if pipeline or task in ('text-to-image', 'image-to-image') or library == 'diffusers':
		return 'checkpoint'
	return 'unknown'
