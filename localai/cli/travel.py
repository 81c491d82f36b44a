"""Knows `localai history export` and `import`: pictures that leave, as they are or safe to share, and
pictures that come from elsewhere."""

import argparse
import contextlib
import json
import os
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from localai.cli.doors import OwnHistory, open_history
from localai.cli.terminal import Line, bar, complain, counted, note, number, size
from localai.errors import DiskFull, InvalidInput, LocalAIError, StorageProblem
from localai.schemas.exchange import ExportReport, ExportRequest, ImportReport
from localai.services.fields import read
from localai.settings import Settings
from localai.text import plain

MISSING = 'missing.txt'  # what an export says of pictures that were not there
# What an export has besides its pictures.
BESIDE = re.compile(r'contact-sheet(-\d+)?\.jpg|settings\.(csv|json)|missing\.txt')
SHOWN = 20  # refusals that are listed


# Out


def export(settings: Settings, options: argparse.Namespace) -> int:
	request = asked(options)
	out = full_path(options.out, '--out')
	packed = out.suffix.lower() == '.zip' and not out.is_dir()
	if packed and os.path.lexists(out):
		raise InvalidInput(f'{out} already exists.', 'Choose another name.', 'out')
	line = Line(sys.stderr.isatty() and not options.json)
	with open_history(settings, OwnHistory) as door:
		try:
			line.show('exporting')
			report = (
				pack(door.export_zip(request), out, line)
				if packed
				else door.export_folder(request, out)
			)
		except KeyboardInterrupt:
			line.clear()
			note('cancelled; ' + ('nothing' if packed else 'what was copied') + ' was kept')
			return 130
		finally:
			line.clear()
	if options.json:
		print(json.dumps(report.model_dump(mode='json'), ensure_ascii=False))
	else:
		print(f'{report.path}\n{counted(report.pictures, "picture")}, {size(report.bytes)}')
		for words in readable(report):
			print(words)
	if report.missing:
		words = f'{counted(report.missing, "picture")} could not be exported.'
		complain(LocalAIError(words, f'See {MISSING} next to them for the reason.'))
	return 1 if report.missing else 0


def asked(options: argparse.Namespace) -> ExportRequest:
	"""Raises InvalidInput."""
	if bool(options.pictures) == (options.search is not None):
		raise InvalidInput(
			'Name either pictures or a search, not both.',
			'Give their numbers, or --search WORDS for everything it finds.',
			'ids',
		)
	fields = {
		'ids': tuple(number(text) for text in options.pictures),
		'text': (options.search or '').encode('utf-8', 'replace').decode(),
		'safe': options.safe,
		'sheet': options.sheet,
		'settings': options.settings,
	}
	return read(ExportRequest, fields)


def full_path(text: str, what: str) -> Path:
	"""Raises InvalidInput for what is no path."""
	if not text.strip() or '\0' in text:
		raise InvalidInput(f'{what} is empty.', 'Give the path of a file or a folder.', 'path')
	return Path(os.path.abspath(os.path.expanduser(text)))


def pack(pieces: Iterator[bytes], out: Path, line: Line) -> ExportReport:
	"""A zip under a temporary name until it is whole. Raises StorageProblem."""
	part = out.with_name(f'.{out.name}.part')
	try:
		out.parent.mkdir(parents=True, exist_ok=True)
		with part.open('wb') as file:
			for piece in pieces:
				file.write(piece)
				line.show(f'exporting, {size(file.tell())}')
			file.flush()
			os.fsync(file.fileno())
		with zipfile.ZipFile(part) as archive:  # it is whole when its end says what is in it
			names = archive.namelist()
			missing = 0
			if MISSING in names:
				missing = int(archive.read(MISSING).split()[0])
		written = part.stat().st_size
		os.replace(part, out)
	except OSError as error:
		kind = DiskFull if error.errno == 28 else StorageProblem
		raise kind(
			f'LocalAI cannot write to {out}: {error.strerror or error}.', 'Choose another place.'
		) from error
	except zipfile.BadZipFile as error:
		raise StorageProblem('The export was cut off.', 'Run the command again.') from error
	finally:
		with contextlib.suppress(OSError):
			part.unlink()
	pictures = sum(not BESIDE.fullmatch(name) for name in names)
	return ExportReport(path=str(out), pictures=pictures, bytes=written, missing=missing)


def readable(report: ExportReport) -> Iterator[str]:
	"""What a stranger could read in the copies, in a line for each thing."""
	names = dict.fromkeys(name for one in report.exposures for name, _ in one.found)
	if names:
		yield (
			'what can still be read in them: '
			f'{", ".join(plain(name, 60) for name in names).lower()}'
		)


# In


def take(settings: Settings, options: argparse.Namespace) -> int:
	paths = [full_path(text, 'PATH') for text in options.paths]
	for path in paths:
		if not os.path.lexists(path):
			raise InvalidInput(
				f'{plain(str(path), 200)} does not exist.', 'Check the path.', 'paths'
			)
	line = Line(sys.stderr.isatty() and not options.json)
	last = (0, 0)

	def tell(done: int, total: int) -> None:
		nonlocal last
		last = (done, total)
		line.show(f'{bar(done, total)} {done:,} of {total:,} files' if total else 'looking')

	with open_history(settings, OwnHistory) as door:
		try:
			line.show('looking')
			report = door.import_paths(paths, tell)
		except KeyboardInterrupt:
			line.clear()
			note(f'cancelled; what was imported is kept ({last[0]:,} of {last[1]:,} files)')
			return 130
		finally:
			line.clear()
	if options.json:
		print(json.dumps(report.model_dump(mode='json'), ensure_ascii=False))
	elif report.imported or report.known:
		known = f', {len(report.known):,} already here' if report.known else ''
		print(f'{counted(len(report.imported), "picture")} imported{known}')
	tell_files(report)
	if not (report.imported or report.known or report.refused):
		complain(LocalAIError('There are no PNG, JPEG or WebP pictures there.', 'Check the path.'))
		return 1
	return 1 if report.refused else 0


def tell_files(report: ImportReport) -> None:
	"""Each file in a line: all of them where they are few, else what was left out or is not sure."""
	new = set(report.imported)
	came = [one for one in report.arrivals if one.id in new]
	if len(report.imported) > SHOWN:
		came = [one for one in came if one.note]
	for one in came[:SHOWN]:
		note(f'{plain(one.name)}: {plain(f"{one.words} {one.note}")}')
	for refusal in report.refused[:SHOWN]:
		note(f'not imported: {plain(refusal.name)}: {plain(refusal.why)}'.replace(': : ', ': '))
	if len(report.refused) > SHOWN:
		note(f'and {len(report.refused) - SHOWN:,} more; --json lists them')
	if report.others:
		words = counted(report.others, 'other file')
		note(f'left out: {words}; only PNG, JPEG and WebP are imported')
