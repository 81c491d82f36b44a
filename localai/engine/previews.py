"""Knows how a latent becomes a small picture without the VAE, and what a sampler believes the
picture will be."""

import functools
import io
import json
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch.nn.functional import pixel_shuffle

SIDE = 384
# Least-squares fits of latents to RGB in [-1, 1], known throughout the field; rows are latent
# channels.
FACTORS = {
	'sd1': [
		[0.298, 0.207, 0.208],
		[0.187, 0.286, 0.173],
		[-0.158, 0.189, 0.264],
		[-0.184, -0.271, -0.473],
	],
	'sdxl': [
		[0.3651, 0.4232, 0.4341],
		[-0.2533, -0.0042, 0.1068],
		[0.1076, 0.1111, -0.0362],
		[-0.3165, -0.2492, -0.2188],
	],
}
FACTORS['sd2'] = FACTORS['sd1']
BUILTIN = Path(__file__).parents[1] / 'builtin'


class Previewer:
	"""Latents (1, C, h, w) -> JPEG bytes. A model folder may bring its own factors in
	`preview.json`:

	`{"patch": P, "factors": C x 3PP, "bias": 3PP}`, a linear map from one latent to a patch of P x
	P pixels.
	"""

	def __init__(self, family: str, folder: Path):
		# A Sketchbook that came from elsewhere may lack the file, which is none of diffusers'.
		own = (folder / 'preview.json', BUILTIN / 'preview.json')
		file = next((f for f in own[: 1 + (family == 'sketchbook')] if f.is_file()), None)
		data = json.loads(file.read_text('utf-8')) if file else {'factors': FACTORS[family]}
		self.patch = data.get('patch', 1)
		self.factors = torch.tensor(data['factors'])
		self.bias = torch.tensor(data.get('bias', [0.0] * self.factors.shape[1]))

	@torch.no_grad()
	def draw(self, latents: torch.Tensor) -> bytes:
		latent = latents[0].detach().float().cpu()
		columns = torch.einsum('chw,cp->phw', latent, self.factors) + self.bias[:, None, None]
		pixels = pixel_shuffle(columns, self.patch) if self.patch > 1 else columns
		pixels = ((pixels.clamp(-1, 1) + 1) * 127.5).nan_to_num(0).byte().permute(1, 2, 0)
		image = Image.fromarray(pixels.numpy())
		scale = SIDE / max(image.size)
		image = image.resize(
			(round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC
		)
		buffer = io.BytesIO()
		image.save(buffer, 'JPEG', quality=80)
		return buffer.getvalue()


# These keep noise, or nothing, where others keep their guess.
WITHOUT_GUESS = ('DEISMultistepScheduler', 'PNDMScheduler')


def clean(scheduler: Any, output: torch.Tensor, step: Any, sample: torch.Tensor) -> torch.Tensor:
	"""The clean latent that a denoiser's output means (Salimans and Ho 2022, arXiv 2202.00512,
	appendix D)."""
	alpha = scheduler.alphas_cumprod[int(step)].to(sample.device, sample.dtype)
	match scheduler.config.prediction_type:
		case 'epsilon':
			return (sample - (1 - alpha).sqrt() * output) / alpha.sqrt().clamp(min=0.01)
		case 'v_prediction':
			return alpha.sqrt() * sample - (1 - alpha).sqrt() * output
		case _:
			return output


class Prediction:
	"""Watches one scheduler and remembers its latest guess of the clean latent."""

	def __init__(self, scheduler: Any):
		self.latest: torch.Tensor | None = None
		self.scheduler = scheduler
		step = scheduler.step

		@functools.wraps(
			step
		)  # the pipeline reads the signature to know whether the sampler takes a generator
		def watched(*arguments, **options):
			options['return_dict'] = True
			result = step(*arguments, **options)
			guess = getattr(result, 'denoised', None)
			if guess is None:
				guess = getattr(result, 'pred_original_sample', None)
			if guess is None and type(scheduler).__name__ not in WITHOUT_GUESS:
				outputs = getattr(scheduler, 'model_outputs', None)
				guess = outputs[-1] if isinstance(outputs, list) and outputs else None
			if guess is None:
				guess = clean(scheduler, *arguments[:3])
			self.latest = guess
			return (result.prev_sample,)

		scheduler.step = watched
