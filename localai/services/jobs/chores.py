"""What the engines do besides jobs: models come into their memory, leave it, are converted, pictures
are drawn again to be verified; one after the other, each before the next job."""

import logging
import secrets
from asyncio import to_thread
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from localai.errors import InvalidInput, LocalAIError, UnknownName
from localai.schemas import engine as say
from localai.schemas.chores import ChoreSnapshot, ChoreState
from localai.schemas.history import Verdict
from localai.schemas.jobs import Problem
from localai.schemas.models import DRAWERS, ModelEntry, ModelSpec
from localai.services.feed import Feed
from localai.services.jobs.engines import Device, Engines

log = logging.getLogger('localai.jobs')
Judge = Callable[[say.Drawn], Verdict]
ENDS = 50  # chores that ended, of which is known how
QUIET = 5.0  # seconds until a chore that stays as it is is told again


class Library(Protocol):
	"""What is needed of the models' service. `folder` is LOCALAI_HOME/models."""

	folder: Path

	def resolve(self, model_id: str) -> ModelSpec: ...
	def card(self, model_id: str) -> ModelEntry: ...
	def refresh(self) -> None: ...


@dataclass
class Chore:
	"""One that has not ended. `left` is what is still to be handed over: one task, or the same one
	for several devices."""

	left: list[say.Task]
	feed: Feed[ChoreSnapshot]
	# What is being worked on.
	task: say.Task | None = None
	# Who judges what is drawn again, and what was found.
	judge: Judge | None = None
	found: Verdict | LocalAIError | None = None
	# What follows when it has finished.
	then: Callable[[], None] | None = None

	def tell(self, **changes: object) -> None:
		self.feed.publish(self.feed.value.model_copy(update=changes))


