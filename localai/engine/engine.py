"""Knows how a task is done: pictures drawn, in numbered steps, and models loaded, let go,
converted."""

import contextlib
import io
import logging
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from PIL import Image

from localai.engine import convert, devices, memory, schedulers
from localai.engine.loading import Progress
from localai.engine.models import ModelManager
from localai.engine.previews import Prediction
from localai.errors import BrokenPicture, LocalAIError, OutOfMemory
from localai.schemas import engine as say
from localai.schemas.jobs import StopMode
from localai.schemas.models import ModelSpec

log = logging.getLogger('localai.engine')
Emit = Callable[[say.Event], None]
PREVIEW_PAUSE = 0.22  # seconds between two previews, so four to five per second at most
PREVIEW_SHARE = 0.01  # of the time, at most, goes into previews
TELL_PAUSE = 0.1  # seconds between two words on the same stage of loading


class Stopped(BaseException):
	"""Leaves the pipeline from wherever it is. No Exception, so that nothing on the way swallows
	it."""


class Cancel:
	"""What was asked of the running job from outside; read by the engine's thread, written by any
	other."""

	def __init__(self) -> None:
		self.mode: StopMode | None = None
		self.lock = threading.Lock()

	def ask(self, mode: StopMode) -> None:
		with self.lock:
			if self.mode in (None, 'skip') or mode == 'stop':
				self.mode = mode

	def skip_done(self) -> bool:
		"""True, and forgotten, when only the picture being drawn was to be left out."""
		with self.lock:
			skipped = self.mode == 'skip'
			if skipped:
				self.mode = None
			return skipped


class Engine:
	"""One device, one task at a time. `warm` are the bytes that models may take, -1 for the
	device's own share."""

	def __init__(self, wanted_device: str, warm: int = -1):
		self.device = devices.choose_device(wanted_device)
		self.models = ModelManager(self.device, warm)
		self.told: say.Held | None = None

	def ready(self) -> say.Ready:
		big = devices.choose_dtype(self.device, devices.TINY_PARAMETERS)
		return say.Ready(
			device=devices.describe(self.device),
			dtype=devices.dtype_name(big),
			torch=torch.__version__,
			diffusers=diffusers.__version__,
		)

	def tell_held(self, emit: Emit) -> None:
		"""What is in memory, when it is not what was told last."""
		held = say.Held(models=self.models.held(), budget=self.models.budget)
		if held != self.told:
			self.told = held
			emit(held)

	def run(self, task: say.Task, emit: Emit, cancel: Cancel) -> None:
		"""Does the task; ends with exactly one of Finished, Cancelled, Failed."""
		end: say.Event
		try:
			DOERS[task.kind](self, task, emit, cancel)
			end = say.Finished(job_id=task.job_id)
		except Stopped:
			log.info('job %s stopped', task.job_id)
			end = say.Cancelled(job_id=task.job_id)
		except LocalAIError as error:
			log.info('job %s failed: %s', task.job_id, error)
			end = failed(task.job_id, error)
		except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
			if (
				not isinstance(error, torch.OutOfMemoryError | MemoryError)
				and "can't allocate memory" not in str(error)
				and 'out of memory' not in str(error)
			):
				raise
			log.warning('job %s ran out of memory: %s', task.job_id, error)
			free = devices.read_memory(self.device).free
			self.models.unload()
			end = failed(
				task.job_id,
				OutOfMemory(f'The memory ran out; {free / 1e9:.1f} GB were free.'),
			)
		self.tell_held(emit)
		emit(end)

	def progress(self, task: say.Task, emit: Emit, cancel: Cancel) -> Progress:
		"""Tells how far a load is, some times a second, and leaves it when that was asked."""
		last_stage, last_time = '', 0.0

		def progress(stage: str, done: int, total: int) -> None:
			nonlocal last_stage, last_time
			if cancel.mode in ('stop', 'keep'):
				raise Stopped
			now = time.perf_counter()
			if stage != last_stage or done == total or now - last_time >= TELL_PAUSE:
				last_stage, last_time = stage, now
				emit(say.Loading(job_id=task.job_id, stage=stage, done=done, total=total))

		return progress

	def ready_pipeline(
		self,
		task: say.Task,
		model: ModelSpec,
		width: int,
		height: int,
		emit: Emit,
		cancel: Cancel,
	) -> Any:
		"""The pipeline, loaded or reused, ready for a picture of that size. Raises OutOfMemory,
		ModelBroken, Stopped."""
		dtype = devices.choose_dtype(self.device, model.parameters)
		memory_plan = memory.plan(
			model,
			width,
			height,
			dtype.itemsize,
			self.models.find(model) is not None,
			devices.read_memory(self.device),
			self.models.evictable(model),
		)
		self.models.make_room(model, memory_plan.bytes)
		self.tell_held(emit)
		pipeline = self.models.load(model, self.progress(task, emit, cancel))
		self.tell_held(emit)
		memory.apply(memory_plan, pipeline)
		return pipeline

	def load(self, task: say.Load, emit: Emit, cancel: Cancel) -> None:
		self.ready_pipeline(task, task.model, 0, 0, emit, cancel)

	def unload(self, task: say.Unload, emit: Emit, cancel: Cancel) -> None:
		self.models.unload(task.path)

	def convert(self, task: say.Convert, emit: Emit, cancel: Cancel) -> None:
		progress = self.progress(task, emit, cancel)
		convert.convert(Path(task.source), Path(task.target), task.model, progress)
		devices.give_back(self.device)

	def generate(self, task: say.Generate, emit: Emit, cancel: Cancel) -> None:
		"""Draws each picture of the task. Raises Stopped, OutOfMemory, ModelBroken,
		BrokenPicture."""
		request = task.request

		# 1. Will it fit? Other models make room.
		# 2. The model, loaded or reused.
		pipeline = self.ready_pipeline(
			task, task.model, request.width, request.height, emit, cancel
		)

		# 3. Draw one after the other: each picture is alone with its own seed, and is out as soon
		# as it is done.
		for drawing in task.drawings:
			if cancel.mode in ('stop', 'keep'):
				raise Stopped
			try:
				emit(self.draw(task, drawing, pipeline, emit, cancel))
			except Stopped:
				if not cancel.skip_done():
					raise
		if cancel.mode == 'keep':
			raise Stopped

	def draw(
		self, task: say.Generate, drawing: say.Drawing, pipeline: Any, emit: Emit, cancel: Cancel
	) -> say.Drawn:
		"""One picture. Raises Stopped, BrokenPicture."""
		request = task.request
		started = last_preview = time.perf_counter()
		kept = False

		# 4. The sampler, fresh from the model's own config, and a watch on what it predicts.
		pipeline.scheduler = schedulers.build(
			self.models.scheduler_config, request.sampler, request.schedule, drawing.seed
		)
		prediction = Prediction(pipeline.scheduler)
		generator = torch.Generator('cpu').manual_seed(drawing.seed)
		done, preview_cost = 0, 0.0

		def after_step(
			pipe: Any, index: int, timestep: Any, tensors: dict[str, Any]
		) -> dict[str, Any]:
			nonlocal done, kept, last_preview, preview_cost
			done = index + 1
			if cancel.mode == 'keep' and prediction.latest is not None:
				# The steps that are left are passed over, then it is decoded.
				kept = pipe._interrupt = True
				return {'latents': prediction.latest.to(tensors['latents'].dtype)}
			if cancel.mode is not None:
				raise Stopped
			now = time.perf_counter()
			data = b''
			due = now - last_preview >= max(PREVIEW_PAUSE, preview_cost / PREVIEW_SHARE)
			if (due or index == 0) and done < pipe.num_timesteps:
				seen = prediction.latest if prediction.latest is not None else tensors['latents']
				data = self.models.current.previewer.draw(seen)
				last_preview = time.perf_counter()
				preview_cost = last_preview - now
			pace = (now - started) / done
			emit(
				say.Stepped(
					job_id=task.job_id,
					index=drawing.index,
					step=done,
					steps=pipe.num_timesteps,
					seconds_per_step=pace,
					data=data,
				)
			)
			return {}

		# 5. Denoise and decode; a hook on every module leaves at once when asked.
		with torch.inference_mode(), leaving_early(pipeline, cancel):
			try:
				pixels = pipeline(
					prompt=request.prompt,
					negative_prompt=request.negative_prompt or None,
					width=request.width,
					height=request.height,
					num_inference_steps=request.steps,
					guidance_scale=request.guidance_scale,
					generator=[generator],
					output_type='pt',
					callback_on_step_end=after_step,
				).images
			finally:
				pipeline.maybe_free_model_hooks()
		if not torch.isfinite(pixels).all():
			raise BrokenPicture(
				'The model returned values that are not a picture (it would have been black).'
			)

		# 6. Out as encoded bytes; the texts are added by whoever saves it.
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
			device=devices.describe(self.device),
			dtype=devices.dtype_name(self.models.current.dtype),
			attention='sdpa',
			seconds=time.perf_counter() - started,
			steps_done=done,
			stopped_early=kept,
			data=buffer.getvalue(),
		)


