"""Knows how a download of the hub becomes a snapshot in the shared cache: everything checked, nothing twice."""

import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout
from huggingface_hub import constants

from localai.errors import DiskFull, HubUnreachable, StorageProblem, WrongBytes
from localai.hub.cache import RepositoryCache, free_at, has_snapshot
from localai.hub.client import address_of, refusal_of
from localai.hub.fetch import WATCH, Fetch, Run, Stopped
from localai.hub.limiter import Limiter
from localai.hub.part import Digest, Part, guard
from localai.hub.wire import Source
from localai.schemas.downloads import DownloadPlan, PlannedFile

logger = logging.getLogger(__name__)

__all__ = ['Stopped', 'Tick', 'Transfers']
Tick = Callable[[str, int, bool], None]
AT_ONCE = 8
# Bytes of the disk that are left alone.
SPARE = 100_000_000


class Meter:
	"""Tells `tick` of bytes that were not told of yet."""

	def __init__(self, path: str, told: int, tick: Tick):
		self.path, self.told, self.tick = path, told, tick
		self.lock = threading.Lock()

	def add(self, count: int, fetched: bool = True) -> None:
		with self.lock:
			self.told += count
		self.tick(self.path, count, fetched)

	def settle(self, count: int) -> None:
		"""So many are there in all; the difference was not fetched, or is lost."""
		if count != self.told:
			self.add(count - self.told, False)


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
		spare: int = SPARE,
	):
		self.cache = Path(cache)
		self.endpoint = (endpoint or constants.ENDPOINT).rstrip('/')
		self.token = token
		self.limiter = limiter or Limiter()
		self.existing = existing
		self.connections = connections
		self.slots = threading.Semaphore(connections)
		self.stall, self.tries, self.spare = stall, tries, spare

	def fetch(
		self,
		plan: DownloadPlan,
		tick: Tick,
		stop: threading.Event,
		checking: Callable[[], None] = lambda: None,
	) -> Path:
		"""Fetches what is missing of a plan of the hub, several files at once, and makes it visible:
		blobs, then the snapshot, then refs/<revision>. Returns the snapshot folder. Blocks.

		`tick(path, bytes, fetched)` for each piece that is on the disk now and was not when `fetch`
		began: `fetched` False for reused bytes; negative bytes when a part had to be thrown away. It
		is called from several threads. `checking` is called once when all bytes are here and only
		hashes are still to be checked.
		Raises Stopped, NotOnHub, Gated, BadToken, HubUnreachable, WrongBytes, DiskFull.
		"""
		if constants.is_offline_mode():
			raise HubUnreachable(
				'Nothing can be downloaded because HF_HUB_OFFLINE is set.',
				'Unset it and restart LocalAI.',
			)
		# 1. What is there, and what is not
		repository = RepositoryCache(self.cache, plan)
		meters = {p: Meter(p, n, tick) for p, n in self.have(plan).items()}
		missing = {f.etag: f for f in plan.files if not repository.has(f)}
		# 2. Will it fit?
		reusable = {e: self.find(repository, f) for e, f in missing.items()}
		need = sum(f.bytes - meters[f.path].told for e, f in missing.items() if reusable[e] is None)
		check_space(self.cache, need, self.spare)
		repository.prepare()
		# 3. The large ones first, so that the small ones fill the gaps
		order = sorted(missing.values(), key=lambda f: -f.bytes)
		run = Run(self.slots, self.limiter, self.stall, self.tries)
		run.expect(len(order), checking)
		bring_all(
			run,
			stop,
			[
				partial(self.bring, run, repository, f, reusable[f.etag], meters[f.path])
				for f in order
			],
			self.connections,
		)
		# 4. Only now does anybody see it
		for file in plan.files:
			meters[file.path].settle(file.bytes)
		return repository.link()

	def find(self, repository: RepositoryCache, file: PlannedFile) -> Path | None:
		"""The same bytes somewhere else on this disk."""
		if not file.sha256 or not file.bytes:
			return None
		found = repository.twin(file) or self.existing(file.sha256)
		with suppress(OSError):
			if found and found.stat().st_size == file.bytes:
				return found
		return None

	def bring(
		self,
		run: Run,
		repository: RepositoryCache,
		file: PlannedFile,
		reusable: Path | None,
		meter: Meter,
		pool: ThreadPoolExecutor,
	) -> None:
		"""One file into `blobs`, unless somebody else did it meanwhile."""
		blob = repository.blob(file)
		with held(repository.lock(file), run):
			if repository.has(file):
				return meter.settle(file.bytes)
			part = repository.part(file)
			if reusable and adopt(run, reusable, blob, file):
				part.remove()
				return meter.settle(file.bytes)
			source = Source(
				address_of(self.endpoint, repository.plan.repo, repository.plan.commit, file.path),
				self.token,
				explain=lambda refusal: refusal_of(
					repository.plan.repo, self.endpoint, refusal, file.path
				),
			)
			git = not file.sha256 and len(file.etag) == 40
			fetch_checked(run, pool, source, part, file.path, file.etag, git, meter)
			part.move(blob)

	def have(self, plan: DownloadPlan) -> dict[str, int]:
		"""Bytes of each path of the plan that are on the disk, whole or in part; no network."""
		repository = RepositoryCache(self.cache, plan)
		return {
			f.path: f.bytes if repository.has(f) else repository.part(f).peek() for f in plan.files
		}

	def has(self, repo: str) -> bool:
		"""Whether a snapshot of it is in the cache; no network."""
		return has_snapshot(self.cache, repo)

	def discard(self, plan: DownloadPlan) -> int:
		"""Removes what a cancelled download left, never what a snapshot uses; the bytes freed."""
		return RepositoryCache(self.cache, plan).discard()


