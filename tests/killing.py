"""Kills what is done with a home at each of its steps on the disk, one after the other, and says what the
next start made of it: `python -m tests.killing ACTION FOLDER [--every N]`.

A step is a file that is opened to be written, renamed, removed or flushed, and a transaction.
"""

import argparse
import contextlib
import json
import logging
import os
import shutil
import signal
import sqlite3
import sys
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, event

from localai.files.pictures import writing
from localai.settings import Settings, read_settings
from localai.studio import Studio
from tests.fabricate import safetensors
from tests.fakes import FakeExecutor
from tests.pictures import draw, png

WHEN = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
STEPS = ('os.rename', 'os.remove', 'os.mkdir', 'os.rmdir', 'os.link', 'os.symlink', 'os.truncate')
MADE_ANEW = 'the history is incomplete'  # where the database was lost before
HOUSE = Path(__file__).parent / 'store' / 'houses' / '18af909.zip'


def settings_at(folder: Path) -> Settings:
	return read_settings({}, home=folder / 'home', hub_cache=folder / 'hub').prepare()


def opened(folder: Path, ready: bool = True) -> Studio:
	studio = Studio(settings_at(folder), FakeExecutor(ready=ready)).open()
	assert studio.upkeep.settled.wait(60)
	return studio


# What is done, each with what was there before


def nothing(folder: Path) -> None:
	pass


def lived_in(folder: Path) -> None:
	"""Drawn, imported and marked pictures, a few of them in the trash; things to import; a model."""
	studio = opened(folder)
	first = draw(studio, count=4)
	(folder / 'elsewhere').mkdir()
	for number in range(4):
		(folder / 'elsewhere' / f'{number}.png').write_bytes(png(number))
	taken = [studio.imports.take(f'old {n}.png', png(100 + n), WHEN) for n in range(3)]
	studio.marks.mark([p.id for p in first], {'rating': 3, 'add_tags': ['x']})
	studio.picture_trash.delete([first[0].id, *taken[0].imported])
	safetensors(
		settings_at(folder).models / 'kept.safetensors', {'lora_unet_x.lora_down.weight': (4, 4)}
	)
	studio.close()


def replaced(folder: Path) -> None:
	"""Where one of those in the trash lay, something else lies now."""
	lived_in(folder)
	studio = opened(folder)
	one = studio.picture_trash.store.many([d.id for d in studio.picture_trash.listed()])[0]
	(settings_at(folder).pictures / one.path).write_bytes(png(999))
	studio.truth.check(repair=True)
	studio.close()


def first_start(folder: Path) -> None:
	opened(folder).close()


def drawing(folder: Path) -> None:
	studio = opened(folder)
	draw(studio, count=2, seed=500)
	studio.close()


def importing(folder: Path) -> None:
	studio = opened(folder)
	studio.imports.take_paths([folder / 'elsewhere'])
	studio.close()


def deleting(folder: Path) -> None:
	studio = opened(folder)
	studio.picture_trash.delete([e.id for e in studio.history.find({}).entries][:3])
	studio.close()


def restoring(folder: Path) -> None:
	studio = opened(folder)
	studio.picture_trash.restore([d.id for d in studio.picture_trash.listed()])
	studio.close()


def emptying(folder: Path) -> None:
	studio = opened(folder)
	studio.picture_trash.empty()
	studio.close()


def marking(folder: Path) -> None:
	studio = opened(folder)
	ids = [e.id for e in studio.history.find({}).entries]
	studio.marks.mark(ids, {'favourite': True, 'add_albums': ['best']})
	studio.marks.mark(ids[:1], {'rating': 5})
	studio.close()


def exporting(folder: Path) -> None:
	studio = opened(folder)
	request = {'text': '', 'sheet': True, 'settings': 'csv'}
	studio.exports.to_folder(request, folder / 'exported')
	studio.close()


