"""The data, words and judge of the built-in model, on renders made up here: icons and packs are for
training only."""

import re
from collections import Counter

import pytest
import torch

from tools.builtin import judge as judges
from tools.builtin import scores
from tools.builtin.compose import PATCH, SIZE, Code, Composer, patches, with_article
from tools.builtin.prompts import COUNT, draw, kept
from tools.builtin.text import build_encoder, build_tokenizer, vocabulary
from tools.builtin.things import COLOURS, HOUSE_STYLE, PLACES, STYLES, THINGS

PLACE = {place.word: i for i, place in enumerate(PLACES)}


@pytest.fixture
def composer(data):
	return Composer(data, seed=3)


@pytest.fixture(scope='module')
def tokenizer(tmp_path_factory):
	return build_tokenizer(tmp_path_factory.mktemp('tokenizer'))


class TestCaptions:
	def captions(self, composer, style: int, place: int = 0, colour: str = 'orange') -> list[str]:
		lot = composer.random
		return [
			composer.caption(lot.randrange(len(THINGS)), style, colour, place) for _ in range(600)
		]

	def test_a_style_that_is_not_the_house_style_is_said_in_every_caption(self, composer):
		for index, style in enumerate(STYLES):
			said = [c for c in self.captions(composer, index) if c]
			share = sum(style.word in c.split() or f'{style.word} style' in c for c in said)
			assert share == len(said) if index != HOUSE_STYLE else 0.3 < share / len(said) < 0.7

	def test_no_caption_says_another_style(self, composer):
		for index in range(len(STYLES)):
			others = {s.word for i, s in enumerate(STYLES) if i != index}
			words = {w.strip(',') for c in self.captions(composer, index) for w in c.split()}
			assert not words & others

	def test_some_captions_are_empty_so_that_guidance_has_something_to_lean_on(self, composer):
		empty = self.captions(composer, HOUSE_STYLE).count('')
		assert 0.04 < empty / 600 < 0.2

	def test_the_background_is_mostly_said_and_after_an_where_it_must(self, composer):
		said = [c for c in self.captions(composer, HOUSE_STYLE) if c]
		assert 0.7 < sum('orange background' in c for c in said) / len(said) < 1
		assert any('on an orange background' in c for c in said)
		assert not any(re.search(r'\ba orange', c) for c in said)

	def test_a_place_is_always_said(self, composer):
		for word, place in PLACE.items():
			assert all(word in c for c in self.captions(composer, HOUSE_STYLE, place) if c)

	def test_every_caption_names_its_thing(self, composer):
		for _ in range(600):
			thing = composer.random.randrange(len(THINGS))
			caption = composer.caption(thing, 0, 'blue', 0)
			assert not caption or any(word in caption for word in THINGS[thing].words)

	@pytest.mark.parametrize(
		('word', 'phrase'),
		[
			('apple', 'an apple'),
			('umbrella', 'an umbrella'),
			('unicorn', 'a unicorn'),
			('cat', 'a cat'),
			('bananas', 'bananas'),
			('small cactus', 'a small cactus'),
			('octopus', 'an octopus'),
		],
	)
	def test_articles(self, word, phrase):
		assert with_article(word) == phrase


class TestCompositions:
	def centre(self, composer, place: int) -> tuple[float, float, float]:
		"""Where the discs are, across and down from -1 to 1, and the share they cover."""
		count = 24
		images = composer.compose(
			list(range(count)), [0] * count, ['black'] * count, [place] * count
		)
		shape = (images - images[:, :, :1, :1]).abs().amax(1) > 0.3
		ramp = torch.linspace(-1, 1, SIZE)
		weight = shape.float() / shape.sum((1, 2), keepdim=True).clamp(min=1)
		across = (weight.sum(1) * ramp).sum(1).mean().item()
		down = (weight.sum(2) * ramp).sum(1).mean().item()
		return across, down, shape.float().mean().item()

	def test_a_thing_stands_where_the_words_say(self, composer):
		for word, low, high in (
			('', -0.1, 0.1),
			('on the left', -0.6, -0.3),
			('on the right', 0.3, 0.6),
		):
			across, down, _ = self.centre(composer, PLACE[word])
			assert low < across < high, word
			assert -0.1 < down < 0.1, word

	def test_a_small_thing_is_small(self, composer):
		usual, small = (self.centre(composer, PLACE[word])[2] for word in ('', 'small'))
		assert small < usual / 2

	def test_the_background_is_nearest_to_the_colour_of_its_name(self, composer):
		names = list(COLOURS)
		corners = (composer.background(names * 8)[:, :, 2, 2] * 255).round()
		palette = torch.tensor(list(COLOURS.values())).float()
		nearest = torch.cdist(corners, palette).argmin(1).tolist()
		assert nearest == list(range(len(names))) * 8

	def test_the_same_seed_makes_the_same_batch(self, data):
		first, second = (Composer(data, seed=5).batch(8) for _ in range(2))
		assert first[1] == second[1]
		assert torch.equal(first[0], second[0])
		assert first[0].shape == (8, 3, SIZE, SIZE)
		assert first[0].min() >= -1 and first[0].max() <= 1

	def test_one_style_only_where_asked(self, data):
		assert set(Composer(data, seed=1, styles=(0,)).draw(50)[1]) == {0}


