"""Knows the graph of ComfyUI as it was drawn: nodes and links in lists, values without names, subgraphs
within, nodes that only lead lines. Makes of it the graph that would be run.

Format: the `workflow` text, versions 0.4 and 1 of the front end; in a subgraph node -10 is what comes in
and node -20 what goes out.
"""

import re

from localai.files.pictures.foreign.graphs import DEPTH, NODES, STEPS, Graph, Node
from localai.files.pictures.foreign.names import find_sampler
from localai.files.pictures.foreign.values import WEIGHTS, listing, mapping

COMES_IN, GOES_OUT = -10, -20
MUTED, BYPASSED = 2, 4  # modes of a node that is switched off
CONTROL = frozenset(('fixed', 'increment', 'decrement', 'randomize'))  # beside a seed
LEADS = ('Reroute', 'Reroute (rgthree)')
SETS, GETS = ('SetNode', 'easy setNode'), ('GetNode', 'easy getNode')
SAMPLING = ('seed', 'steps', 'cfg', 'sampler_name', 'scheduler', 'denoise')
# The names of the values of widely used nodes, in their order; `control` stands beside a seed.
WIDGETS: dict[str, tuple[str, ...]] = {
	kind: tuple(names.split())
	for kind, names in {
		'KSampler': 'seed control steps cfg sampler_name scheduler denoise',
		'KSamplerAdvanced': 'add_noise noise_seed control steps cfg sampler_name scheduler '
		'start_at_step end_at_step return_with_leftover_noise',
		'SamplerCustom': 'add_noise noise_seed control cfg',
		'RandomNoise': 'noise_seed control',
		'KSamplerSelect': 'sampler_name',
		'BasicScheduler': 'scheduler steps denoise',
		'KarrasScheduler': 'steps sigma_max sigma_min rho',
		'ExponentialScheduler': 'steps sigma_max sigma_min',
		'BetaSamplingScheduler': 'steps alpha beta',
		'SDTurboScheduler': 'steps denoise',
		'AlignYourStepsScheduler': 'model_type steps denoise',
		'Flux2Scheduler': 'steps width height',
		'CFGGuider': 'cfg',
		'DualCFGGuider': 'cfg_conds cfg_cond2_negative',
		'PerpNegGuider': 'cfg neg_scale',
		'FluxGuidance': 'guidance',
		'CLIPTextEncode': 'text',
		'CLIPTextEncodeSDXL': 'width height crop_w crop_h target_width target_height text_g text_l',
		'CLIPTextEncodeSDXLRefiner': 'ascore width height text',
		'CLIPTextEncodeFlux': 'clip_l t5xxl guidance',
		'CLIPTextEncodeSD3': 'clip_l clip_g t5xxl empty_padding',
		'CheckpointLoaderSimple': 'ckpt_name',
		'CheckpointLoader': 'config_name ckpt_name',
		'UNETLoader': 'unet_name weight_dtype',
		'UnetLoaderGGUF': 'unet_name',
		'LoraLoader': 'lora_name strength_model strength_clip',
		'LoraLoaderModelOnly': 'lora_name strength_model',
		'VAELoader': 'vae_name',
		'CLIPLoader': 'clip_name type device',
		'DualCLIPLoader': 'clip_name1 clip_name2 type device',
		'ControlNetLoader': 'control_net_name',
		'UpscaleModelLoader': 'model_name',
		'CLIPSetLastLayer': 'stop_at_clip_layer',
		'EmptyLatentImage': 'width height batch_size',
		'EmptySD3LatentImage': 'width height batch_size',
		'StableCascade_EmptyLatentImage': 'width height compression batch_size',
		'PrimitiveNode': 'value',
		'PrimitiveInt': 'value',
		'PrimitiveFloat': 'value',
		'PrimitiveBoolean': 'value',
		'PrimitiveString': 'value',
		'PrimitiveStringMultiline': 'value',
		'StringConcatenate': 'string_a string_b delimiter',
		'ComfySwitchNode': 'switch',
		'ImpactSwitch': 'select sel_mode',
		'Seed (rgthree)': 'seed',
		'Efficient Loader': 'ckpt_name vae_name clip_skip lora_name lora_model_strength '
		'lora_clip_strength positive negative token_normalization weight_interpretation '
		'empty_latent_width empty_latent_height batch_size',
		'Eff. Loader SDXL': 'base_ckpt_name base_clip_skip refiner_ckpt_name refiner_clip_skip '
		'positive_ascore negative_ascore vae_name positive negative token_normalization '
		'weight_interpretation empty_latent_width empty_latent_height batch_size',
		'KSampler (Efficient)': 'seed control steps cfg sampler_name scheduler denoise '
		'preview_method vae_decode',
		'KSampler Adv. (Efficient)': 'add_noise noise_seed control steps cfg sampler_name scheduler '
		'start_at_step end_at_step return_with_leftover_noise preview_method vae_decode',
		'ImpactKSamplerBasicPipe': 'seed control steps cfg sampler_name scheduler denoise',
		'KSampler //Inspire': 'seed control steps cfg sampler_name scheduler denoise noise_mode',
		'KSamplerPipe //Inspire': 'seed control steps cfg sampler_name scheduler denoise noise_mode',
		'KSampler (WAS)': 'seed control steps cfg sampler_name scheduler denoise',
		'easy fullLoader': 'ckpt_name config_name vae_name clip_skip lora_name '
		'lora_model_strength lora_clip_strength resolution empty_latent_width '
		'empty_latent_height positive positive_token_normalization '
		'positive_weight_interpretation negative',
		'easy preSampling': 'steps cfg sampler_name scheduler denoise seed control',
		'easy positive': 'positive',
		'easy negative': 'negative',
	}.items()
}
Link = list[str | int]


