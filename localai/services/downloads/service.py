"""Downloads, as verbs: what is fetched, in which order, and what becomes of it when it is here."""

import logging
import secrets
import time
from collections.abc import Callable, Mapping

from pydantic import ValidationError

from localai.errors import (
	HubUnreachable,
	InvalidInput,
)
from localai.hub.limiter import Limiter
from localai.schemas.downloads import (
	AT_ONCE_LIMIT,
	DownloadLimits,
	DownloadRequest,
	DownloadSnapshot,
	DownloadState,
	HubModel,
	HubPage,
	HubQuery,
	Recommendation,
	TokenState,
)
from localai.services.downloads.arrivals import Publish, progress
from localai.services.downloads.catalogue import Catalogue
from localai.services.downloads.fetching import Fetching, Models
from localai.services.downloads.sources import read_request
from localai.store.downloads import Downloads
from localai.store.preferences import Preferences

log = logging.getLogger('localai.downloads')
KEY = 'downloads'  # of the preferences


class DownloadService(Fetching):
	def __init__(
		self,
		store: Downloads,
		preferences: Preferences,
		catalogue: Catalogue,
		limiter: Limiter,
		models: Models,
		load: Callable[[str], object],
		publish: Publish,
		patience: tuple[float, float] = (2.0, 60.0),
	):
		super().__init__(store, catalogue, models, load, publish, patience)
		self.preferences = preferences
		self.limiter = limiter

	def open(self, resume: bool = True) -> int:
		"""With `resume`, what the last run left goes on from the bytes on the disk; what was paused
		stays so, and nothing stays of what was cancelled. Returns how many wait."""
		limits = self.limits()
		self.at_once, self.limiter.rate = limits.at_once, limits.speed
		with self.lock:
			self.ended = {d.id: d for d in self.store.recent(50)}
			if resume:
				for download_id, plan in self.store.given_up():
					self.give_up(download_id, plan)
				for download in self.store.pending():
					self.take_up(download, 'paused' if download.state == 'paused' else 'queued')
			self.tell()
			self.dispatch()
			return len(self.live)

	def unfinished(self) -> set[str]:
		"""By which names the files of downloads that go on begin, among the temporary ones."""
		plans = [self.store.plan(download.id) for download in self.store.pending()]
		links = self.catalogue.links
		return {links.waiting(plan).stem for plan in plans if plan and plan.url}

	def adopt(self, fields: Mapping[str, object]) -> None:
		"""Takes up what an earlier run began of this request, as paused: for a command, which leaves
		the other downloads to the app. Raises InvalidInput."""
		request = read_request(fields, self.catalogue.hub.endpoint)
		with self.lock:
			for download in self.store.pending():
				if download.id not in self.live and same(download.request, request):
					self.take_up(download, 'paused')

	def take_up(self, download: DownloadSnapshot, state: DownloadState) -> None:
		"""A stored download, as far as it is."""
		if state != download.state:
			self.store.change(download.id, state)
		plan = self.store.plan(download.id)
		done = progress(plan, self.have(plan)) if plan else {}
		self.add(download.model_copy(update={'state': state, **done}))

	# What there is

	def search(self, query: HubQuery) -> tuple[HubModel, ...]:
		return self.catalogue.search(query)

	def page(self, repo: str, revision: str = 'main', variant: str = '') -> HubPage:
		return self.catalogue.page(repo, revision, variant)

	def recommended(self) -> tuple[Recommendation, ...]:
		return self.catalogue.recommended()

	def token(self) -> TokenState:
		return self.catalogue.token()

	def set_token(self, token: str) -> TokenState:
		return self.catalogue.set_token(token)

	def limits(self) -> DownloadLimits:
		try:
			return DownloadLimits.model_validate(self.preferences.read(KEY) or {})
		except ValidationError:  # written by a version that knew other limits
			return DownloadLimits()

	def set_limits(self, limits: DownloadLimits) -> DownloadLimits:
		"""What runs already goes on. Raises InvalidInput."""
		if not 1 <= limits.at_once <= AT_ONCE_LIMIT:
			raise InvalidInput(
				f'{limits.at_once} downloads at once are not possible.',
				f'Choose 1 to {AT_ONCE_LIMIT}.',
				'at_once',
			)
		if not 0 <= limits.speed < 10**12:
			raise InvalidInput('The speed is not valid.', 'Choose 0 for no limit.', 'speed')
		self.preferences.write(KEY, limits.model_dump())
		self.at_once, self.limiter.rate = limits.at_once, limits.speed
		self.dispatch()
		return limits

	# What a person does

	def start(self, fields: Mapping[str, object] | DownloadRequest) -> DownloadSnapshot:
		"""Validates, asks what there is to fetch, writes the row. A second download of the same
		thing joins the first, or takes the place of one that has ended. Without a network it waits
		for one.

		Raises InvalidInput, NotOnHub, Gated, BadToken, LinkRefused, DiskFull, StorageProblem.
		"""
		request = read_request(fields, self.catalogue.hub.endpoint)
		joined = self.join(request)
		if joined:
			return joined
		try:
			plan = self.catalogue.plan(request)
			self.check_disk(plan, self.have(plan))
		except HubUnreachable as error:
			log.warning('%s waits for the network: %s', request.source, error.message)
			plan = None
		with self.lock:
			joined = self.join(request)
			if joined:
				return joined
			download_id = f'{time.time_ns() // 1_000_000:011x}{secrets.token_hex(2)}'
			for old in [d for d in self.ended.values() if same(d.request, request)]:
				self.store.forget(old.id)
				del self.ended[old.id]
			download = self.store.add(download_id, request, plan)
			log.info('download %s queued as %s', download.name, download_id)
			self.add(download)
			self.dispatch()
			return self.live.get(download_id, download)

	def join(self, request: DownloadRequest) -> DownloadSnapshot | None:
		"""The pending download of the same files, which now also does what this one wants."""
		with self.lock:
			twin = next((d for d in self.live.values() if same(d.request, request)), None)
			if twin is None:
				return None
			if request.then_load and not twin.request.then_load:
				wanted = twin.request.model_copy(update={'then_load': True})
				self.store.ask(twin.id, wanted)
				self.update(twin.id, request=wanted)
			return self.resume(twin.id)

	def pause(self, download_id: str) -> DownloadSnapshot:
		with self.lock:
			download = self.get(download_id)
			if download.pending and download.state != 'paused':
				self.change(download.id, 'paused', error=None)
				self.leave_alone(download.id)
			return self.get(download_id)

	def resume(self, download_id: str) -> DownloadSnapshot:
		"""Goes on with a paused one at once, with a waiting one now, with a failed or cancelled one
		again."""
		with self.lock:
			download = self.get(download_id)
			if download.state in ('failed', 'cancelled'):
				twin = next(
					(d for d in self.live.values() if same(d.request, download.request)), None
				)
				if twin:
					return twin
				self.store.change(download.id, 'queued')
				changes = {'state': 'queued', 'error': None, 'finished_at': None}
				self.add(download.model_copy(update=changes))
				self.arrange(list(self.live))  # at the end, also after a restart
			elif download.state == 'paused':
				self.change(download.id, 'queued')
			self.later.pop(download.id, None)
			self.failures.pop(download.id, None)
			self.dispatch()
			return self.get(download_id)

	def cancel(self, download_id: str) -> DownloadSnapshot:
		"""Nothing of it stays but what was whole and in use before."""
		with self.lock:
			download = self.get(download_id)
			if not download.pending:
				return download
			run, plan = self.leave_alone(download.id), self.store.plan(download.id)
			self.end(download.id, 'cancelled', done=0, files=())
			if run:
				run.discard = True
		if plan and not run:
			self.give_up(download_id, plan)
		return self.get(download_id)

	def move(self, download_id: str, position: int) -> DownloadSnapshot:
		"""Puts a pending one to a place, counted as `DownloadSnapshot.position` counts."""
		with self.lock:
			download = self.get(download_id)
			if not download.pending:
				raise InvalidInput(
					'That download has ended.',
					'Only downloads that have not ended can be moved.',
					'download',
				)
			ids = [i for i in self.live if i != download.id]
			ids.insert(max(0, position), download.id)
			self.arrange(ids)
			return self.get(download_id)

	def forget(self, download_id: str) -> DownloadSnapshot:
		"""Takes an ended one off the list; what a failed one left on the disk goes with it."""
		with self.lock:
			download = self.get(download_id)
			if download.pending:
				raise InvalidInput(
					'That download has not ended yet.', 'Cancel it first.', 'download'
				)
			plan = self.store.plan(download.id)
			if download.state == 'failed' and plan and not self.busy(download.request.source):
				self.discard(plan)
			self.store.forget(download.id)
			self.ended.pop(download.id, None)
			self.tell()
			return download


def same(one: DownloadRequest, other: DownloadRequest) -> bool:
	"""Whether two requests come to the same files."""
	return one.model_copy(update={'then_load': False, 'kind': None}) == other.model_copy(
		update={'then_load': False, 'kind': None}
	)
