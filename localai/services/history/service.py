"""History, as verbs: searches a page at a time, one picture with all that is known of it, two beside
each other, the prompts of the day."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from localai.errors import UnknownName
from localai.files.pictures import metadata
from localai.files.pictures.readings import read_settings
from localai.schemas.exchange import Offer
from localai.schemas.generation import Picture
from localai.schemas.history import (
	MANY,
	Comparison,
	HistoryPage,
	HistoryQuery,
	Outline,
	PictureCard,
	PromptStep,
	Reuse,
	Vocabulary,
)
from localai.schemas.models import ModelEntry
from localai.services.fields import read
from localai.services.history import differences, reuse
from localai.services.history.search import understand
from localai.services.history.thumbnails import Thumbnails
from localai.store.history import History
from localai.store.pages import Pages

log = logging.getLogger('localai.history')
STEPS = 60  # prompts of the timeline at once
LOOKED = 2000  # pictures that are looked at for them


class Models(Protocol):
	"""What is needed of the models' service."""

	def match(self, model_id: str, name: str, digest: str) -> ModelEntry | None: ...


class HistoryService:
	def __init__(self, store: History, pages: Pages, thumbnails: Thumbnails, models: Models):
		self.store = store
		self.pages = pages
		self.thumbnails = thumbnails
		self.models = models

	# Many

	def find(self, query: HistoryQuery | Mapping[str, object]) -> HistoryPage:
		"""A part of what a search finds. Raises InvalidInput."""
		query = self.read(query)
		search = understand(query.text)
		entries = self.pages.find(search, query.sort, query.day, query.offset, query.limit + 1)
		return HistoryPage(
			entries=entries[: query.limit], more=len(entries) > query.limit, notes=search.notes
		)

	def outline(self, query: HistoryQuery | Mapping[str, object]) -> Outline:
		"""How many pictures a search finds, and on which days."""
		query = self.read(query)
		search = understand(query.text)
		total, days = self.pages.outline(search, query.sort)
		return Outline(total=total, days=days, notes=search.notes)

	def select(self, query: HistoryQuery | Mapping[str, object]) -> tuple[int, ...]:
		"""The ids of all that a search finds, in its order, at most MANY."""
		query = self.read(query)
		return self.pages.select(understand(query.text), query.sort, MANY)

	def recent(self, limit: int = 60, before: int | None = None) -> tuple[Picture, ...]:
		"""What was drawn here, newest first; `before` is the id of the last picture of the page
		before."""
		return self.store.recent(min(max(1, limit), 200), before, 'generated')

	def vocabulary(self) -> Vocabulary:
		return self.pages.vocabulary()

	def read(self, query: HistoryQuery | Mapping[str, object]) -> HistoryQuery:
		return query if isinstance(query, HistoryQuery) else read(HistoryQuery, query)

	# One

	def get(self, picture_id: int) -> Picture:
		"""Raises UnknownName."""
		picture = self.store.get(picture_id) if 0 < picture_id < 2**63 else None
		if picture is None:
			raise unknown(picture_id)
		return picture

	def many(self, ids: Sequence[int]) -> tuple[Picture, ...]:
		"""In the order asked; those that are gone are left out."""
		return self.store.many(ids)

	def thumbnail(self, picture_id: int) -> Path:
		"""The small WebP of a picture, made on first sight. Raises UnknownName when the file is
		gone."""
		place = self.store.place(picture_id) if 0 < picture_id < 2**63 else None
		if place is None:
			raise unknown(picture_id)
		ordinal, path, digest = place
		return self.thumbnails.get(ordinal, digest, self.store.folder / path)

	def prepare_thumbnail(self, picture: Picture) -> None:
		place = self.store.place(picture.id)
		if place:
			self.thumbnails.prepare(place[0], place[2], Path(picture.path))

	def card(self, picture_id: int) -> PictureCard:
		"""All of a picture, and what has changed since the one before it. Raises UnknownName."""
		picture = self.get(picture_id)
		marks = self.store.marks([picture_id])[picture_id]
		before = self.store.previous(picture_id) if picture.kind == 'generated' else None
		file = self.store.file(picture_id)
		return PictureCard(
			picture=picture,
			marks=marks,
			bytes=file[0] if file else 0,
			missing=not Path(picture.path).is_file(),
			previous=before.id if before else None,
			pieces=differences.pieces(before.request.prompt, picture.request.prompt)
			if before
			else (),
			changes=differences.between(before, picture) if before else (),
			parameters=metadata.parameters_text(picture, picture.width, picture.height),
		)

	def compare(self, left_id: int, right_id: int) -> Comparison:
		"""Two pictures beside each other. Raises UnknownName."""
		left, right = self.get(left_id), self.get(right_id)
		return Comparison(
			left=left,
			right=right,
			pieces=differences.pieces(left.request.prompt, right.request.prompt),
			negative_pieces=differences.pieces(
				left.request.negative_prompt, right.request.negative_prompt
			),
			settings=differences.between(left, right),
		)

	def reuse(self, picture_id: int) -> Reuse:
		"""Its settings as far as they can be asked for here. Raises UnknownName."""
		return reuse.of_picture(self.get(picture_id), self.models.match)

	def offer(self, source: Path | bytes) -> Offer:
		"""What a picture file says of itself, and what of it can be asked for here; nothing is kept.
		Raises InvalidInput."""
		reading = read_settings(source)
		recipe, model = reading.recipe, (reading.recipe.model, reading.model_hash)
		again = reuse.reuse(recipe, recipe.seed, model, self.models.match)
		return Offer(**reading.model_dump(), reuse=again)

	def inside(self, picture_id: int) -> Offer:
		"""The same of a picture's own file, as it is now. Raises UnknownName, InvalidInput."""
		path = Path(self.get(picture_id).path)
		if not path.is_file():
			raise UnknownName(
				'The file of this picture is missing.', 'Look for it in your own copies.', 'picture'
			)
		return self.offer(path)

	def timeline(self, before: int | None = None, limit: int = STEPS) -> tuple[PromptStep, ...]:
		"""The prompts that were drawn, the last first, each with its last picture; the same prompt
		with other seeds is one step. `before` is the picture of the step where the last page ended.
		"""
		limit = min(max(1, limit), STEPS)
		runs: list[list[Picture]] = []
		looked, last = 0, before
		while looked < LOOKED and len(runs) <= limit + 1:
			page = self.recent(200, last)
			if not page:
				break
			looked, last = looked + len(page), page[-1].id
			for picture in page:
				if runs and same_prompt(runs[-1][0], picture):
					runs[-1].append(picture)
				else:
					runs.append([picture])
		if before is not None and runs:
			# What belongs to the step before is not told twice.
			ended = self.store.get(before)
			if ended and same_prompt(ended, runs[0][0]):
				runs = runs[1:]
		olders = [*runs[1:], None][: len(runs)]
		return tuple(
			PromptStep(
				picture=run[0],
				count=len(run),
				pieces=differences.pieces(
					older[0].request.prompt if older else run[0].request.prompt,
					run[0].request.prompt,
				),
			)
			for run, older in list(zip(runs, olders, strict=True))[:limit]
		)


def same_prompt(one: Picture, other: Picture) -> bool:
	return (one.request.prompt, one.request.negative_prompt) == (
		other.request.prompt,
		other.request.negative_prompt,
	)


def unknown(picture_id: int) -> UnknownName:
	return UnknownName(f'There is no picture {picture_id}.', 'It may have been deleted.', 'picture')
