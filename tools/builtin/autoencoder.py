"""Trains the decoder and the encoder of `AutoencoderKL` against the linear code; resumes from
`vae.pt`.

python -m tools.builtin.autoencoder --data DIR --steps 1500
"""

import argparse
import time
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch.nn.functional import l1_loss, mse_loss

from tools.builtin.compose import Code, Composer


def build() -> AutoencoderKL:
	return AutoencoderKL(
		block_out_channels=(24, 48, 96, 128),
		down_block_types=('DownEncoderBlock2D',) * 4,
		up_block_types=('UpDecoderBlock2D',) * 4,
		latent_channels=16,
		layers_per_block=1,
		norm_num_groups=8,
		sample_size=128,
		scaling_factor=1.0,
		mid_block_add_attention=False,
		use_quant_conv=False,
		use_post_quant_conv=False,
	)


def psnr(first: torch.Tensor, second: torch.Tensor) -> float:
	"""Decibels for images in [-1, 1], the mean over the batch."""
	error = (first.clamp(-1, 1) - second).square().mean(dim=(1, 2, 3))
	return (10 * (4 / error).log10()).mean().item()


def main() -> None:
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument('--data', type=Path, required=True)
	parser.add_argument('--start', type=Path, help='an exported model to begin from')
	parser.add_argument('--steps', type=int, default=1500)
	parser.add_argument('--batch', type=int, default=16)
	parser.add_argument('--threads', type=int, default=2)
	options = parser.parse_args()
	torch.set_num_threads(options.threads)
	torch.manual_seed(0)

	device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
	vae = AutoencoderKL.from_pretrained(options.start / 'vae') if options.start else build()
	vae = vae.float().to(device, memory_format=torch.channels_last)
	optimizer = torch.optim.AdamW(vae.parameters(), lr=2e-3, weight_decay=1e-4)
	schedule = torch.optim.lr_scheduler.OneCycleLR(
		optimizer, 2e-3, total_steps=options.steps + 1, pct_start=0.05
	)
	checkpoint = options.data / 'vae.pt'
	step = 0
	if checkpoint.exists():
		state = torch.load(checkpoint, map_location=device, weights_only=True)
		vae.load_state_dict(state['vae'])
		optimizer.load_state_dict(state['optimizer'])
		schedule.load_state_dict(state['schedule'])
		step = state['step']
	code = Code(options.data)
	source = Composer(options.data, seed=100 + step)
	held_out, _ = Composer(options.data, seed=7).batch(32)
	started = time.time()
	while step < options.steps:
		images, _ = source.batch(options.batch)
		latents = code.encode(images)
		noisy = latents + torch.randn_like(latents) * torch.rand(len(latents), 1, 1, 1) * 0.15
		images, latents, noisy = images.to(device), latents.to(device), noisy.to(device)
		with torch.autocast(device.type, torch.bfloat16):
			drawn = vae.decode(noisy).sample
			read = vae.encode(images).latent_dist.mean
		loss = (
			mse_loss(drawn.float(), images)
			+ 0.5 * l1_loss(drawn.float(), images)
			+ 0.2 * mse_loss(read.float(), latents)
		)
		optimizer.zero_grad()
		loss.backward()
		torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
		optimizer.step()
		schedule.step()
		step += 1
		if step % 50 == 0 or step == options.steps:
			with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
				latents = code.encode(held_out).to(device)
				drawn = vae.decode(latents).sample.float().cpu()
				both = (
					vae.decode(vae.encode(held_out.to(device)).latent_dist.mean)
					.sample.float()
					.cpu()
				)
			print(
				f'{step} loss {loss.item():.4f} decode {psnr(drawn, held_out):.1f} dB, both {psnr(both, held_out):.1f} dB, {time.time() - started:.0f} s',
				flush=True,
			)
			state = {
				'vae': vae.state_dict(),
				'optimizer': optimizer.state_dict(),
				'schedule': schedule.state_dict(),
				'step': step,
			}
			torch.save(state, checkpoint.with_suffix('.tmp'))
			checkpoint.with_suffix('.tmp').replace(checkpoint)


if __name__ == '__main__':
	main()
