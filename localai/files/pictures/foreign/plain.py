"""Knows settings that are one JSON object with names that anybody would choose: what spaces and scripts
around diffusers write, and the `extraMetadata` of Civitai's own generator.

It has no grammar of its own. A name counts without case, blanks and underscores.
"""

import re

from localai.files.pictures.foreign.names import sampler_names
from localai.files.pictures.foreign.values import (
	listing,
	lora,
	mapping,
	reading,
	tagged,
	words,
)
from localai.schemas.exchange import Reading
from localai.schemas.generation import LoraUse

PLACES = ('parameters', 'UserComment', 'Comment', 'comment', 'ImageDescription', 'metadata')
WITHIN = (
	'extraMetadata',
	'parameters',
	'metadata',
	'settings',
)  # where such an object is another's
NAMES: dict[str, tuple[str, ...]] = {
	'prompt': ('prompt', 'positiveprompt', 'positive'),
	'negative_prompt': ('negativeprompt', 'negative', 'uc'),
	'model': ('model', 'modelname', 'basemodel', 'basemodelname', 'checkpoint', 'modelid'),
	'width': ('width',),
	'height': ('height',),
	'steps': ('steps', 'numinferencesteps', 'inferencesteps', 'samplingsteps'),
	'guidance_scale': ('cfgscale', 'guidancescale', 'cfg', 'guidance'),
	'seed': ('seed',),
	'clip_skip': ('clipskip',),
	'denoising_strength': ('denoisingstrength', 'denoise', 'strength'),
	'vae': ('vae', 'vaename'),
}
SAMPLER, SCHEDULE = ('sampler', 'samplername'), ('scheduler', 'schedule', 'scheduletype')
SIZE, HASH, APP = ('resolution', 'size'), ('modelhash',), ('software', 'app', 'generator')
LORAS = ('loras', 'lora')
KNOWN = frozenset(
	name for names in (*NAMES.values(), SAMPLER, SCHEDULE, SIZE, HASH, APP, LORAS) for name in names
)
PAIR = re.compile(r'\(?\s*(\d{1,7})\s*[,x×*]\s*(\d{1,7})\s*\)?')
ENOUGH = 3  # known names, one of them the prompt


def read(texts: dict[str, str]) -> Reading | None:
	for name in PLACES:
		text = texts.get(name, '')
		if text.lstrip()[:1] != '{':
			continue
		found = mapping(text)
		for inner in (found, *(mapping(found.get(key)) for key in WITHIN)):
			told = {folded(key): value for key, value in list(inner.items())[:500]}
			if len(told.keys() & KNOWN) >= ENOUGH and any(n in told for n in NAMES['prompt']):
				return read_object(inner, told, text)
	return None


def folded(name: object) -> str:
	return re.sub(r'[\s_-]+', '', str(name)[:100].casefold())


def read_object(found: dict, told: dict[str, object], text: str) -> Reading:
	def said(names: tuple[str, ...]) -> object:
		return next((told[n] for n in names if told.get(n) is not None), None)

	given = {field: said(names) for field, names in NAMES.items()}
	model = mapping(given['model'])
	given['model'] = model.get('name', model.get('id')) if model else given['model']
	size = PAIR.fullmatch(words(said(SIZE)).strip())
	if size and given['width'] is None:
		given['width'], given['height'] = size[1], size[2]
	given['sampler'], given['schedule'] = sampler_names(said(SAMPLER), said(SCHEDULE))
	return reading(
		'comfyui' if 'class_type' in text else 'other',
		text,
		app=words(said(APP), 200),
		model_hash=words(said(HASH)),
		loras=[*loras_of(said(LORAS)), *tagged(words(given['prompt'], 20_000))],
		extra=[(k, v) for k, v in found.items() if folded(k) not in KNOWN and v is not None],
		given=given,
	)


def loras_of(value: object) -> list[LoraUse | None]:
	"""Names, or objects with a name and a weight."""
	uses = []
	for one in listing(value)[:100]:
		entry = mapping(one)
		name = entry.get('name', entry.get('model')) if entry else one
		weight = next((entry[k] for k in ('weight', 'strength', 'scale') if k in entry), 1.0)
		uses.append(lora(name, weight) if isinstance(name, str) else None)
	return uses
