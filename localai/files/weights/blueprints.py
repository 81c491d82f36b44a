"""Knows which layers each model has that LoRAs are made for, and so which models a set of layers can
belong to.

That layers look like those of a model is no proof: others are built alike. A model is named only
when all layers of the file are in it, as wide as they are, and when what seems to cover all of its
blocks covers as many as there are.
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from localai.schemas.families import ArchitectureName

# Made by tools/layers.py from the classes of diffusers.
FILE = Path(__file__).with_name('layers.json')
# The block that is repeated, the number of one, and a layer in it.
BLOCK = re.compile(r'(.*(?:blocks|layers|refiner|projection))_(\d+)_(.+)')
# What programs put before the names of a denoiser's layers.
PREFIX = re.compile(
	r'(?:(?:base_model_model|model_diffusion_model|diffusion_model|lora_unet|lora_transformer|lycoris'
	r'|oft_unet|unet|model|lora|transformer(?!_blocks))_)+'
)
# Layers from the first block on, without a gap, are taken for all that there are from this many on.
COVERED = 4
# What fits both is taken for the first, which nearly all are made for.
RATHER: dict[ArchitectureName, ArchitectureName] = {'chroma': 'flux1'}


class Layer(NamedTuple):
	"""`places` are the blocks that have it, `widths` the pairs (values in, values out) it can have."""

	places: frozenset[int]
	widths: frozenset[tuple[int, int]]


class Blueprint(NamedTuple):
	"""`blocks` are by name; '' has the layers outside of all. `variant` is the first that is so."""

	family: ArchitectureName
	variant: str
	blocks: Mapping[str, Mapping[str, Layer]]


class Seen(NamedTuple):
	"""A layer as a file has it: in which blocks, and how wide; 0 is not known."""

	block: str
	layer: str
	places: set[int]
	widths: set[tuple[int, int]]


@cache
def blueprints() -> tuple[Blueprint, ...]:
	content = json.loads(FILE.read_text('utf-8'))
	tables = [
		{
			name: Layer(places_of(places), frozenset(map(tuple, widths)))
			for name, (places, widths) in t.items()
		}
		for t in content['tables']
	]
	return tuple(
		Blueprint(
			m['family'], m['variant'], {b: tables[number] for b, number in m['blocks'].items()}
		)
		for m in content['models']
	)


def places_of(places: int | list[int]) -> frozenset[int]:
	return frozenset(range(places) if isinstance(places, int) else places)


def split(name: str) -> tuple[str, int, str]:
	"""Block, number and layer of a name without dots."""
	found = BLOCK.fullmatch(name)
	return (found[1], int(found[2][:6]), found[3]) if found else ('', 0, name)


def bare(name: str) -> str:
	found = PREFIX.match(name)
	return name[found.end() :] if found else name


def families(layers: Mapping[str, tuple[int, int]]) -> set[ArchitectureName]:
	"""Those that have all of the layers, which are (values in, values out) by their names without
	dots."""
	seen: dict[tuple[str, str], Seen] = {}
	for name, widths in layers.items():
		block, place, layer = split(bare(name))
		one = seen.setdefault((block, layer), Seen(block, layer, set(), set()))
		one.places.add(place)
		one.widths.add(widths)
	found = {b.family for b in blueprints() if seen and has_all(b, seen.values())}
	return {family for family in found if RATHER.get(family) not in found}


def has_all(blueprint: Blueprint, seen: Iterable[Seen]) -> bool:
	for block, layer, places, widths in seen:
		layers = blueprint.blocks.get(block)
		known = layers and next((layers[n] for n in spellings(layer) if n in layers), None)
		if not known or not places <= known.places:
			return False
		if covers(places) and covers(known.places) and len(places) != len(known.places):
			return False
		if not all(fits(width, known.widths) for width in widths):
			return False
	return True


def spellings(layer: str) -> Iterable[str]:
	"""As it stands, and as diffusers wrote it before peft."""
	yield layer
	if '_processor' in layer:
		yield layer.replace('_processor', '')
		yield layer.replace('_processor', '') + '_0'


def covers(places: Iterable[int]) -> bool:
	found = set(places)
	return len(found) >= COVERED and found == set(range(len(found)))


def fits(width: tuple[int, int], known: frozenset[tuple[int, int]]) -> bool:
	if width in known:
		return True
	into, out = width  # a convolution of three by three may be written as one long row
	return any(into in (0, i, 9 * i) and out in (0, o) for i, o in known)
