"""Knows how a running app of the same home is asked, with the standard library alone."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException, HTTPResponse
from typing import TypeVar

from localai.errors import LocalAIError, restore
from localai.files.home import Owner
from localai.schemas.base import Schema
from localai.schemas.chores import ChoreSnapshot

PATIENCE = 60  # seconds; who is followed is heard of more often
LONG = 3600  # for what is told only at its end
Kind = TypeVar('Kind', bound=Schema)


class Wire:
	"""The app that `owner` names. Its refusals come back as the errors they are."""

	def __init__(self, owner: Owner):
		self.owner = owner
		# No proxy may stand between two programs of one machine.
		self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

	def close(self) -> None:
		pass

	# What the engine does besides jobs

	def follow_chore(self, chore_id: str) -> Iterator[ChoreSnapshot]:
		yield from self.lines(
			ChoreSnapshot,
			f'/api/models/chores/{chore_id}/events',
			lambda chore: chore.pending,
			'LocalAI was stopped before this was done.',
			'Start it, then run the command again.',
		)

	def cancel_chore(self) -> None:
		"""Gives up what is being loaded or verified."""
		self.ask('POST', '/api/models/cancel').close()

	# How it is asked

	def ask(
		self, method: str, path: str, body: dict | None = None, patience: float = PATIENCE
	) -> HTTPResponse:
		"""The open answer. Raises the error that the app answered with."""
		request = urllib.request.Request(
			f'{self.owner.url}{path}',
			method=method,
			data=json.dumps(body or {}).encode() if method == 'POST' else None,
			headers={
				'Authorization': f'Bearer {self.owner.token}',
				'Content-Type': 'application/json',
			},
		)
		try:
			return self.opener.open(request, timeout=patience)
		except urllib.error.HTTPError as error:
			raise refusal(error) from None
		except (OSError, HTTPException) as error:
			raise LocalAIError(
				f'LocalAI at {self.owner.url} does not answer: {error}.', 'Start it again.'
			) from error

	def said(self, schema: type[Kind], answer: HTTPResponse) -> Kind:
		with answer:
			return schema.model_validate_json(answer.read())

	def lines(
		self, schema: type[Kind], path: str, goes_on: Callable[[Kind], bool], lost: str, remedy: str
	) -> Iterator[Kind]:
		"""One schema per line until `goes_on` denies it; an end before that is `lost`."""
		ended = False
		try:
			with self.ask('GET', path) as lines:
				for line in lines:
					now = schema.model_validate_json(line)
					ended = not goes_on(now)
					yield now
		except (OSError, HTTPException) as error:
			raise LocalAIError(lost, remedy) from error
		if not ended:
			raise LocalAIError(lost, remedy)

	def report(
		self, schema: type[Kind], path: str, body: dict, tell: Callable[[int, int], None]
	) -> Kind:
		"""What came of work that tells how far it is."""
		lost = LocalAIError(
			'LocalAI was stopped before this was done.', 'Start it, then run the command again.'
		)
		try:
			with self.ask('POST', f'{path}?follow=true', body) as lines:
				for line in lines:
					now = json.loads(line)
					if 'report' in now:
						return schema.model_validate(now['report'])
					if 'error' in now:
						raise told(now['error'])
					tell(now['done'], now['total'])
		except (OSError, HTTPException) as error:
			raise lost from error
		raise lost


def refusal(error: urllib.error.HTTPError) -> LocalAIError:
	try:
		return told(json.loads(error.read())['error'])
	except (ValueError, KeyError):
		return LocalAIError(f'The running LocalAI answered {error.code}.', 'Start it again.')


def told(problem: dict[str, str]) -> LocalAIError:
	return restore(problem.get('code', ''), problem['message'], problem.get('remedy', ''))
