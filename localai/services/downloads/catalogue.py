"""Knows what the hub offers, seen from this machine: what fits, what is here already, what can be
drawn with."""

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from localai.errors import Gated, HubUnreachable, InvalidInput
from localai.hub.choice import page_of, plan_of, which_files
from localai.hub.client import Hub, Repository
from localai.hub.links import Links
from localai.hub.recommended import recommendations
from localai.hub.token import TokenKeeper
from localai.hub.transfer import Transfers
from localai.schemas.downloads import (
	DownloadFile,
	DownloadPlan,
	DownloadRequest,
	HubComponent,
	HubModel,
	HubPage,
	HubQuery,
	Recommendation,
	TokenState,
)
from localai.schemas.families import ARCHITECTURES, FAMILIES
from localai.schemas.hardware import Machine
from localai.schemas.operations import operations
from localai.services.downloads.sources import read_request
from localai.services.hardware.fit import fit_of
from localai.services.hardware.pace import Pace, about

TEXT_LIMIT = 200
MOST = 100  # lines of a search
ANSWER = 12.0  # seconds in which the hub has to answer somebody who waits
PATIENCE = 60.0  # seconds that most people wait for a picture
RANKS = ('fits', 'offload', 'unknown', 'too large')

Result = TypeVar('Result')


class Catalogue:
	"""`machine` answers the memory and the device that pictures are drawn with; `answer` is how many
	seconds the hub has for one answer, tries and pages included."""

	def __init__(
		self,
		hub: Hub,
		transfers: Transfers,
		links: Links,
		keeper: TokenKeeper,
		machine: Callable[[], Machine],
		pace: Pace,
		answer: float = ANSWER,
	):
		self.hub = hub
		self.transfers = transfers
		self.links = links
		self.keeper = keeper
		self.machine = machine
		self.pace = pace
		self.answer = answer

	def search(self, query: HubQuery) -> tuple[HubModel, ...]:
		"""Raises InvalidInput, HubUnreachable, BadToken."""
		if len(query.text) > TEXT_LIMIT or not query.text.isprintable():
			raise InvalidInput(
				'This cannot be searched for.', 'Search for a word or two of the name.', 'text'
			)
		if query.largest < 0:
			raise InvalidInput(
				'The largest size cannot be below zero.', 'Use 0 for any size.', 'largest'
			)
		query = query.model_copy(
			update={'text': query.text.strip(), 'limit': min(MOST, max(1, query.limit))}
		)
		return tuple(
			m.model_copy(update={'have': self.transfers.has(m.repo)})
			for m in within(self.answer, lambda: self.hub.search(query))
		)

	def page(self, source: str, revision: str = 'main', variant: str = '') -> HubPage:
		"""What would be fetched of a repository, and what of it is here. Raises InvalidInput,
		NotOnHub, Gated, BadToken, HubUnreachable."""
		request = read_request(
			{'source': source, 'revision': revision, 'variant': variant}, self.hub.endpoint
		)
		if '://' in request.source:
			raise InvalidInput(
				'This is a link to a file, not a repository on the hub.',
				'Download it directly.',
				'source',
			)
		repository = self.repository(request)
		choice = which_files(repository, request.variant, request.files)
		have = {} if choice.problem else self.transfers.have(plan_of(repository, choice))
		page = page_of(repository, choice)
		components = tuple(marked(c, have) for c in page.components)
		fit, words = fit_of(page.bytes, parameters_of(page), page.family, self.machine())
		return page.model_copy(
			update={
				'components': components,
				'have': sum(f.done for c in components for f in c.files),
				'free': free_below(self.transfers.cache),
				'fit': fit,
				'fit_words': words,
				'problem': page.problem or cannot_draw(page),
			}
		)

	def plan(self, request: DownloadRequest) -> DownloadPlan:
		"""What a request of `read_request` comes to. Raises DownloadProblem, InvalidInput."""
		if '://' in request.source:
			return self.links.plan(request.source)
		repository = self.repository(request)
		if repository.gate and repository.problem:
			raise Gated(
				repository.problem,
				f'Ask for access at {repository.gate}, then enter a token with read access.',
				repository.gate,
			)
		choice = which_files(repository, request.variant, request.files)
		plan = plan_of(repository, choice)
		have = self.transfers.have(plan)
		files = tuple(
			f.model_copy(update={'have': 0 < f.bytes <= have.get(f.path, 0)}) for f in plan.files
		)
		return plan.model_copy(update={'files': files})

	def repository(self, request: DownloadRequest) -> Repository:
		return within(self.answer, lambda: self.hub.repository(request.source, request.revision))

	def recommended(self) -> tuple[Recommendation, ...]:
		"""For this machine, what will please most first: see `standing`."""
		machine, speed = self.machine(), self.pace.speed()
		found = []
		for one in recommendations():
			count = one.parameters or one.bytes // 2
			fit, _ = fit_of(one.bytes, count, one.family, machine)
			work = work_of(one)
			told = {
				'fit': fit,
				'have': self.transfers.has(one.repo),
				'seconds': about(work / speed) if work and speed else None,
			}
			waiting = work / (speed or self.pace.plain())
			found.append((standing(one.model_copy(update=told), waiting), told, one))
		found.sort(key=lambda row: row[0])
		return tuple(one.model_copy(update=told) for _, told, one in found)

	def token(self) -> TokenState:
		return self.keeper.state()

	def set_token(self, token: str) -> TokenState:
		"""'' removes it. Raises BadToken, HubUnreachable, InvalidInput."""
		token = token.strip()
		if len(token) > 1000 or not token.isprintable() or ' ' in token:
			raise InvalidInput('This is not a token.', 'Copy it from the hub again.', 'token')
		return self.keeper.write(token)


