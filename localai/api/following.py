"""Knows how work that takes long is told line by line: how far it is, and what came of it. Who goes
away gives it up."""

import asyncio
import json
import logging
from asyncio import to_thread
from collections.abc import AsyncIterator, Callable

from fastapi.responses import StreamingResponse

from localai.errors import LocalAIError
from localai.schemas.base import Schema

log = logging.getLogger('localai.api')
BEAT = 0.5  # seconds between two lines
Tell = Callable[[int, int], None]


class GivenUp(Exception):
	"""Nobody hears the end."""


def told(work: Callable[[Tell], Schema], given_up: Callable[[], None]) -> StreamingResponse:
	"""`{"done": 3, "total": 10}` again and again, at last `{"report": {…}}` or `{"error": {…}}`.
	`work` runs in a thread of its own; where it tells how far it is, it may be given up."""
	now = {'done': 0, 'total': 0}
	gone = False

	def tell(done: int, total: int) -> None:
		nonlocal now
		if gone:
			raise GivenUp
		now = {'done': done, 'total': total}

	def run() -> dict[str, object]:
		try:
			return {'report': work(tell).model_dump(mode='json')}
		except GivenUp:
			given_up()
			return {}
		except LocalAIError as error:
			return {'error': error.told()}
		except Exception:
			log.exception('work for a program failed')
			failure = LocalAIError('Something went wrong in LocalAI.', 'See logs/localai.log.')
			return {'error': failure.told()}

	async def lines() -> AsyncIterator[str]:
		nonlocal gone
		task = asyncio.create_task(to_thread(run))
		try:
			while not task.done():
				yield json.dumps(now) + '\n'
				await asyncio.wait({task}, timeout=BEAT)
			yield json.dumps(task.result()) + '\n'
		finally:
			gone = True

	return StreamingResponse(lines(), media_type='application/x-ndjson')
