"""What a file is, by its header: a library of every family, layout and kind; what others guess wrong;
folders; metadata that lies."""

import json
import os
import pickle
import shutil
import zipfile

import pytest
import torch
from diffusers.loaders import single_file_utils
from diffusers.loaders.single_file_utils import infer_diffusers_model_type

from localai.files.weights.identify import identify
from localai.schemas.families import ArchitectureName
from localai.services.models.service import BUILTIN
from tests import fabricate, layouts
from tests.fabricate import behind, safetensors


@pytest.fixture(scope='module')
def made(tmp_path_factory):
	"""Every recipe once, and some twice."""
	folder = tmp_path_factory.mktemp('library')
	yield fabricate.library(folder, len(fabricate.recipes()) + 30)
	shutil.rmtree(folder, ignore_errors=True)


def tensors(shapes):
	return {name: torch.empty(shape, device='meta') for name, shape in shapes.items()}


def seen(path):
	facts = identify(path)
	return facts.kind, facts.family, facts.variant


class TestLibrary:
	def test_every_family_and_kind_is_in_it(self, made):
		families = {m.family for m in made}
		assert families == set(ArchitectureName.__args__) - {'sketchbook'}
		assert {m.kind for m in made if m.kind != 'unknown'} == {
			'checkpoint', 'lora', 'embedding', 'vae', 'controlnet', 'upscaler',
		}  # fmt: skip

	def test_all_are_told_rightly(self, made):
		wrong = [
			(m.path.name, (m.kind, m.family, m.variant), found)
			for m in made
			if (found := seen(m.path)) != (m.kind, m.family, m.variant)
		]
		assert wrong == []

	def test_the_table_counts_what_is_wrong(self, made):
		text, wrong = fabricate.table([made[0], made[1]._replace(family='sd2')])
		assert wrong == 1 and '1 of 2 right (50.00 %)' in text

	def test_bodies_cost_no_disk(self, made):
		largest = max(made, key=lambda m: m.path.stat().st_size).path.stat()
		assert largest.st_size > 20_000_000_000
		if os.name == 'posix':
			assert largest.st_blocks * 512 < 2_000_000


class TestTruth:
	"""The layouts that the library is made of, turned back by diffusers' own converters."""

	@pytest.mark.parametrize(
		('family', 'variant', 'converter'),
		[
			('flux1', 'dev', 'flux'),
			('flux1', 'schnell', 'flux'),
			('chroma', '', 'chroma'),
			('sd3', '3.5 medium', 'sd3'),
			('flux2', '', 'flux2'),
			('flux2-klein', '4B', 'flux2'),
		],
	)
	def test_transformers(self, family, variant, converter):
		names = {c: f'convert_{c}_transformer_checkpoint_to_diffusers' for c in (converter,)}
		convert = getattr(single_file_utils, names[converter])
		back = convert(tensors(layouts.original(family, variant)))
		assert {n: tuple(t.shape) for n, t in back.items()} == layouts.transformer(family, variant)

	@pytest.mark.parametrize(
		('family', 'converter'),
		[
			('lumina2', 'convert_lumina2_to_diffusers'),
			('z-image', 'convert_z_image_transformer_checkpoint_to_diffusers'),
			('sana', 'convert_sana_transformer_to_diffusers'),
		],
	)
	def test_cousins(self, family, converter):
		variant = '1600M' if family == 'sana' else ''
		back = getattr(single_file_utils, converter)(tensors(layouts.original(family, variant)))
		assert {n: tuple(t.shape) for n, t in back.items()} == layouts.transformer(family, variant)

	@pytest.mark.parametrize('family', ['sd1', 'sd2', 'sdxl', 'sdxl-refiner'])
	def test_unets(self, family):
		shapes = layouts.unet(family)
		config = {'layers_per_block': 2}
		if 'xl' in family:
			config['addition_embed_type'] = 'text_time'
		merged = tensors(behind('model.diffusion_model.', layouts.ldm_unet(shapes)))
		back = single_file_utils.convert_ldm_unet_checkpoint(merged, config)
		assert {n: tuple(t.shape) for n, t in back.items()} == shapes

	def test_controlnets_and_vaes(self):
		shapes = layouts.controlnet('sd1')
		merged = tensors(behind('control_model.', layouts.ldm_unet(shapes)))
		back = single_file_utils.convert_controlnet_checkpoint(merged, {'layers_per_block': 2})
		assert {n: tuple(t.shape) for n, t in back.items()} == shapes
		shapes = layouts.vae()
		blocks = {'down_block_types': [''] * 4, 'up_block_types': [''] * 4}
		back = single_file_utils.convert_ldm_vae_checkpoint(
			tensors(layouts.ldm_vae(shapes)), blocks
		)
		assert {n: tuple(t.shape) for n, t in back.items()} == shapes


