"""Knows how to find the settings in a graph of ComfyUI: from the picture back to the sampler that made it
up, and from there to prompts, model, LoRAs and size.

It knows few nodes by name. What an input is called says what it means, and what is looked for stays the
same along the way: the model of a sampler is behind its `model`, or in a pipe that it is given, or behind
the way of a switch that is on. Grammar: the `prompt` and `workflow` texts of a PNG; in EXIF the same
after `prompt:` and `workflow:`.
"""

import re
from collections.abc import Iterable

from localai.files.pictures.foreign.graphs import PARTS, Graph, Node, bundle, graph_of
from localai.files.pictures.foreign.meanings import (
	HIGH,
	INSTEAD,
	LATENTS,
	LORA,
	MODELS,
	NAMED,
	PIECES,
	PROMPTS,
	SIDES,
	SIZE,
	SIZED,
	STACKS,
	TAKEN,
	TEXTUAL,
	TO_MODEL,
	WIDE,
	leads_to_prompt,
)
from localai.files.pictures.foreign.sampling import samplers_of, settings_of
from localai.files.pictures.foreign.values import (
	WEIGHTS,
	clean,
	lora,
	mapping,
	reading,
	tagged,
	whole,
	words,
)
from localai.files.pictures.foreign.workflows import graph_of_workflow
from localai.schemas.exchange import Reading
from localai.schemas.generation import LoraUse

PLACES = ('prompt', 'workflow', 'Model', 'Make', 'ImageDescription', 'UserComment', 'comment')
MARK = re.compile(r'\s*(?:prompt|workflow)\s*:\s*(?=\{)', re.IGNORECASE)


def read(texts: dict[str, str]) -> Reading | None:
	drawn: tuple[dict, str] | None = None
	for name in PLACES:
		text = texts.get(name, '')
		if 'class_type' not in text and '"nodes"' not in text:
			continue
		mark = MARK.match(text)
		for found in graphs_in(text[mark.end() :] if mark else text):
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
	samplers, end, note = samplers_of(graph)
	sampler = samplers[-1] if samplers else None
	given = settings_of(graph, sampler) if sampler else {}
	# 2. Prompts
	positive = prompt_of(graph, sampler, 'positive') if sampler else longest_text(graph)
	negative = prompt_of(graph, sampler, 'negative') if sampler else ''
	# 3. Model and LoRAs
	model, loras = model_of(graph, sampler)
	loras += [use for use in tagged(positive) if use.name not in {u.name for u in loras}]
	# 4. Size and the rest
	width, height = size_of(graph, sampler)
	if sampler is None and positive:
		note = 'No sampler was found in it, so the longest text is shown as the prompt.'
	elif graph.unsure:
		note = note or 'It has a switch, and it is unclear which way it was set.'
	return reading(
		'comfyui',
		text,
		app='ComfyUI',
		note=note,
		loras=loras,
		extra=extras_of(graph, sampler, samplers),
		prompt=positive,
		negative_prompt=negative,
		model=model,
		vae=vae_of(graph, end),
		width=width,
		height=height,
		clip_skip=clip_skip_of(graph, sampler),
		given=given,
	)


# Prompts


def prompt_of(graph: Graph, sampler: Node, side: str) -> str:
	"""The texts behind one side of a sampler, in the order in which they are met."""
	names = SIDES[side]
	others = SIDES['negative' if side == 'positive' else 'positive']
	found = graph.seek(sampler, names, PIECES)
	if found is None:
		return ''
	if isinstance(found[1], str):
		return clean(found[1])
	start = graph.linked(found[1])
	if start is found[0]:
		return ''

	def through(node: Node, key: str) -> bool:
		# of a node with both sides only this one; texts are read where they stand
		if any(n in node.inputs for n in names) and any(n in node.inputs for n in others):
			return key in names or bundle(key)
		return leads_to_prompt(node, key) and key not in PROMPTS and key not in others[:1]

	parts: list[str] = []
	for node in graph.walk(start, through):
		if graph.branch(node) is not None:
			continue
		here = node.inputs.get(side)
		keys = [k for k in PROMPTS if k in node.inputs]
		keys = [k for k in keys if not clean(node.inputs.get(INSTEAD.get(k, '')))]
		values = [here] if isinstance(here, str) else [node.inputs[k] for k in keys]
		if not values and TEXTUAL.search(node.kind):
			values = [[node.id, 0]]
		for value in values:
			text = clean(graph.text(value))
			if text and text not in parts:
				parts.append(text)
		if len(parts) >= PARTS:
			break
	zeroed = start and start.kind == 'ConditioningZeroOut'
	return '\n'.join(parts) or ('' if zeroed else clean(graph.text(found[1])))


