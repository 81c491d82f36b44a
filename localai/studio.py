"""Builds everything from the settings and hands it out; the only file that does."""

import contextlib
import logging
from collections.abc import AsyncIterator

from localai import machine
from localai.errors import LocalAIError
from localai.executors.base import Executor
from localai.executors.local import LocalExecutor
from localai.files import temporary
from localai.files.pictures.journal import Journal
from localai.files.pictures.refuge import Refuge
from localai.files.reserve import Reserve
from localai.files.weights.identify import identify
from localai.hub.client import Hub
from localai.hub.limiter import Limiter
from localai.hub.links import Links, is_link
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
from localai.services.history.mending import Mending
from localai.services.history.service import HistoryService
from localai.services.history.thumbnails import Thumbnails
from localai.services.history.trash import PictureTrash
from localai.services.history.truth import TruthService
from localai.services.history.verifying import VerifyService
from localai.services.jobs.board import Board
from localai.services.jobs.chores import Chores
from localai.services.jobs.engines import Engines
from localai.services.jobs.service import JobService
from localai.services.models.service import ModelService
from localai.services.models.trash import DAYS, ModelTrash
from localai.services.presence import Presence
from localai.services.upkeep import Upkeep
from localai.services.visitors import Visits
from localai.settings import Settings
from localai.store.database import Database, Tell
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
from localai.store.unsettled import Unsettled

log = logging.getLogger('localai.studio')


class Studio:
	"""The app as an object. `open` starts the engine; with `resume` the queue of the last run goes
	on."""

	def __init__(
		self, settings: Settings, executor: Executor | None = None, tell: Tell = lambda *_: None
	):
		self.settings = settings
		self.reserve = Reserve(settings.reserve)
		self.database = Database(settings.database, tell=tell)
		self.unsettled = Unsettled(self.database)
		history = History(self.database, settings.pictures)
		jobs = Jobs(self.database, history)
		self.executor = executor or LocalExecutor.of(settings)
		self.presence = Presence()
		self.preferences = Preferences(self.database)
		self.models = ModelService(
			settings.models,
			settings.hub,
			Models(self.database),
			ModelTrash(settings.trash, Trash(self.database), self.reserve),
			self.preferences,
			in_use=lambda: self.chores.in_use(),
			changed=lambda: self.presence.show_library(self.models.version),
			machine=lambda: self.hardware.room(),
			drawing=lambda: bool(self.presence.now.queue),
		)
		self.engines = Engines(self.executor, self.presence)
		self.board = Board(jobs, self.engines, self.presence)
		self.chores = Chores(self.engines, self.models)
		self.jobs = JobService(self.board, self.chores, self.engines)
		self.visits = Visits(lambda: self.presence.publish())
		self.generation = GenerationService(
			settings.pictures,
			self.models,
			jobs,
			Estimates(self.models.families, history, lambda: self.hardware.room()),
			self.jobs.enqueue,
		)
		self.saving = Saving(
			settings.pictures,
			self.models,
			history,
			self.unsettled,
			self.reserve,
			Refuge(settings.home),
			self.saved,
		)
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
			settings.pictures,
			settings.trash,
			discards,
			self.thumbnails,
			self.reserve,
			self.history_changed,
		)
		apart = settings.thumbnails, settings.trash, settings.temporary
		self.imports = ImportService(
			settings.pictures, store, self.unsettled, self.history_changed, apart
		)
		self.exports = ExportService(
			store, self.history.select, settings.pictures, self.unsettled, self.history.thumbnail
		)
		records = Records(self.database)
		self.truth = TruthService(
			settings.pictures,
			settings.trash,
			records,
			discards,
			journal,
			self.picture_trash.lock,
			self.history_changed,
		)
		self.verifying = VerifyService(self.history, self.models, self.chores.verify)
		self.mending = Mending(
			settings.pictures, records, self.picture_trash, self.truth, self.unsettled
		)
		self.upkeep = Upkeep(
			# Only a history that is whole may say which marks count.
			first=(self.make_whole,),
			minutely=(self.saving.bring_home, self.database.rest, machine.give_back),
			daily=(
				lambda: self.picture_trash.empty(DAYS),
				self.thumbnails.trim,
				lambda: self.sweep(temporary.DAY),
				self.unsettled.forget_settled,
				self.database.tidy,
				self.reserve.fill,
			),
		)

	def make_whole(self) -> None:
		"""Only a history that is whole may say which marks count."""
		self.truth.rebuild()
		self.marks.open()

	def sweep(self, seconds: float = 0) -> None:
		"""Temporary files of before; after a month also what downloads that nobody goes on with left,
		and copies of the database from before a migration."""
		settings, unfinished = self.settings, self.downloads.unfinished()
		temporary.sweep(settings.temporary, is_link, seconds)
		temporary.sweep(
			settings.temporary,
			lambda name: not is_link(name) or name.split('.')[0] in unfinished,
			DAYS * temporary.DAY,
		)
		copies = list(settings.home.glob('localai-before-*.db'))
		temporary.remove_old(copies, DAYS * temporary.DAY)

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

	def settle(self) -> None:
		"""By whoever has the home: what was cut off by a kill is brought to its end."""
		try:
			self.mending.mend()
			self.models.mend()
			self.sweep()
		except LocalAIError as error:
			log.warning('interrupted work could not be finished yet: %s', error)

	def open(self, resume: bool = True) -> 'Studio':
		self.settle()
		seconds_needed = self.generation.estimates.seconds_needed
		self.jobs.start(self.generation.task, self.saving.save, seconds_needed)
		if resume:
			waiting = self.jobs.resume(self.picture_trash.numbers_of)
			self.models.open()
			self.upkeep.open()
			log.info('opened %s; %s jobs waiting', self.settings.home, waiting)
		self.downloads.open(resume)
		return self

	def watch(self) -> AsyncIterator[StudioSnapshot]:
		return self.presence.watch()

	def hush(self) -> None:
		"""Ends every following, so that nobody waits for what will not come."""
		self.presence.close()
		self.board.close()
		self.chores.close()

	def close(self) -> None:
		self.downloads.close()
		self.jobs.close()
		self.presence.close()
		self.upkeep.close()
		self.thumbnails.close()
		self.models.close()
		with contextlib.suppress(LocalAIError):
			self.unsettled.forget_settled()
		self.database.close()