class TestWhereDiffusersGuesses:
	"""It takes what it does not know for Stable Diffusion 1; we must not."""

	def check(self, tmp_path, shapes, guess, truth):
		assert infer_diffusers_model_type(tensors(shapes)) == guess
		assert seen(safetensors(tmp_path / 'a.safetensors', shapes)) == truth

	def test_a_lora(self, tmp_path):
		shapes = fabricate.kohya(fabricate.unet_layers('sdxl'), 'lora_unet_')
		self.check(tmp_path, shapes, 'v1', ('lora', 'sdxl', 'kohya'))

	def test_an_upscaler(self, tmp_path):
		shapes = fabricate.esrgan('body.{0}.rdb{1}.conv{2}', 'conv_first', 'conv_last')
		self.check(tmp_path, shapes, 'v1', ('upscaler', 'unknown', 'ESRGAN'))

	def test_a_taesd(self, tmp_path):
		shapes = layouts.model('AutoencoderTiny', latent_channels=4)
		self.check(tmp_path, shapes, 'v1', ('vae', 'unknown', 'taesd'))

	def test_a_unet_of_diffusers(self, tmp_path):
		self.check(tmp_path, layouts.unet('sd2'), 'v1', ('checkpoint', 'sd2', 'unet'))

	def test_a_bare_unet_of_sdxl(self, tmp_path):
		shapes = behind('model.diffusion_model.', layouts.ldm_unet(layouts.unet('sdxl')))
		self.check(tmp_path, shapes, 'v1', ('checkpoint', 'sdxl', 'unet'))

	def test_kolors(self, tmp_path):
		shapes = behind('model.diffusion_model.', layouts.ldm_unet(layouts.unet('kolors')))
		self.check(tmp_path, shapes, 'v1', ('checkpoint', 'kolors', 'unet'))

	def test_qwen_image(self, tmp_path):
		self.check(
			tmp_path, layouts.transformer('qwen-image'), 'v1', ('checkpoint', 'qwen-image', '')
		)

	def test_klein_is_not_dev(self, tmp_path):
		shapes = layouts.original('flux2-klein', '4B')
		self.check(tmp_path, shapes, 'flux-2-dev', ('checkpoint', 'flux2-klein', '4B'))

	def test_anything_else(self, tmp_path):
		self.check(tmp_path, {'a.weight': (3, 3)}, 'v1', ('unknown', 'unknown', ''))

	def test_a_unet_that_listens_to_other_words(self, tmp_path):
		shapes = {
			n: (*s[:1], 512) if 'attn2.to_k' in n or 'attn2.to_v' in n else s
			for n, s in behind(
				'model.diffusion_model.', layouts.ldm_unet(layouts.unet('sd1'))
			).items()
		}
		self.check(tmp_path, shapes, 'v1', ('unknown', 'unknown', ''))

	def test_a_film_model_with_the_words_of_sd2(self, tmp_path):
		shapes = behind('model.diffusion_model.', layouts.ldm_unet(layouts.unet('sd2', 8)))
		shapes['model.diffusion_model.input_blocks.1.1.time_stack.0.norm1.weight'] = (320,)
		self.check(tmp_path, shapes, 'v2', ('checkpoint', 'unknown', 'video'))


