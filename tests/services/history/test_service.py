"""One picture with all that is known of it, two beside each other, the prompts of the day, settings used
again, thumbnails."""

from pathlib import Path

import pytest
from PIL import Image

from localai.errors import InvalidInput, UnknownName
from localai.schemas.history import HistoryQuery
from tests.pictures import draw, png, row


class TestCard:
	def test_what_has_changed_since_the_picture_before(self, studio):
		(first,) = draw(studio, 'a red fox', seed=1)
		(second,) = draw(studio, 'a blue fox', seed=2, steps=3)
		card = studio.history.card(second.id)
		assert card.previous == first.id
		assert [(p.change, p.text) for p in card.pieces] == [
			('same', 'a '),
			('removed', 'red'),
			('added', 'blue'),
			('same', ' fox'),
		]
		assert {c.name: (c.before, c.after) for c in card.changes} == {
			'Seed': ('1', '2'),
			'Steps': ('2', '3'),
		}
		assert card.parameters.startswith('a blue fox\nSteps: 3, Sampler: DDIM')
		assert card.bytes == Path(second.path).stat().st_size and not card.missing

	def test_a_file_that_went_is_said(self, studio):
		(picture,) = draw(studio)
		Path(picture.path).unlink()
		assert studio.history.card(picture.id).missing
		assert studio.history.find({}).entries[0].id == picture.id

	@pytest.mark.parametrize('number', [0, -1, 5, 2**63, 10**30])
	def test_no_such_picture(self, studio, number):
		with pytest.raises(UnknownName):
			studio.history.card(number)


class TestCompare:
	def test_prompts_and_settings(self, studio):
		one, two = draw(studio, 'a fox', seed=1, count=2)
		(three,) = draw(studio, 'a fox, snow', negative_prompt='text', seed=1, guidance_scale=2)
		same = studio.history.compare(one.id, one.id)
		assert not same.settings and [p.change for p in same.pieces] == ['same']
		assert [d.name for d in studio.history.compare(one.id, two.id).settings] == ['Seed']
		other = studio.history.compare(one.id, three.id)
		assert [(d.name, d.before, d.after) for d in other.settings] == [('Guidance', '4', '2')]
		assert [(p.change, p.text) for p in other.negative_pieces] == [('added', 'text')]

	def test_endless_prompts_are_not_compared_word_by_word(self, studio):
		long = ' '.join(f'w{n}' for n in range(3000))
		ids = studio.history.store.add([row(long), row(long + ' end')])
		assert [p.change for p in studio.history.compare(*ids).pieces] == ['removed', 'added']
		assert [p.change for p in studio.history.compare(*ids[::-1]).pieces] == ['removed', 'added']
		empty, endless = studio.history.store.add([row(''), row(long)])
		assert [p.change for p in studio.history.compare(empty, endless).pieces] == ['added']
		assert [p.change for p in studio.history.compare(endless, empty).pieces] == ['removed']

	def test_a_long_one_still_is(self, studio):
		# Two thousand words with a space after each: as much as is compared.
		long = 'fox ' * 1999
		ids = studio.history.store.add([row(long + 'owl '), row(long + 'elk ')])
		assert [(p.change, p.text) for p in studio.history.compare(*ids).pieces] == [
			('same', long),
			('removed', 'owl'),
			('added', 'elk'),
			('same', ' '),
		]

	def test_a_value_is_told_up_to_a_length(self, studio):
		texts = 'short', 'w' * 200, 'w' * 201, 'w' * 300 + 'a', 'w' * 300 + 'b'
		short, whole, cut, one, other = studio.history.store.add(
			[row(recipe={'extra': (('Wildcard', text),)}, seed=1) for text in texts]
		)

		def told(left: int, right: int) -> list[tuple[str, str, str]]:
			settings = studio.history.compare(left, right).settings
			return [(d.name, d.before, d.after) for d in settings]

		assert told(short, whole) == [('Wildcard', 'short', 'w' * 200)]
		assert told(short, cut) == [('Wildcard', 'short', 'w' * 200 + '…')]
		# Where they begin alike, what is told begins shortly before they part.
		assert told(one, other) == [('Wildcard', '…' + 'w' * 20 + 'a', '…' + 'w' * 20 + 'b')]
		assert told(whole, cut) == [('Wildcard', '…' + 'w' * 20, '…' + 'w' * 21)]


