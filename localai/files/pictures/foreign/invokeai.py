"""Knows what InvokeAI writes: `invokeai_metadata` since version 3, `sd-metadata` before it, and the
`Dream` line of the first ones.

Grammar: invokeai/app/invocations/metadata.py; the older two as their files show them.
"""

import re

from localai.files.pictures.foreign.names import sampler_names
from localai.files.pictures.foreign.values import (
	clean,
	line,
	listing,
	lora,
	mapping,
	number,
	reading,
	words,
)
from localai.schemas.exchange import Reading
from localai.schemas.generation import LoraUse

TAKEN = frozenset(
	(
		'positive_prompt',
		'negative_prompt',
		'model',
		'vae',
		'width',
		'height',
		'seed',
		'steps',
		'cfg_scale',
		'guidance',
		'scheduler',
		'loras',
		'strength',
		'clip_skip',
		'app_version',
	)
)
OLD_TAKEN = frozenset(
	('prompt', 'width', 'height', 'seed', 'steps', 'cfg_scale', 'sampler', 'strength')
)
OPTIONS = {
	's': 'steps',
	'S': 'seed',
	'W': 'width',
	'H': 'height',
	'C': 'guidance_scale',
	'A': 'sampler',
	'f': 'denoising_strength',
}
# A value stands after a space, or in one word with the letter.
OPTION = re.compile(r'(?:^|(?<=\s))-([A-Za-z]+)(?:\s+(?!-[A-Za-z])(\S+)|(\S*))')
DREAM_LIMIT = 20_000


def read(texts: dict[str, str]) -> Reading | None:
	if 'invokeai_metadata' in texts:
		found = mapping(texts['invokeai_metadata'])
		if found:
			return read_metadata(found, texts['invokeai_metadata'])
	if 'sd-metadata' in texts:
		found = mapping(texts['sd-metadata'])
		if mapping(found.get('image')):
			return read_old(found, mapping(found['image']), texts['sd-metadata'])
	if 'Dream' in texts:
		return read_dream(clean(texts['Dream'], DREAM_LIMIT), texts['Dream'])
	return None


def named(value: object) -> str:
	"""The name of a model, as it was said from version to version."""
	if isinstance(value, str):
		return value
	found = mapping(value)
	return words(found.get('name') or found.get('model_name') or found.get('key'))


def read_metadata(found: dict, text: str) -> Reading:
	model = mapping(found.get('model'))
	sampler, schedule = sampler_names(found.get('scheduler'))
	version = line(found.get('app_version'))
	# Flux has a guidance of its own, and its cfg_scale is 1
	guidance = found.get('guidance') or found.get('cfg_scale')
	return reading(
		'invokeai',
		text,
		app=f'InvokeAI {version}'.strip(),
		model_hash=words(model.get('hash')).removeprefix('blake3:'),
		loras=loras_of(found.get('loras')),
		extra=[(k, v) for k, v in found.items() if k not in TAKEN],
		prompt=found.get('positive_prompt'),
		negative_prompt=found.get('negative_prompt'),
		model=named(found.get('model')),
		vae=named(found.get('vae')),
		width=found.get('width'),
		height=found.get('height'),
		steps=found.get('steps'),
		guidance_scale=number(guidance),
		seed=found.get('seed'),
		clip_skip=whole_layers(found.get('clip_skip')),
		denoising_strength=found.get('strength'),
		sampler=sampler,
		schedule=schedule,
	)


def whole_layers(value: object) -> object:
	"""InvokeAI counts the layers that are left out, A1111 and we the one that is used."""
	return value + 1 if isinstance(value, int) and not isinstance(value, bool) else value


def loras_of(value: object) -> list[LoraUse | None]:
	found = []
	for entry in map(mapping, listing(value)[:100]):
		model = entry.get('model') or entry.get('lora')
		hash = words(mapping(model).get('hash')).removeprefix('blake3:')
		found.append(lora(named(model), entry.get('weight'), hash))
	return found


def read_old(found: dict, image: dict, text: str) -> Reading:
	sampler, schedule = sampler_names(image.get('sampler'))
	prompt = image.get('prompt')
	parts = [mapping(p).get('prompt') if isinstance(p, dict) else p for p in listing(prompt)]
	prompt = (
		prompt if isinstance(prompt, str) else ', '.join(p for p in parts if isinstance(p, str))
	)
	positive, negative = apart(clean(prompt))
	return reading(
		'invokeai',
		text,
		app=f'{line(found.get("app_id")) or "InvokeAI"} {line(found.get("app_version"))}'.strip(),
		model_hash=words(found.get('model_hash')),
		extra=[(k, v) for k, v in image.items() if k not in OLD_TAKEN],
		prompt=positive,
		negative_prompt=negative,
		model=found.get('model_weights') or found.get('model'),
		width=image.get('width'),
		height=image.get('height'),
		steps=image.get('steps'),
		guidance_scale=image.get('cfg_scale'),
		seed=image.get('seed'),
		denoising_strength=image.get('strength'),
		sampler=sampler,
		schedule=schedule,
	)


def apart(prompt: str) -> tuple[str, str]:
	"""What stands in square brackets was the negative prompt."""
	negative = re.findall(r'\[([^\[\]]*)\]', prompt)
	positive = re.sub(r'\[[^\[\]]*\]', ' ', prompt)
	return ' '.join(positive.split()).strip(' ,'), ', '.join(n.strip() for n in negative)


def read_dream(command: str, text: str) -> Reading | None:
	"""A command line: the prompt in quotes, then options of one letter."""
	start, end = command.find('"'), command.rfind('"')
	if end <= start:
		return None
	given: dict[str, object] = {}
	extra = []
	for letter, value, glued in OPTION.findall(command[end + 1 :])[:100]:
		if letter not in OPTIONS and letter[0] in OPTIONS and not value:
			letter, glued = letter[0], letter[1:] + glued  # -Ak_lms
		value = value or glued
		if letter in OPTIONS:
			given[OPTIONS[letter]] = value
		else:
			extra.append((letter, value))
	given['sampler'], given['schedule'] = sampler_names(given.get('sampler'))
	positive, negative = apart(command[start + 1 : end])
	return reading(
		'invokeai',
		text,
		app='InvokeAI',
		extra=extra,
		prompt=positive,
		negative_prompt=negative,
		given=given,
	)
