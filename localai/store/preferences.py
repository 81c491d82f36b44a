"""What the user chose while the app ran, at rest."""

from localai.store.database import Database
from localai.store.tables import PreferenceRow
from localai.text import sound_all


class Preferences:
	def __init__(self, database: Database):
		self.database = database

	def read(self, key: str) -> dict | None:
		with self.database.reading() as session:
			row = session.get(PreferenceRow, key)
			return row.value if row else None

	def write(self, key: str, value: dict) -> None:
		with self.database.writing() as session:
			session.merge(PreferenceRow(key=key, value=sound_all(value)))
