"""Knows the 200 prompts that every evaluation draws: `prompts.json`, drawn once by lot and then kept.

python -m tools.builtin.prompts        (refuses to write over the kept ones)
"""

import json
import random
from pathlib import Path

from localai.schemas.base import Schema
from tools.builtin.compose import with_article
from tools.builtin.things import COLOURS, STYLES, THINGS

KEPT = Path(__file__).with_name('prompts.json')
COUNT = 200
SEED = 20_000

# Ways to say it, as the training does.
TAUGHT = (
	'{a_thing} on {a_colour} background, {style} style',
	'{a_thing} on {a_colour} background, {style} style',
	'{style} style, {a_thing} on {a_colour} background',
	'{thing} on {a_colour} background, {style} style',
	'{a_style} drawing of {a_thing} on {a_colour} background',
	'{a_style} drawing of {thing}, {colour} background',
	'{a_thing}, {style} style, {colour} background',
	'{colour} background, {a_thing}, {style} style',
	'a picture of {a_thing} on {a_colour} background, {style} style',
)
# And other sentences, which captions are not made of. Keep them out of the training: single words of
# them may be strewn into captions, the sentences may not.
FREE = (
	'{a_thing} in {style} style on {a_colour} background',
	'{A_thing}, {style} style, with {a_colour} background.',
	'{thing} {style} style {colour} background',
	'draw me {a_thing} in {a_style} style, {colour} background please',
)


class Asked(Schema):
	"""A prompt and what must be in the picture: the icon's name, the words of style and colour.
	`taught` where the training says it that way."""

	text: str
	thing: str
	style: str
	colour: str
	taught: bool

	@property
	def truth(self) -> tuple[int, int, int]:
		"""Indices into THINGS, STYLES and the names of COLOURS."""
		return (
			[t.icon for t in THINGS].index(self.thing),
			[s.word for s in STYLES].index(self.style),
			list(COLOURS).index(self.colour),
		)


def phrase(way: str, word: str, style: str, colour: str) -> str:
	a_thing = with_article(word)
	return way.format(
		thing=word,
		a_thing=a_thing,
		A_thing=a_thing[0].upper() + a_thing[1:],
		style=style,
		a_style=with_article(style),
		colour=colour,
		a_colour=with_article(colour),
	)


def draw() -> list[Asked]:
	"""Every thing in every style, then some once more; the colours in turn; four in five as taught."""
	lot = random.Random(SEED)
	pairs = [(thing, style) for thing in THINGS for style in STYLES]
	more = lot.sample(THINGS, COUNT - len(pairs))
	pairs += [(thing, STYLES[i % len(STYLES)]) for i, thing in enumerate(more)]
	lot.shuffle(pairs)
	colours = [list(COLOURS)[i % len(COLOURS)] for i in range(COUNT)]
	lot.shuffle(colours)
	taught = [i % 5 > 0 for i in range(COUNT)]
	lot.shuffle(taught)
	asked = []
	for (thing, style), colour, known in zip(pairs, colours, taught, strict=True):
		word = thing.words[0] if lot.random() < 0.6 else lot.choice(thing.words)
		text = phrase(lot.choice(TAUGHT if known else FREE), word, style.word, colour)
		asked.append(
			Asked(text=text, thing=thing.icon, style=style.word, colour=colour, taught=known)
		)
	return asked


def kept() -> list[Asked]:
	return [Asked(**row) for row in json.loads(KEPT.read_text('utf-8'))]


def main() -> None:
	if KEPT.exists():
		raise SystemExit(f'{KEPT.name} is there; results on other prompts could not be compared')
	rows = ',\n'.join('\t' + json.dumps(a.model_dump(), ensure_ascii=False) for a in draw())
	KEPT.write_text(f'[\n{rows}\n]\n', 'utf-8')
	print(f'{COUNT} prompts')


if __name__ == '__main__':
	main()
