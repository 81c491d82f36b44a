"""Knows what can be fetched, what is being fetched, and how far it is."""

from datetime import datetime
from typing import Literal

from localai.schemas.base import Kept, Schema
from localai.schemas.families import ArchitectureName
from localai.schemas.jobs import Problem
from localai.schemas.models import FitName, KindName, ModelDefaults

DownloadState = Literal[
	'queued', 'running', 'paused', 'checking', 'finished', 'cancelled', 'failed'
]
PENDING: frozenset[DownloadState] = frozenset(('queued', 'running', 'paused', 'checking'))
PrecisionName = Literal['', 'fp16', 'bf16', 'fp32']
HubSort = Literal['trending', 'downloads', 'likes', 'newest']


class DownloadRequest(Schema):
	"""What a person asked for: a hub repository ('org/name'), or an https link to one file.

	`variant` is '' for the files the repository gives by default, else such as 'fp16'. `files` narrows
	a repository to these paths. `then_load` loads the model when it is here.
	"""

	source: str
	revision: str = 'main'
	variant: str = ''
	files: tuple[str, ...] = ()
	kind: KindName | None = None
	then_load: bool = False


class DownloadFile(Schema):
	"""One file of a download. `done` counts bytes on the disk; `have` says it was here already."""

	path: str
	bytes: int
	done: int = 0
	have: bool = False


class PlannedFile(Kept):
	"""A file to be fetched. `etag` is what the hub calls its content; `sha256` is '' where nobody
	promises one (small files, most links). `have` says it was here before the download began."""

	path: str
	bytes: int
	etag: str = ''
	sha256: str = ''
	have: bool = False


class DownloadPlan(Kept):
	"""What a download fetches, settled when it starts, so that it goes on with the same bytes after
	a restart. `repo`, `commit` and the `revision` that was asked for, for the hub; `url` for a link,
	and `folder` where its file goes, below LOCALAI_HOME/models."""

	name: str
	repo: str = ''
	commit: str = ''
	revision: str = 'main'
	url: str = ''
	folder: str = ''
	files: tuple[PlannedFile, ...] = ()

	@property
	def bytes(self) -> int:
		return sum(f.bytes for f in self.files)


class DownloadSnapshot(Schema):
	"""A download now. `speed` in bytes a second, `eta` in seconds; `reused` are bytes that were not
	fetched because they were on the disk already. `model` is the id in the library once finished.
	A pending download with an `error` waits and goes on by itself (no network)."""

	id: str
	name: str
	state: DownloadState
	request: DownloadRequest
	bytes: int = 0
	done: int = 0
	reused: int = 0
	speed: float = 0.0
	eta: float | None = None
	position: int = 0
	files: tuple[DownloadFile, ...] = ()
	model: str = ''
	error: Problem | None = None
	created_at: datetime
	finished_at: datetime | None = None

	@property
	def pending(self) -> bool:
		return self.state in PENDING


AT_ONCE_LIMIT = 16


class DownloadLimits(Schema):
	"""How many at once, and bytes a second for all together (0: no limit)."""

	at_once: int = 2
	speed: int = 0


class HubQuery(Schema):
	text: str = ''
	family: ArchitectureName | None = None
	licence: str = ''
	# Bytes of weights at most, 0 for any.
	largest: int = 0
	gated: bool | None = None
	sort: HubSort = 'trending'
	limit: int = 30


class HubModel(Schema):
	"""A line of the search. `bytes` is what its files weigh in all, 0 when the hub does not say."""

	repo: str
	family: ArchitectureName
	kind: KindName
	licence: str = ''
	gated: bool = False
	downloads: int = 0
	likes: int = 0
	bytes: int = 0
	updated: datetime | None = None
	have: bool = False


class HubComponent(Schema):
	"""One folder of a repository ('unet', 'vae', ...; '' for the files at its top)."""

	name: str
	bytes: int
	files: tuple[DownloadFile, ...]


class HubPage(Schema):
	"""A repository as it would be fetched in the chosen variant: every file, and what is here already.

	`unsafe` counts pickle files that will not be fetched. `gate` is the link where access is asked for.
	"""

	repo: str
	revision: str
	commit: str
	family: ArchitectureName
	kind: KindName
	licence: str = ''
	licence_link: str = ''
	gated: bool = False
	gate: str = ''
	private: bool = False
	variants: tuple[str, ...] = ()
	variant: str = ''
	components: tuple[HubComponent, ...] = ()
	bytes: int = 0
	have: int = 0
	free: int = 0
	unsafe: int = 0
	fit: FitName = 'unknown'
	fit_words: str = ''
	problem: str = ''


class TokenState(Schema):
	"""Whether there is a token for the hub, never the token. `name` is the account, '' when it was
	not asked."""

	present: bool
	name: str = ''
	source: Literal['', 'environment', 'file'] = ''


class Recommendation(Schema):
	"""A model worth having on some machine, and how it is drawn with.

	`why` says in a few words what it is good for, `words` in a sentence. `memory` is what drawing
	needs, in bytes, on a GPU or, without one, in main memory. `parameters` is a count where the files
	are not in half precision, else 0. `settings` are what a good picture needs where the family's own
	would give a bad one; they become the model's own when it is here.

	`share` is what it computes of what the plain model of its family does. `seconds` is about what a
	picture takes on this machine, None where nobody can say.
	"""

	repo: str
	name: str
	family: ArchitectureName
	why: str
	words: str
	licence: str
	bytes: int
	memory: int
	steps: int
	settings: ModelDefaults = ModelDefaults()
	share: float = 1.0
	parameters: int = 0
	gated: bool = False
	variant: str = ''
	commercial: bool = True
	# Whether this version of LocalAI draws with it.
	drawable: bool = True
	fit: FitName = 'unknown'
	have: bool = False
	seconds: float | None = None
