"""Knows the `parameters` text of A1111 and of all who write it too: Forge, SD.Next, sd.cpp, Civitai,
Fooocus, and ourselves.

Grammar: images.py and infotext_utils.py of A1111 1.10: prompt, `Negative prompt: `, then one line
of `key: value` pairs; a value with a comma, colon or line break is a JSON string. Civitai adds bare
JSON values.
"""

import json
import re
from collections.abc import Iterator

from localai.files.pictures.foreign.names import sampler_names
from localai.files.pictures.foreign.values import (
	clean,
	line,
	listing,
	loads,
	lora,
	mapping,
	number,
	reading,
	stem,
	tagged,
	words,
)
from localai.schemas.exchange import Reading
from localai.schemas.generation import LoraUse

NEGATIVE = re.compile(r'^Negative prompt:', re.IGNORECASE | re.MULTILINE)
KEY = re.compile(r'\s*([\w][\w \-/()]{0,80}):\s*')
SIZE = re.compile(r'\s*(\d{1,7})\s*[x×]\s*(\d{1,7})\s*')
LINES = 60  # how far from the end the settings are looked for
PAIRS = 500
GUESSES = 50  # how often a value may turn out not to be the JSON that it began as
DECODER = json.JSONDecoder()
# Two of these make a line of settings; a prompt may have other words with colons.
SURE = frozenset(('Steps', 'Sampler', 'CFG scale', 'Seed', 'Size', 'Model', 'Model hash'))
# What has a field of its own, or says nothing more.
TAKEN = frozenset(
	(
		'Steps',
		'Sampler',
		'Schedule type',
		'CFG scale',
		'Seed',
		'Size',
		'Model',
		'Model hash',
		'Clip skip',
		'Denoising strength',
		'VAE',
		'Lora hashes',
		'Hashes',
		'Version',
		'App',
	)
)
# Names in any case, and under others that some give them.
NAMES = {name.casefold(): name for name in SURE | TAKEN} | {
	'cfg': 'CFG scale',
	'cfgscale': 'CFG scale',
	'cfg_scale': 'CFG scale',
	'guidance scale': 'CFG scale',
	'schedule': 'Schedule type',
	'distilled cfg scale': 'Distilled CFG Scale',
	'clip_skip': 'Clip skip',
	'model name': 'Model',
}


def read(texts: dict[str, str]) -> Reading | None:
	for name in ('parameters', 'UserComment', 'comment', 'Comment', 'ImageDescription'):
		found = read_text(texts.get(name, ''))
		if found:
			return found
	return None


def read_text(text: str) -> Reading | None:
	"""None when the text has neither settings nor a negative prompt, or is JSON."""
	found = None if mapping(text) else split(text)
	if found is None:
		return None
	prompt, negative, pairs, after = found
	size = SIZE.fullmatch(pairs.get('Size', ''))
	sampler, schedule = sampler_names(pairs.get('Sampler'), pairs.get('Schedule type'))
	resources, model, others = civitai(pairs.get('Civitai resources', ''))
	hashes = mapping(pairs.get('Hashes'))
	# Models that were taught their guidance have it under a name of its own, beside a scale of 1
	distilled = pairs.get('Distilled CFG Scale') if number(pairs.get('CFG scale')) == 1 else None
	extra = [(k, v) for k, v in pairs.items() if k not in TAKEN and k != 'Civitai resources']
	return reading(
		'localai' if pairs.get('Version', '').startswith('LocalAI') else 'a1111',
		text,
		app=program(pairs),
		model_hash=pairs.get('Model hash') or words(hashes.get('model')),
		loras=with_hashes([*tagged(prompt), *resources], pairs.get('Lora hashes', ''), hashes),
		extra=[*extra, *others, *after],
		prompt=prompt,
		negative_prompt=negative,
		model=pairs.get('Model') or model,
		vae=pairs.get('VAE', ''),
		width=size and size[1],
		height=size and size[2],
		steps=pairs.get('Steps'),
		guidance_scale=distilled or pairs.get('CFG scale'),
		seed=pairs.get('Seed'),
		clip_skip=pairs.get('Clip skip'),
		denoising_strength=pairs.get('Denoising strength'),
		sampler=sampler,
		schedule=schedule,
	)


