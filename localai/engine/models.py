"""Knows the one pipeline that is in memory: loads it, reuses it, lets it go."""

import gc
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import diffusers.utils.logging
import torch

from localai.engine import devices
from localai.engine.families import PIPELINES
from localai.engine.previews import Previewer
from localai.errors import LocalAIError, ModelBroken
from localai.schemas.models import ModelSpec

log = logging.getLogger('localai.engine')
Progress = Callable[[str, int, int], None]


class ModelManager:
	"""`pipeline` belongs to `model`; `scheduler_config` is the one that came with it, kept
	unchanged."""

	def __init__(self, device: torch.device):
		self.device = device
		self.model: ModelSpec | None = None
		self.pipeline: Any = None
		self.dtype = torch.float32
		self.scheduler_config: dict[str, Any] = {}
		self.previewer: Previewer | None = None

	def holds(self, model: ModelSpec) -> bool:
		"""The same folder with the same weights; a hash that became known later makes no
		difference."""
		return self.model is not None and (self.model.path, self.model.bytes) == (
			model.path,
			model.bytes,
		)

	def load(self, model: ModelSpec, progress: Progress) -> Any:
		"""Returns the pipeline; `progress(stage, bytes done, bytes in all)` may raise to give up.

		Raises ModelBroken when a component cannot be read or stays without weights.
		"""
		if self.holds(model):
			return self.pipeline
		self.unload()
		folder = Path(model.path)
		dtype = devices.choose_dtype(self.device, model.parameters)
		try:
			with load_progress(folder, model.bytes, progress):
				pipeline = PIPELINES[model.family].from_pretrained(
					folder,
					dtype=dtype,
					local_files_only=True,
					use_safetensors=True,
					**without_checker(model),
				)
		except LocalAIError:
			raise
		except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
			if 'out of memory' in str(error).lower():
				raise
			log.warning('loading %s failed: %s', folder, error)
			raise ModelBroken(f'{model.name} could not be loaded: {first_line(error)}') from error
		for name, part in pipeline.components.items():
			if isinstance(part, torch.nn.Module) and any(p.is_meta for p in part.parameters()):
				raise ModelBroken(f'{model.name} has no weights for parts of its {name}.')
		pipeline.to(self.device)
		if dtype != torch.float32 or self.device.type != 'cpu':
			pipeline.unet.to(memory_format=torch.channels_last)
			pipeline.vae.to(memory_format=torch.channels_last)
		pipeline.set_progress_bar_config(disable=True)
		progress('ready', model.bytes, model.bytes)
		self.model, self.pipeline, self.dtype = model, pipeline, dtype
		self.scheduler_config = dict(pipeline.scheduler.config)
		self.previewer = Previewer(model.family, folder)
		log.info('loaded %s in %s on %s', model.name, devices.dtype_name(dtype), self.device)
		return pipeline

	def unload(self) -> None:
		self.model = self.pipeline = self.previewer = None
		gc.collect()
		if self.device.type == 'cuda':
			torch.cuda.empty_cache()


def without_checker(model: ModelSpec) -> dict[str, Any]:
	return (
		{} if model.family == 'sdxl' else {'safety_checker': None, 'requires_safety_checker': False}
	)


def first_line(error: BaseException) -> str:
	lines = str(error).strip().splitlines()
	return (lines[0] if lines else type(error).__name__)[:200]


class load_progress:
	"""Makes diffusers' own bar over the components tell `progress` instead of the terminal."""

	def __init__(self, folder: Path, total: int, progress: Progress):
		self.folder, self.total, self.progress = folder, total, progress
		self.original = diffusers.utils.logging.tqdm

	def __enter__(self) -> None:
		diffusers.utils.logging.tqdm = self.bar
		self.progress('files', 0, self.total)

	def __exit__(self, *error: object) -> None:
		diffusers.utils.logging.tqdm = self.original

	def bar(self, items: Any = (), *arguments: object, **options: object) -> Iterator[Any]:
		done = 0
		for item in items:
			name = item[0] if isinstance(item, tuple) else ''
			self.progress(str(name), min(done, self.total), self.total)
			yield item
			part = self.folder / str(name)
			done += (
				sum(f.stat().st_size for f in part.glob('*.safetensors')) if part.is_dir() else 0
			)
