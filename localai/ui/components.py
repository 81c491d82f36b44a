"""Knows how a part of the page is made, and how a schema is said to its scripts."""

from collections.abc import Callable

import gradio as gr
from pydantic import BaseModel
from pydantic.main import IncEx

from localai.schemas.downloads import DownloadSnapshot
from localai.schemas.studio import StudioSnapshot

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


class Once:
	"""Says what many follow: each value one time for all of them."""

	def __init__(self) -> None:
		self.last: tuple[BaseModel | None, Answer] = None, {}

	def said(self, schema: BaseModel) -> Answer:
		last, answer = self.last
		if last is not schema:
			answer = said(schema)
			self.last = schema, answer
		return answer


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
