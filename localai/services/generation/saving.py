"""A drawn picture becomes a saved one, whatever happens on the way."""

import logging
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from localai import __version__
from localai.errors import LocalAIError, StorageProblem
from localai.files.pictures import metadata, writing
from localai.schemas import engine as say
from localai.schemas.generation import Picture, Receipt
from localai.schemas.jobs import JobSnapshot
from localai.schemas.models import ModelSpec
from localai.services.history import recording
from localai.store.history import History
from localai.store.jobs import Jobs

log = logging.getLogger('localai.generation')


class Hashes(Protocol):
	"""What saving needs of the models' service."""

	def sha256(self, spec: ModelSpec) -> str: ...


class Saving:
	"""`saved` hears of each picture that is kept."""

	def __init__(
		self,
		folder: Path,
		models: Hashes,
		jobs: Jobs,
		history: History,
		saved: Callable[[Picture], None] = lambda picture: None,
	):
		self.folder = folder
		self.models = models
		self.jobs = jobs
		self.history = history
		self.saved = saved

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
