"""A full citizen behind the Executor seam: draws coloured squares, holds models, emits true events,
can wait, fail and die."""

import io
import queue
import threading
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from localai.executors.base import EMPTY, OnEvent, OnStatus, status_after
from localai.schemas import engine as say
from localai.schemas.hardware import EngineStatus, HeldModel
from localai.schemas.jobs import StopMode
from localai.schemas.models import ModelSpec
from tests.waiting import GIVEN_UP


class FakeExecutor:
	"""Its devices are known by their names; what it is asked about without one is the first."""

	def __init__(self, ready: bool = True, devices: Sequence[str] = ('fake',)):
		self.ready = ready
		self.seen: list[say.Task] = []
		self.engines = {name: FakeEngine(name) for name in devices}
		self.first = self.engines[devices[0]]
		self.gate, self.status = self.first.gate, self.first.status

	@property
	def failures(self) -> list[say.Failed | None]:
		return self.first.failures

	@failures.setter
	def failures(self, failures: list[say.Failed | None]) -> None:
		self.first.failures = failures

	@property
	def devices(self) -> tuple[str, ...]:
		return tuple(self.engines)

	def start(self, on_event: OnEvent, on_status: OnStatus) -> None:
		self.on_event, self.on_status = on_event, on_status
		for engine in self.engines.values():
			engine.start(on_event, on_status)
			if self.ready:
				on_status(engine.status)

	def submit(self, task: say.Task, device: str) -> None:
		self.seen.append(task)
		self.engines[device].submit(task)

	def stop(self, job_id: str, mode: StopMode, picture: int = 0) -> None:
		for engine in self.engines.values():
			if engine.seen and engine.seen[-1].job_id == job_id:
				engine.stop(mode, picture)

	def close(self) -> None:
		for engine in self.engines.values():
			engine.close()


