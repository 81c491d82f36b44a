"""Knows how an endpoint says its errors."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import gradio as gr

from localai.errors import InvalidInput, LocalAIError, restore
from localai.schemas.jobs import Problem

log = logging.getLogger('localai.ui')
Value = TypeVar('Value')
LIMIT = 4096  # characters of a name


def refusal(error: LocalAIError) -> gr.Error:
	return gr.Error(str(error), title=error.code, print_exception=False)


def failure(problem: Problem) -> gr.Error:
	"""What something ended with."""
	return refusal(restore(problem.code, problem.message, problem.remedy))


@contextmanager
def refused() -> Iterator[None]:
	"""Turns an error that a person may see into Gradio's."""
	try:
		yield
	except LocalAIError as error:
		raise refusal(error) from error


@contextmanager
def in_words() -> Iterator[None]:
	"""The same of every error: whoever asked hears one sentence, the log has the rest."""
	try:
		with refused():
			yield
	except gr.Error:
		raise
	except Exception as error:
		log.exception('an endpoint failed')
		sorry = LocalAIError('Something went wrong in LocalAI.', 'See logs/localai.log.')
		raise refusal(sorry) from error


def ask(question: Callable[..., Value], *arguments: object) -> Value:
	"""The answer of a service, or Gradio's error."""
	with refused():
		return question(*arguments)


def text(value: object, what: str) -> str:
	"""Raises InvalidInput for what is no text, or endless."""
	if not isinstance(value, str):
		raise InvalidInput(f'The {what} must be text.', f'Send the name of the {what}.', what)
	if len(value) > LIMIT:
		raise InvalidInput(f'The name of the {what} is too long.', field=what)
	return value
