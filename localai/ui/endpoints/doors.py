"""Knows how a function becomes an endpoint of Gradio: open to whom it says, and to nobody else."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

import gradio as gr

from localai.ui.endpoints.words import in_words
from localai.ui.pace import Pace
from localai.ui.visitors import door_of


def offer(function: Callable[..., Any], limit: int | None = None) -> None:
	"""Adds it to the Blocks being built, under its own name. `limit` is how many calls run at
	once."""
	gr.api(guarded(function), api_name=function.__name__, concurrency_limit=limit)


def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
	"""The function as Gradio calls it, with the request in the place of the visitor."""
	enter = door_of(function)

	def let_in(given: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
		with in_words():
			return given[:-1], enter(given[-1] if given else None)

	# Gradio looks at what kind of function it is.
	if inspect.isasyncgenfunction(function):

		@wraps(function)
		async def opened(*given: Any) -> Any:
			sent, who = let_in(given)
			pace = Pace(given[-1] if given else None)
			try:
				with in_words():
					async for value in function(*sent, **who):
						yield value
						await pace.taken()
			finally:
				pace.end()

	elif inspect.iscoroutinefunction(function):

		@wraps(function)
		async def opened(*given: Any) -> Any:
			sent, who = let_in(given)
			with in_words():
				return await function(*sent, **who)

	else:

		@wraps(function)
		def opened(*given: Any) -> Any:
			sent, who = let_in(given)
			with in_words():
				return function(*sent, **who)

	signature = inspect.signature(function)
	request = inspect.Parameter(
		'request', inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=gr.Request
	)
	kept = [p for p in signature.parameters.values() if p.name != 'visitor']
	vars(opened)['__signature__'] = signature.replace(parameters=[*kept, request])
	opened.__annotations__ = {
		**{n: a for n, a in function.__annotations__.items() if n != 'visitor'},
		'request': gr.Request,
	}
	return opened
