"""Knows where on the disk something is being done in several steps: noted before the first of them,
forgotten after the last, so that the start after a kill looks there, and nowhere else."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from localai.store.database import Database
from localai.store.tables import PreferenceRow

KEY = 'unsettled'  # among the preferences


class Unsettled:
	"""A place is a folder below the pictures, or the full path of a file that must not stay. Each is
	written once and stays noted until `forget_settled`, so that a thousand pictures of a day cost one
	transaction."""

	def __init__(self, database: Database):
		self.database = database
		self.lock = threading.Lock()
		self.noted: set[str] | None = None
		self.busy: Counter[str] = Counter()
		self.failed: set[str] = set()

	@contextmanager
	def at(self, place: str) -> Iterator[None]:
		"""What is done here at this place ends whole, or is ended by a start."""
		self.database.check_there()
		with self.lock:
			if place not in self.known():
				self.write(self.known() | {place})
			self.busy[place] += 1
		try:
			yield
		except BaseException:
			self.failed.add(place)
			raise
		finally:
			with self.lock:
				self.busy[place] -= 1

	def left(self) -> list[str]:
		"""By whoever had this home before."""
		with self.lock:
			return sorted(self.known())

	def forget(self, places: list[str]) -> None:
		"""They were looked at."""
		with self.lock:
			if known := self.known() & set(places):
				self.write(self.known() - known)
			self.failed -= set(places)

	def forget_settled(self) -> None:
		"""All where nothing is going on, and nothing went wrong."""
		with self.lock:
			kept = {p for p in self.known() if self.busy[p] > 0 or p in self.failed}
			if kept != self.known():
				self.write(kept)

	def known(self) -> set[str]:
		if self.noted is None:
			with self.database.reading() as session:
				row = session.get(PreferenceRow, KEY)
				self.noted = set(row.value['places']) if row else set()
		return self.noted

	def write(self, places: set[str]) -> None:
		with self.database.writing() as session:
			session.merge(PreferenceRow(key=KEY, value={'places': sorted(places)}))
		self.noted = places
