"""Knows how a model is written in a better form: a single file as a folder that loads fast, a pickle
as bare weights."""

import contextlib
import json
import logging
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import torch
from safetensors import safe_open

from localai.engine import devices, loading
from localai.engine.families import ANATOMIES
from localai.engine.reading import PIECE
from localai.errors import DiskFull, ModelBroken, PickleRefused, StorageProblem
from localai.schemas.models import ModelSpec

log = logging.getLogger('localai.engine')
SPARE = 50_000_000  # bytes that stay free on the disk
# As the format names them: https://github.com/huggingface/safetensors
DTYPES = {
	torch.float64: 'F64',
	torch.float32: 'F32',
	torch.float16: 'F16',
	torch.bfloat16: 'BF16',
	torch.float8_e4m3fn: 'F8_E4M3',
	torch.float8_e5m2: 'F8_E5M2',
	torch.int64: 'I64',
	torch.int32: 'I32',
	torch.int16: 'I16',
	torch.int8: 'I8',
	torch.uint8: 'U8',
	torch.bool: 'BOOL',
}
# The precisions that a folder is kept in; anything else becomes bf16, which every device can use.
KEPT = {'F32': torch.float32, 'F16': torch.float16}


def convert(
	source: Path, target: Path, model: ModelSpec | None, progress: loading.Progress
) -> None:
	"""Writes `target`, whole or not at all; a folder, or with the ending .safetensors one file.

	`progress(stage, bytes done, bytes in all)` may raise to give up; nothing is left then. Raises
	DiskFull, StorageProblem, PickleRefused, ModelProblem.
	"""
	part = target.with_name(f'.{target.name}.part')
	try:
		remove(part)  # of a run that was killed
		target.parent.mkdir(parents=True, exist_ok=True)
		size, free = source.stat().st_size, shutil.disk_usage(target.parent).free
		if free < size + SPARE:
			raise DiskFull(
				f'The disk holding {target.parent} has {free / 1e9:.1f} GB free, '
				f'but the converted model needs {size / 1e9:.1f} GB.',
				'Free some space, then convert it again.',
			)
		if target.suffix == '.safetensors':
			write_weights(
				part, read_pickle(source), lambda done, all: progress('writing', done, all)
			)
		elif model is not None:
			write_folder(part, model, progress)
		if target.exists():
			raise StorageProblem(f'{target} already exists.', 'Use that one, or delete it first.')
		os.replace(part, target)
		log.info('converted %s to %s', source, target)
	except OSError as error:
		raise StorageProblem(
			f'{source.name} could not be converted: {error.strerror or error}.',
			'Check that the disk is connected and writable.',
		) from error
	finally:
		remove(part)


def remove(path: Path) -> None:
	"""A disk that will not let it go says why elsewhere."""
	if path.is_dir():
		shutil.rmtree(path, ignore_errors=True)
	else:
		with contextlib.suppress(OSError):
			path.unlink()


def write_folder(folder: Path, model: ModelSpec, progress: loading.Progress) -> None:
	"""In the precision of the file. First half of the progress is reading, second half writing."""
	dtype = precision(model)
	pipeline = loading.load(model, dtype, lambda stage, done, all: progress(stage, done, 2 * all))
	done, all = model.bytes, 2 * model.bytes
	for name, component in pipeline.components.items():
		progress('writing', min(done, all), all)
		if component is None:
			continue
		if isinstance(component, diffusers.ModelMixin):
			component.save_config(folder / name)
			before = done

			def written(now: int, _: int, before: int = before) -> None:
				progress('writing', min(before + now, all), all)

			file = folder / name / 'diffusion_pytorch_model.safetensors'
			done += write_weights(file, component.state_dict(), written)
		else:
			component.save_pretrained(folder / name)
			if isinstance(component, torch.nn.Module):
				done += sum(t.nbytes for t in component.parameters())
	pipeline.save_config(folder)
	progress('writing', all, all)


def precision(model: ModelSpec) -> torch.dtype:
	"""Of the denoiser, which is most of a checkpoint."""
	anatomy = ANATOMIES[model.family]
	places = anatomy.file.places[anatomy.denoiser] if anatomy.file else ()
	with safe_open(model.path, 'pt') as weights:
		kinds = [
			weights.get_slice(name).get_dtype()
			for name in weights.keys()  # noqa: SIM118
			if name.startswith(places) and name.endswith('.weight')
		]
	most = max(set(kinds), key=kinds.count, default='')
	return KEPT.get(most, torch.bfloat16)


def write_weights(
	file: Path, tensors: dict[str, torch.Tensor], report: Callable[[int, int], None]
) -> int:
	"""A safetensors file, written tensor by tensor so that it needs no second copy in memory.
	Returns the bytes of the tensors. `report(done, all)` may raise."""
	# Wide types first keeps every tensor aligned.
	names = sorted(tensors, key=lambda name: (-tensors[name].itemsize, name))
	header: dict[str, Any] = {'__metadata__': {'format': 'pt'}}
	end = 0
	for name in names:
		tensor = tensors[name]
		if tensor.dtype not in DTYPES:
			raise ModelBroken(
				f'{file.name} has numbers of a type that cannot be converted: {tensor.dtype}.'
			)
		start, end = end, end + tensor.nbytes
		header[name] = {
			'dtype': DTYPES[tensor.dtype],
			'shape': list(tensor.shape),
			'data_offsets': [start, end],
		}
	text = json.dumps(header, separators=(',', ':')).encode()
	text += b' ' * (-len(text) % 8)
	done = 0
	with open(file, 'wb') as stream:
		stream.write(len(text).to_bytes(8, 'little') + text)
		for name in names:
			if not tensors[name].nbytes:
				continue
			data = tensors[name].detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
			for start in range(0, len(data), PIECE):
				stream.write(data[start : start + PIECE])
				done += len(data[start : start + PIECE])
				report(done, end)
		stream.flush()
		os.fsync(stream.fileno())
	return end


def read_pickle(file: Path) -> dict[str, torch.Tensor]:
	"""The weights of a pickle and nothing else: torch's reader knows tensors and plain containers,
	and runs no code.

	Raises PickleRefused when there is more in it than weights, ModelBroken when it is none.
	"""
	try:
		# Only the newer, zipped form can be mapped instead of read.
		content = torch.load(
			file, map_location='cpu', weights_only=True, mmap=zipfile.is_zipfile(file)
		)
	except pickle.UnpicklingError as error:
		log.warning('%s was refused: %s', file, loading.first_line(error))
		raise PickleRefused(
			f'{file.name} holds more than weights: code that would run when opened. It was not run.'
		) from error
	except (RuntimeError, EOFError, ValueError, KeyError, AttributeError, TypeError) as error:
		if devices.ran_out(error):
			raise
		raise ModelBroken(
			f'{file.name} cannot be read: {loading.first_line(error)}',
			'Download it again, or choose another one.',
		) from error
	tensors = weights_of(content)
	if not tensors:
		raise ModelBroken(f'{file.name} contains no weights.')
	return tensors


def weights_of(content: Any) -> dict[str, torch.Tensor]:
	"""The dict of tensors inside what a training program saved."""
	if not isinstance(content, dict):
		return {}
	# Trainers wrap the weights; textual inversions keep theirs by the word.
	for name in ('state_dict', 'params_ema', 'params', 'model'):
		if isinstance(content.get(name), dict) and (inner := weights_of(content[name])):
			return inner
	words = content.get('string_to_param')
	if isinstance(words, dict) and words:
		return {'emb_params': next(iter(words.values())).detach()}
	return {str(k): v for k, v in content.items() if isinstance(v, torch.Tensor)}
