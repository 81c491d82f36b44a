"""Which models stay in memory, which make room, and how a load is told and left."""

import json
import shutil
from pathlib import Path

import diffusers.utils.logging
import pytest
import torch
from safetensors.torch import load_file

from localai.engine import devices, loading, memory, reading
from localai.engine.engine import Engine
from localai.errors import OutOfMemory
from localai.schemas import engine as say
from localai.schemas.hardware import Machine, MemoryReading
from localai.schemas.memory import Plan
from localai.schemas.models import ModelSpec
from tests.engine.test_engine import drawn, pixels_of, run, spec_of, task
from tests.library import name_more


@pytest.fixture(scope='module')
def three(tmp_path_factory, tiny_model) -> list[Path]:
	"""The same tiny model under three names."""
	where = tmp_path_factory.mktemp('three')
	return [Path(shutil.copytree(tiny_model, where / name)) for name in 'abc']


def load(engine: Engine, folder: Path, react=None) -> list[say.Event]:
	return run(engine, say.Load(job_id='load', model=spec_of(folder)), react)


def held(engine: Engine) -> list[str]:
	return [m.id for m in engine.models.held()]


class TestParts:
	def test_what_is_named_and_not_needed_may_be_missing(self, tiny_model, tmp_path):
		folder = Path(shutil.copytree(tiny_model, tmp_path / 'a'))
		name_more(folder)
		engine = Engine('cpu', 0)
		assert pixels_of(drawn(run(engine, task(folder)))[0]).any()

	@pytest.mark.parametrize('part', ['unet', 'vae', 'text_encoder'])
	def test_what_is_needed_is_missed_before_anything_is_loaded(self, tiny_model, tmp_path, part):
		folder = Path(shutil.copytree(tiny_model, tmp_path / 'a'))
		spec = spec_of(folder)
		shutil.rmtree(folder / part)
		index = json.loads((folder / 'model_index.json').read_text())
		(folder / 'model_index.json').write_text(json.dumps(index | {part: [None, None]}))
		events = run(Engine('cpu', 0), say.Load(job_id='load', model=spec))
		assert isinstance(events[-1], say.Failed) and 'a is missing its ' in events[-1].message
		assert not [e for e in events if isinstance(e, say.Loading)]


