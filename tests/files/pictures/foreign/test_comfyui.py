"""Graphs of ComfyUI as people build them: pipes, contexts, switches, cascades and the samplers of many
packs, each read by what its inputs mean."""

import json

import pytest

from localai.files.pictures.foreign import comfyui, graphs
from localai.schemas.exchange import Reading
from localai.schemas.generation import LoraUse
from tests.samples import node

Change = dict[str, dict]


def base(**changes: dict) -> dict[str, dict]:
	return {
		'm': node('CheckpointLoaderSimple', ckpt_name='m.safetensors'),
		'p': node('CLIPTextEncode', text='a red cup', clip=['m', 1]),
		'n': node('CLIPTextEncode', text='blur', clip=['m', 1]),
		'l': node('EmptyLatentImage', width=640, height=512, batch_size=1),
		'k': node(
			'KSampler',
			seed=5,
			steps=20,
			cfg=7,
			sampler_name='euler',
			scheduler='normal',
			denoise=1,
			model=['m', 0],
			positive=['p', 0],
			negative=['n', 0],
			latent_image=['l', 0],
		),
		'd': node('VAEDecode', samples=['k', 0], vae=['m', 2]),
		's': node('SaveImage', filename_prefix='x', images=['d', 0]),
		**changes,
	}


def without(*names: str, **changes: object) -> dict:
	"""The sampler with other inputs."""
	inputs = {k: v for k, v in base()['k']['inputs'].items() if k not in names}
	return {**inputs, **changes}


SET = {'seed': 5, 'steps': 20, 'cfg': 7, 'sampler_name': 'euler', 'scheduler': 'normal'}
LINKS = ('model', 'positive', 'negative')
PIPE = node('ToBasicPipe', model=['m', 0], clip=['m', 1], vae=['m', 2])
PIPE['inputs'] |= {'positive': ['p', 0], 'negative': ['n', 0]}
CONTEXT = node('Context (rgthree)', model=['m', 0], clip=['m', 1], vae=['m', 2])
CONTEXT['inputs'] |= {'positive': ['p', 0], 'negative': ['n', 0], 'latent': ['l', 0]}
EASY = node(
	'easy fullLoader',
	ckpt_name='m.safetensors',
	vae_name='Baked VAE',
	clip_skip=-2,
	lora_name='None',
	positive='a red cup',
	negative='blur',
	empty_latent_width=640,
	empty_latent_height=512,
)
EFFICIENT = node(
	'Efficient Loader',
	ckpt_name='m.safetensors',
	vae_name='Baked VAE',
	clip_skip=-1,
	lora_name='None',
	lora_model_strength=1.0,
	lora_clip_strength=1.0,
	positive='a red cup',
	negative='blur',
	empty_latent_width=640,
	empty_latent_height=512,
	batch_size=1,
)
PARTS = {
	'noise': node('RandomNoise', noise_seed=5),
	'select': node('KSamplerSelect', sampler_name='euler'),
	'sigmas': node('BasicScheduler', scheduler='normal', steps=20, denoise=1.0, model=['m', 0]),
}


def parted(guider: dict, **more: dict) -> Change:
	"""A sampler that is put together."""
	made = node(
		'SamplerCustomAdvanced',
		noise=['noise', 0],
		guider=['guider', 0],
		sampler=['select', 0],
		sigmas=['sigmas', 0],
		latent_image=['l', 0],
	)
	return {**PARTS, 'guider': guider, 'k': made, **more}


def switch(on: str, off: str, to: object) -> dict:
	return node('ComfySwitchNode', on_true=[on, 0], on_false=[off, 0], switch=to)


