"""Generation, as verbs: a request becomes a job, a job becomes a task, a drawn picture becomes a
saved one."""

import logging
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import psutil
from pydantic import ValidationError

from localai import __version__
from localai.errors import DiskFull, InvalidInput, LocalAIError, OutOfMemory, StorageProblem
from localai.files.pictures import metadata, writing
from localai.files.weights import tokens
from localai.schemas import engine as say
from localai.schemas.families import Family, FamilyName
from localai.schemas.generation import SEED_LIMIT, GenerationRequest, Picture, Receipt
from localai.schemas.hardware import Estimate, MemoryReading
from localai.schemas.jobs import JobSnapshot
from localai.schemas.models import ModelSpec
from localai.schemas.samplers import evaluations, schedules_for
from localai.services.history import recording
from localai.store.history import History
from localai.store.jobs import Jobs

log = logging.getLogger('localai.generation')
SPARE = 50_000_000  # bytes that stay free on the disk


class Models(Protocol):
	"""What generation needs of the models' service."""

	families: dict[FamilyName, Family]

	def resolve(self, model_id: str) -> ModelSpec: ...
	def learn_hash(self, spec: ModelSpec) -> None: ...
	def sha256(self, spec: ModelSpec) -> str: ...


class GenerationService:
	"""`enqueue` hands a stored job to the queue; `resident` is the id of the model that is in
	memory; `saved` hears of each picture that is kept."""

	def __init__(
		self,
		folder: Path,
		models: Models,
		jobs: Jobs,
		history: History,
		enqueue: Callable[[JobSnapshot], JobSnapshot],
		resident: Callable[[], str],
		saved: Callable[[Picture], None] = lambda picture: None,
	):
		self.folder = folder
		self.models = models
		self.jobs = jobs
		self.history = history
		self.enqueue = enqueue
		self.resident = resident
		self.saved = saved

	def read(self, fields: Mapping[str, object] | GenerationRequest) -> GenerationRequest:
		"""One request from whatever a door heard. Raises InvalidInput with the field and one
		sentence."""
		if isinstance(fields, GenerationRequest):
			return fields
		try:
			return GenerationRequest.model_validate(dict(fields))
		except ValidationError as error:
			problem = error.errors()[0]
			field = str(problem['loc'][0]) if problem['loc'] else 'schedule'
			match problem['type']:
				case 'value_error':
					message = str(problem['ctx']['error'])
				case 'extra_forbidden':
					message = f'There is no setting called {field!r}.'
				case 'missing':
					message = f'{field} is missing.'
				case _:
					message = f'{field} is not valid: {problem["msg"]}.'
			raise InvalidInput(message, field=field) from error

	def complete(self, request: GenerationRequest, model: ModelSpec) -> GenerationRequest:
		"""Fills in what was left to the model's family."""
		family = self.models.families[model.family]
		effort, shape = family.default_effort, family.shapes[0]
		sampler = request.sampler or effort.sampler
		schedule = request.schedule or (
			effort.schedule if effort.schedule in schedules_for(sampler) else 'Automatic'
		)
		if schedule not in schedules_for(sampler):
			raise InvalidInput(
				f'{sampler} has no {schedule} schedule.',
				f'It has: {", ".join(schedules_for(sampler))}.',
				'schedule',
			)
		return request.model_copy(
			update={
				'model': model.id,
				'width': request.width or shape.width,
				'height': request.height or shape.height,
				'steps': request.steps or effort.steps,
				'guidance_scale': family.guidance_scale
				if request.guidance_scale is None
				else request.guidance_scale,
				'sampler': sampler,
				'schedule': schedule,
				'seed': secrets.randbelow(SEED_LIMIT) if request.seed is None else request.seed,
			}
		)

	def start(self, fields: Mapping[str, object] | GenerationRequest) -> JobSnapshot:
		"""Validates, fills in, draws the seeds, writes the row. From here the job outlives its
		door.

		Raises InvalidInput, ModelProblem, OutOfMemory, StorageProblem.
		"""
		request = self.read(fields)
		model = self.models.resolve(request.model)
		request = self.complete(request, model)
		memory = read_memory()
		needed = self.bytes_needed(request, model)
		if needed > memory.total:
			raise OutOfMemory(
				f'This needs about {needed / 1e9:.1f} GB and the machine has {memory.total / 1e9:.1f} GB.'
			)
		self.check_disk(request)
		seeds = [(request.seed + i) % SEED_LIMIT for i in range(request.count)]
		job_id = f'{time.time_ns() // 1_000_000:011x}{secrets.token_hex(2)}'
		job = self.jobs.add(job_id, request, seeds)
		log.info('job %s queued: %s pictures with %s', job_id, request.count, model.name)
		return self.enqueue(self.with_notes(job, model))

	def with_notes(self, job: JobSnapshot, model: ModelSpec) -> JobSnapshot:
		"""Says which end of a long prompt the model will not read."""
		family, notes = self.models.families[model.family], []
		for label, text in (
			('prompt', job.request.prompt),
			('negative prompt', job.request.negative_prompt),
		):
			count = self.count_tokens(model, family, text)
			if count > family.token_limit:
				notes.append(
					f'The {label} has {count} tokens and {model.name} reads {family.token_limit}; '
					f'the last {count - family.token_limit} are left out.'
				)
		if notes:
			self.jobs.note(job.id, notes)
		return job.model_copy(update={'notes': tuple(notes)})

	def task(self, job: JobSnapshot) -> say.Generate:
		"""What is left to draw of a job. Raises ModelProblem, StorageProblem."""
		model = self.models.resolve(job.request.model)
		self.check_disk(job.request)
		self.models.learn_hash(model)
		done = {p.index for p in job.pictures} | self.jobs.skipped(job.id)
		drawings = tuple(
			say.Drawing(index=i, seed=s) for i, s in enumerate(job.seeds) if i not in done
		)
		return say.Generate(job_id=job.id, request=job.request, model=model, drawings=drawings)

	def save(self, job: JobSnapshot, model: ModelSpec, drawn: say.Drawn) -> Picture:
		"""File first, with its texts inside, then the row. A full disk sends the file to the
		temporary folder."""
		when = datetime.now(UTC)
		receipt = Receipt(
			app=__version__,
			torch=drawn.torch,
			diffusers=drawn.diffusers,
			model_name=model.name,
			model_hash=self.models.sha256(model)[:10],
			device=drawn.device,
			dtype=drawn.dtype,
			attention=drawn.attention,
			seconds=round(drawn.seconds, 3),
			steps_done=drawn.steps_done,
			stopped_early=drawn.stopped_early,
			family=model.family,
		)
		record = metadata.Record(
			job_id=job.id,
			index=drawn.index,
			seed=drawn.seed,
			request=job.request,
			receipt=receipt,
			model_id=model.id,
			created_at=when.isoformat(),
		)
		png = metadata.embed(drawn.data, record, drawn.width, drawn.height)
		path = writing.picture_path(self.folder, job.id, drawn.index, drawn.seed, when)
		try:
			writing.write_whole(path, png)
		except StorageProblem as error:
			raise self.rescue(error, png, path.name) from error
		try:
			size = drawn.width, drawn.height
			row = recording.of_record(record, path, self.folder, writing.digest(png), size)
			saved, _ = self.history.record(row)
			self.saved(saved)
			return saved
		except StorageProblem as error:
			message = f'{error.message} The picture was kept as {path}.'
			raise type(error)(message, error.remedy) from error

	def rescue(self, error: StorageProblem, png: bytes, name: str) -> StorageProblem:
		"""Keeps a picture that its own folder refused; the error then says where it is."""
		refuge = Path(tempfile.gettempdir()) / 'localai-rescued' / name
		try:
			writing.write_whole(refuge, png)
		except StorageProblem:
			log.exception('picture %s could not be kept anywhere', name)
			return error
		return type(error)(f'{error.message} It was kept as {refuge}.', error.remedy)

	def adopt(self, job: JobSnapshot) -> int:
		"""Records pictures of a job whose file was written when the app was stopped, before the row
		was. Returns how many."""
		known, adopted = {Path(p.path) for p in job.pictures}, 0
		for path in writing.find_pictures(self.folder, job.id, job.created_at):
			if path in known:
				continue
			try:
				row = recording.of_file(path, self.folder)
			except (OSError, LocalAIError):  # cut off while it was written, or no picture at all
				continue
			if row.job_id != job.id:
				continue
			if self.history.discarded(row.path):  # it was being deleted; its row is in the trash
				self.jobs.skip(job.id, row.index)
			else:
				adopted += self.history.record(row)[1]
		for part in self.folder.glob(f'*/.{job.id}-*.part'):
			part.unlink(missing_ok=True)
		return adopted

	def estimate(self, fields: Mapping[str, object]) -> Estimate:
		"""What a request would cost; an empty prompt costs as much as any other."""
		request = self.read({**fields, 'prompt': str(fields.get('prompt') or '').strip() or 'x'})
		model = self.models.resolve(request.model)
		family = self.models.families[model.family]
		empty = not str(fields.get('prompt') or '').strip()
		memory = read_memory()
		request = self.complete(request, model)
		needed = self.bytes_needed(request, model)
		return Estimate(
			seconds=self.seconds_needed(request),
			bytes=needed,
			memory=memory,
			fits=needed - (weights(model) if self.resident() == model.id else 0) <= memory.free,
			tokens=2 if empty else self.count_tokens(model, family, request.prompt),
			negative_tokens=self.count_tokens(model, family, request.negative_prompt),
			token_limit=family.token_limit,
		)

	def seconds_needed(self, request: GenerationRequest) -> float | None:
		"""From what this model took here lately; None before its first picture."""
		pace = self.history.speed(request.model)
		if pace is None:
			return None
		calls = evaluations(request.sampler, request.steps)
		return pace * calls * request.count * request.width * request.height / 1e6

	def bytes_needed(self, request: GenerationRequest, model: ModelSpec) -> int:
		"""The weights, and one picture being decoded."""
		family = self.models.families[model.family]
		return weights(model) + request.width * request.height * family.bytes_per_pixel

	def count_tokens(self, model: ModelSpec, family: Family, text: str) -> int:
		try:
			return tokens.count_tokens(tokens.tokenizer_of(Path(model.path)), text)
		except Exception as error:  # the tokenizers library raises bare Exception
			log.warning('the tokenizer of %s cannot be read: %s', model.name, error)
			return 0

	def check_disk(self, request: GenerationRequest) -> None:
		try:
			self.folder.mkdir(exist_ok=True)
			free = shutil.disk_usage(self.folder).free
		except OSError as error:
			raise StorageProblem(
				f'The folder {self.folder} cannot be used: {error.strerror or error}.',
				'Bring its disk back, or set LOCALAI_HOME to another folder.',
			) from error
		needed = SPARE + request.count * request.width * request.height * 3
		if free < needed:
			raise DiskFull(
				f'The disk of {self.folder} has {free / 1e6:.0f} MB free and the pictures need up to {needed / 1e6:.0f} MB.'
			)


def read_memory() -> MemoryReading:
	memory = psutil.virtual_memory()
	return MemoryReading(free=memory.available, total=memory.total)


def weights(model: ModelSpec) -> int:
	"""Bytes in memory: half precision, single where the model is tiny."""
	return model.parameters * (4 if model.parameters < 100_000_000 else 2)
