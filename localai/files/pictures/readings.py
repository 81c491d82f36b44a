"""Knows how to find the settings in any picture: its texts, then what is hidden in its pixels, and
whose grammar they follow."""

from datetime import datetime
from pathlib import Path

from localai.files.pictures import metadata, stealth
from localai.files.pictures.chunks import OURS, read_contents
from localai.files.pictures.foreign import a1111, comfyui, fooocus, invokeai, novelai, swarmui
from localai.files.pictures.foreign.values import TEXT_LIMIT, loads, mapping, moment, reading
from localai.schemas.exchange import Reading

# Who is asked, in this order: those with marks of their own before those that others imitate.
READERS = (swarmui.read, fooocus.read, invokeai.read, novelai.read, a1111.read, comfyui.read)
# Where a time stands, by what others call it: among the settings, and among the texts.
TIMES = frozenset(('created date', 'date', 'creation time'))
TIME_TEXTS = ('DateTimeOriginal', 'DateTime', 'Creation Time', 'creation_time')
# Texts that say nothing of how a picture was made.
SILENT = frozenset(('GPS', 'DateTime', 'DateTimeOriginal', 'date:create', 'date:modify'))


def read_settings(source: Path | bytes) -> Reading:
	"""What a picture file says of itself. Raises InvalidInput for what is no PNG, JPEG or WebP or is
	damaged; whatever else it holds is understood or shown as text."""
	contents = read_contents(source)
	found = read_texts(contents.texts)
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
	"""Ours first, then the others; the texts as they stand when nobody knows them."""
	found = read_own(texts)
	if found:
		return found
	for reader in READERS:
		found = reader(texts)
		if found:
			return found
	lines = (f'{k}: {v[:TEXT_LIMIT]}' for k, v in texts.items() if k not in SILENT)
	return reading('', '\n'.join(lines))


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
