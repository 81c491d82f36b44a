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

from localai.engine.families import Look, NoiseName

SIDE = 384


class Previewer:
	"""Latents as the pipeline keeps them -> JPEG bytes, b'' where nothing is known of the family's.

	A model folder may bring its own factors in `preview.json`:
	`{"patch": P, "factors": C x 3PP, "bias": 3PP}`, a linear map from one latent to a patch of P x
	P pixels. `scale` is how many pixels of the picture one latent is wide.
	"""

	def __init__(self, look: Look, folder: Path, scale: int):
		self.unpack = look.unpack
		self.scale = scale
		files = (folder / 'preview.json', look.file)
		file = next((f for f in files if f and f.is_file()), None)
		data: dict[str, Any] = {'factors': look.factors}
		if file:
			data = json.loads(file.read_text('utf-8'))
		self.patch = data.get('patch', 1)
		self.factors = torch.tensor(data['factors'], dtype=torch.float32)
		self.bias = torch.tensor(data.get('bias') or [0.0] * self.factors.shape[-1])

	@torch.no_grad()
	def draw(self, latents: torch.Tensor, width: int, height: int) -> bytes:
		"""`width` and `height` are those of the picture."""
		if not len(self.factors):
			return b''
		latents = self.unpack(latents, height // self.scale, width // self.scale)
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


def clean_of_flow(
	scheduler: Any, output: torch.Tensor, step: Any, sample: torch.Tensor
) -> torch.Tensor:
	"""The clean latent at the end of the straight way whose direction a denoiser's output is (Liu,
	Gong and Liu 2022, arXiv 2209.03003)."""
	return sample - float(step) / scheduler.config.num_train_timesteps * output


def clean_of_discrete(
	scheduler: Any, output: torch.Tensor, step: Any, sample: torch.Tensor
) -> torch.Tensor:
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


CLEAN = {'discrete': clean_of_discrete, 'flow': clean_of_flow}


class Prediction:
	"""Watches one scheduler and remembers its latest guess of the clean latent."""

	def __init__(self, scheduler: Any, noise: NoiseName):
		self.latest: torch.Tensor | None = None
		self.scheduler = scheduler
		step = scheduler.step

		@functools.wraps(
			step
		)  # the pipeline reads the signature to know whether the sampler takes a generator
		def watched(*arguments: Any, **options: Any) -> tuple[torch.Tensor]:
			options['return_dict'] = True
			result = step(*arguments, **options)
			guess = getattr(result, 'denoised', None)
			if guess is None:
				guess = getattr(result, 'pred_original_sample', None)
			if guess is None and type(scheduler).__name__ not in WITHOUT_GUESS:
				outputs = getattr(scheduler, 'model_outputs', None)
				guess = outputs[-1] if isinstance(outputs, list) and outputs else None
			if guess is None:
				guess = CLEAN[noise](scheduler, *arguments[:3])
			self.latest = guess
			return (result.prev_sample,)

		scheduler.step = watched
