"""Knows from sizes alone whether a model fits this machine; a first plan, before anything is
loaded."""

from typing import NamedTuple

from localai.schemas.families import FAMILIES, ArchitectureName
from localai.schemas.hardware import MemoryReading
from localai.schemas.models import FitName


class Machine(NamedTuple):
	"""What a model would have to fit into: `reading.free` counts what the engine could let go."""

	reading: MemoryReading
	device: str


# Below this a model computes in single precision on a CPU.
TINY_PARAMETERS = 100_000_000
# Bytes per parameter below which a file is quantised, and stays so in memory.
QUANTISED = 1.5
# The part of all weights that its biggest component has: measured, see the sizes of each family.
BIGGEST: dict[ArchitectureName, float] = {
	'sketchbook': 0.5,
	'sd1': 0.81,
	'sd2': 0.67,
	'sdxl': 0.74,
	'sdxl-refiner': 0.77,
	'sd3': 0.6,
	'flux1': 0.71,
	'flux2': 0.58,
	'flux2-klein': 0.53,
	'chroma': 0.65,
	'qwen-image': 0.71,
	'z-image': 0.6,
	'lumina2': 0.5,
	'sana': 0.6,
	'pixart': 0.88,
	'kolors': 0.7,
	'hidream': 0.56,
}
# Bytes that drawing takes where a family has no figure of its own.
DRAWING = 2_500_000_000
# What a GPU's driver and libraries hold.
CONTEXT = 600_000_000


def weights_needed(bytes: int, parameters: int) -> int:
	"""Bytes in memory of weights that take `bytes` on the disk."""
	if not parameters or bytes / parameters < QUANTISED:
		return bytes
	return parameters * (4 if parameters < TINY_PARAMETERS else 2)


def drawing_needed(family: ArchitectureName | None) -> int:
	"""Bytes that one picture in the family's own size takes while it is decoded."""
	if family not in FAMILIES:
		return DRAWING
	shape = FAMILIES[family].shapes[0]
	return shape.width * shape.height * FAMILIES[family].bytes_per_pixel


def judge(
	bytes: int,
	parameters: int,
	family: ArchitectureName | None,
	reading: MemoryReading,
	device: str,
) -> tuple[FitName, int]:
	"""The verdict and the bytes needed. `reading.free` counts what our engine could give back as
	free."""
	if not bytes or not reading.total:
		return 'unknown', 0
	weights, drawing = weights_needed(bytes, parameters), drawing_needed(family)
	gpu = device.casefold() not in ('', 'cpu', 'apple gpu', 'fake')
	need = weights + drawing + (CONTEXT if gpu else 0)
	if need <= reading.free:
		return 'fits', need
	biggest = need - int(weights * (1 - BIGGEST.get(family or 'unknown', 0.7)))
	return ('offload' if gpu and biggest <= reading.free else 'too large'), need


def fit_of(
	bytes: int,
	parameters: int,
	family: ArchitectureName | None,
	reading: MemoryReading,
	device: str,
) -> tuple[FitName, str]:
	"""'fits', 'offload' (one component at a time on the GPU) or 'too large', and why in one
	sentence. `bytes` of the files, `parameters` a count (0: not known), `device` as EngineStatus
	says it."""
	verdict, need = judge(bytes, parameters, family, reading, device)
	if verdict == 'unknown':
		return 'unknown', ''
	needs = f'Needs about {said(need)}'
	if verdict == 'fits':
		return verdict, f'{needs}; {said(reading.free)} are free.'
	if verdict == 'offload':
		return verdict, f'{needs}; with {said(reading.free)} free its parts take turns on the GPU.'
	if need <= reading.total:
		return verdict, f'{needs}; only {said(reading.free)} are free.'
	return verdict, f'{needs}; this machine has {said(reading.total)}.'


def said(count: int) -> str:
	if count >= 9.95e9:
		return f'{count / 1e9:.0f} GB'
	return f'{count / 1e9:.1f} GB' if count >= 0.95e9 else f'{max(count, 0) / 1e6:.0f} MB'