class TestFacts:
	@pytest.mark.parametrize(
		('dtype', 'precision'),
		[
			('F16', 'fp16'),
			('BF16', 'bf16'),
			('F32', 'fp32'),
			('F8_E4M3', 'fp8'),
			('F8_E5M2', 'fp8'),
		],
	)
	def test_precision(self, tmp_path, dtype, precision):
		shapes = layouts.original('flux2-klein', '4B')
		facts = identify(safetensors(tmp_path / 'a.safetensors', shapes, dtype))
		assert facts.precision == precision
		assert 3.8e9 < facts.parameters < 3.95e9
		assert facts.bytes == (tmp_path / 'a.safetensors').stat().st_size
		assert facts.denoiser == str(tmp_path / 'a.safetensors') and facts.problem == ''

	def test_gguf(self, tmp_path):
		file = fabricate.gguf(
			tmp_path / 'a.gguf',
			layouts.original('flux1', 'schnell'),
			'Q4_K',
			{'general.architecture': 'flux'},
		)
		facts = identify(file)
		assert (facts.kind, facts.family, facts.variant) == ('checkpoint', 'flux1', 'schnell')
		assert (
			facts.format == 'gguf' and facts.precision == 'Q4_K' and 11e9 < facts.parameters < 12e9
		)

	def test_averages_are_not_counted(self, tmp_path):
		plain = identify(safetensors(tmp_path / 'a.safetensors', fabricate.ldm('sd1')))
		both = identify(safetensors(tmp_path / 'b.safetensors', fabricate.ldm('sd1', ema=True)))
		assert both.parameters == plain.parameters and both.bytes > 1.5 * plain.bytes

	def test_prediction_by_tensor_and_by_metadata(self, tmp_path):
		file = tmp_path / 'a.safetensors'
		assert (
			identify(safetensors(file, fabricate.ldm('sdxl', more={'v_pred': ()}))).prediction
			== 'v_prediction'
		)
		for said, truth in (('v', 'v_prediction'), ('epsilon', 'epsilon'), ('no idea', '')):
			metadata = {'modelspec.prediction_type': said}
			assert (
				identify(safetensors(file, fabricate.ldm('sd2'), metadata=metadata)).prediction
				== truth
			)

	def test_a_checkpoint_without_a_vae_says_so(self, tmp_path):
		facts = identify(safetensors(tmp_path / 'a.safetensors', fabricate.ldm('sd1', vae=False)))
		assert facts.problem == 'a.safetensors has no VAE. Use a version that includes one.'

	def test_lycoris_that_cannot_be_used_says_so(self, tmp_path):
		layers = fabricate.unet_layers('sd1')
		for kind, name in (('loha', 'LoHa'), ('lokr', 'LoKr')):
			file = safetensors(
				tmp_path / f'{kind}.safetensors', fabricate.lycoris(kind, layers, 'lora_unet_')
			)
			facts = identify(file)
			assert facts.kind == 'lora' and facts.variant == f'lycoris {kind}'
			assert facts.problem.startswith(f'{kind}.safetensors is a LyCORIS file of type {name}')
		klein = fabricate.linears(layouts.transformer('flux2-klein', '4B'), 'attn.to_', '.ff')
		file = safetensors(tmp_path / 'k.safetensors', fabricate.lycoris('lokr', klein, 'lycoris_'))
		assert identify(file).problem == ''

	def test_what_a_file_says_of_itself(self, tmp_path):
		file = safetensors(tmp_path / 'a.safetensors', {'emb_params': (2, 768)}, metadata={
			'modelspec.title': 'Ink', 'modelspec.license': 'CC0', 'ss_sd_model_name': 'base',
			'ss_tag_frequency': json.dumps({'a': {'ink': 3, 'cat': 1}, 'b': {'cat': 1, 'x': 'no'}, 'c': 7}),
		})  # fmt: skip
		facts = identify(file)
		assert (facts.title, facts.licence, facts.base_model) == ('Ink', 'CC0', 'base')
		assert facts.trigger_words == ('ink', 'cat')
		file = safetensors(
			file,
			{'emb_params': (2, 768)},
			metadata={'modelspec.trigger_phrase': 'one thing, other,,'},
		)
		assert identify(file).trigger_words == ('one thing', 'other')

	def test_what_it_says_is_cut_and_plain(self, tmp_path):
		file = safetensors(tmp_path / 'a.safetensors', {'emb_params': (2, 768)}, metadata={
			'modelspec.title': '\x1b[2J\u202e' + 'x' * 100_000 + '\n', 'modelspec.license': 'a\0b\nc',
			'modelspec.trigger_phrase': ','.join('w' * 500 + str(i) for i in range(5000)),
			'ss_tag_frequency': '[' * 100_000,
		})  # fmt: skip
		facts = identify(file)
		assert len(facts.title) <= 200 and facts.title.isprintable() and facts.licence == 'a b c'
		assert len(facts.trigger_words) <= 12 and all(len(w) <= 60 for w in facts.trigger_words)

	def test_metadata_does_not_contradict_tensors(self, tmp_path):
		file = safetensors(
			tmp_path / 'a.safetensors',
			fabricate.ldm('sd1'),
			metadata={'modelspec.architecture': 'flux-1-dev'},
		)
		assert seen(file) == ('checkpoint', 'sd1', '')
		file = safetensors(
			file, layouts.original('flux1', 'schnell'), metadata={'modelspec.title': 'Kontext'}
		)
		assert seen(file) == ('checkpoint', 'flux1', 'schnell')

	def test_pieces_are_one_model(self, tmp_path):
		shapes = list(layouts.transformer('flux1', 'dev').items())
		half = len(shapes) // 2
		first = safetensors(tmp_path / 'm-00001-of-00002.safetensors', dict(shapes[half:]), 'BF16')
		facts = identify(first)
		assert 'm-00002-of-00002.safetensors is missing' in facts.problem
		safetensors(tmp_path / 'm-00002-of-00002.safetensors', dict(shapes[:half]), 'BF16')
		facts = identify(first)
		assert (facts.family, facts.variant, facts.problem) == ('flux1', 'dev', '')
		assert 11.8e9 < facts.parameters < 12e9 and facts.bytes > 23e9


