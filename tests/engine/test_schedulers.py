"""Every sampler with every schedule that is offered, on a real pipeline; and nothing leaks from one
to the next."""

import random
from typing import get_args

import numpy
import pytest
import torch

from localai.engine import schedulers
from localai.engine.engine import Cancel, Engine
from localai.errors import InvalidInput
from localai.schemas import engine as say
from localai.schemas.generation import GenerationRequest
from localai.schemas.samplers import (
	SAMPLERS,
	SCHEDULES,
	SamplerName,
	ScheduleName,
	evaluations,
	schedules_for,
)
from tests.engine.test_engine import pixels_of, spec_of, task

PAIRS = [(sampler, schedule) for sampler in SAMPLERS for schedule in schedules_for(sampler)]


class TestNames:
	def test_the_names_that_people_see_are_the_rows_of_the_tables(self):
		assert tuple(schedulers.SAMPLERS) == SAMPLERS == get_args(SamplerName)
		assert tuple(schedulers.SCHEDULES) == SCHEDULES == get_args(ScheduleName)
		assert len(SAMPLERS) >= 18

	def test_a_pair_that_does_not_exist_is_refused_by_name(self):
		with pytest.raises(InvalidInput, match='LCM has no Karras'):
			schedulers.build({}, 'LCM', 'Karras')
		with pytest.raises(ValueError, match='LCM has no Karras'):
			GenerationRequest(prompt='x', sampler='LCM', schedule='Karras')

	def test_every_option_is_one_that_the_scheduler_knows(self, tiny_engine):
		"""diffusers passes over unknown options in silence: an offered schedule must really change
		something."""
		for sampler, schedule in PAIRS:
			scheduler = schedulers.build(
				tiny_engine.models.current.scheduler_config, sampler, schedule
			)
			for option, value in (
				schedulers.SAMPLERS[sampler].options | schedulers.SCHEDULES[schedule]
			).items():
				assert scheduler.config[option] == value, (sampler, schedule, option)


@pytest.fixture(scope='module')
def tiny_engine(tiny_model):
	engine = Engine('cpu')
	engine.models.load(spec_of(tiny_model), lambda *progress: None)
	return engine


class TestDrawing:
	@pytest.mark.parametrize(('sampler', 'schedule'), PAIRS)
	def test_each_pair_draws_a_finite_picture(self, tiny_engine, tiny_model, sampler, schedule):
		events = []
		tiny_engine.run(
			task(tiny_model, sampler=sampler, schedule=schedule, steps=6), events.append, Cancel()
		)
		assert isinstance(events[-1], say.Finished), events[-1]
		drawn = next(e for e in events if isinstance(e, say.Drawn))
		assert pixels_of(drawn).std() > 0
		assert drawn.steps_done == evaluations(sampler, 6)

	@pytest.mark.parametrize('pairs', [8, pytest.param(60, marks=pytest.mark.slow)])
	def test_a_sampler_draws_the_same_after_any_other(self, tiny_engine, tiny_model, pairs):
		"""Sampler A then B equals a fresh B."""
		chance = random.Random(1)
		fresh: dict = {}

		def draw(engine, pair):
			events = []
			engine.run(
				task(tiny_model, sampler=pair[0], schedule=pair[1], steps=4),
				events.append,
				Cancel(),
			)
			return pixels_of(next(e for e in events if isinstance(e, say.Drawn)))

		for _ in range(pairs):
			first, second = chance.sample(PAIRS, 2)
			draw(tiny_engine, first)
			after = draw(tiny_engine, second)
			if second not in fresh:
				engine = Engine('cpu')
				engine.models.load(spec_of(tiny_model), lambda *progress: None)
				fresh[second] = draw(engine, second)
			assert numpy.array_equal(after, fresh[second]), (first, second)

	def test_zero_terminal_signal_is_survived_by_all(self, tiny_engine):
		config = tiny_engine.models.current.scheduler_config | {
			'rescale_betas_zero_snr': True,
			'prediction_type': 'v_prediction',
		}
		for sampler, schedule in PAIRS:
			scheduler = schedulers.build(config, sampler, schedule)
			scheduler.set_timesteps(5)
			sample = torch.randn(1, 4, 8, 8) * scheduler.init_noise_sigma
			for step in scheduler.timesteps:
				scaled = scheduler.scale_model_input(sample, step)
				sample = scheduler.step(torch.zeros_like(scaled), step, sample).prev_sample
			assert torch.isfinite(sample).all(), (sampler, schedule)
