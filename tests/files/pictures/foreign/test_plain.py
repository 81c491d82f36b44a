"""Settings that are one JSON object, and settings beside others: which of them are believed."""

import json

import pytest

from localai.files.pictures.foreign import plain
from localai.files.pictures.readings import read_settings, read_texts
from localai.schemas.generation import LoraUse
from tests import samples
from tests.files.pictures.foreign.test_comfyui import base
from tests.files.pictures.test_chunks import spoilt
from tests.samples import node

SPACE = {
	'prompt': 'a red cup',
	'negative_prompt': 'blur',
	'resolution': '640 x 512',
	'guidance_scale': 5.5,
	'num_inference_steps': 24,
	'seed': 5,
	'sampler': 'DPM++ 2M Karras',
	'Model': 'm',
	'use_upscaler': None,
	'sdxl_style': 'None',
}
CIVITAI = {
	'prompt': 'a red cup',
	'negativePrompt': 'blur',
	'cfgScale': 5.5,
	'steps': 24,
	'seed': 5,
	'sampler': 'DPM++ 2M Karras',
	'width': 640,
	'height': 512,
	'resources': [{'modelVersionId': 7, 'strength': 1}],
}


class TestObject:
	@pytest.mark.parametrize('key', ['parameters', 'UserComment', 'Comment'])
	def test_names_that_anybody_would_choose(self, key):
		found = read_texts({key: json.dumps(SPACE)})
		recipe = found.recipe
		assert (found.format, found.note) == ('other', '')
		assert (recipe.prompt, recipe.negative_prompt, recipe.model) == ('a red cup', 'blur', 'm')
		assert (recipe.width, recipe.height, recipe.steps, recipe.seed) == (640, 512, 24, 5)
		assert (recipe.guidance_scale, recipe.sampler) == (5.5, 'DPM++ 2M')
		assert recipe.schedule == 'Karras' and recipe.extra == (('sdxl_style', 'None'),)

	def test_settings_beside_a_graph_without_a_sampler(self):
		graph = {
			'1': node('LoadImage', image='in.png'),
			'2': node('ImageUpscaleWithModel', image=['1', 0], upscale_model=['3', 0]),
			'4': node('SaveImage', images=['2', 0]),
			'extraMetadata': json.dumps(CIVITAI),
		}
		found = read_settings(samples.saved('JPEG', samples.comment(json.dumps(graph))))
		recipe = found.recipe
		assert (found.format, found.note) == ('comfyui', '')
		assert (recipe.prompt, recipe.negative_prompt) == ('a red cup', 'blur')
		assert (recipe.width, recipe.height, recipe.steps, recipe.seed) == (640, 512, 24, 5)
		assert (recipe.guidance_scale, recipe.sampler) == (5.5, 'DPM++ 2M')

	def test_loras_and_models_with_names_of_their_own(self):
		told = {'prompt': 'x <lora:c:0.2>', 'steps': 3, 'model': {'name': 'm'}}
		told['loras'] = ['a.safetensors', {'name': 'b', 'weight': 0.5}, 7, None]
		recipe = read_texts({'parameters': json.dumps(told)}).recipe
		names = [('a', 1), ('b', 0.5), ('c', 0.2)]
		assert recipe.loras == tuple(LoraUse(name=n, weight=w) for n, w in names)
		assert recipe.model == 'm'

	@pytest.mark.parametrize('told', [{}, {'prompt': 'x'}, {'steps': 1, 'seed': 2, 'width': 3}])
	def test_what_is_too_little_to_be_settings(self, told):
		assert plain.read({'parameters': json.dumps(told)}) is None


class TestWhoIsBelieved:
	JUNK = 'unknown\nNegative prompt: unknown\nSeed: 0, Size: 512x512, Model: other'

	def test_a_saver_that_was_given_nothing_is_not(self):
		texts = {'parameters': self.JUNK, 'prompt': json.dumps(base())}
		found = read_texts(texts)
		recipe = found.recipe
		assert (recipe.prompt, recipe.seed, recipe.model) == ('a red cup', 5, 'm')
		assert (recipe.width, recipe.height) == (640, 512)
		assert 'two sets' in found.note and found.format == 'comfyui'

	def test_what_a_saver_was_given_counts_before_the_graph(self):
		texts = {'parameters': samples.A1111, 'prompt': json.dumps(base())}
		found = read_texts(texts)
		assert (found.format, found.note) == ('a1111', '')

	def test_alone_it_is_better_than_nothing(self):
		assert read_texts({'parameters': self.JUNK}).recipe.model == 'other'


class TestNamesInAnyCase:
	def test_a_line_of_settings(self):
		text = 'a red cup\nnegative prompt: blur\n'
		text += 'steps: 20, SAMPLER: Euler a, CFG Scale: 7.5, seed: 5, Size: 512x512, Model: m'
		recipe = read_texts({'parameters': text}).recipe
		assert (recipe.prompt, recipe.negative_prompt) == ('a red cup', 'blur')
		assert (recipe.guidance_scale, recipe.steps, recipe.seed) == (7.5, 20, 5)
		assert (recipe.sampler, recipe.width, recipe.extra) == ('Euler a', 512, ())


class TestChecksums:
	def test_what_is_sound_is_read(self):
		texts = {'prompt': json.dumps(base()), 'workflow': '{"nodes": []}'}
		data = samples.png(texts)
		at = data.index(b'workflow') - 8
		found = read_settings(data[:at] + spoilt(data[at:], b'tEXt'))
		assert (found.recipe.prompt, found.note) == ('a red cup', '')

	def test_what_is_not_is_read_with_a_warning(self):
		found = read_settings(spoilt(samples.png({'parameters': samples.A1111}), b'iTXt'))
		assert found.recipe.steps == 25 and 'damaged' in found.note
