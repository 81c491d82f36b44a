"""Knows what a tab of the page is."""

from collections.abc import Callable
from dataclasses import dataclass

from localai.studio import Studio
from localai.ui.components import Answer


@dataclass(frozen=True)
class Tab:
	"""`name` is its folder in `static/` and its address (`#history`), `title` its word in the header.
	`parts` are files of that folder, in reading order; those in `over` lie over the page, as dialogs
	do. `functions(studio)` are what its scripts may ask for; who may not ask for `asks` is not shown the
	tab at all."""

	name: str
	title: str
	parts: tuple[str, ...]
	functions: Callable[[Studio], list[Callable[..., Answer]]]
	over: tuple[str, ...] = ()
	asks: str = ''
