"""Knows which node of a graph of ComfyUI made the picture, and with which settings: from what was saved
back to the sampler that began it."""

from localai.files.pictures.foreign.graphs import PARTS, Graph, Node, bundle
from localai.files.pictures.foreign.meanings import (
	DENOISE,
	GUIDANCE,
	LATENTS,
	PIECES,
	SAMPLER,
	SCHEDULE,
	SCHEDULED,
	SEED,
	SEEN,
	SIDES,
	STEPS,
	is_sampler,
	leads_to_prompt,
)
from localai.files.pictures.foreign.names import sampler_names

ENDS = 20  # pictures of one graph that are looked at


def samplers_of(graph: Graph) -> tuple[list[Node], Node | None, str]:
	"""The samplers that a picture went through, the last one first, the node that saved it, and what
	had to be chosen. The sampler that began it decides: those after it refine."""
	shown = [n for n in graph.nodes.values() if LATENTS & n.inputs.keys() and SEEN.search(n.kind)]
	used = {str(v[0]) for n in graph.nodes.values() for v in n.inputs.values() if is_link(v)}
	ends = [n for n in shown if n.id not in used and not is_sampler(n)]
	ends.sort(key=lambda n: 'save' not in n.kind.casefold())
	found: list[tuple[list[Node], Node | None]] = []
	for end in ends[:ENDS]:
		last = next((n for n in graph.walk(end, lambda _, __: True) if is_sampler(n)), None)
		if last:
			found.append((chain_of(graph, last), end))
			if 'save' not in end.kind.casefold():
				break
	if not found:  # nothing that saves is known: the one that went through most
		every = [n for n in graph.nodes.values() if is_sampler(n)][:ENDS]
		chains = sorted((chain_of(graph, node) for node in every), key=len)
		found = [(chain, None) for chain in chains[-1:]]
	if not found:
		return [], None, ''
	samplers, saver = found[0]
	saved = {chain[-1].id for chain, at in found if at and 'save' in at.kind.casefold()}
	note = ''
	if len(saved) > 1:
		note = f'{many(len(saved))} pictures are saved in it; the settings of the first are shown.'
	elif len(samplers) > 1:
		note = f'{many(len(samplers))} samplers were found; the settings of the first are shown.'
	return samplers, saver, note


def many(count: int) -> str:
	return {2: 'Two', 3: 'Three', 4: 'Four', 5: 'Five'}.get(count, str(count))


def is_link(value: object) -> bool:
	return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int)


def chain_of(graph: Graph, last: Node) -> list[Node]:
	"""This sampler and those whose pictures it went on with. What gives its settings to another in a
	pipe is no sampler of its own."""
	chain: list[Node] = []
	lent: set[str] = set()
	start: Node | None = last
	while start and len(chain) < PARTS:
		for one in graph.walk(start, lambda _, key: key in LATENTS or bundle(key)):
			if is_sampler(one) and one.id not in lent and one not in chain:
				chain.append(one)
				steps = graph.seek(one, STEPS, PIECES)
				if steps:
					lent.add(steps[0].id)
		start = stage_before(graph, chain[-1]) if chain else None
		start = None if start in chain else start
	return chain[:PARTS]


def stage_before(graph: Graph, sampler: Node) -> Node | None:
	"""The sampler whose result is among what this one is asked for, as in a cascade."""
	found = graph.seek(sampler, SIDES['positive'], PIECES)
	for node in graph.walk(graph.linked(found and found[1]), leads_to_prompt):
		before = graph.linked(node.inputs.get('stage_c'))
		if before and is_sampler(before):
			return before
	return None


def settings_of(graph: Graph, sampler: Node) -> dict[str, object]:
	"""What the sampler was given, by itself or in the pieces that it is put together of."""

	def said(names: tuple[str, ...]) -> object:
		found = graph.seek(sampler, names, PIECES)
		return graph.value(found[1], names) if found else None

	schedule = said(SCHEDULE)
	if schedule is None:
		every = graph.walk(sampler, lambda _, key: key == 'sigmas')
		schedule = next((SCHEDULED[n.kind] for n in every if n.kind in SCHEDULED), None)
	name, spacing = sampler_names(said(SAMPLER), schedule)
	guidance = said(GUIDANCE)
	side = graph.seek(sampler, SIDES['positive'], PIECES)
	for node in graph.walk(graph.linked(side and side[1]), leads_to_prompt):
		guidance = graph.value(node.inputs.get('guidance', guidance), ('guidance',))
	denoise = said(DENOISE)
	return {
		'sampler': name,
		'schedule': spacing,
		'steps': said(STEPS),
		'seed': said(SEED),
		'guidance_scale': guidance,
		'denoising_strength': None if denoise in (1, None) else denoise,
	}
