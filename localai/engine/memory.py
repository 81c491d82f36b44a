"""Knows from numbers alone whether a picture will fit and how it is decoded; applies that to a
pipeline."""

from typing import Any

from localai.errors import OutOfMemory
from localai.schemas.base import Schema
from localai.schemas.families import FAMILIES
from localai.schemas.hardware import MemoryReading
from localai.schemas.models import ModelSpec


class MemoryPlan(Schema):
	"""`bytes` is the peak beyond what is in memory already; `tiled` decodes the picture piece by
	piece."""

	bytes: int
	tiled: bool


def plan(
	model: ModelSpec,
	width: int,
	height: int,
	bytes_per_parameter: int,
	resident: bool,
	reading: MemoryReading,
	evictable: int = 0,
) -> MemoryPlan:
	"""`evictable` are bytes of other models that would make room.

	Raises OutOfMemory with the numbers when even tiled decoding will not fit.
	"""
	free = reading.free + evictable
	weights = 0 if resident else model.parameters * bytes_per_parameter
	per_pixel = FAMILIES[model.family].bytes_per_pixel * bytes_per_parameter // 2
	whole = weights + width * height * per_pixel
	if whole <= free:
		return MemoryPlan(bytes=whole, tiled=False)
	tiled = weights + min(width * height, 512 * 512) * per_pixel
	if tiled > free:
		raise OutOfMemory(
			f'This needs about {tiled / 1e9:.1f} GB and {free / 1e9:.1f} GB are free.'
		)
	return MemoryPlan(bytes=tiled, tiled=True)


def apply(memory_plan: MemoryPlan, pipeline: Any) -> None:
	if memory_plan.tiled:
		pipeline.vae.enable_tiling()
	else:
		pipeline.vae.disable_tiling()
