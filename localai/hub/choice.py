"""Knows which files of a repository are fetched: what diffusers would load, and nothing else."""

from typing import Literal

from localai.hub.client import Repository
from localai.schemas.base import Schema
from localai.schemas.downloads import DownloadPlan, HubPage, PlannedFile


class Choice(Schema):
	"""`layout` is 'pipeline' (model_index.json), 'component' (config.json and weights) or 'files' (single files to choose from, then
	`variants` are their paths). `variants` has '' where the plain files are complete; `variant` is the one that was chosen. `unsafe`
	counts pickles that are left out. `problem` says why nothing can be fetched, '' when it can."""

	layout: Literal['pipeline', 'component', 'files', 'nothing']
	variants: tuple[str, ...] = ()
	variant: str = ''
	files: tuple[PlannedFile, ...] = ()
	unsafe: int = 0
	problem: str = ''


def which_files(repository: Repository, variant: str = '', files: tuple[str, ...] = ()) -> Choice:
	"""`files` narrows to these paths instead. Raises InvalidInput for a variant or a path that the
	repository does not have."""
	...


def page_of(repository: Repository, choice: Choice) -> HubPage:
	"""Without `have`, `free` and `fit`, which need the disk and the machine."""
	...


def plan_of(repository: Repository, choice: Choice) -> DownloadPlan: ...
