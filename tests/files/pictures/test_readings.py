"""The settings of any picture: each program's sample read back field by field, checked by an independent
reader where there is one, and everything that is hostile shown as text."""

import json
import random
from datetime import UTC, datetime

import pytest

from localai.errors import InvalidInput
from localai.files.pictures.foreign import comfyui, graphs
from localai.files.pictures.foreign.names import sampler_names
from localai.files.pictures.foreign.values import TEXT_LIMIT
from localai.files.pictures.metadata import embed
from localai.files.pictures.readings import read_settings, read_texts
from localai.schemas.exchange import Reading
from localai.schemas.generation import LoraUse, Recipe
from localai.schemas.samplers import SAMPLERS, SCHEDULES
from tests import samples
from tests.files.pictures.test_metadata import record
from tests.samples import HASH, LORA_HASH, NEGATIVE, PROMPT, SEED
from tests.stranger import reads

# What each sample says, in our words.
EXPECTED: dict[str, dict[str, object]] = {
	'a1111.png': {
		'prompt': f'{PROMPT} <lora:add detail:0.6>',
		'negative_prompt': NEGATIVE,
		'model': 'dreamshaper_8',
		'model_hash': HASH,
		'sampler': 'DPM++ 2M',
		'schedule': 'Karras',
		'steps': 25,
		'guidance_scale': 6.5,
		'seed': SEED,
		'width': 64,
		'height': 128,
		'clip_skip': 2,
		'denoising_strength': 0.55,
		'vae': 'vae-ft-mse-840000',
		'loras': (LoraUse(name='add detail', weight=0.6, hash=LORA_HASH),),
		'extra': (
			('VAE hash', '735e4c3a44'),
			('Hires upscale', '2'),
			('Hires prompt', 'a lighthouse, bright: yes'),
		),
		'app': 'A1111 v1.10.1',
	},
	'a1111-old.png': {
		'sampler': 'DPM++ 2S',
		'schedule': 'Karras',
		'model_hash': '7460a6fa',
		'width': 512,
		'height': 768,
		'steps': 20,
		'guidance_scale': 7.0,
		'seed': 1234,
		'clip_skip': 2,
		'extra': (('ENSD', '31337'),),
	},
	'forge.png': {
		'app': 'Forge f2.0.1v1.10.1-previous-669-gdfdcbab6',
		'sampler': 'Euler',
		'schedule': 'Simple',
		'guidance_scale': 3.5,
		'model': 'flux1-dev-fp8',
		'model_hash': '5493832be6',
		'width': 64,
		'height': 128,
		'steps': 20,
		'seed': 99,
		'extra': (
			('Distilled CFG Scale', '3.5'),
			('Diffusion in Low Bits', 'bnb-nf4'),
			('Module 1', 'ae'),
			('Module 2', 'clip_l'),
		),
	},
	'sdnext.jpg': {
		'app': 'SD.Next 9cca90f',
		'model': 'stabilityai/sdxl-turbo',
		'sampler': 'UniPC',
		'model_hash': HASH,
		'width': 64,
		'height': 128,
		'steps': 20,
		'guidance_scale': 6.0,
		'seed': 99,
		'extra': (('Pipeline', 'StableDiffusionXLPipeline'), ('Operations', 'txt2img')),
	},
	'sdcpp.png': {
		'sampler': 'Euler a',
		'schedule': 'Karras',
		'model': 'sd_turbo',
		'width': 64,
		'height': 128,
		'steps': 8,
		'guidance_scale': 1.8,
		'seed': 42,
		'app': 'stable-diffusion.cpp',
		'extra': (('Guidance', '3.5'), ('Eta', '0'), ('RNG', 'cuda')),
	},
	'civitai.jpg': {
		'model': 'Pony Diffusion',
		'loras': (LoraUse(name='Expressive, H', weight=0.8),),
		'sampler': 'Euler a',
		'width': 64,
		'height': 128,
		'steps': 25,
		'guidance_scale': 4.0,
		'seed': 1,
		'clip_skip': 2,
		'extra': (
			('Created Date', '2026-01-02T03:04:05.678Z'),
			('Civitai metadata', '{"remixOfId":7}'),
		),
	},
	'fooocus.png': {
		'prompt': PROMPT,
		'negative_prompt': NEGATIVE,
		'model': 'juggernautXL_v8Rundiffusion',
		'model_hash': 'aeb7e9e689',
		'sampler': 'DPM++ 2M SDE',
		'schedule': 'Karras',
		'steps': 30,
		'guidance_scale': 4.0,
		'seed': SEED,
		'width': 64,
		'height': 128,
		'clip_skip': 2,
		'loras': (LoraUse(name='sd_xl_offset_example-lora_1.0', weight=0.1, hash='4852686128'),),
		'styles': ('Fooocus V2', "Painter's Choice"),
		'vae': '',
		'app': 'Fooocus v2.5.5',
		'extra': (
			('adm_guidance', '(1.5, 0.8, 0.3)'),
			('full_negative_prompt', f'["{NEGATIVE}","anime"]'),
			('full_prompt', f'["{PROMPT}","cinematic still"]'),
			('performance', 'Speed'),
			('refiner_model', 'None'),
			('refiner_switch', '0.5'),
			('sharpness', '2.0'),
		),
	},
	'fooocus-a1111.png': {
		'prompt': PROMPT,
		'negative_prompt': NEGATIVE,
		'schedule': 'Karras',
		'loras': (LoraUse(name='offset', weight=0.1, hash='4852686128'),),
		'styles': ('Fooocus V2', 'Fooocus Sharp'),
		'model': 'juggernautXL_v8Rundiffusion',
		'model_hash': 'aeb7e9e689',
		'sampler': 'DPM++ 2M SDE',
		'width': 64,
		'height': 128,
		'steps': 30,
		'guidance_scale': 4.0,
		'seed': SEED,
		'app': 'Fooocus v2.5.5',
		'extra': (
			('Sharpness', '2.0'),
			('ADM Guidance', '(1.5, 0.8, 0.3)'),
			('Performance', 'Speed'),
			('Full prompt', f'{PROMPT}, cinematic still'),
		),
	},
	'ruinedfooocus.png': {
		'prompt': PROMPT,
		'model': 'sd_xl_base_1.0',
		'loras': (LoraUse(name='add detail', weight=0.5, hash=LORA_HASH),),
		'negative_prompt': NEGATIVE,
		'model_hash': HASH,
		'sampler': 'DPM++ 2M SDE',
		'schedule': 'Karras',
		'width': 64,
		'height': 128,
		'steps': 30,
		'guidance_scale': 8.0,
		'seed': 77,
		'extra': (),
		'app': 'RuinedFooocus',
	},
	'invokeai.png': {
		'prompt': PROMPT,
		'negative_prompt': NEGATIVE,
		'model': 'Juggernaut XL v9',
		'model_hash': '5ff6a8c2',
		'sampler': 'DPM++ 2M SDE',
		'schedule': 'Karras',
		'steps': 30,
		'seed': 4_000_000_000,
		'clip_skip': 2,
		'denoising_strength': 0.7,
		'vae': 'sdxl-vae-fp16-fix',
		'loras': (LoraUse(name='add detail', weight=0.75, hash='abc'),),
		'app': 'InvokeAI 5.6.0',
		'width': 64,
		'height': 128,
		'guidance_scale': 7.5,
		'extra': (
			('generation_mode', 'sdxl_txt2img'),
			('rand_device', 'cpu'),
			('seamless_x', 'no'),
		),
	},
	'invokeai-2.png': {
		'prompt': 'a lighthouse at dusk',
		'negative_prompt': NEGATIVE,
		'sampler': 'Euler a',
		'model_hash': 'cc6cb27103',
		'model': 'stable-diffusion-1.5',
		'width': 64,
		'height': 128,
		'steps': 50,
		'guidance_scale': 7.5,
		'seed': 1234,
		'app': 'invoke-ai/InvokeAI 2.3.5',
		'extra': (('threshold', '0'), ('perlin', '0'), ('type', 'txt2img')),
	},
	'invokeai-1.png': {
		'prompt': 'a lighthouse at dusk',
		'negative_prompt': NEGATIVE,
		'sampler': 'LMS',
		'steps': 50,
		'seed': 1234,
		'width': 64,
		'height': 128,
		'guidance_scale': 7.5,
		'app': 'InvokeAI',
		'extra': (),
	},
	'comfyui.png': {
		'prompt': PROMPT,
		'negative_prompt': NEGATIVE,
		'model': 'v1-5-pruned-emaonly',
		'sampler': 'DPM++ 2M',
		'schedule': 'Karras',
		'steps': 20,
		'guidance_scale': 8.0,
		'seed': SEED,
		'width': 64,
		'height': 128,
		'denoising_strength': None,
		'extra': (),
		'app': 'ComfyUI',
	},
	'comfyui-sdxl.png': {
		'prompt': f'{PROMPT}\noil on canvas',
		'negative_prompt': NEGATIVE,
		'model': 'sd_xl_base_1.0',
		'sampler': 'Euler a',
		'schedule': 'normal',
		'seed': 721,
		'vae': 'sdxl_vae',
		'width': 64,
		'height': 128,
		'steps': 25,
		'guidance_scale': 7.0,
	},
	'comfyui-loras.png': {
		'model': 'v1-5-pruned-emaonly',
		'clip_skip': 2,
		'loras': (
			LoraUse(name='add detail', weight=0.6),
			LoraUse(name='lcm-lora', weight=-0.5),
		),
		'sampler': 'DPM++ 2M',
		'schedule': 'Karras',
		'width': 64,
		'height': 128,
		'steps': 20,
		'guidance_scale': 8.0,
		'seed': SEED,
		'extra': (),
	},
	'comfyui-img2img.png': {
		'prompt': PROMPT,
		'negative_prompt': NEGATIVE,
		'seed': SEED,
		'denoising_strength': 0.6,
		'model': 'v1-5-pruned-emaonly',
		'sampler': 'DPM++ 2M',
		'schedule': 'Karras',
		'steps': 20,
		'guidance_scale': 8.0,
	},
	'comfyui-flux.png': {
		'prompt': PROMPT,
		'negative_prompt': '',
		'model': 'flux1-dev',
		'sampler': 'Euler',
		'schedule': 'Simple',
		'guidance_scale': 3.5,
		'seed': SEED,
		'vae': 'ae',
		'width': 64,
		'height': 128,
		'steps': 20,
		'extra': (('Text encoder 1', 't5xxl_fp16.safetensors'), ('Text encoder 2', 'clip_l.sft')),
	},
	'swarmui.png': {
		'prompt': PROMPT,
		'negative_prompt': NEGATIVE,
		'model': 'sd_xl_base_1.0',
		'model_hash': '31e35c80fc',
		'sampler': 'DPM++ 2M SDE',
		'schedule': 'Karras',
		'clip_skip': 2,
		'denoising_strength': 0.6,
		'vae': 'sdxl_vae',
		'loras': (LoraUse(name='add detail', weight=0.6, hash='abc'),),
		'app': 'SwarmUI 0.9.6.2',
		'width': 64,
		'height': 128,
		'steps': 25,
		'guidance_scale': 6.5,
		'seed': 1234,
		'extra': (
			('aspectratio', 'Custom'),
			('date', '2026-01-02'),
			('generation_time', '0.1 sec'),
		),
	},
	'novelai.png': {
		'prompt': PROMPT,
		'negative_prompt': NEGATIVE,
		'model': 'NovelAI Diffusion V4.5',
		'model_hash': '4BDE2A90',
		'sampler': 'Euler a',
		'schedule': 'Karras',
		'steps': 28,
		'guidance_scale': 5.0,
		'seed': 3_344_556_677,
		'width': 64,
		'height': 128,
		'app': 'NovelAI',
		'extra': (
			('character 1', 'a keeper'),
			('uncond_scale', '0.0'),
			('cfg_rescale', '0.2'),
			('n_samples', '1'),
			('request_type', 'PromptGenerateRequest'),
		),
	},
}
# The same settings in another file.
SAME = {
	'a1111.jpg': 'a1111.png',
	'a1111.webp': 'a1111.png',
	'forge-stealth-alpha.png': 'a1111.png',
	'forge-stealth-rgb.png': 'a1111.png',
	'forge-stealth-plain.png': 'a1111.png',
	'forge-stealth-rgb-plain.png': 'a1111.png',
	'a1111-after-pixels.png': 'forge.png',
	'fooocus.jpg': 'fooocus.png',
	'fooocus-a1111.webp': 'fooocus-a1111.png',
	'comfyui-workflow.png': 'comfyui.png',
	'comfyui.webp': 'comfyui.png',
	'swarmui.jpg': 'swarmui.png',
	'swarmui-stealth.png': 'swarmui.png',
	'novelai-stealth.png': 'novelai.png',
	'novelai-stealth.webp': 'novelai.png',
	'novelai.webp': 'novelai.png',
}
FORMATS = {'sdnext': 'a1111', 'sdcpp': 'a1111', 'civitai': 'a1111', 'forge': 'a1111'}
FORMATS |= {'ruinedfooocus': 'fooocus', 'photograph': ''}
# What an independent reader understands too. It stumbles over LoRAs one after the other, and takes a
# ControlNet's positive prompt for the negative one, and does not know the two texts of SDXL.
JUDGED = ('a1111.png', 'a1111-old.png', 'forge.png', 'fooocus.png', 'invokeai-2.png', 'novelai.png')
JUDGED += ('comfyui.png', 'a1111.jpg')


