"""Knows how what another program wrote becomes the values of a Recipe: clean, finite, of sane length.
What fits nowhere stays as text under its name."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

import orjson

from localai.schemas.exchange import FormatName, Reading
from localai.schemas.generation import LoraUse, Recipe
from localai.schemas.terms import TERMS
from localai.text import clean as clean_text

TEXT_LIMIT = 200_000  # characters of a prompt or a whole text
NAME_LIMIT = 300  # characters of a name
VALUE_LIMIT = 2000  # characters of a value without a field of its own
EXTRAS = 200  # values without a field of their own
LORAS = 100
UNNAMED = ('', 'none', 'automatic', 'default', 'default (model)')  # a VAE that nobody chose
WEIGHTS = ('.safetensors', '.sft', '.ckpt', '.gguf', '.pth', '.pt', '.bin')
CONTAINERS = 250_000  # lists and objects of one text
DEPTH = 20  # of what a later version of ours wrote and nobody here understands
TAG = re.compile(r'<(?:lora|lyco):([^<>\n]{1,400})>', re.IGNORECASE)


def clean(value: object, limit: int = TEXT_LIMIT) -> str:
	"""Text as it can be kept and shown; '' of what is none."""
	return clean_text(value[:limit]) if isinstance(value, str) else ''


def line(value: object, limit: int = NAME_LIMIT) -> str:
	return ' '.join(clean(value, limit).split())


def loads(text: object) -> object:
	"""JSON as programs truly write it, NaN included; None of what is none, or of more lists and
	objects than any program writes, which would fill the memory."""
	if not isinstance(text, str) or text.count('[') + text.count('{') > CONTAINERS:
		return None
	try:
		return orjson.loads(text)
	except ValueError:
		pass
	try:
		return json.loads(text, parse_constant=lambda _: None)
	except (ValueError, RecursionError):
		return None


def sane(value: object, depth: int = 0) -> object:
	"""JSON with texts that can be kept, and not endlessly deep."""
	match value:
		case str():
			return clean(value)
		case list():
			return [sane(v, depth + 1) for v in value] if depth < DEPTH else []
		case dict():
			pairs = value.items() if depth < DEPTH else ()
			return {line(k): sane(v, depth + 1) for k, v in pairs}
	return value


def mapping(value: object) -> dict:
	"""A JSON object, also one that stands as text in another; {} of anything else."""
	if isinstance(value, str) and value.lstrip()[:1] == '{':
		value = loads(value)
	return value if isinstance(value, dict) else {}


def listing(value: object) -> list:
	return value if isinstance(value, list) else []


def words(value: object, limit: int = VALUE_LIMIT) -> str:
	"""Any value as text."""
	if isinstance(value, str):
		return clean(value, limit)
	if value is None:
		return ''
	if isinstance(value, bool):
		return 'yes' if value else 'no'
	if isinstance(value, int | float):
		return str(value)[:NAME_LIMIT]
	try:
		return clean(orjson.dumps(value).decode(), limit)
	except (TypeError, ValueError, RecursionError):
		return ''


def whole(value: object, low: int, high: int) -> int | None:
	if isinstance(value, str) and len(value) <= 30:
		value = number(value) if '.' in value or 'e' in value.lower() else digits(value)
	if isinstance(value, float) and math.isfinite(value) and value == int(value):
		value = int(value) if abs(value) < 2**53 else None
	if isinstance(value, bool) or not isinstance(value, int):
		return None
	return value if low <= value <= high else None


def digits(value: str) -> int | None:
	try:
		return int(value)
	except ValueError:
		return None


def number(value: object) -> float | None:
	"""A finite number of a size that settings have."""
	if isinstance(value, bool) or not isinstance(value, int | float | str):
		return None
	try:
		found = float(value[:40] if isinstance(value, str) else value)
	except (ValueError, OverflowError):
		return None
	return found if math.isfinite(found) and abs(found) <= 1e6 else None


def moment(value: object) -> datetime | None:
	"""A time as ISO or EXIF writes it; without a zone it is that of this machine."""
	text = line(value, 40)
	if text[4:5] == ':' and text[7:8] == ':':
		text = text[:10].replace(':', '-') + text[10:]
	try:
		found = datetime.fromisoformat(text)
		return found.astimezone(UTC) if 1990 <= found.year < 2100 else None
	except (ValueError, OverflowError, OSError):
		return None


def stem(name: object) -> str:
	"""The name of a weights file without folder and ending."""
	name = line(name).replace('\\', '/').rstrip('/').rsplit('/', 1)[-1]
	for ending in WEIGHTS:
		if name.lower().endswith(ending):
			return name[: -len(ending)]
	return name


def model_name(name: object) -> str:
	"""A file without folder and ending; anything else as it stands, for a name of the hub has a slash
	too."""
	name = line(name)
	return stem(name) if name.lower().endswith(WEIGHTS) else name


def lora(name: object, weight: object = 1.0, hash: object = '') -> LoraUse | None:
	name, found = stem(name), number(weight)
	if not name or name.lower() == 'none':
		return None
	return LoraUse(name=name, weight=1.0 if found is None else found, hash=line(hash, 80))


def tagged(prompt: str) -> list[LoraUse]:
	"""The LoRAs that a prompt names: `<lora:name:weight>`, the weight also as `unet=0.5`."""
	found: dict[str, LoraUse] = {}
	for tag in TAG.finditer(prompt):
		name, *rest = tag[1].split(':')
		said = [number(part.rpartition('=')[2]) for part in rest]
		use = lora(name, next((w for w in said if w is not None), 1.0))
		if use and len(found) < LORAS:
			found.setdefault(use.name, use)
	return list(found.values())


def reading(
	format: FormatName,
	text: str,
	app: object = '',
	model_hash: object = '',
	note: str = '',
	loras: Iterable[LoraUse | None] = (),
	styles: Iterable[object] = (),
	extra: Iterable[tuple[object, object]] = (),
	given: Mapping[str, object] = MappingProxyType({}),
	**more: object,
) -> Reading:
	"""A Reading of what was found. `given` and `more` are fields of a Recipe as the other program wrote
	them; one that is not what it should be becomes an extra."""
	fields: dict[str, object] = {}
	rest: list[tuple[object, object]] = []
	for name, value in {**more, **given}.items():
		term = TERMS[name]
		match term.kind:
			case 'text':
				fields[name] = clean(value)
			case 'name':
				found = model_name(value)
				fields[name] = '' if name == 'vae' and found.lower() in UNNAMED else found
			case 'choice':
				fields[name] = line(value) or None
			case 'whole' | 'number':
				limits = term.known or (int(term.low), int(term.high))
				fields[name] = whole(value, *limits) if term.kind == 'whole' else number(value)
				if fields[name] is None and value not in (None, ''):
					rest.append((name.replace('_', ' '), value))
			case _ if value is not None:
				fields[name] = sane(value)
	pairs = [(line(str(k)), words(v)) for k, v in [*rest, *extra][: 5 * EXTRAS]]
	recipe = Recipe(
		loras=tuple([use for use in loras if use][:LORAS]),
		styles=tuple([s for s in map(line, styles) if s][:EXTRAS]),
		extra=tuple([(k, v) for k, v in pairs if k and v][:EXTRAS]),
		**fields,
	)
	return Reading(
		format=format,
		app=line(app),
		model_hash=line(model_hash, 200),
		note=note,
		recipe=recipe,
		text=clean(text),
	)
