"""What the engine does besides jobs: models come into its memory, leave it, are converted, pictures
are drawn again to be verified; one after the other, each before the next job."""

import logging
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Protocol

from localai.errors import EngineDied, InvalidInput, LocalAIError, UnknownName
from localai.executors.base import Executor
from localai.schemas import engine as say
from localai.schemas.chores import ChoreSnapshot
from localai.schemas.hardware import EngineStatus
from localai.schemas.history import Verdict
from localai.schemas.jobs import Problem
from localai.schemas.models import DRAWERS, ModelEntry, ModelSpec
from localai.services.jobs.board import Board
from localai.store.jobs import Jobs

log = logging.getLogger('localai.jobs')
Chore = say.Task
Judge = Callable[[say.Drawn], Verdict]
ENDS = 50  # chores that ended, of which is known how
QUIET = 5.0  # seconds until a chore that stays as it is is told again


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
		# How the last ones ended, by their ids.
		self.ends: dict[str, ChoreSnapshot] = {}
		# What the last chore failed with, until the next one begins.
		self.trouble = ''
		self.closed = False
		# Who judges what is drawn again, by the id of the chore; how far it is, and what was found.
		self.judges: dict[str, Judge] = {}
		self.step: dict[str, int] = {}
		self.verdict: Verdict | LocalAIError | None = None
		# Where the models lie that the engine has seen, by id.
		self.paths: dict[str, str] = {}

	def load(self, model_id: str) -> str:
		"""Brings a model into memory, or makes it the current one when it is there.

		Returns the id to follow it by. Raises UnknownName, ModelProblem, EngineDied. How it goes is
		also told by EngineStatus.
		"""
		model = self.models.resolve(model_id)
		with self.lock:
			self.check_engine()
			return self.begin(say.Load(job_id=chore_id(), model=model))

	def unload(self, model_id: str = '') -> str:
		"""Lets one model go, or all of them; one that is not in memory is no matter.

		While a job draws it waits for its end. Returns the id to follow it by. Raises UnknownName
		for a name that nothing has.
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
					self.ended(chore, say.Cancelled(job_id=chore.job_id))
			self.publish()
			chore = say.Unload(job_id=chore_id(), path=path)
			if self.engine.state == 'stopped' or self.closed:
				self.ended(chore, say.Finished(job_id=chore.job_id))
				return chore.job_id
			return self.begin(chore)

	def cancel_load(self) -> None:
		"""Gives up what is being loaded or converted, and what waits to be. A job that loads is
		stopped as a job."""
		with self.lock:
			for chore in self.chores:
				if not chore.gives_back:
					self.ended(chore, say.Cancelled(job_id=chore.job_id))
			self.chores = deque(c for c in self.chores if c.gives_back)
			self.publish()
			if self.chore and not self.chore.gives_back:
				self.executor.stop(self.chore.job_id, 'stop')

	def convert(self, model_id: str) -> str:
		"""Writes a single file as a folder that loads fast, a pickle as a safetensors file, into
		LOCALAI_HOME/models.

		Returns the id to follow it by. Raises UnknownName, ModelProblem, InvalidInput for what is
		neither, EngineDied.
		"""
		card = self.models.card(model_id)
		source = Path(card.path)
		folder = self.models.folder / DRAWERS[card.kind]
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
			return self.begin(
				say.Convert(job_id=chore_id(), source=str(source), target=str(target), model=model)
			)

	def verify(self, task: say.Generate, judge: Judge) -> str:
		"""Draws a picture again for `judge`, who hears of it and keeps nothing. Returns the id to
		follow it by. Raises EngineDied."""
		with self.lock:
			self.check_engine()
			self.judges[task.job_id] = judge
			return self.begin(task)

	def begin(self, chore: Chore) -> str:
		for other in (self.chore, *self.chores):
			if other and chore.like(other):
				return other.job_id
		self.chores.append(chore)
		self.dispatch()
		return chore.job_id

	# Who looks

	def chore_now(self, which: str) -> ChoreSnapshot:
		"""A chore as it is now. Raises UnknownName."""
		with self.lock:
			engine = self.engine
			waiting = next((c for c in self.chores if c.job_id == which), None)
			if self.chore and self.chore.job_id == which:
				stage = {n: getattr(engine, n) for n in ('stage', 'stage_done', 'stage_total')}
				return snapshot(self.chore, state='running', **stage, **self.step)
			if waiting and engine.state == 'stopped':
				problem = Problem(
					code='EngineDied', message='The engine is not running.', remedy=engine.message
				)
				return snapshot(waiting, state='failed', error=problem)
			if waiting:
				return snapshot(waiting, state='waiting')
			if which in self.ends:
				return self.ends[which]
		raise UnknownName(
			f'There is no load or unload {str(which)[:40]!r}.', 'Begin it again.', 'chore'
		)

	async def follow_chore(self, which: str) -> AsyncIterator[ChoreSnapshot]:
		"""A chore now, each change, and its end; repeated while it is quiet."""
		told, when = None, 0.0
		async for _ in self.watch():
			now = self.chore_now(which)
			if now != told or time.monotonic() - when > QUIET:
				told, when = now, time.monotonic()
				yield now
			if not now.pending:
				return

	def in_use(self) -> frozenset[str]:
		"""The paths of the models that are held, being drawn with, loaded or converted, or that
		wait to be."""
		with self.lock:
			paths = {self.paths.get(m.id, '') for m in self.engine.held}
			for task in (self.running, self.chore, *self.chores):
				paths |= task.paths if task else frozenset()
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
		if not self.chore.gives_back:
			self.trouble = ''
		self.step, self.verdict = {}, None
		if self.chore.model:
			self.paths[self.chore.model.id] = self.chore.model.path
		log.info('chore %s: %s', self.chore.kind, self.chore.subject or 'memory')
		self.executor.submit(self.chore)
		return True

	def ended(self, chore: Chore, event: say.Event) -> None:
		match event:
			case say.Failed():
				problem = Problem(code=event.code, message=event.message, remedy=event.remedy)
				end = snapshot(chore, state='failed', error=problem)
			case say.Cancelled():
				end = snapshot(chore, state='cancelled')
			case _ if isinstance(self.verdict, LocalAIError):
				why = self.verdict
				problem = Problem(code=why.code, message=why.message, remedy=why.remedy)
				end = snapshot(chore, state='failed', error=problem)
			case _:
				end = snapshot(chore, state='finished', verdict=self.verdict)
		self.judges.pop(chore.job_id, None)
		self.ends = dict([*self.ends.items(), (chore.job_id, end)][-ENDS:])

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
			judge = self.judges.get(chore.job_id)
			if isinstance(event, say.Stepped):
				self.step = {'step': event.step, 'steps': event.steps}
				self.publish()
		if isinstance(event, say.Drawn) and judge:
			self.verdict = judged(judge, event)
		if not isinstance(event, say.ENDINGS):
			return True
		with self.lock:
			self.chore = None
			self.ended(chore, event)
			self.verdict = None
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


def judged(judge: Judge, drawn: say.Drawn) -> Verdict | LocalAIError:
	"""Nothing that goes wrong here may stop the thread that hears the engine."""
	try:
		return judge(drawn)
	except LocalAIError as error:
		return error
	except Exception as error:
		log.exception('what was drawn again could not be compared')
		return LocalAIError(f'The comparison failed: {error}.', 'See logs/localai.log.')


def chore_id() -> str:
	return f'chore-{secrets.token_hex(6)}'


def snapshot(chore: Chore, **fields: object) -> ChoreSnapshot:
	model = chore.model.id if chore.model else ''
	return ChoreSnapshot(id=chore.job_id, kind=chore.kind, model=model, **fields)