class TestWarm:
	def test_models_stay_within_the_budget_the_one_used_longest_ago_goes_first(self, three):
		weight = 4 * spec_of(three[0]).parameters
		engine = Engine('cpu', int(2.5 * weight))
		a, b, c = three
		for folder in (a, b):
			assert isinstance(load(engine, folder)[-1], say.Finished)
		assert held(engine) == ['b', 'a']
		run(engine, task(a))
		assert held(engine) == ['a', 'b']
		load(engine, c)
		assert held(engine) == ['c', 'a']

	def test_every_change_is_told_once_and_before_the_end(self, three):
		engine = Engine('cpu', 10**9)
		a, b, _ = three
		told = [e for e in load(engine, a) + load(engine, b) if isinstance(e, say.Held)]
		assert [tuple(m.id for m in e.models) for e in told] == [(), ('a',), ('b', 'a')]
		assert told[-1].budget == 10**9
		assert not [e for e in load(engine, b) if isinstance(e, say.Held)]
		events = run(engine, say.Unload(job_id='x', path=str(b)))
		assert [e.kind for e in events] == ['held', 'finished'] and held(engine) == ['a']
		events = run(engine, say.Unload(job_id='x'))
		assert events[0].models == () and held(engine) == []

	def test_a_model_larger_than_the_budget_is_alone_and_stays(self, three):
		engine = Engine('cpu', 0)
		a, b, _ = three
		load(engine, a)
		load(engine, b)
		assert held(engine) == ['b']
		assert [e.kind for e in load(engine, b)] == ['finished']

	def test_a_warm_model_is_used_without_loading_and_draws_the_same(self, three):
		engine = Engine('cpu', 10**9)
		a, b, _ = three
		first = run(engine, task(a, sampler='DDIM'))
		load(engine, b)
		again = run(engine, task(a, sampler='DDIM'))
		assert not [e for e in again if isinstance(e, say.Loading)]
		assert (pixels_of(drawn(first)[0]) == pixels_of(drawn(again)[0])).all()

	def test_weights_that_were_replaced_are_loaded_again(self, three, tmp_path):
		folder = Path(shutil.copytree(three[0], tmp_path / 'a'))
		engine = Engine('cpu', 10**9)
		load(engine, folder)
		model = spec_of(folder)
		changed = model.model_copy(update={'bytes': model.bytes + 1})
		events = run(engine, say.Load(job_id='load', model=changed))
		assert [e for e in events if isinstance(e, say.Loading)] and held(engine) == ['a']

	def test_what_needs_the_memory_of_others_takes_it(self, three, monkeypatch):
		"""The machine is as full as this test says."""
		engine = Engine('cpu', 10**9)
		a, b, c = three
		load(engine, a)
		load(engine, b)
		weight = engine.models.held()[0].bytes
		readings = iter([weight // 2, weight // 2, weight * 2])
		monkeypatch.setattr(
			devices,
			'read_memory',
			lambda device: MemoryReading(free=next(readings), total=10**10),
		)
		assert isinstance(load(engine, c)[-1], say.Finished)
		assert held(engine) == ['c', 'b']

	def test_the_devices_own_share_leaves_memory_free(self):
		engine = Engine('cpu')
		total = devices.read_memory(engine.device).total
		assert 0 < engine.models.budget <= 0.35 * total
		assert engine.models.reserve == int(0.25 * total)

	def test_that_share_is_not_taken_by_what_is_kept_warm(self, three, monkeypatch):
		"""The machine is as large and as full as this test says."""
		own = 4 * spec_of(three[0]).parameters
		for short, names in ((0, ['b', 'a']), (1, ['b'])):
			reading = MemoryReading(free=own + int(2.5 * own) - short, total=10 * own)
			monkeypatch.setattr(devices, 'read_memory', lambda device, now=reading: now)
			engine = Engine('cpu')
			for folder in three[:2]:
				load(engine, folder)
			assert held(engine) == names

	def test_a_plan_counts_what_others_would_give(self):
		model = ModelSpec(id='a', name='a', family='sd1', path='/a', bytes=1, parameters=10**9)
		full = Machine(reading=MemoryReading(free=10**9, total=10**10))
		with pytest.raises(OutOfMemory):
			memory.plan(model, 512, 512, full, False)
		assert not memory.plan(model, 512, 512, full, False, 4 * 10**9).tiled

	def test_a_picture_is_decoded_piece_by_piece_only_as_long_as_it_must(self, three):
		pipeline = loading.load(spec_of(three[0]), torch.float32, lambda *now: None)
		for tiled in (True, False):
			memory.apply(Plan(bytes=1, tiled=tiled, fits=True), pipeline)
			assert pipeline.vae.use_tiling == tiled

	def test_a_model_is_weighed_and_let_go_by_its_path_or_its_id(self, three):
		engine = Engine('cpu', 10**9)
		for folder in three:
			load(engine, folder)
		(weight,) = {m.bytes for m in engine.models.held()}
		parts = [
			getattr(engine.models.current.pipeline, name)
			for name in ('unet', 'vae', 'text_encoder')
		]
		assert weight == sum(
			t.nbytes for part in parts for t in (*part.parameters(), *part.buffers())
		)
		assert engine.models.evictable(spec_of(three[0])) == 2 * weight
		engine.models.unload('b')
		assert held(engine) == ['c', 'a']
		engine.models.unload(str(three[2]))
		assert held(engine) == ['a']
		engine.models.unload('/elsewhere')
		assert held(engine) == ['a']

	@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float32])
	def test_it_draws_with_its_channels_last(self, three, monkeypatch, dtype):
		"""In half precision as on a device for which it is not tiny."""
		monkeypatch.setattr(devices, 'choose_dtype', lambda *asked: dtype)
		engine = Engine('cpu', 10**9)
		(picture,) = drawn(run(engine, task(three[0])))
		assert picture.dtype == devices.dtype_name(dtype) and pixels_of(picture).std() > 0
		convolution = engine.models.current.pipeline.unet.conv_in.weight
		assert convolution.dtype == dtype
		assert convolution.is_contiguous(memory_format=torch.channels_last)


class TestCancel:
	@pytest.mark.parametrize('stage', ['files', 'unet', 'text_encoder'])
	def test_a_load_is_left_and_what_was_warm_stays(self, three, stage):
		engine = Engine('cpu', 10**9)
		load(engine, three[0])
		bar = diffusers.utils.logging.tqdm

		def react(event, cancel):
			if isinstance(event, say.Loading) and event.stage == stage:
				cancel.ask('stop')

		events = load(engine, three[1], react)
		assert isinstance(events[-1], say.Cancelled) and held(engine) == ['a']
		assert torch.get_default_dtype() == torch.float32
		assert diffusers.utils.logging.tqdm is bar
		assert isinstance(load(engine, three[1])[-1], say.Finished)

	def test_one_that_is_left_before_it_begins_leaves_the_bar_of_diffusers_alone(self, three):
		bar = diffusers.utils.logging.tqdm

		def refuse(stage, done, total):
			raise KeyboardInterrupt

		with pytest.raises(KeyboardInterrupt):
			loading.load(spec_of(three[0]), torch.float32, refuse)
		assert diffusers.utils.logging.tqdm is bar

	def test_a_broken_model_leaves_the_others(self, three, tmp_path):
		folder = Path(shutil.copytree(three[0], tmp_path / 'broken'))
		model = spec_of(folder)
		file = folder / 'unet' / 'diffusion_pytorch_model.safetensors'
		file.write_bytes(file.read_bytes()[:1000])
		engine = Engine('cpu', 10**9)
		load(engine, three[0])
		end = run(engine, say.Load(job_id='load', model=model))[-1]
		assert isinstance(end, say.Failed) and end.code == 'ModelBroken' and end.remedy
		assert held(engine) == ['a']

	def test_weights_that_could_bring_code_are_not_opened(self, three, tmp_path):
		folder = Path(shutil.copytree(three[0], tmp_path / 'pickled'))
		model = spec_of(folder)
		file = folder / 'unet' / 'diffusion_pytorch_model.safetensors'
		torch.save(load_file(file), file.with_suffix('.bin'))
		file.unlink()
		end = run(Engine('cpu'), say.Load(job_id='load', model=model))[-1]
		assert isinstance(end, say.Failed) and end.code == 'ModelBroken'

	def test_buffers_without_weights_are_found_too(self, three):
		pipeline = loading.load(spec_of(three[0]), torch.float32, lambda *now: None)
		pipeline.unet.register_buffer('lost', torch.empty(1, device='meta'))
		with pytest.raises(loading.ModelBroken, match='denoiser'):
			loading.check_whole(spec_of(three[0]), pipeline)


