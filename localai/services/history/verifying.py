"""Verification, as a verb: a picture is drawn again from its receipt and held against the one that was
kept, pixel by pixel."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from localai import __version__
from localai.errors import InvalidInput, ModelProblem, UnknownName
from localai.files.pictures.opening import UNREADABLE, opened
from localai.schemas import engine as say
from localai.schemas.generation import GenerationParameters, GenerationRequest, Picture
from localai.schemas.history import Verdict
from localai.schemas.models import ModelEntry, ModelSpec, NamedWeights
from localai.services.fields import read
from localai.services.history.differences import conditions
from localai.services.history.reuse import unasked
from localai.services.history.service import HistoryService
from localai.services.jobs.chores import Judge, chore_id


class Models(Protocol):
	"""What is needed of the models' service."""

	def resolve(self, model_id: str) -> ModelSpec: ...
	def weights_of(self, settings: GenerationParameters, model: ModelSpec) -> NamedWeights: ...
	def match(self, model_id: str, name: str, digest: str) -> ModelEntry | None: ...
	def sha256(self, spec: ModelSpec) -> str: ...


class VerifyService:
	"""`begin` hands the task to the engine before the next job."""

	def __init__(
		self, history: HistoryService, models: Models, begin: Callable[[say.Generate, Judge], str]
	):
		self.history = history
		self.models = models
		self.begin = begin

	def start(self, picture_id: int) -> str:
		"""Returns the id of the chore to follow; at its end it has a verdict. Raises UnknownName,
		InvalidInput for what cannot be drawn again, ModelProblem, EngineDied."""
		picture = self.history.get(picture_id)
		check(picture)
		model = self.model_of(picture)
		known = set(GenerationRequest.model_fields)
		fields = picture.request.model_dump(include=known, exclude_none=True)
		fields |= {'count': 1, 'model': model.id}
		read(GenerationRequest, fields)  # within what can be asked for here
		request = read(GenerationParameters, fields)
		task = say.Generate(
			kind='verify',
			job_id=chore_id(),
			request=request,
			model=model,
			weights=self.models.weights_of(request, model),
			drawings=(say.Drawing(index=0, seed=picture.seed),),
		)
		return self.begin(task, lambda drawn: self.judge(picture, model, drawn))

	def model_of(self, picture: Picture) -> ModelSpec:
		"""The one it was drawn with: by its name here, or else by its hash."""
		receipt = picture.receipt
		try:
			return self.models.resolve(picture.request.model)
		except (UnknownName, ModelProblem):
			entry = self.models.match(picture.request.model, receipt.model_name, receipt.model_hash)
			if entry is None:
				raise
			return self.models.resolve(entry.id)

	def judge(self, picture: Picture, model: ModelSpec, drawn: say.Drawn) -> Verdict:
		"""Raises UnknownName when the file went meanwhile."""
		now = drawn.model_dump(include={'torch', 'diffusers', 'device', 'dtype', 'attention'})
		now |= {
			'app': __version__,
			'model_name': model.name,
			'model_hash': self.models.sha256(model)[:10],
		}
		verdict = compare(pixels(Path(picture.path)), pixels(drawn.data))
		return verdict.model_copy(
			update={
				'picture': picture.id,
				'conditions': conditions(picture.receipt.model_dump(), now),
				'seconds': round(drawn.seconds, 3),
			}
		)


def check(picture: Picture) -> None:
	"""Raises InvalidInput, UnknownName where there is nothing to verify."""
	if not picture.receipt.torch or picture.seed is None:
		raise InvalidInput(
			'Another program drew this picture, so LocalAI cannot draw it again to compare.',
			'Use its settings to draw something like it.',
			'picture',
		)
	if picture.receipt.stopped_early:
		raise InvalidInput(
			'This picture was kept before it was finished, '
			'so drawing it again gives a different result.',
			'Verify a finished picture.',
			'picture',
		)
	if unknown := unasked(picture.request):
		raise InvalidInput(
			f'This picture uses settings that this version of LocalAI does not know: {", ".join(unknown)}.',
			'Verify it with the version that drew it.',
			'picture',
		)
	if not Path(picture.path).is_file():
		raise UnknownName(
			'The file of this picture is missing, so there is nothing to compare with.',
			'Draw it again with its settings.',
			'picture',
		)


def pixels(source: Path | bytes) -> np.ndarray:
	"""Height x width x 3, 0 to 255."""
	try:
		with opened(source) as image:
			return np.asarray(image.convert('RGB'), dtype=np.int16)
	except UNREADABLE as error:
		raise UnknownName(
			'The file of this picture cannot be read.', 'Look for it in your own copies.', 'picture'
		) from error


def compare(kept: np.ndarray, drawn: np.ndarray) -> Verdict:
	"""Two pictures of the same size; of different sizes all pixels differ."""
	if kept.shape != drawn.shape:
		return Verdict(picture=0, state='different', maximum=255, mean=255.0, share=1.0)
	apart = np.abs(kept - drawn)
	return Verdict(
		picture=0,
		state='different' if apart.any() else 'identical',
		maximum=int(apart.max(initial=0)),
		mean=round(float(apart.mean()), 4),
		share=round(float(apart.any(axis=2).mean()), 6),
	)
