"""Knows the hub's answers: searching, what a repository holds, who a token belongs to."""

from collections.abc import Callable

from localai.schemas.base import Schema
from localai.schemas.downloads import HubModel, HubQuery, PlannedFile
from localai.schemas.models import ArchitectureName, KindName


class Repository(Schema):
	"""A repository at one commit. `classes` is what model_index.json says of each component
	(library and class), empty for a repository that is no pipeline; `ignored` its `_ignore_files`."""

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
	classes: dict[str, tuple[str, ...]] = {}
	ignored: tuple[str, ...] = ()
	files: tuple[PlannedFile, ...] = ()
	# Why it cannot be fetched as it is, '' when it can.
	problem: str = ''


class Hub:
	"""The hub at `endpoint` ('' for huggingface_hub's own choice, which is HF_ENDPOINT). `token` is
	asked before each call and may return ''. Everything blocks, for `timeout` seconds at most per
	request, and raises NotOnHub, Gated (with link), BadToken or HubUnreachable."""

	def __init__(self, endpoint: str = '', token: Callable[[], str] = str, timeout: float = 10): ...

	def search(self, query: HubQuery) -> tuple[HubModel, ...]: ...

	def repository(self, repo: str, revision: str = 'main') -> Repository:
		"""Raises InvalidInput when `repo` is not of the form org/name."""
		...

	def whoami(self, token: str) -> str:
		"""The name of the account. Raises BadToken."""
		...
