"""Knows what the app said is done, and what it was asked for and may have done: the other side of the
books, against which the home is held."""

import hashlib
import io
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from PIL import Image

Place = Literal['absent', 'history', 'trash']
ENDED = ('finished', 'cancelled', 'failed')


class State(NamedTuple):
	"""Where a picture is and what a person made of it."""

	place: Place
	favourite: bool = False
	rating: int = 0
	notes: str = ''
	tags: frozenset[str] = frozenset()
	albums: frozenset[str] = frozenset()


ABSENT, FRESH = State('absent'), State('history')


@dataclass
class Kept:
	"""A picture, known by the bytes of its file. `states` are those that may be: one, unless something
	was asked for that nobody has answered. `busy` while something is done with it."""

	sha256: str
	states: set[State]
	id: int = 0
	trashed: str = ''
	job: str = ''
	number: int = 0
	busy: bool = False

	@property
	def state(self) -> State:
		(only,) = self.states
		return only


@dataclass
class Job:
	"""`stopped` where a stop was asked for; `deaths` is how often the engine had been killed before."""

	id: str
	fields: dict
	seeds: list[int]
	stopped: bool = False
	deaths: int = 0
	state: str = 'queued'


@dataclass
class Fetch:
	"""A download: `files` are what is served, each with its sha256, `path` where they are sent from."""

	source: str
	files: dict[str, str]
	path: str
	bytes: int
	id: str = ''
	cancelled: bool = False
	state: str = 'queued'
	interruptions: int = 0


@dataclass
class Ledger:
	pictures: dict[str, Kept] = field(default_factory=dict)
	jobs: dict[str, Job] = field(default_factory=dict)
	fetches: dict[str, Fetch] = field(default_factory=dict)  # by source
	# Jobs that were asked for; whether they were heard nobody knows.
	unheard: list[dict] = field(default_factory=list)
	# Pixels of an undisturbed run: by what was asked for, for each seed.
	pixels: dict[str, dict[int, str]] = field(default_factory=dict)
	engine_deaths: int = 0
	lock: threading.RLock = field(default_factory=threading.RLock)
	# Who deletes, brings back or empties waits for who does.
	trash: threading.Lock = field(default_factory=threading.Lock)

	# Pictures

	@contextmanager
	def taken(self, lot: random.Random, place: Place, most: int) -> Iterator[list[Kept]]:
		"""Up to so many pictures of a place, which nobody else touches meanwhile. Those whose end nobody
		was told stay busy until the home was looked at."""
		with self.lock:
			free = [
				k
				for k in self.pictures.values()
				if not k.busy and len(k.states) == 1 and k.state.place == place
			]
			chosen = lot.sample(free, min(most, len(free)))
			for kept in chosen:
				kept.busy = True
		try:
			yield chosen
		finally:
			for kept in chosen:
				kept.busy = len(kept.states) > 1

	def widen(self, chosen: list[Kept], change: Callable[[State], State]) -> None:
		with self.lock:
			for kept in chosen:
				kept.states |= {change(state) for state in kept.states}

	def settle(self, chosen: list[Kept], change: Callable[[State], State]) -> None:
		"""What `widen` said may be is so now."""
		with self.lock:
			for kept in chosen:
				before = {s for s in kept.states if change(s) in kept.states}
				kept.states = {change(s) for s in before}

	def expect(self, data: bytes) -> Kept:
		"""A picture that is about to be brought in."""
		with self.lock:
			kept = Kept(sha256(data), {ABSENT, FRESH}, busy=True)
			return self.pictures.setdefault(kept.sha256, kept)

	def came(self, kept: Kept, number: int) -> None:
		with self.lock:
			kept.id, kept.states, kept.busy = number, {FRESH}, False

	# Jobs

	def began(self, job: dict, fields: dict) -> Job:
		with self.lock:
			seeds = list(job['seeds'])
			made = Job(job['id'], fields, seeds, deaths=self.engine_deaths)
			return self.jobs.setdefault(made.id, made)

	def adopt(self, job_id: str, request: dict, seeds: list[int]) -> Job | None:
		"""A job that was asked for and whose answer was lost; None where nobody asked for it."""
		with self.lock:
			for fields in self.unheard:
				if all(request.get(name) == value for name, value in fields.items()):
					self.unheard.remove(fields)
					return self.began({'id': job_id, 'seeds': seeds}, fields)
		return None

	def learn(self, job: dict) -> list[str]:
		"""What the app says is drawn, with what is wrong about it."""
		wrong = []
		known = self.jobs.get(job['id'])
		if known is None:
			return []
		if job['state'] in ENDED:
			known.state = job['state']
		for picture in job['pictures']:
			with self.lock:
				path = Path(picture['path'])
				if any(k.id == picture['id'] for k in self.pictures.values()):
					continue
				try:
					data = path.read_bytes()
				except OSError:
					continue  # deleted since, or lost: the next look tells
				wrong += self.drawn(
					known,
					data,
					picture['id'],
					picture['index'],
					picture['receipt']['stopped_early'],
				)
		return wrong

	def drawn(self, job: Job, data: bytes, number: int, index: int, early: bool) -> list[str]:
		"""A picture of a job; its pixels must be those of the undisturbed run."""
		with self.lock:
			kept = Kept(sha256(data), {FRESH}, number, job=job.id, number=index)
			if kept.sha256 in self.pictures:
				return []
			self.pictures[kept.sha256] = kept
		if not 0 <= index < len(job.seeds):
			return [f'job {job.id} has a picture number {index} of {len(job.seeds)}']
		wanted = self.pixels.get(key(job.fields), {}).get(job.seeds[index])
		if early or wanted is None:
			return []
		found = pixels(data)
		return [] if found == wanted else [f'job {job.id} picture {index}: other pixels']

	def pending(self) -> int:
		with self.lock:
			return sum(j.state not in ENDED for j in self.jobs.values()) + len(self.unheard)

	def count(self, place: Place) -> int:
		with self.lock:
			states = [k.states for k in self.pictures.values()]
		return sum(len(s) == 1 and next(iter(s)).place == place for s in states)


def sha256(data: bytes) -> str:
	return hashlib.sha256(data).hexdigest()


def pixels(data: bytes) -> str:
	with Image.open(io.BytesIO(data)) as image:
		return sha256(repr(image.size).encode() + image.convert('RGB').tobytes())


def key(fields: dict) -> str:
	"""What is drawn, whatever it is called."""
	return repr(sorted(fields.items()))
