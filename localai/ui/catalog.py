"""Knows what the scripts of the page know from the first moment on: what never changes while the app
runs."""

from typing import NamedTuple, get_args

from localai.schemas.downloads import AT_ONCE_LIMIT
from localai.schemas.exchange import FILE_LIMIT, FORMATS
from localai.schemas.families import ARCHITECTURES, FAMILIES, PARTS
from localai.schemas.generation import GenerationRequest, exact
from localai.schemas.history import MANY, NOTES_LIMIT, PAGE_LIMIT, TAG_LIMIT, TEXT_LIMIT, SortName
from localai.schemas.links import MESSAGE, PAGES, REMEDY
from localai.schemas.samplers import SAMPLERS, schedules_for
from localai.schemas.search import FACTS, KEYS
from localai.schemas.terms import TABLE
from localai.ui.components import Answer, said


class Example(NamedTuple):
	"""A prompt that an empty Generate tab offers. Its picture is `static/generate/NAME.webp`, drawn by
	`tools/examples.py` with this seed."""

	name: str
	prompt: str
	seed: int


EXAMPLES = (
	Example('fox', 'a fox on a yellow background, shaded style', 9),
	Example('mushroom', 'a mushroom on a green background, shaded style', 7),
	Example('sailboat', 'a sailboat on a blue background, shaded style', 9),
)


def catalog() -> Answer:
	"""What never changes while the app runs: families, samplers with their schedules, limits, the
	keys of a search."""
	return {
		'examples': [{'name': one.name, 'prompt': one.prompt} for one in EXAMPLES],
		'families': {name: said(family) for name, family in FAMILIES.items()},
		'architectures': {name: row.title for name, row in ARCHITECTURES.items()},
		'marks': {name: row.mark for name, row in ARCHITECTURES.items()},
		'parts': PARTS,
		'samplers': {name: list(schedules_for(name)) for name in SAMPLERS},
		'terms': [
			{
				'name': term.name,
				'word': term.word,
				'label': term.label,
				'subject': term.subject or term.label,
				'kind': term.kind,
				'low': term.low,
				'high': exact(term.high) if isinstance(term.high, int) else term.high,
				'multiple': term.multiple,
				'doors': sorted(term.doors),
				'asked': term.name in GenerationRequest.model_fields,
			}
			for term in TABLE
		],
		'keys': [
			{
				'name': key.name,
				'kind': key.kind,
				'single': key.single,
				'also': key.also,
				'offered': key.offered,
			}
			for key in KEYS.values()
		],
		'facts': [{'label': fact.label, 'column': fact.column} for fact in FACTS],
		'sorts': list(get_args(SortName)),
		'limits': {
			'search': TEXT_LIMIT,
			'page': PAGE_LIMIT,
			'many': MANY,
			'name': TAG_LIMIT,
			'notes': NOTES_LIMIT,
			'file': FILE_LIMIT,
			'downloads': AT_ONCE_LIMIT,
		},
		'formats': dict(FORMATS),
		'pages': {
			'patterns': [{'pattern': page.pattern, 'known': bool(page.file)} for page in PAGES],
			'message': f'{MESSAGE} {REMEDY}',
		},
	}
