"""Knows where a command's work goes: to the running app of this home, or to services of our own."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from localai.cli.terminal import note
from localai.client import RunningApp
from localai.client.history import RunningHistory
from localai.errors import AlreadyRunning, BadSetting
from localai.files.home import HomeLock, Owner
from localai.schemas.chores import ChoreSnapshot
from localai.schemas.downloads import DownloadSnapshot
from localai.schemas.exchange import ExportReport, ExportRequest, ImportReport
from localai.schemas.generation import Picture
from localai.schemas.history import (
	CheckReport,
	Discarded,
	Discarding,
	HistoryPage,
	HistoryQuery,
	Outline,
	PictureCard,
	Restoring,
)
from localai.schemas.jobs import JobSnapshot
from localai.schemas.models import ModelEntry, ModelPage, ModelQuery, ScanReport
from localai.settings import Settings, start_logging

Tell = Callable[[int, int], None]
BEAT = 0.2  # seconds between two looks at a chore


class Door(Protocol):
	def close(self) -> None: ...


class OwnDoor(Door, Protocol):
	def settle(self) -> None: ...


Own = TypeVar('Own', bound=OwnDoor)
Running = TypeVar('Running', bound=Door)


class open_door(Generic[Own, Running]):
	"""The running app of this home, or else `own` services, which take the home meanwhile.

	With `beside`, what only looks does not wait for another command to finish.
	"""

	def __init__(
		self,
		settings: Settings,
		own: Callable[[Settings], Own],
		running: Callable[[Owner], Running],
		beside: bool = False,
	):
		self.settings = settings.prepare()
		self.own = own
		self.running = running
		self.beside = beside
		self.lock = HomeLock(settings.home)
		self.door: Running | Own

	def __enter__(self) -> Running | Own:
		owner = self.lock.owner()
		if owner and owner.url:
			return self.opened(self.running(owner))
		if not (owner and self.beside):
			if owner:
				note('waiting for another LocalAI command to finish')
			try:
				self.lock.take(wait=600 if owner else 5)
			except AlreadyRunning:
				owner = self.lock.owner()
				if owner and owner.url:
					return self.opened(self.running(owner))
				raise
		start_logging(self.settings, 'command')
		try:
			door = self.own(self.settings)
			if self.lock.lock.is_locked:
				door.settle()
			return self.opened(door)
		except BaseException:
			self.leave()
			raise

	def opened(self, door: Running | Own) -> Running | Own:
		self.door = door
		return door

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
		from localai.executors.local import LocalExecutor

		executor = LocalExecutor.of(settings)
		executor.launch()  # it comes up while the services are imported
		try:
			from localai.studio import Studio

			self.studio = Studio(settings, executor).open(resume=False)
		except BaseException:
			executor.close()
			raise

	def start(self, fields: dict) -> JobSnapshot:
		return self.studio.generation.start(fields)

	def follow(self, job_id: str) -> Iterator[JobSnapshot]:
		"""Raises BadSetting when the engine cannot come up at all."""
		for job in self.studio.jobs.follow(job_id, beat=0.5):
			if self.studio.engines.status.state == 'stopped' and job.live:
				self.stop(job_id)
				raise BadSetting(self.studio.engines.status.message)
			yield job

	def stop(self, job_id: str) -> JobSnapshot:
		return self.studio.jobs.stop(job_id)

	def verify(self, picture_id: int) -> ChoreSnapshot:
		return self.studio.chores.get(self.studio.verifying.start(picture_id))

	def follow_chore(self, chore_id: str) -> Iterator[ChoreSnapshot]:
		while (now := self.studio.chores.get(chore_id)).pending:
			yield now
			time.sleep(BEAT)
		yield now

	def cancel_chore(self) -> None:
		self.studio.chores.cancel()

	def settle(self) -> None:
		self.studio.settle()

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

	def settle(self) -> None:
		self.studio.settle()

	def close(self) -> None:
		self.studio.close()


class OwnHistory:
	"""The history for one command, without an engine."""

	def __init__(self, settings: Settings):
		from localai.studio import Studio

		self.studio = Studio(settings)

	def find(self, query: HistoryQuery) -> HistoryPage:
		return self.studio.history.find(query)

	def outline(self, query: HistoryQuery) -> Outline:
		return self.studio.history.outline(query)

	def pictures(self, ids: Sequence[int]) -> tuple[Picture, ...]:
		return self.studio.history.many(ids)

	def card(self, picture_id: int) -> PictureCard:
		return self.studio.history.card(picture_id)

	def trash(self, limit: int, offset: int) -> tuple[Discarded, ...]:
		return self.studio.picture_trash.listed(limit, offset)

	def delete(self, ids: Sequence[int]) -> Discarding:
		return self.studio.picture_trash.delete(ids)

	def restore(self, trashed: Sequence[str]) -> Restoring:
		return self.studio.picture_trash.restore(trashed)

	def check(self, repair: bool, deep: bool, forget: bool, tell: Tell) -> CheckReport:
		return self.studio.truth.check(repair, deep, forget, tell)

	def import_paths(self, paths: Sequence[Path], tell: Tell) -> ImportReport:
		return self.studio.imports.take_paths(paths, tell)

	def export_folder(self, request: ExportRequest, folder: Path) -> ExportReport:
		return self.studio.exports.to_folder(request, folder)

	def export_zip(self, request: ExportRequest) -> Iterator[bytes]:
		"""The bytes of a zip."""
		_, pieces = self.studio.exports.stream(self.studio.exports.prepare(request))
		yield from pieces

	def settle(self) -> None:
		self.studio.settle()

	def close(self) -> None:
		self.studio.close()


def open_app(
	settings: Settings, own: Callable[[Settings], Own], beside: bool = False
) -> open_door[Own, RunningApp]:
	return open_door(settings, own, RunningApp, beside)


def open_history(
	settings: Settings, own: Callable[[Settings], Own], beside: bool = False
) -> open_door[Own, RunningHistory]:
	"""The door for what is done with the history."""
	return open_door(settings, own, RunningHistory, beside)
