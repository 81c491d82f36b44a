"""Knows that the soak can find what it looks for: each fault is planted and found, and nothing where there is
none; and that the real app comes through a kill."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from localai.settings import read_settings
from localai.studio import Studio
from tests.fakes import FakeExecutor
from tests.live import ROOT
from tests.pictures import draw, png
from tools.soak import __main__ as soak
from tools.soak import figures
from tools.soak.checking import LOGS, questions, read_logs
from tools.soak.figures import Figures
from tools.soak.invariants import INVARIANTS, faults, link_names, narrow
from tools.soak.ledger import ABSENT, FRESH, Fetch, Ledger, State, pixels, sha256
from tools.soak.seen import Hashes, Seen, look
from tools.soak.world import World

FIELDS = {'prompt': 'a red fox', 'seed': 5}
MODEL = 'models/unet/fetched.safetensors'


def sql(home: Path, *queries: str) -> None:
	with closing(sqlite3.connect(home / 'localai.db')) as connection:
		for query in queries:
			connection.execute(query)
		connection.commit()


def seen_of(home: Path) -> Seen:
	return look(home, home.parent / 'hub', home.parent / 'out', Hashes())


def a_download(home: Path, state: str = 'finished', source: str = 'http://127.0.0.1/x') -> None:
	request = json.dumps({'source': source})
	sql(
		home,
		"insert into downloads (id, state, rank, request, plan, model, created_at) values ('d1',"
		f" '{state}', 1, '{request}', 'null', 'unet/fetched.safetensors', '2026-01-01 00:00:00')",
	)


@pytest.fixture(scope='module')
def original(tmp_path_factory) -> Path:
	"""A home with two drawn pictures, one taken in, one in the trash, marks and a download."""
	home = tmp_path_factory.mktemp('soak') / 'home'
	studio = Studio(
		read_settings({}, home=home, hub_cache=home.parent / 'hub').prepare(), FakeExecutor()
	)
	studio.open()
	assert studio.upkeep.settled.wait(60)
	first, _ = draw(studio, count=2, **FIELDS)
	(taken,) = studio.imports.take('a.png', png(3)).imported
	(gone,) = studio.imports.take('b.png', png(4)).imported
	studio.marks.mark([first.id, gone], {'rating': 4, 'add_tags': ['x'], 'add_albums': ['y']})
	studio.marks.mark([taken], {'favourite': True, 'notes': 'n'})
	studio.picture_trash.delete([gone])
	studio.close()
	file = home / MODEL
	file.parent.mkdir(parents=True)
	file.write_bytes(b'weights')
	a_download(home)
	return home


class Books:
	"""A home and a ledger that says of it what is so."""

	def __init__(self, home: Path):
		self.home, self.ledger = home, Ledger()
		with closing(seen_of(home)) as seen:
			for job_id, row in seen.jobs.items():
				self.job = self.ledger.began({'id': job_id, 'seeds': row['seeds']}, FIELDS)
			for row in seen.rows:
				data = (home / 'pictures' / row.path).read_bytes()
				if row.job:
					seeds = {row.seed: pixels(data)}
					self.ledger.pixels.setdefault(repr(sorted(FIELDS.items())), {}).update(seeds)
				else:
					self.ledger.came(self.ledger.expect(data), row.id)
			(row,) = seen.trash
			data = (home / 'trash' / row.held / Path(row.path).name).read_bytes()
			self.ledger.came(self.ledger.expect(data), row.id)
			fetch = Fetch('http://127.0.0.1/x', {'x': sha256(b'weights')}, 'x', 7, 'd1')
			self.ledger.fetches[fetch.source] = fetch
			assert narrow(seen, self.ledger) == []
		self.first = next(row for row in seen.rows if row.number == 0 and row.job)
		self.taken = next(row for row in seen.rows if not row.job)
		self.away = row
		self.picture = home / 'pictures' / self.first.path
		self.held = home / 'trash' / self.away.held / Path(self.away.path).name

	def faults(self) -> dict[str, list[str]]:
		found: dict[str, list[str]] = {}
		with closing(seen_of(self.home)) as seen:
			for name, words in faults(seen, self.ledger):
				found.setdefault(name, []).append(words)
		return found

	def kept(self, data: bytes):
		return self.ledger.pictures[sha256(data)]


@pytest.fixture
def books(original, tmp_path) -> Books:
	shutil.copytree(original.parent, tmp_path / 'copy')
	return Books(tmp_path / 'copy' / 'home')


def leave(path: str) -> Callable[[Books], object]:
	def plant(books: Books) -> None:
		file = books.home / path
		file.parent.mkdir(parents=True, exist_ok=True)
		file.write_bytes(b'x')

	return plant


def run(*queries: str) -> Callable[[Books], object]:
	return lambda books: sql(books.home, *(q.format(b=books) for q in queries))


def draw_other_pixels(books: Books) -> None:
	books.ledger.pictures = {}
	for seeds in books.ledger.pixels.values():
		seeds.update(dict.fromkeys(seeds, 'other'))


def cut_the_journal(books: Books) -> None:
	file = books.home / 'pictures' / 'marks.jsonl'
	file.write_text('\n'.join(file.read_text().splitlines()[:-1]) + '\n')


def move_to_trash(books: Books) -> None:
	books.kept(books.picture.read_bytes()).states = {State('trash', rating=4)}


COPY = 'insert into pictures ({n}) select {v} from pictures where id = {{b.first.id}}'
FINISHED, FILES, ROWS, LEFT, SOUND, JOBS, ASKED, MARKS, JOURNAL, DOWNLOADS, EXPORTS = INVARIANTS
# What is done to a home, and which invariant says so.
PLANTED: dict[str, tuple[str, Callable[[Books], object]]] = {
	'a deleted file': (FINISHED, lambda b: b.picture.unlink()),
	'a row without its file': (FILES, lambda b: b.picture.unlink()),
	'a damaged file': (FINISHED, lambda b: b.picture.write_bytes(b.picture.read_bytes() + b'x')),
	'a file of the trash that is gone': (FILES, lambda b: b.held.unlink()),
	'a picture of the trash that is lost': (FINISHED, lambda b: shutil.rmtree(b.held.parent)),
	'a lost row': (FINISHED, run('delete from pictures where id = {b.first.id}')),
	'a file whose row is lost': (ROWS, run('delete from pictures where id = {b.first.id}')),
	'a lost row of the trash': (ROWS, run('delete from trash')),
	'a picture in the trash that should be in the history': (FINISHED, move_to_trash),
	'a picture that is called otherwise': (
		FINISHED,
		run('update pictures set id = 99 where id = {b.taken.id}'),
	),
	'a file that nobody put there': (ROWS, leave('pictures/2026-01-01/other.png')),
	'a file in the trash that nobody put there': (ROWS, leave('trash/123/other.png')),
	'a half-written picture': (LEFT, leave('pictures/2026-01-01/.a.png.part')),
	'a half-written thumbnail': (LEFT, leave('thumbnails/20000/.a.webp.1-2.part')),
	'a thumbnail of nothing': (LEFT, leave('thumbnails/20000/12ab-0123456789ab.webp')),
	'an empty folder of the trash': (LEFT, lambda b: (b.home / 'trash' / '5').mkdir()),
	'a half-written note': (LEFT, leave('localai.running.tmp')),
	'half a link': (LEFT, leave(f'tmp/link-{"0" * 24}.safetensors.localai-part')),
	'half a file of the hub': (LEFT, leave('../hub/models--a--b/blobs/00.localai-part')),
	'half a model': (LEFT, leave('models/lora/a.safetensors.localai-copy')),
	'a wrong count of a day': (SOUND, run('update days set count = count + 1')),
	'a word too few': (SOUND, run('delete from picture_words where rowid = (select max(ordinal) from pictures)')),
	'a tag of no picture': (
		SOUND,
		run('pragma foreign_keys = off', "insert into tags (name, picture_id) values ('x', 999)"),
	),
	'a lost job': (JOBS, run("delete from jobs where id = '{b.job.id}'")),
	'a job with other seeds': (JOBS, run("update jobs set seeds = '[8, 9]'")),
	'a job that failed': (JOBS, run("update jobs set state = 'failed'")),
	'a job that nobody cancelled': (JOBS, run("update jobs set state = 'cancelled'")),
	'a job that nobody asked for': (
		JOBS,
		run("insert into jobs select 'strange', " + ', '.join(
			('state', 'rank', 'request', 'seeds', 'skipped', 'notes', 'attempts', 'error',
			'created_at', 'started_at', 'finished_at')) + ' from jobs'),
	),
	'a finished job without a picture': (JOBS, lambda b: b.job.seeds.append(7)),
	'a picture that nobody asked for': (ASKED, lambda b: b.ledger.pictures.clear()),
	'a mark too few': (MARKS, run('update pictures set rating = 0')),
	'a lost tag': (MARKS, run('delete from tags')),
	'a lost album': (MARKS, run('delete from albums')),
	'a lost note': (MARKS, run("update pictures set notes = ''")),
	'a tag that was lost in the trash': (
		MARKS,
		run("update trash set row = json_set(row, '$.marks.tags', json('[]'))"),
	),
	'a line that is missing beside the pictures': (JOURNAL, cut_the_journal),
	'a lost download': (DOWNLOADS, run('delete from downloads')),
	'a download that failed': (DOWNLOADS, run("update downloads set state = 'failed'")),
	'a download that nobody cancelled': (DOWNLOADS, run("update downloads set state = 'cancelled'")),
	'a download with other bytes': (DOWNLOADS, lambda b: (b.home / MODEL).write_bytes(b'weighty')),
	'half an exported picture': (EXPORTS, leave('../out/1/a.png')),
	'what an export was writing': (EXPORTS, leave('../out/1/.localai-1.part')),
	'a download whose file is gone': (DOWNLOADS, lambda b: (b.home / MODEL).unlink()),
}  # fmt: skip


class TestInvariants:
	def test_a_home_that_is_as_it_was_told_has_no_fault(self, books):
		assert books.faults() == {}

	@pytest.mark.parametrize('planted', PLANTED)
	def test_each_finds_what_is_planted(self, books, planted):
		name, plant = PLANTED[planted]
		plant(books)
		assert name in books.faults()

	def test_each_has_a_fault_that_is_planted(self):
		assert {name for name, _ in PLANTED.values()} == INVARIANTS.keys()

	def test_other_pixels_are_found(self, books):
		draw_other_pixels(books)
		with closing(seen_of(books.home)) as seen:
			assert len(narrow(seen, books.ledger)) == 2

	def test_what_is_being_drawn_may_lie_without_a_row(self, books):
		sql(books.home, "update jobs set state = 'running'")
		leave(f'pictures/2026-01-01/{books.job.id}-003-9.png')(books)
		leave(f'pictures/2026-01-01/.{books.job.id}-004-9.png.part')(books)
		assert not {ROWS, LEFT} & books.faults().keys()

	def test_what_a_download_goes_on_with_may_stay(self, books):
		with closing(seen_of(books.home)) as seen:
			(name,) = link_names(seen.downloads['d1'])
		leave(f'tmp/{name}.safetensors.localai-part')(books)
		assert LEFT in books.faults()
		sql(books.home, "update downloads set state = 'queued'")
		assert LEFT not in books.faults()


class TestLedger:
	def test_what_nobody_was_told_of_may_be_either_way_until_it_was_looked_at(self, books):
		kept = books.kept(books.picture.read_bytes())
		books.ledger.widen([kept], lambda s: s._replace(rating=1))
		assert books.faults() == {}
		sql(books.home, f'update pictures set rating = 1 where id = {kept.id}')
		assert MARKS not in books.faults()
		sql(books.home, f'update pictures set rating = 2 where id = {kept.id}')
		assert MARKS in books.faults()

	def test_a_change_that_was_told_is_so(self, books):
		kept = books.kept(books.picture.read_bytes())
		change = lambda s: s._replace(favourite=True)  # noqa: E731
		books.ledger.widen([kept], change)
		books.ledger.settle([kept], change)
		assert kept.state.favourite and MARKS in books.faults()

	def test_a_picture_that_may_have_come_need_not_be_there(self, books):
		kept = books.ledger.expect(png(77))
		assert kept.states == {ABSENT, FRESH} and books.faults() == {}

	def test_a_job_whose_answer_was_lost_is_taken_for_what_was_asked(self, books):
		books.ledger.jobs.clear()
		books.ledger.unheard.append({'prompt': 'a red fox'})
		assert JOBS not in books.faults() and books.job.id in books.ledger.jobs
		assert books.ledger.unheard == []

	def test_searches_are_counted_from_it(self, books):
		found = questions(books.ledger)
		assert found[''] == 3 and found['favourite:yes'] == 1
		assert found['rating:4'] == 1 and found['tag:"x"'] == 1 and found['album:"y"'] == 1


class TestWorld:
	def test_a_traceback_in_a_log_is_found(self, tmp_path):
		world = World(tmp_path)
		logs = world.home / 'logs'
		logs.mkdir(parents=True)
		world.live = type('Live', (), {'terminal': tmp_path / 'terminal.txt'})()
		(logs / 'localai.log').write_text('2026-01-01 00:00:00 INFO localai fine\n')
		read_logs(world)
		assert world.wrong == [] and world.held[LOGS] == 1
		(logs / 'localai.log.2').write_text('Traceback (most recent call last):\n  x\nValueError')
		read_logs(world)
		assert [name for name, _ in world.wrong] == [LOGS]

	def test_a_command_may_print_more_than_a_pipe_holds(self, tmp_path):
		class Loud(World):
			def begin_command(self, *arguments: str) -> subprocess.Popen[str]:
				command = [sys.executable, '-c', 'print([1] * 100_000)']
				pipe = subprocess.PIPE
				return subprocess.Popen(command, stdout=pipe, stderr=pipe, encoding='utf-8')

		assert len(Loud(tmp_path).command('models')) == 100_000

	@pytest.mark.parametrize(
		('after', 'wrong'),
		[
			(Figures(104, 10, 5), []),
			(Figures(106, 10, 5), ['memory do not grow']),
			(Figures(100, 11, 5), ['open files do not grow']),
			(Figures(100, 14, 5, opened=('localai.db',) * 4), []),
			(Figures(100, 190, 5, opened=('localai.db',) * 180), ['open files do not grow']),
			(Figures(100, 10, 6), ['threads do not grow']),
		],
	)
	def test_growth_is_found(self, tmp_path, after, wrong):
		world = World(tmp_path)
		figures.compare(world, Figures(100, 10, 5), after)
		assert [name for name, _ in world.wrong] == wrong


@pytest.mark.skipif(os.name != 'posix', reason='kills by POSIX signals')
class TestRun:
	def test_an_app_that_is_killed_under_load_comes_back_whole(self, tmp_path, capfd):
		root = tmp_path / 'all'
		code = soak.main(['--kills', '1', '--requests', '1', '--seed', '7', '--home', str(root)])
		out = capfd.readouterr().out
		assert code == 0, out
		assert 'Nothing is wrong.' in out and 'kill 1 of 1' in out

	def test_run_py_has_it(self):
		assert 'python3 run.py soak' in (ROOT / 'run.py').read_text('utf-8')
