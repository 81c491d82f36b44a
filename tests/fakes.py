"""A full citizen behind the Executor seam: draws coloured squares, emits true events, can wait,
fail and die."""

import io
import queue
import threading

from PIL import Image

from localai.executors.base import OnEvent, OnStatus
from localai.schemas import engine as say
from localai.schemas.hardware import EngineStatus
from localai.schemas.jobs import StopMode


class FakeExecutor:
	"""`gate` holds every step while it is clear; `failures` are taken before a task is drawn."""

	def __init__(self, ready: bool = True):
		self.ready = ready
		self.gate = threading.Event()
		self.gate.set()
		self.failures: list[say.Failed | None] = []
		self.tasks: queue.Queue[say.Generate | None] = queue.Queue()
		self.seen: list[say.Generate] = []
		self.mode: StopMode | None = None
		self.status = EngineStatus(state='ready', device='Fake', dtype='fp32')

	def start(self, on_event: OnEvent, on_status: OnStatus) -> None:
		self.on_event, self.on_status = on_event, on_status
		self.thread = threading.Thread(target=self.work, daemon=True)
		self.thread.start()
		if self.ready:
			self.on_status(self.status)

	def submit(self, task: say.Generate) -> None:
		self.mode = None
		self.seen.append(task)
		self.tasks.put(task)

	def stop(self, job_id: str, mode: StopMode) -> None:
		self.mode = mode
		self.gate.set()

	def close(self) -> None:
		self.gate.set()
		self.mode = 'stop'
		self.tasks.put(None)
		self.thread.join(5)

	def work(self) -> None:
		while (task := self.tasks.get()) is not None:
			failure = self.failures.pop(0) if self.failures else None
			if failure:
				self.on_event(failure.model_copy(update={'job_id': task.job_id}))
				self.on_status(self.status)
			else:
				self.on_event(self.draw(task))

	def draw(self, task: say.Generate) -> say.Finished | say.Cancelled:
		self.on_event(say.Loading(job_id=task.job_id, stage='unet', done=1, total=2))
		for drawing in task.drawings:
			for step in range(1, task.request.steps + 1):
				self.gate.wait(10)
				if self.mode in ('stop', 'keep'):
					break
				self.on_event(
					say.Stepped(
						job_id=task.job_id,
						index=drawing.index,
						step=step,
						steps=task.request.steps,
						seconds_per_step=0.01,
						data=b'jpeg',
					)
				)
				if self.mode == 'skip':
					break
			if self.mode == 'skip':
				self.mode = None
				continue
			if self.mode != 'stop':
				self.on_event(self.picture(task, drawing))
			if self.mode:
				return say.Cancelled(job_id=task.job_id)
		return say.Finished(job_id=task.job_id)

	def picture(self, task: say.Generate, drawing: say.Drawing) -> say.Drawn:
		buffer = io.BytesIO()
		colour = tuple(drawing.seed.to_bytes(4, 'big')[1:])
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
