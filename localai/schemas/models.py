"""Knows what a model is to a person and to the engine."""

from datetime import datetime
from typing import Literal

from localai.schemas.base import Kept, Schema
from localai.schemas.families import ArchitectureName, FamilyName
from localai.schemas.samplers import SamplerName, ScheduleName

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


class WeightsSpec(Schema):
	"""What a model is drawn with besides its own weights: a LoRA, another VAE. `path` is a file, or a
	folder in the layout of diffusers or peft; `family` is 'unknown' where it says none."""

	id: str
	name: str
	kind: KindName
	family: ArchitectureName
	path: str
	bytes: int
	format: FormatName = 'safetensors'
	variant: str = ''


# By the setting that names them, and by that name.
NamedWeights = dict[str, dict[str, WeightsSpec]]


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


class ModelDefaults(Kept):
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


class Reading(Schema):
	"""What is being read for hashes, in the background: how many files are left, and how many bytes
	are done of how many."""

	files: int = 0
	done: int = 0
	bytes: int = 0


class ModelPage(Schema):
	"""`total` counts all that match; `kinds` and `families` count what each filter would leave."""

	entries: tuple[ModelEntry, ...]
	total: int
	kinds: dict[KindName, int]
	families: dict[ArchitectureName, int]
	scanning: bool = False
	reading: Reading = Reading()


class ModelFolder(Schema):
	"""A folder added by reference; `layout` is the app whose order of folders was recognised. `own` is
	one of LocalAI's own places, which is named only where something in it is wrong."""

	path: str
	layout: Literal['a1111', 'forge', 'comfyui', 'sdnext', 'plain'] = 'plain'
	files: int = 0
	problem: str = ''
	own: bool = False


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
