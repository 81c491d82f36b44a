"""Knows a graph of ComfyUI as it was run, and how to walk it: from an input to where what it means was
made, through pipes, contexts and switches. A graph may have any number of nodes and run in circles: all
walks together take so many steps.

Format: a node is `{class_type, inputs}`, an input a value or a link `[node, output]`. workflows.py makes
the same of the graph that was drawn.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator

from localai.files.pictures.foreign.values import whole

STEPS = 150_000  # nodes and inputs that all walks through one graph look at
NODES = 20_000
PARTS_LIMIT = 200_000  # characters of a text made of parts
DEPTH = 20  # links from a setting to its value
PARTS = 20  # that one text is made of
# Where a node that only hands on a value keeps it.
VALUES = ('value', 'Value', 'int', 'float', 'number', 'seed', 'noise_seed', 'Number')
TEXTS = ('populated_text', 'text', 'string', 'value', 'prompt', 'wildcard_text', 'Text', 'String')
# An input that brings many things in one: whatever is looked for is looked for behind it too.
BUNDLE = re.compile(r'(?:^|_)(?:pipe|ctx|context|bus|tuple)(?:_?\d*|_opt)$', re.IGNORECASE)
REFINING = ('refiner', 'detailer_hook')
# Of a switch: what says which of its inputs is on, and what those are called.
SWITCH = re.compile(r'switch|if ?else|conditional ?branch|selector', re.IGNORECASE)
SAYS = (
	*('switch', 'boolean', 'condition', 'cond', 'select', 'index', 'Input', 'input', 'selector'),
	*('bool', 'boolean_value', 'selected_index', 'choice', 'any_boolean'),
)
ON = ('on_true', 'tt_value', 'if_true', 'true', 'true_value', 'value_if_true')
OFF = ('on_false', 'ff_value', 'if_false', 'false', 'false_value', 'value_if_false')
TRUTH = {'true': True, 'on': True, 'yes': True, 'false': False, 'off': False, 'no': False}
NUMBER = re.compile(r'(\d{1,3})(?:_\w+)?$')
LETTER = re.compile(r'_[ab]$')


class Node:
	"""`kind` is the class of the node."""

	__slots__ = ('id', 'kind', 'inputs')

	def __init__(self, id: str, kind: str, inputs: dict):
		self.id, self.kind, self.inputs = id, kind, inputs


class Graph:
	"""`unsure` says that a switch was met whose position cannot be told."""

	def __init__(self, nodes: dict[str, Node]):
		self.nodes, self.left, self.unsure = nodes, STEPS, False
		self.branches: dict[str, tuple[str, ...] | None] = {}
		self.deep = 0

	def linked(self, value: object) -> Node | None:
		"""The node that a link leads to; None of a value."""
		if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int):
			return self.nodes.get(str(value[0])[:100])
		return None

	def walk(self, start: Node | None, through: Callable[[Node, str], bool]) -> Iterator[Node]:
		"""The nodes before this one, the nearest first, along the inputs that may be followed; of a
		switch only along the one that is on."""
		waiting, seen = deque([start] if start else []), set()
		while waiting and self.left > 0:
			node = waiting.popleft()
			if node.id in seen:
				continue
			seen.add(node.id)
			self.left -= 1 + len(node.inputs)
			yield node
			chosen = self.branch(node)
			for key, value in node.inputs.items():
				other = self.linked(value)
				if other is None or other.id in seen:
					continue
				if key in chosen if chosen is not None else through(node, key):
					waiting.append(other)

	def seek(
		self, start: Node | None, names: tuple[str, ...], parts: frozenset[str] = frozenset()
	) -> tuple[Node, object] | None:
		"""The nearest node that has an input of one of these names, the first name before the others,
		and that input; looked for in what the node is given in bundles, and in these parts of it."""
		for node in self.walk(start, lambda _, key: key in parts or bundle(key)):
			if self.branch(node) is not None:
				continue
			for name in names:
				if node.inputs.get(name) is not None:
					return node, node.inputs[name]
		return None

	def value(self, value: object, names: tuple[str, ...] = ()) -> object:
		"""A value, also when it comes from another node; None where it cannot be told."""
		for _ in range(DEPTH):
			if not isinstance(value, list):
				return value
			node = self.linked(value)
			if node is None or self.left <= 0:
				return None
			self.left -= 1 + len(node.inputs)
			value = self.handed_on(node, (*names, *VALUES))
		return None

	def text(self, value: object, depth: int = DEPTH) -> str:
		"""A text, also when other nodes hand it on or join it from parts."""
		if isinstance(value, str):
			return value
		node = self.linked(value)
		if node is None or not depth or self.left <= 0:
			return ''
		self.left -= 1 + len(node.inputs)
		parts = [v for k, v in node.inputs.items() if joins(k)][:PARTS]
		if self.branch(node) is None and len(parts) > 1:
			between = node.inputs.get('delimiter', node.inputs.get('separator', ''))
			found = [part for part in (self.text(v, depth - 1) for v in parts) if part]
			return (between if isinstance(between, str) else '').join(found)[:PARTS_LIMIT]
		return self.text(self.handed_on(node, TEXTS), depth - 1)

	def handed_on(self, node: Node, names: tuple[str, ...]) -> object:
		"""The input that a node without a doing of its own gives on: the one that is switched on, one
		of these names, what comes in a bundle, or its only link."""
		chosen = self.branch(node)
		if chosen is not None:
			return next((node.inputs[key] for key in chosen), None)
		for name in names:
			if name in node.inputs:
				return node.inputs[name]
		links = {k: v for k, v in node.inputs.items() if self.linked(v)}
		bundles = [v for k, v in links.items() if bundle(k)]
		return bundles[0] if bundles else next(iter(links.values())) if len(links) == 1 else None

	def branch(self, node: Node) -> tuple[str, ...] | None:
		"""The input of a switch that is on, or all of them where that cannot be told; None of what is
		no switch."""
		if node.id not in self.branches:
			self.branches[node.id] = None  # also of one that asks itself
			ways = ways_of(node)
			if ways:
				self.branches[node.id] = self.chosen(node, ways)
		return self.branches[node.id]

	def chosen(self, node: Node, ways: list[str]) -> tuple[str, ...]:
		says = next((k for k in SAYS if k in node.inputs), None)
		if says is None:  # the first that is there, as of rgthree
			return tuple(k for k in sorted(ways) if self.linked(node.inputs[k]))[:1]
		self.deep += 1
		way = position(self.value(node.inputs[says])) if self.deep < DEPTH else None
		self.deep -= 1
		if isinstance(way, bool):
			sides, letter = (ON, '_a') if way else (OFF, '_b')
			found = [k for k in ways if k in sides or k.endswith(letter)]
		else:
			found = [k for k in ways if way is not None and numbered(k) == way]
		self.unsure = self.unsure or not found
		return tuple(found[:1] or ways)


def ways_of(node: Node) -> list[str]:
	"""The inputs of a switch; [] of what is none."""
	paired = [k for k in (*ON, *OFF) if k in node.inputs]
	if paired or not SWITCH.search(node.kind):
		return paired
	return [k for k in node.inputs if k not in SAYS and (NUMBER.search(k) or LETTER.search(k))]


def bundle(key: str) -> bool:
	return bool(BUNDLE.search(key)) and not key.startswith(REFINING)


def joins(key: str) -> bool:
	"""Whether an input is one of several texts that are put together."""
	return bool(re.fullmatch(r'(?:text|string|prompt)_?(?:\d+|[a-h]|list)', key))


def numbered(key: str) -> int | None:
	found = NUMBER.search(key)
	return int(found[1]) if found else None


def position(value: object) -> bool | int | None:
	"""What a switch stands on; some say it in words."""
	if isinstance(value, str):
		word = value.strip().casefold()
		if word in TRUTH:
			return TRUTH[word]
	return value if isinstance(value, bool) else whole(value, 0, 999)


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