def nested(depth: int) -> str:
	return '{"a":' * depth + '1' + '}' * depth


class TestSamples:
	@pytest.mark.parametrize('name', list(samples.SAMPLES))
	def test_every_sample_is_read(self, name, tmp_path):
		data = samples.SAMPLES[name]()
		path = tmp_path / name
		path.write_bytes(data)
		found = read_settings(path)
		assert found == read_settings(data)
		first = name.split('.')[0].split('-')[0]
		assert found.format == FORMATS.get(first, first)
		assert found.stealth == ('stealth' in name)
		assert found.media_type.endswith(name.rpartition('.')[2].replace('jpg', 'jpeg'))
		assert found.width and found.height and found.text
		expected = EXPECTED.get(SAME.get(name, name), {})
		assert expected or name == 'photograph.jpg'
		said = {
			k: getattr(found if k in ('model_hash', 'app') else found.recipe, k) for k in expected
		}
		assert said == expected

	@pytest.mark.parametrize('name', JUDGED)
	def test_an_independent_reader_agrees(self, name):
		data = samples.SAMPLES[name]()
		theirs, ours = reads(data), read_settings(data)
		assert theirs is not None and theirs.generator.value.lower().startswith(
			{'a1111': 'automatic'}.get(ours.format, ours.format)
		)
		assert ours.recipe.prompt in (theirs.full_prompt, theirs.prompts[0].value)
		if theirs.negative_prompts:
			assert ours.recipe.negative_prompt == theirs.negative_prompts[0].value
		sampler = theirs.samplers[0]
		assert sampler_names(sampler.name)[0] == ours.recipe.sampler
		said = sampler.parameters
		assert int(said['seed']) == ours.recipe.seed
		for key, value in (('steps', ours.recipe.steps), ('cfg_scale', ours.recipe.guidance_scale)):
			if key in said and name != 'forge.png':  # whose guidance has a name of its own
				assert float(said[key]) == value
		for model in theirs.models:
			if model.hash:
				assert model.hash == ours.model_hash
			if model.name:
				assert model.name.startswith(ours.recipe.model)

	def test_the_table_names_every_sample(self, tmp_path):
		shown = samples.table()
		assert all(f'| {name} |' in shown for name in samples.SAMPLES)
		assert all(path.exists() for path in samples.write_samples(tmp_path / 'samples'))