def graph_of_workflow(found: dict) -> Graph | None:
	"""From the graph that was drawn, as far as the values of its nodes have names; None when it is
	none."""
	plan = Plan(found)
	plan.draw(found, '', [], 0)
	nodes = {id: Node(id, kind, plan.lead(inputs)) for id, (kind, inputs) in plan.nodes.items()}
	return Graph(nodes) if nodes else None


class Plan:
	"""`others` leads from the output of what does nothing by itself to what stands before it; `named`
	are lines that are called up elsewhere. Subgraphs within subgraphs are many quickly: `left` nodes
	and lines are looked at."""

	def __init__(self, found: dict):
		drawn = listing(mapping(found.get('definitions')).get('subgraphs'))[:NODES]
		self.inner = {str(one.get('id')): one for one in map(mapping, drawn)}
		self.nodes: dict[str, tuple[str, dict]] = {}
		self.others: dict[tuple[str, int], object] = {}
		self.named: dict[str, object] = {}
		self.left = STEPS

	def draw(self, found: dict, prefix: str, given: list, depth: int) -> None:
		"""Adds the nodes of a graph; `given` is what comes into a subgraph from outside."""
		# 1. Where each line begins
		sources: dict[int, object] = {}
		for one in listing(found.get('links'))[: max(0, self.left)]:
			self.left -= 1
			link, origin, slot, target, place = line_of(one)
			if link is None or slot is None:
				continue
			if origin == COMES_IN:
				sources[link] = given[slot] if slot < len(given) else None
			else:
				sources[link] = [f'{prefix}{origin}'[:100], slot]
			if target == GOES_OUT and place is not None:
				self.others[prefix[:-1], place] = sources[link]
		everywhere = {
			(str(one.get('downstream')), one.get('downstream_slot')): [
				f'{prefix}{one.get("upstream")}'[:100],
				one.get('upstream_slot'),
			]
			for one in map(
				mapping, listing(mapping(found.get('extra')).get('ue_links'))[: max(0, self.left)]
			)
			if isinstance(one.get('downstream_slot'), int)
		}
		# 2. Each node, with what stands in it and what comes into it
		for entry in map(mapping, listing(found.get('nodes'))):
			if self.left <= 0:
				return
			ports = [mapping(port) for port in listing(entry.get('inputs'))[:NODES]]
			self.left -= 1 + len(ports)
			id, kind = entry.get('id'), entry.get('type')
			if not isinstance(id, str | int) or not isinstance(kind, str):
				continue
			if len(self.nodes) >= NODES or entry.get('mode') == MUTED:
				continue
			inputs = values_of(kind, entry, ports)
			for place, port in enumerate(ports):
				link, name = port.get('link'), port.get('name')
				source = sources.get(link) if isinstance(link, int) else None
				if source is None:
					source = everywhere.get((str(id), place))
				if source is not None and isinstance(name, str):
					inputs[name] = source
			self.add(f'{prefix}{id}'[:100], kind, entry, ports, inputs, depth)

	def add(
		self, id: str, kind: str, entry: dict, ports: list[dict], inputs: dict, depth: int
	) -> None:
		first = next((v for v in inputs.values() if isinstance(v, list)), None)
		label = next(iter(listing(entry.get('widgets_values'))), None)
		if entry.get('mode') == BYPASSED:
			for place, port in enumerate(map(mapping, listing(entry.get('outputs'))[:100])):
				same = [str(p.get('name')) for p in ports if p.get('type') == port.get('type')]
				self.others[id, place] = next((inputs[n] for n in same if n in inputs), None)
		elif kind in self.inner:
			drawn = self.inner[kind]
			names = [
				str(mapping(port).get('name')) for port in listing(drawn.get('inputs'))[:NODES]
			]
			if depth < DEPTH:
				self.draw(drawn, f'{id}:', [inputs.get(name) for name in names], depth + 1)
		elif kind in LEADS:
			self.others[id, 0] = first
		elif kind in SETS and isinstance(label, str):
			self.named.setdefault(label, first)
		elif kind in GETS and isinstance(label, str):
			self.others[id, 0] = label
		else:
			self.nodes[id] = kind, inputs

	def lead(self, inputs: dict) -> dict:
		"""The same inputs, each line from where it truly begins."""
		found = {}
		for key, value in inputs.items():
			for _ in range(DEPTH):
				if not (isinstance(value, list) and len(value) == 2):
					break
				place = str(value[0]), value[1]
				if not isinstance(place[1], int) or place not in self.others:
					break
				value = self.others[place]
				if isinstance(value, str):
					value = self.named.get(value)
			if value is not None:
				found[key] = value
		return found


