"""Knows that whoever follows hears the next value once they have taken those before: Gradio keeps what
was not taken, without an end, also for those who are gone."""

import asyncio

import gradio as gr
from gradio.queueing import Queue

FEW = 2  # values that may wait to be taken
PAUSE = 0.05  # seconds between two looks


class Pace:
	"""That of one who follows; `request` is how they asked."""

	def __init__(self, request: gr.Request | None):
		self.session = (request and request.session_hash) or ''
		asked = request and request.request  # nothing where no browser and no program asks
		self.queue: Queue | None = asked.app.get_blocks()._queue if asked else None

	async def taken(self) -> None:
		"""Returns when hardly anything waits for them any more, or when they are gone."""
		while self.waiting() > FEW and self.there():
			await asyncio.sleep(PAUSE)

	def waiting(self) -> int:
		if self.queue is None:
			return 0
		messages = self.queue.pending_messages_per_session.get(self.session)
		return messages.qsize() if messages else 0

	def there(self) -> bool:
		"""Whether something that they asked for is still wanted."""
		jobs = [] if self.queue is None else self.queue.active_jobs
		return any(e.alive and e.session_hash == self.session for many in jobs for e in many or ())

	def end(self) -> None:
		"""What nobody will take is not kept."""
		if self.queue is not None and not self.there():
			self.queue.pending_messages_per_session.pop(self.session, None)
