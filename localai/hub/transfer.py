"""Knows how bytes come over: in ranges, resumable after anything, checked before anybody sees them."""

import threading
from collections.abc import Callable
from pathlib import Path

from localai.hub.limiter import Limiter
from localai.schemas.downloads import DownloadPlan


class Stopped(Exception):
	"""The transfer was asked to stop; what came is kept. Never shown to a person."""


class Transfers:
	"""All transfers of the app: one limiter and one set of connections for them together.

	`cache` is the Hugging Face cache (settings.hub). `token` is asked when needed, '' for none.
	`existing(sha256)` names a file on this disk with that content, which is then linked or copied
	after its hash was checked. `stall` is how long a silent connection is waited for, in seconds;
	`tries` how often in a row something may fail without a single byte in between.
	"""

	def __init__(
		self,
		cache: Path,
		endpoint: str = '',
		token: Callable[[], str] = str,
		limiter: Limiter | None = None,
		existing: Callable[[str], Path | None] = lambda sha256: None,
		connections: int = 8,
		stall: float = 20,
		tries: int = 6,
	): ...

	def fetch(
		self,
		plan: DownloadPlan,
		tick: Callable[[str, int, bool], None],
		stop: threading.Event,
		checking: Callable[[], None] = lambda: None,
	) -> Path:
		"""Fetches what is missing of a plan of the hub, several files at once, and makes it visible:
		blobs, then the snapshot, then refs/<revision>. Returns the snapshot folder. Blocks.

		`tick(path, bytes, fetched)` for each piece that is on the disk now and was not when `fetch`
		began: `fetched` False for reused bytes; negative bytes when a part had to be thrown away. It is called from several threads.
		`checking` is called once when all bytes are here and only their hashes are still to be checked.
		Raises Stopped, NotOnHub, Gated, BadToken, HubUnreachable, WrongBytes, DiskFull.
		"""
		...

	def have(self, plan: DownloadPlan) -> dict[str, int]:
		"""Bytes of each path of the plan that are on the disk, whole or in part; no network."""
		...

	def discard(self, plan: DownloadPlan) -> int:
		"""Removes what a cancelled download left; the bytes freed."""
		...
