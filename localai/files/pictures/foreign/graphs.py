"""Knows the two graphs of ComfyUI, the one that was run and the one that was drawn, and how to walk them.
A graph may have any number of nodes and run in circles: all walks together take so many steps.

Formats: a node is `{class_type, inputs}`, an input a value or a link `[node, output]`; in a workflow nodes
and links are lists, and values have no names.
"""

from collections import deque
from collections.abc import Callable, Iterator

from localai.files.pictures.foreign.values import listing, mapping

STEPS = 150_000  # nodes and inputs that all walks through one graph look at
NODES = 20_000
PARTS_LIMIT = 200_000  # characters of a text made of parts
DEPTH = 20  # links from a setting to its value
# Where a node that only hands on a value keeps it.
VALUES = ('value', 'Value', 'int', 'float', 'number', 'seed', 'noise_seed', 'Number')
TEXTS = ('text', 'string', 'value', 'prompt', 'wildcard_text', 'populated_text', 'Text', 'String')
# The names of the values of a workflow's nodes, in their order.
WIDGETS = {
	'KSampler': ('seed', '', 'steps', 'cfg', 'sampler_name', 'scheduler', 'denoise'),
	'KSamplerAdvanced': (
		'add_noise',
		'noise_seed',
		'',
		'steps',
		'cfg',
		'sampler_name',
		'scheduler',
		'start_at_step',
		'end_at_step',
	),
	'RandomNoise': ('noise_seed',),
	'KSamplerSelect': ('sampler_name',),
	'BasicScheduler': ('scheduler', 'steps', 'denoise'),
	'CFGGuider': ('cfg',),
	'FluxGuidance': ('guidance',),
	'CLIPTextEncode': ('text',),
	'CLIPTextEncodeSDXL': (
		'width',
		'height',
		'crop_w',
		'crop_h',
		'target_width',
		'target_height',
		'text_g',
		'text_l',
	),
	'CheckpointLoaderSimple': ('ckpt_name',),
	'UNETLoader': ('unet_name', 'weight_dtype'),
	'LoraLoader': ('lora_name', 'strength_model', 'strength_clip'),
	'LoraLoaderModelOnly': ('lora_name', 'strength_model'),
	'VAELoader': ('vae_name',),
	'CLIPSetLastLayer': ('stop_at_clip_layer',),
	'EmptyLatentImage': ('width', 'height', 'batch_size'),
	'EmptySD3LatentImage': ('width', 'height', 'batch_size'),
	'PrimitiveNode': ('value',),
	'PrimitiveInt': ('value',),
	'PrimitiveString': ('value',),
}
OFF = (2, 4)  # modes of a node that is muted or bypassed


class Node:
	"""`kind` is the class of the node."""

	__slots__ = ('id', 'kind', 'inputs')

	def __init__(self, id: str, kind: str, inputs: dict):
		self.id, self.kind, self.inputs = id, kind, inputs


class Graph:
	def __init__(self, nodes: dict[str, Node]):
		self.nodes, self.left = nodes, STEPS

	def linked(self, value: object) -> Node | None:
		"""The node that a link leads to; None of a value."""
		if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int):
			return self.nodes.get(str(value[0])[:100])
		return None

	def walk(self, start: Node | None, through: Callable[[Node, str], bool]) -> Iterator[Node]:
		"""The nodes before this one, the nearest first, along the inputs that may be followed."""
		waiting, seen = deque([start] if start else []), set()
		while waiting and self.left > 0:
			node = waiting.popleft()
			if node.id in seen:
				continue
			seen.add(node.id)
			self.left -= 1 + len(node.inputs)
			yield node
			for key, value in node.inputs.items():
				other = self.linked(value)
				if other and other.id not in seen and through(node, key):
					waiting.append(other)

	def value(self, value: object, names: tuple[str, ...] = VALUES) -> object:
		"""A value, also when it comes from another node; None where it cannot be told."""
		for _ in range(DEPTH):
			if not isinstance(value, list):
				return value
			node = self.linked(value)
			if node is None or self.left <= 0:
				return None
			self.left -= 1
			value = next((node.inputs[n] for n in names if n in node.inputs), None)
		return None

	def text(self, value: object, depth: int = DEPTH) -> str:
		"""A text, also when other nodes hand it on or join it from parts."""
		if isinstance(value, str):
			return value
		node = self.linked(value)
		if node is None or not depth or self.left <= 0:
			return ''
		self.left -= 1 + len(node.inputs)
		for name in TEXTS:
			if name in node.inputs:
				return self.text(node.inputs[name], depth - 1)
		parts = [v for k, v in node.inputs.items() if k.startswith(('text', 'string'))][:DEPTH]
		between = node.inputs.get('delimiter', node.inputs.get('separator', ''))
		found = [part for part in (self.text(v, depth - 1) for v in parts) if part]
		return (between if isinstance(between, str) else '').join(found)[:PARTS_LIMIT]


def graph_of(found: dict) -> Graph | None:
	"""From the graph that was run; None when it is none."""
	nodes: dict[str, Node] = {}
	for id, entry in found.items():
		if isinstance(entry, dict) and isinstance(entry.get('inputs'), dict):
			kind = entry.get('class_type')
			if isinstance(kind, str):
				id = str(id)[:100]
				nodes[id] = Node(id, kind, entry['inputs'])
				if len(nodes) >= NODES:
					break
	return Graph(nodes) if nodes else None


def graph_of_workflow(found: dict) -> Graph | None:
	"""From the graph that was drawn, as far as the values of its nodes have names."""
	sources = {
		entry[0]: [entry[1], entry[2]]
		for entry in listing(found.get('links'))[: 4 * NODES]
		if isinstance(entry, list) and len(entry) >= 5 and isinstance(entry[0], int)
	}
	nodes: dict[str, Node] = {}
	for entry in map(mapping, listing(found.get('nodes'))[:NODES]):
		id, kind = entry.get('id'), entry.get('type')
		if not isinstance(id, str | int) or not isinstance(kind, str) or entry.get('mode') in OFF:
			continue
		values = entry.get('widgets_values')
		if isinstance(values, dict):
			inputs = dict(values)
		else:
			names = WIDGETS.get(kind, ())
			inputs = dict(zip(names, listing(values), strict=False))
			inputs.pop('', None)
		for port in map(mapping, listing(entry.get('inputs'))):
			link = port.get('link')
			if isinstance(link, int) and link in sources and isinstance(port.get('name'), str):
				inputs[port['name']] = sources[link]
		nodes[str(id)[:100]] = Node(str(id)[:100], kind, inputs)
	return Graph(nodes) if nodes else None
