"""Knows how a file behind any https link is fetched without being led to a private address."""

import threading
from collections.abc import Callable
from pathlib import Path

from localai.hub.limiter import Limiter
from localai.schemas.downloads import DownloadPlan


class Links:
	"""`models` is LOCALAI_HOME/models, `temporary` LOCALAI_HOME/tmp. `allow_local` lets loopback and
	plain http through, for tests (LOCALAI_ALLOW_LOCAL_LINKS)."""

	def __init__(
		self,
		models: Path,
		temporary: Path,
		limiter: Limiter | None = None,
		existing: Callable[[str], Path | None] = lambda sha256: None,
		allow_local: bool = False,
		stall: float = 20,
		tries: int = 6,
	): ...

	def plan(self, url: str, sha256: str = '') -> DownloadPlan:
		"""Asks for the file's name, size and first bytes. Raises LinkRefused, HubUnreachable."""
		...

	def fetch(
		self,
		plan: DownloadPlan,
		tick: Callable[[str, int, bool], None],
		stop: threading.Event,
		checking: Callable[[], None] = lambda: None,
	) -> Path:
		"""As Transfers.fetch; then the file's header decides its kind and family, and it is put
		into the folder of that kind below `models`. Returns its path. Also raises LinkRefused,
		ModelBroken."""
		...

	def have(self, plan: DownloadPlan) -> dict[str, int]: ...

	def discard(self, plan: DownloadPlan) -> int: ...
