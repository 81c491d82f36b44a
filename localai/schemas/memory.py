"""Knows one rule for bytes: what a model and a picture need in memory, and how that is planned for what
is free. The badge of a model, the estimate of a request and the engine all ask here."""

from typing import NamedTuple

from localai.schemas.families import FAMILIES, ArchitectureName
from localai.schemas.hardware import DeviceKind, Machine, PrecisionName

# Below this size a model computes faster in single precision on a CPU than it gains from half the
# bytes.
TINY_PARAMETERS = 100_000_000
BYTES: dict[PrecisionName, int] = {'fp32': 4, 'fp16': 2, 'bf16': 2}
# Bytes per parameter below which a file is quantised.
QUANTISED = 1.5
# Bytes that drawing takes where a family has no figure of its own.
DRAWING = 2_500_000_000
# Pixels that are decoded at once when a picture is decoded piece by piece.
TILE = 512 * 512
# What a GPU's libraries hold beside what is ours.
CONTEXT = 600_000_000


class Need(NamedTuple):
	"""Bytes: of the weights, of a picture that is decoded whole, of one decoded piece by piece, and
	of what the device itself takes."""

	weights: int
	whole: int
	tiled: int
	context: int = 0


class Plan(NamedTuple):
	"""`bytes` is the peak beyond what is in memory already; `tiled` decodes the picture piece by
	piece; `fits` is False when even that is too much."""

	bytes: int
	tiled: bool
	fits: bool


def precision(kind: DeviceKind, half: PrecisionName, parameters: int) -> PrecisionName:
	"""What a model computes in: `half` is the device's best for all that is not tiny."""
	return 'fp32' if kind == 'cpu' and parameters < TINY_PARAMETERS else half


def weights_needed(
	family: ArchitectureName | None, bytes: int, parameters: int, machine: Machine
) -> int:
	"""Bytes in memory of weights that take `bytes` on the disk; `parameters` 0 where not known."""
	if not parameters:
		return bytes
	# What LocalAI draws with comes into the device's precision, whatever the file's.
	if family not in FAMILIES and bytes / parameters < QUANTISED:
		return bytes
	return parameters * BYTES[precision(machine.kind, machine.half, parameters)]


def needed(
	family: ArchitectureName | None,
	bytes: int,
	parameters: int,
	machine: Machine,
	size: tuple[int, int] | None = None,
) -> Need:
	"""Of a model's files and one picture of that `size` in pixels, None for the family's own."""
	whole = tiled = DRAWING
	if family in FAMILIES:
		row = FAMILIES[family]
		width, height = size or (row.shapes[0].width, row.shapes[0].height)
		computed = precision(machine.kind, machine.half, parameters)
		per_pixel = row.bytes_per_pixel * BYTES[computed] // 2
		whole = width * height * per_pixel
		tiled = min(width * height, TILE) * per_pixel
	return Need(
		weights=weights_needed(family, bytes, parameters, machine),
		whole=whole,
		tiled=tiled,
		context=CONTEXT if machine.kind == 'cuda' else 0,
	)


def plan(need: Need, free: int, resident: bool = False) -> Plan:
	"""`free` counts what others would give back; the weights of a `resident` model are in memory
	already. A picture is decoded whole where it can be."""
	least = need.context + (0 if resident else need.weights)
	whole, tiled = least + need.whole, least + need.tiled
	if whole <= free:
		return Plan(bytes=whole, tiled=False, fits=True)
	return Plan(bytes=tiled, tiled=True, fits=tiled <= free)