class TestOurs:
	def test_a_picture_of_ours(self):
		said = record()
		found = read_settings(embed(samples.png({}), said, 64, 128))
		assert found.format == 'localai' and found.app == 'LocalAI 0.1.0'
		assert found.model_hash == '0123456789'
		assert found.text.startswith('a red apple\nNegative prompt: blurry, dark\nSteps: 20')
		assert found.recipe == Recipe(
			prompt='a red apple',
			negative_prompt='blurry, dark',
			model='Sketchbook',
			width=64,
			height=64,
			steps=20,
			guidance_scale=4.5,
			sampler='DPM++ 2M',
			schedule='Karras',
			seed=77,
		)

	def test_a_picture_of_a_later_version(self):
		told = json.loads(record().model_dump_json())
		told['version'], told['new'] = 9, {'x': 1}
		told['request'] |= {'loras': [{'name': 'a', 'weight': 0.5, 'kind': 7}], 'mood': 'calm'}
		found = read_settings(samples.png({'localai': json.dumps(told)}))
		assert found.format == 'localai' and found.recipe.prompt == 'a red apple'
		assert found.recipe.loras == (LoraUse(name='a', weight=0.5),)
		assert ('mood', 'calm') in found.recipe.extra

	def test_our_settings_survive_an_editor_that_keeps_only_the_text(self):
		text = read_settings(embed(samples.png({}), record(), 64, 128)).text
		found = read_settings(samples.saved('JPEG', samples.comment(text)))
		assert found.format == 'localai' and found.recipe.seed == 77

	@pytest.mark.parametrize('text', ['', '{}', 'null', '[1]', '{"request":7}', nested(100_000)])
	def test_a_chunk_that_is_none_of_ours(self, text):
		found = read_settings(samples.png({'localai': text, 'parameters': samples.A1111}))
		assert found.format == 'a1111'


