"""Writes the trained parts as a pipeline folder in the diffusers layout, in half precision.

python -m tools.builtin.export --data DIR --out localai/builtin
"""

import argparse
import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline
from safetensors.torch import load_file

from tools.builtin import autoencoder, denoiser
from tools.builtin.compose import PATCH, Code
from tools.builtin.text import build_encoder, build_tokenizer

LIMIT = 24_000_000
WEIGHTS = 'diffusion_pytorch_model.safetensors'


def settle(vae: AutoencoderKL) -> None:
	"""Makes the encoder sure of itself: only its mean was trained, and pipelines draw from the spread.

	Image to image would begin at 19 dB otherwise, and with -30 (e^-15 of a spread) it begins at 29.
	"""
	last = vae.encoder.conv_out
	half = last.out_channels // 2
	with torch.no_grad():
		last.weight[half:] = 0
		last.bias[half:] = -30


def main() -> None:
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument('--data', type=Path, required=True)
	parser.add_argument('--out', type=Path, required=True)
	parser.add_argument('--start', type=Path, help='an exported model whose autoencoder is kept')
	options = parser.parse_args()

	tokenizer = build_tokenizer(options.data / 'tokenizer')
	encoder, unet, vae = build_encoder(tokenizer), denoiser.build(), autoencoder.build()
	trained = torch.load(options.data / 'denoiser.pt', map_location='cpu', weights_only=True)[
		'average'
	]
	torch.nn.ModuleDict({'encoder': encoder, 'unet': unet}).load_state_dict(trained)
	if options.start:
		vae.load_state_dict(load_file(options.start / 'vae' / WEIGHTS))
	else:
		state = torch.load(options.data / 'vae.pt', map_location='cpu', weights_only=True)
		vae.load_state_dict(state['vae'])
	settle(vae)
	pipeline = StableDiffusionPipeline(
		vae=vae,
		text_encoder=encoder,
		tokenizer=tokenizer,
		unet=unet,
		scheduler=DDIMScheduler(**denoiser.SCHEDULER),
		safety_checker=None,
		feature_extractor=None,
		requires_safety_checker=False,
	)
	pipeline.to(torch.float16).save_pretrained(options.out, safe_serialization=True)

	# The linear code draws a fair preview of every step: one latent is a patch of pixels.
	code = Code(options.data)
	factors = (code.scale[:, None] * code.basis.T).tolist()
	preview = {
		'patch': PATCH,
		'factors': [[round(v, 4) for v in row] for row in factors],
		'bias': [round(v, 4) for v in code.mean.tolist()],
	}
	(options.out / 'preview.json').write_text(
		json.dumps(preview, separators=(',', ':')) + '\n', 'utf-8'
	)

	size = sum(f.stat().st_size for f in options.out.rglob('*.safetensors'))
	print(f'{size / 1e6:.1f} MB of weights')
	if size > LIMIT:
		raise SystemExit('too large')


if __name__ == '__main__':
	main()
