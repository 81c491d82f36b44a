"""Knows every setting of a picture, one row each: its name, how people read it, its limits, the key that
A1111 writes, who shows it, and what is said about it. Rows stand in the order in which they are read."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from localai.schemas.models import KindName
from localai.schemas.samplers import SAMPLERS, SCHEDULES

PROMPT_LIMIT = 10_000  # characters
SIZE_LIMITS = (64, 2048)
SEED_LIMIT = 2**64

# `noun` is a schema of its own, or several of them: it says itself as text with `str`.
TermKind = Literal['text', 'name', 'names', 'whole', 'number', 'choice', 'noun']
# Who shows a setting, where it is not shown wherever there are settings.
Door = Literal['details', 'differences', 'exports', 'defaults']
SHOWN: frozenset[Door] = frozenset(('details', 'differences'))
EXPORTED: frozenset[Door] = SHOWN | {'exports'}
EVERYWHERE: frozenset[Door] = EXPORTED | {'defaults'}


class Term(NamedTuple):
	"""`label` is how a column of facts calls it, `short` a word of its own (an option, the key of a
	search, a column of a table), `phrase` how it stands in the middle of a sentence, `subject` how a
	sentence about a wrong value begins. `low`, `high` and `multiple` bind what is asked for here;
	`known` what is believed of other programs. A `searched` number is a key of the search. What names
	`weights` of a kind is one such name, or a noun with a `name`, or several of them."""

	name: str
	label: str
	kind: TermKind
	short: str = ''
	phrase: str = ''
	subject: str = ''
	low: float = 0
	high: float = 1_000_000
	multiple: int = 1
	known: tuple[int, int] | None = None
	choices: tuple[str, ...] = ()
	a1111: str = ''
	doors: frozenset[Door] = SHOWN
	searched: bool = False
	weights: KindName | None = None
	help: str = ''
	hint: str = ''

	@property
	def word(self) -> str:
		return self.short or self.label.lower()

	@property
	def within(self) -> str:
		"""Its name in the middle of a sentence."""
		return self.phrase or self.label[0].lower() + self.label[1:]


TABLE = (
	Term(
		'prompt',
		'Prompt',
		'text',
		subject='The prompt',
		doors=frozenset(('details', 'exports')),
		help='What to draw, in words.',
		hint='what to draw',
	),
	Term(
		'negative_prompt',
		'Negative prompt',
		'text',
		short='negative',
		subject='The negative prompt',
		doors=frozenset(('details', 'exports', 'defaults')),
		help='What should not appear in the picture.',
		hint='what should not appear in the picture',
	),
	Term(
		'model',
		'Model',
		'name',
		doors=EXPORTED,
		help='A name from /models.',
		hint='a name from `localai models`, or the path of a model folder',
	),
	Term(
		'width',
		'Width',
		'whole',
		subject='Width and height',
		low=SIZE_LIMITS[0],
		high=SIZE_LIMITS[1],
		multiple=8,
		known=(1, 1_000_000),
		doors=frozenset(('exports', 'defaults')),
		help="Pixels, a multiple of 8 from 64 to 2048; leave empty for the model's default.",
		hint='pixels, a multiple of 8',
	),
	Term(
		'height',
		'Height',
		'whole',
		subject='Width and height',
		low=SIZE_LIMITS[0],
		high=SIZE_LIMITS[1],
		multiple=8,
		known=(1, 1_000_000),
		doors=frozenset(('exports', 'defaults')),
		help="Pixels, a multiple of 8 from 64 to 2048; leave empty for the model's default.",
		hint='pixels, a multiple of 8',
	),
	Term(
		'steps',
		'Steps',
		'whole',
		phrase='number of steps',
		subject='Steps',
		low=1,
		high=150,
		known=(0, 1_000_000),
		a1111='Steps',
		doors=EVERYWHERE,
		searched=True,
		help="Denoising steps, 1 to 150; leave empty for the model's default.",
		hint='1 to 150',
	),
	Term(
		'guidance_scale',
		'Guidance',
		'number',
		phrase='guidance scale',
		subject='Guidance scale',
		low=0,
		high=30,
		a1111='CFG scale',
		doors=EVERYWHERE,
		searched=True,
		help="How closely to follow the prompt, 0 to 30; leave empty for the model's default.",
		hint='how closely to follow the prompt, 0 to 30',
	),
	Term(
		'sampler',
		'Sampler',
		'choice',
		choices=SAMPLERS,
		a1111='Sampler',
		doors=EVERYWHERE,
		help="For example Euler a or DPM++ 2M; leave empty for the model's default.",
		hint='for example "Euler a" or "DPM++ 2M"',
	),
	Term(
		'schedule',
		'Schedule',
		'choice',
		choices=SCHEDULES,
		a1111='Schedule type',
		doors=EVERYWHERE,
		help='Automatic, Karras, Exponential, Beta, Simple or SGM Uniform.',
		hint='Automatic, Karras, Exponential, Beta, Simple or "SGM Uniform"',
	),
	Term(
		'seed',
		'Seed',
		'whole',
		subject='The seed',
		high=SEED_LIMIT - 1,
		known=(0, SEED_LIMIT - 1),
		a1111='Seed',
		doors=EXPORTED,
		help='A whole number from 0 to 18446744073709551615, also as text; '
		'leave empty for a random one. Picture i uses seed + i.',
		hint='the same seed draws the same picture',
	),
	# Of a job, not of a picture.
	Term(
		'count',
		'Pictures',
		'whole',
		short='count',
		subject='The number of pictures',
		low=1,
		high=100,
		doors=frozenset(),
		help='How many pictures to draw, 1 to 100.',
		hint='how many pictures to draw, 1 to 100',
	),
	# What other programs say, and a request here has no field for yet.
	Term('clip_skip', 'Clip skip', 'whole', known=(1, 1000)),
	Term(
		'denoising_strength',
		'Denoising strength',
		'number',
		short='denoising',
	),
	Term('vae', 'VAE', 'name', short='VAE', phrase='VAE', weights='vae'),
	Term('loras', 'LoRA', 'noun', short='LoRA', phrase='LoRA', weights='lora'),
	Term('styles', 'Styles', 'names'),
)
TERMS = {term.name: term for term in TABLE}


def shown(door: Door) -> tuple[Term, ...]:
	return tuple(term for term in TABLE if door in term.doors)


def words(value: object) -> str:
	"""The value of a setting as people read it, '' where there is none; what a later version means by
	its own fields is told name by name."""
	match value:
		case None:
			return ''
		case bool():
			return 'yes' if value else 'no'
		case float():
			return f'{value:g}'
		case dict():
			return ', '.join(f'{k} {words(v)}' for k, v in value.items() if words(v))
		case str():
			return value
		case tuple() | list():
			return listed(value)
	return str(value)


def listed(values: Iterable[object]) -> str:
	return ', '.join(filter(None, map(words, values)))
