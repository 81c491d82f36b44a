"""Knows how to find the settings in any picture: its texts, then what is hidden in its pixels, and
whose grammar they follow."""

from datetime import datetime
from pathlib import Path

from localai.files.pictures import metadata, stealth
from localai.files.pictures.chunks import OURS, Contents, read_contents
from localai.files.pictures.foreign import (
	a1111,
	comfyui,
	fooocus,
	invokeai,
	novelai,
	plain,
	swarmui,
)
from localai.files.pictures.foreign.values import TEXT_LIMIT, loads, mapping, moment, reading
from localai.schemas.exchange import Reading

# Who is asked, in this order: those with marks of their own before those that others imitate.
READERS = (
	swarmui.read,
	fooocus.read,
	invokeai.read,
	novelai.read,
	a1111.read,
	comfyui.read,
	plain.read,
)
# What a node of a workflow writes where it was given nothing, and how many other settings a picture
# says of itself that truly says how it was made.
UNSAID = frozenset(('', 'unknown', 'undefined', 'none', 'null', 'nan', 'n/a'))
SETTINGS = ('model', 'steps', 'sampler', 'seed', 'guidance_scale', 'width')
ENOUGH = 3
# Where a time stands, by what others call it: among the settings, and among the texts.
TIMES = frozenset(('created date', 'date', 'creation time'))
TIME_TEXTS = ('DateTimeOriginal', 'DateTime', 'Creation Time', 'creation_time')
# Texts that say nothing of how a picture was made.
SILENT = frozenset(('GPS', 'DateTime', 'DateTimeOriginal', 'date:create', 'date:modify'))


def read_settings(source: Path | bytes) -> Reading:
	"""What a picture file says of itself. Raises InvalidInput for what is no PNG, JPEG or WebP or is
	damaged; whatever else it holds is understood or shown as text."""
	return of_contents(source, read_contents(source))


def of_contents(source: Path | bytes, contents: Contents) -> Reading:
	found = read_texts(contents.texts)
	if not found.format and contents.doubtful:
		doubtful = read_texts(contents.texts | contents.doubtful)
		note = 'The part of the file with these settings is damaged, so they may be wrong.'
		found = doubtful.model_copy(update={'note': note}) if doubtful.format else doubtful
	if not found.format and not found.recipe.prompt:
		hidden = stealth.read_hidden(source, contents)
		if hidden:
			found = read_texts(hidden).model_copy(update={'stealth': True})
	return found.model_copy(
		update={
			'width': contents.width,
			'height': contents.height,
			'media_type': contents.media_type,
			'created_at': found.created_at or time_of(found, contents.texts),
		}
	)


def time_of(found: Reading, texts: dict[str, str]) -> datetime | None:
	"""When a picture says that it was made; None when it does not."""
	said = [v for k, v in found.recipe.extra if k.lower() in TIMES]
	said += [texts[name] for name in TIME_TEXTS if name in texts]
	return next((when for when in map(moment, said) if when), None)


def read_texts(texts: dict[str, str]) -> Reading:
	"""Ours first, then the others: of several who find something the first whose settings are sound,
	or who finds most. The texts as they stand when nobody knows them."""
	own = read_own(texts)
	if own:
		return own
	found: list[Reading] = []
	for reader in READERS:
		one = reader(texts)
		if one:
			found.append(one)
			if weight(one) > ENOUGH:
				break
	if not found:
		lines = (f'{k}: {v[:TEXT_LIMIT]}' for k, v in texts.items() if k not in SILENT)
		return reading('', '\n'.join(lines))
	best = found[-1] if weight(found[-1]) > ENOUGH else max(found, key=weight)
	if best is found[0] or not weight(found[0]):
		return best
	note = 'It has two sets of settings; the more complete one is shown.'
	return best.model_copy(update={'note': best.note or note})


def weight(found: Reading) -> int:
	"""How many settings a picture says; one that asks for nothing counts half."""
	recipe = found.recipe
	said = sum(getattr(recipe, name) not in (None, '', 0) for name in SETTINGS)
	return said // 2 if recipe.prompt.strip().casefold() in UNSAID else 1 + said


def read_own(texts: dict[str, str]) -> Reading | None:
	"""Our own chunk, whole or, of a later version, as far as it is understood."""
	if OURS not in texts:
		return None
	record = metadata.parse_record(texts[OURS])
	fields = record.model_dump() if record else mapping(loads(texts[OURS]))
	request, receipt = mapping(fields.get('request')), mapping(fields.get('receipt'))
	if not request:
		return None
	found = metadata.reading_of(fields, request, receipt, texts.get('parameters') or texts[OURS])
	return found.model_copy(update={'created_at': moment(fields.get('created_at'))})
