"""What a request will cost, as the engine that will draw it is."""

import pytest

from localai.errors import OutOfMemory
from localai.executors.base import status_after
from localai.schemas.engine import Held, Ready
from localai.schemas.hardware import EngineStatus, HeldModel, MemoryReading
from localai.schemas.memory import CONTEXT

FIELDS = {'prompt': 'a fox', 'width': 128, 'height': 128}


def tell(studio, executor, **changes) -> None:
	executor.status = executor.status.model_copy(update=changes)
	executor.on_status(executor.status)


def gpu(free: int, total: int) -> dict:
	reading = MemoryReading(free=free, total=total)
	return {'device': 'A card', 'device_kind': 'cuda', 'dtype': 'bf16', 'memory': reading}


class TestEstimate:
	def test_the_precision_is_the_engines(self, studio, executor):
		single = studio.generation.estimate(FIELDS)
		tell(studio, executor, **gpu(10**10, 2 * 10**10))
		half = studio.generation.estimate(FIELDS)
		assert single.bytes == 2 * (half.bytes - CONTEXT)

	def test_the_memory_is_that_of_the_device_that_draws(self, studio, executor):
		tell(studio, executor, **gpu(10**8, 2 * 10**10))
		estimate = studio.generation.estimate(FIELDS)
		assert estimate.memory == MemoryReading(free=10**8, total=2 * 10**10)
		assert not estimate.fits
		assert studio.hardware.room().reading == estimate.memory
		assert studio.models.card('sketchbook').fit == 'too large'
		tell(studio, executor, **gpu(10**10, 2 * 10**10))
		assert studio.generation.estimate(FIELDS).fits
		assert studio.models.card('sketchbook').fit == 'fits'

	def test_before_the_first_word_it_costs_as_much_and_has_no_tokens(self, studio):
		typed, empty = (studio.generation.estimate(FIELDS | {'prompt': p}) for p in ('a fox', ' '))
		assert typed.tokens == 4 and empty == typed.model_copy(
			update={'tokens': 0, 'memory': empty.memory}
		)

	def test_what_of_the_words_has_no_effect_is_said_before_and_after(self, studio):
		"""In each of the prompts, and by the job, whoever asked for it."""
		for field, words in (('prompt', 'a (fox:1.3)'), ('negative_prompt', '(blurry:1.3)')):
			fields = FIELDS | {field: words}
			(note,) = studio.generation.estimate(fields).notes
			assert 'has no effect yet' in note
			assert studio.generation.start(fields).notes == (note,)
		assert studio.generation.estimate(FIELDS).notes == ()

	def test_what_the_engine_could_let_go_is_free(self, studio, executor):
		held = (HeldModel(id='other', bytes=10**10),)
		tell(studio, executor, **gpu(10**8, 2 * 10**10), held=held)
		assert studio.generation.estimate(FIELDS).fits

	def test_of_a_card_that_has_not_told_its_memory_nothing_is_said(self, studio, executor):
		tell(studio, executor, **gpu(1, 1) | {'memory': None})
		estimate = studio.generation.estimate(FIELDS)
		assert estimate.fits and estimate.memory.total == 0
		assert studio.models.card('sketchbook').fit == 'unknown'
		assert studio.generation.start(FIELDS).id

	def test_what_could_never_be_drawn_here_is_refused(self, studio, executor):
		tell(studio, executor, **gpu(10**7, 2 * 10**7))
		with pytest.raises(
			OutOfMemory, match=r'needs about 0\.\d GB, but the machine has only 0\.0 GB'
		):
			studio.generation.start(FIELDS)


class TestStatus:
	def test_the_engine_tells_its_device_and_the_memory_of_a_card(self):
		told = Ready(device='A', device_kind='cuda', dtype='bf16', torch='1', diffusers='1')
		status = status_after(EngineStatus(), told, None)
		assert (status.device_kind, status.memory) == ('cuda', None)
		reading = MemoryReading(free=1, total=2)
		status = status_after(status, Held(models=(), budget=1, memory=reading), None)
		assert status.memory == reading
