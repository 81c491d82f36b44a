"""Knows `localai download`: fetches a model, goes on with what was begun, and says where it is."""

import argparse
import contextlib
import json
import sys
import time

from localai.cli.doors import OwnLibrary, RunningApp, open_app
from localai.cli.terminal import Line, bar, complain, note, size, span
from localai.errors import LocalAIError
from localai.schemas.downloads import DownloadSnapshot
from localai.settings import Settings

AGAIN = 'Run the same command again to resume.'


def download(settings: Settings, options: argparse.Namespace) -> int:
	fields: dict[str, object] = {'source': options.source}
	for name in ('revision', 'variant'):
		if getattr(options, name) is not None:
			fields[name] = getattr(options, name)
	if options.file:
		fields['files'] = options.file

	with open_app(settings, OwnLibrary) as door:
		began = time.perf_counter()
		line = Line(sys.stderr.isatty() and not options.json)
		line.show('asking what there is to download')
		now, troubled = None, ''
		try:
			now = begun = door.download(fields)
			for told in door.follow_download(begun.id):
				now = told
				line.show(how_far(now))
				if now.pending and now.error and now.error.message != troubled and not line.on:
					troubled = now.error.message
					note(f'{troubled} {now.error.remedy}')
				if now.state == 'paused':
					break
		except KeyboardInterrupt:
			line.clear()
			return paused(door, now)
		finally:
			line.clear()
		path = ''
		if now.state == 'finished' and now.model:
			with contextlib.suppress(LocalAIError):
				path = door.card(now.model).path
	return report(now, path, time.perf_counter() - began, options)


def paused(door: OwnLibrary | RunningApp, now: DownloadSnapshot | None) -> int:
	"""After Ctrl+C."""
	if now is None:
		note('cancelled before it began')
	elif now.pending:
		door.pause(now.id)
		note(f'paused; what was downloaded of {now.name} is kept. {AGAIN}')
	return 130


def how_far(now: DownloadSnapshot) -> str:
	if now.state == 'checking':
		return f'checking {now.name}'
	if now.error:
		return f'waiting: {now.error.message}'
	if now.state == 'queued':
		return f'{now.name}: {now.position} ahead' if now.position else f'{now.name}: waiting'
	words = f'{bar(now.done, now.bytes)} {size(now.done)} of {size(now.bytes)}'
	if now.speed:
		words += f', {now.speed / 1e6:.1f} MB/s'
	return words + (f', {span(now.eta)} left' if now.eta is not None else '')


def report(now: DownloadSnapshot, path: str, seconds: float, options: argparse.Namespace) -> int:
	if options.json:
		answer = {
			'download': now.id,
			'state': now.state,
			'source': options.source,
			'model': now.model,
			'path': path,
			'bytes': now.bytes,
			'reused': now.reused,
			'seconds': round(seconds, 3),
			'error': now.error.model_dump() if now.error else None,
		}
		print(json.dumps(answer, ensure_ascii=False))
	elif now.state == 'finished':
		here = f', {size(now.reused)} of it already here' if now.reused else ''
		print(f'{path or now.name}\n{now.model}  {size(now.bytes)}{here}, {span(seconds)}')
	if now.state == 'finished':
		return 0
	if now.state == 'failed' and now.error:
		complain(LocalAIError(now.error.message, now.error.remedy))
	elif now.state == 'paused':
		complain(LocalAIError('The download was paused in another window.', AGAIN))
	else:
		complain(LocalAIError(f'The download was {now.state}.', AGAIN))
	return 1
