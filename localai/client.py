"""Knows how the command line speaks with a running app of the same home, with the standard library
alone."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException

from localai.errors import LocalAIError, restore
from localai.files.home import Owner
from localai.schemas.jobs import JobSnapshot


class RunningApp:
	"""The jobs of the app that `owner` names. Its refusals come back as the errors they are."""

	def __init__(self, owner: Owner):
		self.owner = owner
		# No proxy may stand between two programs of one machine.
		self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

	def ask(self, method: str, path: str, body: dict | None = None):
		request = urllib.request.Request(
			f'{self.owner.url}/api/jobs{path}',
			method=method,
			data=json.dumps(body or {}).encode() if method == 'POST' else None,
			headers={
				'Authorization': f'Bearer {self.owner.token}',
				'Content-Type': 'application/json',
			},
		)
		try:
			return self.opener.open(request, timeout=60)
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

	def start(self, fields: dict) -> JobSnapshot:
		return JobSnapshot.model_validate_json(self.ask('POST', '', fields).read())

	def follow(self, job_id: str) -> Iterator[JobSnapshot]:
		ended = False
		try:
			with self.ask('GET', f'/{job_id}/events') as lines:
				for line in lines:
					job = JobSnapshot.model_validate_json(line)
					ended = not job.live
					yield job
		except (OSError, HTTPException) as error:
			raise self.lost() from error
		if not ended:
			raise self.lost()

	def lost(self) -> LocalAIError:
		return LocalAIError(
			'LocalAI was stopped while it drew this.',
			'The job is kept and goes on when LocalAI is started again.',
		)

	def stop(self, job_id: str) -> JobSnapshot:
		return JobSnapshot.model_validate_json(self.ask('POST', f'/{job_id}/stop').read())

	def close(self) -> None:
		pass
