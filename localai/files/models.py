"""Knows what a model folder is from its JSON files and weight headers alone: family, size, and
whether it is whole."""

import hashlib
import json
import struct
from pathlib import Path

from localai.errors import ModelBroken, ModelProblem, ModelUnsupported, PickleRefused
from localai.schemas.base import Schema
from localai.schemas.models import Facts, FamilyName

PICKLES = ('.ckpt', '.pt', '.pth', '.bin', '.pkl')
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
			header = read_header(file)
			size += file.stat().st_size
			parameters += sum(count(v['shape']) for v in header.values())
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


def weight_files(folder: Path, model: Path) -> list[Path]:
	"""The safetensors files of one component; refuses one that only has pickles."""
	if not folder.is_dir():
		raise ModelBroken(f'{model.name} has no {folder.name} folder.')
	shards = sorted(folder.glob('*.safetensors.index.json'))
	if shards:
		names = sorted(set(read_json(shards[0], model).get('weight_map', {}).values()))
		missing = [n for n in names if not (folder / n).is_file()]
		if missing or not names:
			raise ModelBroken(
				f'{model.name} lacks {folder.name}/{missing[0] if missing else "its weights"}.'
			)
		return [folder / n for n in names]
	for name in ('diffusion_pytorch_model.safetensors', 'model.safetensors'):
		if (folder / name).is_file():
			return [folder / name]
	if any(f.suffix in PICKLES for f in folder.iterdir()):
		raise PickleRefused(
			f'{model.name} has its {folder.name} only as a pickle, a format that can run any program when it is opened.'
		)
	raise ModelBroken(f'{model.name} lacks the weights of its {folder.name}.')


def read_header(file: Path) -> dict[str, dict]:
	"""Names, shapes and places of the tensors; proves that the file is as long as its header says.

	Format: https://github.com/huggingface/safetensors (eight bytes of length, JSON, data).
	"""
	broken = ModelBroken(
		f'{file.parent.parent.name} is damaged: {file.parent.name}/{file.name} ends too early or is not a weights file.'
	)
	size = file.stat().st_size
	with open(file, 'rb') as stream:
		start = stream.read(8)
		length = struct.unpack('<Q', start)[0] if len(start) == 8 else 0
		if not 2 <= length <= min(size - 8, 100_000_000):
			raise broken
		try:
			header = json.loads(stream.read(length))
			header.pop('__metadata__', None)
			end = max((v['data_offsets'][1] for v in header.values()), default=0)
		except (ValueError, KeyError, TypeError, AttributeError, IndexError):
			raise broken from None
	if size != 8 + length + end:
		raise broken
	return header


def read_json(file: Path, model: Path) -> dict:
	try:
		content = json.loads(file.read_text('utf-8'))
	except FileNotFoundError:
		raise ModelBroken(f'{model.name} lacks {file.relative_to(model).as_posix()}.') from None
	except (OSError, ValueError):
		raise ModelBroken(
			f'{model.name} is damaged: {file.relative_to(model).as_posix()} cannot be read.'
		) from None
	if not isinstance(content, dict):
		raise ModelBroken(
			f'{model.name} is damaged: {file.relative_to(model).as_posix()} is not what it should be.'
		)
	return content


def count(shape: list[int]) -> int:
	number = 1
	for side in shape:
		number *= side
	return number


def sha256(file: Path) -> str:
	with open(file, 'rb') as stream:
		return hashlib.file_digest(stream, 'sha256').hexdigest()


def identify(path: Path) -> Facts:
	"""Stands in for files/identify.py until that is there."""
	path.stat()
	try:
		found = inspect(path)
	except ModelProblem as error:
		return Facts(
			kind='checkpoint' if path.is_dir() else 'unknown',
			family='unknown',
			format='folder'
			if path.is_dir()
			else 'pickle'
			if path.suffix in PICKLES
			else 'safetensors',
			problem=str(error),
		)
	return Facts(
		kind='checkpoint',
		family=found.family,
		format='folder',
		bytes=found.bytes,
		parameters=found.parameters,
		denoiser=found.denoiser,
	)