class TestNames:
	def test_every_name_of_ours_is_itself(self):
		assert [sampler_names(n)[0] for n in SAMPLERS] == list(SAMPLERS)
		assert [sampler_names('Euler', n)[1] for n in SCHEDULES] == list(SCHEDULES)

	@pytest.mark.parametrize(
		('theirs', 'ours'),
		[
			(('DPM++ 2M Karras',), ('DPM++ 2M', 'Karras')),
			(('DPM++ 2M SDE Exponential',), ('DPM++ 2M SDE', 'Exponential')),
			(('DPM++ 2S a Karras',), ('DPM++ 2S', 'Karras')),
			(('DPM2 a', 'Automatic'), ('DPM2 a', 'Automatic')),
			(('DPM++ SDE Karras', 'Automatic'), ('DPM++ SDE', 'Karras')),
			(('dpmpp_2m', 'karras'), ('DPM++ 2M', 'Karras')),
			(('dpmpp_3m_sde_gpu', 'sgm_uniform'), ('DPM++ 3M SDE', 'SGM Uniform')),
			(('dpmpp_2s_ancestral', 'beta'), ('DPM++ 2S', 'Beta')),
			(('uni_pc', 'ddim_uniform'), ('UniPC', 'ddim_uniform')),
			(('euler_k',), ('Euler', 'Karras')),
			(('dpmpp_sde_k',), ('DPM++ SDE', 'Karras')),
			(('kdpm_2_a_k',), ('DPM2 a', 'Karras')),
			(('pndm',), ('PLMS', None)),
			(('k_euler_ancestral', 'native'), ('Euler a', 'native')),
			(('k_dpmpp_2m', 'exponential'), ('DPM++ 2M', 'Exponential')),
			(('k_dpm_2_ancestral',), ('DPM2 a', None)),
			(('ddim_v3',), ('DDIM', None)),
			(('res_multistep', 'simple'), ('res_multistep', 'Simple')),
			(('DPM fast Karras',), ('DPM fast Karras', None)),
			((None, None), (None, None)),
			((['a'], {}), (None, None)),
		],
	)
	def test_names_of_others(self, theirs, ours):
		assert sampler_names(*theirs) == ours


