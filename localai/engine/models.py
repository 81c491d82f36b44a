"""Knows the pipelines that are in memory: loads them, keeps those used last within a budget, lets
them go."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from localai.engine import devices, loading
from localai.engine.families import ANATOMIES
from localai.engine.previews import Previewer
from localai.schemas.hardware import HeldModel, PrecisionName
from localai.schemas.models import ModelSpec

log = logging.getLogger('localai.engine')


@dataclass
class Resident:
	"""A model in memory. `scheduler_config` is the one that came with it, kept unchanged; `bytes`
	are of its weights there."""

	model: ModelSpec
	pipeline: Any
	device: torch.device
	dtype: torch.dtype
	scheduler_config: dict[str, Any]
	previewer: Previewer
	bytes: int


class ModelManager:
	"""`residents` are in the order of their use, the last used first: that one is the current.

	The current model stays whatever it weighs; the others stay while all together weigh at most
	`budget` bytes. `warm` sets the budget, -1 leaves it to the device, which then also keeps a share of
	its memory free.
	"""

	def __init__(self, device: torch.device, half: PrecisionName, warm: int = -1):
		self.device = device
		self.half = half
		self.residents: list[Resident] = []
		total = devices.read_memory(device).total
		self.budget = warm if warm >= 0 else int(total * devices.WARM_SHARE[device.type])
		self.reserve = 0 if warm >= 0 else int(total * devices.FREE_SHARE[device.type])

	@property
	def current(self) -> Resident | None:
		return self.residents[0] if self.residents else None

	def held(self) -> tuple[HeldModel, ...]:
		return tuple(HeldModel(id=r.model.id, bytes=r.bytes) for r in self.residents)

	def find(self, model: ModelSpec) -> Resident | None:
		"""The same path with the same weights; a hash that became known later makes no
		difference."""
		return next((r for r in self.residents if key(r.model) == key(model)), None)

	def evictable(self, model: ModelSpec) -> int:
		"""Bytes that letting all other models go would bring."""
		return sum(r.bytes for r in self.residents if key(r.model) != key(model))

	def make_room(self, model: ModelSpec, needed: int) -> None:
		"""Lets the models used longest ago go until `model` is within the budget and `needed` bytes
		are free."""
		mine = self.find(model)
		dtype = devices.choose_dtype(self.device, self.half, model.parameters)
		own = mine.bytes if mine else model.parameters * dtype.itemsize
		coming = 0 if mine else own
		others = [r for r in self.residents if r is not mine]
		while others:
			within = own + sum(r.bytes for r in others) <= self.budget
			free = devices.read_memory(self.device).free
			if within and free >= max(needed, coming + self.reserve):
				return
			self.let_go(others.pop())

	def load(self, model: ModelSpec, progress: loading.Progress) -> Resident:
		"""Brings `model`, which is then the current one.

		`progress(stage, bytes done, bytes in all)` may raise to give up. Raises ModelBroken when a
		component cannot be read or stays without weights.
		"""
		resident = self.find(model)
		if resident:
			self.residents.remove(resident)
			resident.model = model
		else:
			resident = self.bring(model, progress)
		self.residents.insert(0, resident)
		return resident

	def bring(self, model: ModelSpec, progress: loading.Progress) -> Resident:
		stale = [r for r in self.residents if r.model.path == model.path]
		for resident in stale:  # its weights were replaced meanwhile
			self.let_go(resident)
		dtype = devices.choose_dtype(self.device, self.half, model.parameters)
		try:
			pipeline = loading.load(model, dtype, progress)
			pipeline.to(self.device)
		except BaseException:
			devices.give_back(self.device)
			raise
		anatomy = ANATOMIES[model.family]
		for part in anatomy.channels_last:
			getattr(pipeline, part).to(memory_format=torch.channels_last)
		pipeline.set_progress_bar_config(disable=True)
		progress('ready', model.bytes, model.bytes)
		log.info('loaded %s in %s on %s', model.name, devices.dtype_name(dtype), self.device)
		return Resident(
			model,
			pipeline,
			self.device,
			dtype,
			dict(pipeline.scheduler.config),
			Previewer(anatomy.look, Path(model.path), pipeline.vae_scale_factor),
			weight(pipeline),
		)

	def let_go(self, resident: Resident) -> None:
		log.info('unloading %s', resident.model.name)
		self.residents.remove(resident)
		resident.pipeline = None
		devices.give_back(self.device)

	def unload(self, path: str = '') -> None:
		"""Lets the model at `path` go (or with this id), or with '' all of them."""
		for resident in list(self.residents):
			if path in ('', resident.model.path, resident.model.id):
				self.let_go(resident)


def key(model: ModelSpec) -> tuple[str, int]:
	return model.path, model.bytes


def weight(pipeline: Any) -> int:
	"""Bytes of the weights, each tensor once."""
	tensors = {
		id(t): t.nbytes
		for part in pipeline.components.values()
		if isinstance(part, torch.nn.Module)
		for t in (*part.parameters(), *part.buffers())
	}
	return sum(tensors.values())
