"""The main path on a tiny real pipeline: seeds, stopping, previews, failures."""

import io
import time
from pathlib import Path

import diffusers
import numpy
import pytest
import torch
from PIL import Image

from localai.engine.engine import Cancel, Engine, Stopped
from localai.files.weights import whole as files
from localai.schemas import engine as say
from localai.schemas.generation import GenerationParameters
from localai.schemas.models import ModelSpec
from localai.schemas.samplers import SAMPLERS
from localai.services.models.service import BUILTIN


def spec_of(folder: Path) -> ModelSpec:
	facts = files.inspect(folder)
	return ModelSpec(
		id=folder.name,
		name=folder.name,
		family=facts.family,
		path=str(folder),
		bytes=facts.bytes,
		parameters=facts.parameters,
	)


def task(folder: Path, seeds: tuple[int, ...] = (7,), **fields) -> say.Generate:
	defaults = {
		'width': 64,
		'height': 64,
		'steps': 4,
		'guidance_scale': 5,
		'sampler': 'Euler a',
		'schedule': 'Automatic',
	}
	request = GenerationParameters(prompt='a fox', model='x', seed=seeds[0], **(defaults | fields))
	drawings = tuple(say.Drawing(index=i, seed=s) for i, s in enumerate(seeds))
	return say.Generate(job_id='job', request=request, model=spec_of(folder), drawings=drawings)


def pixels_of(drawn: say.Drawn) -> numpy.ndarray:
	return numpy.asarray(Image.open(io.BytesIO(drawn.data))).astype(int)


@pytest.fixture(scope='module')
def engine() -> Engine:
	return Engine('cpu')


def run(engine: Engine, job: say.Generate, react=None) -> list[say.Event]:
	events, cancel = [], Cancel()

	def hear(event):
		events.append(event)
		if react:
			react(event, cancel)

	engine.run(job, hear, cancel)
	return events


LARGE = {'width': 128, 'height': 128, 'steps': 16}


@pytest.fixture(scope='module')
def builtin() -> Engine:
	return Engine('cpu')


def drawn(events) -> list[say.Drawn]:
	return [e for e in events if isinstance(e, say.Drawn)]


class TestSeeds:
	@pytest.mark.parametrize(
		'sampler', ['Euler a', 'DPM++ SDE', 'DPM++ 2M SDE', 'LCM', 'DDPM', 'DDIM']
	)
	def test_picture_three_of_four_equals_the_same_seed_alone(self, engine, tiny_model, sampler):
		batch = drawn(run(engine, task(tiny_model, seeds=(10, 11, 12, 13), sampler=sampler)))
		alone = drawn(run(engine, task(tiny_model, seeds=(12,), sampler=sampler)))
		difference = numpy.abs(pixels_of(batch[2]) - pixels_of(alone[0])).max()
		assert difference == 0
		assert numpy.abs(pixels_of(batch[0]) - pixels_of(batch[2])).max() > 0

	def test_it_is_what_the_bare_library_draws(self, engine, tiny_model):
		from diffusers import EulerAncestralDiscreteScheduler, StableDiffusionPipeline

		ours = drawn(run(engine, task(tiny_model)))[0]
		bare = StableDiffusionPipeline.from_pretrained(
			tiny_model, safety_checker=None, local_files_only=True
		)
		bare.scheduler = EulerAncestralDiscreteScheduler.from_config(bare.scheduler.config)
		bare.set_progress_bar_config(disable=True)
		image = bare(
			'a fox',
			width=64,
			height=64,
			num_inference_steps=4,
			guidance_scale=5,
			generator=torch.Generator().manual_seed(7),
		).images[0]
		assert numpy.abs(numpy.asarray(image).astype(int) - pixels_of(ours)).max() <= 1


