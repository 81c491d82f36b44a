"""Draws with the standard pipelines as the app would: the family's defaults, its samplers, seeds that
do not depend on the batch."""

from pathlib import Path

import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionPipeline
from torch.nn.functional import interpolate

from localai.engine import schedulers
from localai.schemas.families import FAMILIES
from localai.schemas.samplers import SamplerName
from tools.builtin import denoiser
from tools.builtin.text import build_encoder, build_tokenizer

FAMILY = FAMILIES['sketchbook']
BATCH = 20


def load(model: Path, checkpoint: Path | None = None) -> tuple[StableDiffusionPipeline, int]:
	"""The exported pipeline in full precision, and 0; or the same with the averaged weights of a
	training that goes on, and its steps so far."""
	pipeline = StableDiffusionPipeline.from_pretrained(model, dtype=torch.float32)
	steps = 0
	if checkpoint:
		tokenizer = build_tokenizer(checkpoint.parent / 'tokenizer')
		parts = torch.nn.ModuleDict(
			{'encoder': build_encoder(tokenizer), 'unet': denoiser.build()}
		).eval()
		state = torch.load(checkpoint, map_location='cpu', weights_only=True)
		parts.load_state_dict(state['average'])
		steps = state['step']
		pipeline.register_modules(
			tokenizer=tokenizer,
			text_encoder=parts['encoder'],
			unet=parts['unet'],
		)
	pipeline.to('cuda' if torch.cuda.is_available() else 'cpu')
	pipeline.set_progress_bar_config(disable=True)
	return pipeline, steps


class Painter:
	"""One pipeline, and all that can be asked of it. Pictures are (B, 3, 128, 128) in [-1, 1], on the
	CPU. `half` draws in bfloat16, for a quick look."""

	def __init__(self, pipeline: StableDiffusionPipeline, half: bool = False):
		self.pipeline = pipeline
		self.device = pipeline.device
		self.half = half
		self.original = dict(pipeline.scheduler.config)

	def draw(
		self,
		texts: list[str],
		seeds: list[int],
		guidance: float = FAMILY.guidance_scale,
		negative: str = '',
		sampler: SamplerName = FAMILY.default_effort.sampler,
	) -> torch.Tensor:
		"""A picture for each pair of text and seed."""
		drawn = []
		for first in range(0, len(texts), BATCH):
			some = texts[first : first + BATCH]
			self.pipeline.scheduler = schedulers.build(
				self.original, sampler, 'Automatic', seeds[0]
			)
			with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
				pictures = self.pipeline(
					some,
					negative_prompt=[negative] * len(some),
					num_inference_steps=FAMILY.default_effort.steps,
					guidance_scale=guidance,
					generator=generators(seeds[first : first + BATCH]),
					output_type='pt',
				).images
			drawn.append(pictures.float().cpu())
		return torch.cat(drawn) * 2 - 1

	def redraw(self, images: torch.Tensor, text: str, strength: float, seed: int) -> torch.Tensor:
		"""img2img."""
		drawn = self.other(StableDiffusionImg2ImgPipeline)(
			[text] * len(images),
			image=images / 2 + 0.5,
			strength=strength,
			num_inference_steps=FAMILY.default_effort.steps,
			guidance_scale=FAMILY.guidance_scale,
			generator=generators([seed] * len(images)),
			output_type='pt',
		).images.cpu()
		return drawn * 2 - 1

	def fill(self, images: torch.Tensor, masks: torch.Tensor, text: str, seed: int) -> torch.Tensor:
		"""Inpainting where masks (B, 1, 128, 128) are 1.

		`StableDiffusionInpaintPipeline` takes UNets of 4 or 9 channels only, so what is to stay is
		laid over the latents after every step, as it does for 4.
		"""
		pipeline = self.other(StableDiffusionImg2ImgPipeline)
		vae, scheduler = pipeline.vae, pipeline.scheduler
		with torch.no_grad():
			kept = vae.encode(images.to(vae.device)).latent_dist.mode() * vae.config.scaling_factor
		hole = interpolate(masks, kept.shape[2:], mode='area').ceil().to(kept)
		noise = torch.randn(kept.shape, generator=generators([seed])[0]).to(kept)

		def blend(pipeline, step: int, time: int, inputs: dict) -> dict:
			later = scheduler.timesteps[step + 1 : step + 2]
			staying = scheduler.add_noise(kept, noise, later) if len(later) else kept
			return {'latents': inputs['latents'] * hole + staying * (1 - hole)}

		drawn = pipeline(
			[text] * len(images),
			image=images / 2 + 0.5,
			strength=1.0,
			num_inference_steps=FAMILY.default_effort.steps,
			guidance_scale=FAMILY.guidance_scale,
			generator=generators([seed] * len(images)),
			callback_on_step_end=blend,
			output_type='pt',
		).images.cpu()
		return torch.where(masks > 0.5, drawn * 2 - 1, images)

	def other(self, kind: type):
		"""Another pipeline from the same parts."""
		parts = self.pipeline.components | {
			'scheduler': schedulers.build(self.original, FAMILY.default_effort.sampler, 'Automatic')
		}
		pipeline = kind(**parts, requires_safety_checker=False)
		pipeline.set_progress_bar_config(disable=True)
		return pipeline


def generators(seeds: list[int]) -> list[torch.Generator]:
	return [torch.Generator().manual_seed(s) for s in seeds]