def upset(folder: Path) -> None:
	"""One moved, one new, one changed."""
	lived_in(folder)
	pictures = settings_at(folder).pictures
	one, two, *_ = sorted(pictures.glob('*/*.png'))
	(pictures / 'best').mkdir()
	one.rename(pictures / 'best' / 'one.png')
	two.write_bytes(png(77))
	(pictures / 'best' / 'new.png').write_bytes(png(78))


def repairing(folder: Path) -> None:
	studio = opened(folder)
	studio.truth.check(repair=True)
	studio.close()


def lost(folder: Path) -> None:
	lived_in(folder)
	for file in (folder / 'home').glob('localai.db*'):
		file.unlink()


def model_away(folder: Path) -> None:
	lived_in(folder)
	deleting_a_model(folder)


def deleting_a_model(folder: Path) -> None:
	studio = opened(folder)
	studio.models.scan()
	studio.models.delete('kept.safetensors')
	studio.close()


def restoring_a_model(folder: Path) -> None:
	studio = opened(folder)
	(one,) = studio.models.trash()
	studio.models.restore(one.id)
	studio.close()


def emptying_of_models(folder: Path) -> None:
	studio = opened(folder)
	studio.models.empty_trash()
	studio.close()


def older(folder: Path) -> None:
	"""A home of the version before, with its pictures as that version recorded them."""
	home = folder / 'home'
	with zipfile.ZipFile(HOUSE) as archive:
		archive.extractall(home)


ACTIONS: dict[str, tuple[Callable[[Path], None], Callable[[Path], None]]] = {
	'first-start': (nothing, first_start),
	'draw': (lived_in, drawing),
	'import': (lived_in, importing),
	'delete': (lived_in, deleting),
	'restore': (replaced, restoring),
	'empty': (lived_in, emptying),
	'mark': (lived_in, marking),
	'export': (lived_in, exporting),
	'repair': (upset, repairing),
	'rebuild': (lost, first_start),
	'migrate': (older, first_start),
	'delete-model': (lived_in, deleting_a_model),
	'restore-model': (model_away, restoring_a_model),
	'empty-models': (model_away, emptying_of_models),
}


# Killed


def die_at(step: int, folder: Path) -> None:
	"""From now on this process dies just before its step of that number."""
	below, count = str(folder), 0

	def reached() -> None:
		nonlocal count
		count += 1
		if count == step:
			os.kill(os.getpid(), signal.SIGKILL)

	def heard(name: str, args: tuple) -> None:
		if name == 'open':
			writes = isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
			if writes and str(args[0]).startswith(below):
				reached()
		elif name in STEPS and below in f'{args[0]} {args[1]}':
			reached()

	flush = os.fsync

	def flushed(handle: int) -> None:
		reached()
		flush(handle)

	os.fsync = flushed
	event.listen(Engine, 'commit', lambda connection: reached())
	sys.addaudithook(heard)


def apart(work: Callable[[], None]) -> int:
	"""In a process of its own, which leaves no thread behind; how it ended."""
	sys.stdout.flush()
	child = os.fork()
	if not child:
		code = 1
		try:
			work()
			code = 0
		except BaseException:
			traceback.print_exc()
		finally:
			sys.stdout.flush()
			os._exit(code)
	return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


# What a home must be


class Heard(logging.Handler):
	def __init__(self) -> None:
		super().__init__(logging.WARNING)
		self.said: list[str] = []

	def emit(self, record: logging.LogRecord) -> None:
		self.said.append(record.getMessage())


def contents(folder: Path) -> Counter[str]:
	"""Every picture file of the home, by its bytes."""
	home = folder / 'home'
	files = [*home.glob('pictures/**/*.png'), *home.glob('trash/**/*.png')]
	return Counter(writing.digest(file.read_bytes()) for file in files)


