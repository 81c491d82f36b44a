"""Knows how one picture is drawn: the main path in numbered steps, and the onlookers that are called
after each step of the sampler."""

import io
import time
from dataclasses import dataclass
from typing import Any, Protocol

import diffusers
import torch
from PIL import Image

from localai.engine import devices, families, schedulers
from localai.engine.models import Resident
from localai.engine.previews import Prediction, Previewer
from localai.engine.stopping import Cancel, Emit, Stopped, leaving_early
from localai.errors import BrokenPicture
from localai.schemas import engine as say

PREVIEW_PAUSE = 0.22  # seconds between two previews, so four to five per second at most
PREVIEW_SHARE = 0.01  # of the time, at most, goes into previews


@dataclass
class Step:
	"""What the onlookers see after a step, and may change: `done` of `total`, at the time `at`.

	`latents` go on into the next step; `guess` is what the sampler believes they will become, None
	where it does not say. `last` is set by whoever wants the other steps passed over. `preview` is a
	JPEG for whoever comes after.
	"""

	done: int
	total: int
	at: float
	latents: torch.Tensor
	guess: torch.Tensor | None
	last: bool = False
	preview: bytes = b''


class Onlooker(Protocol):
	"""Called after each step, in the order of a list; may raise Stopped."""

	def after_step(self, step: Step) -> None: ...


class Leaving:
	"""Leaves when that was asked; with 'keep' what can be seen is decoded."""

	def __init__(self, cancel: Cancel):
		self.cancel = cancel
		self.kept = False

	def after_step(self, step: Step) -> None:
		if self.cancel.mode == 'keep' and step.guess is not None:
			self.kept = step.last = True
			step.latents = step.guess.to(step.latents.dtype)
		elif self.cancel.mode is not None or self.cancel.skipping:
			raise Stopped


class Previewing:
	"""Draws a preview of the first step, and then as often as the pause and the share allow."""

	def __init__(self, previewer: Previewer, width: int, height: int, started: float):
		self.previewer = previewer
		self.size = width, height
		self.latest = started
		self.cost = 0.0

	def after_step(self, step: Step) -> None:
		due = step.at - self.latest >= max(PREVIEW_PAUSE, self.cost / PREVIEW_SHARE)
		if step.done == step.total or not (due or step.done == 1):
			return
		seen = step.latents if step.guess is None else step.guess
		step.preview = self.previewer.draw(seen, *self.size)
		self.latest = time.perf_counter()
		self.cost = self.latest - step.at


class Telling:
	"""Says how far the picture is and how fast it goes."""

	def __init__(self, job_id: str, index: int, started: float, emit: Emit):
		self.job_id, self.index = job_id, index
		self.started = started
		self.emit = emit

	def after_step(self, step: Step) -> None:
		self.emit(
			say.Stepped(
				job_id=self.job_id,
				index=self.index,
				step=step.done,
				steps=step.total,
				seconds_per_step=(step.at - self.started) / step.done,
				data=step.preview,
			)
		)


class Loop:
	"""What a pipeline calls at the end of each step; it calls the onlookers."""

	def __init__(self, prediction: Prediction, onlookers: tuple[Onlooker, ...]):
		self.prediction = prediction
		self.onlookers = onlookers
		self.done = 0

	def after_step(
		self, pipeline: Any, index: int, timestep: Any, tensors: dict[str, Any]
	) -> dict[str, Any]:
		latents = tensors['latents']
		self.done = index + 1
		step = Step(
			self.done,
			pipeline.num_timesteps,
			time.perf_counter(),
			latents,
			self.prediction.latest,
		)
		for onlooker in self.onlookers:
			onlooker.after_step(step)
			if step.last:
				pipeline._interrupt = True
				break
		return {} if step.latents is latents else {'latents': step.latents}


def draw(
	task: say.Generate, drawing: say.Drawing, resident: Resident, emit: Emit, cancel: Cancel
) -> say.Drawn:
	"""One picture with a model that is in memory. Raises Stopped, BrokenPicture."""
	request, pipeline = task.request, resident.pipeline
	anatomy = families.ANATOMIES[resident.model.family]
	started = time.perf_counter()

	# 1. The sampler, fresh from the model's own config, and a watch on what it predicts.
	pipeline.scheduler = schedulers.build(
		resident.scheduler_config, request.sampler, request.schedule, drawing.seed, anatomy.noise
	)
	prediction = Prediction(pipeline.scheduler, anatomy.noise)

	# 2. Who looks on.
	leaving = Leaving(cancel)
	loop = Loop(
		prediction,
		(
			leaving,
			Previewing(resident.previewer, request.width, request.height, started),
			Telling(task.job_id, drawing.index, started, emit),
		),
	)

	# 3. Denoise and decode; a hook on every module leaves at once when asked.
	denoiser = getattr(pipeline, anatomy.denoiser)
	with torch.inference_mode(), leaving_early(pipeline, denoiser, cancel):
		try:
			pixels = pipeline(
				**families.arguments(resident.model.family, request),
				generator=[torch.Generator('cpu').manual_seed(drawing.seed)],
				output_type='pt',
				callback_on_step_end=loop.after_step,
			).images
		finally:
			pipeline.maybe_free_model_hooks()
	if not torch.isfinite(pixels).all():
		raise BrokenPicture(
			'The model returned values that are not a picture (it would have been black).'
		)

	# 4. Out as encoded bytes; the texts are added by whoever saves it.
	image = Image.fromarray(
		(pixels[0].float().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
	)
	buffer = io.BytesIO()
	image.save(buffer, 'PNG', compress_level=4)
	return say.Drawn(
		job_id=task.job_id,
		index=drawing.index,
		seed=drawing.seed,
		width=image.width,
		height=image.height,
		torch=torch.__version__,
		diffusers=diffusers.__version__,
		device=devices.describe(resident.device),
		dtype=devices.dtype_name(resident.dtype),
		attention='sdpa',
		seconds=time.perf_counter() - started,
		steps_done=loop.done,
		stopped_early=leaving.kept,
		data=buffer.getvalue(),
	)