class TestA1111:
	def test_a_prompt_with_words_and_colons_stays_a_prompt(self):
		prompt = 'a portrait\nSteps: of stone, light: soft, lens: 50mm'
		found = read_texts({'parameters': f'{prompt}\nSteps: 5, Seed: 1, Size: 8x8, Sampler: DDIM'})
		assert found.recipe.prompt == prompt and found.recipe.steps == 5

	def test_only_prompts(self):
		found = read_texts({'parameters': 'a\nb\nNegative prompt: c\nd'})
		assert (found.recipe.prompt, found.recipe.negative_prompt) == ('a\nb', 'c\nd')

	def test_dynamic_prompts_and_templates(self):
		text = '{red|blue} apple\nSteps: 5, Seed: 1, Size: 8x8\nTemplate: {red|blue} apple'
		found = read_texts({'parameters': text})
		assert found.recipe.prompt == '{red|blue} apple'
		assert found.recipe.extra == (('Template', '{red|blue} apple'),)

	@pytest.mark.parametrize(
		('tag', 'use'),
		[
			('<lora:a b-c.d (v1):0.5>', LoraUse(name='a b-c.d (v1)', weight=0.5)),
			('<lora:灯:-1>', LoraUse(name='灯', weight=-1)),
			('<lora:a>', LoraUse(name='a')),
			('<LORA:sub/a:.5:1>', LoraUse(name='a', weight=0.5)),
			('<lyco:a:unet=0.3:te=0.1>', LoraUse(name='a', weight=0.3)),
			('<lora:a:nan>', LoraUse(name='a')),
		],
	)
	def test_lora_tags(self, tag, use):
		found = read_texts({'parameters': f'x {tag} y\nSteps: 1, Seed: 1'})
		assert found.recipe.loras == (use,) and tag in found.recipe.prompt

	def test_hashes_find_their_loras_whatever_was_left_out_of_their_names(self):
		text = '<lora:a, b:0.3>\nSteps: 1, Seed: 1, Lora hashes: "a b: 123456789abc, other: e3b0"'
		assert read_texts({'parameters': text}).recipe.loras == (
			LoraUse(name='a, b', weight=0.3, hash='123456789abc'),
			LoraUse(name='other', hash='e3b0'),
		)

	def test_a_word_without_a_value_hides_none_of_the_others(self):
		found = read_texts({'parameters': 'a pier\nSteps: 3, Tiling, Seed: 7, Size: 64x128, Hires'})
		assert (found.recipe.steps, found.recipe.seed, found.recipe.height) == (3, 7, 128)

	def test_what_civitai_says_was_used(self):
		used = [
			{'type': 'DoRA', 'modelName': 'bold', 'weight': 0.4},
			{'type': 'lycoris', 'modelName': 'fine'},
			{'type': 'embed', 'modelName': 'negative hand'},
			{'type': 'checkpoint', 'modelName': 'first'},
			{'type': 'checkpoint', 'modelName': 'second'},
		]
		text = f'a pier\nSteps: 3, Sampler: Euler, Civitai resources: {json.dumps(used)}'
		found = read_texts({'parameters': text}).recipe
		assert found.loras == (LoraUse(name='bold', weight=0.4), LoraUse(name='fine', weight=1.0))
		assert found.model == 'first'
		assert [json.loads(v)['modelName'] for _, v in found.extra] == ['negative hand', 'second']

	def test_values_that_are_none_become_extras(self):
		text = 'x\nSteps: many, Seed: -1, CFG scale: inf, Size: 8, Sampler: Euler'
		recipe = read_texts({'parameters': text}).recipe
		assert (recipe.steps, recipe.seed, recipe.guidance_scale, recipe.width) == (None,) * 4
		assert {('steps', 'many'), ('seed', '-1'), ('guidance scale', 'inf')} <= set(recipe.extra)


class TestFooocus:
	def test_its_text_is_known_without_the_name_of_its_scheme(self):
		found = read_texts({'parameters': samples.FOOOCUS_TEXT})
		assert (found.format, found.recipe.styles) == ('fooocus', ('Fooocus V2', 'Fooocus Sharp'))
		assert read_texts({'parameters': samples.A1111}).format == 'a1111'


