"""Single files in the original layout: loaded without a network, they draw what their folders draw;
converted they stay the same; pickles give nothing but weights."""

import contextlib
import io
import json
import pickle
import shutil
import tarfile
from pathlib import Path

import numpy
import pytest
import torch
from safetensors.torch import load_file, save_file

from localai.engine import loading
from localai.engine.convert import SPARE, precision, weights_of
from localai.engine.engine import Engine
from localai.engine.families import ANATOMIES
from localai.errors import ModelBroken
from localai.files.weights import tokens
from localai.schemas import engine as say
from localai.schemas.generation import GenerationParameters
from localai.schemas.models import ModelSpec
from tests.engine import original
from tests.engine.test_engine import drawn, pixels_of, run

# What shrinks each part of the shipped configs to a size for tests, its layout unchanged.
UNET = {'layers_per_block': 1, 'norm_num_groups': 8, 'sample_size': 16}
VAE = {'block_out_channels': [8, 16, 16, 16], 'norm_num_groups': 8, 'layers_per_block': 1}
TEXT = {'num_hidden_layers': 2, 'num_attention_heads': 4}
SMALL = {
	'sd1': {
		'unet': UNET
		| {
			'block_out_channels': [16, 32, 32, 32],
			'attention_head_dim': 4,
			'cross_attention_dim': 32,
		},
		'text_encoder': TEXT | {'hidden_size': 32, 'intermediate_size': 64, 'projection_dim': 32},
	},
	'sd2': {
		'unet': UNET
		| {
			'block_out_channels': [16, 32, 32, 32],
			'attention_head_dim': [2, 4, 4, 4],
			'cross_attention_dim': 48,
		},
		'text_encoder': TEXT | {'hidden_size': 48, 'intermediate_size': 64, 'projection_dim': 16},
	},
	'sdxl': {
		'unet': UNET
		| {
			'block_out_channels': [16, 32, 32],
			'attention_head_dim': [2, 4, 4],
			'transformer_layers_per_block': [1, 1, 2],
			'cross_attention_dim': 96,
			'addition_time_embed_dim': 8,
			'projection_class_embeddings_input_dim': 64 + 6 * 8,
		},
		'text_encoder': TEXT | {'hidden_size': 32, 'intermediate_size': 64, 'projection_dim': 32},
		'text_encoder_2': TEXT | {'hidden_size': 64, 'intermediate_size': 96, 'projection_dim': 64},
	},
}


def shrink(configs: Path, family: str) -> None:
	"""Rewrites the configs of one family in place."""
	for part, changes in (SMALL[family] | {'vae': VAE}).items():
		file = configs / family / part / 'config.json'
		file.write_text(json.dumps(json.loads(file.read_text('utf-8')) | changes), 'utf-8')


def alike(one: numpy.ndarray, other: numpy.ndarray) -> bool:
	"""But for the last bit of a pixel in a thousand: weights are used where they lie in their file,
	and on some processors the order of a sum depends on how its numbers are aligned."""
	apart = numpy.abs(one.astype(int) - other)
	return apart.max() <= 1 and (apart > 0).mean() < 0.001


def same_weights(one, other) -> bool:
	"""Of every part of two pipelines."""
	parts = [name for name, part in one.components.items() if isinstance(part, torch.nn.Module)]
	assert parts
	return all(
		torch.equal(weight, getattr(other, part).state_dict()[name])
		for part in parts
		for name, weight in getattr(one, part).state_dict().items()
	)