def bring_all(run: Run, stop: threading.Event, tasks: list[Callable], connections: int) -> None:
	"""Runs all tasks, each with the pool for its helpers; the first error, or `stop`, ends the others."""
	if not tasks:
		return
	with (
		ThreadPoolExecutor(connections, 'transfer-lane') as lanes,
		ThreadPoolExecutor(min(AT_ONCE, len(tasks)), 'transfer-file') as files,
	):
		pending = {files.submit(t, lanes) for t in tasks}
		everyone = set(pending)
		while pending:
			done, pending = wait(pending, WATCH, FIRST_EXCEPTION)
			if stop.is_set() or any(f.exception() for f in done):
				run.stop()
				for future in pending:
					future.cancel()
				wait(everyone)
				break
	errors = [e for f in everyone if not f.cancelled() and (e := f.exception())]
	for error in sorted(errors, key=lambda e: isinstance(e, Stopped)):
		raise error
	if stop.is_set():
		raise Stopped


def fetch_checked(
	run: Run,
	pool: ThreadPoolExecutor,
	source: Source,
	part: Part,
	name: str,
	expected: str,
	git: bool,
	meter: Meter,
) -> str:
	"""Fetches the bytes and proves them by their hash, when one is `expected`; returns it. What was taken
	up from an earlier time and proves wrong is fetched once more from the start. Raises WrongBytes."""
	while True:
		part.open()
		try:
			meter.settle(part.came)
			resumed = part.came > 0
			digest = Digest(part, git)
			Fetch(run, source, part, digest, meter.add, name).run(pool)
			run.arrived()
			found = digest.finish(run.halt)
		finally:
			part.close()
		run.check()
		if found == expected or not expected:
			return found
		part.remove()
		meter.add(-part.size)
		logger.warning('%s: the hash is %s, not %s', name, found, expected)
		if not resumed:
			raise WrongBytes(f'{name} does not match its checksum.')
		source.location = ''


def adopt(run: Run, there: Path, blob: Path, file: PlannedFile) -> bool:
	"""Links or copies a file that is said to have these bytes, and proves it."""
	copy = blob.with_name(f'{blob.name}.localai-copy')
	try:
		copy.unlink(missing_ok=True)
		try:
			os.link(there.resolve(), copy)
		except OSError:
			shutil.copyfile(there, copy)
		part = Part(copy, file.bytes)
		part.path = copy
		if Digest(part).finish(run.halt) != file.sha256:
			copy.unlink(missing_ok=True)
			return False
		with guard(blob):
			copy.replace(blob)
	except (OSError, StorageProblem) as error:
		logger.info(
			'%s will be downloaded, because %s could not be used: %s', file.path, there, error
		)
		with suppress(OSError):
			copy.unlink(missing_ok=True)
		return False
	return True


@contextmanager
def held(path: Path, run: Run) -> Iterator[None]:
	"""The lock of one file, between the processes of this machine."""
	with guard(path):
		path.parent.mkdir(parents=True, exist_ok=True)
		lock = FileLock(path)
	while True:
		try:
			lock.acquire(timeout=WATCH)
			break
		except Timeout:
			run.check()
	try:
		yield
	finally:
		lock.release()


def check_space(folder: Path, need: int, spare: int) -> None:
	free = free_at(folder)
	if need and need + spare > free:
		raise DiskFull(
			f'Another {gigabytes(need)} must be downloaded, '
			f'but only {gigabytes(max(0, free - spare))} is free in {folder}.',
			'Free some space, then resume; what was downloaded is kept.',
		)


def gigabytes(count: int) -> str:
	return f'{count / 1e9:.1f} GB' if count >= 1e9 else f'{count / 1e6:.0f} MB'
