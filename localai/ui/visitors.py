"""Knows how a function says for whom it is, in a line above it, and how the page calls it: opened to nobody
else, its errors in words."""

import inspect
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import gradio as gr

from localai.errors import InvalidInput, LocalAIError, StartProblem
from localai.schemas.visitors import ROLES, Audience, Role, Visitor
from localai.services.visitors import check, visitor_of
from localai.ui.components import Answer

log = logging.getLogger('localai.ui')
Function = TypeVar('Function', bound=Callable[..., Any])


def open_to(audience: Audience) -> Callable[[Function], Function]:
	"""Stands above a function that the page or a program calls. One that wants to know who asks
	has `visitor` as its last parameter."""

	def declare(function: Function) -> Function:
		vars(function)['audience'] = audience
		return function

	return declare


def audience_of(function: Callable[..., Any]) -> Audience:
	"""Raises StartProblem where nobody has said it."""
	audience = vars(function).get('audience')
	if audience is None:
		raise StartProblem(
			f'The function {function.__name__} does not say for whom it is.',
			'Put @open_to(…) above it.',
		)
	return audience


def doors(functions: list[Callable[..., Answer]]) -> dict[str, list[Role]]:
	"""The functions that are not for everybody, each with those who may call it: for the page, which
	shows nobody what would be refused."""
	audiences = {f.__name__: audience_of(f) for f in functions}
	return {
		name: [role for role in ROLES if Visitor(role=role).may(audience)]
		for name, audience in audiences.items()
		if audience != 'anyone'
	}


def door_of(function: Callable[..., Any]) -> Callable[[object], dict[str, Visitor]]:
	"""What lets a request in, or raises NotAllowed. It returns what the function gets besides what
	was sent: who asks, where it wants to know."""
	audience = audience_of(function)
	wanted = 'visitor' in inspect.signature(function).parameters

	def enter(request: object) -> dict[str, Visitor]:
		# Without a request, or one that no guard has seen, it is a stranger.
		visitor = visitor_of(getattr(request, 'headers', None) or {})
		check(visitor, audience)
		return {'visitor': visitor} if wanted else {}

	return enter


def answer(function: Callable[..., Answer]) -> Callable[..., Answer]:
	"""Lets a function answer the page: an error that a person may see becomes words beside its
	field."""

	@wraps(function)
	def answered(given: dict, **more: object) -> Answer:
		try:
			return function(given if isinstance(given, dict) else {}, **more)
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


def for_page(function: Callable[..., Answer]) -> Callable[..., Answer]:
	"""A function as Gradio calls it for the scripts of the page, its errors in words."""
	enter = door_of(function)

	@answer
	@wraps(function)
	def entered(given: dict, request: object) -> Answer:
		return function(given, **enter(request))

	# Gradio hands the request to whatever says that it takes one.
	def opened(given: dict, request: gr.Request) -> Answer:
		return entered(given, request=request)

	opened.__name__ = function.__name__
	return opened
