"""Knows what a model is from its headers alone: kind, family, variant, precision, and what is wrong
with it. What nothing tells stays unknown."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from localai.errors import LocalAIError, ModelBroken
from localai.files.foreign import NoFile, regular
from localai.files.weights import adapters, folders, unets, walk, whole
from localai.files.weights.blueprints import judge
from localai.files.weights.claims import Claims, claims
from localai.files.weights.denoisers import TRANSFORMERS
from localai.files.weights.headers import read_header
from localai.files.weights.layouts import PICKLES
from localai.files.weights.signatures import (
	CONTROLS,
	DENOISERS,
	ENCODERS,
	OTHERS,
	PARTS,
	UNKNOWN,
	UPSCALERS,
	VAES,
	Found,
	match,
	without,
)
from localai.files.weights.tensors import Header, Tensor
from localai.schemas.families import ARCHITECTURES, FAMILIES, ArchitectureName
from localai.schemas.models import Facts, FormatName
from localai.text import plain

PRECISIONS = {'F16': 'fp16', 'BF16': 'bf16', 'F32': 'fp32', 'F64': 'fp64', 'I8': 'int8'}
# Families that the architecture written in a GGUF file names alone; 'flux' could be any of five.
GGUF: dict[str, ArchitectureName] = {
	row.gguf: row.name for row in ARCHITECTURES.values() if row.gguf
}
# What the metadata may say of a family beyond what tensors show: family, word, variant.
SAID = (
	('flux1', 'kontext', 'kontext'),
	('flux1', 'krea', 'krea'),
	('qwen-image', 'edit', 'edit'),
	('z-image', 'turbo', 'turbo'),
	('sdxl', 'turbo', 'turbo'),
	('sdxl', 'lightning', 'lightning'),
	('sd3', 'large-turbo', '3.5 large turbo'),
	('sd3', 'large turbo', '3.5 large turbo'),
)
# Where the words of CLIP lie in a checkpoint; a model that listens to something else has none.
OWN_ENCODERS = ('cond_stage_model.', 'conditioner.embedders.')
VOCABULARIES = tuple(
	f'{place}{name}token_embedding.weight'
	for place in ('cond_stage_model.', *(f'conditioner.embedders.{n}.' for n in range(2)))
	for name in ('transformer.text_model.embeddings.', 'transformer.embeddings.', 'model.')
)
# It draws, and is built like a model that is known, and is none of these.
UNLIKE = Found('checkpoint', 'unknown')
PLAIN_VARIANTS = ('', 'dev', '3.5 large')
LICENCE = re.compile(r'^license:[ \t]*["\']?([\w.+-]{1,60})', re.MULTILINE)
REFUSED = (
	'{} is a pickle checkpoint, a format that can run any program when opened. Convert it, '
	'which reads only its weights, or use a version of it in the safetensors format.'
)


def identify(path: Path) -> Facts:
	"""A file, or a folder of diffusers or peft. What is wrong with it is its `problem`. Raises OSError
	alone, when it is gone or cannot be read."""
	if path.is_dir():
		return identify_folder(path)
	try:
		size = regular(path).st_size
	except NoFile as error:
		problem = f'{path.name} cannot be read: {error.strerror}.'
		return Facts(kind='unknown', family='unknown', format='safetensors', problem=problem)
	if path.suffix.lower() in PICKLES:
		# A listing of its parts says how large they are, not what; opening it would run it.
		return Facts(
			kind='unknown',
			family='unknown',
			format='pickle',
			bytes=size,
			problem=REFUSED.format(path.name),
		)
	format: FormatName = 'gguf' if path.suffix.lower() == '.gguf' else 'safetensors'
	try:
		files, problem = shards(path)
		header, cut = read_all(files, path)
	except LocalAIError as error:
		return Facts(
			kind='unknown', family='unknown', format=format, bytes=size, problem=str(error)
		)
	facts = describe(header, path.name, format)
	config = path.parent / 'config.json'
	if path.name.startswith('diffusion_pytorch_model') and config.is_file():
		facts = with_config(facts, config)
	size = sum(f.stat().st_size for f in files)
	return facts.model_copy(
		update={'bytes': size, 'denoiser': str(path), 'problem': problem or cut or facts.problem}
	)


def shards(path: Path) -> tuple[list[Path], str]:
	"""All files of a model in pieces, and which of them is not there."""
	piece = walk.SHARD.match(path.name)
	if not piece:
		return [path], ''
	total = int(piece[3])
	there = [file for file in walk.pieces(path) if file.is_file()]
	numbers = {int(found[2]) for file in there if (found := walk.SHARD.match(file.name))}
	lost = next((number for number in range(1, total + 1) if number not in numbers), 0)
	if not lost:
		return there, ''
	name = f'{piece[1]}-{lost:05}-of-{total:05}.{piece[4]}'
	problem = f'{path.name} is one of {total} pieces, and {name} is missing.'
	return there or [path], f'{problem} Download the rest of it.'


def read_all(files: list[Path], model: Path) -> tuple[Header, str]:
	"""One header of several files, and what is wrong with the end of one. Raises ModelBroken."""
	tensors: dict[str, Tensor] = {}
	metadata: dict[str, str] = {}
	weights: dict[str, int] = {}
	values = 0
	problem = ''
	for file in files:
		header = read_header(file, whole=False)
		if header.missing:
			there = 100 - 100 * header.missing / max(1, header.missing + file.stat().st_size)
			problem = str(
				ModelBroken(f'{file.name} is incomplete: only {there:.1f}% of it is there.')
			)
		if len(files) == 1:
			return header, problem
		tensors |= header.tensors
		values += header.values
		metadata |= header.metadata
		for dtype, count in header.weights.items():
			weights[dtype] = weights.get(dtype, 0) + count
	return Header(tensors, metadata, weights, values), problem


def describe(header: Header, name: str, format: FormatName = 'safetensors') -> Facts:
	"""What a header tells; `name` is what messages call the file."""
	said = claims(header.metadata)
	found = told(classify(header.tensors), said, header.metadata, header.tensors)
	problem = (
		adapters.cannot_load(found, name) if found.kind == 'lora' else lacking(found, header, name)
	)
	return Facts(
		kind=found.kind,
		family=found.family,
		format=format,
		variant=found.variant,
		precision=precision(header),
		bytes=header.data_bytes,
		parameters=parameters(header),
		prediction=prediction(header, said),
		licence=said.licence,
		trigger_words=said.trigger_words,
		base_model=said.base_model,
		title=said.title,
		problem=problem,
	)


def classify(tensors: Mapping[str, Tensor]) -> Found:
	"""By the tensors alone; small and sure marks first, whole models after them."""
	if not tensors:
		return UNKNOWN
	found = adapters.embedding(tensors) or adapters.adapter(tensors)
	if found:
		return found
	inner = without(tensors, OTHERS) if not has_denoiser(tensors) else tensors
	control = unets.controlnet(inner) or match(CONTROLS, inner) or match(CONTROLS, tensors)
	if control:
		return control
	denoiser = without(tensors, DENOISERS)
	if found := unets.unet(denoiser):
		return completed(unets.turned(found, tensors), tensors)
	if found := match(TRANSFORMERS, denoiser):
		return found if judge(found.family, denoiser) == 'whole' else UNLIKE
	return (
		match(VAES, inner)
		or match(VAES, tensors)
		or match(UPSCALERS, inner)
		or match(PARTS, tensors)
		or UNKNOWN
	)


def has_denoiser(tensors: Mapping[str, Tensor]) -> bool:
	return any(name.startswith(DENOISERS) for name in tensors)


def completed(found: Found, tensors: Mapping[str, Tensor]) -> Found:
	"""A UNet without its text encoder is no whole checkpoint; the other families come so anyway."""
	if ARCHITECTURES[found.family].encoders_inside and not found.variant:
		if not any(name.startswith(ENCODERS) for name in tensors):
			return Found(found.kind, found.family, 'unet')
		own = any(name.startswith(OWN_ENCODERS) for name in tensors)
		if own and not any(name in tensors for name in VOCABULARIES):
			return Found(found.kind, found.family, 'another text encoder')
	return found


def lacking(found: Found, header: Header, name: str) -> str:
	"""A checkpoint with text encoders and without a VAE."""
	family = FAMILIES.get(found.family)
	if found.kind != 'checkpoint' or not family or not family.single_files or found.variant:
		return ''
	if any(n.startswith(('first_stage_model.', 'vae.')) for n in header.tensors):
		return ''
	return f'{name} has no VAE. Use a version that includes one.'


def told(
	found: Found, said: Claims, metadata: Mapping[str, str], tensors: Mapping[str, Tensor]
) -> Found:
	"""Metadata may fill in what tensors leave open, and never contradicts them."""
	family = found.family
	if found.kind in ('lora', 'embedding', 'vae', 'controlnet') and said.family:
		like = {('sdxl', 'kolors'), ('flux1', 'chroma')}
		if family == 'unknown' or (family, said.family) in like:
			family = said.family
	if found.kind == 'unknown' and not found.variant and tensors:
		named = GGUF.get(metadata.get('general.architecture', ''))
		if named:
			return Found('checkpoint', named)
	if found.kind == 'checkpoint' and found.variant in PLAIN_VARIANTS:
		for name, word, variant in SAID:
			if family == name and word in said.about:
				return Found('checkpoint', family, variant)
	return Found(found.kind, family, found.variant)


def precision(header: Header) -> str:
	"""Of most of the bytes."""
	if not header.weights:
		return ''
	dtype = max(header.weights, key=lambda d: header.weights[d])
	if dtype.startswith('F8'):
		return 'fp8'
	if dtype == 'U8':
		for mark, name in (('nf4', 'nf4'), ('fp4', 'fp4'), ('weight_scale_2', 'fp4')):
			if any(mark in n for n in header.tensors):
				return name
		return 'int8'
	return PRECISIONS.get(dtype, dtype)


def parameters(header: Header) -> int:
	"""Of what is used: averages of the training that lie beside the weights are not."""
	beside = (t for n, t in header.tensors.items() if n.startswith('model_ema.'))
	return header.values - sum(math.prod(t.shape) for t in beside)


def prediction(header: Header, said: Claims) -> Literal['', 'epsilon', 'v_prediction']:
	marks = ('v_pred', 'edm_vpred.sigma_max')
	return 'v_prediction' if any(m in header.tensors for m in marks) else said.prediction


def identify_folder(path: Path) -> Facts:
	if (path / 'model_index.json').is_file():
		return identify_pipeline(path)
	try:
		config = (path / 'config.json').is_file()
		files = folders.weight_files(path, path)
		header, cut = read_all(files, path)
	except LocalAIError as error:
		return Facts(kind='unknown', family='unknown', format='folder', problem=str(error))
	facts = describe(header, path.name, 'folder')
	if config:
		facts = with_config(facts, path / 'config.json')
	size = sum(f.stat().st_size for f in files)
	return facts.model_copy(
		update={'bytes': size, 'denoiser': str(files[0]), 'problem': cut or facts.problem}
	)


def with_config(facts: Facts, config: Path) -> Facts:
	"""What the config beside a component tells of it besides its tensors."""
	try:
		content = folders.read_json(config, config.parent)
	except ModelBroken as error:
		return facts.model_copy(update={'problem': str(error)})
	found = folders.component(content, Found(facts.kind, facts.family, facts.variant))
	return facts.model_copy(update=found._asdict())


def identify_pipeline(path: Path) -> Facts:
	"""A folder in the diffusers layout: the sum of its parts. `precision` is that of the denoiser."""
	found, size, count, precise, denoiser, problem = UNKNOWN, 0, 0, '', '', ''
	metadata: dict[str, str] = {}
	try:
		index = folders.read_json(path / 'model_index.json', path)
		found = folders.pipeline(index, path)
		for part in folders.parts(index, found.family):
			for file in folders.weight_files(path / part, path):
				header = read_header(file, f'{path.name}/{part}/{file.name}')
				size += file.stat().st_size
				count += parameters(header)
				if part in folders.DENOISERS:
					denoiser = denoiser or str(file)
					precise = precise or precision(header)
					metadata = metadata or header.metadata
		family = FAMILIES.get(found.family)
		if family and found.variant in family.variants:
			whole.inspect(path)
	except LocalAIError as error:
		problem = str(error)
	said = claims(metadata)
	return Facts(
		kind='checkpoint',
		family=found.family,
		format='folder',
		variant=found.variant,
		precision=precise,
		bytes=size,
		parameters=count,
		prediction=scheduled(path),
		licence=said.licence or licence(path),
		title=said.title,
		problem=problem,
		denoiser=denoiser,
	)


def scheduled(path: Path) -> Literal['', 'epsilon', 'v_prediction']:
	try:
		config = folders.read_json(path / 'scheduler' / 'scheduler_config.json', path)
	except ModelBroken:
		return ''
	said = config.get('prediction_type')
	return said if said in ('epsilon', 'v_prediction') else ''


def licence(path: Path) -> str:
	"""As the README of a hub repository begins."""
	try:
		with open(path / 'README.md', encoding='utf-8', errors='replace') as stream:
			start = stream.read(4000)
	except OSError:
		return ''
	found = LICENCE.search(start) if start.startswith('---') else None
	return plain(found[1], 60) if found else ''
