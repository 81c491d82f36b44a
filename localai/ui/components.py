"""Knows how a part of the page is made, what it may call, and what it knows from the beginning."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import get_args

import gradio as gr
from pydantic import BaseModel
from pydantic.main import IncEx

from localai.errors import InvalidInput, LocalAIError
from localai.schemas.downloads import AT_ONCE_LIMIT, DownloadSnapshot
from localai.schemas.exchange import FILE_LIMIT, FORMATS
from localai.schemas.families import ARCHITECTURES, FAMILIES
from localai.schemas.generation import GenerationRequest
from localai.schemas.history import MANY, NOTES_LIMIT, PAGE_LIMIT, TAG_LIMIT, TEXT_LIMIT, SortName
from localai.schemas.samplers import SAMPLERS, schedules_for
from localai.schemas.search import FACTS, KEYS
from localai.schemas.studio import StudioSnapshot
from localai.schemas.terms import TABLE
from localai.schemas.visitors import Visitor

log = logging.getLogger('localai.ui')
Answer = dict[str, object]


def part(name: str, prefix: str, functions: list[Callable] | None = None) -> gr.HTML:
	"""One part of the page: `name` is a folder of `static/` and a file in it, as in 'generate/stage',
	`prefix` where they are served. Its markup is static and comes from there: what a person wrote
	reaches the page as data, never as markup."""
	script = f"import(new URL('{prefix}/page/mount.js', document.baseURI))"
	return gr.HTML(
		html_template='<span></span>',
		js_on_load=f"{script}.then((page) => page.mount('{name}', element, {{props, server, watch}}))",
		elem_id=name.rpartition('/')[2],
		elem_classes='ours',
		apply_default_css=False,
		server_functions=functions,
	)


def answer(function: Callable[..., Answer]) -> Callable[..., Answer]:
	"""Lets a function answer the page: an error that a person may see becomes words beside its
	field."""

	@wraps(function)
	def answered(given: dict, **visitor: Visitor) -> Answer:
		try:
			return function(given if isinstance(given, dict) else {}, **visitor)
		except (
			TypeError,
			ValueError,
			OverflowError,
		) as strange:  # our own page sends no such things
			log.warning('%s was asked for %.200r: %s', function.__name__, given, strange)
			error: LocalAIError = InvalidInput(
				'The page asked for something that is not valid.', 'Reload it.'
			)
		except LocalAIError as known:
			error = known
		return {'error': error.told()}

	return answered


# Paths on the disk stay here.
DOWNLOAD: IncEx = {'files'}
HIDDEN: dict[str, IncEx] = {
	'DownloadSnapshot': DOWNLOAD,
	'ModelEntry': {'path'},
	'ModelPage': {'entries': {'__all__': {'path'}}},
	'Picture': {'path'},
	'PictureCard': {'picture': {'path'}},
	'PromptStep': {'picture': {'path'}},
	'Comparison': {'left': {'path'}, 'right': {'path'}},
	'JobSnapshot': {'pictures': {'__all__': {'path'}}},
	'StudioSnapshot': {
		'queue': {'__all__': {'pictures': {'__all__': {'path'}}}},
		'last': {'pictures': {'__all__': {'path'}}},
		'downloads': {'__all__': DOWNLOAD},
	},
}


def said(schema: BaseModel, **changes: object) -> Answer:
	"""A schema as the page reads it."""
	told = schema.model_dump(mode='json', exclude=HIDDEN.get(type(schema).__name__))
	match schema:
		case DownloadSnapshot():
			downloads = [told]
		case StudioSnapshot():
			downloads = told['downloads']
		case _:
			downloads = []
	for download in downloads:  # what follows the path of a link may be a key
		download['name'] = download['name'].partition('?')[0]
		download['request']['source'] = download['request']['source'].partition('?')[0]
	return told | changes


def catalog() -> Answer:
	"""What never changes while the app runs: families, samplers with their schedules, limits, the
	keys of a search."""
	return {
		'families': {name: said(family) for name, family in FAMILIES.items()},
		'architectures': {name: row.title for name, row in ARCHITECTURES.items()},
		'marks': {name: row.mark for name, row in ARCHITECTURES.items()},
		'samplers': {name: list(schedules_for(name)) for name in SAMPLERS},
		'terms': [
			{
				'name': term.name,
				'word': term.word,
				'label': term.label,
				'subject': term.subject or term.label,
				'kind': term.kind,
				'low': term.low,
				'high': term.high,
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
	}