def build(family: str, configs: Path):
	"""A pipeline of random weights from the configs of a family."""
	import diffusers
	import transformers

	index = json.loads((configs / family / 'model_index.json').read_text('utf-8'))
	torch.manual_seed(0)
	parts = {}
	for name, value in index.items():
		if name.startswith('_') or not isinstance(value, list) or value[0] is None:
			continue
		if name.startswith('tokenizer'):
			padding = ANATOMIES[family].file.padding[int(name.endswith('_2'))]
			parts[name] = transformers.CLIPTokenizer.from_pretrained(
				configs / 'tokenizer', pad_token=padding
			)
		elif value[0] == 'transformers':
			config = transformers.CLIPTextConfig.from_pretrained(configs / family / name)
			parts[name] = getattr(transformers, value[1])(config)
		else:
			kind = getattr(diffusers, value[1])
			# A sampler works with its numbers as soon as it is made: on the meta device it has none.
			with torch.device('cpu') if name == 'scheduler' else contextlib.nullcontext():
				parts[name] = kind.from_config(kind.load_config(configs / family / name))
	return getattr(diffusers, index['_class_name'])(
		**parts,
		**(
			{}
			if family == 'sdxl'
			else {
				'safety_checker': None,
				'feature_extractor': None,
				'requires_safety_checker': False,
			}
		),
	)


def spec(path: Path, family: str, **fields) -> ModelSpec:
	size = sum(f.stat().st_size for f in [path, *path.rglob('*.safetensors')] if f.is_file())
	return ModelSpec(
		id=path.name,
		name=path.name,
		family=family,
		path=str(path),
		bytes=size,
		parameters=size // 4,
		format='safetensors' if path.is_file() else 'folder',
		**fields,
	)


def draw(engine: Engine, model: ModelSpec) -> numpy.ndarray:
	request = GenerationParameters(
		model='x',
		seed=7,
		prompt='a fox, 1girl',
		negative_prompt='',
		width=64,
		height=64,
		steps=3,
		guidance_scale=5,
		sampler='Euler a',
		schedule='Automatic',
	)
	job = say.Generate(
		job_id='job', request=request, model=model, drawings=(say.Drawing(index=0, seed=7),)
	)
	events = run(engine, job)
	assert isinstance(events[-1], say.Finished), events[-1]
	return pixels_of(drawn(events)[0])


@pytest.fixture(scope='module')
def shelf(tmp_path_factory):
	"""Small models of each family: as a folder and as a single file, and the configs they are made
	of."""
	where = tmp_path_factory.mktemp('shelf')
	configs = where / 'configs'
	shutil.copytree(loading.CONFIGS, configs)
	made = {}
	for family in SMALL:
		shrink(configs, family)
		pipeline = build(family, configs)
		pipeline.save_pretrained(where / f'{family}-folder', safe_serialization=True)
		file = original.write(pipeline, where / f'{family}.safetensors')
		made[family] = (where / f'{family}-folder', file, pipeline)
	patch = pytest.MonkeyPatch()
	patch.setattr(loading, 'CONFIGS', configs)
	yield made
	patch.undo()


class TestSingleFile:
	@pytest.mark.parametrize('family', SMALL)
	def test_it_draws_what_its_folder_draws(self, shelf, family):
		folder, file, _ = shelf[family]
		engine = Engine('cpu', 10**9)
		one = draw(engine, spec(file, family))
		assert one.std() > 0
		assert alike(one, draw(engine, spec(folder, family)))
		assert same_weights(*(resident.pipeline for resident in engine.models.residents))
		assert len(engine.models.residents) == 2

	def test_what_it_predicts_is_taken_from_the_file(self, shelf, tmp_path):
		_, file, pipeline = shelf['sd2']
		progress = lambda *now: None  # noqa: E731
		kinds = {}
		for said in ('', 'epsilon', 'v_prediction'):
			model = loading.load(spec(file, 'sd2', prediction=said), torch.float32, progress)
			kinds[said] = model.scheduler.config.prediction_type
		assert kinds == {'': 'epsilon', 'epsilon': 'epsilon', 'v_prediction': 'v_prediction'}
		marks = {'v_pred': torch.zeros(0), 'ztsnr': torch.zeros(0)}
		marked = original.write(pipeline, tmp_path / 'marked.safetensors', **marks)
		model = loading.load(spec(marked, 'sd2'), torch.float32, progress)
		assert model.scheduler.config.prediction_type == 'v_prediction'
		assert model.scheduler.config.rescale_betas_zero_snr

	@pytest.mark.parametrize(
		('family', 'drop', 'part'),
		[
			('sd1', 'first_stage_model', 'VAE'),
			('sd1', 'first_stage_model.decoder.mid', 'VAE'),
			('sd1', 'cond_stage_model', 'text encoder'),
			('sd2', 'cond_stage_model', 'text encoder'),
			('sd2', 'cond_stage_model.model.ln_final', 'text encoder'),
			('sdxl', 'conditioner.embedders.1', 'second text encoder'),
			('sdxl', 'conditioner.embedders.0', 'text encoder'),
			('sd1', 'model.diffusion_model.out', 'denoiser'),
		],
	)
	def test_what_it_lacks_is_named(self, shelf, tmp_path, family, drop, part):
		pipeline = shelf[family][2]
		file = original.write(pipeline, tmp_path / 'half.safetensors', drop=(drop,))
		with pytest.raises(ModelBroken, match=f'half.safetensors is missing its {part}'):
			loading.load(spec(file, family), torch.float32, lambda *now: None)

	def test_the_wrong_family_is_a_sentence(self, shelf):
		file = shelf['sd1'][1]
		with pytest.raises(ModelBroken):
			loading.load(spec(file, 'sdxl'), torch.float32, lambda *now: None)


