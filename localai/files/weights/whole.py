"""Knows what a model folder is from its JSON files and weight headers alone: family, size, and
whether it is whole."""

import hashlib
from pathlib import Path

from localai.errors import ModelBroken, ModelUnsupported, PickleRefused
from localai.files.weights import folders
from localai.files.weights.folders import read_json, weight_files
from localai.files.weights.headers import read_header
from localai.files.weights.layouts import PICKLES
from localai.schemas.base import Schema
from localai.schemas.families import FAMILIES, FamilyName

# What a tokenizer can be made of; of less an empty one would be made, and every prompt would mean
# the same.
VOCABULARIES = (
	('tokenizer.json',),
	('vocab.json', 'merges.txt'),
	('spiece.model',),
	('tokenizer.model',),
)


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
				f'{path.name} is a pickle checkpoint, '
				'a format that can run any program when opened.'
			)
		raise ModelUnsupported(
			f'{path.name} is a single file; LocalAI needs a folder in the diffusers layout.'
		)
	if not path.is_dir():
		raise ModelBroken(f'There is no model at {path}.')
	try:
		return inspect_folder(path)
	except (AttributeError, KeyError, TypeError, ValueError, OSError, RecursionError) as error:
		raise ModelBroken(
			f'{path.name} is damaged: the contents of its files make no sense.'
		) from error


def inspect_folder(path: Path) -> Inspection:
	index = read_json(path / 'model_index.json', path)
	kind = index.get('_class_name')
	for part in folders.parts(index, 'unknown'):  # without a denoiser nobody can say what it is
		if part in folders.DENOISERS and not (path / part).is_dir():
			raise ModelBroken(f'{path.name} has no {part} folder.')
	found = folders.pipeline(index, path)
	family = FAMILIES.get(found.family)
	if family and found.variant not in family.variants:
		raise ModelUnsupported(
			f'{path.name} is made for inpainting or editing, which LocalAI cannot do yet.'
		)
	if family is None or kind not in family.pipelines.values():
		raise ModelUnsupported(
			f'{path.name} is a {kind or "model of an unknown kind"}, '
			'which LocalAI cannot draw with yet.'
		)

	size = parameters = 0
	for part in folders.parts(index, family.name):
		for file in weight_files(path / part, path):
			header = read_header(file, f'{path.name}/{part}/{file.name}')
			size += file.stat().st_size
			parameters += header.values
		read_json(path / part / 'config.json', path)
	tokenizers = (n for n in index if n.startswith('tokenizer') and index[n] != [None, None])
	for part in ('scheduler', *tokenizers):
		if not (path / part).is_dir():
			raise ModelBroken(f'{path.name} has no {part} folder.')
		if part != 'scheduler' and not any(
			all((path / part / name).is_file() for name in names) for names in VOCABULARIES
		):
			raise ModelBroken(f'{path.name} is missing {part}/tokenizer.json.')
	read_json(path / 'scheduler' / 'scheduler_config.json', path)
	denoiser = next((p for p in folders.DENOISERS if (path / p).is_dir()), folders.DENOISERS[0])
	return Inspection(
		family=family.name,
		bytes=size,
		parameters=parameters,
		denoiser=str(weight_files(path / denoiser, path)[0]),
	)


def sha256(file: Path) -> str:
	with open(file, 'rb') as stream:
		return hashlib.file_digest(stream, 'sha256').hexdigest()
