"""Knows how a task is done: pictures drawn, in numbered steps, and models loaded, let go,
converted."""

import logging
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from localai.engine import convert, devices, memory
from localai.engine.drawing import draw
from localai.engine.families import pipeline_of
from localai.engine.loading import Progress
from localai.engine.models import ModelManager, Resident
from localai.engine.stopping import Cancel, Emit, Stopped
from localai.errors import LocalAIError, OutOfMemory
from localai.schemas import engine as say
from localai.schemas.families import FAMILIES
from localai.schemas.hardware import PrecisionWish
from localai.schemas.models import ModelSpec

log = logging.getLogger('localai.engine')
TELL_PAUSE = 0.1  # seconds between two words on the same stage of loading


class Engine:
	"""One device, one task at a time. `warm` are the bytes that models may take, -1 for the
	device's own share; `precision` is what models compute in that are not tiny."""

	def __init__(self, wanted_device: str, warm: int = -1, precision: PrecisionWish = 'auto'):
		self.device = devices.choose_device(wanted_device)
		self.half = devices.choose_half(self.device, precision)
		self.models = ModelManager(self.device, self.half, warm)
		self.told: say.Held | None = None
		# The first picture shall not wait for imports: what all families share takes seconds, what
		# each adds hardly anything.
		for family in FAMILIES:
			pipeline_of(family)

	def ready(self) -> say.Ready:
		return say.Ready(
			device=devices.describe(self.device),
			device_kind=self.device.type,
			dtype=self.half,
			torch=torch.__version__,
			diffusers=diffusers.__version__,
			speed=devices.measure_speed(self.device, self.half),
		)

	def tell_held(self, emit: Emit) -> None:
		"""What is in memory, when it is not what was told last."""
		held = say.Held(
			models=self.models.held(),
			budget=self.models.budget,
			memory=devices.read_memory(self.device) if self.device.type == 'cuda' else None,
		)
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
		except Exception as error:
			if not devices.ran_out(error):
				raise
			log.warning('job %s ran out of memory: %s', task.job_id, error)
			free = devices.read_memory(self.device).free
			self.models.unload()
			end = failed(
				task.job_id,
				OutOfMemory(f'Memory ran out; {free / 1e9:.1f} GB was free.'),
			)
		self.tell_held(emit)
		emit(end)

	def progress(self, task: say.Task, emit: Emit, cancel: Cancel) -> Progress:
		"""Tells how far a load is, some times a second, and leaves it when that was asked."""
		last_stage, last_time = '', 0.0

		def progress(stage: str, done: int, total: int) -> None:
			nonlocal last_stage, last_time
			cancel.check()
			now = time.perf_counter()
			if stage != last_stage or done == total or now - last_time >= TELL_PAUSE:
				last_stage, last_time = stage, now
				emit(say.Loading(job_id=task.job_id, stage=stage, done=done, total=total))

		return progress

	def ready_model(
		self,
		task: say.Task,
		model: ModelSpec,
		width: int,
		height: int,
		emit: Emit,
		cancel: Cancel,
	) -> Resident:
		"""The model, loaded or reused, ready for a picture of that size. Raises OutOfMemory,
		ModelBroken, Stopped."""
		memory_plan = memory.plan(
			model,
			width,
			height,
			devices.machine_of(self.device, self.half),
			self.models.find(model) is not None,
			self.models.evictable(model),
		)
		self.models.make_room(model, memory_plan.bytes)
		self.tell_held(emit)
		resident = self.models.load(model, self.progress(task, emit, cancel))
		self.tell_held(emit)
		memory.apply(memory_plan, resident.pipeline)
		return resident

	def load(self, task: say.Load, emit: Emit, cancel: Cancel) -> None:
		self.ready_model(task, task.model, 0, 0, emit, cancel)

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
		resident = self.ready_model(task, task.model, request.width, request.height, emit, cancel)

		# 3. Draw one after the other: each picture is alone with its own seed, and is out as soon
		# as it is done.
		for drawing in task.drawings:
			cancel.check()
			cancel.picture = drawing.index
			try:
				if not cancel.skipping:
					emit(draw(task, drawing, resident, emit, cancel))
			except Stopped:
				if not cancel.skipping:
					raise
		if cancel.mode == 'keep':
			raise Stopped


# Who does a task, by its kind.
DOERS: dict[str, Callable[[Engine, Any, Emit, Cancel], None]] = {
	'generate': Engine.generate,
	'verify': Engine.generate,
	'load': Engine.load,
	'unload': Engine.unload,
	'convert': Engine.convert,
}


def failed(job_id: str, error: LocalAIError) -> say.Failed:
	return say.Failed(job_id=job_id, code=error.code, message=error.message, remedy=error.remedy)


def quiet_libraries() -> None:
	"""What they have to say goes to no one here; what matters becomes an error of ours."""
	diffusers.utils.logging.set_verbosity_error()
	transformers.utils.logging.set_verbosity_error()
	transformers.utils.logging.disable_progress_bar()
	warnings.filterwarnings('ignore')
