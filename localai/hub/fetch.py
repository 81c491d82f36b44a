"""Knows how one file comes over: in ranges, over one connection or several, and on after anything that breaks."""

import http.client
import io
import logging
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from localai.errors import HubUnreachable, WrongBytes
from localai.hub.limiter import Limiter
from localai.hub.part import BLOCK, UNIT, Digest, Part
from localai.hub.wire import Refused, Source, Wire, finish

logger = logging.getLogger(__name__)

# A file of this size or more comes over several connections, when they are free.
LARGE = 64_000_000
LANES = 4
# Units that one request brings at most.
SPAN = 4
# How long small pieces are gathered before they are written, and how soon a stop is seen, in seconds.
GATHER = 0.1
WATCH = 0.2
# Pauses between tries, in seconds; the longest that a server may ask for.
PATIENCE = (0.5, 1, 2, 4, 8, 15)
LONGEST = 300


class Stopped(Exception):
	"""The transfer was asked to stop; what came is kept. Never shown to a person."""


class Broken(OSError):
	"""The connection ended too early."""


class Superfluous(Exception):
	"""Another lane brings the whole file."""


class Run:
	"""What the threads of one download share: whether to go on, and their connections."""

	def __init__(self, slots: threading.Semaphore, limiter: Limiter, stall: float, tries: int):
		self.slots, self.limiter, self.stall, self.tries = slots, limiter, stall, tries
		self.halt = threading.Event()
		self.wires: set[Wire] = set()
		self.lock = threading.Lock()
		self.expected, self.checking = 0, lambda: None

	def expect(self, files: int, checking: Callable[[], None]) -> None:
		"""`checking` is called when so many files have arrived."""
		self.expected, self.checking = files, checking

	def arrived(self) -> None:
		with self.lock:
			self.expected -= 1
			last = self.expected == 0
		if last:
			self.checking()

	def stop(self) -> None:
		self.halt.set()
		for wire in list(self.wires):
			wire.abort()

	def check(self) -> None:
		if self.halt.is_set():
			raise Stopped

	def take_slot(self) -> None:
		while not self.slots.acquire(timeout=WATCH):
			self.check()


