"""Knows what comes into the history from elsewhere and what leaves it: readings, imports, exports."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from localai.schemas.base import Schema
from localai.schemas.generation import Recipe
from localai.schemas.history import MANY, TEXT_LIMIT, Reuse

FILE_LIMIT = 64 * 1024**2  # bytes of a file that is sent here
FormatName = Literal[
	'', 'localai', 'a1111', 'fooocus', 'invokeai', 'comfyui', 'swarmui', 'novelai', 'other'
]
FORMATS: dict[FormatName, str] = {
	'': 'no settings found',
	'localai': 'LocalAI',
	'a1111': 'A1111, Forge or SD.Next',
	'fooocus': 'Fooocus',
	'invokeai': 'InvokeAI',
	'comfyui': 'ComfyUI',
	'swarmui': 'SwarmUI',
	'novelai': 'NovelAI',
	'other': 'another program',
}


class Reading(Schema):
	"""What a picture file says of itself. `app` is what the program calls itself; `text` is what was
	found, as it stands. `stealth` says that it was hidden in the pixels. `note` says in one sentence
	what had to be chosen, or is not sure; '' when nothing."""

	format: FormatName = ''
	app: str = ''
	model_hash: str = ''
	recipe: Recipe = Recipe()
	text: str = ''
	stealth: bool = False
	note: str = ''
	created_at: datetime | None = None
	width: int = 0
	height: int = 0
	media_type: str = ''


class Offer(Reading):
	"""What a picture file says of itself, and what of it can be asked for here."""

	reuse: Reuse


class Refusal(Schema):
	"""A file that was not taken, and why."""

	name: str
	why: str


class Arrival(Schema):
	"""A file that came in, as which picture, and in a sentence what it says of itself; `note` where
	that is not sure."""

	name: str
	id: int
	words: str
	note: str = ''


class ImportReport(Schema):
	"""`imported` are the ids of new pictures; `known` of those that were here already. `arrivals` and
	`refused` tell them file by file, as far as there are not too many; `others` is how many files of
	the folders are no PNG, JPEG or WebP."""

	imported: tuple[int, ...] = ()
	known: tuple[int, ...] = ()
	arrivals: tuple[Arrival, ...] = ()
	refused: tuple[Refusal, ...] = ()
	others: int = 0


# Out into the world

SettingsFile = Literal['none', 'csv', 'json']


class ExportRequest(Schema):
	"""Which pictures leave, and how. Without `ids` all that `text` finds. `safe` takes prompt, names
	and paths out of the copies; `sheet` adds one page of all of them."""

	ids: tuple[int, ...] = Field((), max_length=MANY)
	text: str = Field('', max_length=TEXT_LIMIT)
	safe: bool = False
	sheet: bool = False
	settings: SettingsFile = 'none'


class Exposure(Schema):
	"""What a stranger can read in a file: each thing by its name."""

	name: str
	found: tuple[tuple[str, str], ...] = ()


class ExportReport(Schema):
	"""What was written, and of each copy that is safe to share what could still be read."""

	path: str
	pictures: int
	bytes: int
	missing: int = 0
	exposures: tuple[Exposure, ...] = ()