def line_of(one: object) -> tuple[int | None, object, int | None, object, int | None]:
	"""Its number, the node and output where it begins, the node and input where it ends."""
	if isinstance(one, dict):
		found = [one.get(k) for k in ('id', 'origin_id', 'origin_slot', 'target_id', 'target_slot')]
	else:
		found = (listing(one) + [None] * 5)[:5]
	link, origin, slot, target, place = found
	return number(link), origin, number(slot), target, number(place)


def number(value: object) -> int | None:
	return value if isinstance(value, int) and 0 <= value < 2**31 else None


def values_of(kind: str, entry: dict, ports: list[dict]) -> dict:
	"""The values of a node by their names: those that it names itself, those of its kind, or those
	that their order tells."""
	values = entry.get('widgets_values')
	if isinstance(values, dict):
		return dict(values)
	values = listing(values)[:200]
	own = [mapping(port.get('widget')).get('name') for port in ports]
	names = [name for name in own if isinstance(name, str)]
	plain = [v for v in values if not (isinstance(v, str) and v in CONTROL)]
	if names and len(names) in (len(values), len(plain)):
		return dict(zip(names, values if len(names) == len(values) else plain, strict=True))
	if kind in WIDGETS:
		found = dict(zip(WIDGETS[kind], values, strict=False))
		found.pop('control', None)
		return found
	return rows_of(values) or told_by_order(kind, plain)


def rows_of(values: list) -> dict:
	"""LoRAs in rows, as rgthree keeps them."""
	rows = [v for v in values if isinstance(v, dict) and isinstance(v.get('lora'), str)]
	return {f'lora_{n}': row for n, row in enumerate(rows, 1)}


def told_by_order(kind: str, values: list) -> dict:
	"""What can be told of a node that nobody here knows: all samplers have their settings in one
	order, and a loader names a file."""
	low = kind.casefold()
	found: dict[str, object] = {}
	for place, value in enumerate(values):
		if not isinstance(value, str):
			continue
		if find_sampler(value) and place >= 2 and 'sampl' in low:
			before = [v for v in values[:place] if isinstance(v, int | float) and v is not True]
			after = [v for v in values[place + 1 :] if not isinstance(v, bool)][:2]
			if len(before) >= 3 and len(after) == 2:
				return dict(zip(SAMPLING, [*before[-3:], value, *after], strict=True))
		if value.lower().endswith(WEIGHTS) and 'load' in low:
			name = next((n for n in ('lora', 'vae', 'clip', 'unet') if n in low), 'ckpt')
			found.setdefault(f'{name}_name', value)
	if 'latent' in low:
		sides = [v for v in values if isinstance(v, int) and v >= 64][:2]
		found |= dict(zip(('width', 'height'), sides, strict=False)) if len(sides) == 2 else {}
	if not found and re.search(r'encode|prompt|text|string', low):
		told = [v for v in values if isinstance(v, str) and v.strip()]
		found |= {'text': told[0]} if told else {}
	return found
