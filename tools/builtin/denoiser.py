"""Trains the text encoder and the UNet on latents of the linear code; resumes from `denoiser.pt`.

    python -m tools.builtin.denoiser --data DIR --minutes 100

Velocity prediction with zero terminal signal (Lin et al. 2023, arXiv 2305.08891), which draws solid
backgrounds well.
The rate falls with the time that is left, so that any length of training ends on a settled model.
"""

import argparse
import contextlib
import copy
import time
from pathlib import Path

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from safetensors.torch import load_file
from torch.nn.attention import SDPBackend, sdpa_kernel

from tools.builtin.compose import Code, Composer
from tools.builtin.text import build_encoder, build_tokenizer, take_over
from tools.builtin.things import STYLES

SCHEDULER = {
	'num_train_timesteps': 1000,
	'beta_start': 0.00085,
	'beta_end': 0.012,
	'beta_schedule': 'scaled_linear',
	'prediction_type': 'v_prediction',
	'rescale_betas_zero_snr': True,
	'timestep_spacing': 'trailing',
	'clip_sample': False,
	'set_alpha_to_one': True,
	'steps_offset': 0,
}


def build() -> UNet2DConditionModel:
	return UNet2DConditionModel(
		sample_size=16,
		in_channels=16,
		out_channels=16,
		block_out_channels=(96, 128, 160),
		layers_per_block=1,
		down_block_types=('DownBlock2D', 'CrossAttnDownBlock2D', 'DownBlock2D'),
		up_block_types=('UpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'),
		cross_attention_dim=128,
		attention_head_dim=4,
		norm_num_groups=16,
	)


def attention(device: torch.device) -> contextlib.AbstractContextManager:
	"""On a CPU plain products train these small attentions a fifth faster than the fused kernel."""
	return sdpa_kernel(SDPBackend.MATH) if device.type == 'cpu' else contextlib.nullcontext()


def main() -> None:
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument('--data', type=Path, required=True)
	parser.add_argument('--start', type=Path, help='an exported model to begin from')
	parser.add_argument(
		'--minutes', type=float, default=60, help='the whole training, counted over all runs'
	)
	parser.add_argument('--batch', type=int, default=64)
	parser.add_argument('--rate', type=float, default=1e-3)
	parser.add_argument('--threads', type=int, default=2)
	words = [style.word for style in STYLES]
	parser.add_argument('--style', choices=words, help='learn this style only')
	options = parser.parse_args()
	torch.set_num_threads(options.threads)
	torch.manual_seed(0)

	device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
	tokenizer = build_tokenizer(options.data / 'tokenizer')
	encoder, unet = (
		build_encoder(tokenizer).to(device),
		build().to(device, memory_format=torch.channels_last),
	)
	if options.start:
		take_over(encoder, tokenizer, options.start)
		weights = 'diffusion_pytorch_model.safetensors'
		unet.load_state_dict(load_file(options.start / 'unet' / weights))
	parts = torch.nn.ModuleDict({'encoder': encoder, 'unet': unet})
	print(
		f'unet {sum(p.numel() for p in unet.parameters()) / 1e6:.2f} M, text {sum(p.numel() for p in encoder.parameters()) / 1e6:.2f} M'
	)
	average = copy.deepcopy(parts)
	optimizer = torch.optim.AdamW(
		parts.parameters(), lr=options.rate, betas=(0.9, 0.99), weight_decay=0.01
	)
	alphas = DDIMScheduler(**SCHEDULER).alphas_cumprod.to(device)
	code = Code(options.data)
	checkpoint = options.data / 'denoiser.pt'
	step, spent = 0, 0.0
	if checkpoint.exists():
		state = torch.load(checkpoint, map_location=device, weights_only=True)
		parts.load_state_dict(state['parts'])
		average.load_state_dict(state['average'])
		optimizer.load_state_dict(state['optimizer'])
		step, spent = state['step'], state['spent']
	styles = (words.index(options.style),) if options.style else ()
	source = Composer(options.data, seed=1000 + step, styles=styles)
	total, mean_loss = options.minutes * 60, 0.0
	before = time.time()
	while spent < total:
		images, captions = source.batch(options.batch)
		latents = code.encode(images).to(device)
		ids = tokenizer(
			captions, padding='max_length', truncation=True, return_tensors='pt'
		).input_ids.to(device)
		times = torch.randint(0, 1000, (options.batch,), device=device)
		noise = torch.randn_like(latents)
		signal = alphas[times].view(-1, 1, 1, 1)
		noisy = signal.sqrt() * latents + (1 - signal).sqrt() * noise
		velocity = signal.sqrt() * noise - (1 - signal).sqrt() * latents
		left = 1 - spent / total
		for group in optimizer.param_groups:
			group['lr'] = options.rate * min(1, (step + 1) / 200) * max(0.02, min(1, left * 1.6))
		with torch.autocast(device.type, torch.bfloat16), attention(device):
			hidden = encoder(ids).last_hidden_state
			guess = unet(noisy.contiguous(memory_format=torch.channels_last), times, hidden).sample
		loss = (guess.float() - velocity).square().mean()
		optimizer.zero_grad()
		loss.backward()
		torch.nn.utils.clip_grad_norm_(parts.parameters(), 1.0)
		optimizer.step()
		step += 1
		keep = min(0.999, step / (step + 10))
		with torch.no_grad():
			torch._foreach_lerp_(list(average.parameters()), list(parts.parameters()), 1 - keep)
		mean_loss += (loss.item() - mean_loss) * 0.02
		now = time.time()
		spent, before = spent + now - before, now
		if step % 100 == 0 or spent >= total:
			print(
				f'{step} steps, {step * options.batch} samples, loss {mean_loss:.4f}, {spent / 60:.1f} min',
				flush=True,
			)
			state = {
				'parts': parts.state_dict(),
				'average': average.state_dict(),
				'optimizer': optimizer.state_dict(),
				'step': step,
				'spent': spent,
			}
			torch.save(state, checkpoint.with_suffix('.tmp'))
			checkpoint.with_suffix('.tmp').replace(checkpoint)


if __name__ == '__main__':
	main()
