"""Knows what a model is to a person and to the engine, and the defaults of each family."""

from datetime import datetime
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
KindName = Literal['checkpoint', 'lora', 'embedding', 'vae', 'controlnet', 'upscaler', 'unknown']
# Where each kind lies below LOCALAI_HOME/models, when it is LocalAI that puts it there.
DRAWERS: dict[KindName, str] = {
	'checkpoint': 'checkpoints',
	'lora': 'loras',
	'embedding': 'embeddings',
	'vae': 'vae',
	'controlnet': 'controlnet',
	'upscaler': 'upscalers',
	'unknown': 'unknown',
}
FormatName = Literal['folder', 'safetensors', 'gguf', 'pickle']
SourceName = Literal['builtin', 'home', 'hub', 'folder']
FitName = Literal['fits', 'offload', 'too large', 'unknown']
SortName = Literal['name', 'newest', 'largest', 'family']


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


class ModelSpec(Schema):
	"""One model that can be drawn with. `path` is a folder in the diffusers layout or a single
	file; `parameters` is a count."""

	id: str
	name: str
	family: FamilyName
	path: str
	bytes: int
	parameters: int
	builtin: bool = False
	sha256: str = ''
	format: FormatName = 'folder'
	# A latent-noise prediction that the file itself states, '' when it does not.
	prediction: Literal['', 'epsilon', 'v_prediction'] = ''


class Facts(Schema):
	"""What a file or a folder is, from headers and JSON alone.

	`variant` tells kinds of one family apart ('inpaint', 'unet', 'schnell', 'fill', 'kontext',
	'turbo', 'lycoris lokr', 'taesd', ...), '' for the plain one. `precision` is of most of the
	bytes ('fp16', 'bf16', 'fp32', 'fp8', 'Q4_K', ...). `problem` says in one sentence why it cannot be
	used, with what to do; '' when nothing is wrong with the file as such. `denoiser` is the weights
	file whose hash names the model.
	"""

	kind: KindName
	family: ArchitectureName
	format: FormatName
	variant: str = ''
	precision: str = ''
	bytes: int = 0
	parameters: int = 0
	prediction: Literal['', 'epsilon', 'v_prediction'] = ''
	licence: str = ''
	trigger_words: tuple[str, ...] = ()
	base_model: str = ''
	title: str = ''
	problem: str = ''
	denoiser: str = ''


class ModelDefaults(Schema):
	"""What a person wants filled in when this model is chosen; None leaves the family's choice."""

	width: int | None = None
	height: int | None = None
	steps: int | None = None
	guidance_scale: float | None = None
	sampler: SamplerName | None = None
	schedule: ScheduleName | None = None
	negative_prompt: str | None = None


class ModelEntry(Schema):
	"""A card: one model of any kind, with everything that is known of it.

	`id` is 'sketchbook', the path below LOCALAI_HOME/models, 'org/name' of a hub repository, or a full
	path. `family` is None only where nothing could be read. `problem` says why it cannot be drawn
	with; `drawable` is a checkpoint without a problem of a family in FAMILIES. `autov2` is the first ten
	digits of the sha256 of the whole file, `autov3` the first twelve of that of its tensors alone.
	"""

	id: str
	name: str
	family: ArchitectureName | None
	bytes: int
	builtin: bool = False
	problem: str = ''
	kind: KindName = 'checkpoint'
	variant: str = ''
	format: FormatName = 'folder'
	precision: str = ''
	parameters: int = 0
	source: SourceName = 'home'
	# Where it lies, for a person: a full path.
	path: str = ''
	drawable: bool = False
	fit: FitName = 'unknown'
	fit_words: str = ''
	sha256: str = ''
	autov2: str = ''
	autov3: str = ''
	licence: str = ''
	trigger_words: tuple[str, ...] = ()
	base_model: str = ''
	title: str = ''
	notes: str = ''
	defaults: ModelDefaults = ModelDefaults()
	# The id of the picture that stands for it, None for none.
	thumbnail: int | None = None
	modified: datetime | None = None


class ModelQuery(Schema):
	"""What of the library is asked for. `text` is matched word by word against name, family, notes
	and trigger words, without regard to case."""

	text: str = ''
	kinds: tuple[KindName, ...] = ()
	families: tuple[ArchitectureName, ...] = ()
	sources: tuple[SourceName, ...] = ()
	fits: bool = False
	sort: SortName = 'name'
	offset: int = 0
	limit: int = 100


class ModelPage(Schema):
	"""`total` counts all that match; `kinds` and `families` count what each filter would leave."""

	entries: tuple[ModelEntry, ...]
	total: int
	kinds: dict[KindName, int]
	families: dict[ArchitectureName, int]
	scanning: bool = False


class ModelFolder(Schema):
	"""A folder added by reference; `layout` is the app whose order of folders was recognised."""

	path: str
	layout: Literal['a1111', 'forge', 'comfyui', 'sdnext', 'plain'] = 'plain'
	files: int = 0
	problem: str = ''


class ScanReport(Schema):
	files: int
	added: int
	changed: int
	gone: int
	seconds: float


class Trashed(Schema):
	"""Something that was deleted and can come back. `bytes` is what emptying the trash would free;
	`final` where it cannot come back (hub models are removed from the shared cache)."""

	id: str
	name: str
	bytes: int
	final: bool = False
	deleted_at: datetime
