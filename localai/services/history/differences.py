"""Knows how two pictures differ: their prompts word by word, their settings name by name."""

import re
from difflib import SequenceMatcher

from localai.schemas.generation import Picture, Recipe
from localai.schemas.history import Difference, Piece

# A word, what stands between words, or a sign: so that commas do not make words differ.
WORDS = re.compile(r'\w+|\s+|[^\w\s]')
MANY = 4000  # words; of longer texts it is only said that they differ
LONG = 200  # characters of a value that are told
NAMES = {
	'model': 'Model',
	'seed': 'Seed',
	'size': 'Size',
	'sampler': 'Sampler',
	'schedule': 'Schedule',
	'steps': 'Steps',
	'guidance_scale': 'Guidance',
	'denoising_strength': 'Denoising strength',
	'clip_skip': 'Clip skip',
	'vae': 'VAE',
	'loras': 'LoRA',
	'styles': 'Styles',
}
CONDITIONS = {
	'model_name': 'Model',
	'model_hash': 'Model hash',
	'app': 'LocalAI',
	'torch': 'PyTorch',
	'diffusers': 'Diffusers',
	'device': 'Device',
	'dtype': 'Precision',
	'attention': 'Attention',
}


def pieces(before: str, after: str) -> tuple[Piece, ...]:
	"""What is in both, what is new, what is gone, in reading order."""
	if before == after:
		return (Piece(change='same', text=after),) if after else ()
	old, new = WORDS.findall(before), WORDS.findall(after)
	if len(old) > MANY or len(new) > MANY:
		both = (('removed', before), ('added', after))
		return tuple(Piece(change=change, text=text) for change, text in both if text)
	found: list[Piece] = []
	for tag, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
		if tag == 'equal':
			found.append(Piece(change='same', text=''.join(new[k:m])))
			continue
		if j > i:
			found.append(Piece(change='removed', text=''.join(old[i:j])))
		if m > k:
			found.append(Piece(change='added', text=''.join(new[k:m])))
	return tuple(found)


def settings(picture: Picture) -> dict[str, str]:
	"""All but the prompts, by the names that people read."""
	recipe = picture.request
	values: dict[str, object] = {
		'model': picture.receipt.model_name or recipe.model,
		'seed': recipe.seed if picture.seed is None else picture.seed,
		'size': f'{picture.width} × {picture.height}',
		'loras': said_loras(recipe),
		'styles': ', '.join(recipe.styles),
	}
	for name in NAMES:
		values.setdefault(name, getattr(recipe, name, None))
	return {NAMES[name]: said(values[name]) for name in NAMES} | {
		name: said(value) for name, value in recipe.extra
	}


def said_loras(recipe: Recipe) -> str:
	return ', '.join(f'{lora.name} {lora.weight:g}' for lora in recipe.loras)


def said(value: object) -> str:
	if value is None:
		return ''
	text = f'{value:g}' if isinstance(value, float) else str(value)
	return text if len(text) <= LONG else text[:LONG] + '…'


def differences(before: dict[str, str], after: dict[str, str]) -> tuple[Difference, ...]:
	names = dict.fromkeys([*before, *after])
	return tuple(
		Difference(name=n, before=before.get(n, ''), after=after.get(n, ''))
		for n in names
		if before.get(n, '') != after.get(n, '')
	)


def between(before: Picture, after: Picture) -> tuple[Difference, ...]:
	return differences(settings(before), settings(after))


def conditions(before: dict[str, object], after: dict[str, object]) -> tuple[Difference, ...]:
	"""Which conditions of two receipts differ."""
	return differences(
		{label: said(before.get(name)) for name, label in CONDITIONS.items()},
		{label: said(after.get(name)) for name, label in CONDITIONS.items()},
	)
