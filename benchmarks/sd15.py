"""Makes a model of the size of Stable Diffusion 1.5 with random weights, for measuring what weights
do not change."""

import subprocess
import sys
from pathlib import Path

CHANNELS = (320, 640, 1280, 1280)


def make_apart(folder: Path, channels: tuple[int, ...] = CHANNELS) -> Path:
	"""The same in a process of its own, so that this one stays small."""
	code = f'from pathlib import Path; from benchmarks import sd15; sd15.make(Path({str(folder)!r}), {channels})'
	subprocess.run([sys.executable, '-c', code], check=True, stderr=subprocess.DEVNULL)
	return folder


def make(folder: Path, channels: tuple[int, ...] = CHANNELS) -> Path:
	"""A pipeline folder in bf16 (2.1 GB) from the real classes; kept when it is there already.

	With fewer `channels` its denoiser is smaller, the rest stays.
	"""
	if (folder / 'model_index.json').is_file():
		return folder
	import torch
	from diffusers import (
		AutoencoderKL,
		PNDMScheduler,
		StableDiffusionPipeline,
		UNet2DConditionModel,
	)
	from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

	import localai

	torch.manual_seed(0)
	torch.set_default_dtype(torch.bfloat16)
	tokenizer = CLIPTokenizer.from_pretrained(
		Path(localai.__file__).parent / 'builtin' / 'tokenizer'
	)
	pipeline = StableDiffusionPipeline(
		unet=UNet2DConditionModel(
			sample_size=64,
			block_out_channels=channels,
			cross_attention_dim=768,
			attention_head_dim=8,
		),
		vae=AutoencoderKL(
			block_out_channels=(128, 256, 512, 512),
			down_block_types=('DownEncoderBlock2D',) * 4,
			up_block_types=('UpDecoderBlock2D',) * 4,
			layers_per_block=2,
			latent_channels=4,
			sample_size=512,
		),
		text_encoder=CLIPTextModel(
			CLIPTextConfig(
				vocab_size=49408,
				hidden_size=768,
				intermediate_size=3072,
				num_hidden_layers=12,
				num_attention_heads=12,
				bos_token_id=tokenizer.bos_token_id,
				eos_token_id=tokenizer.eos_token_id,
				pad_token_id=tokenizer.eos_token_id,
			)
		),
		tokenizer=tokenizer,
		scheduler=PNDMScheduler(
			beta_start=0.00085,
			beta_end=0.012,
			beta_schedule='scaled_linear',
			steps_offset=1,
			skip_prk_steps=True,
		),
		safety_checker=None,
		feature_extractor=None,
		requires_safety_checker=False,
	)
	pipeline.save_pretrained(folder, safe_serialization=True)
	return folder