class FakeEngine:
	"""`gate` holds every step while it is clear; `failures` are taken before a task is begun.

	Two models stay warm; a load takes four pieces, each of which `gate` holds too.
	"""

	def __init__(self, name: str):
		self.gate = threading.Event()
		self.gate.set()
		self.failures: list[say.Failed | None] = []
		self.tasks: queue.Queue[say.Task | None] = queue.Queue()
		self.seen: list[say.Task] = []
		self.mode: StopMode | None = None
		self.skipped: set[int] = set()
		self.dying = False
		self.status = EngineStatus(
			name=name, state='ready', device='Fake', dtype='fp32', budget=10**10
		)
		self.held: list[tuple[ModelSpec, HeldModel]] = []

	def start(self, on_event: OnEvent, on_status: OnStatus) -> None:
		self.on_event, self.on_status = on_event, on_status
		self.thread = threading.Thread(target=self.work, daemon=True)
		self.thread.start()

	def submit(self, task: say.Task) -> None:
		self.mode, self.skipped = None, set()
		self.seen.append(task)
		self.tasks.put(task)

	def stop(self, mode: StopMode, picture: int = 0) -> None:
		if mode == 'skip':
			self.skipped.add(picture)
		else:
			self.mode = mode
		self.gate.set()

	def die(self) -> None:
		"""In the middle of a task, and comes up again."""
		self.dying = True
		self.stop('stop')

	def close(self) -> None:
		self.stop('stop')
		self.tasks.put(None)
		self.thread.join(5)

	def work(self) -> None:
		while (task := self.tasks.get()) is not None:
			failure = self.failures.pop(0) if self.failures else None
			if failure:
				self.tell(failure.model_copy(update={'job_id': task.job_id}), task)
				self.on_status(self.status)
				continue
			end = self.do(task)
			if self.dying:
				self.bury(task)
			else:
				self.tell(end, task)

	def do(self, task: say.Task) -> say.Finished | say.Cancelled:
		match task:
			case say.Generate():
				return self.draw(task)
			case say.Load():
				return self.load(task)
			case say.Convert():
				return self.convert(task)
			case say.Unload():
				self.held = [h for h in self.held if task.path not in ('', h[0].path)]
				self.tell_held(task)
		return say.Finished(job_id=task.job_id)

	def bury(self, task: say.Task) -> None:
		self.dying, self.held, alive = False, [], self.status
		self.status = alive.model_copy(update=EMPTY | {'state': 'restarting'})
		self.on_status(self.status)
		self.on_event(
			say.Failed(
				job_id=task.job_id,
				code='EngineDied',
				message='The engine process was killed.',
				remedy='',
				engine_died=True,
			)
		)
		self.status = alive.model_copy(update=EMPTY | {'state': 'ready'})
		self.on_status(self.status)

	def tell(self, event: say.Event, task: say.Task) -> None:
		status = status_after(self.status, event, task)
		if status != self.status:
			self.status = status
			self.on_status(status)
		self.on_event(event)

	def tell_held(self, task: say.Task) -> None:
		models = tuple(held for _, held in self.held)
		self.tell(say.Held(models=models, budget=10**10), task)

	def hold(self, task: say.Generate | say.Load) -> None:
		model = task.model
		others = [h for h in self.held if h[0].path != model.path]
		self.held = [(model, HeldModel(id=model.id, bytes=model.bytes)), *others][:2]
		self.tell_held(task)

	def pieces(self, task: say.Task, stage: str) -> bool:
		"""Whether it was left to its end."""
		for done in range(5):
			self.tell(say.Loading(job_id=task.job_id, stage=stage, done=done, total=4), task)
			self.gate.wait(GIVEN_UP)
			if self.mode == 'stop':
				return False
		return True

	def load(self, task: say.Load) -> say.Finished | say.Cancelled:
		known = any(model.path == task.model.path for model, _ in self.held)
		if not known and not self.pieces(task, 'unet'):
			return say.Cancelled(job_id=task.job_id)
		self.hold(task)
		return say.Finished(job_id=task.job_id)

	def convert(self, task: say.Convert) -> say.Finished | say.Cancelled:
		if not self.pieces(task, 'writing'):
			return say.Cancelled(job_id=task.job_id)
		target = Path(task.target)
		target.parent.mkdir(parents=True, exist_ok=True)
		if target.suffix == '.safetensors':
			target.write_bytes(b'weights')
		else:
			target.mkdir()
		return say.Finished(job_id=task.job_id)

	def draw(self, task: say.Generate) -> say.Finished | say.Cancelled:
		self.tell(say.Loading(job_id=task.job_id, stage='unet', done=1, total=2), task)
		self.hold(task)
		for drawing in task.drawings:
			for step in range(1, task.request.steps + 1):
				self.gate.wait(GIVEN_UP)
				if self.mode in ('stop', 'keep'):
					break
				self.tell(
					say.Stepped(
						job_id=task.job_id,
						index=drawing.index,
						step=step,
						steps=task.request.steps,
						seconds_per_step=0.01,
						data=b'jpeg',
					),
					task,
				)
				if drawing.index in self.skipped:
					break
			if drawing.index in self.skipped:
				continue
			if self.mode != 'stop':
				self.tell(self.picture(task, drawing), task)
			if self.mode:
				return say.Cancelled(job_id=task.job_id)
		return say.Finished(job_id=task.job_id)

	def picture(self, task: say.Generate, drawing: say.Drawing) -> say.Drawn:
		buffer = io.BytesIO()
		colour = tuple(drawing.seed.to_bytes(8, 'big')[-3:])
		Image.new('RGB', (task.request.width, task.request.height), colour).save(buffer, 'PNG')
		return say.Drawn(
			job_id=task.job_id,
			index=drawing.index,
			seed=drawing.seed,
			width=task.request.width,
			height=task.request.height,
			torch='0',
			diffusers='0',
			device='Fake',
			dtype='fp32',
			attention='none',
			seconds=0.1,
			steps_done=task.request.steps,
			stopped_early=self.mode == 'keep',
			data=buffer.getvalue(),
		)