class TestEvents:
	def test_loading_tells_bytes_then_steps_then_one_end(self, tiny_model):
		events = run(Engine('cpu'), task(tiny_model))
		loading = [e for e in events if isinstance(e, say.Loading)]
		assert [e.stage for e in loading][-1] == 'ready' and loading[-1].done == loading[
			-1
		].total > 0
		assert [e.done for e in loading] == sorted(e.done for e in loading)
		assert [e.step for e in events if isinstance(e, say.Stepped)] == [1, 2, 3, 4]
		assert isinstance(events[-1], say.Finished)

	def test_what_is_drawn_says_how(self, engine, tiny_model):
		before = time.perf_counter()
		job = task(tiny_model, seeds=(7, 8), width=96)
		first, second = drawn(run(engine, job))
		assert 0 < first.seconds + second.seconds < time.perf_counter() - before
		assert (second.job_id, second.index, second.seed) == ('job', 1, 8)
		assert (second.width, second.height) == (96, 64) == Image.open(io.BytesIO(second.data)).size
		assert (second.device, second.dtype, second.attention) == ('CPU', 'fp32', 'sdpa')
		assert (second.torch, second.diffusers) == (torch.__version__, diffusers.__version__)
		assert (second.steps_done, second.stopped_early) == (4, False)
		ready = engine.ready()
		assert (ready.device, ready.device_kind, ready.torch, ready.diffusers) == (
			'CPU',
			'cpu',
			second.torch,
			second.diffusers,
		)

	@pytest.mark.parametrize(('pause', 'told'), [(0.0, [0, 1, 2, 3, 4]), (1e9, [0, 4])])
	def test_a_stage_is_told_at_its_beginning_its_end_and_some_times_a_second(
		self, engine, monkeypatch, pause, told
	):
		monkeypatch.setattr('localai.engine.engine.TELL_PAUSE', pause)
		events, cancel = [], Cancel()
		progress = engine.progress(say.Unload(job_id='x'), events.append, cancel)
		for stage in ('unet', 'vae'):
			for done in range(5):
				progress(stage, done, 4)
		assert [(e.stage, e.done) for e in events] == [
			(stage, done) for stage in ('unet', 'vae') for done in told
		]
		assert {(e.job_id, e.total) for e in events} == {('x', 4)}
		cancel.ask('stop')
		with pytest.raises(Stopped):
			progress('ready', 4, 4)

	def test_two_calls_per_step_are_counted_as_the_pipeline_does(self, engine, tiny_model):
		steps = [
			e
			for e in run(engine, task(tiny_model, sampler='Heun', steps=5))
			if isinstance(e, say.Stepped)
		]
		assert steps[-1].step == steps[-1].steps == 9

	def test_a_preview_is_a_picture(self, engine, tiny_model):
		previews = [
			e.data for e in run(engine, task(tiny_model)) if isinstance(e, say.Stepped) and e.data
		]
		assert previews and Image.open(io.BytesIO(previews[0])).size == (384, 384)


class TestStop:
	@pytest.mark.parametrize('mode', ['stop', 'keep', 'skip'])
	def test_the_next_picture_is_the_same_as_ever(self, engine, tiny_model, mode):
		before = pixels_of(drawn(run(engine, task(tiny_model)))[0])

		def react(event, cancel):
			if isinstance(event, say.Stepped) and event.step == 2:
				cancel.ask(mode)

		events = run(engine, task(tiny_model), react)
		assert isinstance(events[-1], say.Finished if mode == 'skip' else say.Cancelled)
		assert len(drawn(events)) == (1 if mode == 'keep' else 0)
		assert numpy.array_equal(before, pixels_of(drawn(run(engine, task(tiny_model)))[0]))

	def test_keep_draws_what_could_be_seen(self, engine, tiny_model):
		def react(event, cancel):
			if isinstance(event, say.Stepped) and event.index == 1:
				cancel.ask('keep')

		events = run(engine, task(tiny_model, seeds=(1, 2, 3)), react)
		assert [d.stopped_early for d in drawn(events)] == [False, True]

	@pytest.mark.parametrize('sampler', SAMPLERS)
	def test_what_is_kept_and_shown_is_close_to_what_it_would_become(self, builtin, sampler):
		"""With the built-in model, which draws something: three quarters of the way the picture is
		there."""
		whole = drawn(run(builtin, task(BUILTIN, **LARGE, sampler=sampler)))[0]

		def react(event, cancel):
			if isinstance(event, say.Stepped) and event.step >= 0.75 * event.steps:
				cancel.ask('keep')

		kept = drawn(run(builtin, task(BUILTIN, **LARGE, sampler=sampler), react))[0]
		assert kept.stopped_early and kept.steps_done < whole.steps_done
		both = numpy.corrcoef(pixels_of(kept).ravel(), pixels_of(whole).ravel())[0, 1]
		assert both > 0.7

	def test_skip_goes_on_with_the_next(self, engine, tiny_model):
		def react(event, cancel):
			if isinstance(event, say.Stepped) and event.index == 0:
				cancel.ask('skip')

		assert [d.seed for d in drawn(run(engine, task(tiny_model, seeds=(1, 2, 3)), react))] == [
			2,
			3,
		]

	def test_a_skip_that_comes_late_leaves_out_no_other(self, engine, tiny_model):
		"""It was asked while the first picture was in sight, and is heard while the second is drawn."""

		def react(event, cancel):
			if isinstance(event, say.Stepped) and event.index == 1:
				cancel.ask('skip', 0)

		events = run(engine, task(tiny_model, seeds=(1, 2, 3)), react)
		assert [d.seed for d in drawn(events)] == [1, 2, 3]

	def test_a_skip_may_come_before_its_picture_is_begun(self, engine, tiny_model):
		def react(event, cancel):
			if isinstance(event, say.Loading) or (
				isinstance(event, say.Stepped) and event.index == 0
			):
				cancel.ask('skip', 1)

		events = run(engine, task(tiny_model, seeds=(1, 2, 3)), react)
		assert [d.seed for d in drawn(events)] == [1, 3]
		assert {e.index for e in events if isinstance(e, say.Stepped)} == {0, 2}

	def test_a_decode_is_left_too(self, engine, tiny_model):
		"""Asked after the last step, inside the VAE."""
		calls = []

		def react(event, cancel):
			if isinstance(event, say.Stepped) and event.step == event.steps:
				cancel.ask('stop')
				calls.append(event)

		events = run(engine, task(tiny_model), react)
		assert calls and isinstance(events[-1], say.Cancelled) and not drawn(events)

	def test_loading_is_left_too(self, tiny_model):
		engine = Engine('cpu')
		events = run(engine, task(tiny_model), lambda event, cancel: cancel.ask('stop'))
		assert isinstance(events[-1], say.Cancelled) and engine.models.current is None
		assert isinstance(run(engine, task(tiny_model))[-1], say.Finished)


