"""What the History tab asks, called as the page calls it: wrong questions are answered, hostile words stay
words, strangers may look."""

import json
import math

import pytest

from localai.ui import history
from localai.ui.visitors import answer, audience_of
from tests.pictures import draw, png, row

WRONG = (
	{},
	{'id': None},
	{'id': 'x'},
	{'id': 1e300},
	{'id': math.nan},
	{'id': -1, 'ids': -1, 'left': -1, 'right': 0},
	{'id': '9' * 30, 'ids': ['9' * 30]},
	{'id': [1], 'ids': {'a': 1}, 'change': [], 'trashed': 5},
	{'ids': [math.inf], 'text': ['x'], 'sort': 7, 'limit': 'many'},
	{'text': 'x' * 10_000, 'limit': -5, 'offset': math.nan},
	{'ids': list(range(30_000)), 'change': {'rating': 99}},
	{'name': {'a': 1}, 'to': 7, 'chore': None, 'before': 'yesterday'},
	{'trashed': ['../../etc'], 'limit': 10**30},
)


@pytest.fixture
def page(studio):
	return {function.__name__: answer(function) for function in history.functions(studio)}


class TestWrongQuestions:
	@pytest.mark.parametrize('given', WRONG)
	def test_each_has_an_answer_and_nothing_is_lost(self, studio, page, given):
		draw(studio)
		for name, function in page.items():
			answer = function(given)
			json.dumps(answer)
			if 'error' in answer and answer['error']:
				assert answer['error']['message'], name
		assert studio.history.outline({}).total == 1


class TestAnswers:
	def test_a_card_names_no_path_of_this_machine(self, studio, page):
		(picture,) = draw(studio, 'a fox')
		(number,) = studio.imports.take('x.png', png()).imported
		told = [
			page['ui_history_card']({'id': picture.id}),
			page['ui_history_compare']({'left': picture.id, 'right': number}),
			page['ui_history_timeline']({}),
			page['ui_history_find']({}),
		]
		assert str(studio.settings.home) not in json.dumps(told)
		assert told[0]['card']['file'].endswith('.png')

	def test_a_seed_that_a_script_cannot_hold_is_text(self, studio, page):
		(number,) = studio.history.store.add([row(seed=None, recipe={'seed': 2**64 - 1})])
		card = page['ui_history_card']({'id': number})['card']
		assert card['picture']['request']['seed'] == str(2**64 - 1)
		(number,) = studio.history.store.add([row(seed=2**60)])
		picture = page['ui_history_card']({'id': number})['card']['picture']
		assert picture['seed'] == str(2**60)
		assert studio.history.find({'text': f'seed:{2**60}'}).entries[0].id == number

	def test_delete_and_restore(self, studio, page):
		(picture,) = draw(studio)
		gone = page['ui_history_delete']({'ids': [picture.id, 999]})
		assert gone['gone'] == 1 and len(gone['trashed']) == 1
		(held,) = page['ui_history_trash']({})['trash']
		assert held['id'] == gone['trashed'][0] and held['thumbnail'].startswith('/media/trash/')
		assert page['ui_history_restore']({'trashed': gone['trashed']})['pictures'] == [picture.id]

	def test_what_changes_something_is_not_for_strangers(self, page):
		looks = {
			'find',
			'outline',
			'select',
			'card',
			'vocabulary',
			'compare',
			'reuse',
			'inside',
			'timeline',
			'trash',
			'verify',
			'verdict',
			'exposures',
		}
		changes = {n.removeprefix('ui_history_') for n in page} - looks
		assert {audience_of(page[f'ui_history_{name}']) for name in changes} == {'owner'}
