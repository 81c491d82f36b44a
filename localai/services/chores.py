"""What the engine does besides drawing: models come into its memory, leave it, are converted; one
after the other, each before the next job."""

import logging
import secrets
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from localai.errors import EngineDied, InvalidInput, LocalAIError
from localai.executors.base import Executor, subject
from localai.schemas import engine as say
from localai.schemas.hardware import EngineStatus
from localai.schemas.models import ModelEntry, ModelSpec
from localai.services.board import Board
from localai.store.jobs import Jobs

log = logging.getLogger('localai.jobs')
Chore = say.Load | say.Unload | say.Convert
# Where each kind of model lies below LOCALAI_HOME/models.
FOLDERS = {
	'checkpoint': 'checkpoints',
	'lora': 'loras',
	'embedding': 'embeddings',
	'vae': 'vaes',
	'controlnet': 'controlnets',
	'upscaler': 'upscalers',
	'unknown': 'checkpoints',
}


class Library(Protocol):
	"""What is needed of the models' service. `folder` is LOCALAI_HOME/models."""

	folder: Path

	def resolve(self, model_id: str) -> ModelSpec: ...
	def card(self, model_id: str) -> ModelEntry: ...
	def refresh(self) -> None: ...


class Chores(Board):
	"""The board with what is done for models. Chores survive no restart: they are soon asked for
	again."""

	dispatch: Callable[[], None]

	def __init__(self, store: Jobs, executor: Executor, models: Library):
		super().__init__(store)
		self.executor = executor
		self.models = models
		self.running: say.Generate | None = None
		self.chores: deque[Chore] = deque()
		self.chore: Chore | None = None
		# What the last chore failed with, until the next one begins.
		self.trouble = ''
		self.closed = False
		# Where the models lie that the engine has seen, by id.
		self.paths: dict[str, str] = {}

	def load(self, model_id: str) -> None:
		"""Brings a model into memory, or makes it the current one when it is there.

		Raises UnknownName, ModelProblem, EngineDied. How it goes is told by EngineStatus.
		"""
		model = self.models.resolve(model_id)
		with self.lock:
			self.check_engine()
			waiting = (self.chore, *self.chores)
			if any(isinstance(c, say.Load) and c.model.path == model.path for c in waiting):
				return
			self.chores.append(say.Load(job_id=chore_id(), model=model))
			self.dispatch()

	def unload(self, model_id: str = '') -> None:
		"""Lets one model go, or all of them; one that is not in memory is no matter.

		While a job draws it waits for its end. Raises UnknownName for a name that nothing has.
		"""
		path = ''
		if model_id:
			held = model_id in {m.id for m in self.engine.held}
			path = self.paths.get(model_id, '') if held else ''
			path = path or self.models.resolve(model_id).path
		with self.lock:
			loads = [c for c in self.chores if isinstance(c, say.Load)]
			for chore in loads:
				if path in ('', chore.model.path):
					self.chores.remove(chore)
			if self.engine.state == 'stopped' or self.closed:
				return
			self.chores.append(say.Unload(job_id=chore_id(), path=path))
			self.dispatch()

	def cancel_load(self) -> None:
		"""Gives up what is being loaded or converted, and what waits to be. A job that loads is
		stopped as a job."""
		with self.lock:
			self.chores = deque(c for c in self.chores if isinstance(c, say.Unload))
			if self.chore and not isinstance(self.chore, say.Unload):
				self.executor.stop(self.chore.job_id, 'stop')

	def convert(self, model_id: str) -> None:
		"""Writes a single file as a folder that loads fast, a pickle as a safetensors file, into
		LOCALAI_HOME/models.

		Raises UnknownName, ModelProblem, InvalidInput for what is neither, EngineDied.
		"""
		card = self.models.card(model_id)
		source = Path(card.path)
		folder = self.models.folder / FOLDERS[card.kind]
		model = None
		if card.format == 'pickle':
			target = folder / f'{source.stem}.safetensors'
		elif card.format == 'safetensors' and card.kind == 'checkpoint':
			model = self.models.resolve(model_id)
			target = folder / source.stem
		else:
			raise InvalidInput(
				f'{card.name} is in a form that needs no conversion.',
				'Convert checkpoints that are single files, or pickles.',
				'model',
			)
		if target.exists():
			raise InvalidInput(
				f'{card.name} was converted before: {target} is there.',
				'Use that one, or delete it first.',
				'model',
			)
		with self.lock:
			self.check_engine()
			waiting = (self.chore, *self.chores)
			if any(isinstance(c, say.Convert) and c.target == str(target) for c in waiting):
				return
			self.chores.append(
				say.Convert(job_id=chore_id(), source=str(source), target=str(target), model=model)
			)
			self.dispatch()

	def in_use(self) -> frozenset[str]:
		"""The paths of the models that are held, being drawn with, loaded or converted, or that
		wait to be."""
		with self.lock:
			paths = {self.paths.get(m.id, '') for m in self.engine.held}
			if self.running:
				paths.add(self.running.model.path)
			for chore in (self.chore, *self.chores):
				match chore:
					case say.Load():
						paths.add(chore.model.path)
					case say.Convert():
						paths.add(chore.source)
			return frozenset(paths - {''})

	def check_engine(self) -> None:
		if self.engine.state == 'stopped':
			raise EngineDied(f'The engine is not running. {self.engine.message}'.strip())

	# With the engine; all of it under the lock

	def next_chore(self) -> bool:
		"""Hands the next chore to the engine; whether there was one."""
		if not self.chores:
			return False
		self.chore = self.chores.popleft()
		if not isinstance(self.chore, say.Unload):
			self.trouble = ''
		if isinstance(self.chore, say.Load):
			self.paths[self.chore.model.id] = self.chore.model.path
		log.info('chore %s: %s', self.chore.kind, subject(self.chore) or 'memory')
		self.executor.submit(self.chore)
		return True

	def with_trouble(self, status: EngineStatus) -> EngineStatus:
		if status.message or not self.trouble:
			return status
		return status.model_copy(update={'message': self.trouble})

	def hear_chore(self, event: say.Event) -> bool:
		"""Whether the event belongs to a chore."""
		with self.lock:
			chore = self.chore
			if chore is None or getattr(event, 'job_id', '') != chore.job_id:
				return False
			if not isinstance(event, say.ENDINGS):
				return True
			self.chore = None
			if isinstance(event, say.Failed):
				log.warning('chore %s failed: %s', chore.kind, event.message)
				self.trouble = f'{event.message} {event.remedy}'.strip()
				self.engine = self.with_trouble(self.engine)
			self.tell()
			self.dispatch()
		if isinstance(chore, say.Convert) and isinstance(event, say.Finished):
			try:
				self.models.refresh()
			except LocalAIError as error:
				log.warning('the converted model is not in the library yet: %s', error)
		return True


def chore_id() -> str:
	return f'chore-{secrets.token_hex(6)}'