class TestWrongFiles:
	def test_a_cut_file_is_known_and_says_what_is_wrong(self, tmp_path):
		file = safetensors(tmp_path / 'a.safetensors', fabricate.ldm('sd1'))
		with open(file, 'r+b') as stream:
			stream.truncate(500_000_000)
		facts = identify(file)
		assert (facts.kind, facts.family) == ('checkpoint', 'sd1')
		assert facts.problem.startswith('a.safetensors is incomplete: only 23.')

	def test_a_hostile_header_is_a_problem_not_an_error(self, tmp_path):
		file = fabricate.written(tmp_path / 'a.safetensors', b'\xff' * 64, 0)
		facts = identify(file)
		assert facts.kind == facts.family == 'unknown' and facts.problem.startswith(
			'a.safetensors '
		)

	def test_nothing_in_it(self, tmp_path):
		assert seen(safetensors(tmp_path / 'a.safetensors', {})) == ('unknown', 'unknown', '')

	@pytest.mark.parametrize('suffix', ['.ckpt', '.pt', '.pth', '.bin'])
	def test_pickles_are_refused_and_never_opened(self, tmp_path, suffix):
		class Bomb:
			def __reduce__(self):
				return (os.system, (f'touch {tmp_path / "boom"}',))

		file = tmp_path / f'a{suffix}'
		file.write_bytes(pickle.dumps(Bomb()))
		facts = identify(file)
		assert facts.format == 'pickle' and facts.family == 'unknown'
		assert facts.problem.startswith(f'a{suffix} is a pickle') and 'safetensors' in facts.problem
		with zipfile.ZipFile(file, 'w') as archive:
			archive.writestr('a/data.pkl', pickle.dumps(Bomb()))
		assert identify(file).format == 'pickle' and not (tmp_path / 'boom').exists()

	def test_what_is_gone(self, tmp_path):
		with pytest.raises(FileNotFoundError):
			identify(tmp_path / 'a.safetensors')


