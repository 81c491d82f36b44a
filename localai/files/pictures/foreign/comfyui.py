"""Knows how to find the settings in a graph of ComfyUI: from the picture back to the sampler that made it
up, and from there to prompts, model, LoRAs and size.

Grammar: the `prompt` and `workflow` texts of a PNG; in EXIF the same after `prompt:` and `workflow:`.
"""

import re
from collections.abc import Iterable

from localai.files.pictures.foreign.graphs import Graph, Node, graph_of, graph_of_workflow
from localai.files.pictures.foreign.names import sampler_names
from localai.files.pictures.foreign.values import (
	clean,
	lora,
	mapping,
	reading,
	tagged,
	whole,
	words,
)
from localai.schemas.exchange import Reading
from localai.schemas.generation import LoraUse

PLACES = ('prompt', 'workflow', 'Model', 'Make', 'ImageDescription', 'UserComment', 'comment')
MARK = re.compile(r'\s*(?:prompt|workflow)\s*:\s*(?=\{)', re.IGNORECASE)
PROMPTS = ('text_g', 'text_l', 'text', 'prompt', 'wildcard_text', 't5xxl', 'clip_l')
MODELS = ('ckpt_name', 'unet_name', 'base_ckpt_name', 'model_name', 'gguf_name')
# Inputs that lead to a model, and those that do not lead to a prompt.
TO_MODEL = frozenset(('model', 'unet', 'model1', 'lora_stack', 'optional_lora_stack', 'pipe'))
NO_PROMPT = frozenset(
	(
		'clip',
		'model',
		'vae',
		'image',
		'images',
		'pixels',
		'mask',
		'control_net',
		'latent',
		'latent_image',
		'samples',
		'clip_vision_output',
		'style_model',
	)
)
LATENTS = frozenset(('latent_image', 'samples', 'latent', 'pixels', 'image', 'images'))
SCHEDULED = {
	'KarrasScheduler': 'Karras',
	'ExponentialScheduler': 'Exponential',
	'BetaSamplingScheduler': 'Beta',
}
# Worth telling, by the input that names it.
NAMED = {
	'control_net_name': 'ControlNet',
	'upscale_model': 'Upscaler',
	'clip_name': 'Text encoder',
	'clip_name1': 'Text encoder 1',
	'clip_name2': 'Text encoder 2',
	'ipadapter_file': 'IP-Adapter',
}
TAKEN = frozenset(
	('seed', 'noise_seed', 'steps', 'cfg', 'sampler_name', 'scheduler', 'denoise', 'positive')
)
PARTS = 20  # texts of one prompt


def read(texts: dict[str, str]) -> Reading | None:
	drawn: tuple[dict, str] | None = None
	for name in PLACES:
		text = texts.get(name, '')
		if 'class_type' not in text and '"nodes"' not in text:
			continue
		for found in graphs_in(MARK.sub('', text, count=1)):
			graph = graph_of(found)
			if graph:
				return read_graph(graph, text)
			if drawn is None and isinstance(found.get('nodes'), list):
				drawn = (found, text)
	if drawn and (graph := graph_of_workflow(drawn[0])):
		return read_graph(graph, drawn[1])
	return None


def graphs_in(text: str) -> list[dict]:
	"""The graph, or both of them where they stand in one object."""
	found = mapping(text)
	inner = [mapping(found.get(key)) for key in ('prompt', 'workflow')]
	return [g for g in inner if g] or ([found] if found else [])


def read_graph(graph: Graph, text: str) -> Reading:
	# 1. The sampler, and what it hangs on
	samplers, end = samplers_of(graph)
	sampler = samplers[-1] if samplers else None
	given, guide = settings_of(graph, sampler)
	# 2. Prompts
	positive = prompt_of(graph, guide, 'positive') if guide else ''
	negative = prompt_of(graph, guide, 'negative') if guide else ''
	if guide is None:
		positive = longest_text(graph)
	# 3. Model and LoRAs
	model, loras = model_of(graph, guide)
	loras += [use for use in tagged(positive) if use.name not in {u.name for u in loras}]
	# 4. Size and the rest
	width, height = size_of(graph, sampler)
	return reading(
		'comfyui',
		text,
		app='ComfyUI',
		loras=loras,
		extra=extras_of(graph, sampler, samplers),
		prompt=positive,
		negative_prompt=negative,
		model=model,
		vae=vae_of(graph, end),
		width=width,
		height=height,
		clip_skip=clip_skip_of(graph, guide),
		given=given,
	)


