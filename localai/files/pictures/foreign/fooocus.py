"""Knows what Fooocus writes: one JSON object, or A1111's text with names of its own; and the JSON of
RuinedFooocus.

Grammar: modules/meta_parser.py of Fooocus 2.5. Its values are Python's `str()` of lists and pairs; they
are picked apart here and never evaluated.
"""

import re

from localai.files.pictures.foreign import a1111
from localai.files.pictures.foreign.names import sampler_names
from localai.files.pictures.foreign.values import (
	clean,
	line,
	listing,
	loads,
	lora,
	mapping,
	reading,
	stem,
	words,
)
from localai.schemas.exchange import Reading
from localai.schemas.generation import LoraUse

PAIR = re.compile(r'\(?\s*(\d{1,7})\s*[,x×*]\s*(\d{1,7})\s*\)?')
QUOTED = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""")
COMBINED = re.compile(r'lora_combined_\d+')
LISTED = 4000  # characters of a list that is written as text
RUINED = {'Prompt', 'Negative', 'software'}
TAKEN = frozenset(
	(
		'prompt',
		'negative_prompt',
		'base_model',
		'base_model_hash',
		'vae',
		'steps',
		'guidance_scale',
		'seed',
		'resolution',
		'clip_skip',
		'sampler',
		'scheduler',
		'styles',
		'loras',
		'version',
		'metadata_scheme',
	)
)


def read(texts: dict[str, str]) -> Reading | None:
	text = texts.get('parameters') or texts.get('UserComment') or ''
	scheme = line(texts.get('fooocus_scheme') or texts.get('MakerNote')).lower()
	if text.lstrip()[:1] == '{':
		found = mapping(text)
		if 'base_model' in found and ('full_prompt' in found or scheme == 'fooocus'):
			return read_json(found, text)
		if found.keys() >= RUINED or found.get('software') == 'RuinedFooocus':
			return read_ruined(found, text)
		return None
	if scheme == 'a1111' or 'Version: Fooocus' in text[-2000:]:
		return read_text(text)
	return None


def read_json(found: dict, text: str) -> Reading:
	size = PAIR.fullmatch(words(found.get('resolution')))
	sampler, schedule = sampler_names(found.get('sampler'), found.get('scheduler'))
	extra = [(k, v) for k, v in found.items() if k not in TAKEN and not COMBINED.fullmatch(k)]
	return reading(
		'fooocus',
		text,
		app=found.get('version'),
		model_hash=words(found.get('base_model_hash')),
		loras=loras_of(found),
		styles=list_of(found.get('styles')),
		extra=extra,
		prompt=found.get('prompt'),
		negative_prompt=found.get('negative_prompt'),
		model=found.get('base_model'),
		vae=found.get('vae'),
		width=size and size[1],
		height=size and size[2],
		steps=found.get('steps'),
		guidance_scale=found.get('guidance_scale'),
		seed=found.get('seed'),
		clip_skip=found.get('clip_skip'),
		sampler=sampler,
		schedule=schedule,
	)


def loras_of(found: dict) -> list[LoraUse]:
	"""From `loras` with hashes and from `lora_combined_n`, which has weights without them."""
	uses: dict[str, LoraUse] = {}
	for entry in listing(found.get('loras'))[:100]:
		if isinstance(entry, list) and entry:
			name, weight, hash = (entry + ['', 1.0, ''][len(entry) :])[:3]
			use = lora(name, weight, words(hash))
			if use:
				uses[use.name] = use
	for key, value in found.items():
		if COMBINED.fullmatch(str(key)):
			# `name : weight`, or `True : name : weight`
			*name, weight = words(value).split(' : ')
			use = lora(name[-1], weight) if name and name[0] != 'False' else None
			if use:
				uses.setdefault(use.name, use)
	return list(uses.values())


def list_of(value: object) -> list[str]:
	"""A list, or the text of one."""
	if isinstance(value, list):
		return [v for v in value if isinstance(v, str)]
	text = clean(value, LISTED)
	found = loads(text)
	if isinstance(found, list):
		return list_of(found)
	return [re.sub(r'\\(.)', r'\1', a or b) for a, b in QUOTED.findall(text)]


def read_ruined(found: dict, text: str) -> Reading:
	sampler, schedule = sampler_names(found.get('sampler_name'), found.get('scheduler'))
	taken = {'Prompt', 'Negative', 'steps', 'cfg', 'width', 'height', 'seed', 'sampler_name'}
	taken |= {'scheduler', 'base_model_name', 'base_model_hash', 'loras', 'software', 'styles'}
	uses = []
	for entry in listing(found.get('loras'))[:100]:
		# [hash, 'weight - name']
		if isinstance(entry, list) and len(entry) == 2:
			weight, _, name = words(entry[1]).partition(' - ')
			uses.append(lora(name, weight, words(entry[0])))
	return reading(
		'fooocus',
		text,
		app=found.get('software'),
		model_hash=words(found.get('base_model_hash')),
		loras=uses,
		styles=list_of(found.get('styles')),
		extra=[(k, v) for k, v in found.items() if k not in taken],
		prompt=found.get('Prompt'),
		negative_prompt=found.get('Negative'),
		model=found.get('base_model_name'),
		width=found.get('width'),
		height=found.get('height'),
		steps=found.get('steps'),
		guidance_scale=found.get('cfg'),
		seed=found.get('seed'),
		sampler=sampler,
		schedule=schedule,
	)


def read_text(text: str) -> Reading | None:
	"""A1111's text: the prompt as it was typed, styles and weights of LoRAs stand among the pairs."""
	found = a1111.read_text(text)
	if found is None:
		return None
	recipe, pairs = found.recipe, dict(found.recipe.extra)
	weights = {}
	for part in pairs.get('Lora weights', '').split(','):
		name, _, weight = part.rpartition(':')
		use = lora(name, weight)
		if use:
			weights[use.name] = use.weight
	known = {use.name: use for use in recipe.loras}
	loras = [u.model_copy(update={'weight': weights.get(n, u.weight)}) for n, u in known.items()]
	loras += [LoraUse(name=n, weight=w) for n, w in weights.items() if n not in known]
	taken = ('Lora weights', 'Raw prompt', 'Raw negative prompt', 'Styles', 'Scheduler')
	extra = [(k, v) for k, v in recipe.extra if k not in taken]
	if pairs.get('Raw prompt') and recipe.prompt != pairs['Raw prompt']:
		extra.append(('Full prompt', words(recipe.prompt)))
	sampler, schedule = sampler_names(recipe.sampler, pairs.get('Scheduler') or recipe.schedule)
	update = {
		'prompt': pairs.get('Raw prompt') or recipe.prompt,
		'negative_prompt': pairs.get('Raw negative prompt') or recipe.negative_prompt,
		'styles': tuple(s for s in map(line, list_of(pairs.get('Styles'))) if s),
		'loras': tuple(loras),
		'extra': tuple(extra),
		'sampler': sampler,
		'schedule': schedule,
		'vae': stem(recipe.vae),
	}
	return found.model_copy(
		update={'format': 'fooocus', 'recipe': recipe.model_copy(update=update)}
	)
