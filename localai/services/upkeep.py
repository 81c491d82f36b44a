"""What the history does for itself after a start, in one thread: ends what was cut off, empties the trash
by age, makes a lost database anew."""

import logging
import threading
from collections.abc import Callable

from localai.errors import LocalAIError
from localai.services.discarding import PictureTrash
from localai.services.marks import MarkService
from localai.services.trash import DAYS
from localai.services.truth import TruthService

log = logging.getLogger('localai.history')


class Upkeep:
	def __init__(self, truth: TruthService, trash: PictureTrash, marks: MarkService):
		self.truth = truth
		self.trash = trash
		self.marks = marks
		self.thread: threading.Thread | None = None

	def open(self) -> None:
		self.thread = threading.Thread(target=self.run, name='upkeep', daemon=True)
		self.thread.start()

	def run(self) -> None:
		steps: tuple[Callable[[], object], ...] = (
			self.trash.mend,
			self.truth.rebuild,
			lambda: self.trash.empty(DAYS),
			self.marks.open,
		)
		for step in steps:
			try:
				step()
			except LocalAIError as error:
				log.warning('the history could not be kept in order: %s', error)
			except Exception:
				log.exception('the history could not be kept in order')

	def close(self) -> None:
		if self.thread:
			self.thread.join(5)
