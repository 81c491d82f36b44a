"""Knows what an input of a node of ComfyUI means by its name, whoever made the node, and which nodes
sample, show or only carry settings.

A new pack of nodes mostly needs nothing here; one that calls things otherwise needs a name.
"""

import re

from localai.files.pictures.foreign.graphs import Node, bundle

PROMPTS = (
	*('text_g', 'text_l', 'populated_text', 'text', 'prompt', 'wildcard_text', 't5xxl', 'clip_l'),
	*('string', 'positive_prompt', 'Text'),
)
# What of the same text is written twice: with its wildcards, and as it was read.
INSTEAD = {'wildcard_text': 'populated_text'}
MODELS = (
	*('ckpt_name', 'unet_name', 'base_ckpt_name', 'model_name', 'gguf_name', 'checkpoint'),
	*('ckpt', 'model', 'model_path', 'diffusion_model'),
)
# What a sampler is put together of, and by which names each of its settings goes.
PIECES = frozenset(('sigmas', 'sampler', 'noise', 'guider', 'options', 'settings'))
SEED = ('seed', 'noise_seed', 'seed_num', 'seed_value')
STEPS = ('steps', 'steps_total', 'sampling_steps')
GUIDANCE = ('cfg', 'cfg_conds', 'cfg_scale', 'guidance_scale', 'true_cfg', 'true_gs', 'cfg1')
SAMPLER = ('sampler_name', 'sampler_mode')
SCHEDULE = ('scheduler', 'scheduler_name', 'schedule')
DENOISE = ('denoise', 'denoise_strength')
SIDES = {
	'positive': (
		*('positive', 'conditioning', 'cond1', 'cond', 'conds', 'positive_conditioning'),
		*('text_embeds', 'base_positive'),
	),
	'negative': (
		*('negative', 'neg_conditioning', 'uncond', 'negative_conditioning', 'base_negative'),
	),
}
# Inputs that lead to a model, and those that do not lead to a prompt.
TO_MODEL = frozenset(('model', 'unet', 'model1', 'base_model', 'guider', 'diffusion_model', ''))
STACKS = frozenset(('lora_stack', 'optional_lora_stack', 'lora', 'loras'))
NO_PROMPT = frozenset(
	(
		*('clip', 'model', 'vae', 'image', 'images', 'pixels', 'mask', 'control_net', 'latent'),
		*('latent_image', 'samples', 'clip_vision_output', 'style_model', 'stage_c', 'seed'),
		*('noise_seed', 'width', 'height', 'steps', 'cfg', 'guidance', 'strength', 'segs'),
		*('reference_latent', 'image_embeds', 'start_percent', 'end_percent', 'lora_stack'),
	)
)
LATENTS = frozenset(
	('latent_image', 'samples', 'latent', 'pixels', 'image', 'images', 'latents', 'base_latent')
	+ ('optional_latent', 'samples_to', 'destination', 'original_image', '')
)
SCHEDULED = {
	'KarrasScheduler': 'Karras',
	'ExponentialScheduler': 'Exponential',
	'BetaSamplingScheduler': 'Beta',
}
# What has the settings of a sampler and does not sample.
ASIDE = re.compile(
	r'presampl|context|config|save|select|provider|parameter|settings|info', re.IGNORECASE
)
SEEN = re.compile(r'save|preview|output|image', re.IGNORECASE)  # what shows or keeps a picture
WIDE = ('width', 'empty_latent_width', 'Width', 'base_width')
HIGH = ('height', 'empty_latent_height', 'Height', 'base_height')
SIZED = re.compile(r'dimension|resolution|size|ratio|aspect', re.IGNORECASE)
SIZE = re.compile(r'\b(\d{2,5})\s*[x×*]\s*(\d{2,5})\b')
LORA = re.compile(r'lora(?:_name)?_?(\d*)(?:_name)?')
# Worth telling, by the input that names it.
NAMED = {
	'control_net_name': 'ControlNet',
	'upscale_model': 'Upscaler',
	'clip_name': 'Text encoder',
	'clip_name1': 'Text encoder 1',
	'clip_name2': 'Text encoder 2',
	'ipadapter_file': 'IP-Adapter',
}
TAKEN = frozenset((*SEED, *STEPS, *GUIDANCE, *SAMPLER, *SCHEDULE, *DENOISE, *SIDES['positive']))
TAKEN |= {'negative', 'model'}
TEXTUAL = re.compile(r'text|string|prompt|primitive', re.IGNORECASE)


def is_sampler(node: Node) -> bool:
	inputs = node.inputs
	if ASIDE.search(node.kind):
		return False
	if any(n in inputs for n in SAMPLER) and any(n in inputs for n in STEPS):
		return True
	whole_one = 'sampl' in node.kind.casefold() and ('steps' in inputs or any(map(bundle, inputs)))
	return whole_one or ('sigmas' in inputs and 'sampler' in inputs)


def leads_to_prompt(node: Node, key: str) -> bool:
	plain = key.rstrip('0123456789').rstrip('_')
	return plain not in NO_PROMPT and node.kind != 'ConditioningZeroOut'