# What is changed in the base; each says the same as the base does.
SAME: dict[str, Change] = {
	'as it is': {},
	'basic pipe': {
		'b': PIPE,
		'k': node('ImpactKSamplerBasicPipe', basic_pipe=['b', 0], **without(*LINKS)),
	},
	'pipe out and in': {
		'b': PIPE,
		'f': node('FromBasicPipe', basic_pipe=['b', 0]),
		'k': node('KSampler', **without(model=['f', 0], positive=['f', 3], negative=['f', 4])),
	},
	'pipe that was edited': {
		'b': {**PIPE, 'inputs': {**PIPE['inputs'], 'positive': ['n', 0]}},
		'e': node('EditBasicPipe', basic_pipe=['b', 0], positive=['p', 0]),
		'k': node('KSamplerPipe //Inspire', basic_pipe=['e', 0], **without(*LINKS)),
	},
	'context': {
		'c': CONTEXT,
		'k': node(
			'KSampler',
			**without(model=['c', 1], positive=['c', 4], negative=['c', 5], latent_image=['c', 6]),
		),
	},
	'big context of contexts': {
		'c': CONTEXT,
		'cc': node('Context Big (rgthree)', base_ctx=['c', 0], **SET),
		'cs': node('Context Switch (rgthree)', ctx_01=['cc', 0], ctx_02=['nowhere', 0]),
		'k': node(
			'KSampler',
			model=['cs', 1],
			positive=['cs', 4],
			negative=['cs', 5],
			latent_image=['cs', 6],
			seed=['cs', 8],
			steps=['cs', 9],
			cfg=['cs', 11],
			sampler_name=['cs', 13],
			scheduler=['cs', 14],
			denoise=1,
		),
	},
	'any switch': {
		'x': node('CheckpointLoaderSimple', ckpt_name='other.safetensors'),
		'a': node('Any Switch (rgthree)', any_02=['m', 0], any_03=['x', 0]),
		'k': node('KSampler', **without(model=['a', 0])),
	},
	'switch to one side': {
		't': node('PrimitiveStringMultiline', value='a red cup'),
		'g': node('TextGenerate', prompt='write something long about cups'),
		'w': switch('g', 't', False),
		'p': node('CLIPTextEncode', text=['w', 0], clip=['m', 1]),
		'u': node('UNETLoader', unet_name='m.safetensors', weight_dtype='default'),
		'x': node('CheckpointLoaderSimple', ckpt_name='other.safetensors'),
		'ms': switch('x', 'u', False),
		'k': node('KSampler', **without(model=['ms', 0])),
	},
	'switch that another node turns': {
		't': node('PrimitiveStringMultiline', value='a red cup'),
		'b': node('PrimitiveBoolean', value=True),
		'w': switch('t', 'n', ['b', 0]),
		'p': node('CLIPTextEncode', text=['w', 0], clip=['m', 1]),
	},
	'switch of a conditioning': {
		'w': node('ImpactSwitch', select=2, sel_mode=False, input1=['n', 0], input2=['p', 0]),
		'k': node('KSampler', **without(positive=['w', 0])),
	},
	'switch by number': {
		'x': node('CheckpointLoaderSimple', ckpt_name='other.safetensors'),
		'w': node('CR Model Input Switch', Input=2, model1=['x', 0], model2=['m', 0]),
		't': node('Text Input Switch', text_a='a red cup', text_b='a blue cup', boolean=True),
		'p': node('CLIPTextEncode', text=['t', 0], clip=['m', 1]),
		'k': node('KSampler', **without(model=['w', 0])),
	},
	'efficient': {
		'e': EFFICIENT,
		'k': node(
			'KSampler (Efficient)',
			**without(model=['e', 0], positive=['e', 1], negative=['e', 2], latent_image=['e', 3]),
		),
	},
	'efficient with a prompt from elsewhere': {
		't': node('Text Multiline', text='a red cup'),
		'e': {**EFFICIENT, 'inputs': {**EFFICIENT['inputs'], 'positive': ['t', 0]}},
		'k': node(
			'KSampler (Efficient)',
			**without(model=['e', 0], positive=['e', 1], negative=['e', 2], latent_image=['e', 3]),
		),
	},
	'efficient of two models': {
		'e': node(
			'Eff. Loader SDXL',
			base_ckpt_name='m.safetensors',
			refiner_ckpt_name='refiner.safetensors',
			positive='a red cup',
			negative='blur',
			empty_latent_width=640,
			empty_latent_height=512,
		),
		'k': node(
			'KSampler SDXL (Eff.)',
			sdxl_tuple=['e', 0],
			latent_image=['e', 1],
			noise_seed=5,
			steps=20,
			cfg=7,
			sampler_name='euler',
			scheduler='normal',
		),
	},
	'easy': {
		'e': {**EASY, 'inputs': {**EASY['inputs'], 'clip_skip': -1}},
		'q': node('easy preSampling', pipe=['e', 0], denoise=1.0, **SET),
		'k': node('easy kSampler', pipe=['q', 0], image_output='Preview', link_id=0),
		'd': node('easy imageSave', images=['k', 1]),
	},
	'easy that saves itself': {
		'e': EASY,
		'q': node('easy preSampling', pipe=['e', 0], denoise=1.0, **SET),
		'k': node('easy kSampler', pipe=['q', 0], image_output='Save', save_prefix='x'),
		'd': node('Note', text='nothing'),
		's': node('Note', text='nothing'),
	},
	'ttN': {
		'e': node(
			'ttN pipeLoader_v2',
			ckpt_name='m.safetensors',
			positive='a red cup',
			negative='blur',
			empty_latent_width=640,
			empty_latent_height=512,
		),
		'k': node('ttN pipeKSampler_v2', pipe=['e', 0], denoise=1.0, **SET),
		's': node('ttN imageOutput', image=['k', 1], image_output='Save'),
	},
	'Inspire': {'k': node('KSampler //Inspire', noise_mode='GPU(=A1111)', **without())},
	'WAS': {'k': node('KSampler (WAS)', **without())},
	'Comfyroll': {
		'sd': node('CR Seed', seed=5),
		't': node('CR Prompt Text', prompt='a red cup'),
		'p': node('CLIPTextEncode', text=['t', 0], clip=['m', 1]),
		'l': node(
			'CR SDXL Aspect Ratio', aspect_ratio='landscape (5:4) 640x512', width=1, height=1
		),
		'k': node('CR KSampler', **without(seed=['sd', 0])),
	},
	'rgthree config': {
		'cfg': node(
			'KSampler Config (rgthree)',
			steps_total=20,
			refiner_step=15,
			cfg=7,
			sampler_name='euler',
			scheduler='normal',
		),
		'k': node(
			'KSampler',
			**without(
				steps=['cfg', 0], cfg=['cfg', 2], sampler_name=['cfg', 3], scheduler=['cfg', 4]
			),
		),
	},
	'sampler of its own': {
		'select': PARTS['select'],
		'sigmas': PARTS['sigmas'],
		'k': node(
			'SamplerCustom',
			noise_seed=5,
			cfg=7,
			sampler=['select', 0],
			sigmas=['sigmas', 0],
			**{k: base()['k']['inputs'][k] for k in (*LINKS, 'latent_image')},
		),
	},
	'guider': parted(
		node('CFGGuider', cfg=7, model=['m', 0], positive=['p', 0], negative=['n', 0])
	),
	'guider by perpendicular negative': parted(
		node(
			'PerpNegGuider',
			cfg=7,
			neg_scale=1,
			model=['m', 0],
			positive=['p', 0],
			negative=['n', 0],
			empty_conditioning=['n', 0],
		)
	),
	'guider of two': parted(
		node(
			'DualCFGGuider',
			cfg_conds=7,
			cfg_cond2_negative=2,
			model=['m', 0],
			cond1=['p', 0],
			cond2=['n', 0],
			negative=['n', 0],
		)
	),
	'sigmas that were cut': parted(
		node('CFGGuider', cfg=7, model=['m', 0], positive=['p', 0], negative=['n', 0]),
		sigmas=node('SplitSigmas', step=3, sigmas=['whole', 0]),
		whole=PARTS['sigmas'],
	),
	'size in words': {'l': node('SizePicker', dimensions='640 x 512  (landscape)')},
	'size from another': {
		'w': node('Resolution', resolution='640x512 (5:4)'),
		'l': node('EmptyLatentImage', width=['w', 0], height=['w', 1]),
	},
	'a saver that writes everything down': {
		's': node(
			'Image Saver',
			images=['d', 0],
			steps=99,
			cfg=1,
			sampler_name='ddim',
			scheduler='karras',
			positive='unknown',
			seed_value=1,
			modelname='other',
		),
	},
	'wildcards that were read': {
		'w': node(
			'ImpactWildcardProcessor',
			wildcard_text='a {red|blue} cup',
			populated_text='a red cup',
			mode='populate',
		),
		'p': node('CLIPTextEncode', text=['w', 0], clip=['m', 1]),
	},
	'text that is shown': {
		't': node('StringConcatenate', string_a='a red', string_b='cup', delimiter=' '),
		'w': node('ShowText|pysssss', text=['t', 0], text_0='what was shown before'),
		'p': node('CLIPTextEncode', text=['w', 0], clip=['m', 1]),
	},
	'subgraph that was run': {
		'7:1': node('CLIPTextEncode', text='a red cup', clip=['7:2', 1]),
		'7:2': base()['m'],
		'k': node('KSampler', **without(positive=['7:1', 0], model=['7:2', 0])),
	},
}


