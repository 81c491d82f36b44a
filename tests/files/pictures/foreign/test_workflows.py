"""Graphs of ComfyUI as they are drawn, without the one that was run: values by the kinds of nodes, by the
names that newer front ends write, or by their order; subgraphs, and nodes that only lead lines."""

import json

import pytest

from localai.files.pictures.foreign import comfyui, graphs, workflows
from localai.files.pictures.readings import read_texts
from localai.schemas.exchange import Reading
from tests import samples

SET = (5, 'randomize', 20, 7, 'euler', 'normal', 1)
LOADER = ('m.safetensors', 'Baked VAE', -1, 'None', 1, 1, 'a red cup', 'blur')
LOADER += ('none', 'comfy', 640, 512, 1)
GIVEN = ['model', 'positive', 'negative', 'latent_image']


class Sheet:
	"""A drawing: nodes are added with what comes into them, by name, from which node and output."""

	def __init__(self) -> None:
		self.nodes: list[dict] = []
		self.links: list[list] = []

	def add(self, id: int, kind: str, values=(), mode: int = 0, outputs=(), **inputs) -> 'Sheet':
		ports = []
		for place, (name, source) in enumerate(inputs.items()):
			port = {'name': name, 'type': name.upper(), 'link': None}
			if source is not None:
				self.links.append([len(self.links) + 1, *source, id, place, '*'])
				port['link'] = len(self.links)
			ports.append(port)
		made = {'id': id, 'type': kind, 'mode': mode, 'inputs': ports, 'outputs': list(outputs)}
		self.nodes.append({**made, 'widgets_values': values if values is None else list(values)})
		return self

	def named(self, *names: str) -> 'Sheet':
		"""The last node names its own values, as newer front ends do."""
		self.nodes[-1]['inputs'] += [
			{'name': n, 'widget': {'name': n}, 'link': None} for n in names
		]
		return self

	def encode(self, first: int, second: int, clip: int) -> 'Sheet':
		self.add(first, 'CLIPTextEncode', ['a red cup'], clip=(clip, 1))
		return self.add(second, 'CLIPTextEncode', ['blur'], clip=(clip, 1))

	def save(self, sampler: int) -> dict:
		self.add(90, 'VAEDecode', samples=(sampler, 0), vae=(1, 2))
		self.add(91, 'SaveImage', ['x'], images=(90, 0))
		return {'nodes': self.nodes, 'links': self.links, 'version': 0.4}


def sampled(sheet: Sheet, kind: str = 'KSampler', values: tuple = SET, **inputs) -> Sheet:
	usual = {'model': (1, 0), 'positive': (2, 0), 'negative': (3, 0), 'latent_image': (4, 0)}
	return sheet.add(5, kind, values, **{**usual, **inputs})


def plain() -> Sheet:
	sheet = Sheet().add(1, 'CheckpointLoaderSimple', ['m.safetensors']).encode(2, 3, 1)
	return sheet.add(4, 'EmptyLatentImage', [640, 512, 1])


def efficient() -> dict:
	sheet = Sheet().add(1, 'Efficient Loader', LOADER, lora_stack=None)
	values = (*SET, 'auto', 'true')
	given = {'positive': (1, 1), 'negative': (1, 2), 'latent_image': (1, 3)}
	return sampled(sheet, 'KSampler (Efficient)', values, **given).save(5)


def by_names() -> dict:
	sheet = Sheet().add(1, 'LoaderOfTomorrow', ['m.safetensors']).named('ckpt_name')
	sheet.add(2, 'EncoderOfTomorrow', ['a red cup'], clip=(1, 1)).named('text')
	sheet.encode(30, 3, 1).add(4, 'SizeOfTomorrow', [640, 512, 1]).named('width', 'height', 'n')
	names = ('seed', 'steps', 'cfg', 'sampler_name', 'scheduler', 'denoise')
	return sampled(sheet, 'KSamplerOfTomorrow').named(*names).save(5)


