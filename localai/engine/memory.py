"""Knows whether a picture will fit and how it is decoded; applies that to a pipeline."""

from typing import Any

from localai.errors import OutOfMemory
from localai.schemas import memory
from localai.schemas.hardware import Machine
from localai.schemas.models import ModelSpec


def plan(
	model: ModelSpec,
	width: int,
	height: int,
	machine: Machine,
	resident: bool,
	evictable: int = 0,
) -> memory.Plan:
	"""`evictable` are bytes of other models that would make room.

	Raises OutOfMemory with the numbers when even tiled decoding will not fit.
	"""
	need = memory.needed(model.family, model.bytes, model.parameters, machine, (width, height))
	free = machine.reading.free + evictable
	found = memory.plan(need, free, resident)
	if not found.fits:
		raise OutOfMemory(
			f'This needs about {found.bytes / 1e9:.1f} GB, but only {free / 1e9:.1f} GB is free.'
		)
	return found


def apply(memory_plan: memory.Plan, pipeline: Any) -> None:
	if memory_plan.tiled:
		pipeline.vae.enable_tiling()
	else:
		pipeline.vae.disable_tiling()
