"""Knows what people write into prompts, from other programs, that LocalAI reads as plain text."""

import re

WEIGHT = r'[-+]?(?:\d+(?:\.\d*)?|\.\d+)'
# What it is called, and how it looks. A backslash in front makes a bracket plain text everywhere.
NOTATIONS: tuple[tuple[str, re.Pattern[str]], ...] = (
	('weights', re.compile(rf'(?<!\\)\((?:[^()\\]|\\.)*:\s*{WEIGHT}\s*\)')),
	('LoRAs in a prompt', re.compile(r'<(?:lora|lyco|hypernet):[^<>]+>', re.I)),
	('changes between steps', re.compile(rf'(?<!\\)\[(?:[^\[\]\\]|\\.)*:\s*{WEIGHT}\s*\]')),
	('wildcards', re.compile(r'(?<!\w)__[\w/*\-]+__(?!\w)')),
	('choices', re.compile(r'(?<!\\)\{(?:[^{}\\]|\\.)*\|(?:[^{}\\]|\\.)*\}')),
)
LONGEST = 40  # characters of an example


def unheeded(*texts: str) -> tuple[str, ...]:
	"""A sentence for each notation in the texts that has no effect, with the first that was found."""
	notes = []
	for name, pattern in NOTATIONS:
		found = next(filter(None, map(pattern.search, texts)), None)
		if found:
			example = ' '.join(found[0].split())
			short = example if len(example) <= LONGEST else f'{example[: LONGEST - 1]}…'
			notes.append(f'“{short}” has no effect yet: {name} are read as plain text.')
	return tuple(notes)
