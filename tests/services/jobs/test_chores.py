"""What is done for models besides drawing: loads, unloads and conversions, with the fake engine."""

import asyncio
from pathlib import Path

import pytest

from localai.errors import EngineDied, InvalidInput, ModelProblem, StorageProblem, UnknownName
from localai.schemas import engine as say
from localai.schemas.hardware import EngineStatus
from localai.schemas.models import ModelEntry
from localai.services.jobs.chores import ENDS
from localai.services.models.service import BUILTIN
from localai.studio import Studio
from tests.services.jobs.test_service import DIED, finish, start
from tests.waiting import GIVEN_UP, eventually


def idle(studio):
	eventually(lambda: not studio.chores.pending)


def held(studio) -> list[str]:
	return [m.id for m in studio.engines.status.held]


@pytest.fixture
def tiny(settings, tiny_model) -> str:
	"""A second model, by its path."""
	return str(tiny_model)


class TestLoad:
	def test_it_comes_into_memory_with_stage_and_bytes_seen_by_everybody(self, studio, executor):
		executor.gate.clear()
		studio.chores.load('sketchbook')
		eventually(lambda: studio.presence.now.engine.loading == 'sketchbook')
		engine = studio.presence.now.engine
		assert (engine.state, engine.stage, engine.stage_total) == ('loading', 'unet', 4)
		executor.gate.set()
		idle(studio)
		engine = studio.presence.now.engine
		assert held(studio) == ['sketchbook'] and engine.model == 'sketchbook'
		assert (engine.state, engine.loading, engine.stage, engine.stage_done) == (
			'ready',
			'',
			'',
			0,
		)
		assert engine.budget > 0

	def test_switching_back_makes_it_the_current_one(self, studio, tiny):
		for model in ('sketchbook', tiny, 'sketchbook'):
			studio.chores.load(model)
			idle(studio)
			assert studio.engines.status.model == model
		assert held(studio) == ['sketchbook', tiny]

	def test_it_comes_before_the_next_job_and_after_the_one_that_draws(
		self, studio, executor, tiny
	):
		executor.gate.clear()
		first, second = start(studio), start(studio)
		eventually(lambda: executor.seen)
		studio.chores.load(tiny)
		executor.gate.set()
		finish(studio, second.id)
		assert [t.kind for t in executor.seen] == ['generate', 'load', 'generate']
		assert studio.jobs.get(first.id).state == 'finished'

	def test_the_same_load_twice_is_one(self, studio, executor):
		executor.gate.clear()
		loads = {studio.chores.load('sketchbook') for _ in range(3)}
		executor.gate.set()
		idle(studio)
		assert len(executor.seen) == 1
		(load,) = loads
		ended = studio.chores.get(load)
		assert (ended.kind, ended.model, ended.state) == ('load', 'sketchbook', 'finished')

	def test_another_load_waits_for_the_one_before(self, studio, executor, tiny):
		executor.gate.clear()
		loads = studio.chores.load('sketchbook'), studio.chores.load(tiny)
		assert [studio.chores.get(load).state for load in loads] == ['running', 'waiting']
		assert len(executor.seen) == 1
		executor.gate.set()
		idle(studio)
		assert held(studio) == [tiny, 'sketchbook']

	def test_a_name_that_nothing_has_is_refused_at_once(self, studio):
		with pytest.raises(UnknownName, match='nothing'):
			studio.chores.load('nothing')
		with pytest.raises(UnknownName, match='nothing'):
			studio.chores.unload('nothing')

	def test_a_failed_load_is_said_with_its_remedy_until_something_else_begins(
		self, studio, executor
	):
		executor.failures = [
			say.Failed(
				job_id='', code='ModelBroken', message='It has no VAE.', remedy='Get another.'
			)
		]
		studio.chores.load('sketchbook')
		idle(studio)
		assert studio.presence.now.engine.message == 'It has no VAE. Get another.'
		assert studio.engines.status.state == 'ready' and not held(studio)
		studio.chores.load('sketchbook')
		idle(studio)
		assert studio.presence.now.engine.message == ''

	def test_what_is_wrong_is_still_said_after_memory_was_given_back(self, studio, executor):
		executor.failures = [
			say.Failed(job_id='', code='ModelBroken', message='It has no VAE.', remedy='')
		]
		load = studio.chores.load('sketchbook')
		idle(studio)
		assert studio.chores.get(load).error.message == 'It has no VAE.'
		studio.chores.unload()
		idle(studio)
		assert studio.presence.now.engine.message == 'It has no VAE.'

	def test_a_load_that_kills_the_engine_is_said_and_the_queue_goes_on(self, studio, executor):
		executor.failures = [DIED]
		studio.chores.load('sketchbook')
		job = start(studio)
		assert finish(studio, job.id).state == 'finished'
		assert sum(t.kind == 'load' for t in executor.seen) == 1

	def test_no_engine_no_load(self, studio):
		studio.jobs.hear_status(
			EngineStatus(name='fake', state='stopped', message='No such device.')
		)
		with pytest.raises(EngineDied, match='No such device'):
			studio.chores.load('sketchbook')
		unloads = [studio.chores.unload() for _ in range(ENDS + 1)]
		assert not studio.chores.pending
		# How the last ones went is known for a while.
		assert {studio.chores.get(unload).state for unload in unloads[1:]} == {'finished'}
		with pytest.raises(UnknownName, match=unloads[0]):
			studio.chores.get(unloads[0])