class Fetch:
	"""One file on its way. `run` returns when all its bytes are in the part."""

	def __init__(
		self,
		run: Run,
		source: Source,
		part: Part,
		digest: Digest,
		tick: Callable[[int], None],
		name: str,
	):
		self.shared, self.source, self.part, self.digest = run, source, part, digest
		self.tick, self.name = tick, name
		self.lock = threading.Lock()
		self.units: deque[int] = deque()
		self.helpers: list[Future] = []
		self.failures = 0
		self.error: BaseException | None = None
		# The thread that brings all when the server does not know ranges.
		self.carrier: int | None = None

	def run(self, pool: ThreadPoolExecutor) -> None:
		while missing := self.part.missing():
			self.units.extend(missing)
			self.carrier = None
			self.shared.take_slot()
			self.lane(pool)
			for helper in self.helpers:
				helper.result()
			if self.error:
				raise self.error
			self.shared.check()

	def lane(self, pool: ThreadPoolExecutor | None) -> None:
		"""Fetches unit after unit; the first lane calls others when connections are free."""
		wire = Wire(self.shared.stall)
		self.shared.wires.add(wire)
		try:
			buffer = memoryview(bytearray(BLOCK))
			with open(self.part.path, 'r+b', buffering=0) as file:
				while span := self.next_span(pool):
					self.fetch_span(wire, file, buffer, span)
		except Superfluous:
			pass
		except BaseException as error:
			self.error = self.error or error
		finally:
			self.shared.wires.discard(wire)
			wire.close()
			self.shared.slots.release()

	def next_span(self, pool: ThreadPoolExecutor | None) -> range | None:
		"""Units for one request: one, or several in a row while no connection is free to share them with."""
		with self.lock:
			first = None
			while first is None:
				if not self.units or self.error or self.shared.halt.is_set():
					return None
				unit = self.units.popleft()
				first = unit if self.part.done[unit] < self.part.length(unit) else None
		alone = self.call_help(pool) if pool else False
		with self.lock:
			last = first
			while (
				alone
				and self.units
				and self.units[0] == last + 1 < first + SPAN
				and not self.part.done[self.units[0]]
			):
				last = self.units.popleft()
		return range(first, last + 1)

	def call_help(self, pool: ThreadPoolExecutor) -> bool:
		"""Starts more lanes when connections are free; whether this one is the only one."""
		self.helpers = [h for h in self.helpers if not h.done()]
		if self.part.size < LARGE or self.carrier:
			return not self.helpers
		for _ in range(min(LANES - 1 - len(self.helpers), len(self.units))):
			if self.shared.slots.acquire(blocking=False):
				self.helpers.append(pool.submit(self.lane, None))
		return not self.helpers

	def fetch_span(self, wire: Wire, file: io.FileIO, buffer: memoryview, span: range) -> None:
		"""Goes on until it is whole, whatever happens to the connection."""
		while missing := [u for u in span if self.part.done[u] < self.part.length(u)]:
			self.shared.check()
			before = self.part.came
			try:
				self.request(wire, file, buffer, missing[0], span[-1])
				self.failures = 0
			except (OSError, http.client.HTTPException, Refused) as error:
				wire.close()
				self.shared.check()
				if isinstance(error, Refused) and not error.passing:
					raise self.source.explain(error) from error
				self.failures = 1 if self.part.came > before else self.failures + 1
				self.rest(error)

	def rest(self, error: BaseException) -> None:
		"""Waits before the next try. Raises HubUnreachable when there were enough."""
		hopeless = isinstance(error, ssl.SSLCertVerificationError)
		if hopeless or self.failures >= self.shared.tries:
			raise HubUnreachable(
				f'{self.name} could not be downloaded: {reason(error)}.'
			) from error
		seconds = PATIENCE[min(self.failures, len(PATIENCE)) - 1]
		if isinstance(error, Refused) and error.retry_after is not None:
			seconds = min(error.retry_after, LONGEST)
		logger.info('%s: %s; trying again in %.1f s', self.name, error, seconds)
		self.shared.halt.wait(seconds)

	def request(
		self, wire: Wire, file: io.FileIO, buffer: memoryview, first: int, last: int
	) -> None:
		"""1 ask, 2 see that it is what was asked for, 3 write it down block by block."""
		start = first * UNIT + self.part.done[first]
		end = last * UNIT + self.part.length(last)
		response = self.source.open(wire, start, end)
		if response.getheader('Content-Encoding', 'identity') != 'identity':
			raise WrongBytes(
				f'The server sent {self.name} compressed, although it was asked not to.'
			)
		if response.status == 206:
			self.check_range(response.getheader('Content-Range') or '', start)
			if response.length is not None:
				end = min(end, start + response.length)
		else:
			self.check_length(response)
			me = threading.get_ident()
			with self.lock:
				self.carrier = self.carrier or me
			if self.carrier != me:
				raise Superfluous
			start, end = 0, self.part.size
		self.consume(response, file, buffer, start, end)
		response.length = 0
		finish(response, wire, self.source.location or self.source.url)

	def check_range(self, said: str, start: int) -> None:
		begin, _, total = said.removeprefix('bytes ').partition('/')
		if begin.split('-')[0] != str(start) or total not in (str(self.part.size), '*'):
			raise WrongBytes(
				f'{self.name} has {total} bytes on the server instead of {self.part.size}.'
			)

	def check_length(self, response: http.client.HTTPResponse) -> None:
		if response.length != self.part.size:
			raise WrongBytes(
				f'{self.name} has {response.length} bytes '
				f'on the server instead of {self.part.size}.'
			)

	def consume(
		self,
		response: http.client.HTTPResponse,
		file: io.FileIO,
		buffer: memoryview,
		start: int,
		end: int,
	) -> None:
		shared = self.shared
		while start < end:
			shared.check()
			want = shared.limiter.portion(min(end - start, BLOCK))
			count, error = gather(response, buffer[:want])
			block = buffer[:count]
			fresh = self.part.put(file, start, block)
			if fresh:
				self.tick(fresh)
			self.digest.follow(file, start, block)
			start += count
			shared.limiter.take(count, shared.halt)
			if error:
				raise error


def gather(response: http.client.HTTPResponse, buffer: memoryview) -> tuple[int, Exception | None]:
	"""Fills the buffer, but not for longer than a moment; what came before an error is not lost."""
	if response.chunked:
		count = response.readinto(buffer)
		return count, None if count else Broken('the connection ended early')
	count = 0
	until = time.monotonic() + GATHER
	while count < len(buffer):
		try:
			came = response.fp.readinto1(buffer[count:])
		except (OSError, ValueError, AttributeError) as error:  # closed by `abort` meanwhile
			return count, error if isinstance(error, OSError) else Broken(str(error))
		if not came:
			return count, Broken('the connection ended early')
		count += came
		if time.monotonic() > until:
			break
	return count, None


def reason(error: BaseException) -> str:
	"""In the user's words."""
	if isinstance(error, ssl.SSLCertVerificationError):
		return "the server's certificate is not valid"
	if isinstance(error, TimeoutError):
		return 'the server stopped responding'
	if isinstance(error, Refused):
		return f'the server answered with error {error.status}'
	if isinstance(error, Broken):
		return str(error)
	return 'there is no connection to the server'
