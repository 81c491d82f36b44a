"""A request becomes a job: what its model's family cannot do, and the weights that it names."""

from functools import partial

import pytest

from localai.errors import InvalidInput, ModelInUse
from localai.schemas.families import FAMILIES
from localai.schemas.terms import TERMS
from localai.services.models import weights
from tests.library import write_lora
from tests.services.jobs.test_service import finish
from tests.waiting import eventually


class TestComplete:
	def test_what_the_family_does_not_read_is_not_said_to_be_drawn_with(self, studio):
		fields = {'prompt': 'a fox', 'negative_prompt': 'a cat'}
		assert studio.generation.start(fields).request.negative_prompt == 'a cat'
		row = FAMILIES['sketchbook'].model_copy(update={'negative_prompt': False})
		studio.models.families = FAMILIES | {'sketchbook': row}
		assert studio.generation.start(fields).request.negative_prompt == ''
		assert studio.generation.estimate(fields).negative_tokens == 2


class TestWeights:
	"""With a table in which the negative prompt names a LoRA."""

	@pytest.fixture
	def lora(self, studio, settings, monkeypatch, tiny_model):
		table = (TERMS['negative_prompt']._replace(weights='lora'),)
		monkeypatch.setattr(weights, 'resolve', partial(weights.resolve, table=table))
		path = write_lora(settings.home / 'models' / 'loras' / 'ink.safetensors')
		studio.models.scan()
		return path

	def begin(self, studio, tiny_model, name):
		fields = {'prompt': 'a fox', 'model': str(tiny_model), 'negative_prompt': name}
		return studio.generation.start(fields | {'width': 64, 'height': 64})

	def test_the_engine_gets_them_and_they_stay_until_its_end(
		self, studio, executor, lora, tiny_model
	):
		executor.gate.clear()
		job = self.begin(studio, tiny_model, 'ink')
		eventually(lambda: executor.seen)
		assert executor.seen[-1].weights['negative_prompt']['ink'].path == str(lora)
		with pytest.raises(ModelInUse):
			studio.models.delete('loras/ink.safetensors')
		executor.gate.set()
		assert finish(studio, job.id).state == 'finished'
		studio.models.delete('loras/ink.safetensors')
		assert not lora.exists()

	def test_one_that_is_not_here_is_said_at_the_door(self, studio, lora, tiny_model):
		for ask in (studio.generation.start, studio.generation.estimate):
			with pytest.raises(InvalidInput, match="no LoRA called 'oil'") as caught:
				ask({'prompt': 'x', 'model': str(tiny_model), 'negative_prompt': 'oil'})
			assert caught.value.field == 'negative_prompt'

	def test_one_that_went_while_the_job_waited_fails_it_in_words(
		self, studio, executor, lora, tiny_model
	):
		executor.gate.clear()
		first = self.begin(studio, tiny_model, '')
		second = self.begin(studio, tiny_model, 'ink')
		lora.unlink()
		executor.gate.set()
		assert finish(studio, first.id).state == 'finished'
		ended = finish(studio, second.id)
		assert ended.state == 'failed' and ended.error.code == 'InvalidInput'
		assert ended.error.message == "There is no LoRA called 'ink'."
