"""Knows the endpoints for models: what is here, and what the engine holds in memory."""

from asyncio import to_thread
from collections.abc import AsyncIterator
from typing import Any, Literal

import gradio as gr

from localai.errors import LocalAIError
from localai.schemas.chores import ChoreSnapshot
from localai.schemas.families import ArchitectureName
from localai.schemas.models import KindName, ModelQuery, SortName, SourceName
from localai.services.fields import read
from localai.studio import Studio
from localai.ui.components import said
from localai.ui.endpoints.doors import offer
from localai.ui.endpoints.words import ask, failure, refusal, refused, text
from localai.ui.visitors import open_to

KindChoice = Literal[KindName, 'any']


def add(studio: Studio) -> None:
	@open_to('anyone')
	def models(
		search: str = '',
		kind: KindChoice = 'checkpoint',
		family: ArchitectureName | None = None,
		source: SourceName | None = None,
		fits: bool = False,
		sort: SortName = 'name',
		offset: int = 0,
		limit: int = 500,
	) -> list[dict[str, Any]]:
		"""The models that are here; one that cannot be used says why in `problem`.

		Args:
			search: Words of its name, family, notes or trigger words; empty for all.
			kind: checkpoint, lora, embedding, vae, controlnet, upscaler, unknown, or any.
			family: Such as sd1, sdxl or flux1; empty for all.
			source: builtin, home, hub or folder; empty for all.
			fits: Only what fits this machine.
			sort: name, newest, largest or family. Checkpoints by name have the built-in one first.
			offset: How many to leave out at the beginning.
			limit: How many at most, up to 500.
		"""
		given = (search, kind, family, source, fits, sort, offset)
		if given == ('', 'checkpoint', None, None, False, 'name', 0) and limit == 500:
			return [said(model) for model in ask(studio.models.list)]
		fields = {
			'text': search,
			'kinds': () if kind == 'any' else (kind,),
			'families': (family,) if family else (),
			'sources': (source,) if source else (),
			'fits': fits,
			'sort': sort,
			'offset': offset,
			'limit': limit,
		}
		with refused():
			return [said(m) for m in studio.models.find(read(ModelQuery, fields)).entries]

	@open_to('signed_in')
	async def load_model(model: str) -> dict[str, Any]:
		"""Brings a model into memory, before the next job, and returns when it is ready; progress
		tells the stage and the bytes.

		Args:
			model: A name from /models.
		"""
		with refused():
			chore = await to_thread(studio.chores.load, text(model, 'model'))
		return await last(follow(chore), gr.Progress())

	@open_to('owner')
	async def unload_model(model: str = '') -> dict[str, Any]:
		"""Gives the memory of a model back and returns when that is done; a picture that is being
		drawn is finished first.

		Args:
			model: A name from /models; empty for all that are in memory.
		"""
		with refused():
			chore = await to_thread(studio.chores.unload, text(model, 'model'))
		return await last(follow(chore), gr.Progress())

	def follow(chore: str) -> AsyncIterator[ChoreSnapshot]:
		return studio.chores.follow(chore)

	offer(models, 8)
	offer(load_model)
	offer(unload_model)


async def last(chores: AsyncIterator[ChoreSnapshot], progress: gr.Progress) -> dict[str, Any]:
	"""The end of a chore. Raises Gradio's error where it failed or was given up."""
	now = None
	async for now in chores:
		tell(progress, now)
	if now is None or now.pending:
		raise refusal(LocalAIError('LocalAI is shutting down.', 'Start it, then try again.'))
	if now.error:
		raise failure(now.error)
	if now.state == 'cancelled':
		raise refusal(LocalAIError('The load was cancelled.', 'Load it again.'))
	return said(now)


def tell(progress: gr.Progress, chore: ChoreSnapshot) -> None:
	"""What Gradio's progress says of a load."""
	if chore.stage_total:
		progress((chore.stage_done, chore.stage_total), desc=f'loading {chore.stage}', unit='bytes')
	elif chore.pending:
		progress((0, 1), desc='waiting' if chore.state == 'waiting' else chore.kind, unit='bytes')