# Who does a task, by its kind.
DOERS: dict[str, Callable[[Engine, Any, Emit, Cancel], None]] = {
	'generate': Engine.generate,
	'verify': Engine.generate,
	'load': Engine.load,
	'unload': Engine.unload,
	'convert': Engine.convert,
}


@contextlib.contextmanager
def leaving_early(pipeline: Any, cancel: Cancel) -> Iterator[None]:
	"""Looks at `cancel` before every layer, so that a long encode or decode can be left too; 'keep'
	must decode."""

	def look(module: torch.nn.Module, arguments: Any) -> None:
		if cancel.mode in ('stop', 'skip'):
			raise Stopped

	parts = [p for p in pipeline.components.values() if isinstance(p, torch.nn.Module)]
	hooks = [
		m.register_forward_pre_hook(look)
		for p in parts
		for m in p.modules()
		if not any(m.children())
	]
	try:
		yield
	finally:
		for hook in hooks:
			hook.remove()
		if getattr(pipeline.vae, 'dtype', None) != pipeline.unet.dtype:
			pipeline.vae.to(
				pipeline.unet.dtype
			)  # SDXL decodes in fp32 and would stay there after a cancel


def failed(job_id: str, error: LocalAIError) -> say.Failed:
	return say.Failed(job_id=job_id, code=error.code, message=error.message, remedy=error.remedy)


def quiet_libraries() -> None:
	"""What they have to say goes to no one here; what matters becomes an error of ours."""
	diffusers.utils.logging.set_verbosity_error()
	transformers.utils.logging.set_verbosity_error()
	transformers.utils.logging.disable_progress_bar()
	warnings.filterwarnings('ignore')
