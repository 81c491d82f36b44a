"""Builds everything from the settings and hands it out; the only file that does."""

import logging
from collections.abc import AsyncIterator

from localai.executors.base import Executor
from localai.executors.local import LocalExecutor
from localai.files.pictures.journal import Journal
from localai.files.weights.identify import identify
from localai.hub.client import Hub
from localai.hub.limiter import Limiter
from localai.hub.links import Links
from localai.hub.token import TokenKeeper
from localai.hub.transfer import Transfers
from localai.schemas.generation import Picture
from localai.schemas.studio import StudioSnapshot
from localai.services.downloads.catalogue import Catalogue
from localai.services.downloads.service import DownloadService
from localai.services.generation.estimates import Estimates
from localai.services.generation.saving import Saving
from localai.services.generation.service import GenerationService
from localai.services.hardware.pace import Pace
from localai.services.hardware.service import HardwareService
from localai.services.history.exporting import ExportService
from localai.services.history.importing import ImportService
from localai.services.history.marks import MarkService
from localai.services.history.service import HistoryService
from localai.services.history.thumbnails import Thumbnails
from localai.services.history.trash import PictureTrash
from localai.services.history.truth import TruthService
from localai.services.history.upkeep import Upkeep
from localai.services.history.verifying import VerifyService
from localai.services.jobs.board import Board
from localai.services.jobs.chores import Chores
from localai.services.jobs.engines import Engines
from localai.services.jobs.service import JobService
from localai.services.models.service import ModelService
from localai.services.models.trash import ModelTrash
from localai.services.presence import Presence
from localai.services.visitors import Visits
from localai.settings import Settings
from localai.store.database import Database
from localai.store.discards import Discards
from localai.store.downloads import Downloads
from localai.store.history import History
from localai.store.jobs import Jobs
from localai.store.marks import MarkStore
from localai.store.models import Models
from localai.store.pages import Pages
from localai.store.preferences import Preferences
from localai.store.records import Records
from localai.store.trash import Trash

log = logging.getLogger('localai.studio')


class Studio:
	"""The app as an object. `open` starts the engine; with `resume` the queue of the last run goes
	on."""

	def __init__(self, settings: Settings, executor: Executor | None = None):
		self.settings = settings
		self.database = Database(settings.database)
		history = History(self.database, settings.pictures)
		jobs = Jobs(self.database, history)
		self.executor = executor or LocalExecutor((settings.device,), warm=settings.warm_bytes)
		self.presence = Presence()
		self.preferences = Preferences(self.database)
		self.models = ModelService(
			settings.models,
			settings.hub,
			Models(self.database),
			ModelTrash(settings.trash, Trash(self.database)),
			self.preferences,
			in_use=lambda: self.chores.in_use(),
			changed=lambda: self.presence.show_library(self.models.version),
			machine=lambda: self.hardware.room(),
		)
		self.engines = Engines(self.executor, self.presence)
		self.board = Board(jobs, self.engines, self.presence)
		self.chores = Chores(self.engines, self.models)
		self.jobs = JobService(self.board, self.chores, self.engines)
		self.visits = Visits()
		self.generation = GenerationService(
			settings.pictures,
			self.models,
			jobs,
			Estimates(self.models.families, history, lambda: self.hardware.room()),
			self.jobs.enqueue,
		)
		self.saving = Saving(settings.pictures, self.models, jobs, history, self.saved)
		self.build_history(history)
		self.hardware = HardwareService(lambda: self.engines.status)
		self.downloads = self.build_downloads(Pace(lambda: self.engines.status, history))

	def build_history(self, store: History) -> None:
		settings, journal = self.settings, Journal(self.settings.pictures)
		discards = Discards(self.database)
		self.thumbnails = Thumbnails(settings.thumbnails)
		self.history = HistoryService(store, Pages(self.database), self.thumbnails, self.models)
		self.marks = MarkService(MarkStore(self.database), journal, self.history_changed)
		self.picture_trash = PictureTrash(
			settings.pictures, settings.trash, discards, self.thumbnails, self.history_changed
		)
		apart = settings.thumbnails, settings.trash, settings.temporary
		self.imports = ImportService(settings.pictures, store, self.history_changed, apart)
		self.exports = ExportService(
			store, self.history.select, settings.pictures, self.history.thumbnail
		)
		self.truth = TruthService(
			settings.pictures,
			settings.trash,
			Records(self.database),
			discards,
			journal,
			self.picture_trash.lock,
			self.history_changed,
		)
		self.verifying = VerifyService(self.history, self.models, self.chores.verify)
		self.upkeep = Upkeep(self.truth, self.picture_trash, self.marks)

	def history_changed(self) -> None:
		self.board.look_again()
		self.presence.show_history()

	def saved(self, picture: Picture) -> None:
		"""A picture that was drawn: its small one is made before anyone looks."""
		self.history.prepare_thumbnail(picture)
		self.presence.show_history()

	def build_downloads(self, pace: Pace) -> DownloadService:
		settings, limiter, keeper = self.settings, Limiter(), TokenKeeper(Hub())
		existing = self.models.known_file
		catalogue = Catalogue(
			Hub(token=keeper.read),
			Transfers(settings.hub, token=keeper.read, limiter=limiter, existing=existing),
			Links(
				settings.models,
				settings.temporary,
				allow_local=settings.allow_local_links,
				identify=identify,
				limiter=limiter,
				existing=existing,
			),
			keeper,
			self.hardware.room,
			pace,
		)
		return DownloadService(
			Downloads(self.database),
			self.preferences,
			catalogue,
			limiter,
			self.models,
			self.chores.load,
			self.presence.show_downloads,
		)

	def open(self, resume: bool = True) -> 'Studio':
		seconds_needed = self.generation.estimates.seconds_needed
		self.jobs.start(self.generation.task, self.saving.save, seconds_needed)
		if resume:
			waiting = self.jobs.resume(self.saving.adopt)
			self.models.open()
			self.upkeep.open()
			log.info('opened %s; %s jobs waiting', self.settings.home, waiting)
		self.downloads.open(resume)
		return self

	def watch(self) -> AsyncIterator[StudioSnapshot]:
		return self.presence.watch()

	def close(self) -> None:
		self.downloads.close()
		self.jobs.close()
		self.presence.close()
		self.upkeep.close()
		self.thumbnails.close()
		self.models.close()
		self.database.close()