class TestCode:
	def test_patches_keep_every_pixel(self):
		images = torch.rand(2, 3, SIZE, SIZE)
		columns = patches(images)
		assert columns.shape == (2, 3 * PATCH * PATCH, SIZE // PATCH, SIZE // PATCH)
		assert torch.equal(torch.nn.functional.pixel_shuffle(columns, PATCH), images)

	def test_latents_come_back_as_they_were(self, data):
		code = Code(data)
		latents = torch.randn(2, 16, 16, 16)
		assert torch.allclose(code.encode(code.decode(latents)), latents, atol=1e-4)

	def test_decoding_is_the_nearest_that_the_code_can_say(self, data):
		code = Code(data)
		images = Composer(data, seed=2).batch(4)[0]
		once = code.decode(code.encode(images))
		assert once.shape == images.shape
		assert torch.allclose(code.decode(code.encode(once)), once, atol=1e-4)


class TestWords:
	def test_every_word_of_the_vocabulary_is_one_token(self, tokenizer):
		split = [w for w in vocabulary() if len(tokenizer(w).input_ids) != 3]
		assert split == []

	def test_every_caption_is_made_of_words_of_the_vocabulary(self, composer):
		known = set(vocabulary())
		captions = [composer.caption(i % len(THINGS), 0, 'red', i % 4) for i in range(800)]
		words = {w.strip(',') for c in captions for w in c.split()}
		assert words <= known

	def test_no_two_things_are_called_the_same(self):
		words = Counter(w for t in THINGS for w in t.words)
		assert [w for w, n in words.items() if n > 1] == []

	def test_other_text_has_tokens_too(self, tokenizer):
		ids = tokenizer('Ünï 漢 xylophone').input_ids
		assert len(ids) > 5
		assert max(ids) < len(tokenizer)

	def test_a_kept_tokenizer_is_read_again_and_not_learnt_anew(self, tokenizer, tmp_path):
		first, second = build_tokenizer(tmp_path), build_tokenizer(tmp_path)
		text = 'a red apple on a blue background, flat style'
		assert first(text).input_ids == second(text).input_ids
		assert first.get_vocab() == second.get_vocab()

	def test_the_encoder_takes_what_the_tokenizer_gives(self, tokenizer):
		encoder = build_encoder(tokenizer).eval()
		ids = tokenizer(['a cat', ''], padding='max_length', return_tensors='pt').input_ids
		assert encoder(ids).last_hidden_state.shape == (2, 77, 128)


class TestPrompts:
	def test_there_are_two_hundred_and_all_differ(self):
		assert len(kept()) == COUNT == 200
		assert len({a.text for a in kept()}) > 190

	def test_they_cover_things_styles_and_colours_evenly(self):
		asked = kept()
		things = Counter(a.thing for a in asked)
		assert set(things) == {t.icon for t in THINGS}
		assert min(things.values()) >= 2
		styles = Counter(a.style for a in asked)
		assert styles == {s.word: COUNT // len(STYLES) for s in STYLES}
		colours = Counter(a.colour for a in asked)
		assert set(colours) == set(COLOURS)
		assert max(colours.values()) - min(colours.values()) <= 1

	def test_each_says_all_that_is_judged(self):
		words = {t.icon: t.words for t in THINGS}
		for asked in kept():
			text = asked.text.lower()
			assert f'{asked.colour} background' in text
			assert re.search(rf'\b{asked.style} (style|drawing)', text)
			assert any(w in text for w in words[asked.thing])
			assert len(asked.truth) == 3

	def test_most_are_said_as_the_training_says_them(self):
		assert sum(a.taught for a in kept()) == COUNT * 4 // 5

	def test_they_are_those_that_the_lot_draws(self):
		assert [a.truth for a in draw()] == [a.truth for a in kept()]


class TestJudge:
	def test_it_answers_for_thing_style_and_colour(self, data):
		judge = judges.Judge()
		images, truth = judges.compose(Composer(data, seed=9), 6)
		verdict = judge.look(images)
		assert [p.shape for p in verdict] == [(6, len(THINGS)), (6, 2), (6, len(COLOURS))]
		assert torch.allclose(verdict.things.sum(1), torch.ones(6), atol=1e-4)
		assert verdict.right(truth).shape == verdict.sure(truth).shape == (6, 3)

	def test_its_data_is_held_apart(self, data):
		first = judges.held_out(data, 4)
		again = judges.held_out(data, 4)
		assert torch.equal(first[0], again[0])
		training = judges.compose(Composer(data, seed=judges.TRAIN_SEED), 4)
		assert not torch.equal(first[0], training[0])

	def test_worn_pictures_are_near_what_they_were(self, data):
		images, _ = judges.compose(Composer(data, seed=9), 12)
		before = images.clone()
		worn = judges.wear(images, Code(data), judges.random.Random(0))
		assert torch.equal(images, before)
		assert worn.shape == images.shape
		# The first two go through the code, which here is made of random columns.
		assert (worn - images)[2:].abs().mean() < 0.1

	def test_a_blur_keeps_plain_colours(self):
		plain = torch.full((1, 3, 32, 32), 0.3)
		assert torch.allclose(judges.blur(plain, 2.0), plain, atol=1e-5)


class TestScores:
	def verdict(self, truth, wrong=0):
		"""Sure of the truth, but for the things of the first `wrong`."""
		things = truth.things.clone()
		things[:wrong] = (things[:wrong] + 1) % len(THINGS)
		sizes = (len(THINGS), len(STYLES), len(COLOURS))
		seen = zip((things, truth.styles, truth.colours), sizes, strict=True)
		return judges.Verdict(*(torch.nn.functional.one_hot(t, n).float() for t, n in seen))

	def truth(self, count=240):
		rows = torch.arange(count)
		return judges.Truth(rows % len(THINGS), rows % len(STYLES), rows % len(COLOURS))

	def test_the_interval_is_wilsons(self):
		part = scores.share(90, 100)
		assert (round(part.low, 3), round(part.high, 3)) == (0.826, 0.945)
		assert scores.share(0, 10).low == 0 and scores.share(10, 10).high == pytest.approx(1)

	def test_marks_count_each_head_and_all_together(self):
		truth = self.truth()
		found = scores.marks(self.verdict(truth, wrong=24), truth)
		assert (found.thing.right, found.together.right, found.thing.total) == (216, 216, 240)
		assert (found.style.right, found.background.right) == (240, 240)
		assert found.sure == {'thing': 0.9, 'style': 1, 'background': 1}

	def test_other_prompts_score_no_better_than_chance(self):
		truth = self.truth()
		found = scores.shuffled(self.verdict(truth), truth)
		assert found.thing.right / 240 == pytest.approx(1 / 80, abs=0.01)
		assert found.background.right / 240 == pytest.approx(1 / 12, abs=0.03)
		assert found.style.right / 240 == pytest.approx(1 / 2, abs=0.05)

	def test_a_failure_says_what_was_wrong_and_what_was_seen(self):
		truth = self.truth(3)
		texts = ['one', 'two', 'three']
		(failure,) = scores.failures(self.verdict(truth, wrong=1), truth, texts, [7, 8, 9])
		assert (failure.text, failure.seed, failure.wrong) == ('one', 7, ('thing',))
		assert failure.saw == f'{THINGS[1].words[0]}, {STYLES[0].word}, red'

	def test_an_evaluation_survives_its_file(self):
		truth = self.truth()
		row = scores.Row(name='all prompts', marks=scores.marks(self.verdict(truth), truth))
		whole = scores.Evaluation(model='x', bars=scores.Bars(rows=(row,), failures=()))
		assert scores.Evaluation.model_validate_json(whole.model_dump_json()) == whole
		assert '240/240' in scores.report(whole)