class TestDream:
	"""The command line of the first InvokeAI, with its options apart or as one word each."""

	@pytest.mark.parametrize(
		'options',
		[
			'-s 50 -S 1234 -W 64 -H 128 -C 7.5 -A k_lms -f 0.6 -fnord 3 -x',
			'-s50 -S1234 -W64 -H128 -C7.5 -Ak_lms -f0.6 -fnord 3 -x',
			'-x -fnord 3 -f0.6 -Ak_lms -C7.5 -S1234 -H 128 -W 64 -s50',
		],
	)
	def test_options_in_every_spelling(self, options):
		found = read_texts({'Dream': f'"a pier" {options}'}).recipe
		assert (found.prompt, found.steps, found.seed) == ('a pier', 50, 1234)
		assert (found.width, found.height, found.guidance_scale) == (64, 128, 7.5)
		assert (found.sampler, found.denoising_strength) == ('LMS', 0.6)
		assert dict(found.extra)['fnord'] == '3'

	def test_what_stands_in_brackets_was_not_wanted(self):
		found = read_texts({'Dream': '"a pier , [boats] at dusk, [ people]," -s 3'}).recipe
		assert found.prompt == 'a pier , at dusk'
		assert found.negative_prompt == 'boats, people'


class TestComfy:
	def read(self, graph: dict) -> Reading:
		found = comfyui.read({'prompt': json.dumps(graph)})
		assert found is not None
		return found

	def test_circles_and_links_into_nothing(self):
		graph = samples.comfy_graph()
		graph['6']['inputs']['text'] = ['6', 0]
		graph['5']['inputs']['width'] = ['5', 0]
		graph['3']['inputs'].update(model=['3', 0], latent_image=['3', 0], negative=['nowhere', 7])
		graph['8']['inputs']['vae'] = ['8', 0]
		found = self.read(graph)
		assert found.recipe.seed == SEED and found.recipe.prompt == ''

	def test_a_graph_of_any_size_takes_a_bounded_number_of_steps(self):
		count = 2 * graphs.NODES
		graph = {
			str(n): samples.node(
				'CLIPTextEncode', text=[str(n + 1), 0], conditioning=[str((n * 7) % count), 0]
			)
			for n in range(count)
		}
		graph['s'] = samples.node('KSampler', sampler_name='euler', steps=3, positive=['1', 0])
		graph = {'s': graph.pop('s'), **graph}
		built = graphs.graph_of(graph)
		assert built is not None and len(built.nodes) == graphs.NODES
		found = comfyui.read_graph(built, '')
		assert found.recipe.steps == 3 and built.left > -100

	def test_a_long_chain_is_walked_without_recursion(self):
		graph = samples.comfy_graph()
		for n in range(100, 5100):
			graph[str(n)] = samples.node('ConditioningSetArea', conditioning=[str(n + 1), 0])
		graph['5100'] = samples.node('CLIPTextEncode', text='far away', clip=['4', 1])
		graph['3']['inputs']['positive'] = ['100', 0]
		assert self.read(graph).recipe.prompt == 'far away'

	def test_texts_that_other_nodes_make(self):
		graph = samples.comfy_graph()
		graph['20'] = samples.node('Primitive', value='a cat')
		graph['21'] = samples.node(
			'StringConcatenate', string_a=['20', 0], string_b='asleep', delimiter=', '
		)
		graph['6']['inputs']['text'] = ['21', 0]
		graph['3']['inputs']['seed'] = ['22', 0]
		graph['22'] = samples.node('Seed (rgthree)', seed=11)
		found = self.read(graph)
		assert found.recipe.prompt == 'a cat, asleep' and found.recipe.seed == 11

	def test_without_a_sampler_that_is_known_the_longest_text_is_the_prompt(self):
		graph = {
			'1': samples.node('CLIPTextEncode', text='dog'),
			'2': samples.node('CLIPTextEncode', text=PROMPT),
			'3': samples.node('SomethingNew', text='blurry', prompt=['2', 0]),
		}
		assert self.read(graph).recipe.prompt == PROMPT

	def test_what_was_saved_counts_and_not_what_was_only_looked_at(self):
		graph = samples.comfy_graph()
		glance = {**graph['3']['inputs'], 'seed': 1, 'steps': 2}
		first = {
			'20': samples.node('PreviewImage', images=['21', 0]),
			'21': samples.node('VAEDecode', samples=['22', 0], vae=['4', 2]),
			'22': samples.node('KSampler', **glance),
		}
		found = self.read({**first, **graph}).recipe
		assert (found.seed, found.steps) == (SEED, 20)

	def test_nothing_is_asked_by_a_prompt_that_is_turned_to_zero(self):
		graph = samples.comfy_graph()
		graph['20'] = samples.node('ConditioningZeroOut', conditioning=['6', 0])
		graph['3']['inputs']['negative'] = ['20', 0]
		found = self.read(graph).recipe
		assert (found.prompt, found.negative_prompt) == (PROMPT, '')

	def test_values_that_other_nodes_choose(self):
		graph = samples.comfy_graph()
		graph['20'] = samples.node('Sampler Selector', sampler_name='euler_ancestral')
		graph['21'] = samples.node('Primitive', value='exponential')
		graph['22'] = samples.node('Efficient', empty_latent_width=64, empty_latent_height=192)
		graph['3']['inputs'].update(
			sampler_name=['20', 0], scheduler=['21', 0], latent_image=['22', 0]
		)
		graph['23'] = samples.node('UpscaleModelLoader', model_name='4x-UltraSharp.pth')
		found = self.read(graph).recipe
		assert (found.sampler, found.schedule) == ('Euler a', 'Exponential')
		assert (found.width, found.height) == (64, 192)
		assert found.extra == (('Upscaler', '4x-UltraSharp.pth'),)

	def test_a_sampler_in_parts_with_a_schedule_of_one_kind(self):
		graph = samples.comfy_flux()
		graph['7'] = samples.node('KarrasScheduler', steps=12, sigma_max=14.6, sigma_min=0.03)
		found = self.read(graph).recipe
		assert (found.schedule, found.steps) == ('Karras', 12)

	def test_nodes_of_a_workflow_that_are_switched_off(self):
		graph = samples.comfy_graph()
		graph = {'2': samples.node('CheckpointLoaderSimple', ckpt_name='other'), **graph}
		workflow = samples.comfy_workflow(graph)
		for node in workflow['nodes']:
			# Muted before all others, bypassed between the sampler and its size
			node['mode'] = {2: 2, 5: 4}.get(node['id'], 0)
		found = comfyui.read({'workflow': json.dumps(workflow)})
		assert found and found.recipe.prompt == PROMPT
		assert (found.recipe.model, found.recipe.width) == ('v1-5-pruned-emaonly', None)

	def test_loras_in_rows(self):
		graph = samples.comfy_graph()
		graph['20'] = samples.node(
			'Power Lora Loader (rgthree)',
			lora_1={'on': True, 'lora': 'a.safetensors', 'strength': 0.4},
			lora_2={'on': False, 'lora': 'b.safetensors', 'strength': 1},
			model=['4', 0],
		)
		graph['3']['inputs']['model'] = ['20', 0]
		assert self.read(graph).recipe.loras == (LoraUse(name='a', weight=0.4),)

	@pytest.mark.parametrize(
		'graph',
		[
			{'1': {'class_type': 'KSampler', 'inputs': {}}},
			{'1': {'class_type': 7, 'inputs': []}},
			{'1': {'class_type': 'KSampler', 'inputs': {'sampler_name': {}, 'steps': []}}},
			{'1': {'class_type': 'A', 'inputs': {'images': [{}, []], 'text': None}}},
			{'1': None, '2': 'class_type'},
		],
	)
	def test_graphs_that_are_not_what_they_should_be(self, graph):
		read_texts({'prompt': json.dumps(graph)})

	def test_workflows_that_are_not_what_they_should_be(self):
		for nodes in ([None], [{'id': [], 'type': 'KSampler'}], [{'id': 1, 'type': 'KSampler'}]):
			for links in (None, [[1]], [[{}, 1, 2, 3, 4, 5]], 7):
				read_texts({'workflow': json.dumps({'nodes': nodes, 'links': links})})


