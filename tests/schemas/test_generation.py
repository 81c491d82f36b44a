"""Every wrong value gets one sentence; every right one passes."""

import json
import math
from typing import Annotated

import pytest
from PIL import Image
from pydantic import ConfigDict

from localai.errors import InvalidInput, ModelProblem, UnknownName
from localai.schemas.base import Kept
from localai.schemas.generation import GenerationParameters, GenerationRequest, Recipe, valid
from localai.schemas.terms import Term, words
from localai.services.fields import read
from tests.pictures import parameters

WRONG = [
	('prompt', '', 'The prompt is empty'),
	('prompt', '  \n ', 'The prompt is empty'),
	('prompt', 'x' * 100_000, '100,000 characters'),
	('prompt', 7, 'must be text'),
	('prompt', None, 'must be text'),
	('negative_prompt', 'x' * 100_000, 'The negative prompt has 100,000 characters'),
	('width', 0, 'from 64 to 2048, not 0'),
	('width', 7, 'from 64 to 2048, not 7'),
	('width', 100_000, 'from 64 to 2048, not 100000'),
	('width', 100, 'multiples of 8; 100 is not, 96 is'),
	('height', 'tall', "not 'tall'"),
	('height', [64], r'not \[64\]'),
	('height', True, 'not True'),
	('steps', 0, 'Steps must be'),
	('steps', 2.5, 'whole number'),
	('steps', 10**400, 'Steps must be'),
	('guidance_scale', math.nan, 'not nan'),
	('guidance_scale', math.inf, 'not inf'),
	('guidance_scale', -1, 'from 0 to 30'),
	('guidance_scale', 'NaN', "not 'NaN'"),
	('count', 1000, 'from 1 to 100, not 1000'),
	('seed', -1, 'The seed must be'),
	('seed', 2**64, 'from 0 to 18446744073709551615, not 18446744073709551616'),
	('seed', str(2**64), 'The seed must be'),
	('seed', -(2**70), 'The seed must be'),
	('sampler', 'Magic', "no sampler called 'Magic'"),
	('schedule', {}, 'no schedule called'),
	('colour', 'red', "no setting called 'colour'"),
]


class TestWrong:
	@pytest.mark.parametrize(('field', 'value', 'sentence'), WRONG)
	def test_one_sentence_and_the_field(self, studio, field, value, sentence):
		with pytest.raises(InvalidInput, match=sentence) as caught:
			studio.generation.start({'prompt': 'a fox'} | {field: value})
		assert caught.value.field == field and not studio.board.live

	def test_a_pair_that_does_not_exist(self, studio):
		with pytest.raises(InvalidInput, match='DDIM has no Karras schedule. It has: Automatic'):
			studio.generation.start({'prompt': 'a fox', 'sampler': 'DDIM', 'schedule': 'Karras'})
		with pytest.raises(
			InvalidInput, match='DDIM has no Karras'
		):  # the sampler is the model's own
			studio.generation.start({'prompt': 'a fox', 'schedule': 'Karras'})

	@pytest.mark.parametrize(
		'name', ['nope', '', '..', '../..', '\0', 'a' * 999, '/nowhere/at/all']
	)
	def test_a_model_that_is_not_there(self, studio, name):
		with pytest.raises((UnknownName, ModelProblem)) as caught:
			studio.generation.start({'prompt': 'a fox', 'model': name})
		assert caught.value.remedy