class TestCancel:
	def test_a_load_is_given_up_and_the_waiting_ones_with_it(self, studio, executor, tiny):
		executor.gate.clear()
		studio.chores.load('sketchbook')
		studio.chores.load(tiny)
		studio.chores.cancel()
		idle(studio)
		assert not held(studio) and len(executor.seen) == 1
		assert studio.engines.status.message == '' and studio.engines.status.state == 'ready'

	def test_nothing_to_give_up_is_no_matter(self, studio, executor):
		studio.chores.cancel()
		executor.gate.clear()
		job = start(studio)
		studio.chores.cancel()
		executor.gate.set()
		assert finish(studio, job.id).state == 'finished'

	def test_memory_is_given_back_all_the_same(self, studio, executor):
		executor.gate.clear()
		job = start(studio)
		eventually(lambda: held(studio))
		unload = studio.chores.unload()
		studio.chores.cancel()
		assert studio.chores.get(unload).state == 'waiting'
		executor.gate.set()
		finish(studio, job.id)
		idle(studio)
		assert studio.chores.get(unload).state == 'finished' and not held(studio)


class TestFollow:
	def test_each_word_of_the_engine_then_the_end_and_whoever_comes_late_hears_that(
		self, studio, executor, tiny
	):
		executor.gate.clear()
		studio.chores.load('sketchbook')
		load = studio.chores.load(tiny)

		async def follow():
			seen = []
			async for now in studio.chores.follow(load):
				seen.append(now)
				executor.gate.set()
			return seen

		first, *_, last = asyncio.run(asyncio.wait_for(follow(), GIVEN_UP))
		assert (first.state, last.state, last.model) == ('waiting', 'finished', tiny)
		assert asyncio.run(follow()) == [last]

	def test_who_follows_when_the_app_ends_is_let_go(self, settings, executor):
		studio = Studio(settings, executor).open()
		executor.gate.clear()
		start(studio)
		load = studio.chores.load('sketchbook')

		async def follow():
			async for now in studio.chores.follow(load):
				assert now.state == 'waiting'
				await asyncio.to_thread(studio.close)

		asyncio.run(asyncio.wait_for(follow(), GIVEN_UP))

	def test_how_far_it_is(self, studio, executor):
		executor.gate.clear()
		load = studio.chores.load('sketchbook')
		eventually(lambda: studio.chores.get(load).stage)
		now = studio.chores.get(load)
		assert (now.state, now.stage, now.stage_done, now.stage_total) == ('running', 'unet', 0, 4)
		studio.jobs.hear(say.Stepped(job_id=load, index=0, step=2, steps=9, seconds_per_step=1))
		now = studio.chores.get(load)
		assert (now.step, now.steps, now.stage, now.stage_done, now.stage_total) == (2, 9, '', 0, 0)
		executor.gate.set()


class TestUnload:
	def test_one_goes_and_then_all(self, studio, tiny):
		for model in ('sketchbook', tiny):
			studio.chores.load(model)
		studio.chores.unload('sketchbook')
		idle(studio)
		assert held(studio) == [tiny] and studio.engines.status.model == tiny
		studio.chores.unload()
		idle(studio)
		assert held(studio) == [] and studio.engines.status.model == ''

	def test_while_a_job_draws_it_waits_for_its_end(self, studio, executor):
		executor.gate.clear()
		job = start(studio)
		eventually(lambda: held(studio))
		studio.chores.unload('sketchbook')
		assert held(studio) == ['sketchbook']
		executor.gate.set()
		assert finish(studio, job.id).state == 'finished'
		idle(studio)
		assert held(studio) == []

	def test_a_load_that_waits_is_forgotten(self, studio, executor, tiny):
		executor.gate.clear()
		studio.chores.load('sketchbook')
		studio.chores.load(tiny)
		studio.chores.unload(tiny)
		executor.gate.set()
		idle(studio)
		assert held(studio) == ['sketchbook']


