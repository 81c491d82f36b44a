"""Renders the icons of every style to RGBA and learns the linear code; writes `renders.npz` and
`code.npz`.

npm install            (in this folder: the icon packs, see package.json)
python -m tools.builtin.prepare --out DIR
"""

import argparse
import io
import json
from pathlib import Path

import numpy
import torch
from PIL import Image
from resvg_py import svg_to_bytes

from tools.builtin.compose import Composer, patches
from tools.builtin.things import STYLES, THINGS

HERE = Path(__file__).parent
COMPONENTS = 16


def render(body: str, width: int, height: int, size: int = 128) -> numpy.ndarray:
	"""One icon as uint8 RGBA, `size` x `size`."""
	svg = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 {width} {height}">{body}</svg>'
	png = bytes(svg_to_bytes(svg_string=svg, width=size, height=size))
	return numpy.asarray(Image.open(io.BytesIO(png)).convert('RGBA'))


def main() -> None:
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument('--packs', type=Path, default=HERE / 'node_modules')
	parser.add_argument('--out', type=Path, required=True)
	parser.add_argument('--code', type=Path, help='the preview.json of a model to train further')
	options = parser.parse_args()
	options.out.mkdir(parents=True, exist_ok=True)

	# 1. Render: things x styles x RGBA.
	renders = []
	for style in STYLES:
		pack = json.loads((options.packs / style.package / 'icons.json').read_text('utf-8'))
		names = pack['icons'] | {
			k: pack['icons'][v['parent']]
			for k, v in pack.get('aliases', {}).items()
			if v['parent'] in pack['icons']
		}
		missing = [t.icon for t in THINGS if t.icon not in names]
		if missing:
			raise SystemExit(f'{style.package} has no {", ".join(missing)}')
		width, height = pack.get('width', 16), pack.get('height', 16)
		renders.append([render(names[t.icon]['body'], width, height) for t in THINGS])
	numpy.savez_compressed(options.out / 'renders.npz', renders=numpy.array(renders).swapaxes(0, 1))

	# 2. The linear code: that of a model that is to be trained further, or a new one.
	if options.code:
		mean, basis, scale = read_code(options.code)
	else:
		mean, basis, scale = learn_code(Composer(options.out, seed=1))
	numpy.savez(
		options.out / 'code.npz', mean=mean.numpy(), basis=basis.numpy(), scale=scale.numpy()
	)
	print(f'{len(THINGS)} things x {len(STYLES)} styles; scale {scale.numpy().round(2)}')


def learn_code(composer: Composer) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
	"""Mean (192), basis (192, 16), scale (16): principal components of patches of compositions."""
	torch.manual_seed(0)
	pixels = torch.cat(
		[patches(composer.batch(64)[0]).permute(0, 2, 3, 1).reshape(-1, 192) for _ in range(40)]
	)
	mean = pixels.mean(0)
	_, spread, basis = torch.pca_lowrank(pixels - mean, q=COMPONENTS, niter=6)
	deviation = spread / len(pixels) ** 0.5
	# Scaled by the root of their spread: the broad shapes stay louder than the fine ones.
	scale = deviation.sqrt()
	return mean, basis, scale * (deviation / scale).square().mean().sqrt()


def read_code(preview: Path) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
	"""The same from the `preview.json` of an exported model."""
	data = json.loads(preview.read_text('utf-8'))
	factors = torch.tensor(data['factors'])
	scale = factors.norm(dim=1)
	return torch.tensor(data['bias']), (factors / scale[:, None]).T, scale


if __name__ == '__main__':
	main()
