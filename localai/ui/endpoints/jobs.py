"""Knows the endpoints for jobs: words in, pictures out."""

import inspect
from asyncio import to_thread
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, get_type_hints

import gradio as gr

from localai.schemas.generation import GenerationRequest
from localai.schemas.jobs import JobSnapshot, StopMode
from localai.schemas.terms import TERMS, TermKind
from localai.schemas.visitors import STRANGER, Visitor
from localai.studio import Studio
from localai.ui.components import Once, said
from localai.ui.endpoints.doors import offer
from localai.ui.endpoints.words import ask, failure, refused, text
from localai.ui.files import file_of
from localai.ui.visitors import open_to

# What a setting is to a program.
TYPES: dict[TermKind, type] = {
	'text': str,
	'name': str,
	'choice': str,
	'names': list[str],
	'whole': int,
	'number': float,
	'noun': list[dict[str, Any]],
}


def add(studio: Studio) -> None:
	once = Once()

	@open_to('anyone')
	@taking_settings
	async def generate(
		*values: Any, visitor: Visitor = STRANGER
	) -> tuple[list[dict[str, Any]], dict[str, Any]]:
		"""Draws and waits. Returns the picture files and the finished job with its request and
		seeds."""
		job = await to_thread(start, values, visitor)
		progress = gr.Progress()
		async for now in studio.jobs.follow_async(job.id):
			job = now
			tell(progress, job)
		if job.state == 'failed' and job.error:
			raise failure(job.error)
		return [file_of(p) for p in job.pictures], said(job)

	@open_to('anyone')
	@taking_settings
	def submit(*values: Any, visitor: Visitor = STRANGER) -> dict[str, Any]:
		"""Puts a job into the queue and returns it at once; the arguments are those of /generate.
		Follow it by its id."""
		return said(start(values, visitor))

	@open_to('anyone')
	async def follow(job: str) -> AsyncIterator[dict[str, Any]]:
		"""Streams a job: as it is now, each change, and its end.

		Args:
			job: The id that /submit returned.
		"""
		progress = gr.Progress()
		with refused():
			async for snapshot in studio.jobs.follow_async(text(job, 'job')):
				tell(progress, snapshot)
				yield once.said(snapshot)

	@open_to('anyone')
	def cancel(job: str, mode: StopMode = 'stop', visitor: Visitor = STRANGER) -> dict[str, Any]:
		"""Stops a job. 'stop' at once, 'keep' saves the picture as far as it is, 'skip' leaves out
		only this picture.

		Args:
			job: The id of the job.
			mode: stop, keep or skip.
		"""
		with refused():
			studio.visits.check_own(visitor, text(job, 'job'))
		return said(ask(studio.jobs.stop, job, mode))

	@open_to('anyone')
	def job(job: str) -> dict[str, Any]:
		"""One job as it is now.

		Args:
			job: The id of the job.
		"""
		return said(ask(lambda: studio.jobs.get(text(job, 'job'))))

	@open_to('anyone')
	def jobs() -> list[dict[str, Any]]:
		"""The live jobs in the order they will be drawn, then the fifty that ended last."""
		return [said(job) for job in studio.jobs.list()]

	def start(values: Sequence[Any], visitor: Visitor) -> JobSnapshot:
		given = zip(GenerationRequest.model_fields, values, strict=True)
		job = ask(studio.generation.start, {k: v for k, v in given if v is not None})
		studio.visits.began(visitor, job.id)
		return job

	offer(generate)
	offer(submit, 8)
	offer(follow)
	offer(cancel, 8)
	offer(job, 8)
	offer(jobs, 8)


def taking_settings(function: Callable[..., Any]) -> Callable[..., Any]:
	"""Says of a function that its values are the settings of a picture, named, typed and explained, in
	the order of GenerationRequest, and that it wants to know who asks."""
	parameters, lines = [], []
	for name, field in GenerationRequest.model_fields.items():
		term = TERMS[name]
		kind = TYPES[term.kind]
		parameters.append(
			inspect.Parameter(
				name,
				inspect.Parameter.POSITIONAL_OR_KEYWORD,
				default=inspect.Parameter.empty if field.is_required() else field.default,
				annotation=kind | None if field.default is None else kind,
			)
		)
		lines.append(f'\t{name}: {term.help}')
	visitor = inspect.Parameter(
		'visitor',
		inspect.Parameter.POSITIONAL_OR_KEYWORD,
		default=STRANGER,
		annotation=Visitor,
	)
	dressed: Any = function
	returned = get_type_hints(function)['return']
	dressed.__signature__ = inspect.Signature([*parameters, visitor], return_annotation=returned)
	dressed.__annotations__ = {p.name: p.annotation for p in parameters} | {'return': returned}
	dressed.__doc__ = f'{function.__doc__}\n\nArgs:\n' + '\n'.join(lines)
	return function


def tell(progress: gr.Progress, job: JobSnapshot) -> None:
	"""What Gradio's progress says of a job."""
	if job.state == 'running':
		left = '' if job.eta is None else f' · {job.eta:.0f} s left'
		progress(
			(job.step, job.steps),
			desc=f'picture {job.picture + 1} of {len(job.seeds)}{left}',
			unit='steps',
		)
	elif job.live:
		progress(
			(0, max(1, job.steps)),
			desc=f'{job.state}, {job.position} ahead' if job.position else job.state,
			unit='steps',
		)