def split(text: str) -> tuple[str, str, dict[str, str], list[tuple[str, str]]] | None:
	"""Prompt, negative prompt, pairs, and what stands after them."""
	lines = clean(text).split('\n')
	pairs: dict[str, str] = {}
	place = len(lines)
	for index in range(len(lines) - 1, max(-1, len(lines) - 1 - LINES), -1):
		found = dict(pairs_of(lines[index]))
		if len(found.keys() & SURE) >= 2:
			pairs, place = found, index
			break
	before = '\n'.join(lines[:place])
	mark = NEGATIVE.search(before)
	prompt, negative = (before[: mark.start()], before[mark.end() :]) if mark else (before, '')
	if not pairs and not mark:
		return None
	after = [
		(k.strip(), v.strip())
		for k, _, v in (entry.partition(':') for entry in lines[place + 1 :])
		if v.strip()
	]
	return prompt.strip(), negative.strip(), pairs, after


def pairs_of(text: str) -> Iterator[tuple[str, str]]:
	"""The pairs of a settings line, in one pass."""
	position, guesses = 0, GUESSES
	for _ in range(PAIRS):
		key = KEY.match(text, position)
		if key is None:
			# a bare word stands for a setting that is on
			end = text.find(',', position)
			if end < 0:
				return
			position = end + 1
			continue
		position = key.end()
		value = None
		if text[position : position + 1] in ('"', '{', '[') and guesses:
			guesses -= 1
			value, end = quoted(text, position)
		if value is None:
			end = text.find(',', position)
			end = len(text) if end < 0 else end
			value = text[position:end]
		name = key[1].strip()
		yield NAMES.get(name.casefold(), name), value.strip()
		end = text.find(',', end)
		if end < 0:
			return
		position = end + 1


def quoted(text: str, position: int) -> tuple[str | None, int]:
	"""A JSON value in the middle of a text: a string as what it says, others as they stand."""
	try:
		value, end = DECODER.raw_decode(text, position)
	except (ValueError, RecursionError):
		return None, position
	return value if isinstance(value, str) else text[position:end], end


def program(pairs: dict[str, str]) -> str:
	version, app = line(pairs.get('Version')), line(pairs.get('App'))
	if app:
		return f'{app} {version}'.strip()
	if re.match(r'f\d', version):
		return f'Forge {version}'
	if re.match(r'v?\d', version):
		return f'A1111 {version}'
	return version


def with_hashes(uses: list[LoraUse | None], text: str, hashes: dict) -> list[LoraUse]:
	"""LoRAs by name, with the hashes that stand beside them; one with only a hash is used fully."""
	found: dict[str, LoraUse] = {}
	for use in uses:
		if use and (use.name not in found or (use.hash and not found[use.name].hash)):
			found[use.name] = use
	known = [part.rpartition(':')[::2] for part in text.strip('" ').split(',') if ':' in part]
	known += [(k[5:], v) for k, v in hashes.items() if str(k).lower().startswith('lora:')]
	# A1111 leaves colons and commas out of names there
	plain = {re.sub('[:,]', '', name): name for name in found}
	for name, hash in known[:PAIRS]:
		use = lora(name, 1.0, words(hash))
		if use is None:
			continue
		have = found.get(plain.get(re.sub('[:,]', '', use.name), use.name))
		found[(have or use).name] = (have or use).model_copy(update={'hash': use.hash})
	return list(found.values())


def civitai(text: str) -> tuple[list[LoraUse | None], str, list[tuple[str, str]]]:
	"""The LoRAs and the model that Civitai names, and its other resources as they stand."""
	uses: list[LoraUse | None] = []
	model, others = '', []
	for item in listing(loads(text))[:PAIRS]:
		item = mapping(item)
		name, kind = stem(item.get('modelName')), str(item.get('type', '')).lower()
		if kind in ('lora', 'lycoris', 'dora', 'locon') and name:
			uses.append(lora(name, number(item.get('weight'))))
		elif kind == 'checkpoint' and name and not model:
			model = name
		else:
			others.append(('Civitai resource', words(item)))
	return uses, model, others
