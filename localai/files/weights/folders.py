"""Knows the folders of diffusers and peft: which pipeline or component one is, and the weights files
of each part."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from localai.errors import ModelBroken, PickleRefused
from localai.files.foreign import read_foreign
from localai.files.weights.layouts import PICKLES
from localai.files.weights.signatures import Found
from localai.files.weights.unets import INSIDE
from localai.schemas.families import FAMILIES, PARTS, ArchitectureName, of_class
from localai.text import sound_all

# Those of Stable Diffusion 1 and 2, which only the UNet tells apart.
EITHER = (
	'StableDiffusionPipeline',
	'StableDiffusionImg2ImgPipeline',
	'StableDiffusionInpaintPipeline',
	'StableDiffusionInstructPix2PixPipeline',
	'StableDiffusionDepth2ImgPipeline',
	'StableDiffusionUpscalePipeline',
	'StableUnCLIPPipeline',
	'StableUnCLIPImg2ImgPipeline',
	'LatentConsistencyModelPipeline',
)
# What a class is for, by a word in its name.
PURPOSES = (
	('Inpaint', 'inpaint'),
	('Fill', 'fill'),
	('InstructPix2Pix', 'edit'),
	('Edit', 'edit'),
	('Kontext', 'kontext'),
	('Layered', 'layered'),
	('Sprint', 'sprint'),
	('Alpha', 'alpha'),
	('Depth2Img', 'depth'),
	('Upscale', 'upscale'),
	('UnCLIP', 'unclip'),
	('LatentConsistency', 'lcm'),
	('FluxControl', 'control'),
	('QwenImage21', '2.1'),
)
# Components that are models of their own when they lie alone.
CONTROLNETS = ('ControlNet', 'T2IAdapter')
SCALES: dict[float, ArchitectureName] = {0.3611: 'flux1', 1.5305: 'sd3', 0.13025: 'sdxl'}
VAES: dict[str, ArchitectureName] = {
	'AutoencoderKLFlux2': 'flux2',
	'AutoencoderKLQwenImage': 'qwen-image',
}
# Parts of a pipeline that have no weights, by how their class ends; a checker is never loaded.
WEIGHTLESS = (
	'Scheduler',
	'Tokenizer',
	'TokenizerFast',
	'Processor',
	'ProcessorFast',
	'Extractor',
	'SafetyChecker',
	'Watermarker',
)
DENOISERS = ('unet', 'transformer', 'prior')
NAMED = (
	'diffusion_pytorch_model.safetensors',
	'model.safetensors',
	'pytorch_lora_weights.safetensors',
	'adapter_model.safetensors',
)
JSON_LIMIT = 60_000_000  # bytes; the index of a model in many shards has a line for each tensor


def pipeline(index: Mapping[str, object], path: Path) -> Found:
	"""Family and variant of a folder by its model_index.json and the config of its denoiser."""
	name = index.get('_class_name')
	name = name if isinstance(name, str) else ''
	variant = next((v for word, v in PURPOSES if word in name), '')
	config = denoiser_config(path)
	channels, width = config.get('in_channels'), config.get('cross_attention_dim')
	family: ArchitectureName = of_class(name) or 'unknown'
	if name in EITHER:
		family = 'sd1' if width == 768 else 'sd2' if width == 1024 else 'unknown'
		if channels == 16 and width == 128:
			family = 'sketchbook'
	if family == 'sdxl' and width == 1280:
		family = 'sdxl-refiner'
	if family in ('sd1', 'sd2', 'sdxl') and not variant and isinstance(channels, int):
		variant = INSIDE.get(channels, f'{channels} channels')
	if family == 'flux1' and not variant:
		variant = 'dev' if config.get('guidance_embeds') else 'schnell'
	if family == 'sd3':
		double = bool(config.get('dual_attention_layers'))
		variant = variant or (
			'3.5 large' if config.get('num_layers') == 38 else '3.5 medium' if double else 'medium'
		)
	if family == 'flux2-klein':
		heads = config.get('num_attention_heads')
		variant = variant or ('4B' if heads == 24 else '9B' if heads == 32 else '')
	return Found('checkpoint', family, variant)


def denoiser_config(path: Path) -> dict:
	for part in DENOISERS:
		if (path / part / 'config.json').is_file():
			return read_json(path / part / 'config.json', path)
	return {}


def component(config: Mapping[str, object], found: Found) -> Found:
	"""What its config tells of a component where its tensors are silent."""
	name = config.get('_class_name')
	name = name if isinstance(name, str) else ''
	if any(word in name for word in CONTROLNETS) and found.kind in ('controlnet', 'unknown'):
		return Found('controlnet', found.family, found.variant)
	if name == 'AutoencoderKL' and found.family == 'unknown':
		scale = config.get('scaling_factor')
		family = SCALES.get(scale, 'unknown') if isinstance(scale, float) else 'unknown'
		return Found('vae', family, '' if family != 'unknown' else found.variant)
	if name in VAES:
		return Found('vae', VAES[name])
	if name == 'AutoencoderTiny':
		return Found('vae', found.family, 'taesd')
	if name.startswith(('Autoencoder', 'AsymmetricAutoencoder', 'VQModel')):
		return Found('vae', found.family, found.variant)
	return found


def parts(index: Mapping[str, object], family: ArchitectureName) -> list[str]:
	"""The parts of a pipeline that have weights; of a family that is drawn with only those that are
	needed for it. Many folders name others, such as one that looks at pictures, and have none."""
	return [
		name
		for name, entry in index.items()
		if not name.startswith('_')
		and (name in PARTS or family not in FAMILIES)
		and isinstance(entry, list)
		and len(entry) == 2
		and isinstance(entry[1], str)
		and not entry[1].endswith(WEIGHTLESS)
	]


def weight_files(folder: Path, model: Path) -> list[Path]:
	"""The safetensors files of one component. Raises PickleRefused for one that only has pickles,
	ModelBroken for one that lacks some or all."""
	part = 'weights' if folder == model else folder.name
	if not folder.is_dir():
		raise ModelBroken(f'{model.name} has no {folder.name} folder.')
	index = first(folder, ('*.safetensors.index.json', '*.safetensors.index.*.json'))
	if index:
		weights = read_json(index, model).get('weight_map')
		names = sorted({str(n) for n in weights.values()}) if isinstance(weights, dict) else []
		# A name with a folder in it would lead out of the model.
		missing = [n for n in names if Path(n).name != n or not (folder / n).is_file()]
		if missing or not names:
			raise ModelBroken(
				f'{model.name} is missing '
				f'{folder.name}/{missing[0][:100] if missing else "its weights"}.'
			)
		return [folder / n for n in names]
	file = first(folder, (*NAMED, *(n.replace('.safetensors', '.*.safetensors') for n in NAMED)))
	if file:
		return [file]
	if any(f.suffix.lower() in PICKLES for f in folder.iterdir()):
		raise PickleRefused(
			f'{model.name} has its {part} only as a pickle, '
			'a format that can run any program when opened.'
		)
	what = 'its weights' if folder == model else f'the weights of its {part}'
	raise ModelBroken(f'{model.name or model} is missing {what}.')


def first(folder: Path, patterns: Iterable[str]) -> Path | None:
	"""The plain files come before those of a variant, as `model.fp16.safetensors` is one."""
	found = (f for pattern in patterns for f in sorted(folder.glob(pattern)) if f.is_file())
	return next(found, None)


def read_json(file: Path, model: Path) -> dict:
	"""Raises ModelBroken."""
	name = file.relative_to(model).as_posix()
	try:
		content = sound_all(json.loads(read_foreign(file, JSON_LIMIT)))
	except FileNotFoundError:
		raise ModelBroken(f'{model.name} is missing {name}.') from None
	except (OSError, ValueError, RecursionError):
		raise ModelBroken(f'{model.name} is damaged: {name} cannot be read.') from None
	if not isinstance(content, dict):
		raise ModelBroken(f'{model.name} is damaged: the contents of {name} make no sense.')
	return content
