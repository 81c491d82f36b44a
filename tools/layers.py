"""Writes down which layers each model has that LoRAs are made for, from the classes of diffusers:

    .venv/bin/python -m tools.layers     into localai/files/weights/layers.json

The layouts of the original programs are those of `tests/layouts.py`, which diffusers' own converters prove.
"""

import json
from pathlib import Path

from localai.files.weights.blueprints import FILE, split
from tests import layouts
from tests.layouts import Shapes

# Family, and the variants that have the same blocks: they differ in what goes in.
MODELS = (
	('sd1', ('',)), ('sd2', ('',)), ('sdxl', ('',)), ('sdxl-refiner', ('',)),
	('flux1', ('dev', 'fill', 'control')), ('chroma', ('',)), ('flux2', ('',)), ('flux2-klein', ('4B',)),
	('flux2-klein', ('9B',)), ('qwen-image', ('', 'layered')), ('z-image', ('',)), ('lumina2', ('',)),
	('sana', ('600M',)), ('sana', ('1600M',)), ('sana', ('4.8B',)), ('pixart', ('', 'alpha')),
	('sd3', ('medium',)), ('sd3', ('3.5 medium',)), ('sd3', ('3.5 large',)), ('hidream', ('',)),
)  # fmt: skip
# XLabs writes those of FLUX.1 so.
PROCESSORS = {
	f'{blocks}.{i}.processor.{part}.weight': (out, 3072)
	for blocks, count in (('double_blocks', 19), ('single_blocks', 38))
	for i in range(count)
	for part, out in (('qkv', 9216), ('proj', 3072))
}


def layouts_of(family: str, variant: str) -> list[Shapes]:
	"""That of diffusers, and that of its own program where it is another one."""
	if family.startswith('sd') and family != 'sd3':
		shapes = layouts.unet(family)
		return [shapes, layouts.ldm_unet(shapes)]
	shapes, own = layouts.transformer(family, variant), layouts.original(family, variant)
	return [
		shapes,
		*([own] if own is not shapes else []),
		*([PROCESSORS] if family == 'flux1' else []),
	]


def made() -> dict:
	"""What the file holds. Blocks that are alike stand in it once."""
	tables: list[str] = []
	models = []
	for family, variants in MODELS:
		for alike in zip(*(layouts_of(family, v) for v in variants), strict=True):
			found = {}
			for block, layers in blocks_of(alike).items():
				text = json.dumps(
					{n: [count(p), sorted(w)] for n, (p, w) in sorted(layers.items())}
				)
				if text not in tables:
					tables.append(text)
				found[block] = tables.index(text)
			models.append({'family': family, 'variant': variants[0], 'blocks': found})
	return {'tables': [json.loads(t) for t in tables], 'models': models}


def blocks_of(
	alike: tuple[Shapes, ...],
) -> dict[str, dict[str, tuple[set[int], set[tuple[int, int]]]]]:
	"""By block and layer: in which blocks it is, and how wide."""
	found: dict[str, dict[str, tuple[set[int], set[tuple[int, int]]]]] = {}
	for name, shape in (item for shapes in alike for item in shapes.items()):
		if name.endswith('.weight') and len(shape) in (2, 4):
			block, index, layer = split(name.removesuffix('.weight'), '.')
			places, widths = found.setdefault(block, {}).setdefault(layer, (set(), set()))
			places.add(index)
			widths.add((shape[1], shape[0]))
	return found


def count(places: set[int]) -> int | list[int]:
	"""How many from the first on, or which where some in between are without."""
	return len(places) if places == set(range(len(places))) else sorted(places)


def text() -> str:
	content = made()
	lines = [json.dumps(one, separators=(',', ':')) for one in content['tables']]
	rows = [json.dumps(one, separators=(',', ':')) for one in content['models']]
	return '{"tables":[\n' + ',\n'.join(lines) + '\n],"models":[\n' + ',\n'.join(rows) + '\n]}\n'


def main() -> None:
	Path(FILE).write_text(text(), 'utf-8')


if __name__ == '__main__':
	main()
