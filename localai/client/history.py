"""Knows how the command line speaks with a running app of the same home about the history."""

import json
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.parse import quote

from pydantic import TypeAdapter

from localai.client.wire import LONG, PATIENCE, Wire
from localai.errors import LocalAIError
from localai.schemas.chores import ChoreSnapshot
from localai.schemas.exchange import ExportReport, ExportRequest, ImportReport
from localai.schemas.generation import Picture
from localai.schemas.history import (
	CheckReport,
	Discarded,
	Discarding,
	HistoryPage,
	HistoryQuery,
	Outline,
	PictureCard,
	Restoring,
)

PIECE = 1 << 20  # bytes of a zip at once
AT_ONCE = 200  # paths in one request


class RunningHistory(Wire):
	"""The app, as `history` needs it."""

	# Looking

	def find(self, query: HistoryQuery) -> HistoryPage:
		return self.said(HistoryPage, self.post('find', query.model_dump(mode='json')))

	def outline(self, query: HistoryQuery) -> Outline:
		return self.said(Outline, self.post('outline', query.model_dump(mode='json')))

	def pictures(self, ids: Sequence[int]) -> tuple[Picture, ...]:
		with self.post('pictures', {'ids': list(ids)}) as answer:
			return TypeAdapter(tuple[Picture, ...]).validate_json(answer.read())

	def card(self, picture_id: int) -> PictureCard:
		return self.said(PictureCard, self.ask('GET', f'/api/history/card?id={picture_id}'))

	def trash(self, limit: int, offset: int) -> tuple[Discarded, ...]:
		path = f'/api/history/trash?limit={limit}&offset={offset}'
		with self.ask('GET', path) as answer:
			told = json.loads(answer.read())
			return TypeAdapter(tuple[Discarded, ...]).validate_python(told['trash'])

	# Changing

	def delete(self, ids: Sequence[int]) -> Discarding:
		return self.said(Discarding, self.post('delete', {'ids': list(ids)}, LONG))

	def restore(self, trashed: Sequence[str]) -> Restoring:
		return self.said(Restoring, self.post('restore', {'trashed': list(trashed)}, LONG))

	def check(
		self, repair: bool, deep: bool, forget: bool, tell: Callable[[int, int], None]
	) -> CheckReport:
		body = {'repair': repair, 'deep': deep, 'forget': forget}
		return self.report(CheckReport, '/api/history/check', body, tell)

	def verify(self, picture_id: int) -> ChoreSnapshot:
		return self.said(ChoreSnapshot, self.post('verify', {'id': picture_id}))

	# In and out

	def import_paths(self, paths: Sequence[Path], tell: Callable[[int, int], None]) -> ImportReport:
		reports = [
			self.report(
				ImportReport,
				'/api/history/import-paths',
				{'paths': [str(path) for path in paths[start : start + AT_ONCE]]},
				tell,
			)
			for start in range(0, len(paths), AT_ONCE)
		]
		lists = ('imported', 'known', 'arrivals', 'refused')
		return ImportReport(
			**{name: tuple(x for one in reports for x in getattr(one, name)) for name in lists},
			others=sum(one.others for one in reports),
		)

	def export_folder(self, request: ExportRequest, folder: Path) -> ExportReport:
		body = request.model_dump(mode='json') | {'folder': str(folder)}
		return self.said(ExportReport, self.post('export-folder', body, LONG))

	def export_zip(self, request: ExportRequest) -> Iterator[bytes]:
		"""The bytes of a zip."""
		with self.post('export', request.model_dump(mode='json')) as answer:
			token = TypeAdapter(dict[str, str]).validate_json(answer.read())['token']
		answer = self.ask('GET', f'/api/history/export/{quote(token)}', patience=LONG)
		try:
			with answer:
				while piece := answer.read(PIECE):
					yield piece
		except (OSError, HTTPException) as error:
			raise LocalAIError(
				'The export was cut off.', 'See logs/localai.log, then run the command again.'
			) from error

	def post(self, path: str, body: dict, patience: float = PATIENCE) -> HTTPResponse:
		return self.ask('POST', f'/api/history/{path}', body, patience)
