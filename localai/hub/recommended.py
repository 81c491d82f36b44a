"""Knows the models worth having on machines from 2 GB to 80 GB; the list is data beside this file."""

from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from localai.schemas.downloads import Recommendation
from localai.schemas.families import FAMILIES

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
