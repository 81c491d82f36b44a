"""Knows the endpoints for jobs: words in, pictures out."""

from asyncio import to_thread
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gradio as gr

from localai.schemas.generation import Picture
from localai.schemas.jobs import JobSnapshot, StopMode
from localai.schemas.visitors import STRANGER, Visitor
from localai.ui.endpoints.doors import offer
from localai.ui.endpoints.words import ask, failure, refused
from localai.ui.visitors import open_to


def add(studio) -> None:
	@open_to('anyone')
	async def generate(
		prompt: str,
		negative_prompt: str = '',
		model: str = 'sketchbook',
		width: int | None = None,
		height: int | None = None,
		steps: int | None = None,
		guidance_scale: float | None = None,
		sampler: str | None = None,
		schedule: str | None = None,
		seed: int | None = None,
		count: int = 1,
		visitor: Visitor = STRANGER,
	) -> tuple[list[dict[str, Any]], dict[str, Any]]:
		"""Draws and waits. Returns the picture files and the finished job with its request and
		seeds.

		Args:
			prompt: What to draw, in words.
			negative_prompt: What should not be in it.
			model: A name from /models.
			width: Pixels, a multiple of 8 from 64 to 2048; empty takes the model's own.
			height: Pixels, a multiple of 8 from 64 to 2048; empty takes the model's own.
			steps: Denoising steps, 1 to 150; empty takes the model's own.
			guidance_scale: How closely the prompt is followed, 0 to 30; empty takes the model's
			own.
			sampler: Such as Euler a or DPM++ 2M; empty takes the model's own.
			schedule: Automatic, Karras, Exponential, Beta, Simple or SGM Uniform.
			seed: A whole number from 0 to 4294967295; empty draws one by chance. Picture i has seed
			+ i.
			count: How many pictures, 1 to 100.
		"""
		job = await to_thread(start, locals(), visitor)
		progress = gr.Progress()
		async for now in studio.jobs.follow_async(job.id):
			job = now
			tell(progress, job)
		if job.state == 'failed':
			raise failure(job.error)
		return [file_of(p) for p in job.pictures], job.model_dump(mode='json')

	@open_to('anyone')
	def submit(
		prompt: str,
		negative_prompt: str = '',
		model: str = 'sketchbook',
		width: int | None = None,
		height: int | None = None,
		steps: int | None = None,
		guidance_scale: float | None = None,
		sampler: str | None = None,
		schedule: str | None = None,
		seed: int | None = None,
		count: int = 1,
		visitor: Visitor = STRANGER,
	) -> dict[str, Any]:
		"""Puts a job into the queue and returns it at once; the arguments are those of /generate.
		Follow it by its id.

		Args:
			prompt: What to draw, in words.
		"""
		return start(locals(), visitor).model_dump(mode='json')

	@open_to('anyone')
	async def follow(job: str) -> AsyncIterator[dict[str, Any]]:
		"""Streams a job: as it is now, each change, and its end.

		Args:
			job: The id that /submit returned.
		"""
		progress = gr.Progress()
		with refused():
			async for snapshot in studio.jobs.follow_async(job):
				tell(progress, snapshot)
				yield snapshot.model_dump(mode='json')

	@open_to('anyone')
	def cancel(job: str, mode: StopMode = 'stop', visitor: Visitor = STRANGER) -> dict[str, Any]:
		"""Stops a job. 'stop' at once, 'keep' saves the picture as far as it is, 'skip' leaves out
		only this picture.

		Args:
			job: The id of the job.
			mode: stop, keep or skip.
		"""
		with refused():
			studio.visits.check_own(visitor, job)
		return ask(studio.jobs.stop, job, mode).model_dump(mode='json')

	@open_to('anyone')
	def job(job: str) -> dict[str, Any]:
		"""One job as it is now.

		Args:
			job: The id of the job.
		"""
		return ask(studio.jobs.get, job).model_dump(mode='json')

	@open_to('anyone')
	def jobs() -> list[dict[str, Any]]:
		"""The live jobs in the order they will be drawn, then the fifty that ended last."""
		return [j.model_dump(mode='json') for j in studio.jobs.list()]

	def start(fields: dict[str, Any], visitor: Visitor) -> JobSnapshot:
		given = {k: v for k, v in fields.items() if k in FIELDS and v is not None}
		job = ask(studio.generation.start, given)
		studio.visits.began(visitor, job.id)
		return job

	offer(generate)
	offer(submit, 8)
	offer(follow)
	offer(cancel, 8)
	offer(job, 8)
	offer(jobs, 8)


FIELDS = frozenset(
	(
		'prompt',
		'negative_prompt',
		'model',
		'width',
		'height',
		'steps',
		'guidance_scale',
		'sampler',
		'schedule',
		'seed',
		'count',
	)
)


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


def file_of(picture: Picture) -> dict[str, Any]:
	"""A file as Gradio's client downloads it."""
	return {
		'path': picture.path,
		'orig_name': Path(picture.path).name,
		'meta': {'_type': 'gradio.FileData'},
	}