class TestInUse:
	def test_loading_waiting_held_and_drawing_models_are_named_by_their_paths(
		self, studio, executor, tiny
	):
		assert studio.chores.in_use() == frozenset()
		executor.gate.clear()
		studio.chores.load('sketchbook')
		studio.chores.load(tiny)
		assert studio.chores.in_use() == {str(BUILTIN), tiny}
		studio.chores.cancel()
		idle(studio)
		assert studio.chores.in_use() == frozenset()
		executor.gate.clear()
		start(studio)
		eventually(lambda: held(studio))
		assert studio.chores.in_use() == {str(BUILTIN)}
		executor.gate.set()


class Shelf:
	"""A library with one card, before the models' service."""

	def __init__(self, models, card):
		self.models, self.shown, self.refreshed = models, card, 0
		self.folder = models.folder

	def resolve(self, model_id):
		return self.models.resolve('sketchbook').model_copy(update={'id': model_id})

	def card(self, model_id):
		if model_id != self.shown.id:
			raise UnknownName(f'There is no model called {model_id!r}.')
		return self.shown

	def refresh(self):
		self.refreshed += 1


class TestConvert:
	@pytest.fixture
	def shelve(self, studio, tmp_path):
		def shelve(name, **fields):
			card = ModelEntry(
				id=name, name=name, family='sd1', bytes=9, path=str(tmp_path / name), **fields
			)
			studio.chores.models = Shelf(studio.models, card)
			return studio.chores.models

		return shelve

	def test_a_single_file_becomes_a_folder_and_the_library_hears_of_it(
		self, studio, executor, settings, shelve
	):
		shelf = shelve('dream.safetensors', format='safetensors')
		studio.chores.convert('dream.safetensors')
		idle(studio)
		eventually(lambda: shelf.refreshed == 1)
		task = executor.seen[0]
		assert Path(task.target) == settings.models / 'checkpoints' / 'dream'
		assert Path(task.target).is_dir() and task.model.id == 'dream.safetensors'
		with pytest.raises(InvalidInput, match='already been converted'):
			studio.chores.convert('dream.safetensors')

	def test_a_pickle_becomes_a_safe_file_without_being_resolved(
		self, studio, executor, settings, shelve
	):
		shelve('fox.pt', format='pickle', kind='embedding')
		studio.chores.convert('fox.pt')
		idle(studio)
		assert executor.seen[0].model is None
		assert (settings.models / 'embeddings' / 'fox.safetensors').is_file()

	def test_a_folder_needs_none(self, studio, shelve):
		shelve('folder', format='folder')
		with pytest.raises(InvalidInput, match='needs no conversion'):
			studio.chores.convert('folder')
		with pytest.raises((UnknownName, ModelProblem)):
			studio.chores.convert('nothing')

	@pytest.mark.parametrize(
		'error', [StorageProblem('The disk is away.', 'Plug it in.'), OSError('The disk is odd.')]
	)
	def test_a_library_that_cannot_be_read_anew_is_the_trouble_of_nobody_who_waits(
		self, studio, shelve, monkeypatch, error
	):
		def away():
			raise error

		monkeypatch.setattr(shelve('dream.safetensors', format='safetensors'), 'refresh', away)
		convert = studio.chores.convert('dream.safetensors')
		assert finish(studio, start(studio).id).state == 'finished'
		assert studio.chores.get(convert).state == 'finished'

	def test_given_up_it_leaves_nothing(self, studio, executor, settings, shelve):
		shelf = shelve('dream.safetensors', format='safetensors')
		executor.gate.clear()
		studio.chores.convert('dream.safetensors')
		eventually(lambda: studio.engines.status.loading)
		assert studio.engines.status.loading == 'dream.safetensors'
		studio.chores.cancel()
		idle(studio)
		assert not (settings.models / 'checkpoints').exists() and not shelf.refreshed


class TestPresent:
	def test_the_downloads_and_the_library_are_shown_and_stay(self, studio, executor):
		studio.presence.show_library(3)
		assert studio.presence.now.library == 3
		finish(studio, start(studio).id)
		# A hash that is learnt while it draws is a change of the library too.
		assert studio.presence.now.library > 0
