"""What was learnt about weights files, at rest: their hashes."""

from pathlib import Path

from localai.store.database import Database
from localai.store.tables import ModelRow


class Hashes:
	def __init__(self, database: Database):
		self.database = database

	def get(self, path: Path) -> str:
		"""The stored sha256, '' when the file changed since or was never read."""
		facts = path.stat()
		with self.database.transaction() as session:
			row = session.get(ModelRow, str(path))
			return (
				row.sha256
				if row and (row.size, row.modified) == (facts.st_size, facts.st_mtime)
				else ''
			)

	def put(self, path: Path, sha256: str) -> None:
		facts = path.stat()
		with self.database.transaction() as session:
			session.merge(
				ModelRow(path=str(path), size=facts.st_size, modified=facts.st_mtime, sha256=sha256)
			)