def read(changes: Change) -> Reading:
	found = comfyui.read({'prompt': json.dumps(base(**changes))})
	assert found is not None
	return found


class TestTheSame:
	@pytest.mark.parametrize('changes', SAME.values(), ids=SAME)
	def test_said_in_many_ways(self, changes):
		found = read(changes)
		recipe = found.recipe
		assert (recipe.prompt, recipe.negative_prompt, recipe.model) == ('a red cup', 'blur', 'm')
		assert (recipe.seed, recipe.steps, recipe.guidance_scale) == (5, 20, 7)
		assert (recipe.sampler, recipe.schedule) == ('Euler', 'normal')
		assert (recipe.width, recipe.height) == (640, 512)
		assert (recipe.denoising_strength, recipe.loras, found.note) == (None, (), '')


class TestChains:
	def test_the_first_stage_of_a_cascade_decides(self):
		cascade = {
			'b': node('UNETLoader', unet_name='b.safetensors'),
			'k1': node('KSampler', **without(seed=11, cfg=4)),
			'c': node(
				'StableCascade_StageB_Conditioning', conditioning=['p', 0], stage_c=['k1', 0]
			),
			'z': node('ConditioningZeroOut', conditioning=['p', 0]),
			'k': node(
				'KSampler',
				**without(
					seed=99, steps=10, cfg=1.1, model=['b', 0], positive=['c', 0], negative=['z', 0]
				),
			),
		}
		found = read(cascade)
		recipe = found.recipe
		assert (recipe.seed, recipe.steps, recipe.guidance_scale, recipe.model) == (11, 20, 4, 'm')
		assert (recipe.prompt, recipe.negative_prompt) == ('a red cup', 'blur')
		assert found.note == 'Two samplers were found; the settings of the first are shown.'
		assert json.loads(dict(recipe.extra)['sampler 2'])['seed'] == 99

	def test_what_made_it_larger_is_told_beside(self):
		larger = {
			'u': node('LatentUpscale', samples=['k', 0], width=1280, height=1024),
			'k2': node('KSampler', **without(seed=6, denoise=0.4, latent_image=['u', 0])),
			'f': node('FaceDetailer', image=['d', 0], **without('latent_image', seed=7)),
			'd': node('VAEDecode', samples=['k2', 0], vae=['m', 2]),
			's': node('SaveImage', images=['f', 0]),
		}
		found = read(larger)
		assert (found.recipe.seed, found.recipe.width) == (5, 640)
		assert found.note == 'Three samplers were found; the settings of the first are shown.'

	def test_two_pictures_of_one_graph(self):
		other = {
			'k2': node('KSampler', **without(seed=6)),
			'd2': node('VAEDecode', samples=['k2', 0], vae=['m', 2]),
			's2': node('SaveImage', images=['d2', 0]),
		}
		found = read(other)
		assert found.recipe.seed == 5
		assert found.note == 'Two pictures are saved in it; the settings of the first are shown.'

	def test_a_switch_that_nobody_can_read(self):
		found = read(
			{
				'w': switch('p', 'n', ['random', 0]),
				'random': node('RandomBoolean'),
				'k': node('KSampler', **without(positive=['w', 0])),
			}
		)
		assert found.recipe.prompt == 'a red cup\nblur' and 'switch' in found.note


