"""What a person made of pictures, at rest: favourites, ratings, notes, tags, albums."""

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from localai.schemas.history import MarkChange, Marks
from localai.store import words
from localai.store.database import Database
from localai.store.history import BATCH, read_marks
from localai.store.tables import AlbumRow, PictureRow, TagRow

Marked = dict[str, Marks]


class MarkStore:
	"""Each change answers with the marks of the pictures that it changed, by relative path."""

	def __init__(self, database: Database):
		self.database = database

	def change(self, ids: Sequence[int], change: MarkChange) -> Marked:
		changed: Marked = {}
		for start in range(0, len(ids), BATCH):
			with self.database.writing() as session:
				changed |= apply(session, ids[start : start + BATCH], change)
		return changed

	def there(self, ids: Sequence[int]) -> bool:
		"""Whether any of these pictures is there."""
		with self.database.reading() as session:
			batches = (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))
			queries = (select(PictureRow.id).where(PictureRow.id.in_(b)).limit(1) for b in batches)
			return any(session.scalar(query) is not None for query in queries)

	def rename_album(self, name: str, to: str) -> Marked:
		"""Also into one that is there; '' takes the album away and leaves its pictures."""
		with self.database.reading() as session:
			ids = list(session.scalars(select(AlbumRow.picture_id).where(AlbumRow.name == name)))
		added = (to,) if to else ()
		return self.change(ids, MarkChange(add_albums=added, remove_albums=(name,)))

	def all(self) -> Marked:
		"""Of every picture that has any."""
		marked: Marked = {}
		plain = (PictureRow.favourite, PictureRow.rating > 0, PictureRow.notes != '')
		queries = [select(PictureRow.id).where(condition) for condition in plain]
		queries += [select(TagRow.picture_id), select(AlbumRow.picture_id)]
		with self.database.reading() as session:
			ids = sorted({i for query in queries for i in session.scalars(query)})
			for start in range(0, len(ids), BATCH):
				marked |= with_paths(session, ids[start : start + BATCH])
		return marked


def apply(session: Session, ids: Sequence[int], change: MarkChange) -> Marked:
	before = with_paths(session, ids)
	there = list(session.scalars(select(PictureRow.id).where(PictureRow.id.in_(ids))))
	plain = change.model_dump(include={'favourite', 'rating', 'notes'}, exclude_none=True)
	if plain:
		session.execute(update(PictureRow).where(PictureRow.id.in_(there)).values(**plain))
	for row_type, added, removed in (
		(TagRow, change.add_tags, change.remove_tags),
		(AlbumRow, change.add_albums, change.remove_albums),
	):
		if removed:
			named = row_type.name.in_(set(removed) - set(added))
			session.execute(delete(row_type).where(named, row_type.picture_id.in_(there)))
		if added and there:
			rows = [{'name': name, 'picture_id': i} for name in dict.fromkeys(added) for i in there]
			session.execute(insert(row_type).on_conflict_do_nothing(), rows)
	after = with_paths(session, there)
	changed = {path: marks for path, marks in after.items() if marks != before.get(path)}
	if changed:
		touched = session.execute(
			select(PictureRow.id, PictureRow.path).where(PictureRow.id.in_(there))
		)
		words.index(session.connection(), [row.id for row in touched if row.path in changed])
	return changed


def with_paths(session: Session, ids: Iterable[int]) -> Marked:
	ids = list(ids)
	session.expire_all()
	marks = read_marks(session, ids)
	rows = session.execute(select(PictureRow.id, PictureRow.path).where(PictureRow.id.in_(ids)))
	return {row.path: marks[row.id] for row in rows}
