"""Knows the models worth having on machines from 2 GB to 80 GB; the list is data beside this file."""

from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from localai.schemas.downloads import Recommendation
from localai.schemas.families import FAMILIES
from localai.schemas.models import ModelDefaults

LIST = Path(__file__).with_name('recommended.json')
READER = TypeAdapter(tuple[Recommendation, ...])


@cache
def recommendations() -> tuple[Recommendation, ...]:
	"""The list as it ships, from small to large. `drawable` holds only where this version knows the
	family. Bytes are those of the files of `variant`, rounded; memory is that of drawing in half
	precision, with the text encoders waiting in main memory where that helps."""
	return tuple(
		one.model_copy(update={'drawable': one.drawable and one.family in FAMILIES})
		for one in READER.validate_json(LIST.read_bytes())
	)


@cache
def by_repo() -> dict[str, Recommendation]:
	return {one.repo: one for one in recommendations()}


def settings_of(repo: str) -> ModelDefaults:
	"""What a model is drawn with as long as nobody has chosen: a distilled one with its few steps."""
	known = by_repo().get(repo)
	return known.settings if known else ModelDefaults()
