"""Who looks on while a picture is drawn: each alone, at times that the test says."""

import io
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from localai.engine.drawing import (
	PREVIEW_PAUSE,
	PREVIEW_SHARE,
	Leaving,
	Loop,
	Previewing,
	Step,
	Telling,
)
from localai.engine.families import ANATOMIES, Look, pairs
from localai.engine.previews import SIDE, Previewer
from localai.engine.stopping import Cancel, Stopped

LATENTS = torch.zeros(1, 4, 8, 8)


def step(done: int, at: float = 0.0, total: int = 9, guess: torch.Tensor | None = LATENTS) -> Step:
	return Step(done, total, at, LATENTS, guess)


@pytest.fixture
def previewer(tmp_path) -> Previewer:
	return Previewer(ANATOMIES['sd1'].look, tmp_path, 8)


class TestLeaving:
	@pytest.mark.parametrize('mode', ['stop', 'skip'])
	def test_what_is_not_wanted_is_left(self, mode):
		cancel = Cancel()
		leaving = Leaving(cancel)
		leaving.after_step(step(1))
		cancel.ask(mode)
		with pytest.raises(Stopped):
			leaving.after_step(step(2))
		assert not leaving.kept

	def test_what_is_kept_is_what_the_sampler_believes_in_the_precision_of_the_model(self):
		cancel = Cancel()
		cancel.ask('keep')
		leaving, now = Leaving(cancel), step(3, guess=torch.ones(1, 4, 8, 8, dtype=torch.float64))
		leaving.after_step(now)
		assert leaving.kept and now.last
		assert now.latents.dtype == LATENTS.dtype and (now.latents == 1).all()

	def test_without_a_belief_there_is_nothing_to_keep(self):
		cancel = Cancel()
		cancel.ask('keep')
		with pytest.raises(Stopped):
			Leaving(cancel).after_step(step(3, guess=None))


class TestPreviewing:
	def test_the_first_step_then_by_the_pause_and_never_the_last(self, previewer):
		previewing = Previewing(previewer, 64, 64, 0.0)
		first = step(1, 0.01)
		previewing.after_step(first)
		assert Image.open(io.BytesIO(first.preview)).size == (SIDE, SIDE)
		previewing.latest, previewing.cost = 1.0, 0.0
		for done, at, drawn in (
			(2, 1.0 + PREVIEW_PAUSE * 0.9, False),
			(3, 1.0 + PREVIEW_PAUSE * 1.1, True),
			(9, 1e9, False),
		):
			now = step(done, at)
			previewing.after_step(now)
			assert bool(now.preview) == drawn, done

	def test_what_is_shown_is_what_the_sampler_believes_or_else_what_it_has(self, previewer):
		shown = []
		for guess in (torch.ones(1, 4, 8, 8), None):
			previewing = Previewing(previewer, 64, 64, 0.0)
			now = step(1, 0.01, guess=guess)
			previewing.after_step(now)
			shown.append(now.preview)
			assert previewing.cost == previewing.latest - now.at
		assert shown == [
			previewer.draw(torch.ones(1, 4, 8, 8), 64, 64),
			previewer.draw(LATENTS, 64, 64),
		]

	def test_what_costs_much_is_drawn_less_often(self, previewer):
		previewing = Previewing(previewer, 64, 64, 0.0)
		previewing.latest, previewing.cost = 1.0, 1.0
		for at, drawn in ((0.9 / PREVIEW_SHARE, False), (1.1 / PREVIEW_SHARE, True)):
			now = step(2, 1.0 + at)
			previewing.after_step(now)
			assert bool(now.preview) == drawn

	def test_a_family_of_which_nothing_is_known_has_none(self, tmp_path):
		now = step(1)
		Previewing(Previewer(Look(), tmp_path, 8), 64, 64, 0.0).after_step(now)
		assert now.preview == b''


class TestTelling:
	def test_the_pace_is_that_of_all_steps_so_far(self):
		told = []
		now = step(4, 12.0)
		now.preview = b'jpeg'
		Telling('job', 2, 10.0, told.append).after_step(now)
		(event,) = told
		assert (event.job_id, event.index, event.step, event.steps) == ('job', 2, 4, 9)
		assert (event.seconds_per_step, event.data) == (0.5, b'jpeg')


class TestLoop:
	def test_who_comes_after_the_last_word_is_not_called(self):
		called = []

		class Last:
			def after_step(self, step: Step) -> None:
				called.append('last')
				step.last, step.latents = True, torch.ones(1)

		class After:
			def after_step(self, step: Step) -> None:
				called.append('after')

		pipeline = SimpleNamespace(num_timesteps=9, _interrupt=False)
		prediction = SimpleNamespace(latest=None)
		loop = Loop(prediction, (After(),))
		assert loop.after_step(pipeline, 0, None, {'latents': LATENTS}) == {}
		assert (loop.done, pipeline._interrupt, called) == (1, False, ['after'])
		loop = Loop(prediction, (Last(), After()))
		changed = loop.after_step(pipeline, 4, None, {'latents': LATENTS})
		assert (changed['latents'] == 1).all()
		assert (loop.done, pipeline._interrupt, called) == (5, True, ['after', 'last'])


class TestPairs:
	def test_it_undoes_how_flux_packs(self):
		from diffusers import FluxPipeline

		latents = torch.randn(1, 4, 6, 10)
		packed = FluxPipeline._pack_latents(latents, 1, 4, 6, 10)
		assert (pairs(packed, 6, 10) == latents).all()
		assert (pairs(packed, 7, 11) == latents).all()