class TestLoras:
	@pytest.mark.parametrize(
		('kind', 'inputs'),
		[
			('LoRA Stacker', {'lora_count': 1, 'lora_name_1': 'a', 'lora_wt_1': 0.4}),
			('LoRA Stacker', {'lora_count': 1, 'lora_name_1': 'a', 'model_str_1': 0.4}),
			('CR LoRA Stack', {'switch_1': 'On', 'lora_name_1': 'a', 'model_weight_1': 0.4}),
			('Lora Loader Stack (rgthree)', {'lora_01': 'a', 'strength_01': 0.4}),
			('easy loraStack', {'num_loras': 1, 'lora_1_name': 'a', 'lora_1_strength': 0.4}),
		],
	)
	def test_in_stacks(self, kind, inputs):
		more = {k.replace('1', '2'): v for k, v in inputs.items() if '1' in k}
		more = {k: 'b' if v == 'a' else 'Off' if v == 'On' else v for k, v in more.items()}
		if 'rgthree' in kind:
			more = {'lora_02': 'None', 'strength_02': 1}
		stack = node(kind, **{**more, **inputs})
		loader = {**EFFICIENT, 'inputs': {**EFFICIENT['inputs'], 'lora_stack': ['st', 0]}}
		found = read({'st': stack, 'e': loader, 'k': node('KSampler', **without(model=['e', 0]))})
		assert found.recipe.loras == (LoraUse(name='a', weight=0.4),)

	def test_of_a_loader(self):
		loader = {**EFFICIENT, 'inputs': {**EFFICIENT['inputs']}}
		loader['inputs'] |= {'lora_name': 'x/a.safetensors', 'lora_model_strength': 0.4}
		found = read({'e': loader, 'k': node('KSampler', **without(model=['e', 0]))})
		assert found.recipe.loras == (LoraUse(name='a', weight=0.4),)


