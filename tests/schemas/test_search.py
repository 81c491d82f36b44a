"""The keys of a search against the columns and the nouns that they stand for."""

import re
from pathlib import Path

from localai.schemas.generation import Picture
from localai.schemas.search import FACTS, KEY_TABLE, KEYS
from localai.store.pages import NUMBERS
from localai.store.tables import PictureRow
from localai.store.words import COLUMNS

README = Path(__file__).parents[2] / 'README.md'


class TestKeys:
	def test_each_has_one_row_and_can_be_typed(self):
		assert len(KEYS) == len(KEY_TABLE)
		assert all(re.fullmatch('[a-z]+', name) for name in KEYS)

	def test_they_stand_for_what_there_is(self):
		columns = set(PictureRow.__table__.c.keys())
		for key in KEY_TABLE:
			if key.kind == 'words':
				assert key.name in COLUMNS
			elif key.column and not key.column.startswith('request.'):
				assert key.column in columns, key
			assert (key.kind == 'number') == (key.name in NUMBERS)

	def test_what_is_shown_is_a_field_of_a_picture(self):
		assert all(key.column in Picture.model_fields for key in FACTS)

	def test_the_manual_names_all_of_them(self):
		(line,) = [one for one in README.read_text('utf-8').splitlines() if 'The keys are `' in one]
		told = re.findall('`([a-z]+)`', line.partition('The keys are ')[2])
		assert told == list(KEYS)
