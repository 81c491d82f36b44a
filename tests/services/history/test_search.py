"""What people type into the search line, and what it means."""

from datetime import date

import pytest

from localai.schemas.search import Either, Facet, Number, Period, Word
from localai.services.history.search import NOT_JOINED, understand

TODAY = date(2026, 11, 25)


def day(year: int, month: int, number: int) -> int:
	return (date(year, month, number) - date(1970, 1, 1)).days


def read(text: str):
	return understand(text, TODAY)


class TestWords:
	def test_words_phrases_and_what_is_left_out(self):
		found = read('fox "red snow" -blurry')
		assert found.words == (
			Word(text='fox'),
			Word(text='red snow'),
			Word(text='blurry', negative=True),
		)

	def test_only_the_last_word_may_be_a_beginning(self):
		assert [w.beginning for w in read('red fo').words] == [False, True]
		assert [w.beginning for w in read('red fo ').words] == [False, False]
		assert [w.beginning for w in read('red f').words] == [False, False]
		assert [w.beginning for w in read('"red fo').words] == [False]

	def test_keys_name_where_to_look(self):
		found = read('model:sketch negative:text lora:"ink wash"')
		assert [(w.field, w.text, w.beginning) for w in found.words] == [
			('model', 'sketch', True),
			('negative', 'text', True),
			('lora', 'ink wash', False),
		]

	def test_a_colon_in_plain_words_is_no_key_and_that_is_said(self):
		found = read('artstation:trending')
		assert found.words[0].text == 'artstation trending'
		assert found.notes == (
			'“artstation:” is not a key, so these words were searched for as text.',
		)

	@pytest.mark.parametrize(
		'text',
		['', '   ', '-', '"', '""', '-""', ':', 'model:', 'tag:""', '"' * 500, 'a' * 2000, '- - -'],
	)
	def test_half_of_anything_is_no_failure(self, text):
		assert read(text) is not None

	def test_a_key_without_a_value_says_what_it_lacks(self):
		assert read('model: fox').notes == ('Add a value after model:',) or read('tag:""').notes


class TestEither:
	def test_two_words_or_values_one_of_which_is_enough(self):
		found = read('red fox OR "snow owl" OR tag:night seed:7')
		assert found.words == (Word(text='red'),)
		assert found.eithers == (
			Either(
				parts=(
					Word(text='fox'),
					Word(text='snow owl'),
					Facet(field='tag', values=('night',)),
				)
			),
		)
		assert found.facets == (Facet(field='seed', values=('7',)),) and not found.notes

	def test_the_last_may_be_a_beginning(self):
		assert [part.beginning for part in read('fox OR ow').eithers[0].parts] == [False, True]

	@pytest.mark.parametrize('text', ['fox OR', 'OR fox', 'OR OR fox OR OR', 'fox OR tag:""'])
	def test_half_of_one_is_the_other(self, text):
		found = read(text)
		assert [w.text for w in found.words] == ['fox'] and not found.eithers

	@pytest.mark.parametrize('text', ['fox or owl', 'fox "OR" owl', 'ORfox owl'])
	def test_only_the_bare_word_in_capitals_is_one(self, text):
		assert not read(text).eithers

	@pytest.mark.parametrize('text', ['fox OR -owl', 'fox OR steps:30', 'on:today OR fox'])
	def test_what_it_cannot_join_must_all_hold_and_that_is_said(self, text):
		found = read(text)
		assert not found.eithers and found.words and found.notes == (NOT_JOINED,)


class TestFacets:
	@pytest.mark.parametrize(
		('text', 'field', 'values'),
		[
			('favourite:yes', 'favourite', ('yes',)),
			('fav:NO', 'favourite', ('no',)),
			('rating:4', 'rating', ('4',)),
			('rating:>=3', 'rating', ('3', '4', '5')),
			('rating:3+', 'rating', ('3', '4', '5')),
			('rating:<2', 'rating', ('0', '1')),
			('rating:2..3', 'rating', ('2', '3')),
			('size:512X768', 'size', ('512x768',)),
			('size:512×768', 'size', ('512x768',)),
			('seed:"4 171 209 933"', 'seed', ('4171209933',)),
			('kind:imported', 'kind', ('imported',)),
			('tag:"winter sun"', 'tag', ('winter sun',)),
			('family:sdxl', 'family', ('sdxl',)),
		],
	)
	def test_each(self, text, field, values):
		assert read(text).facets == (Facet(field=field, values=values),)

	def test_a_minus_leaves_it_out(self):
		assert read('-tag:old').facets == (Facet(field='tag', values=('old',), negative=True),)

	@pytest.mark.parametrize(
		'text', ['rating:many', 'rating:9', 'favourite:maybe', 'kind:stolen', 'size:big', 'seed:x']
	)
	def test_what_is_not_understood_is_said_and_left_out(self, text):
		found = read(f'fox {text}')
		assert len(found.notes) == 1 and not found.facets and found.words


class TestNumbers:
	@pytest.mark.parametrize(
		('text', 'low', 'high'),
		[
			('steps:20', 20, 20),
			('steps:>20', 21, None),
			('steps:<=20', None, 20),
			('width:512..1024', 512, 1024),
			('id:12', 12, 12),
		],
	)
	def test_bounds(self, text, low, high):
		(found,) = read(text).numbers
		assert (found.low, found.high) == (low, high)

	def test_guidance_has_fractions(self):
		(found,) = read('cfg:>=7.5').numbers
		assert found == Number(field='guidance', low=7.5)


class TestDays:
	@pytest.mark.parametrize(
		('text', 'first', 'last'),
		[
			('after:2026-01', day(2026, 1, 1), None),
			('before:2026-11-20', None, day(2026, 11, 19)),
			('on:2026', day(2026, 1, 1), day(2026, 12, 31)),
			('on:2024-02', day(2024, 2, 1), day(2024, 2, 29)),
			('on:today', day(2026, 11, 25), day(2026, 11, 25)),
			('on:yesterday', day(2026, 11, 24), day(2026, 11, 24)),
			('date:2026-1-5', day(2026, 1, 5), day(2026, 1, 5)),
			('on:month', day(2026, 11, 1), day(2026, 11, 25)),
			('after:week', day(2026, 11, 23), None),
		],
	)
	def test_each(self, text, first, last):
		assert read(text).periods == (Period(first=first, last=last),)

	@pytest.mark.parametrize(
		'text', ['after:soon', 'on:2026-13', 'on:2026-02-30', 'on:99999', 'on:0', 'on:1-2-3-4']
	)
	def test_no_date_is_said(self, text):
		found = read(text)
		assert not found.periods and 'is not a date' in found.notes[0]


def test_an_endless_search_is_cut_and_says_so():
	found = read('fox ' * 400)
	assert len(found.words) == 64 and found.notes
