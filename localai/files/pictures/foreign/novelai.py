"""Knows what NovelAI writes: `Description` with the prompt, `Comment` with JSON, `Source` with the model;
hidden in the pixels as well. WebP files have all of it as JSON in their EXIF comment.
"""

import re

from localai.files.pictures.foreign.names import sampler_names
from localai.files.pictures.foreign.values import listing, mapping, reading, words
from localai.schemas.exchange import Reading

SOURCE = re.compile(r'(.*?)\s+([0-9A-F]{8,64})')
TAKEN = frozenset(
	(
		'prompt',
		'uc',
		'negative_prompt',
		'width',
		'height',
		'seed',
		'steps',
		'scale',
		'sampler',
		'noise_schedule',
		'strength',
		'v4_prompt',
		'v4_negative_prompt',
		'signed_hash',
	)
)


def read(texts: dict[str, str]) -> Reading | None:
	for name in ('UserComment', 'XPComment'):
		whole = texts.get(name, '')
		if '"Comment"' in whole and 'NovelAI' in whole:
			inner = {k: v for k, v in mapping(whole).items() if isinstance(v, str)}
			texts = {**texts, **inner}
	comment = mapping(texts.get('Comment'))
	software = texts.get('Software', '')
	if not comment or not (software.startswith('NovelAI') or 'uc' in comment):
		return None
	sampler, schedule = sampler_names(comment.get('sampler'), comment.get('noise_schedule'))
	source = SOURCE.fullmatch(words(texts.get('Source')))
	negative = comment.get('uc') or comment.get('negative_prompt')
	return reading(
		'novelai',
		texts['Comment'],
		app='NovelAI',
		model_hash=source[2] if source else '',
		extra=[
			*characters(comment.get('v4_prompt'), 'character'),
			*characters(comment.get('v4_negative_prompt'), 'negative character'),
			*((k, v) for k, v in comment.items() if k not in TAKEN),
		],
		prompt=texts.get('Description') or comment.get('prompt') or base(comment.get('v4_prompt')),
		negative_prompt=negative or base(comment.get('v4_negative_prompt')),
		model=source[1] if source else texts.get('Source', ''),
		width=comment.get('width'),
		height=comment.get('height'),
		steps=comment.get('steps'),
		guidance_scale=comment.get('scale'),
		seed=comment.get('seed'),
		denoising_strength=comment.get('strength'),
		sampler=sampler,
		schedule=schedule,
	)


def base(value: object) -> str:
	return words(mapping(mapping(value).get('caption')).get('base_caption'), 200_000)


def characters(value: object, name: str) -> list[tuple[str, str]]:
	"""Version 4 has a prompt for each person in the picture."""
	entries = listing(mapping(mapping(value).get('caption')).get('char_captions'))
	texts = [words(mapping(entry).get('char_caption')) for entry in entries[:20]]
	return [(f'{name} {index}', text) for index, text in enumerate(texts, 1) if text]