class TestRight:
	def test_names_are_matched_without_case_and_numbers_from_text(self):
		request = GenerationRequest(prompt=' a fox ', sampler='euler A', width='64')
		assert (request.prompt, request.sampler, request.width) == ('a fox', 'Euler a', 64)

	def test_what_is_left_out_comes_from_the_family(self, studio):
		request = studio.generation.start({'prompt': 'a fox'}).request
		family = studio.models.families['sketchbook']
		assert (request.width, request.steps) == (
			family.shapes[0].width,
			family.default_effort.steps,
		)
		assert None not in request.model_dump().values()

	def test_control_characters_and_lone_surrogates_do_not_break_storage(self, studio):
		job = studio.generation.start({'prompt': 'a\x00fox \ud800 ${7*7} <b>'})
		assert studio.jobs.get(job.id).request.prompt == 'a fox \ufffd ${7*7} <b>'

	def test_a_long_prompt_is_said_not_silently_cut(self, studio):
		job = studio.generation.start({'prompt': 'fox ' * 100})
		assert 'reads only 77; the last 25 will be ignored' in job.notes[0]
		assert studio.generation.estimate({'prompt': 'fox ' * 100}).tokens == 102

	def test_seeds_run_on_and_wrap(self, studio):
		assert studio.generation.start({'prompt': 'a', 'seed': 2**64 - 1, 'count': 2}).seeds == (
			2**64 - 1,
			0,
		)

	@pytest.mark.parametrize('seed', [2**53 + 1, 2**63, 2**64 - 2])
	def test_a_long_seed_keeps_all_its_digits(self, studio, seed):
		"""As text too, which is how a script says it."""
		for given in (seed, str(seed)):
			job = studio.generation.start({'prompt': 'a fox', 'seed': given, 'count': 2})
			*_, job = studio.jobs.follow(job.id)
			assert job.seeds == (seed, seed + 1)
			assert job.model_dump(mode='json')['seeds'] == [str(seed), str(seed + 1)]
			assert studio.jobs.get(job.id).request.seed == seed
			for picture in job.pictures:
				stored = studio.history.get(picture.id)
				assert stored.seed == seed + picture.index
				found = studio.history.find({'text': f'seed:{stored.seed}'}).entries
				assert picture.id in [entry.id for entry in found]
				asked = studio.history.reuse(picture.id).fields
				assert asked['seed'] == str(stored.seed)
				assert studio.generation.read(asked).seed == stored.seed
				text = Image.open(picture.path).text['parameters']
				assert f'Seed: {stored.seed},' in text

	def test_one_drawn_by_chance_stays_short(self, studio):
		assert all(
			studio.generation.start({'prompt': 'a fox'}).request.seed < 2**32 for _ in range(20)
		)

	def test_the_cost_is_known_after_the_first_picture(self, studio):
		fields = {'prompt': 'a fox', 'steps': 10}
		assert studio.generation.estimate(fields).seconds is None
		job = studio.generation.start(fields)
		assert list(studio.jobs.follow(job.id))[-1].state == 'finished'
		estimate = studio.generation.estimate(fields | {'count': 4})
		assert (
			estimate.seconds == pytest.approx(0.4)
			and estimate.fits
			and estimate.memory.total > 10**9
		)


class Source(Kept):
	"""A noun as it is kept, made up."""

	picture: str
	strength: float = 0.6

	def __str__(self) -> str:
		return f'{self.picture} at {self.strength:g}'


class AskedSource(Source):
	model_config = ConfigDict(extra='forbid')

	strength: Annotated[
		float,
		valid(Term('strength', 'Strength', 'number', subject='The strength', high=1)),
	] = 0.6


class Wider(GenerationRequest):
	source: AskedSource | None = None
	sources: tuple[AskedSource, ...] = ()


class WiderParameters(GenerationParameters):
	source: Source | None = None
	sources: tuple[Source, ...] = ()


class TestNouns:
	@pytest.mark.parametrize(
		('given', 'field', 'sentence'),
		[
			(
				{'source': {'picture': 'a', 'strength': 2}},
				'source.strength',
				'The strength must be a number from 0 to 1, not 2.',
			),
			(
				{'sources': [{'picture': 'a'}, {'picture': 'b', 'strength': 'x'}]},
				'sources.1.strength',
				"The strength must be a number from 0 to 1, not 'x'.",
			),
			({'source': {}}, 'source.picture', 'source.picture is missing.'),
			(
				{'source': {'picture': 'a', 'mask': 1}},
				'source.mask',
				"There is no setting called 'source.mask'.",
			),
		],
	)
	def test_what_is_wrong_inside_one_is_said_with_the_way_there(self, given, field, sentence):
		with pytest.raises(InvalidInput) as caught:
			read(Wider, {'prompt': 'a fox', **given})
		assert (caught.value.message, caught.value.field) == (sentence, field)

	def test_it_goes_all_the_way_and_says_itself(self):
		asked = read(Wider, {'prompt': 'a fox', 'source': {'picture': 'a'}})
		whole = parameters().model_dump() | asked.model_dump(exclude_none=True)
		drawn = WiderParameters.model_validate(json.loads(json.dumps(whole)))
		assert drawn.source == Source(picture='a') and words(drawn.source) == 'a at 0.6'
		told = drawn.model_dump(mode='json')
		assert WiderParameters.model_validate(told) == drawn
		# A version without it keeps it whole.
		kept = Recipe.model_validate(told)
		assert kept.others['source'] == {'picture': 'a', 'strength': 0.6}
		assert ('source', 'picture a, strength 0.6') in kept.rest

	def test_a_later_version_of_it_is_kept(self):
		later = Source.model_validate({'picture': 'a', 'strength': [1, 2], 'mask': {'feather': 4}})
		assert later.strength == 0.6
		assert later.others == {'mask': {'feather': 4}, 'unread': {'strength': [1, 2]}}
