"""What every page sees of the whole app: kept here, told from here, and from nowhere else."""

import threading
from collections.abc import AsyncIterator, Sequence

from localai.schemas.downloads import DownloadSnapshot
from localai.schemas.hardware import EngineStatus
from localai.schemas.jobs import JobSnapshot
from localai.schemas.studio import StudioSnapshot
from localai.services.feed import Feed

BEAT = 10.0  # seconds after which a quiet feed repeats itself, so that doors know it is alive


class Presence:
	"""Each noun says what changed of it, from any thread and with its own lock held: nothing here
	calls back. One change is one snapshot for all who look.
	"""

	def __init__(self) -> None:
		self.lock = threading.Lock()
		self.feed: Feed[StudioSnapshot] = Feed(StudioSnapshot())

	@property
	def now(self) -> StudioSnapshot:
		return self.feed.value

	def watch(self) -> AsyncIterator[StudioSnapshot]:
		"""Everything a page shows: the latest at once, each change, and a heartbeat."""
		return self.feed.follow_async(BEAT)

	def close(self) -> None:
		"""Ends every watching."""
		self.feed.close()

	# Who tells

	def show_engines(self, engine: EngineStatus, others: Sequence[EngineStatus] = ()) -> None:
		self.publish(engine=engine, others=tuple(others))

	def show_jobs(self, queue: Sequence[JobSnapshot], last: JobSnapshot | None) -> None:
		self.publish(queue=tuple(queue), last=last)

	def show_downloads(self, downloads: tuple[DownloadSnapshot, ...]) -> None:
		self.publish(downloads=downloads)

	def show_library(self, version: int) -> None:
		"""The models changed."""
		self.publish(library=version)

	def show_history(self) -> None:
		"""The pictures changed."""
		with self.lock:
			self.feed.publish(self.now.model_copy(update={'history': self.now.history + 1}))

	def publish(self, **changes: object) -> None:
		with self.lock:
			self.feed.publish(self.now.model_copy(update=changes))
