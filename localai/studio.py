"""Builds everything from the settings and hands it out; the only file that does."""

import logging
from collections.abc import AsyncIterator

from localai.executors.base import Executor
from localai.executors.local import LocalExecutor
from localai.schemas.studio import StudioSnapshot
from localai.services.generation import GenerationService
from localai.services.hardware import HardwareService
from localai.services.history import HistoryService
from localai.services.jobs import JobService
from localai.services.models import ModelService
from localai.settings import Settings
from localai.store.database import Database
from localai.store.history import History
from localai.store.jobs import Jobs
from localai.store.models import Hashes
from localai.store.preferences import Preferences

log = logging.getLogger('localai.studio')


class Studio:
	"""The app as an object. `open` starts the engine; with `resume` the queue of the last run goes
	on."""

	def __init__(self, settings: Settings, executor: Executor | None = None):
		self.settings = settings
		self.database = Database(settings.database)
		history = History(self.database, settings.pictures)
		jobs = Jobs(self.database, history)
		self.executor = executor or LocalExecutor(settings.device, warm=settings.warm_bytes)
		self.preferences = Preferences(self.database)
		self.models = ModelService(settings.models, Hashes(self.database))
		self.jobs = JobService(jobs, self.executor, self.models)
		self.generation = GenerationService(
			settings.pictures,
			self.models,
			jobs,
			history,
			self.jobs.enqueue,
			lambda: self.jobs.engine.model,
		)
		self.history = HistoryService(history, settings.home / 'thumbnails')
		self.hardware = HardwareService(lambda: self.jobs.engine)

	def open(self, resume: bool = True) -> 'Studio':
		self.jobs.start(self.generation.task, self.generation.save, self.generation.seconds_needed)
		if resume:
			waiting = self.jobs.resume(self.generation.adopt)
			log.info('opened %s; %s jobs waiting', self.settings.home, waiting)
		return self

	def watch(self) -> AsyncIterator[StudioSnapshot]:
		return self.jobs.watch()

	def close(self) -> None:
		self.jobs.close()
		self.database.close()
