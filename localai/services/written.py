"""Checks what a person writes of a model: notes, defaults, a picture that stands for it."""

import re

from localai.errors import InvalidInput
from localai.schemas.generation import GenerationRequest
from localai.schemas.models import ModelDefaults
from localai.services.fields import read

NOTES = 10_000  # characters


def read_notes(text: str) -> str:
	if not isinstance(text, str):
		raise InvalidInput('The notes must be text.', 'Write words.', 'notes')
	if len(text) > NOTES:
		raise InvalidInput(
			f'The notes have {len(text):,} characters; {NOTES:,} are the most.',
			'Shorten them.',
			'notes',
		)
	text = text.encode('utf-8', 'ignore').decode('utf-8').replace('\r\n', '\n')
	return re.sub(r'[\x00-\x08\x0b-\x1f\x7f]', ' ', text).strip()


def read_defaults(defaults: ModelDefaults | dict) -> ModelDefaults:
	"""As a request would have them: the same limits, the same sentences. Raises InvalidInput."""
	given = defaults.model_dump() if isinstance(defaults, ModelDefaults) else defaults
	if not isinstance(given, dict):
		raise InvalidInput('The defaults must be named values.', 'Name each of them.', 'defaults')
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
			'A thumbnail is the number of a picture.', 'Choose a picture.', 'thumbnail'
		)
	return picture
