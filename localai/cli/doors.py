"""Knows where a command's work goes: to the running app of this home, or to services of our own."""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from localai.cli.terminal import note
from localai.client import RunningApp
from localai.errors import AlreadyRunning, BadSetting
from localai.files.home import HomeLock
from localai.schemas.downloads import DownloadSnapshot
from localai.schemas.jobs import JobSnapshot
from localai.schemas.models import ModelEntry, ModelPage, ModelQuery, ScanReport
from localai.settings import Settings, start_logging

Own = TypeVar('Own')


class open_door(Generic[Own]):
	"""The running app of this home, or else `own` services, which take the home meanwhile.

	With `beside`, what only looks does not wait for another command to finish.
	"""

	def __init__(self, settings: Settings, own: Callable[[Settings], Own], beside: bool = False):
		self.settings = settings.prepare()
		self.own = own
		self.beside = beside
		self.lock = HomeLock(settings.home)

	def __enter__(self) -> RunningApp | Own:
		owner = self.lock.owner()
		if owner and owner.url:
			self.door = RunningApp(owner)
			return self.door
		if not (owner and self.beside):
			if owner:
				note('waiting for another LocalAI command to finish')
			try:
				self.lock.take(wait=600 if owner else 5)
			except AlreadyRunning:
				owner = self.lock.owner()
				if owner and owner.url:
					self.door = RunningApp(owner)
					return self.door
				raise
		start_logging(self.settings, 'command')
		try:
			self.door = self.own(self.settings)
		except BaseException:
			self.leave()
			raise
		return self.door

	def __exit__(self, *error: object) -> None:
		try:
			self.door.close()
		finally:
			self.leave()

	def leave(self) -> None:
		if self.lock.lock.is_locked:
			self.lock.release()


def running_app(settings: Settings) -> RunningApp | None:
	"""The app of this home, None when there is none."""
	if not settings.home.is_dir():
		return None
	owner = HomeLock(settings.home).owner()
	return RunningApp(owner) if owner and owner.url else None


class OwnEngine:
	"""A Studio for one command: the queue of the app is left for the app."""

	def __init__(self, settings: Settings):
		from localai.studio import Studio

		self.studio = Studio(settings).open(resume=False)

	def start(self, fields: dict) -> JobSnapshot:
		return self.studio.generation.start(fields)

	def follow(self, job_id: str) -> Iterator[JobSnapshot]:
		"""Raises BadSetting when the engine cannot come up at all."""
		for job in self.studio.jobs.follow(job_id, beat=0.5):
			if self.studio.jobs.engine.state == 'stopped' and job.live:
				self.stop(job_id)
				raise BadSetting(self.studio.jobs.engine.message)
			yield job

	def stop(self, job_id: str) -> JobSnapshot:
		return self.studio.jobs.stop(job_id)

	def close(self) -> None:
		self.studio.close()


class OwnLibrary:
	"""Models and downloads for one command, without an engine; the downloads of the app are left
	for the app, but for the one that is asked for."""

	def __init__(self, settings: Settings):
		from localai.studio import Studio

		self.studio = Studio(settings)

	def models(self) -> tuple[ModelEntry, ...]:
		"""As the disk is now."""
		self.studio.models.scan()
		return self.studio.models.list()

	def find(self, query: ModelQuery) -> ModelPage:
		return self.studio.models.find(query)

	def card(self, model_id: str) -> ModelEntry:
		return self.studio.models.card(model_id)

	def scan(self) -> ScanReport:
		return self.studio.models.scan()

	def download(self, fields: dict) -> DownloadSnapshot:
		self.studio.downloads.open(resume=False)
		self.studio.downloads.adopt(fields)
		return self.studio.downloads.start(fields)

	def follow_download(self, download_id: str) -> Iterator[DownloadSnapshot]:
		yield from self.studio.downloads.follow(download_id, beat=0.5)

	def pause(self, download_id: str) -> DownloadSnapshot:
		return self.studio.downloads.pause(download_id)

	def close(self) -> None:
		self.studio.close()