def longest_text(graph: Graph) -> str:
	"""The prompt of a graph whose sampler is not known: the longest text that is written out."""
	found = (v for n in graph.nodes.values() for k, v in n.inputs.items() if k in PROMPTS)
	return clean(max((v for v in found if isinstance(v, str)), key=len, default=''))


# Weights


def model_of(graph: Graph, sampler: Node | None) -> tuple[str, list[LoraUse]]:
	"""The first model on the way, and the LoRAs before it, the one nearest to the model first."""
	found: list[LoraUse] = []
	for node in graph.walk(sampler, lambda _, key: key in TO_MODEL or bundle(key)):
		for stack in graph.walk(node, lambda _, key: key in STACKS):
			found += loras_of(graph, stack.inputs)
		for name in MODELS:
			value = node.inputs.get(name)
			value = value if name == 'model' else graph.value(value, (name,))
			if isinstance(value, str) and (name != 'model' or value.lower().endswith(WEIGHTS)):
				return value, unique(reversed(found))
	return '', unique(reversed(found))


def unique(uses: Iterable[LoraUse]) -> list[LoraUse]:
	return list({use.name: use for use in uses}.values())


def loras_of(graph: Graph, inputs: dict) -> list[LoraUse]:
	"""Those of one node: one, numbered ones, or rows that can be switched off."""
	found = []
	most = whole(inputs.get('lora_count', inputs.get('num_loras')), 0, 200)
	for key, value in list(inputs.items())[:200]:
		match = LORA.fullmatch(key)
		if isinstance(value, dict) and isinstance(value.get('lora'), str):
			if value.get('on', True):
				found.append(lora(value['lora'], value.get('strength', 1.0)))
		elif match and isinstance(value, str | list):
			n = match[1]
			if inputs.get(f'switch_{n}', 'On') in ('Off', False):
				continue
			if most is not None and n and int(n) > most:
				continue
			names = (
				*('strength_model', 'lora_model_strength', f'lora_wt_{n}', f'model_str_{n}'),
				*(f'strength_{n}', f'lora_{n}_strength', f'model_weight_{n}', f'lora_wt{n}'),
				*(f'model_str{n}', f'strength{n}', 'lora_strength'),
			)
			weight = next((inputs[k] for k in names if k in inputs), 1.0)
			name = graph.value(value, (key, 'lora_name'))
			found.append(lora(name, graph.value(weight)) if isinstance(name, str) else None)
	return [use for use in found if use]


def vae_of(graph: Graph, end: Node | None) -> str:
	for node in graph.walk(end, lambda _, __: True):
		if 'vae' in node.inputs and 'samples' in node.inputs:
			found = graph.seek(graph.linked(node.inputs['vae']), ('vae_name',))
			name = words(graph.value(found[1], ('vae_name',))) if found else ''
			return '' if name.startswith('Baked') else name
	return ''


# Size and the rest


def size_of(graph: Graph, sampler: Node | None) -> tuple[object, object]:
	for node in graph.walk(sampler, lambda _, key: key in LATENTS or bundle(key)):
		found = None if node is sampler else size_at(graph, node.inputs)
		if found:
			return found
	return None, None


def size_at(graph: Graph, inputs: dict, depth: int = 5) -> tuple[object, object] | None:
	"""The two numbers of a node, as such or in words such as `1216 x 832 (landscape)`."""
	for key, value in inputs.items():
		match = SIZED.search(key) and isinstance(value, str) and SIZE.search(value[:200])
		if match:
			return match[1], match[2]
	wide, high = (next((inputs[n] for n in ns if n in inputs), None) for ns in (WIDE, HIGH))
	maker = graph.linked(wide)
	if maker and maker is graph.linked(high) and depth and graph.left > 0:
		graph.left -= 1 + len(maker.inputs)
		if (found := size_at(graph, maker.inputs, depth - 1)) is not None:
			return found
	width, height = graph.value(wide, WIDE), graph.value(high, HIGH)
	if whole(width, 1, 10**6) and whole(height, 1, 10**6):
		return width, height
	return None


def clip_skip_of(graph: Graph, sampler: Node | None) -> int | None:
	towards = ('positive', 'conditioning', 'clip', 'guider', 'cond1')
	for node in graph.walk(sampler, lambda _, key: key in towards or bundle(key)):
		for name in ('stop_at_clip_layer', 'clip_skip', 'base_clip_skip'):
			last = whole(graph.value(node.inputs.get(name)), -1000, -1)
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
