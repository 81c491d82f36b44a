"""Knows the hub's answers: searching, what a repository holds, who a token belongs to."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import quote

from huggingface_hub import constants, errors
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status, httpx
from pydantic import ConfigDict, ValidationError

from localai.errors import BadToken, Gated, HubUnreachable, InvalidInput, LocalAIError, NotOnHub
from localai.hub.cache import REVISION, check_file, check_repository
from localai.hub.families import family_of, kind_of
from localai.hub.wire import Refused, origin
from localai.schemas.base import Schema
from localai.schemas.downloads import HubModel, HubQuery, PlannedFile
from localai.schemas.families import ArchitectureName
from localai.schemas.models import KindName

logger = logging.getLogger(__name__)

# Nothing is told to anybody about who uses what.
constants.HF_HUB_DISABLE_TELEMETRY = True
SORTS = {
	'trending': 'trendingScore',
	'downloads': 'downloads',
	'likes': 'likes',
	'newest': 'createdAt',
}
FIELDS = [
	'cardData', 'config', 'createdAt', 'downloads', 'gated', 'gguf', 'lastModified', 'library_name',
	'likes', 'pipeline_tag', 'private', 'safetensors', 'tags', 'usedStorage',
]  # fmt: skip
# A page of search results is filtered here where the hub cannot; so many are looked at, at most.
LOOKED_AT = 400
PAGE = 100
INDEX_BYTES = 1_000_000


class Told(Schema):
	"""What the hub says, as far as we listen; spelled as it does. HfApi would say the same, but importing it takes
	longer than most of our commands."""

	model_config = ConfigDict(extra='ignore')


class Lfs(Told):
	sha256: str
	size: int


class Sibling(Told):
	rfilename: str
	size: int | None = None
	blobId: str | None = None
	lfs: Lfs | None = None


class Info(Told):
	id: str
	sha: str = ''
	private: bool | None = False
	gated: bool | str | None = False
	tags: tuple[str, ...] = ()
	pipeline_tag: str | None = None
	library_name: str | None = None
	downloads: int | None = 0
	likes: int | None = 0
	usedStorage: int | None = 0
	lastModified: datetime | None = None
	createdAt: datetime | None = None
	cardData: dict[str, Any] | None = None
	config: dict[str, Any] | None = None
	siblings: tuple[Sibling, ...] | None = None


class Repository(Schema):
	"""A repository at one commit. `classes` is what model_index.json says of each component
	(library and class), empty for a repository that is no pipeline; `ignored` its `_ignore_files`;
	`pipeline` its class."""

	repo: str
	revision: str
	commit: str
	family: ArchitectureName = 'unknown'
	kind: KindName = 'unknown'
	private: bool = False
	gated: bool = False
	# The page where access is asked for, '' when nobody needs to ask.
	gate: str = ''
	tags: tuple[str, ...] = ()
	licence: str = ''
	licence_link: str = ''
	pipeline: str = ''
	classes: dict[str, tuple[str | None, ...]] = {}
	ignored: tuple[str, ...] = ()
	files: tuple[PlannedFile, ...] = ()
	# Why it cannot be fetched as it is, '' when it can.
	problem: str = ''


class Hub:
	"""The hub at `endpoint` ('' for huggingface_hub's own choice, which is HF_ENDPOINT). `token` is
	asked before each call and may return ''. Everything blocks, for `timeout` seconds at most per
	request, and raises NotOnHub, Gated (with link), BadToken or HubUnreachable."""

	def __init__(self, endpoint: str = '', token: Callable[[], str] = str, timeout: float = 10):
		self.endpoint = (endpoint or constants.ENDPOINT).rstrip('/')
		self.token = token
		self.timeout = timeout

	def search(self, query: HubQuery) -> tuple[HubModel, ...]:
		"""Text, licence and gate are asked of the hub; family and size are looked for in what it finds."""
		narrowed = query.family is not None or query.largest > 0
		asked: dict[str, Any] = {
			'sort': SORTS[query.sort],
			'limit': PAGE if narrowed else query.limit,
			'expand': FIELDS,
			'filter': self.wanted(query),
		}
		if query.text.strip():
			asked['search'] = query.text.strip()
		if query.gated is not None:
			asked['gated'] = 'true' if query.gated else 'false'
		models: list[HubModel] = []
		with translated('', self.endpoint, bool(self.token())):
			for item in self.pages(asked):
				model = model_of(Info.model_validate(item))
				if query.family not in (None, model.family):
					continue
				if query.largest and not 0 < model.bytes <= query.largest:
					continue
				models.append(model)
				if len(models) >= query.limit:
					break
		return tuple(models)

	def pages(self, first: dict[str, Any]) -> Iterator[dict[str, Any]]:
		"""One result after the other. HfApi.list_models would try for half a minute when the hub is down."""
		url, left = f'{self.endpoint}/api/models', LOOKED_AT
		asked: dict[str, Any] | None = first
		until = time.monotonic() + self.timeout
		while url and left > 0 and time.monotonic() < until:
			response = self.get(url, params=asked)
			for item in response.json():
				yield item
				left -= 1
			url, asked = response.links.get('next', {}).get('url', ''), None
			if origin(url or self.endpoint) != origin(self.endpoint):
				return  # the token is for this hub alone

	def get(self, url: str, token: str = '', **options: Any) -> httpx.Response:
		headers = build_hf_headers(token=token or self.token() or False, library_name='localai')
		response = get_session().get(
			url, headers=headers, timeout=self.timeout, follow_redirects=True, **options
		)
		hf_raise_for_status(response)
		return response

	def wanted(self, query: HubQuery) -> list[str]:
		"""Without words to look for, only pictures' models are of interest."""
		task = [] if query.text.strip() else ['text-to-image']
		return [*task, *([f'license:{query.licence}'] if query.licence else [])]

	def repository(self, repo: str, revision: str = 'main') -> Repository:
		"""One question, and one more for a pipeline's model_index.json. Raises InvalidInput when `repo` is not of the form org/name."""
		check_repository(repo)
		if not REVISION.fullmatch(revision) or '..' in revision:
			raise InvalidInput(f'{revision!r} is not a revision.', field='revision')
		with translated(repo, self.endpoint, bool(self.token())):
			url = f'{self.endpoint}/api/models/{repo}/revision/{quote(revision, safe="")}'
			info = Info.model_validate(self.get(url, params={'blobs': 'true'}).json())
			files = tuple(planned(repo, s) for s in info.siblings or ())
			index: dict[str, Any] = {}
			problem = ''
			if any(f.path == 'model_index.json' for f in files):
				try:
					index = self.read_index(repo, info.sha or revision)
				except Gated as error:
					problem = error.message
		return repository_of(info, repo, revision, files, index, problem, self.endpoint)

	def read_index(self, repo: str, commit: str) -> dict[str, Any]:
		url = address_of(self.endpoint, repo, commit, 'model_index.json')
		with translated(repo, self.endpoint, bool(self.token())):
			response = self.get(url)
		try:
			content = json.loads(response.content[:INDEX_BYTES])
		except (ValueError, RecursionError):
			return {}
		return content if isinstance(content, dict) else {}

	def whoami(self, token: str) -> str:
		"""The name of the account. Raises BadToken."""
		with translated('', self.endpoint, True):
			answer = self.get(f'{self.endpoint}/api/whoami-v2', token).json()
			return str(answer['name'])


@contextmanager
def translated(repo: str, endpoint: str, with_token: bool = False) -> Iterator[None]:
	"""What huggingface_hub raises becomes ours."""
	try:
		yield
	except LocalAIError:
		raise
	except errors.HFValidationError as error:
		raise InvalidInput(f'{repo!r} is not the name of a repository.', field='source') from error
	except errors.OfflineModeIsEnabled as error:
		raise HubUnreachable(
			'LocalAI does not contact the hub because HF_HUB_OFFLINE is set.',
			'Unset it and restart LocalAI.',
		) from error
	except errors.HfHubHTTPError as error:
		response = getattr(error, 'response', None)
		status = response.status_code if response is not None else 500
		code = response.headers.get('X-Error-Code', '') if response is not None else ''
		refusal = Refused(status, code, login=with_token)
		raise refusal_of(repo, endpoint, refusal) from error
	except (httpx.HTTPError, OSError) as error:
		raise HubUnreachable(f'The hub at {endpoint} does not answer.') from error
	except (KeyError, TypeError, ValueError, AttributeError, ValidationError) as error:
		raise HubUnreachable(
			f'The server at {endpoint} does not answer like a hub.',
			'Check HF_ENDPOINT and the network.',
		) from error


def refusal_of(repo: str, endpoint: str, refusal: Refused, path: str = '') -> LocalAIError:
	"""Our error for what the hub refuses."""
	what = repo or 'the hub'
	if refusal.code == 'GatedRepo':
		link = f'{endpoint}/{repo}'
		return Gated(
			f'The owners of {what} ask you to accept their terms first.',
			f'Ask for access at {link}, then enter a token from that account.',
			link=link,
		)
	if refusal.code == 'RevisionNotFound':
		return NotOnHub(f'{what} has no such revision.', 'Check the revision.')
	if refusal.code == 'EntryNotFound':
		return NotOnHub(
			f'{path or "A file"} is no longer in {what}.', 'Look at the repository again.'
		)
	if not repo and refusal.status == 404:
		return HubUnreachable(
			f'The server at {endpoint} does not answer like a hub.',
			'Check HF_ENDPOINT and the network.',
		)
	if refusal.code == 'RepoNotFound' or refusal.status == 404:
		return NotOnHub(f'There is no repository {what} on the hub, or it is private.')
	if refusal.status == 401 and not refusal.login:
		return NotOnHub(f'The hub does not show {what} without a token.')
	if refusal.status == 401:
		return BadToken('The hub does not accept the token.')
	if refusal.status == 403:
		return NotOnHub(
			f'The hub does not allow access to {what}.', 'Enter a token that has access.'
		)
	if refusal.status == 429:
		return HubUnreachable(
			'The hub is getting too many requests.', 'Try again in a few minutes.'
		)
	return HubUnreachable(f'The hub answered with error {refusal.status}.')


def address_of(endpoint: str, repo: str, commit: str, path: str) -> str:
	return f'{endpoint}/{repo}/resolve/{commit}/{quote(path)}'


def planned(repo: str, sibling: Sibling) -> PlannedFile:
	lfs = sibling.lfs.sha256 if sibling.lfs else ''
	size = sibling.lfs.size if sibling.lfs else sibling.size
	file = PlannedFile(
		path=sibling.rfilename, bytes=size or 0, etag=lfs or sibling.blobId or '', sha256=lfs
	)
	check_file(repo, file)
	return file


def licence_of(info: Info) -> tuple[str, str]:
	"""Its name and, where there is one, its link. 'other' hides the name in another field."""
	card = info.cardData or {}
	tagged = next((t[8:] for t in info.tags if t.startswith('license:')), '')
	name = card.get('license') or tagged
	if isinstance(name, list):
		name = name[0] if name else ''
	if name == 'other':
		name = card.get('license_name') or name
	link = card.get('license_link') or ''
	return str(name), str(link) if str(link).startswith('https://') else ''


def class_of(info: Info) -> str:
	diffusers = (info.config or {}).get('diffusers') or {}
	found = diffusers.get('_class_name') if isinstance(diffusers, dict) else ''
	return found if isinstance(found, str) else ''


def bases_of(info: Info) -> tuple[str, ...]:
	base = (info.cardData or {}).get('base_model') or ()
	bases = (base,) if isinstance(base, str) else base
	return tuple(b for b in bases if isinstance(b, str))


def model_of(info: Info) -> HubModel:
	tags = tuple(info.tags)
	pipeline = class_of(info)
	names = (info.id, *bases_of(info))
	return HubModel(
		repo=info.id,
		family=family_of(pipeline, tags, names),
		kind=kind_of(pipeline, tags, info.library_name or '', info.pipeline_tag or ''),
		licence=licence_of(info)[0],
		gated=bool(info.gated),
		downloads=info.downloads or 0,
		likes=info.likes or 0,
		bytes=info.usedStorage or 0,
		updated=info.lastModified or info.createdAt,
	)


def repository_of(
	info: Info,
	repo: str,
	revision: str,
	files: tuple[PlannedFile, ...],
	index: dict[str, Any],
	problem: str,
	endpoint: str,
) -> Repository:
	model = model_of(info)
	pipeline = index.get('_class_name') or class_of(info)
	if isinstance(pipeline, list):  # a class of its own: code, which is never run
		pipeline = ''
		problem = 'This repository contains its own program code, which LocalAI does not run.'
	tags = tuple(info.tags)
	licence, link = licence_of(info)
	if not link and any(f.path in ('LICENSE', 'LICENSE.md') for f in files):
		name = next(f.path for f in files if f.path in ('LICENSE', 'LICENSE.md'))
		link = f'{endpoint}/{repo}/blob/{info.sha}/{name}'
	names = (repo, *bases_of(info))
	return Repository(
		repo=repo,
		revision=revision,
		commit=info.sha or '',
		family=family_of(pipeline, tags, names),
		kind='checkpoint' if index else model.kind,
		private=bool(info.private),
		gated=bool(info.gated),
		gate=f'{endpoint}/{repo}' if info.gated else '',
		tags=tags,
		licence=licence,
		licence_link=link,
		pipeline=pipeline,
		classes={
			k: tuple(v if isinstance(v, str) else None for v in value[:2])
			for k, value in index.items()
			if isinstance(value, list) and k not in ('_class_name', '_ignore_files')
		},
		ignored=tuple(f for f in index.get('_ignore_files') or () if isinstance(f, str)),
		files=files,
		problem=problem,
	)