class TestBounds:
	def test_switches_that_ask_each_other(self):
		count = 3000
		ring = {
			f'w{n}': switch(
				f'w{(n + 1) % count}', f'w{(n + 7) % count}', [f'w{(n + 1) % count}', 0]
			)
			for n in range(count)
		}
		ring['k'] = node('KSampler', **without(model=['w0', 0], positive=['w0', 0], seed=['w0', 0]))
		found = read(ring)
		assert (found.format, found.recipe.model) == ('comfyui', '') and 'switch' in found.note

	def test_pipes_sizes_and_texts_in_circles(self):
		for names in (('pipe',), ('text',), ('width', 'height'), ('basic_pipe', 'samples')):
			ring = {
				f'r{n}': node('Reroute', **{name: [f'r{(n + 1) % 50}', 0] for name in names})
				for n in range(50)
			}
			links = dict.fromkeys(('pipe', *LINKS, 'latent_image', 'steps', 'seed'), ['r0', 0])
			assert read({**ring, 'k': node('KSampler', **without(**links))}).format == 'comfyui'

	def test_thousands_of_ends_take_a_bounded_number_of_steps(self):
		many = {f's{n}': node('SaveImage', images=['d', 0]) for n in range(5000)}
		built = graphs.graph_of(base(**many))
		assert built and comfyui.read_graph(built, '').recipe.seed == 5
		assert built.left > graphs.STEPS // 2
