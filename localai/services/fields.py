"""Knows how the fields that a door heard become one of our schemas, with one sentence for what is
wrong."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError

from localai.errors import InvalidInput
from localai.schemas.base import Schema

Kind = TypeVar('Kind', bound=Schema)
SHOWN = 60  # characters of a wrong value that are repeated


def read(schema: type[Kind], fields: Mapping[str, object]) -> Kind:
	"""Raises InvalidInput with the field and one sentence."""
	try:
		return schema.model_validate(dict(fields))
	except ValidationError as error:
		problem = error.errors()[0]
		field = str(problem['loc'][0]) if problem['loc'] else ''
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


def short(value: object) -> str:
	text = repr(value)
	return text if len(text) <= SHOWN else f'{text[:SHOWN]}…'


def ids_of(value: object, most: int) -> tuple[int, ...]:
	"""The numbers of pictures, each once. Raises InvalidInput for what are none."""
	if isinstance(value, int) and not isinstance(value, bool):
		value = (value,)
	if not isinstance(value, list | tuple | set | frozenset):
		raise InvalidInput('Which pictures is not said.', 'Send a list of their numbers.', 'ids')
	if len(value) > most:
		raise InvalidInput(
			f'These are {len(value):,} pictures; {most:,} at once are the most.',
			'Choose fewer.',
			'ids',
		)
	for one in value:
		if isinstance(one, bool) or not isinstance(one, int) or not 0 < one < 2**63:
			raise InvalidInput(f'{short(one)} is not the number of a picture.', field='ids')
	return tuple(dict.fromkeys(value))