class TestConfigs:
	@pytest.mark.parametrize(
		('family', 'counts'),
		[
			('sd1', {'unet': 859520964, 'vae': 83653863, 'text_encoder': 123060480}),
			('sd2', {'unet': 865910724, 'vae': 83653863, 'text_encoder': 340387840}),
			pytest.param(
				'sdxl',
				{
					'unet': 2567463684,
					'vae': 83653863,
					'text_encoder': 123060480,
					'text_encoder_2': 694659840,
				},
				marks=pytest.mark.slow,
			),
		],
	)
	def test_at_full_size_they_are_the_public_models(self, family, counts):
		"""On the meta device, which takes no memory: the counts are those of the released weights;
		and back through diffusers' own conversion every tensor finds its place and shape."""
		from diffusers.loaders import single_file_utils as theirs

		with torch.device('meta'):
			pipeline = build(family, tokens.CLIP.parent)
		assert counts == {
			n: sum(p.numel() for p in getattr(pipeline, n).parameters()) for n in counts
		}
		names = original.layout(pipeline)
		there = theirs.infer_diffusers_model_type(names)
		assert there == {'sd1': 'v1', 'sd2': 'v2', 'sdxl': 'xl_base'}[family]
		unet = theirs.convert_ldm_unet_checkpoint(dict(names), dict(pipeline.unet.config))
		assert shapes(unet) == shapes(pipeline.unet.state_dict())
		vae = theirs.convert_ldm_vae_checkpoint(dict(names), dict(pipeline.vae.config))
		assert shapes(vae) == shapes(pipeline.vae.state_dict())

	def test_the_vocabulary_is_clips(self):
		from transformers import CLIPTokenizer

		tokenizer = CLIPTokenizer.from_pretrained(tokens.CLIP)
		assert len(tokenizer) == 49408
		ids = tokenizer('a photo of a cat').input_ids
		assert ids == [49406, 320, 1125, 539, 320, 2368, 49407]
		assert tokens.count_tokens(tokens.tokenizer_of(Path(__file__)), 'a photo of a cat') == 7

	def test_they_are_small(self):
		size = sum(f.stat().st_size for f in tokens.CLIP.parent.rglob('*') if f.is_file())
		assert size < 4_000_000


def shapes(tensors) -> dict[str, tuple[int, ...]]:
	return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def convert(source: Path, target: Path, model: ModelSpec | None = None, react=None):
	task = say.Convert(job_id='job', source=str(source), target=str(target), model=model)
	return run(Engine('cpu'), task, react)


