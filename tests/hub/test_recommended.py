"""The list of models worth having: whole, true to its schema, and something for every machine."""

import re

from localai.hub.recommended import recommendations, settings_of
from localai.schemas.families import FAMILIES
from localai.schemas.models import ModelDefaults

GB = 1_000_000_000


class TestList:
	def test_every_tier_of_memory_has_something(self):
		found = recommendations()
		assert len(found) >= 18
		for low, high in ((2, 4), (4, 8), (8, 12), (12, 16), (16, 24), (24, 48), (48, 80)):
			assert [r for r in found if low * GB <= r.memory <= high * GB], f'{low} to {high} GB'

	def test_each_is_said_once_and_in_full(self):
		found = recommendations()
		assert len({r.repo for r in found}) == len({r.name for r in found}) == len(found)
		for one in found:
			assert re.fullmatch(r'[\w.-]+/[\w.-]+', one.repo), one.repo
			assert one.family != 'unknown' and one.licence, one.repo
			assert one.words.endswith('.') and 20 < len(one.words) < 110, one.words
			assert GB < one.bytes < 150 * GB and 2 * GB < one.memory < 80 * GB, one.repo
			assert 1 <= one.steps <= 50, one.repo

	def test_each_says_in_a_few_words_what_it_is_good_for(self):
		for one in recommendations():
			assert 8 < len(one.why) <= 40 and one.why[-1] != '.', one.why
			assert one.settings.steps in (None, one.steps), one.repo

	def test_a_distilled_model_is_drawn_with_its_few_steps(self):
		assert settings_of('stabilityai/sd-turbo').steps == 4
		assert settings_of('org/made-at-home') == ModelDefaults()

	def test_some_need_few_steps_at_every_size(self):
		quick = [r for r in recommendations() if r.steps <= 9]
		assert len(quick) >= 6
		assert min(r.memory for r in quick) < 4 * GB and max(r.memory for r in quick) > 20 * GB

	def test_what_this_version_cannot_draw_with_says_so(self):
		found = recommendations()
		assert {r.family for r in found if r.drawable} <= set(FAMILIES)
		assert len([r for r in found if r.drawable]) >= 7
		assert not next(r for r in found if 'playground' in r.repo).drawable

	def test_licences_against_commerce_are_marked(self):
		for one in recommendations():
			if re.search(r'non-commercial|-nc-|nsclv2', one.licence):
				assert not one.commercial, one.repo