class TestTimeline:
	def test_each_prompt_once_with_its_last_picture(self, studio):
		draw(studio, 'a fox', seed=1, count=3)
		(snow,) = draw(studio, 'a fox in snow', seed=1)
		(again,) = draw(studio, 'a fox', seed=9)
		steps = studio.history.timeline()
		assert [(s.picture.request.prompt, s.count) for s in steps] == [
			('a fox', 1),
			('a fox in snow', 1),
			('a fox', 3),
		]
		assert steps[0].picture.id == again.id
		assert [(p.change, p.text) for p in steps[1].pieces] == [
			('same', 'a fox'),
			('added', ' in snow'),
		]
		older = studio.history.timeline(before=snow.id)
		assert [(s.picture.request.prompt, s.count) for s in older] == [('a fox', 3)]
		assert studio.history.timeline(limit=1) == steps[:1]

	def test_a_run_that_was_cut_by_a_page_is_told_once(self, studio):
		pictures = draw(studio, 'a fox', seed=1, count=3)
		(other,) = draw(studio, 'an owl', seed=1)
		assert studio.history.timeline(before=pictures[-1].id) == ()
		assert [s.count for s in studio.history.timeline(before=other.id)] == [3]


class TestReuse:
	def test_all_settings_of_a_picture_drawn_here(self, studio):
		(picture,) = draw(studio, 'a fox', negative_prompt='text', seed=5, sampler='Euler')
		again = studio.history.reuse(picture.id)
		assert again.notes == ()
		assert again.fields == {
			'prompt': 'a fox',
			'negative_prompt': 'text',
			'model': 'sketchbook',
			'width': 64,
			'height': 64,
			'steps': 2,
			'guidance_scale': 4.0,
			'sampler': 'Euler',
			'schedule': picture.request.schedule,
			'seed': 5,
		}
		(same,) = draw(studio, **again.fields)
		assert same.request == picture.request
		with Image.open(same.path) as new, Image.open(picture.path) as old:
			assert new.tobytes() == old.tobytes()

	def test_what_cannot_be_taken_is_said(self, studio):
		(number,) = studio.history.store.add(
			[
				row(
					'a castle',
					kind='imported',
					seed=None,
					recipe={
						'sampler': 'restart',
						'width': 4096,
						'height': 512,
						'steps': 9000,
						'model': 'dream',
						'loras': [{'name': 'ink'}],
						'clip_skip': 2,
						'seed': 2**70,
					},
					receipt={'model_name': 'dreamShaper', 'model_hash': 'ffffffffff'},
				)
			]
		)
		again = studio.history.reuse(number)
		assert again.fields == {'prompt': 'a castle', 'negative_prompt': ''}
		notes = ' '.join(again.notes)
		for word in (
			'restart',
			'4096 × 512 cannot be drawn',
			'Steps',
			'dreamShaper',
			'LoRA',
			'Clip skip',
			'seed',
		):
			assert word in notes, word

	def test_a_model_is_known_by_its_hash(self, studio):
		(picture,) = draw(studio)
		(number,) = studio.history.store.add(
			[
				row(
					model_id='',
					recipe={'model': 'under another name'},
					receipt={'model_name': 'Else', 'model_hash': picture.receipt.model_hash},
				)
			]
		)
		assert picture.receipt.model_hash
		assert studio.history.reuse(number).fields['model'] == 'sketchbook'


class TestSelect:
	def test_all_that_a_search_finds_in_its_order(self, studio):
		pictures = draw(studio, 'a fox', seed=1, count=4)
		draw(studio, 'an owl')
		ids = studio.history.select({'text': 'fox', 'sort': 'oldest'})
		assert list(ids) == [p.id for p in pictures]

	@pytest.mark.parametrize(
		'query',
		[
			{'limit': 0},
			{'limit': 10**9},
			{'offset': -1},
			{'offset': 2**70},
			{'text': 'x' * 3000},
			{'text': 7},
			{'sort': 'best'},
			{'day': 'today'},
			{'day': '2026-13-45'},
			{'strange': 1},
			{'limit': float('nan')},
		],
	)
	def test_wrong_questions_are_said(self, studio, query):
		with pytest.raises(InvalidInput):
			studio.history.find(query)

	def test_a_query_need_not_be_a_mapping(self, studio):
		assert studio.history.find(HistoryQuery()).entries == ()


class TestThumbnails:
	def test_made_once_and_never_another_pictures(self, studio):
		(picture,) = draw(studio, seed=1)
		path = studio.history.thumbnail(picture.id)
		with Image.open(path) as image:
			assert image.format == 'WEBP' and image.size == (64, 64)
		made = path.stat().st_mtime_ns
		assert studio.history.thumbnail(picture.id) == path
		assert path.stat().st_mtime_ns == made
		studio.picture_trash.delete([picture.id])
		(other,) = draw(studio, seed=2)
		assert studio.history.thumbnail(other.id) != path

	def test_large_ones_become_small_and_see_through_ones_white(self, studio):
		(added,) = studio.imports.take('big.png', png(size=(2000, 500))).imported
		with Image.open(studio.history.thumbnail(added)) as image:
			assert image.size == (320, 80)

	def test_a_damaged_file_has_none(self, studio):
		(number,) = studio.history.store.add([row()])
		path = studio.settings.pictures / f'2026-01-01/{number}.png'
		with pytest.raises(UnknownName):
			studio.history.thumbnail(number)
		assert not path.exists()