def is_sampler(node: Node) -> bool:
	inputs = node.inputs
	return ('sampler_name' in inputs and 'steps' in inputs) or (
		'sigmas' in inputs and 'sampler' in inputs
	)


def samplers_of(graph: Graph) -> tuple[list[Node], Node | None]:
	"""The samplers that a picture went through, the last one first, and the node that saved it. The one
	that began it decides: those after it refine."""
	ends = [n for n in graph.nodes.values() if 'images' in n.inputs and 'Image' in n.kind]
	ends.sort(key=lambda n: 'Save' not in n.kind)
	for end in ends[:50]:
		chain: list[Node] = []
		for node in graph.walk(end, lambda _, __: True):
			if is_sampler(node):
				chain = chain_of(graph, node)
				return chain, end
	first = next((n for n in graph.nodes.values() if is_sampler(n)), None)
	return (chain_of(graph, first) if first else []), None


def chain_of(graph: Graph, last: Node) -> list[Node]:
	chain = [n for n in graph.walk(last, lambda _, key: key in LATENTS) if is_sampler(n)]
	return chain[:PARTS]


def settings_of(graph: Graph, sampler: Node | None) -> tuple[dict[str, object], Node | None]:
	"""What the sampler was given, and the node that holds prompts and model."""
	if sampler is None:
		return {}, None
	inputs = dict(sampler.inputs)
	guide = sampler
	# The parts of the sampler that is put together
	for part in ('sigmas', 'sampler', 'noise', 'guider'):
		node = graph.linked(inputs.get(part))
		if node is None:
			continue
		inputs = {**node.inputs, **inputs}
		if part == 'sigmas' and 'scheduler' not in inputs and node.kind in SCHEDULED:
			inputs['scheduler'] = SCHEDULED[node.kind]
		if part == 'guider':
			guide = node
	name, schedule = sampler_names(
		graph.value(inputs.get('sampler_name'), ('sampler_name', 'value')),
		graph.value(inputs.get('scheduler'), ('scheduler', 'value')),
	)
	guidance = graph.value(inputs.get('cfg'))
	side = guide.inputs.get('positive', guide.inputs.get('conditioning'))
	for node in graph.walk(graph.linked(side), leads_to_prompt):
		guidance = node.inputs.get('guidance', guidance)
	seed = inputs.get('seed', inputs.get('noise_seed'))
	denoise = graph.value(inputs.get('denoise'))
	given = {
		'sampler': name,
		'schedule': schedule,
		'steps': graph.value(inputs.get('steps')),
		'seed': graph.value(seed),
		'guidance_scale': graph.value(guidance),
		'denoising_strength': None if denoise in (1, None) else denoise,
	}
	return given, guide


def leads_to_prompt(node: Node, key: str) -> bool:
	return key not in NO_PROMPT and node.kind != 'ConditioningZeroOut'


def prompt_of(graph: Graph, guide: Node, side: str) -> str:
	"""The texts behind one side of a node with two, in the order in which they are met."""
	other = 'negative' if side == 'positive' else 'positive'
	entry = guide.inputs.get(side)
	if entry is None and side == 'positive':
		entry = guide.inputs.get('conditioning', guide.inputs.get('cond1'))
	if isinstance(entry, str):
		return clean(entry)
	start = graph.linked(entry)
	if start is guide:
		return ''

	def through(node: Node, key: str) -> bool:
		# of a node with both sides only this one; texts are read where they stand
		return leads_to_prompt(node, key) and key != other and key not in PROMPTS

	parts: list[str] = []
	for node in graph.walk(start, through):
		here = node.inputs.get(side)
		names = [here] if isinstance(here, str) else [node.inputs.get(n) for n in PROMPTS]
		for value in names:
			text = clean(graph.text(value))
			if text and text not in parts:
				parts.append(text)
		if len(parts) >= PARTS:
			break
	return '\n'.join(parts)


