"""Knows how the command line speaks with a running app of the same home: jobs, models, downloads."""

from collections.abc import Iterator
from urllib.parse import quote, urlencode

from pydantic import TypeAdapter

from localai.client.wire import LONG, Wire
from localai.schemas.chores import ChoreSnapshot
from localai.schemas.downloads import DownloadSnapshot
from localai.schemas.jobs import JobSnapshot
from localai.schemas.models import ModelEntry, ModelPage, ModelQuery, ScanReport


class RunningApp(Wire):
	"""The app, as `generate`, `models` and `download` need it."""

	# Jobs

	def start(self, fields: dict) -> JobSnapshot:
		return self.said(JobSnapshot, self.ask('POST', '/api/jobs', fields))

	def follow(self, job_id: str) -> Iterator[JobSnapshot]:
		yield from self.lines(
			JobSnapshot,
			f'/api/jobs/{job_id}/events',
			lambda job: job.live,
			'LocalAI was stopped while it drew this.',
			'The job is kept and resumes when LocalAI is started again.',
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
		answer = self.ask('POST', '/api/models/scan', patience=LONG)
		return self.said(ScanReport, answer)

	def load(self, model_id: str) -> ChoreSnapshot:
		return self.said(ChoreSnapshot, self.ask('POST', '/api/models/load', {'model': model_id}))

	def unload(self, model_id: str = '') -> ChoreSnapshot:
		return self.said(ChoreSnapshot, self.ask('POST', '/api/models/unload', {'model': model_id}))

	# Downloads

	def download(self, fields: dict) -> DownloadSnapshot:
		return self.said(DownloadSnapshot, self.ask('POST', '/api/downloads', fields))

	def follow_download(self, download_id: str) -> Iterator[DownloadSnapshot]:
		yield from self.lines(
			DownloadSnapshot,
			f'/api/downloads/{quote(download_id)}/events',
			lambda download: download.pending,
			'LocalAI was stopped while it downloaded this.',
			'What was downloaded is kept, and the rest follows when LocalAI is started again.',
		)

	def pause(self, download_id: str) -> DownloadSnapshot:
		answer = self.ask('POST', f'/api/downloads/{quote(download_id)}/pause')
		return self.said(DownloadSnapshot, answer)