class TestConvert:
	@pytest.mark.parametrize('family', ['sd2', 'sdxl'])
	def test_the_folder_draws_the_same_and_keeps_the_precision(self, shelf, tmp_path, family):
		file = shelf[family][1]
		target = tmp_path / 'models' / 'converted'
		events = convert(file, target, spec(file, family))
		assert isinstance(events[-1], say.Finished), events[-1]
		assert [p.name for p in target.parent.iterdir()] == ['converted']
		weights = load_file(target / 'unet' / 'diffusion_pytorch_model.safetensors')
		assert {t.dtype for t in weights.values()} == {torch.float32}
		engine = Engine('cpu', 10**9)
		assert alike(draw(engine, spec(file, family)), draw(engine, spec(target, family)))
		assert same_weights(*(resident.pipeline for resident in engine.models.residents))
		told = [e for e in events if isinstance(e, say.Loading)]
		assert [e.done for e in told] == sorted(e.done for e in told)
		assert told[-1].done == told[-1].total

	def test_half_precision_stays_half(self, shelf, tmp_path):
		tensors = {k: v.half() for k, v in load_file(shelf['sd1'][1]).items()}
		save_file(tensors, tmp_path / 'half.safetensors')
		file, target = tmp_path / 'half.safetensors', tmp_path / 'converted'
		assert isinstance(convert(file, target, spec(file, 'sd1'))[-1], say.Finished)
		for part in ('unet', 'vae'):
			weights = load_file(target / part / 'diffusion_pytorch_model.safetensors')
			assert {t.dtype for t in weights.values()} == {torch.float16}

	def test_the_precision_is_that_of_most_of_the_denoiser_and_never_below_half(self, tmp_path):
		file = tmp_path / 'x.safetensors'
		model = ModelSpec(id='x', name='x', family='sd1', path=str(file), bytes=1, parameters=1)
		for one, two, kept in (
			(torch.float16, torch.float32, torch.float16),
			(torch.float32, torch.float16, torch.float32),
			(torch.float8_e4m3fn, torch.float32, torch.bfloat16),
		):
			tensors = {f'model.diffusion_model.{n}.weight': torch.ones(1).to(one) for n in 'ab'}
			tensors['model.diffusion_model.c.weight'] = torch.ones(1).to(two)
			tensors |= {f'first_stage_model.{n}.weight': torch.ones(1).to(two) for n in 'abcd'}
			tensors |= {f'model.diffusion_model.{n}.bias': torch.ones(1).to(two) for n in 'abcd'}
			save_file(tensors, file)
			assert precision(model) == kept

	@pytest.mark.parametrize('stage', ['file', 'vae', 'writing'])
	def test_given_up_it_leaves_nothing(self, shelf, tmp_path, stage):
		file = shelf['sd1'][1]

		def react(event, cancel):
			if isinstance(event, say.Loading) and event.stage == stage:
				cancel.ask('stop')

		events = convert(file, tmp_path / 'models' / 'x', spec(file, 'sd1'), react)
		assert isinstance(events[-1], say.Cancelled)
		assert list((tmp_path / 'models').iterdir()) == []

	def test_a_full_disk_is_said_before_anything_is_written(self, shelf, tmp_path, monkeypatch):
		usage = shutil.disk_usage(tmp_path)._replace(free=10**6)
		monkeypatch.setattr(shutil, 'disk_usage', lambda path: usage)
		file = shelf['sd1'][1]
		end = convert(file, tmp_path / 'models' / 'x', spec(file, 'sd1'))[-1]
		assert end.code == 'DiskFull' and 'convert' in end.remedy
		assert list((tmp_path / 'models').iterdir()) == []

	def test_what_is_there_is_not_written_over(self, shelf, tmp_path):
		file = shelf['sd1'][1]
		(tmp_path / 'x').mkdir()
		(tmp_path / 'x' / 'mine').write_text('mine')
		end = convert(file, tmp_path / 'x', spec(file, 'sd1'))[-1]
		assert end.code == 'StorageProblem' and (tmp_path / 'x' / 'mine').is_file()


class Bad:
	"""Makes a file when it is unpickled."""

	def __init__(self, path: Path):
		self.path = path

	def __reduce__(self):
		return open, (str(self.path), 'w')


