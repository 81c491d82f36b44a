"""Knows how the fields that a door heard become one of our schemas, with one sentence for what is
wrong."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from pydantic import ValidationError

from localai.errors import InvalidInput
from localai.schemas.base import Schema
from localai.schemas.generation import GenerationRequest
from localai.schemas.history import NOTES_LIMIT
from localai.schemas.models import ModelDefaults
from localai.text import clean

Kind = TypeVar('Kind', bound=Schema)
SHOWN = 60  # characters of a wrong value that are repeated


def read(schema: type[Kind], fields: Mapping[str, object], rest: str = '') -> Kind:
	"""Raises InvalidInput with the field and one sentence; `rest` is the field of what is wrong with
	all of it."""
	try:
		return schema.model_validate(dict(fields))
	except ValidationError as error:
		problem = error.errors()[0]
		field = path_of(problem['loc']) or rest
		match problem['type']:
			case 'value_error':
				raise InvalidInput(str(problem['ctx']['error']), field=field) from error
			case 'extra_forbidden':
				raise InvalidInput(f'There is no setting called {field!r}.', field=field) from error
			case 'missing':
				raise InvalidInput(f'{field} is missing.', field=field) from error
			case 'literal_error':
				choices = problem['ctx']['expected'].replace("'", '').replace(' or ', ', ')
				raise InvalidInput(
					f'{field} cannot be {short(problem["input"])}.',
					f'Choose one of: {choices}.'.replace(': ,', ':'),
					field,
				) from error
		raise InvalidInput(f'{field} is not valid: {problem["msg"]}.', field=field) from error


def path_of(places: Sequence[int | str]) -> str:
	"""The way to a field, as `loras.0.weight`; of one in a list it is the list."""
	places = list(places)
	while places and isinstance(places[-1], int):
		places.pop()
	return '.'.join(map(str, places))


def short(value: object) -> str:
	text = repr(value)
	return text if len(text) <= SHOWN else f'{text[:SHOWN]}…'


def ids_of(value: object, most: int) -> tuple[int, ...]:
	"""The numbers of pictures, each once. Raises InvalidInput for what are none."""
	if isinstance(value, int) and not isinstance(value, bool):
		value = (value,)
	if not isinstance(value, list | tuple | set | frozenset):
		raise InvalidInput('No pictures were named.', 'Send a list of their numbers.', 'ids')
	if len(value) > most:
		raise InvalidInput(
			f'That is {len(value):,} pictures; the limit is {most:,} at a time.',
			'Choose fewer.',
			'ids',
		)
	for one in value:
		if isinstance(one, bool) or not isinstance(one, int) or not 0 < one < 2**63:
			raise InvalidInput(f'{short(one)} is not a picture number.', field='ids')
	return tuple(dict.fromkeys(value))


def read_notes(text: str) -> str:
	if not isinstance(text, str):
		raise InvalidInput('The notes must be text.', 'Send text.', 'notes')
	if len(text) > NOTES_LIMIT:
		raise InvalidInput(
			f'The notes have {len(text):,} characters; the limit is {NOTES_LIMIT:,}.',
			'Shorten them.',
			'notes',
		)
	return clean(text)


def read_defaults(defaults: ModelDefaults | dict) -> ModelDefaults:
	"""As a request would have them: the same limits, the same sentences. Raises InvalidInput."""
	given = defaults.model_dump() if isinstance(defaults, ModelDefaults) else defaults
	if not isinstance(given, dict):
		raise InvalidInput(
			'The defaults must be named values.', 'Send an object of names and values.', 'defaults'
		)
	given = {name: value for name, value in given.items() if value is not None}
	strange = [name for name in given if name not in ModelDefaults.model_fields]
	if strange:
		raise InvalidInput(f'There is no default called {str(strange[0])[:40]!r}.', '', 'defaults')
	request = read(GenerationRequest, {'prompt': 'x', **given})
	return ModelDefaults(**{name: getattr(request, name) for name in given})


def read_thumbnail(picture: int | None) -> int | None:
	if picture is None:
		return None
	if isinstance(picture, bool) or not isinstance(picture, int) or not 0 < picture < 2**63:
		raise InvalidInput(
			'A thumbnail must be the number of a picture.', 'Choose a picture.', 'thumbnail'
		)
	return picture
