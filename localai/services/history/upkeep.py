"""What the history does for itself, in one thread: after a start it ends what was cut off and makes a lost
database anew; every day it empties the trash by age."""

import logging
import threading
from collections.abc import Callable

from localai.errors import LocalAIError
from localai.services.history.marks import MarkService
from localai.services.history.trash import PictureTrash
from localai.services.history.truth import TruthService
from localai.services.models.trash import DAYS

log = logging.getLogger('localai.history')
PAUSE = 86_400.0  # seconds between two looks into the trash


class Upkeep:
	def __init__(self, truth: TruthService, trash: PictureTrash, marks: MarkService):
		self.truth = truth
		self.trash = trash
		self.marks = marks
		self.thread: threading.Thread | None = None
		self.closed = threading.Event()
		# Set as soon as all that follows a start is done.
		self.settled = threading.Event()

	def open(self) -> None:
		self.thread = threading.Thread(target=self.run, name='upkeep', daemon=True)
		self.thread.start()

	def run(self) -> None:
		self.do(self.trash.mend, self.make_whole)
		while not self.closed.is_set():
			self.do(lambda: self.trash.empty(DAYS))
			self.closed.wait(PAUSE)

	def make_whole(self) -> None:
		"""Only a history that is whole may say which marks count."""
		self.truth.rebuild()
		self.marks.open()

	def do(self, *steps: Callable[[], object]) -> None:
		for step in steps:
			try:
				step()
			except LocalAIError as error:
				log.warning('the history could not be kept in order: %s', error)
			except Exception:
				log.exception('the history could not be kept in order')
		self.settled.set()

	def close(self) -> None:
		self.closed.set()
		if self.thread:
			self.thread.join(5)