class TestFolders:
	def test_the_built_in_model(self):
		facts = identify(BUILTIN)
		assert (facts.kind, facts.family, facts.variant, facts.problem) == (
			'checkpoint',
			'sketchbook',
			'',
			'',
		)
		assert facts.format == 'folder' and facts.denoiser.endswith('.safetensors')

	def test_a_pipeline(self, tiny_model, tmp_path):
		folder = shutil.copytree(tiny_model, tmp_path / 'tiny')
		config = folder / 'unet' / 'config.json'
		config.write_text(json.dumps(json.loads(config.read_text()) | {'cross_attention_dim': 768}))
		facts = identify(folder)
		assert (facts.kind, facts.family, facts.problem) == ('checkpoint', 'sd1', '')
		assert facts.prediction in ('epsilon', 'v_prediction') and facts.parameters > 0
		plain = folder / 'unet' / 'diffusion_pytorch_model.safetensors'
		plain.rename(plain.with_name('diffusion_pytorch_model.fp16.safetensors'))
		assert identify(folder).problem == '' and identify(folder).parameters == facts.parameters
		shutil.rmtree(folder / 'vae')
		assert identify(folder).problem.startswith('tiny has no vae folder.')

	@pytest.mark.parametrize(
		('name', 'config', 'family', 'variant'),
		[
			('FluxPipeline', {'guidance_embeds': True}, 'flux1', 'dev'),
			('FluxPipeline', {'guidance_embeds': False}, 'flux1', 'schnell'),
			('FluxKontextPipeline', {'guidance_embeds': True}, 'flux1', 'kontext'),
			('FluxFillPipeline', {}, 'flux1', 'fill'),
			('Flux2Pipeline', {}, 'flux2', ''),
			('Flux2KleinPipeline', {'num_attention_heads': 24}, 'flux2-klein', '4B'),
			('StableDiffusion3Pipeline', {'num_layers': 38}, 'sd3', '3.5 large'),
			('QwenImageEditPlusPipeline', {}, 'qwen-image', 'edit'),
			('ZImagePipeline', {}, 'z-image', ''),
			('Lumina2Pipeline', {}, 'lumina2', ''),
			('SanaPipeline', {}, 'sana', ''),
			('PixArtSigmaPipeline', {}, 'pixart', ''),
			('PixArtAlphaPipeline', {}, 'pixart', 'alpha'),
			('KolorsPipeline', {}, 'kolors', ''),
			('HiDreamImagePipeline', {}, 'hidream', ''),
			('ChromaPipeline', {}, 'chroma', ''),
			(
				'StableDiffusionXLPipeline',
				{'cross_attention_dim': 2048, 'in_channels': 9},
				'sdxl',
				'inpaint',
			),
			('StableDiffusionXLImg2ImgPipeline', {'cross_attention_dim': 1280}, 'sdxl-refiner', ''),
			('StableDiffusionPipeline', {'cross_attention_dim': 1024}, 'sd2', ''),
			('StableDiffusionPipeline', {'cross_attention_dim': [1]}, 'unknown', ''),
			('StableDiffusionInpaintPipeline', {'cross_attention_dim': 768}, 'sd1', 'inpaint'),
			('WanPipeline', {}, 'unknown', ''),
		],
	)
	def test_pipelines_by_their_class(self, tmp_path, name, config, family, variant):
		(tmp_path / 'transformer').mkdir()
		(tmp_path / 'model_index.json').write_text(
			json.dumps({'_class_name': name, 'transformer': ['diffusers', 'X']})
		)
		(tmp_path / 'transformer' / 'config.json').write_text(json.dumps(config))
		safetensors(
			tmp_path / 'transformer' / 'diffusion_pytorch_model.safetensors', {'a': (4, 4)}, 'BF16'
		)
		facts = identify(tmp_path)
		assert (facts.kind, facts.family, facts.variant) == ('checkpoint', family, variant)
		assert facts.precision == 'bf16' and facts.parameters == 16

	@pytest.mark.parametrize(
		'index', ['', '[]', '{"_class_name": 7}', '{"unet": [1, 2], "x": ["a"]}', '[' * 100_000]
	)
	def test_a_broken_index(self, tmp_path, index):
		(tmp_path / 'model_index.json').write_text(index)
		assert identify(tmp_path).kind == 'checkpoint' and identify(tmp_path).family == 'unknown'

	def test_names_do_not_lead_out_of_the_model(self, tmp_path):
		folder = tmp_path / 'model'
		(folder / 'unet').mkdir(parents=True)
		safetensors(tmp_path / 'secret.safetensors', {'a': (1,)})
		(folder / 'model_index.json').write_text(
			json.dumps({'_class_name': 'FluxPipeline', 'unet': ['a', 'B']})
		)
		(folder / 'unet' / 'm.safetensors.index.json').write_text(
			json.dumps({'weight_map': {'a': '../../secret.safetensors'}})
		)
		assert 'is missing unet/' in identify(folder).problem

	@pytest.mark.parametrize(
		('config', 'shapes', 'truth'),
		[
			({'_class_name': 'AutoencoderKL', 'scaling_factor': 0.3611}, lambda: layouts.vae(16, False), ('vae', 'flux1', '')),
			({'_class_name': 'AutoencoderKL', 'scaling_factor': 1.5305}, lambda: layouts.vae(16, False), ('vae', 'sd3', '')),
			({'_class_name': 'AutoencoderKL', 'scaling_factor': 0.13025}, lambda: layouts.vae(), ('vae', 'sdxl', '')),
			({'_class_name': 'AutoencoderKL', 'scaling_factor': 0.18215}, lambda: layouts.vae(), ('vae', 'unknown', '')),
			({'_class_name': 'AutoencoderKLQwenImage'}, lambda: layouts.model('AutoencoderKLQwenImage'), ('vae', 'qwen-image', '')),
			({'_class_name': 'ControlNetModel'}, lambda: layouts.controlnet('sdxl'), ('controlnet', 'sdxl', '')),
			({'_class_name': 'UNet2DConditionModel'}, lambda: layouts.unet('sd1'), ('checkpoint', 'sd1', 'unet')),
		],
	)  # fmt: skip
	def test_components(self, tmp_path, config, shapes, truth):
		(tmp_path / 'config.json').write_text(json.dumps(config))
		file = safetensors(tmp_path / 'diffusion_pytorch_model.safetensors', shapes())
		assert seen(tmp_path) == truth and identify(tmp_path).format == 'folder'
		assert seen(file) == truth and identify(file).format == 'safetensors'

	def test_a_lora_folder(self, tmp_path):
		(tmp_path / 'adapter_config.json').write_text('{}')
		safetensors(
			tmp_path / 'pytorch_lora_weights.safetensors',
			fabricate.peft(fabricate.unet_layers('sd1'), 'unet.'),
		)
		assert seen(tmp_path) == ('lora', 'sd1', 'peft')

	def test_an_empty_folder(self, tmp_path):
		facts = identify(tmp_path)
		assert facts.kind == 'unknown' and f'{tmp_path.name} is missing ' in facts.problem
