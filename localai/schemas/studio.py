"""Knows what a page shows of the whole app at one moment."""

from localai.schemas.base import Schema
from localai.schemas.downloads import DownloadSnapshot
from localai.schemas.hardware import EngineStatus
from localai.schemas.jobs import JobSnapshot


class StudioSnapshot(Schema):
	"""The engine (of the first device that works; `others` are those of further devices), the live
	jobs in the order they will be drawn, the job that ended last, the downloads; `library` grows
	with every change of the models, `history` with every one of the pictures."""

	engine: EngineStatus = EngineStatus()
	others: tuple[EngineStatus, ...] = ()
	queue: tuple[JobSnapshot, ...] = ()
	last: JobSnapshot | None = None
	downloads: tuple[DownloadSnapshot, ...] = ()
	library: int = 0
	history: int = 0