class TestVariants:
	def test_a_folder_with_only_half_precision_files_is_loaded(self, three, tmp_path):
		"""As they come when a person chooses fp16 on a model's page."""
		folder = Path(shutil.copytree(three[0], tmp_path / 'half'))
		for file in folder.rglob('*.safetensors'):
			file.rename(file.with_suffix('.fp16.safetensors'))
		engine = Engine('cpu')
		assert isinstance(load(engine, folder)[-1], say.Finished)

	def test_a_folder_with_one_part_in_half_precision_is_loaded_whole(self, three, tmp_path):
		folder = Path(shutil.copytree(three[0], tmp_path / 'mixed'))
		file = folder / 'unet' / 'diffusion_pytorch_model.safetensors'
		half = file.rename(file.with_suffix('.fp16.safetensors'))
		told = []
		loading.load(spec_of(folder), torch.float32, lambda *now: told.append(now))
		assert loading.weights_of(folder / 'unet', 'fp16') == [half]
		assert loading.weights_of(folder / 'vae', 'fp16') == [
			folder / 'vae' / 'diffusion_pytorch_model.safetensors'
		]
		assert {'unet', 'vae', 'text_encoder'} <= {stage for stage, _, _ in told}
		weights = [f.stat().st_size for f in folder.rglob('*.safetensors')]
		assert told[-1][1] == sum(weights)

	def test_each_variant_is_known_with_all_its_pieces(self, tmp_path):
		for name in ('model', 'model.fp16', 'model.bf16', 'other', 'model.fp16.int8'):
			(tmp_path / f'{name}.safetensors').touch()
		for piece in (1, 2):
			(tmp_path / f'model.fp8-0000{piece}-of-00002.safetensors').touch()
		found = loading.variants_of(tmp_path)
		assert {name: len(files) for name, files in found.items()} == {
			None: 1,
			'fp16': 1,
			'bf16': 1,
			'fp8': 2,
		}
		assert loading.variant_of(tmp_path.parent, [tmp_path.name]) is None
		(tmp_path / 'model.safetensors').unlink()
		assert loading.variant_of(tmp_path.parent, ['none', tmp_path.name]) == 'bf16'

	def test_only_the_files_that_are_loaded_are_read_ahead(self, three, tmp_path):
		folder = Path(shutil.copytree(three[0], tmp_path / 'both'))
		for file in list(folder.rglob('*.safetensors')):
			shutil.copy2(file, file.with_suffix('.fp16.safetensors'))
		told = []
		model = spec_of(three[0]).model_copy(update={'path': str(folder)})
		loading.load(model, torch.float32, lambda stage, done, all: told.append(done))
		unet = folder / 'unet'
		assert loading.weights_of(unet, None) == [unet / 'diffusion_pytorch_model.safetensors']
		assert told == sorted(told) and told.count(model.bytes) <= 3


class TestReading:
	def test_bytes_are_told_piece_by_piece_to_the_last(self, tmp_path):
		file, told = tmp_path / 'weights', []
		file.write_bytes(b'x' * (2 * reading.PIECE + 5))
		reading.read_ahead(file, told.append)
		assert told == [reading.PIECE, 2 * reading.PIECE, 2 * reading.PIECE + 5]
		(tmp_path / 'empty').write_bytes(b'')
		reading.read_ahead(tmp_path / 'empty', told.append)
		assert len(told) == 3

	def test_it_is_left_between_two_pieces(self, tmp_path):
		file, told = tmp_path / 'weights', []
		file.write_bytes(b'x' * (4 * reading.PIECE))

		def report(done):
			told.append(done)
			if len(told) == 2:
				raise KeyboardInterrupt

		with pytest.raises(KeyboardInterrupt):
			reading.read_ahead(file, report)
		assert len(told) == 2
		file.unlink()  # nothing holds it any more
