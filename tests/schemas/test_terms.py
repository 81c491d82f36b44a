"""The table of settings against the nouns that have them, and how their values are said."""

import pytest

from localai.cli.parser import parser
from localai.schemas.generation import (
	GenerationParameters,
	GenerationRequest,
	LoraUse,
	Recipe,
)
from localai.schemas.models import ModelDefaults
from localai.schemas.terms import TABLE, TERMS, shown, words


class TestTable:
	def test_every_setting_has_one_row_and_every_row_a_setting(self):
		assert len(TERMS) == len(TABLE)
		assert set(Recipe.model_fields) - {'extra'} == set(TERMS)

	def test_what_can_be_asked_for_is_what_is_drawn_with(self):
		assert list(GenerationRequest.model_fields) == list(GenerationParameters.model_fields)
		assert set(GenerationRequest.model_fields) <= set(TERMS)

	def test_they_stand_in_one_order(self):
		asked = [t.name for t in TABLE if t.name in GenerationRequest.model_fields]
		assert asked == list(GenerationRequest.model_fields)

	def test_what_is_drawn_with_is_complete_and_newer_fields_are_as_before_there_were_any(self):
		first = {'prompt', 'model', 'width', 'height', 'steps', 'guidance_scale', 'sampler'}
		first |= {'schedule', 'seed'}
		fields = GenerationParameters.model_fields
		assert {name for name, field in fields.items() if field.is_required()} == first

	def test_a_model_can_have_defaults_of_its_own_for_what_the_table_says(self):
		assert set(ModelDefaults.model_fields) == {t.name for t in shown('defaults')}

	def test_words_of_their_own_are_told_apart(self):
		assert len({t.word.lower() for t in TABLE}) == len({t.label for t in TABLE}) == len(TABLE)

	def test_what_can_be_asked_for_can_be_typed_and_is_explained(self):
		typed = parser().parse_args(['generate', 'a fox'])
		for name in GenerationRequest.model_fields:
			assert hasattr(typed, name) and TERMS[name].hint and TERMS[name].help


class TestWords:
	@pytest.mark.parametrize(
		('value', 'said'),
		[
			(None, ''),
			('', ''),
			(4.0, '4'),
			(7.25, '7.25'),
			(20, '20'),
			(True, 'yes'),
			(('one', '', 'two'), 'one, two'),
			((LoraUse(name='ink', weight=0.8), LoraUse(name='paper')), 'ink 0.8, paper 1'),
			({'by': [1, 2.5], 'none': None}, 'by 1, 2.5'),
		],
	)
	def test_a_value_as_people_read_it(self, value, said):
		assert words(value) == said