def problems(folder: Path, before: Counter[str], emptied: bool, unmended: bool) -> list[str]:
	"""What is wrong after the next start."""
	heard, found = Heard(), []
	logging.getLogger('localai').addHandler(heard)
	studio = opened(folder, ready=False)
	home, settings = folder / 'home', studio.settings

	# 1. Rows and files agree, and so they say.
	if unmended:
		studio.truth.check(repair=True)
	report = studio.truth.check(deep=True)
	if not report.well or report.pictures != report.files:
		found.append(f'check: {report}')

	# 2. What is in the trash lies there, and there only.
	rows = studio.picture_trash.store.places()
	for _, held, path in rows:
		if not (settings.trash / held / Path(path).name).is_file():
			found.append(f'nothing in the trash for {path}')
	models = [record.held for record in studio.models.bin.store.all()]
	known = {held for _, held, _ in rows} | set(models)
	there = {p.name for p in settings.trash.iterdir()} if settings.trash.is_dir() else set()
	if known != there:
		found.append(f'trash: {known ^ there}')

	# 3. Nothing is lost, nothing is there twice.
	after = contents(folder)
	if missing := before - after:
		rest = emptied and not any((home / 'trash').iterdir())
		if not rest and not emptied:
			found.append(f'lost: {missing}')
	if twice := [d for d, n in after.items() if n > max(1, before[d])]:
		found.append(f'twice: {twice}')

	# 4. No leftovers.
	left = [p for p in home.rglob('*') if p.is_file() and p.relative_to(home).parts[0] != 'logs']
	left = [p for p in left if p.name.startswith('.') or p.suffix in ('.part', '.tmp')]
	left += [p for p in (home / 'tmp').rglob('*') if p.is_file()]
	left += [p for p in folder.glob('exported/.*')]
	found += [f'left over: {p.relative_to(folder)}' for p in left]

	# 5. Marks are written beside the pictures as the database has them.
	marked = studio.marks.store.all()
	written = studio.marks.journal.read()
	if any(written.get(path) != marks for path, marks in marked.items()):
		found.append('marks differ')
	studio.close()
	with contextlib.closing(sqlite3.connect(home / 'localai.db')) as connection:
		if (said := connection.execute('pragma integrity_check').fetchone()[0]) != 'ok':
			found.append(f'database: {said}')
	return found + [f'said: {words}' for words in heard.said if not words.startswith(MADE_ANEW)]


def kill_all(action: str, folder: Path, every: int = 1, first: int = 1) -> list[str]:
	"""What went wrong, with the step it was killed before."""
	prepare, act = ACTIONS[action]
	origin, found, step = folder / 'origin', [], first
	origin.mkdir(parents=True)
	assert apart(lambda: prepare(origin)) == 0
	before = contents(origin)
	while True:
		run = folder / 'run'
		shutil.rmtree(run, ignore_errors=True)
		shutil.copytree(origin, run, symlinks=True)

		def killed(run: Path = run, step: int = step) -> None:
			die_at(step, run)
			act(run)

		end = apart(killed)
		if end not in (0, -signal.SIGKILL):
			found.append(f'step {step}: ended with {end}')

		def judged(run: Path = run) -> None:
			wrong = problems(run, before, action == 'empty', prepare is upset)
			(folder / 'wrong.json').write_text(json.dumps(wrong))

		if apart(judged):
			found.append(f'step {step}: the next start failed')
		else:
			wrong = json.loads((folder / 'wrong.json').read_text())
			found += [f'step {step}: {words}' for words in wrong]
		if end == 0:
			return [*found, f'steps: {step - 1}']
		step += every


def main() -> int:
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument('action', choices=ACTIONS)
	parser.add_argument('folder', type=Path)
	parser.add_argument('--every', type=int, default=1)
	parser.add_argument('--first', type=int, default=1)
	options = parser.parse_args()
	*found, steps = kill_all(options.action, options.folder.resolve(), options.every, options.first)
	print(*found, steps, sep='\n')
	return 1 if found else 0


if __name__ == '__main__':
	sys.exit(main())