def within(seconds: float, call: Callable[[], Result]) -> Result:
	"""What `call` returns or raises; HubUnreachable when it takes longer. The hub's own library tries
	again and again, which nobody at a page wants to wait for."""
	future: Future[Result] = Future()

	def work() -> None:
		try:
			future.set_result(call())
		except BaseException as error:
			future.set_exception(error)

	threading.Thread(target=work, name='hub', daemon=True).start()
	try:
		return future.result(seconds)
	except TimeoutError:
		if future.done():  # the call's own
			raise
		raise HubUnreachable('The hub does not answer.') from None


def work_of(one: Recommendation) -> float:
	"""Operations of a picture with its settings, in its family's size where it has no other; 0 where
	they were never counted."""
	if not one.drawable:
		return 0.0
	family = FAMILIES[one.family]
	shape, own = family.shapes[0], one.settings
	size = own.width or shape.width, own.height or shape.height
	guidance = family.guidance_scale if own.guidance_scale is None else own.guidance_scale
	return one.share * operations(
		one.family, size, one.steps, guidance, own.sampler or family.default_effort.sampler
	)


def standing(one: Recommendation, seconds: float) -> tuple:
	"""What it is sorted by. Of those that fit: first what draws within anybody's patience, the freely
	licensed before others, from large to small; then the others, the quickest first. Those that do
	not fit from small to large."""
	fits = one.fit in ('fits', 'offload')
	if fits and about(seconds) <= PATIENCE:
		order: tuple = 0, not one.commercial, -one.memory
	elif fits:
		order = 1, seconds, -one.memory
	else:
		order = 2, one.memory
	return not one.drawable, RANKS.index(one.fit), order, one.name


def marked(component: HubComponent, have: dict[str, int]) -> HubComponent:
	"""With what is here of each file."""
	return component.model_copy(
		update={
			'files': tuple(
				DownloadFile(
					path=f.path,
					bytes=f.bytes,
					done=min(f.bytes, have.get(f.path, 0)),
					have=0 < f.bytes <= have.get(f.path, 0),
				)
				for f in component.files
			)
		}
	)


def parameters_of(page: HubPage) -> int:
	"""A count from bytes: plain files beside halved ones are in single precision."""
	whole = not page.variant and bool({'fp16', 'bf16'} & set(page.variants))
	return page.bytes // (4 if whole else 2)


def cannot_draw(page: HubPage) -> str:
	"""Why this version does not draw with it, '' when it does or when it is no checkpoint."""
	if page.kind not in ('checkpoint', 'unknown') or page.family in FAMILIES:
		return ''
	if page.family == 'unknown':
		return 'The hub does not say what this is. LocalAI will find out once it is downloaded.'
	return (
		f'LocalAI cannot draw with {ARCHITECTURES[page.family].title} yet. '
		'It can still be downloaded.'
	)


def free_below(folder: Path) -> int:
	"""Bytes free on the disk of a folder that may not exist yet."""
	while not folder.exists() and folder != folder.parent:
		folder = folder.parent
	return shutil.disk_usage(folder).free
