"""Knows what a model folder is from its JSON files and weight headers alone: family, size, and
whether it is whole."""

import hashlib
from pathlib import Path

from localai.errors import ModelBroken, ModelUnsupported, PickleRefused
from localai.files.weights.folders import read_json, weight_files
from localai.files.weights.headers import read_header
from localai.files.weights.layouts import PICKLES
from localai.schemas.base import Schema
from localai.schemas.families import FamilyName

WEIGHTS = ('unet', 'vae', 'text_encoder', 'text_encoder_2')
CLASSES = {'StableDiffusionPipeline', 'StableDiffusionXLPipeline'}


class Inspection(Schema):
	"""`denoiser` is the weights file whose hash names the model; `bytes` counts all weights."""

	family: FamilyName
	bytes: int
	parameters: int
	denoiser: str


def inspect(path: Path) -> Inspection:
	"""Reads headers only. Raises ModelBroken, ModelUnsupported, PickleRefused, each naming the
	file."""
	if path.is_file():
		if path.suffix.lower() in PICKLES:
			raise PickleRefused(
				f'{path.name} is a pickle checkpoint, a format that can run any program when it is opened.'
			)
		raise ModelUnsupported(
			f'{path.name} is a single file; LocalAI draws with folders in the diffusers layout.'
		)
	if not path.is_dir():
		raise ModelBroken(f'There is no model at {path}.')
	try:
		return inspect_folder(path)
	except (AttributeError, KeyError, TypeError, ValueError, OSError, RecursionError) as error:
		raise ModelBroken(
			f'{path.name} is damaged: its files are not what they should be.'
		) from error


def inspect_folder(path: Path) -> Inspection:
	index = read_json(path / 'model_index.json', path)
	kind = index.get('_class_name')
	if kind not in CLASSES:
		raise ModelUnsupported(
			f'{path.name} is a {kind or "model of an unknown kind"}, which LocalAI does not draw with yet.'
		)

	size = parameters = 0
	for part in WEIGHTS:
		if part not in index or index[part] in (None, [None, None]):
			continue
		for file in weight_files(path / part, path):
			header = read_header(file, f'{path.name}/{part}/{file.name}')
			size += file.stat().st_size
			parameters += header.values
	for part in ('scheduler', 'tokenizer'):
		if not (path / part).is_dir():
			raise ModelBroken(f'{path.name} has no {part} folder.')
	tokenizer = path / 'tokenizer'
	if not (tokenizer / 'tokenizer.json').is_file() and not (
		(tokenizer / 'vocab.json').is_file() and (tokenizer / 'merges.txt').is_file()
	):  # an empty one would be made in its place, and every prompt would mean the same
		raise ModelBroken(f'{path.name} lacks tokenizer/tokenizer.json.')
	read_json(path / 'scheduler' / 'scheduler_config.json', path)
	return Inspection(
		family=family_of(path, kind),
		bytes=size,
		parameters=parameters,
		denoiser=str(weight_files(path / 'unet', path)[0]),
	)


def family_of(path: Path, kind: str) -> FamilyName:
	unet = read_json(path / 'unet' / 'config.json', path)
	if unet.get('in_channels') not in (4, 16):
		raise ModelUnsupported(
			f'{path.name} is made for inpainting or editing, which LocalAI does not do yet.'
		)
	if unet.get('in_channels') == 16:
		return 'sketchbook'
	if kind == 'StableDiffusionXLPipeline':
		return 'sdxl'
	return 'sd2' if unet.get('cross_attention_dim') == 1024 else 'sd1'


def sha256(file: Path) -> str:
	with open(file, 'rb') as stream:
		return hashlib.file_digest(stream, 'sha256').hexdigest()