class TestFailure:
	def test_a_black_picture_is_refused_with_its_reason(self, tiny_model):
		engine = Engine('cpu')
		run(engine, task(tiny_model))
		with torch.no_grad():
			engine.models.current.pipeline.vae.decoder.conv_out.bias.fill_(float('nan'))
		end = run(engine, task(tiny_model))[-1]
		assert isinstance(end, say.Failed) and end.code == 'BrokenPicture' and end.remedy

	def test_what_cannot_fit_is_refused_with_numbers(self, engine, tiny_model):
		job = task(tiny_model)
		huge = job.model_copy(
			update={'model': job.model.model_copy(update={'parameters': 10**13, 'bytes': 1})}
		)
		end = run(engine, huge)[-1]
		assert isinstance(end, say.Failed) and end.code == 'OutOfMemory' and 'GB' in end.message

	def test_memory_that_runs_out_halfway_is_said_and_given_back(self, tiny_model):
		engine, job = Engine('cpu'), task(tiny_model, steps=2)
		for error in (
			torch.OutOfMemoryError('CUDA'),
			MemoryError(),
			RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to"),
			RuntimeError('MPS backend out of memory'),
		):
			assert isinstance(run(engine, job)[-1], say.Finished)
			break_at_decode(engine, error)
			*_, told, end = run(engine, job)
			assert isinstance(end, say.Failed) and end.code == 'OutOfMemory', error
			assert 'GB' in end.message
			assert isinstance(told, say.Held) and told.models == ()
			assert engine.models.current is None

		# What nobody foresaw is not called so.
		assert isinstance(run(engine, job)[-1], say.Finished)
		break_at_decode(engine, RuntimeError('upside down'))
		with pytest.raises(RuntimeError, match='upside down'):
			run(engine, job)

	@pytest.mark.parametrize(
		'error',
		[
			RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to"),
			OSError(12, 'Cannot allocate memory'),
			torch.OutOfMemoryError('CUDA out of memory.'),
		],
	)
	def test_memory_that_runs_out_at_a_load_does_not_make_the_model_a_broken_one(
		self, tiny_model, monkeypatch, error
	):
		def fail(*arguments, **options):
			raise error

		monkeypatch.setattr(diffusers.StableDiffusionPipeline, 'from_pretrained', fail)
		end = run(Engine('cpu'), task(tiny_model))[-1]
		assert isinstance(end, say.Failed) and end.code == 'OutOfMemory'


def break_at_decode(engine: Engine, error: Exception) -> None:
	def fail(*arguments):
		raise error

	engine.models.current.pipeline.vae.decoder.register_forward_pre_hook(fail)
