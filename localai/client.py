"""Knows how the command line speaks with a running app of the same home, with the standard library
alone."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from typing import TypeVar
from urllib.parse import quote, urlencode

from pydantic import TypeAdapter

from localai.errors import LocalAIError, restore
from localai.files.home import Owner
from localai.schemas.base import Schema
from localai.schemas.chores import ChoreSnapshot
from localai.schemas.downloads import DownloadSnapshot
from localai.schemas.jobs import JobSnapshot
from localai.schemas.models import ModelEntry, ModelPage, ModelQuery, ScanReport

PATIENCE = 60  # seconds; who is followed is heard of more often
SCAN_PATIENCE = 3600
Kind = TypeVar('Kind', bound=Schema)


class RunningApp:
	"""The app that `owner` names. Its refusals come back as the errors they are."""

	def __init__(self, owner: Owner):
		self.owner = owner
		# No proxy may stand between two programs of one machine.
		self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

	# Jobs

	def start(self, fields: dict) -> JobSnapshot:
		return self.said(JobSnapshot, self.ask('POST', '/api/jobs', fields))

	def follow(self, job_id: str) -> Iterator[JobSnapshot]:
		yield from self.lines(
			JobSnapshot,
			f'/api/jobs/{job_id}/events',
			lambda job: job.live,
			'LocalAI was stopped while it drew this.',
			'The job is kept and goes on when LocalAI is started again.',
		)

	def stop(self, job_id: str) -> JobSnapshot:
		return self.said(JobSnapshot, self.ask('POST', f'/api/jobs/{job_id}/stop'))

	# Models

	def models(self) -> tuple[ModelEntry, ...]:
		body = self.ask('GET', '/api/models').read()
		return TypeAdapter(tuple[ModelEntry, ...]).validate_json(body)

	def find(self, query: ModelQuery) -> ModelPage:
		fields = query.model_dump(mode='json')
		return self.said(ModelPage, self.ask('POST', '/api/models/find', fields))

	def card(self, model_id: str) -> ModelEntry:
		words = urlencode({'model': model_id})
		return self.said(ModelEntry, self.ask('GET', f'/api/models/card?{words}'))

	def scan(self) -> ScanReport:
		answer = self.ask('POST', '/api/models/scan', patience=SCAN_PATIENCE)
		return self.said(ScanReport, answer)

	def load(self, model_id: str) -> ChoreSnapshot:
		return self.said(ChoreSnapshot, self.ask('POST', '/api/models/load', {'model': model_id}))

	def unload(self, model_id: str = '') -> ChoreSnapshot:
		return self.said(ChoreSnapshot, self.ask('POST', '/api/models/unload', {'model': model_id}))

	def cancel_load(self) -> None:
		self.ask('POST', '/api/models/cancel').close()

	def follow_chore(self, chore_id: str) -> Iterator[ChoreSnapshot]:
		yield from self.lines(
			ChoreSnapshot,
			f'/api/models/chores/{chore_id}/events',
			lambda chore: chore.pending,
			'LocalAI was stopped before it was done.',
			'Start it, then say this again.',
		)

	# Downloads

	def download(self, fields: dict) -> DownloadSnapshot:
		return self.said(DownloadSnapshot, self.ask('POST', '/api/downloads', fields))

	def follow_download(self, download_id: str) -> Iterator[DownloadSnapshot]:
		yield from self.lines(
			DownloadSnapshot,
			f'/api/downloads/{quote(download_id)}/events',
			lambda download: download.pending,
			'LocalAI was stopped while it fetched this.',
			'What was fetched is kept, and it goes on when LocalAI is started again.',
		)

	def pause(self, download_id: str) -> DownloadSnapshot:
		answer = self.ask('POST', f'/api/downloads/{quote(download_id)}/pause')
		return self.said(DownloadSnapshot, answer)

	def close(self) -> None:
		pass

	# How it is asked

	def ask(self, method: str, path: str, body: dict | None = None, patience: int = PATIENCE):
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
			try:
				problem = json.loads(error.read())['error']
			except (ValueError, KeyError):
				problem = {
					'code': 'LocalAIError',
					'message': f'The running LocalAI answered {error.code}.',
					'remedy': 'Start it again.',
				}
			raise restore(
				problem.get('code', ''), problem['message'], problem.get('remedy', '')
			) from None
		except (OSError, HTTPException) as error:
			raise LocalAIError(
				f'LocalAI at {self.owner.url} does not answer: {error}.', 'Start it again.'
			) from error

	def said(self, schema: type[Kind], answer) -> Kind:
		with answer:
			return schema.model_validate_json(answer.read())

	def lines(
		self, schema: type[Kind], path: str, goes_on, lost: str, remedy: str
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