def longest_text(graph: Graph) -> str:
	"""The prompt of a graph whose sampler is not known: the longest text that is written out."""
	found = (v for n in graph.nodes.values() for k, v in n.inputs.items() if k in PROMPTS)
	return clean(max((v for v in found if isinstance(v, str)), key=len, default=''))


def model_of(graph: Graph, guide: Node | None) -> tuple[str, list[LoraUse]]:
	"""The first model on the way, and the LoRAs before it, the one nearest to the model first."""
	found: list[LoraUse] = []
	for node in graph.walk(guide, lambda _, key: key in TO_MODEL):
		found += loras_of(graph, node.inputs)
		for name in MODELS:
			value = graph.value(node.inputs.get(name))
			if isinstance(value, str):
				return value, unique(reversed(found))
	return '', unique(reversed(found))


def unique(uses: Iterable[LoraUse]) -> list[LoraUse]:
	return list({use.name: use for use in uses}.values())


def loras_of(graph: Graph, inputs: dict) -> list[LoraUse]:
	"""Those of one node: one, numbered ones, or rows that can be switched off."""
	found = []
	for key, value in list(inputs.items())[:200]:
		number = key[9:] if key.startswith('lora_name') else None
		if isinstance(value, dict) and isinstance(value.get('lora'), str):
			if value.get('on', True):
				found.append(lora(value['lora'], value.get('strength', 1.0)))
		elif number is not None:
			names = (
				'strength_model',
				f'lora_wt{number}',
				f'model_str{number}',
				f'strength{number}',
			)
			weight = next((inputs[n] for n in names if n in inputs), 1.0)
			found.append(lora(graph.value(value), graph.value(weight)))
	return [use for use in found if use]


def size_of(graph: Graph, sampler: Node | None) -> tuple[object, object]:
	for node in graph.walk(sampler, lambda _, key: key in LATENTS):
		for wide, high in (('width', 'height'), ('empty_latent_width', 'empty_latent_height')):
			width, height = (graph.value(node.inputs.get(side)) for side in (wide, high))
			if node is not sampler and whole(width, 1, 10**6) and whole(height, 1, 10**6):
				return width, height
	return None, None


def vae_of(graph: Graph, end: Node | None) -> str:
	for node in graph.walk(end, lambda _, __: True):
		if 'vae' in node.inputs and 'samples' in node.inputs:
			loader = graph.linked(node.inputs['vae'])
			return words(loader.inputs.get('vae_name')) if loader else ''
	return ''


def clip_skip_of(graph: Graph, guide: Node | None) -> int | None:
	for node in graph.walk(guide, lambda _, key: key in ('positive', 'conditioning', 'clip')):
		last = whole(graph.value(node.inputs.get('stop_at_clip_layer')), -1000, -1)
		if last:
			return -last
	return None


def extras_of(graph: Graph, sampler: Node | None, samplers: list[Node]) -> list[tuple[str, object]]:
	found: list[tuple[str, object]] = []
	if sampler:
		found += [
			(k, v)
			for k, v in sampler.inputs.items()
			if k not in TAKEN and not isinstance(v, list | dict)
		]
	for number, node in enumerate(reversed(samplers[:-1]), 2):
		plain = {k: v for k, v in node.inputs.items() if not isinstance(v, list | dict)}
		found.append((f'sampler {number}', plain))
	for node in graph.nodes.values():
		for key, label in NAMED.items():
			if isinstance(node.inputs.get(key), str):
				found.append((label, node.inputs[key]))
		if node.kind == 'UpscaleModelLoader':
			found.append(('Upscaler', node.inputs.get('model_name')))
		if len(found) > 200:
			break
	return found
