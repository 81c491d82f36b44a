"""Knows what SwarmUI writes: one JSON object with `sui_image_params`, in `parameters` of a PNG and in the
EXIF comment of others.

Grammar: src/Text2Image/T2IParamInput.cs.
"""

from localai.files.pictures.foreign.names import sampler_names
from localai.files.pictures.foreign.values import (
	listing,
	lora,
	mapping,
	reading,
	stem,
	tagged,
	whole,
	words,
)
from localai.schemas.exchange import Reading
from localai.schemas.generation import LoraUse

TAKEN = frozenset(
	(
		'prompt',
		'negativeprompt',
		'model',
		'vae',
		'width',
		'height',
		'seed',
		'steps',
		'cfgscale',
		'sampler',
		'scheduler',
		'loras',
		'loraweights',
		'initimagecreativity',
		'clipstopatlayer',
		'swarm_version',
	)
)
PLACES = ('parameters', 'UserComment', 'Model', 'ImageDescription', 'XPComment')


def read(texts: dict[str, str]) -> Reading | None:
	for name in PLACES:
		text = texts.get(name, '')
		if 'sui_image_params' in text:
			found = mapping(text)
			if isinstance(found.get('sui_image_params'), dict):
				return read_json(found, text)
	return None


def read_json(found: dict, text: str) -> Reading:
	given = found['sui_image_params']
	models = [mapping(m) for m in listing(found.get('sui_models'))[:200]]
	sampler, schedule = sampler_names(given.get('sampler'), given.get('scheduler'))
	last = whole(given.get('clipstopatlayer'), -1000, -1)
	extra = [(k, v) for k, v in given.items() if k not in TAKEN]
	extra += list(mapping(found.get('sui_extra_data')).items())
	return reading(
		'swarmui',
		text,
		app=f'SwarmUI {words(given.get("swarm_version"))}'.strip(),
		model_hash=hash_of(models, 'model'),
		loras=loras_of(given, models),
		extra=extra,
		prompt=given.get('prompt'),
		negative_prompt=given.get('negativeprompt'),
		model=stem(given.get('model')),
		vae=stem(given.get('vae')),
		width=given.get('width'),
		height=given.get('height'),
		steps=given.get('steps'),
		guidance_scale=given.get('cfgscale'),
		seed=given.get('seed'),
		clip_skip=-last if last else None,  # -1 is the last layer, -2 the one before
		denoising_strength=given.get('initimagecreativity'),
		sampler=sampler,
		schedule=schedule,
	)


def hash_of(models: list[dict], param: str, name: str = '') -> str:
	for model in models:
		if model.get('param') == param and (not name or stem(model.get('name')) == name):
			return words(model.get('hash')).removeprefix('0x')
	return ''


def loras_of(given: dict, models: list[dict]) -> list[LoraUse | None]:
	"""Names and weights in two lists, once also in two texts; others as tags in the prompt."""
	names, weights = (
		value if isinstance(value, list) else [v.strip() for v in words(value).split(',')]
		for value in (given.get('loras'), given.get('loraweights'))
	)
	found = {}
	for index, name in enumerate(names[:100]):
		use = lora(name, weights[index] if index < len(weights) else 1.0)
		if use:
			hash = hash_of(models, 'loras', use.name)
			found[use.name] = use.model_copy(update={'hash': hash})
	for use in tagged(words(given.get('prompt'), 20_000)):
		found.setdefault(use.name, use)
	return list(found.values())