class Chores:
	"""They survive no restart: they are soon asked for again. What changes them holds the lock of
	the engines."""

	def __init__(self, engines: Engines, models: Library):
		self.engines = engines
		self.models = models
		self.lock = engines.lock
		# By their ids, in the order they were asked for.
		self.pending: dict[str, Chore] = {}
		# How the last ones ended.
		self.ends: dict[str, ChoreSnapshot] = {}

	def load(self, model_id: str) -> str:
		"""Brings a model into memory, or makes it the current one where it is there.

		Returns the id to follow it by. Raises UnknownName, ModelProblem, EngineDied. How it goes is
		also told by EngineStatus.
		"""
		model = self.models.resolve(model_id)
		with self.lock:
			holder = self.engines.holder(model.path)
			device = holder.name if holder else ''
			return self.begin(say.Load(job_id=chore_id(), model=model, device=device))

	def unload(self, model_id: str = '') -> str:
		"""Lets one model go, or all of them, on every device; one that is not in memory is no
		matter.

		Where a job draws it waits for its end. Returns the id to follow it by. Raises UnknownName
		for a name that nothing has.
		"""
		path = self.engines.held_path(model_id) if model_id else ''
		if model_id and not path:
			path = self.models.resolve(model_id).path
		with self.lock:
			for chore in self.waiting():
				task = chore.left[0]
				if isinstance(task, say.Load) and path in ('', task.model.path):
					self.end(chore, 'cancelled')
			task = say.Unload(job_id=chore_id(), path=path)
			alive = self.engines.alive
			there = [d for d in alive if not path or path in self.engines.paths_of(d)]
			devices = [d.name for d in there] or ['']
			return self.begin(*(task.model_copy(update={'device': d}) for d in devices))

	def cancel(self) -> None:
		"""Gives up what is being loaded, converted or verified, and what waits to be. A job that
		loads is stopped as a job."""
		with self.lock:
			for job_id, chore in list(self.pending.items()):
				if chore.task and not chore.task.gives_back:
					self.engines.stop(job_id)
				elif not chore.task and not chore.left[0].gives_back:
					self.end(chore, 'cancelled')

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
				f'{card.name} needs no conversion.',
				'Only single-file checkpoints and pickles can be converted.',
				'model',
			)
		if target.exists():
			raise InvalidInput(
				f'{card.name} has already been converted: {target} exists.',
				'Use that one, or delete it first.',
				'model',
			)
		task = say.Convert(job_id=chore_id(), source=str(source), target=str(target), model=model)
		return self.begin(task, then=self.models.refresh)

	def verify(self, task: say.Generate, judge: Judge) -> str:
		"""Draws a picture again for `judge`, who hears of it and keeps nothing. Returns the id to
		follow it by. Raises EngineDied."""
		return self.begin(task, judge=judge)

	def begin(
		self,
		*tasks: say.Task,
		judge: Judge | None = None,
		then: Callable[[], None] | None = None,
	) -> str:
		"""One task, or the same for several devices. Returns the id to follow it by; that of another
		chore where one of the two is enough. Raises EngineDied."""
		task = tasks[0]
		now = ChoreSnapshot(
			id=task.job_id,
			kind=task.kind,
			model=task.model.id if task.model else '',
			state='waiting',
		)
		chore = Chore(list(tasks), Feed(now), judge=judge, then=then)
		with self.lock:
			for job_id, other in self.pending.items():
				if task.like(other.task or other.left[0]):
					return job_id
			if task.gives_back and (self.engines.closed or not self.engines.alive):
				self.end(chore, 'finished')
				return task.job_id
			self.engines.check()
			self.pending[task.job_id] = chore
			self.hand_over()
		return task.job_id

	# Who looks

	def get(self, which: str) -> ChoreSnapshot:
		"""A chore as it is now. Raises UnknownName."""
		with self.lock:
			if which in self.pending:
				return self.pending[which].feed.value
			if which in self.ends:
				return self.ends[which]
		raise UnknownName(
			f'There is no load or unload {str(which)[:40]!r}.', 'Start it again.', 'chore'
		)

	async def follow(self, which: str) -> AsyncIterator[ChoreSnapshot]:
		"""A chore now, each change, and its end; repeated while it is quiet."""
		chore = self.pending.get(which)
		if chore is None:
			yield await to_thread(self.get, which)
			return
		async for now in chore.feed.follow_async(QUIET):
			yield now

	def in_use(self) -> frozenset[str]:
		"""The paths of the models that are held, being drawn with, loaded or converted, or that
		wait to be."""
		with self.lock:
			waiting = (t.paths for c in self.pending.values() for t in c.left)
			return self.engines.in_use().union(*waiting)

	# With the engines; all of it under the lock, but for what is heard

	def waiting(self) -> list[Chore]:
		return [c for c in self.pending.values() if not c.task]

	def hand_over(self) -> None:
		"""Gives every free engine its next chore."""
		for chore in self.waiting():
			for task in chore.left:
				device = self.engines.choose(task)
				if device:
					chore.task = task
					chore.left = [t for t in chore.left if t is not task]
					chore.tell(state='running')
					log.info('chore %s: %s', task.kind, task.subject or 'memory')
					self.engines.give(device, task)
					break

	def hear(self, device: Device, job_id: str, event: say.Event) -> None:
		"""What an engine says of its chore."""
		chore = self.pending[job_id]
		match event:
			case say.Loading():
				chore.tell(stage=event.stage, stage_done=event.done, stage_total=event.total)
			case say.Stepped():
				chore.tell(
					step=event.step, steps=event.steps, stage='', stage_done=0, stage_total=0
				)
			case say.Drawn() if chore.judge:
				chore.found = judged(chore.judge, event)
			case say.Finished() | say.Cancelled() | say.Failed():
				self.hear_end(device, chore, event)

	def hear_end(
		self, device: Device, chore: Chore, event: say.Finished | say.Cancelled | say.Failed
	) -> None:
		with self.lock:
			self.engines.release(event.job_id)
			chore.task = None
			problem = None
			if isinstance(event, say.Failed):
				log.warning('chore %s failed: %s', chore.feed.value.kind, event.message)
				device.trouble = f'{event.message} {event.remedy}'.strip()
				self.engines.show()
				problem = Problem.of(event)
			if chore.left:  # it goes on with the next device
				chore.tell(state='waiting')
				return
			self.end(chore, event.kind, problem)
		if isinstance(event, say.Finished) and chore.then:
			try:
				chore.then()
			except LocalAIError as error:
				log.warning('what follows chore %s failed: %s', event.job_id, error)
			except Exception:  # the thread that hears the engine goes on
				log.exception('what follows chore %s failed', event.job_id)

	def end(self, chore: Chore, state: ChoreState, error: Problem | None = None) -> None:
		now, found = chore.feed.value, chore.found
		if state == 'finished' and isinstance(found, LocalAIError):
			state = 'failed'
			error = Problem.of(found)
		end = ChoreSnapshot(
			id=now.id,
			kind=now.kind,
			model=now.model,
			state=state,
			error=error,
			verdict=found if state == 'finished' else None,
		)
		self.pending.pop(now.id, None)
		self.ends = dict([*self.ends.items(), (now.id, end)][-ENDS:])
		chore.feed.publish(end, last=True)

	def give_up_lost(self) -> None:
		"""What waits for devices that are gone for good comes to its end."""
		alive = {d.name for d in self.engines.alive}
		for chore in self.waiting():
			lost = chore.left
			chore.left = [t for t in lost if alive and (not t.device or t.device in alive)]
			if chore.left:
				continue
			if lost[0].gives_back:
				self.end(chore, 'finished')
			else:
				message = self.engines.status.message
				problem = Problem(
					code='EngineDied', message='The engine is not running.', remedy=message
				)
				self.end(chore, 'failed', problem)

	def close(self) -> None:
		"""Ends every following."""
		with self.lock:
			feeds = [c.feed for c in self.pending.values()]
		for feed in feeds:
			feed.close()


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
