"""Knows `localai history`: finds pictures, says how each was made, puts them away and brings them
back."""

import argparse
import json
import re
from collections.abc import Iterator

from localai.cli.doors import OwnHistory, open_history
from localai.cli.terminal import FOUND, complain, counted, note, number, size
from localai.errors import InvalidInput, LocalAIError
from localai.schemas.generation import Picture
from localai.schemas.history import PAGE_LIMIT, Discarded, HistoryQuery, PictureCard
from localai.schemas.search import FACTS
from localai.schemas.terms import shown, words
from localai.services.fields import read
from localai.settings import Settings
from localai.text import plain

PROMPT = 60  # letters of a prompt in a list
MOST = 1_000_000  # pictures that one search may list


def history(settings: Settings, options: argparse.Namespace) -> int:
	match options.verb:
		case 'export':
			from localai.cli.travel import export as verb
		case 'import':
			from localai.cli.travel import take as verb
		case 'check':
			from localai.cli.truth import check as verb
		case 'verify':
			from localai.cli.truth import verify as verb
		case name:
			verb = {
				'search': search,
				'show': show,
				'delete': delete,
				'trash': trash,
				'restore': restore,
			}[name]
	return verb(settings, options)


# Looking


def search(settings: Settings, options: argparse.Namespace) -> int:
	limit = options.limit.strip()
	if not re.fullmatch('[0-9]{1,7}', limit) or not 0 < int(limit) <= MOST:
		raise InvalidInput(
			f'--limit must be a whole number from 1 to {MOST:,}.',
			'For example --limit 100.',
			'limit',
		)
	text = ' '.join(options.words).encode('utf-8', 'replace').decode()
	query = read(HistoryQuery, {'text': text, 'sort': options.sort})
	found: list[Picture] = []
	with open_history(settings, OwnHistory, beside=True) as door:
		outline = door.outline(query)
		wanted = min(int(limit), outline.total)
		while len(found) < wanted:
			part = {'offset': len(found), 'limit': min(PAGE_LIMIT, wanted - len(found))}
			page = door.find(query.model_copy(update=part))
			pictures = door.pictures([entry.id for entry in page.entries])
			found += pictures
			if not page.more or not pictures:
				break
	if options.json:
		answer = {
			'total': outline.total,
			'notes': outline.notes,
			'pictures': [picture.model_dump(mode='json') for picture in found],
		}
		print(json.dumps(answer, ensure_ascii=False))
	else:
		for picture in found:
			print(line_of(picture))
	for sentence in outline.notes:
		note(f'note: {sentence}')
	if not options.json and not outline.total:
		note('nothing found')
	if not options.json and len(found) < outline.total:
		note(f'and {outline.total - len(found):,} more; list more with --limit')
	return 0


def line_of(picture: Picture) -> str:
	when = picture.created_at.astimezone()
	model = plain(picture.setting('model'), 20) or '-'
	seed = picture.setting('seed')
	columns = (
		f'{picture.id:>6}',
		f'{when:%Y-%m-%d %H:%M}',
		f'{picture.width}x{picture.height}',
		f'{model:20}',
		f'{"" if seed is None else f"seed {seed}":15}',
		f'{plain(picture.request.prompt, PROMPT):{PROMPT}}',
		plain(picture.path),
	)
	return '  '.join(columns)


def show(settings: Settings, options: argparse.Namespace) -> int:
	with open_history(settings, OwnHistory, beside=True) as door:
		card = door.card(number(options.picture))
	if options.json:
		print(json.dumps(card.model_dump(mode='json'), ensure_ascii=False))
		return 0
	for name, value in said(card):
		print(f'{name:17} {value}')
	if card.missing:
		note('note: its file is missing; `localai history check` shows what else is')
	return 0


def said(card: PictureCard) -> list[tuple[str, str]]:
	"""What is known of a picture, name by name."""
	picture, receipt, marks = card.picture, card.picture.receipt, card.marks
	# Of our own pictures `app` is only a version.
	program = f'LocalAI {receipt.app}' if receipt.torch else receipt.app
	lines: list[tuple[str, object]] = [
		('picture', picture.id),
		('file', picture.path),
		('made', f'{picture.created_at.astimezone():%Y-%m-%d %H:%M:%S}, {picture.kind}'),
		('size', f'{picture.width}x{picture.height}, {size(card.bytes)}'),
		*settings(picture),
		*((key.label, words(getattr(picture, key.column))) for key in FACTS),
		*picture.request.rest,
		('drawn by', ', '.join(p for p in (program, receipt.device, receipt.dtype) if p)),
		('versions', f'torch {receipt.torch}, diffusers {receipt.diffusers}' * bool(receipt.torch)),
		('seconds', receipt.seconds or ''),
		('favourite', 'yes' if marks.favourite else ''),
		('rating', marks.rating or ''),
		('tags', ', '.join(marks.tags)),
		('albums', ', '.join(marks.albums)),
		('notes', marks.notes),
	]
	told = [(plain(name, 40), plain(str(value))) for name, value in lines]
	return [(name, value) for name, value in told if value]


def settings(picture: Picture) -> Iterator[tuple[str, str]]:
	for term in shown('details'):
		name = term.label.lower() if term.kind == 'text' else term.word
		yield name, words(picture.setting(term.name))
		if term.name == 'model':
			yield from (
				('model hash', picture.receipt.model_hash),
				('family', picture.receipt.family),
			)


# Away and back


def delete(settings: Settings, options: argparse.Namespace) -> int:
	ids = list(dict.fromkeys(number(text) for text in options.pictures))
	with open_history(settings, OwnHistory) as door:
		report = door.delete(ids)
	if options.json:
		print(report.model_dump_json())
	elif report.trashed:
		print(f'{counted(len(report.trashed), "picture")} in the trash ({size(report.bytes)})')
		print(f'localai history restore {" ".join(report.trashed)}')
	if report.gone:
		words = f'{counted(report.gone, "picture was", "pictures were")} not found.'
		complain(LocalAIError(words, FOUND))
	for problem in report.problems:
		complain(LocalAIError(plain(problem)))
	return 1 if report.gone or report.problems else 0


def trash(settings: Settings, options: argparse.Namespace) -> int:
	found: list[Discarded] = []
	with open_history(settings, OwnHistory, beside=True) as door:
		while page := door.trash(PAGE_LIMIT, len(found)):
			found += page
	if options.json:
		told = [one.model_dump(mode='json') for one in found]
		print(json.dumps(told, ensure_ascii=False))
		return 0
	for one in found:
		when = f'{one.deleted_at.astimezone():%Y-%m-%d %H:%M}'
		prompt = plain(one.prompt, PROMPT)
		print(f'{one.id}  {one.picture:>6}  {when}  {size(one.bytes):>7}  {prompt}')
	return 0


def restore(settings: Settings, options: argparse.Namespace) -> int:
	with open_history(settings, OwnHistory) as door:
		report = door.restore([word.strip() for word in options.trashed])
	if options.json:
		print(report.model_dump_json())
	elif report.pictures:
		numbers = ' '.join(str(one) for one in report.pictures)
		print(f'{counted(len(report.pictures), "picture")} restored: {numbers}')
	if report.gone:
		words = f'{counted(report.gone, "name was", "names were")} not found in the trash.'
		complain(LocalAIError(words, '`localai history trash` lists what is in it.'))
	for problem in report.problems:
		complain(LocalAIError(plain(problem)))
	return 1 if report.gone or report.problems else 0
