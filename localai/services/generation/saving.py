"""A drawn picture becomes a saved one, whatever happens on the way."""

import logging
import os
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from localai import __version__
from localai.errors import DiskFull, StorageProblem
from localai.files.pictures import metadata, writing
from localai.files.pictures.refuge import Refuge
from localai.files.reserve import Reserve
from localai.schemas import engine as say
from localai.schemas.generation import Picture, Receipt
from localai.schemas.jobs import JobSnapshot
from localai.schemas.models import ModelSpec
from localai.services.history import recording
from localai.store.history import History
from localai.store.unsettled import Unsettled

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
		history: History,
		unsettled: Unsettled,
		reserve: Reserve,
		refuge: Refuge,
		saved: Callable[[Picture], None] = lambda picture: None,
	):
		self.folder = folder
		self.models = models
		self.history = history
		self.unsettled = unsettled
		self.reserve = reserve
		self.refuge = refuge
		self.saved = saved

	def save(self, job: JobSnapshot, model: ModelSpec, drawn: say.Drawn) -> Picture:
		"""File first, with its texts inside, then the row. On a full disk there is room for what was
		drawn; what its disk refuses otherwise waits elsewhere."""
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
		size = drawn.width, drawn.height
		try:
			try:
				return self.keep(record, png, size)
			except DiskFull:
				with self.reserve.lent():
					return self.keep(record, png, size)
		except StorageProblem as error:
			raise self.rescue(error, record, png) from error

	def keep(self, record: metadata.Record, png: bytes, size: tuple[int, int]) -> Picture:
		path = self.path_of(record)
		with self.unsettled.at(path.parent.name):
			writing.write_whole(path, png)
			row = recording.of_record(record, path, self.folder, writing.digest(png), size)
			picture, _ = self.history.record(row)
		self.saved(picture)
		return picture

	def path_of(self, record: metadata.Record) -> Path:
		when = datetime.fromisoformat(record.created_at)
		return writing.picture_path(self.folder, record.job_id, record.index, record.seed, when)

	def rescue(self, error: StorageProblem, record: metadata.Record, png: bytes) -> StorageProblem:
		"""Keeps a picture that its own folder or the database refused; the error then says where."""
		path = self.path_of(record)
		try:
			if not os.path.isfile(path):
				path = self.refuge.take(path.name, png)
		except (OSError, StorageProblem):
			log.exception('picture %s could not be saved anywhere', path.name)
			return error
		told = f'{error.message} It is kept as {path} and will appear in the history.'
		return type(error)(told, error.remedy)

	def bring_home(self) -> int:
		"""Pictures that wait elsewhere, as far as their disk takes them now; returns how many still
		wait."""
		waiting = 0
		for path, data in self.refuge.waiting():
			record = metadata.read_record(data)
			if record is None:
				continue
			try:
				picture = self.keep(record, data, size_of(data))
				log.info('picture %s was moved home from %s', picture.id, path)
				self.refuge.leave(path)
			except StorageProblem:
				waiting += 1
		return waiting


def size_of(png: bytes) -> tuple[int, int]:
	"""Width and height, as every PNG begins: https://www.w3.org/TR/png/#11IHDR."""
	width, height = struct.unpack('>II', png[16:24])
	return width, height
