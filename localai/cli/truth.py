"""Knows `localai history check` and `verify`: whether the history and the files agree, and whether a
picture can be drawn again."""

import argparse
import json
import sys
from collections.abc import Iterator

from localai.cli.doors import OwnEngine, OwnHistory, open_history
from localai.cli.terminal import Line, bar, complain, counted, loading, note, number
from localai.errors import LocalAIError
from localai.schemas.chores import ChoreSnapshot
from localai.schemas.history import CheckReport, Verdict
from localai.settings import Settings
from localai.text import plain

SHOWN = 10  # names of each kind
# What can be wrong, for one and for many.
KINDS = {
	'missing': ('picture has no file', 'pictures have no file'),
	'orphaned': ('file is not in the history', 'files are not in the history'),
	'changed': (
		'file has changed since it was saved',
		'files have changed since they were saved',
	),
	'unreadable': ('file cannot be read as a picture', 'files cannot be read as pictures'),
}


def check(settings: Settings, options: argparse.Namespace) -> int:
	line = Line(sys.stderr.isatty() and not options.json)

	def tell(done: int, total: int) -> None:
		line.show(f'{bar(done, total)} {done:,} of {total:,} files' if total else 'checking')

	repair = options.repair or options.forget
	with open_history(settings, OwnHistory, beside=not repair) as door:
		try:
			line.show('checking')
			report = door.check(repair, options.deep, options.forget, tell)
		except KeyboardInterrupt:
			line.clear()
			note('cancelled; what was repaired is kept')
			return 130
		finally:
			line.clear()
	if options.json:
		answer = report.model_dump(mode='json') | {'well': report.well}
		print(json.dumps(answer, ensure_ascii=False))
	else:
		for words in told(report, repair):
			print(words)
	return 0 if report.well else 1


def told(report: CheckReport, repair: bool) -> Iterator[str]:
	"""What was found, in words."""
	pictures, files = counted(report.pictures, 'picture'), counted(report.files, 'file')
	well = '; all is well' if report.well else ''
	yield f'{pictures} in the history, {files} on the disk{well} ({report.seconds:.1f} s)'
	for kind, words in KINDS.items():
		count = getattr(report, kind)
		if not count:
			continue
		yield counted(count, *words)
		names = getattr(report, f'{kind}_names')[:SHOWN]
		yield from (f'  {plain(name)}' for name in names)
		if count > len(names):
			yield f'  and {count - len(names):,} more'
	if report.repaired:
		yield f'{counted(report.repaired, "repair")} made'
	if not repair and (report.orphaned or report.changed):
		yield '`localai history check --repair` updates the history from the files'
	if not repair and report.missing:
		yield '`localai history check --repair` finds files that were only moved'
	if repair and report.missing:
		yield '`localai history check --forget` drops pictures whose files are gone'


# Drawn again


def verify(settings: Settings, options: argparse.Namespace) -> int:
	picture = number(options.picture)
	line = Line(sys.stderr.isatty() and not options.json)
	with open_history(settings, OwnEngine) as door:
		try:
			chore = door.verify(picture)
			for now in door.follow_chore(chore.id):
				chore = now
				line.show(how_far(chore))
		except KeyboardInterrupt:
			line.clear()
			door.cancel_chore()
			note('cancelled')
			return 130
		finally:
			line.clear()
	verdict = chore.verdict
	if options.json:
		answer = {
			'picture': picture,
			'state': chore.state,
			'verdict': verdict.model_dump(mode='json') if verdict else None,
			'error': chore.error.model_dump() if chore.error else None,
		}
		print(json.dumps(answer, ensure_ascii=False))
	elif verdict:
		for words in verdict_words(verdict):
			print(words)
	if chore.error:
		complain(LocalAIError(chore.error.message, chore.error.remedy))
	elif chore.state == 'cancelled':
		complain(LocalAIError('It was cancelled elsewhere.', 'Run the command again.'))
	return 0 if verdict and verdict.state == 'identical' else 1


def how_far(chore: ChoreSnapshot) -> str:
	if chore.steps:
		return f'{bar(chore.step, chore.steps)} step {chore.step} of {chore.steps}'
	if chore.state == 'waiting':
		return 'waiting for the engine'
	return loading(chore.stage)


def verdict_words(verdict: Verdict) -> Iterator[str]:
	if verdict.state == 'identical':
		yield f'identical ({verdict.seconds:.1f} s)'
	else:
		yield (
			f'different: {verdict.share:.1%} of the pixels, '
			f'by up to {verdict.maximum} of 255 and {verdict.mean:.2f} on average'
		)
	for one in verdict.conditions:
		yield f'  {plain(one.name)}: {plain(one.before) or "-"} then, {plain(one.after) or "-"} now'