KEYS = (
	'parameters',
	'UserComment',
	'comment',
	'prompt',
	'workflow',
	'invokeai_metadata',
	'sd-metadata',
	'Dream',
	'Comment',
	'localai',
	'fooocus_scheme',
	'Model',
	'XMP',
)
HOSTILE = {
	'huge': 'x, ' * 1_500_000,
	'colons': 'a: b, ' * 100_000,
	'quotes': 'a: "' * 100_000,
	'braces': 'a: {' * 50_000 + 'Steps: 1',
	'steps': 'Steps: 1, Seed: 1, ' * 50_000,
	'lines': 'Steps: "\n' * 100_000,
	'tags': '<lora:' * 100_000 + '\nSteps: 1, Seed: 2',
	'backslashes': "\\'" * 100_000,
	'nested lists': '[' * 200_000,
	'nested objects': nested(200_000),
	'deep and whole': nested(900),
	'surrogate': json.dumps({'uc': '\ud800', 'sui_image_params': {'prompt': 'a\ud800b'}}),
	'not numbers': '{"sui_image_params": {"seed": NaN, "steps": Infinity, "cfgscale": -Infinity}}',
	'long number': '{"sui_image_params": {"seed": ' + '9' * 5000 + ', "steps": 1e999}}',
	'control': 'a\x00\x07\x1b[31mb\nSteps: 1, Seed: 2, Size: 8x8',
	'script': '<script>alert(1)</script> ${7*7} {{7*7}}\nSteps: 1, Seed: 2, Size: 8x8',
	'laughs': '<!DOCTYPE a [<!ENTITY b "c">' + '<!ENTITY d "&b;&b;">' * 1000 + ']>&d;',
	'null': 'null',
	'number': '7',
	'empty': '',
	'every type': json.dumps({k: [{}, None, True, 1.5, 'x'] for k in ('nodes', 'links', 'image')}),
}


