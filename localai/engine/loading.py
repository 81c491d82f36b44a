"""Knows how a pipeline is made of a model's files: from a folder in the diffusers layout, or from a
single file with the configs that ship with the package."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import diffusers.utils.logging
import torch
from diffusers.loaders.single_file_utils import SingleFileComponentError
from safetensors import SafetensorError, safe_open
from transformers import CLIPTokenizer

from localai.engine import devices
from localai.engine.families import ANATOMIES, pipeline_of
from localai.engine.reading import read_ahead
from localai.errors import LocalAIError, ModelBroken, ModelUnsupported
from localai.schemas.families import FAMILIES, PARTS
from localai.schemas.models import ModelSpec
from localai.text import plain

log = logging.getLogger('localai.engine')
Progress = Callable[[str, int, int], None]
CONFIGS = Path(__file__).parent / 'configs'
# A weights file of a part, with its variant: `model.fp16-00001-of-00002.safetensors`.
VARIANT = re.compile(r'(?:diffusion_pytorch_model|model)(?:\.(\w+))?(?:-\d+-of-\d+)?\.safetensors')
# What diffusers and torch say when a part got only some of its weights.
HALF = ('meta tensor', 'valid CLIP model', 'appear to be missing')


def load(model: ModelSpec, dtype: torch.dtype, progress: Progress) -> Any:
	"""A whole pipeline on the CPU, in `dtype`. Nothing of the network, no code of the model's.

	`progress(stage, bytes done, bytes in all)` may raise to give up. Raises ModelBroken,
	ModelUnsupported.
	"""
	path, anatomy = Path(model.path), ANATOMIES[model.family]
	watch = watched(model, progress, path)
	try:
		if path.is_file():
			pipeline = load_file(model, path, dtype, watch)
		else:
			variant = variant_of(path, anatomy.parts)
			for part in anatomy.parts:
				if not weights_of(path / part, variant):
					raise lacking(model, part)
			with watch:
				pipeline = pipeline_of(model.family).from_pretrained(
					path,
					dtype=dtype,
					local_files_only=True,
					use_safetensors=True,
					variant=variant,
					**unused(model),
					**anatomy.options,
				)
	except LocalAIError:
		raise
	except (
		OSError,
		ValueError,
		RuntimeError,
		KeyError,
		TypeError,
		AttributeError,
		IndexError,
		SafetensorError,
		SingleFileComponentError,
	) as error:
		if devices.ran_out(error):
			raise
		if any(words in str(error) for words in HALF) and watch.part:
			raise lacking(model, watch.part) from error
		log.warning('loading %s failed: %s', path, error)
		raise ModelBroken(f'{model.name} could not be loaded: {first_line(error)}') from error
	check_whole(model, pipeline)
	return pipeline


def unused(model: ModelSpec) -> dict[str, None]:
	"""The parts that its pipeline can have and that nothing here draws with, such as one that looks at
	pictures: whether the folder has them or only names them, they are not loaded."""
	parts, can = ANATOMIES[model.family].parts, pipeline_of(model.family)._optional_components
	options = ANATOMIES[model.family].options
	return {
		name: None
		for name in can
		if name not in parts and name not in options and not name.startswith('tokenizer')
	}


def variant_of(folder: Path, parts: Iterable[str]) -> str | None:
	"""The variant of which alone some part is here, such as 'fp16'; None where the plain files
	are."""
	for part in parts:
		found = variants_of(folder / part)
		if found and None not in found:
			return min(name for name in found if name)
	return None


def variants_of(part: Path) -> dict[str | None, list[Path]]:
	"""The weights files of one part by their variant, the plain ones under None."""
	found: dict[str | None, list[Path]] = {}
	for file in sorted(part.glob('*.safetensors')):
		if name := VARIANT.fullmatch(file.name):
			found.setdefault(name[1], []).append(file)
	return found


def weights_of(part: Path, variant: str | None) -> list[Path]:
	"""What diffusers will read of a part: its files of the variant, or else the plain ones."""
	found = variants_of(part)
	return found.get(variant) or found.get(None, [])


def load_file(model: ModelSpec, path: Path, dtype: torch.dtype, watch: 'watched') -> Any:
	"""A single file in the layout of the original programs (CompVis, Stability AI)."""
	anatomy, configs = ANATOMIES[model.family], CONFIGS / model.family
	if not anatomy.file or path.suffix.lower() != '.safetensors':
		raise ModelUnsupported(
			f'{model.name} is a single file, '
			f'and LocalAI can draw with {FAMILIES[model.family].title} only from folders.'
		)
	with safe_open(path, 'pt') as file:
		names = set(file.keys())
	for part, places in anatomy.file.places.items():
		if not any(name.startswith(places) for name in names):
			raise lacking(model, part)
	parts: dict[str, Any] = {'scheduler': scheduler_for(model, configs, names)}
	for index, padding in enumerate(anatomy.file.padding):
		name = f'tokenizer_{index + 1}' if index else 'tokenizer'
		parts[name] = CLIPTokenizer.from_pretrained(CONFIGS / 'tokenizer', pad_token=padding)
	watch.read('file', path)
	with watch:
		return pipeline_of(model.family).from_single_file(
			path.as_posix(),
			config=str(configs),
			local_files_only=True,
			dtype=dtype,
			**parts,
			**anatomy.options,
		)


def scheduler_for(model: ModelSpec, configs: Path, names: set[str]) -> Any:
	"""The family's own, predicting what the file says it does.

	A file says so in its metadata (`ModelSpec.prediction`) or by a tensor named `v_pred`, and `ztsnr`
	says that it was trained to zero terminal signal. Where nothing is said it is noise that is
	predicted.
	"""
	anatomy = ANATOMIES[model.family]
	kind = pipeline_of(model.family).load_config(configs)['scheduler'][1]
	options: dict[str, Any] = {}
	prediction = model.prediction or ('v_prediction' if 'v_pred' in names else '')
	if prediction and anatomy.noise == 'discrete':
		options['prediction_type'] = prediction
	config = getattr(diffusers, kind).load_config(configs / 'scheduler')
	if 'ztsnr' in names:
		kind = 'EulerDiscreteScheduler'  # PNDM, the family's own, knows no such training
		options |= {'rescale_betas_zero_snr': True, 'timestep_spacing': 'trailing'}
	return getattr(diffusers, kind).from_config(config, **options)


def check_whole(model: ModelSpec, pipeline: Any) -> None:
	"""Raises ModelBroken where a part got no weights: diffusers leaves it silently on the meta
	device."""
	for name, part in pipeline.components.items():
		if name in ANATOMIES[model.family].parts and part is None:
			raise lacking(model, name)
		if not isinstance(part, torch.nn.Module):
			continue
		if any(t.is_meta for t in (*part.parameters(), *part.buffers())):
			raise lacking(model, name)


def lacking(model: ModelSpec, part: str) -> ModelBroken:
	what = PARTS.get(part, part) or 'weights'
	return ModelBroken(
		f'{model.name} is missing its {what}, or part of it.',
		'Download a complete version of this model, or choose another one.',
	)


def first_line(error: BaseException) -> str:
	lines = str(error).strip().splitlines()
	return plain(lines[0] if lines else type(error).__name__, 200)


class watched:
	"""While diffusers goes through the components of a model, its own bar tells `progress` instead
	of the terminal; `part` is the one at hand.

	The files of each component are read first, piece by piece, which is where the time goes and where
	it can be left.
	"""

	def __init__(self, model: ModelSpec, progress: Progress, path: Path):
		self.path, self.total, self.progress = path, model.bytes, progress
		self.parts = ANATOMIES[model.family].parts
		self.done = 0
		self.part = ''
		self.original = diffusers.utils.logging.tqdm

	def __enter__(self) -> None:
		self.tell('files', 0)  # may raise, and then nothing is to be put back
		diffusers.utils.logging.tqdm = self.bar

	def __exit__(self, *error: object) -> None:
		diffusers.utils.logging.tqdm = self.original

	def tell(self, stage: str, done: int) -> None:
		self.progress(stage, min(self.done + done, self.total), self.total)

	def read(self, stage: str, file: Path) -> None:
		read_ahead(file, lambda done: self.tell(stage, done))
		self.done += file.stat().st_size

	def bar(self, items: Any = (), *arguments: object, **options: object) -> Iterator[Any]:
		for item in items:
			# Inside a component there may be other bars, over other things.
			if isinstance(item, tuple) and isinstance(item[0], str):
				self.part = item[0]
				self.tell(self.part, 0)
				for file in weights_of(self.path / self.part, variant_of(self.path, self.parts)):
					self.read(self.part, file)
			yield item
