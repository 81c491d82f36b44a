"""Knows what the Generate tab asks of the services: start, estimate, stop, the queue, what the page
shows at once."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import gradio as gr

from localai.errors import InvalidInput
from localai.schemas.studio import StudioSnapshot
from localai.schemas.visitors import STRANGER, Visitor
from localai.studio import Studio
from localai.ui.components import Answer, Once, said
from localai.ui.tabs import Tab
from localai.ui.visitors import open_to

FORM = 'generate'
FORM_LIMIT = 100_000
# At most this many states a second reach a page; those in between are older than the next one.
BREATH = 0.06


def functions(studio: Studio) -> list[Callable]:
	"""The functions that the scripts of the page call by name."""

	@open_to('anyone')
	def ui_begin(given: dict, visitor: Visitor) -> Answer:
		"""All that a fresh page needs besides the first state."""
		return {
			'visitor': visitor.role,
			'models': [said(entry) for entry in studio.models.list()],
			# What was typed and not sent is nobody else's business.
			'form': sendable(studio.preferences.read(FORM)) if visitor.may('owner') else None,
			'pictures': [said(picture) for picture in studio.history.recent(limit=30)],
		}

	@open_to('anyone')
	def ui_submit(given: dict, visitor: Visitor) -> Answer:
		job = studio.generation.start(given)
		studio.visits.began(visitor, job.id)
		return {'job': said(job)}

	@open_to('anyone')
	def ui_estimate(given: dict) -> Answer:
		"""The cost is known before the first word is."""
		return {'estimate': said(studio.generation.estimate(given))}

	@open_to('anyone')
	def ui_stop(given: dict, visitor: Visitor) -> Answer:
		job = str(given.get('job'))
		studio.visits.check_own(visitor, job)
		return {'job': said(studio.jobs.stop(job, given.get('mode', 'stop')))}

	@open_to('owner')
	def ui_stop_all(given: dict) -> Answer:
		return {'stopped': studio.jobs.stop_all()}

	@open_to('owner')
	def ui_move(given: dict) -> Answer:
		studio.jobs.move(str(given.get('job')), int(given.get('position', 0)))
		return {}

	@open_to('anyone')
	def ui_models(given: dict) -> Answer:
		return {'models': [said(entry) for entry in studio.models.list()]}

	@open_to('owner')
	def ui_remember(given: dict) -> Answer:
		"""Keeps the form for the next start and for other browsers."""
		if len(str(given)) > FORM_LIMIT:
			raise InvalidInput(
				'The settings of this page are too long to save.', 'Shorten the prompt.'
			)
		studio.preferences.write(FORM, given)
		return {}

	return [ui_begin, ui_submit, ui_estimate, ui_stop, ui_stop_all, ui_move, ui_models, ui_remember]


def sendable(form: dict | None) -> dict | None:
	"""What was typed, without half a letter, as of an emoji that was cut, and without numbers that
	nothing holds: the whole answer would fail over them."""
	text = json.dumps(form, ensure_ascii=False).encode('utf-8', 'ignore')
	return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < 19 else None)


def follower(studio: Studio) -> Callable[..., AsyncIterator[Answer]]:
	"""The one event of a page that lasts: the latest state now and each one after it, and which jobs
	are for this visitor to stop."""
	once = Once()

	@open_to('anyone')
	async def follow(
		progress: gr.Progress = gr.Progress(),  # noqa: B008
		visitor: Visitor = STRANGER,
	) -> AsyncIterator[Answer]:
		beat = 0
		async for snapshot in studio.watch():
			beat += 1
			tell(progress, snapshot)
			own = [job.id for job in snapshot.queue if studio.visits.may_stop(visitor, job.id)]
			# The beat makes every state a new one, so that the page can tell silence from rest.
			yield {'beat': beat, 'snapshot': once.said(snapshot), 'own': own}
			await asyncio.sleep(BREATH)

	return follow


def tell(progress: gr.Progress, snapshot: StudioSnapshot) -> None:
	"""Says how far the running job is to Gradio's own progress, for clients that read that."""
	running = next((job for job in snapshot.queue if job.steps), None)
	if running:
		progress((running.step, running.steps), desc=running.stage or running.state)


TAB = Tab('generate', 'Generate', ('composer', 'stage'), functions)
