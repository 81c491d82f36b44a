"""What a start does with a history that was cut off anywhere: it looks where something was being done,
and only there, and brings it to its end."""

import contextlib
import logging
import os
from pathlib import Path

from localai.errors import LocalAIError
from localai.files.pictures import writing
from localai.services.history import recording
from localai.services.history.trash import PictureTrash
from localai.services.history.truth import TruthService
from localai.store.history import NewPicture
from localai.store.records import Records
from localai.store.unsettled import Unsettled

log = logging.getLogger('localai.history')


class Mending:
	"""`folder` is where pictures lie. What is done in steps, by whom, and what is done about it here:

	- a picture is saved or taken in: its folder is noted, a hidden file is written, renamed, recorded.
	  Here hidden files go, and a whole one of ours gets its row.
	- a picture is deleted or comes back: its row in the trash is there before its file moves away and
	  until it is back. Here the file goes to the trash.
	- the trash is emptied: its rows are let go of before the files go. Here the files go.
	- an export writes a copy: its hidden file is noted. Here it goes.
	"""

	def __init__(
		self,
		folder: Path,
		records: Records,
		trash: PictureTrash,
		truth: TruthService,
		unsettled: Unsettled,
	):
		self.folder = folder
		self.records = records
		self.trash = trash
		self.truth = truth
		self.unsettled = unsettled

	def mend(self) -> None:
		"""Takes as long as something was cut off. Raises StorageProblem."""
		# 1. Moves between the pictures and the trash.
		self.trash.mend()
		# 2. Files that were being written.
		remove_parts(self.folder)
		places = self.unsettled.left()
		for place in places:
			path = self.folder / place
			if path.is_relative_to(self.folder):
				self.settle(path)
			else:
				with contextlib.suppress(OSError):
					path.unlink(missing_ok=True)
		self.unsettled.forget(places)
		# 3. A home of today has nothing to be made from.
		self.truth.begin()

	def settle(self, folder: Path) -> None:
		remove_parts(folder)
		known = self.records.paths_in(folder.relative_to(self.folder).as_posix())
		found = []
		for file in writing.files_in(folder):
			if file.relative_to(self.folder).as_posix() not in known:
				with contextlib.suppress(OSError, UnicodeError, LocalAIError):
					picture = recording.of_file(file, self.folder)
					if ours(file, picture):
						found.append(picture)
		if added := self.records.add(sorted(found, key=lambda one: one.created_at)):
			log.info('%s pictures in %s were saved and are recorded now', added, folder.name)


def ours(file: Path, picture: NewPicture) -> bool:
	"""What a person laid there waits for a check."""
	return picture.kind == 'generated' or writing.was_imported(file, picture.digest)


def remove_parts(folder: Path) -> None:
	with contextlib.suppress(OSError), os.scandir(folder) as entries:
		for entry in entries:
			if writing.is_part(entry.name):
				os.unlink(entry)
