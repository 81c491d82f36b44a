"""Knows which layers each model has, in the layouts of its own program and of diffusers, and so which
model a set of layers can belong to, and whether a file has all of one.

That layers look like those of a model is no proof: others are built alike. A model is named only
when all layers of the file are in it, as wide as they are, and when what seems to cover all of its
blocks covers as many as there are.
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

from localai.files.weights.tensors import Tensor
from localai.schemas.families import ArchitectureName

# Made by tools/layers.py from the classes of diffusers.
FILE = Path(__file__).with_name('layers.json')
# What programs put before the names of a denoiser's layers.
PREFIX = (
	r'(?:(?:base_model_model|model_diffusion_model|diffusion_model|lora_unet|lora_transformer|lycoris'
	r'|oft_unet|unet|model|lora|transformer(?!_blocks))_)*'
)
# The block that is repeated, the number of one, and a layer in it.
BLOCKS = {
	mark: re.compile(
		rf'{PREFIX}(.*(?:blocks|layers|refiner|projection))[{mark}](\d{{1,6}})[{mark}](.+)'
	)
	for mark in '._'
}
OUTSIDE = re.compile(PREFIX)
# Layers from the first block on, without a gap, are taken for all that there are from this many on.
COVERED = 4
# What fits both is taken for the first, which nearly all are made for.
RATHER: dict[ArchitectureName, ArchitectureName] = {'chroma': 'flux1'}
# What goes in differs from variant to variant.
FIRST = ('conv_in', 'input_blocks.0.0')
Widths = tuple[int, int]


class Layer:
	"""`places` are the blocks that have it, `widths` the pairs (values in, values out) it can have."""

	def __init__(self, places: Iterable[int], widths: Iterable[Widths]):
		self.places, self.widths = set(places), {(i, o) for i, o in widths}
		self.all = covers(self.places)


class Blueprint:
	"""One model in one layout. `blocks` are by name; '' has the layers outside of all."""

	def __init__(self, family: ArchitectureName, blocks: Mapping[str, Mapping[str, Layer]]):
		self.family, self.blocks = family, blocks

	@cached_property
	def flat(self) -> dict[str, dict[str, Layer]]:
		"""As LoRAs name them: without dots."""
		return {
			b.replace('.', '_'): {n.replace('.', '_'): layer for n, layer in layers.items()}
			for b, layers in self.blocks.items()
		}

	@cached_property
	def weights(self) -> dict[str, set[Widths]]:
		"""How wide each matrix of its blocks is, by the name it has in a file."""
		found = {
			f'{block}.{place}.{name}' if block else name: layer.widths
			for block, layers in self.blocks.items()
			for name, layer in layers.items()
			for place in layer.places
		}
		roots = {root_of(block) for block in self.blocks if block}
		return {
			f'{name}.weight': widths
			for name, widths in found.items()
			if root_of(name) in roots and name not in FIRST
		}

	@cached_property
	def roots(self) -> set[str]:
		return {root_of(name) for name in self.weights}


@cache
def blueprints() -> tuple[Blueprint, ...]:
	content = json.loads(FILE.read_text('utf-8'))
	tables = [
		{n: Layer(range(p) if isinstance(p, int) else p, w) for n, (p, w) in table.items()}
		for table in content['tables']
	]
	return tuple(
		Blueprint(m['family'], {block: tables[number] for block, number in m['blocks'].items()})
		for m in content['models']
	)


def root_of(name: str) -> str:
	return name.partition('.')[0]


def split(name: str, mark: Literal['.', '_'] = '_') -> tuple[str, int, str]:
	"""Block, number and layer of a name."""
	if found := BLOCKS[mark].fullmatch(name):
		block, number, layer = found.groups()
		return block, int(number), layer
	start = OUTSIDE.match(name)
	return '', 0, name[start.end() :] if start else name


# Layers that are changed


def families(layers: Mapping[str, Widths]) -> set[ArchitectureName]:
	"""Those that have all of the layers, which are (values in, values out), 0 where that is not known,
	by their names without dots."""
	seen: dict[tuple[str, str], tuple[set[int], set[Widths]]] = {}
	for name, widths in layers.items():
		block, place, layer = split(name)
		one = seen.get((block, layer))
		if one is None:
			one = seen[block, layer] = set(), set()
		one[0].add(place)
		one[1].add(widths)
	found = {b.family for b in blueprints() if seen and has_all(b, seen)}
	return {family for family in found if RATHER.get(family) not in found}


def has_all(
	blueprint: Blueprint, seen: Mapping[tuple[str, str], tuple[set[int], set[Widths]]]
) -> bool:
	for (block, layer), (places, widths) in seen.items():
		layers = blueprint.flat.get(block)
		known = layers and next((layers[n] for n in spellings(layer) if n in layers), None)
		if not known or not places <= known.places:
			return False
		if known.all and covers(places) and len(places) != len(known.places):
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


def covers(places: set[int]) -> bool:
	return len(places) >= COVERED and places == set(range(len(places)))


def fits(width: Widths, known: set[Widths]) -> bool:
	if width in known:
		return True
	into, out = width  # a convolution of three by three may be written as one long row
	return any(into in (0, i, 9 * i) and out in (0, o) for i, o in known)


# Whole models

Verdict = Literal['whole', 'less', 'other']


def judge(family: ArchitectureName, tensors: Mapping[str, Tensor]) -> Verdict:
	"""Whether a denoiser is one of that family: 'less' where blocks of it are not there, 'other' where
	it has something that the family has not. What is not written here is believed."""
	found = {compared(b, tensors) for b in blueprints() if b.family == family}
	if not found or 'whole' in found:
		return 'whole'
	return 'less' if 'less' in found else 'other'


def compared(blueprint: Blueprint, tensors: Mapping[str, Tensor]) -> Verdict:
	known, roots = blueprint.weights, blueprint.roots
	here = known.keys() & tensors.keys()
	if 2 * len(here) < len(known):
		return 'other'
	for name, tensor in tensors.items():
		if name.endswith('.weight') and len(tensor.shape) in (2, 4):
			widths = known.get(name)
			if widths is None:
				if name.partition('.')[0] in roots and name.removesuffix('.weight') not in FIRST:
					return 'other'
			elif tensor.written and (tensor.shape[1], tensor.shape[0]) not in widths:
				return 'other'
	return 'whole' if len(here) == len(known) else 'less'