class TestPickle:
	@pytest.mark.parametrize('zipped', [True, False])
	def test_its_weights_become_a_safe_file(self, tmp_path, zipped):
		weights = {'a.weight': torch.randn(3, 4), 'b': torch.arange(5), 'c': torch.ones(()).half()}
		torch.save(
			{'state_dict': weights, 'epoch': 3},
			tmp_path / 'x.ckpt',
			_use_new_zipfile_serialization=zipped,
		)
		*_, told, held, end = convert(tmp_path / 'x.ckpt', tmp_path / 'x.safetensors')
		assert isinstance(end, say.Finished), end
		assert (told.stage, told.done, told.total) == ('writing', 48 + 40 + 2, 48 + 40 + 2)
		back = load_file(tmp_path / 'x.safetensors')
		assert back.keys() == weights.keys()
		assert all(torch.equal(back[k], weights[k]) for k in weights)

	def test_others_read_the_file_fast(self, tmp_path):
		"""It says what wrote it, and whoever maps it finds each number where it may be."""
		weights = {'a': torch.ones(3).half(), 'b': torch.ones(2), 'c': torch.ones(5).byte()}
		weights['none'] = torch.empty(0)
		torch.save(weights, tmp_path / 'x.pt')
		assert isinstance(convert(tmp_path / 'x.pt', tmp_path / 'x.safetensors')[-1], say.Finished)
		content = (tmp_path / 'x.safetensors').read_bytes()
		length = int.from_bytes(content[:8], 'little')
		header = json.loads(content[8 : 8 + length])
		assert length % 8 == 0 and header.pop('__metadata__') == {'format': 'pt'}
		for name, row in header.items():
			assert row['data_offsets'][0] % weights[name].itemsize == 0
		assert load_file(tmp_path / 'x.safetensors')['none'].shape == (0,)

	def test_weights_are_found_in_what_trainers_put_around_them(self):
		inner = {'a': torch.ones(1)}
		for name in ('state_dict', 'params_ema', 'params', 'model'):
			whole = {name: inner, 'epoch': 3, 'optimizer': {'b': torch.ones(1)}}
			assert weights_of(whole) == weights_of({'model': whole}) == inner
			assert weights_of({name: 'none', **inner}) == inner
		for nothing in ([torch.ones(1)], {}, {'epoch': 3}, {'string_to_param': {}}):
			assert weights_of(nothing) == {}

	def test_a_pickle_without_weights_and_numbers_that_cannot_be_kept(self, tmp_path):
		for content, said in (({'epoch': 3}, 'no weights'), ({'a': torch.ones(1) * 1j}, 'complex')):
			torch.save(content, tmp_path / 'x.pt')
			end = convert(tmp_path / 'x.pt', tmp_path / 'x.safetensors')[-1]
			assert end.code == 'ModelBroken' and said in end.message
			assert {p.name for p in tmp_path.iterdir()} == {'x.pt'}

	def test_what_a_killed_run_left_is_cleared_and_the_last_byte_of_the_disk_counts(
		self, tmp_path, monkeypatch
	):
		torch.save({'a': torch.ones(1)}, tmp_path / 'x.pt')
		need = (tmp_path / 'x.pt').stat().st_size + SPARE
		usage = shutil.disk_usage(tmp_path)
		target = tmp_path / 'to' / 'x.safetensors'
		part = target.with_name('.x.safetensors.part')
		part.mkdir(parents=True)
		for free, kind in ((need - 1, 'failed'), (need, 'finished')):
			monkeypatch.setattr(shutil, 'disk_usage', lambda path, n=free: usage._replace(free=n))
			assert convert(tmp_path / 'x.pt', target)[-1].kind == kind
			assert not part.exists()

	def test_given_up_it_leaves_nothing(self, tmp_path):
		torch.save({'a': torch.ones(1), 'b': torch.ones(1)}, tmp_path / 'x.pt')

		def react(event, cancel):
			if isinstance(event, say.Loading) and event.done == 4:
				cancel.ask('stop')

		events = convert(tmp_path / 'x.pt', tmp_path / 'x.safetensors', react=react)
		assert isinstance(events[-1], say.Cancelled)
		assert {p.name for p in tmp_path.iterdir()} == {'x.pt'}

	def test_a_place_that_cannot_be_written_is_a_sentence(self, tmp_path):
		torch.save({'a': torch.ones(1)}, tmp_path / 'x.pt')
		(tmp_path / 'models').write_text('in the way')
		end = convert(tmp_path / 'x.pt', tmp_path / 'models' / 'x.safetensors')[-1]
		assert end.code == 'StorageProblem' and end.remedy

	def test_tensors_that_share_their_memory_are_written_whole(self, tmp_path):
		base = torch.randn(4, 4)
		torch.save({'a': base, 'b': base.T, 'c': base[1]}, tmp_path / 'x.pt')
		assert isinstance(convert(tmp_path / 'x.pt', tmp_path / 'x.safetensors')[-1], say.Finished)
		back = load_file(tmp_path / 'x.safetensors')
		assert torch.equal(back['b'], base.T) and torch.equal(back['c'], base[1])

	def test_a_textual_inversion_keeps_its_vectors(self, tmp_path):
		torch.save({'string_to_param': {'*': torch.ones(2, 768)}, 'name': 'fox'}, tmp_path / 'x.pt')
		convert(tmp_path / 'x.pt', tmp_path / 'x.safetensors')
		assert load_file(tmp_path / 'x.safetensors')['emb_params'].shape == (2, 768)

	@pytest.mark.parametrize('form', ['zip', 'legacy', 'bare'])
	def test_code_in_it_is_refused_and_does_not_run(self, tmp_path, form):
		trap = tmp_path / 'trap'
		content = {'state_dict': {'a': torch.ones(2)}, 'callback': Bad(trap)}
		file = tmp_path / 'bad.ckpt'
		if form == 'bare':
			file.write_bytes(pickle.dumps(Bad(trap)))
		else:
			torch.save(content, file, _use_new_zipfile_serialization=form == 'zip')
		end = convert(file, tmp_path / 'x.safetensors')[-1]
		assert isinstance(end, say.Failed) and end.code == 'PickleRefused', end
		assert 'not run' in end.message and end.remedy
		assert not trap.exists() and {p.name for p in tmp_path.iterdir()} == {'bad.ckpt'}

	@pytest.mark.parametrize('content', [b'', b'nothing', b'PK\x03\x04' + b'\0' * 50, 'tar'])
	def test_what_is_no_pickle_is_a_sentence(self, tmp_path, content):
		if content == 'tar':
			buffer = io.BytesIO()
			with tarfile.open(fileobj=buffer, mode='w') as tar:
				tar.addfile(tarfile.TarInfo('storages'))
			content = buffer.getvalue()
		(tmp_path / 'x.pt').write_bytes(content)
		end = convert(tmp_path / 'x.pt', tmp_path / 'x.safetensors')[-1]
		assert isinstance(end, say.Failed) and end.code in ('ModelBroken', 'PickleRefused'), end
		assert not (tmp_path / 'x.safetensors').exists()

	def test_a_file_that_is_gone_is_a_sentence(self, tmp_path):
		end = convert(tmp_path / 'gone.pt', tmp_path / 'x.safetensors')[-1]
		assert end.code == 'StorageProblem'


class TestNoCode:
	def test_a_folder_that_brings_its_own_pipeline_is_refused_and_it_does_not_run(
		self, shelf, tmp_path
	):
		folder = tmp_path / 'own'
		shutil.copytree(shelf['sd1'][0], folder)
		code = f"open({str(tmp_path / 'trap')!r}, 'w')\n"
		for name in ('pipeline.py', 'own.py', 'unet/own.py'):
			(folder / name).write_text(code)
		index = json.loads((folder / 'model_index.json').read_text('utf-8'))
		index['unet'] = ['own', 'Own']
		(folder / 'model_index.json').write_text(json.dumps(index))
		with pytest.raises(ModelBroken, match='own'):
			loading.load(spec(folder, 'sd1'), torch.float32, lambda *now: None)
		assert not (tmp_path / 'trap').exists()

	def test_the_engine_process_switches_it_off_altogether(self):
		from localai.executors.process import ENVIRONMENT

		assert ENVIRONMENT['DIFFUSERS_DISABLE_REMOTE_CODE'] == '1'
