"""Marks, as verbs: favourites, ratings, notes, tags and albums of one picture or of thousands."""

import threading
from collections.abc import Callable, Mapping

from localai.errors import InvalidInput, UnknownName
from localai.files.pictures.journal import Journal
from localai.schemas.history import MANY, TAG_LIMIT, MarkChange, Marks, one_line
from localai.services.fields import ids_of, read, read_notes
from localai.store.marks import MarkStore


class MarkService:
	"""`changed` is called after every change."""

	def __init__(self, store: MarkStore, journal: Journal, changed: Callable[[], None]):
		self.store = store
		self.journal = journal
		self.changed = changed
		# Their lines follow each other as the changes do.
		self.lock = threading.Lock()

	def open(self) -> None:
		self.journal.settle(self.store.all)

	def mark(self, ids: object, change: object) -> int:
		"""Returns how many pictures changed; numbers that no picture has are passed over. Raises
		InvalidInput, UnknownName when none of them is there, StorageProblem."""
		if not isinstance(change, MarkChange):
			if not isinstance(change, Mapping):
				raise InvalidInput(
					'No change was named.', 'Send what to change, such as {"rating": 5}.', 'change'
				)
			change = read(MarkChange, change)
		if change.notes is not None:
			change = change.model_copy(update={'notes': read_notes(change.notes)})
		wanted = ids_of(ids, MANY)
		changed = self.keep(lambda: self.store.change(wanted, change))
		if wanted and not changed and not self.store.there(wanted):
			what, whom = (
				('This picture was', 'it') if len(wanted) == 1 else ('These pictures were', 'them')
			)
			raise UnknownName(
				f'{what} deleted elsewhere.', f'Restore {whom} from the trash first.', 'ids'
			)
		return changed

	def rename_album(self, name: object, to: object) -> int:
		"""Returns how many pictures it has. An album of that name takes them in."""
		old, new = album(name), album(to)
		return self.keep(lambda: self.store.rename_album(old, new))

	def remove_album(self, name: object) -> int:
		"""Its pictures stay."""
		old = album(name)
		return self.keep(lambda: self.store.rename_album(old, ''))

	def keep(self, change: Callable[[], Mapping[str, Marks]]) -> int:
		with self.lock:
			marked = change()
			if marked:
				self.journal.add(marked)
		if marked:
			self.changed()
		return len(marked)


def album(name: object) -> str:
	if not isinstance(name, str) or not one_line(name):
		raise InvalidInput('The album has no name.', 'Give it one.', 'album')
	if len(name) > TAG_LIMIT:
		raise InvalidInput(
			f'The name has more than {TAG_LIMIT} characters.', 'Shorten it.', 'album'
		)
	return str(one_line(name))
