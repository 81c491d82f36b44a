"""Knows `localai models`: what is here, what a file is, and what the running app holds in memory."""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from localai.cli.terminal import Line, bar, complain, counted, loading, note, size
from localai.errors import InvalidInput, LocalAIError, StartProblem
from localai.schemas.chores import ChoreSnapshot
from localai.schemas.families import ARCHITECTURES
from localai.schemas.models import Facts, ModelEntry, ModelQuery
from localai.settings import Settings
from localai.text import sound_all

if TYPE_CHECKING:
	from localai.cli.doors import RunningApp

PAGE = 500
NO_APP = 'LocalAI is not running with this folder, so no model is in memory.'


def models(settings: Settings, options: argparse.Namespace) -> int:
	verb = {'inspect': inspect, 'scan': scan, 'load': load, 'unload': unload}.get(
		options.verb, listing
	)
	return verb(settings, options)


# What is here


def listing(settings: Settings, options: argparse.Namespace) -> int:
	from localai.cli.doors import OwnLibrary, open_app

	kind = getattr(options, 'kind', None)
	with open_app(settings, OwnLibrary, beside=True) as door:
		# What can be drawn with comes first, then all the rest.
		found = {entry.id: entry for entry in door.models()}
		offset, total = 0, 1
		while offset < total:
			page = door.find(ModelQuery(offset=offset, limit=PAGE))
			found = {entry.id: entry for entry in page.entries} | found
			offset, total = offset + len(page.entries), page.total if page.entries else 0
	entries = [e for e in found.values() if kind in (None, e.kind)]
	entries.sort(key=lambda e: (not e.builtin, e.kind != 'checkpoint', e.kind))
	if options.json:
		print(json.dumps([e.model_dump(mode='json') for e in entries], ensure_ascii=False))
		return 0
	for entry in entries:
		print(f'{entry.id:32} {words_of(entry)}')
	return 0


def words_of(entry: ModelEntry) -> str:
	if entry.problem:
		return entry.problem
	kind = '' if entry.kind == 'checkpoint' else entry.kind
	family = ARCHITECTURES[entry.family or 'unknown'].title
	# That it fits goes without saying.
	fit = '' if entry.fit == 'fits' else entry.fit_words.rstrip('.')
	words = (kind, family, entry.variant, size(entry.bytes), fit)
	return ', '.join(word for word in words if word)


def inspect(settings: Settings, options: argparse.Namespace) -> int:
	"""Reads headers only and starts nothing. 1 for what is missing, or so damaged that nothing can be
	told of it."""
	from localai.files.weights.identify import identify

	if not options.file.strip():
		raise InvalidInput('No file was named.', 'Give the path of a file or a folder.', 'file')
	path = Path(os.path.abspath(options.file))
	try:
		facts = identify(path)
	except (OSError, ValueError) as error:
		why = getattr(error, 'strerror', None) or str(error)
		facts = Facts(
			kind='unknown',
			family='unknown',
			format='safetensors',
			problem=f'{options.file} cannot be read: {why}.',
		)
	damaged = facts.kind == 'unknown' and facts.format != 'pickle' and bool(facts.problem)
	if options.json:
		answer = facts.model_dump(mode='json') | {'path': str(path)}
		print(json.dumps(sound_all(answer), ensure_ascii=False))
	elif damaged:
		complain(LocalAIError(facts.problem))
	else:
		for name, value in said(facts):
			print(f'{name:14}{value}')
	return 1 if damaged else 0


def said(facts: Facts) -> list[tuple[str, str]]:
	lines = [
		('kind', facts.kind),
		('family', ARCHITECTURES[facts.family].title),
		('variant', facts.variant),
		('title', facts.title),
		('format', facts.format),
		('precision', facts.precision),
		('size', size(facts.bytes) if facts.bytes else ''),
		('parameters', f'{facts.parameters:,}' if facts.parameters else ''),
		('prediction', facts.prediction),
		('base model', facts.base_model),
		('trigger words', ', '.join(facts.trigger_words)),
		('licence', facts.licence),
		('problem', facts.problem),
	]
	return [(name, value) for name, value in lines if value]


def scan(settings: Settings, options: argparse.Namespace) -> int:
	from localai.cli.doors import OwnLibrary, open_app

	with open_app(settings, OwnLibrary) as door:
		report = door.scan()
	if options.json:
		print(report.model_dump_json())
	else:
		print(
			f'{counted(report.files, "file")}: {report.added} added, {report.changed} changed, '
			f'{report.gone} gone; {report.seconds:.1f} s'
		)
	return 0


# What is in memory


def load(settings: Settings, options: argparse.Namespace) -> int:
	app = find_app(settings, 'Start it, then load the model.')
	began = time.perf_counter()
	chore = app.load(options.model)
	line = Line(sys.stderr.isatty() and not options.json)
	try:
		for now in app.follow_chore(chore.id):
			chore = now
			line.show(how_far(chore))
	except KeyboardInterrupt:
		line.clear()
		app.cancel_chore()
		note(f'cancelled; {chore.model} was not loaded')
		return 130
	finally:
		line.clear()
	return ended(chore, f'{chore.model} is ready', time.perf_counter() - began, options)


def unload(settings: Settings, options: argparse.Namespace) -> int:
	app = find_app(settings, 'There is nothing to unload.')
	began = time.perf_counter()
	chore = app.unload(options.model)
	line = Line(sys.stderr.isatty() and not options.json)
	try:
		for now in app.follow_chore(chore.id):
			chore = now
			line.show('waiting for the picture that is being drawn')
	except KeyboardInterrupt:
		line.clear()
		note('it will be unloaded as soon as the engine is free')
		return 130
	finally:
		line.clear()
	what = f'{options.model} is' if options.model else 'All models are'
	return ended(chore, f'{what} unloaded', time.perf_counter() - began, options)


def find_app(settings: Settings, remedy: str) -> 'RunningApp':
	"""Raises StartProblem when no app runs."""
	from localai.cli.doors import running_app

	app = running_app(settings)
	if app is None:
		raise StartProblem(NO_APP, remedy)
	return app


def how_far(chore: ChoreSnapshot) -> str:
	if chore.state == 'waiting':
		return 'waiting for the engine'
	if not chore.stage_total:
		return loading(chore.stage)
	done, total = chore.stage_done, chore.stage_total
	return f'{bar(done, total)} {loading(chore.stage)}, {size(done)} of {size(total)}'


def ended(chore: ChoreSnapshot, words: str, seconds: float, options: argparse.Namespace) -> int:
	error = chore.error
	if options.json:
		answer = {
			'model': chore.model or options.model,
			'state': chore.state,
			'seconds': round(seconds, 3),
			'error': error.model_dump() if error else None,
		}
		print(json.dumps(answer, ensure_ascii=False))
	elif chore.state == 'finished':
		print(f'{words} ({seconds:.1f} s)')
	if error:
		complain(LocalAIError(error.message, error.remedy))
	elif chore.state == 'cancelled':
		complain(LocalAIError('It was cancelled elsewhere.', 'Run the command again.'))
	return 0 if chore.state == 'finished' else 1
