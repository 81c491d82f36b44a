"""Generation, as verbs: a request becomes a job, and what is left of a job a task."""

import logging
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from localai.errors import DiskFull, InvalidInput, StorageProblem
from localai.schemas import engine as say
from localai.schemas.families import Family, FamilyName
from localai.schemas.generation import GenerationParameters, GenerationRequest
from localai.schemas.hardware import Estimate
from localai.schemas.jobs import JobSnapshot
from localai.schemas.models import ModelSpec, NamedWeights
from localai.schemas.samplers import schedules_for
from localai.schemas.terms import SEED_LIMIT
from localai.services.fields import read
from localai.services.generation.estimates import Estimates
from localai.store.jobs import Jobs

log = logging.getLogger('localai.generation')
SPARE = 50_000_000  # bytes that stay free on the disk
CHANCE = 2**32  # seeds drawn by chance stay short enough to be read and typed


class Models(Protocol):
	"""What generation needs of the models' service."""

	families: dict[FamilyName, Family]

	def resolve(self, model_id: str) -> ModelSpec: ...
	def weights_of(self, settings: GenerationParameters, model: ModelSpec) -> NamedWeights: ...
	def learn_hash(self, spec: ModelSpec) -> None: ...


class GenerationService:
	"""`enqueue` hands a stored job to the queue."""

	def __init__(
		self,
		folder: Path,
		models: Models,
		jobs: Jobs,
		estimates: Estimates,
		enqueue: Callable[[JobSnapshot], JobSnapshot],
	):
		self.folder = folder
		self.models = models
		self.jobs = jobs
		self.estimates = estimates
		self.enqueue = enqueue

	def read(self, fields: Mapping[str, object] | GenerationRequest) -> GenerationRequest:
		"""One request from whatever a door heard. Raises InvalidInput with the field and one
		sentence."""
		if isinstance(fields, GenerationRequest):
			return fields
		return read(GenerationRequest, fields, rest='schedule')

	def complete(self, request: GenerationRequest, model: ModelSpec) -> GenerationParameters:
		"""Fills in what was left to the model's family. Raises InvalidInput for what cannot be drawn
		with this model."""
		family = self.models.families[model.family]
		effort, shape = family.default_effort, family.shapes[0]
		sampler = request.sampler or effort.sampler
		if sampler not in family.samplers:
			raise InvalidInput(
				f'{family.title} does not work with {sampler}.',
				f'Choose one of: {", ".join(family.samplers)}.',
				'sampler',
			)
		schedule = request.schedule or (
			effort.schedule if effort.schedule in schedules_for(sampler) else 'Automatic'
		)
		if schedule not in schedules_for(sampler):
			raise InvalidInput(
				f'{sampler} has no {schedule} schedule.',
				f'It has: {", ".join(schedules_for(sampler))}.',
				'schedule',
			)
		guidance, seed = request.guidance_scale, request.seed
		# What has no rule here and was left out is as it was before it could be asked for.
		given = request.model_dump(exclude_none=True)
		filled = {
			'model': model.id,
			# What is not read is not said to have been drawn with.
			'negative_prompt': request.negative_prompt if family.negative_prompt else '',
			'width': request.width or shape.width,
			'height': request.height or shape.height,
			'steps': request.steps or effort.steps,
			'guidance_scale': family.guidance_scale if guidance is None else guidance,
			'sampler': sampler,
			'schedule': schedule,
			'seed': secrets.randbelow(CHANCE) if seed is None else seed,
		}
		parameters = GenerationParameters(**given | filled)
		self.models.weights_of(parameters, model)
		return parameters

	def start(self, fields: Mapping[str, object] | GenerationRequest) -> JobSnapshot:
		"""Validates, fills in, draws the seeds, writes the row. From here the job outlives its
		door.

		Raises InvalidInput, ModelProblem, OutOfMemory, StorageProblem.
		"""
		request = self.read(fields)
		model = self.models.resolve(request.model)
		parameters = self.complete(request, model)
		self.estimates.check(parameters, model)
		self.check_disk(parameters)
		seeds = [(parameters.seed + i) % SEED_LIMIT for i in range(parameters.count)]
		job_id = f'{time.time_ns() // 1_000_000:011x}{secrets.token_hex(2)}'
		job = self.jobs.add(job_id, parameters, seeds)
		log.info('job %s queued: %s pictures with %s', job_id, parameters.count, model.name)
		if notes := self.estimates.notes(parameters, model):
			self.jobs.note(job.id, notes)
		return self.enqueue(job.model_copy(update={'notes': notes}))

	def estimate(self, fields: Mapping[str, object]) -> Estimate:
		"""What a request would cost; an empty prompt costs as much as any other. Raises
		InvalidInput, ModelProblem."""
		prompt = str(fields.get('prompt') or '').strip()
		request = self.read({**fields, 'prompt': prompt or 'x'})
		model = self.models.resolve(request.model)
		return self.estimates.estimate(self.complete(request, model), model, empty=not prompt)

	def task(self, job: JobSnapshot) -> say.Generate:
		"""What is left to draw of a job. Raises ModelProblem, StorageProblem, InvalidInput for one
		of a later version that asks for more than can be drawn here."""
		self.check_known(job.request)
		model = self.models.resolve(job.request.model)
		self.check_disk(job.request)
		self.models.learn_hash(model)
		done = {p.index for p in job.pictures} | self.jobs.skipped(job.id)
		drawings = tuple(
			say.Drawing(index=i, seed=s) for i, s in enumerate(job.seeds) if i not in done
		)
		return say.Generate(
			job_id=job.id,
			request=job.request,
			model=model,
			weights=self.models.weights_of(job.request, model),
			drawings=drawings,
		)

	def check_known(self, parameters: GenerationParameters) -> None:
		"""To leave out what is not understood would draw another picture."""
		try:
			self.read(parameters.model_dump())
		except InvalidInput as error:
			raise InvalidInput(
				f'This job comes from another version of LocalAI: {error.message}',
				'Draw it with that version, or start it again here.',
				error.field,
			) from error

	def check_disk(self, request: GenerationParameters) -> None:
		try:
			self.folder.mkdir(exist_ok=True)
			free = shutil.disk_usage(self.folder).free
		except OSError as error:
			raise StorageProblem(
				f'The folder {self.folder} cannot be used: {error.strerror or error}.',
				'Connect the disk again, or set LOCALAI_HOME to another folder.',
			) from error
		needed = SPARE + request.count * request.width * request.height * 3
		if free < needed:
			raise DiskFull(
				f'The disk holding {self.folder} has {free / 1e6:.0f} MB free, '
				f'but the pictures need up to {needed / 1e6:.0f} MB.'
			)