class TestTimes:
	def test_when_a_picture_was_made(self):
		said = record()
		ours = read_settings(embed(samples.png({}), said, 64, 128)).created_at
		assert ours == datetime.fromisoformat(said.created_at)
		civitai = read_settings(samples.SAMPLES['civitai.jpg']()).created_at
		assert civitai == datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
		photograph = samples.saved('JPEG', samples.exif({}, {0x9003: '2025:07:08 09:10:11'}))
		told = read_settings(photograph).created_at
		assert told and told.astimezone().replace(tzinfo=None) == datetime(2025, 7, 8, 9, 10, 11)

	@pytest.mark.parametrize('text', ['', '0000:00:00 00:00:00', '9999-99-99', '1', 'x' * 99])
	def test_times_that_are_none(self, text):
		picture = samples.saved('JPEG', samples.exif({}, {0x9003: text}))
		assert read_settings(picture).created_at is None


class TestHostile:
	@pytest.mark.parametrize('text', HOSTILE.values(), ids=HOSTILE)
	@pytest.mark.parametrize('key', KEYS)
	def test_anything_under_any_name_is_shown_as_text(self, key, text):
		found = read_texts({key: text, 'Software': 'NovelAI'})
		shown = [found.text, found.recipe.prompt, found.recipe.negative_prompt]
		shown += [v for pair in found.recipe.extra for v in pair]
		for value in shown:
			assert len(value) <= TEXT_LIMIT
			value.encode()
			assert not set(value) & {chr(c) for c in range(32) if chr(c) not in '\t\n'}
		found.model_dump_json()

	def test_what_looks_like_code_is_not_run(self, tmp_path):
		mark = tmp_path / 'ran'
		bait = f"(__import__('pathlib').Path({str(mark)!r}).touch(), 1)"
		given = json.loads(samples.fooocus_json())
		given |= dict.fromkeys(('resolution', 'styles', 'adm_guidance', 'freeu', 'seed'), bait)
		found = read_settings(
			samples.png({'parameters': json.dumps(given), 'fooocus_scheme': 'fooocus'})
		)
		assert not mark.exists()
		assert found.format == 'fooocus' and found.recipe.width is None
		assert dict(found.recipe.extra)['adm_guidance'] == bait

	@pytest.mark.parametrize(
		'value', [None, True, -1, 1.5, 2**70, '', 'x', '1' * 50, [], {}, [[[]]], {'name': []}]
	)
	def test_values_of_every_wrong_type(self, value):
		"""In every place where one of the JSON grammars has a value."""
		for make in (samples.fooocus_json, samples.invoke_json, samples.swarm_json):
			told = json.loads(make())
			inner = told.get('sui_image_params', told)
			for key in list(inner):
				changed = {**inner, key: value}
				changed = {**told, 'sui_image_params': changed} if inner is not told else changed
				text = json.dumps(changed)
				read_texts({'parameters': text, 'fooocus_scheme': 'fooocus'})
				read_texts({'invokeai_metadata': text})
		for key in (told := json.loads(samples.novel_texts()['Comment'])):
			read_texts({'Software': 'NovelAI', 'Comment': json.dumps({**told, key: value})})
		for graph in (samples.comfy_graph, samples.comfy_sdxl, samples.comfy_flux):
			for id, entry in graph().items():
				for key in entry['inputs']:
					changed = graph()
					changed[id]['inputs'][key] = value
					read_texts({'prompt': json.dumps(changed)})
		for key in (old := json.loads(samples.invoke_old_json())):
			read_texts({'sd-metadata': json.dumps({**old, key: value})})
		for key in old['image']:
			image = {**old['image'], key: value}
			read_texts({'sd-metadata': json.dumps({**old, 'image': image})})

	def test_spoilt_bytes_are_read_or_refused(self):
		chance = random.Random(5)
		for name, make in samples.SAMPLES.items():
			if 'stealth' in name:
				continue
			data = bytearray(make())
			for _ in range(40):
				spoilt = bytearray(data)
				for _ in range(chance.randint(1, 8)):
					spoilt[chance.randrange(min(len(spoilt), 3000))] = chance.randrange(256)
				try:
					read_settings(bytes(spoilt))
				except InvalidInput as error:
					assert error.message and error.remedy

	def test_a_prompt_of_fifty_thousand_letters_comes_whole(self):
		prompt = 'word ' * 10_000
		text = f'{prompt}\nSteps: 1, Seed: 2, Size: 8x8'
		assert read_settings(samples.png({'parameters': text})).recipe.prompt == prompt.strip()

	def test_unknown_texts_are_shown_as_they_stand(self):
		found = read_settings(samples.png({'Author': 'me', 'Note': '<b>&amp;</b>'}))
		assert found == Reading(
			text='Author: me\nNote: <b>&amp;</b>', width=64, height=128, media_type='image/png'
		)
