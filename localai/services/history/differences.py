"""Knows how two pictures differ: their prompts word by word, their settings name by name."""

import re
from difflib import SequenceMatcher
from os.path import commonprefix

from localai.schemas.generation import Picture
from localai.schemas.history import Difference, Piece
from localai.schemas.terms import shown, words

# A word, what stands between words, or a sign: so that commas do not make words differ.
WORDS = re.compile(r'\w+|\s+|[^\w\s]')
MANY = 4000  # words; of longer texts it is only said that they differ
LONG = 200  # characters of a value that are told
LEAD = 20  # of these, how many stand before the first difference of two that begin alike
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
	values = {term.label: words(picture.setting(term.name)) for term in shown('differences')}
	values['Size'] = f'{picture.width} × {picture.height}'
	return values | {name: words(value) for name, value in picture.request.rest}


def differences(before: dict[str, str], after: dict[str, str]) -> tuple[Difference, ...]:
	found = []
	for name in dict.fromkeys([*before, *after]):
		old, new = before.get(name, ''), after.get(name, '')
		if old != new:
			same = len(commonprefix([old, new]))
			start = 0 if same < LONG // 2 else same - LEAD
			found.append(Difference(name=name, before=part(old, start), after=part(new, start)))
	return tuple(found)


def part(text: str, start: int) -> str:
	"""As much of a value as is told."""
	end = '…' if len(text) > start + LONG else ''
	return f'{"…" if start else ""}{text[start : start + LONG]}{end}'


def between(before: Picture, after: Picture) -> tuple[Difference, ...]:
	return differences(settings(before), settings(after))


def conditions(before: dict[str, object], after: dict[str, object]) -> tuple[Difference, ...]:
	"""Which conditions of two receipts differ."""
	return differences(
		{label: words(before.get(name)) for name, label in CONDITIONS.items()},
		{label: words(after.get(name)) for name, label in CONDITIONS.items()},
	)