def by_order() -> dict:
	sheet = Sheet().add(1, 'Some Model Loader', ['nf4', 'm.safetensors']).encode(2, 3, 1)
	sheet.add(4, 'My Latent', ['landscape', 640, 512])
	return sampled(sheet, 'KSampler of mine', (True, *SET, 'more')).save(5)


def rerouted() -> dict:
	sheet = plain().add(6, 'Reroute', [], **{'': (1, 0)})
	sheet.add(7, 'SetNode', ['THE PROMPT'], CONDITIONING=(2, 0)).add(8, 'GetNode', ['THE PROMPT'])
	return sampled(sheet, model=(6, 0), positive=(8, 0)).save(5)


def bypassed() -> dict:
	sheet = plain().add(
		6,
		'LoraLoader',
		['a.safetensors', 1, 1],
		4,
		[{'name': 'MODEL', 'type': 'MODEL'}, {'name': 'CLIP', 'type': 'CLIP'}],
		clip=(1, 1),
		model=(1, 0),
	)
	return sampled(sheet, model=(6, 0)).save(5)


def everywhere() -> dict:
	sheet = plain().add(6, 'Anything Everywhere', [], anything=(1, 0))
	found = sampled(sheet, model=None).save(5)
	link = {'downstream': 5, 'downstream_slot': 0, 'upstream': '1', 'upstream_slot': 0}
	return {**found, 'extra': {'ue_links': [{**link, 'type': 'MODEL'}]}}


def subgraph(deep: bool = False) -> dict:
	"""Prompt and sampler in a subgraph, which names its text on the outside; or in one within one."""
	inner = Sheet().add(2, 'CLIPTextEncode', ['not this one'], clip=None, text=None)
	inner.add(3, 'CLIPTextEncode', ['blur'], clip=None)
	sampled(inner, model=None, latent_image=None)
	lines = [
		dict(
			zip(('id', 'origin_id', 'origin_slot', 'target_id', 'target_slot'), link, strict=False)
		)
		for link in inner.links
	]
	outside = [('model', 0, 5, 0), ('clip', 1, 2, 0), ('text', 2, 2, 1), ('latent', 3, 5, 3)]
	outside += [('clip', 1, 3, 0)]
	for number, (_, slot, target, place) in enumerate(outside, 50):
		line = {'id': number, 'origin_id': -10, 'origin_slot': slot}
		lines.append({**line, 'target_id': target, 'target_slot': place})
		port = next(n for n in inner.nodes if n['id'] == target)['inputs'][place]
		port['link'] = number
	last = {'id': 60, 'origin_id': 5, 'origin_slot': 0, 'target_id': -20, 'target_slot': 0}
	names = ('model', 'clip', 'text', 'latent')
	made = {'id': 'a-b-c', 'nodes': inner.nodes, 'links': [*lines, last]}
	made['inputs'] = [{'name': name} for name in names]
	kinds = [made]
	kind = 'a-b-c'
	if deep:
		wrap = Sheet().add(1, 'a-b-c', [], model=None, clip=None, text=None, latent=None)
		lines = []
		for slot in range(4):
			line = {'id': slot + 1, 'origin_id': -10, 'origin_slot': slot}
			lines.append({**line, 'target_id': 1, 'target_slot': slot})
			wrap.nodes[0]['inputs'][slot]['link'] = slot + 1
		lines.append(
			{'id': 9, 'origin_id': 1, 'origin_slot': 0, 'target_id': -20, 'target_slot': 0}
		)
		kinds.append({'id': 'd', 'nodes': wrap.nodes, 'links': lines, 'inputs': made['inputs']})
		kind = 'd'
	sheet = Sheet().add(1, 'CheckpointLoaderSimple', ['m.safetensors'])
	sheet.add(4, 'EmptyLatentImage', [640, 512, 1])
	sheet.add(7, kind, ['a red cup'], model=(1, 0), clip=(1, 1), latent=(4, 0)).named('text')
	return {**sheet.save(7), 'definitions': {'subgraphs': kinds}}


DRAWN = {
	'known kinds': lambda: sampled(plain()).save(5),
	'efficient': efficient,
	'named by itself': by_names,
	'told by order': by_order,
	'rerouted': rerouted,
	'bypassed': bypassed,
	'everywhere': everywhere,
	'subgraph': subgraph,
	'subgraph in a subgraph': lambda: subgraph(deep=True),
}


def read(found: dict) -> Reading:
	reading = comfyui.read({'workflow': json.dumps(found)})
	assert reading is not None
	return reading


class TestDrawn:
	@pytest.mark.parametrize('make', DRAWN.values(), ids=DRAWN)
	def test_only_the_drawing(self, make):
		recipe = read(make()).recipe
		assert (recipe.prompt, recipe.negative_prompt, recipe.model) == ('a red cup', 'blur', 'm')
		assert (recipe.seed, recipe.steps, recipe.guidance_scale) == (5, 20, 7)
		assert (recipe.sampler, recipe.schedule) == ('Euler', 'normal')
		assert (recipe.width, recipe.height, recipe.loras) == (640, 512, ())

	def test_what_was_muted_is_not_there(self):
		sheet = plain().add(6, 'LoraLoaderModelOnly', ['a.safetensors', 1], 2, model=(1, 0))
		assert read(sampled(sheet, model=(6, 0)).save(5)).recipe.model == ''

	def test_the_graph_that_was_run_counts_before_the_one_that_was_drawn(self):
		texts = samples.comfy(samples.comfy_graph())
		texts['workflow'] = json.dumps(efficient())
		assert read_texts(texts).recipe.seed == samples.SEED


class TestBounds:
	def test_subgraphs_that_hold_each_other(self):
		def kind(number: int) -> dict:
			nodes = [{'id': n, 'type': f'g{number + 1}', 'inputs': []} for n in range(50)]
			return {'id': f'g{number}', 'nodes': nodes, 'links': []}

		kinds = [kind(n) for n in range(30)] + [{**kind(0), 'id': 'g30'}]
		found = {'nodes': kind(-1)['nodes'], 'links': [], 'definitions': {'subgraphs': kinds}}
		plan = workflows.Plan(found)
		plan.draw(found, '', [], 0)
		assert plan.left <= 0 and plan.left > -100 and not plan.nodes
		assert read_texts({'workflow': json.dumps(found)}).recipe.prompt == ''

	def test_lines_that_lead_in_circles(self):
		sheet = plain().add(6, 'Reroute', [], **{'': (7, 0)}).add(7, 'Reroute', [], **{'': (6, 0)})
		sheet.add(8, 'SetNode', ['a'], x=(9, 0)).add(9, 'GetNode', ['a'])
		assert read(sampled(sheet, model=(6, 0), positive=(9, 0)).save(5)).recipe.seed == 5

	@pytest.mark.parametrize('value', [None, 7, 'x', [], {}, [[]], [{}], {'a': 1}, -1, 2**70, True])
	def test_wrong_values_in_every_place(self, value):
		def spoil(found: object) -> None:
			if isinstance(found, dict):
				for key in list(found):
					kept, found[key] = found[key], value
					read_texts({'workflow': json.dumps(whole)})
					found[key] = kept
					spoil(kept)
			elif isinstance(found, list):
				for place in range(min(2, len(found))):
					kept, found[place] = found[place], value
					read_texts({'workflow': json.dumps(whole)})
					found[place] = kept
					spoil(kept)

		whole = subgraph()
		spoil(whole)

	def test_a_drawing_of_any_size(self):
		nodes = [{'id': n, 'type': 'KSampler', 'widgets_values': [n]} for n in range(30_000)]
		built = workflows.graph_of_workflow({'nodes': nodes, 'links': []})
		assert built and len(built.nodes) == graphs.NODES
