"""Migrations: at head, with a copy first, never from the future."""

import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from localai.errors import DatabaseTooNew, DiskFull, StorageProblem
from localai.store.database import HEAD, MIGRATIONS, Database, translate
from localai.store.preferences import Preferences
from localai.store.tables import Base
from tests.waiting import eventually

WAITS = 'waiting to write to the database: another {} is using it'


HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute('begin ' + sys.argv[2])
print('held', flush=True)
sys.stdin.read()
connection.rollback()
"""


@contextmanager
def holding(path, locked: str):
	"""Another process has the file to itself until it is told to let go."""
	command = [sys.executable, '-c', HOLDER, str(path), locked]
	with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
		try:
			assert holder.stdout.readline().strip() == b'held'
			yield holder.stdin.close
		finally:
			holder.stdin.close()


def opened_and_written(path) -> object:
	with closing(Database(path, patience=0.01)) as database:
		Preferences(database).write('theme', {'dark': True})
		return Preferences(database).read('theme')


def older(path) -> None:
	"""A database of the schema before the history, with pictures."""
	config = Config()
	config.set_main_option('script_location', str(MIGRATIONS))
	config.attributes['url'] = f'sqlite:///{path}'
	command.upgrade(config, '0002')
	with sqlite3.connect(path) as old:
		names = [line[1] for line in old.execute('pragma table_info(pictures)')]
		for number in range(20):
			values = dict.fromkeys(names, 1) | {
				'id': number + 1,
				'job_id': f'{number}',
				'path': f'{number}.png',
				'request': '{"prompt": "a fox"}',
				'receipt': '{}',
				'created_at': f'2026-01-{number + 1:02} 10:00:00.000000',
			}
			marks = ', '.join('?' * len(names))
			insert = f'insert into pictures ({", ".join(names)}) values ({marks})'
			old.execute(insert, [values[name] for name in names])
	old.close()


class TestMigrations:
	def test_head_is_the_newest_and_makes_the_tables_as_they_are_mapped(self, tmp_path):
		assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == HEAD
		database = Database(tmp_path / 'a.db')
		with database.engine.connect() as connection:
			assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
			assert connection.execute(text('pragma journal_mode')).scalar() == 'wal'
			assert connection.execute(text('pragma foreign_keys')).scalar() == 1
		database.close()

	def test_a_second_start_changes_nothing(self, tmp_path):
		Database(tmp_path / 'a.db').close()
		Database(tmp_path / 'a.db').close()
		assert not list(tmp_path.glob('*-before-*'))

	def test_an_older_file_is_copied_before_it_is_changed(self, tmp_path):
		path = tmp_path / 'a.db'
		with sqlite3.connect(path) as old:
			old.execute('create table alembic_version (version_num text)')
			old.execute("insert into alembic_version values ('0000')")
		with pytest.raises(Exception, match='0000'):  # no such migration: but the copy is there
			Database(path)
		assert (tmp_path / f'a-before-{HEAD}.db').exists()

	def test_one_that_is_killed_halfway_is_begun_again(self, tmp_path):
		path = tmp_path / 'a.db'
		older(path)
		killed = f"""
import os, sys
from pathlib import Path
from alembic.operations import Operations
from localai.store.database import Database
Operations.drop_table = lambda *rest, **named: os._exit(9)
Database(Path({str(path)!r}))
"""
		assert subprocess.run([sys.executable, '-c', killed]).returncode == 9
		database = Database(path)
		with database.engine.connect() as connection:
			assert connection.execute(text('select count(*) from pictures')).scalar() == 20
			assert connection.execute(text('select sum(count) from days')).scalar() == 20
		database.close()

	def test_a_newer_file_is_left_alone(self, tmp_path):
		path = tmp_path / 'a.db'
		Database(path).close()
		with sqlite3.connect(path) as connection:
			connection.execute("update alembic_version set version_num = '9999'")
		with pytest.raises(DatabaseTooNew, match='newer LocalAI'):
			Database(path)

	def test_a_file_that_is_no_database_is_named(self, tmp_path):
		path = tmp_path / 'a.db'
		path.write_bytes(b'not a database at all, but long enough to be read as one' * 40)
		with pytest.raises(StorageProblem, match='damaged'):
			Database(path)

	def test_a_file_that_is_damaged_while_it_is_open_is_named(self, tmp_path):
		path = tmp_path / 'a.db'
		database = Database(path)
		with database.reading() as session:
			session.execute(text('pragma wal_checkpoint(truncate)'))
		database.close()
		path.write_bytes(path.read_bytes()[:100] + b'\xff' * 20_000)
		with pytest.raises(StorageProblem, match='damaged'), database.reading() as session:
			session.execute(text('select count(*) from jobs'))
		database.close()


class TestRefusals:
	"""What SQLite itself says becomes our error, with what to do about it."""

	@pytest.mark.parametrize(
		('address', 'ask', 'error', 'said'),
		[
			('{folder}/a.db?mode=ro', 'create table more (x)', StorageProblem, 'permissions'),
			('{folder}/missing/a.db', 'select 1', StorageProblem, 'permissions'),
			('{folder}/a.db', 'insert into pages values (zeroblob(9000000))', DiskFull, 'full'),
			('{folder}/a.db', 'select * from nowhere', StorageProblem, 'no such table: nowhere'),
		],
	)
	def test_each_says_what_to_do(self, tmp_path, address, ask, error, said):
		path = tmp_path / 'a.db'
		with closing(sqlite3.connect(path)) as connection:
			connection.execute('create table pages (x)')
		with pytest.raises(sqlite3.OperationalError) as refused:
			address = f'file:{address.format(folder=tmp_path)}'
			with closing(sqlite3.connect(address, uri=True)) as connection:
				connection.execute('pragma max_page_count = 100')
				connection.execute(ask)
		problem = translate(refused.value, path)
		assert type(problem) is error and said in f'{problem.message} {problem.remedy}'


class TestWaiting:
	def test_who_writes_waits_for_another_program_and_says_so(self, tmp_path, caplog):
		path = tmp_path / 'a.db'
		with closing(Database(path, patience=0.01)) as database, ThreadPoolExecutor(1) as pool:
			with closing(sqlite3.connect(path)) as other:
				other.execute('begin immediate')
				writing = pool.submit(Preferences(database).write, 'theme', {'dark': True})
				eventually(lambda: caplog.messages.count(WAITS.format('program')) > 2)
				assert not writing.done() and Preferences(database).read('theme') is None
				other.rollback()
			writing.result()
			assert Preferences(database).read('theme') == {'dark': True}

	@pytest.mark.parametrize('locked', ['immediate', 'exclusive'])
	@pytest.mark.parametrize('state', ['new', 'older', 'today'])
	def test_who_opens_waits_for_another_process_and_says_so(self, tmp_path, caplog, state, locked):
		path = tmp_path / 'a.db'
		if state == 'older':
			older(path)
		elif state == 'today':
			Database(path).close()
		with holding(path, locked) as let_go, ThreadPoolExecutor(1) as pool:
			opening = pool.submit(opened_and_written, path)
			eventually(lambda: caplog.messages.count(WAITS.format('program')) > 2)
			assert not opening.done()
			let_go()
			assert opening.result() == {'dark': True}

	def test_who_reads_is_told_of_a_program_that_lets_nobody_in(self, tmp_path):
		path = tmp_path / 'a.db'
		with closing(Database(path, patience=0.01)) as database:
			database.engine.dispose()
			with closing(sqlite3.connect(path)) as other:
				other.execute('pragma locking_mode=exclusive')
				other.execute('pragma user_version=1')
				other.execute('select * from preferences').fetchall()
				with pytest.raises(StorageProblem, match='Close that program'):
					Preferences(database).read('theme')

	def test_who_writes_waits_for_another_thread_and_says_so(self, tmp_path, caplog):
		with (
			closing(Database(tmp_path / 'a.db', patience=0.01)) as database,
			ThreadPoolExecutor(40) as pool,
		):
			preferences = Preferences(database)
			with database.writing():
				# More than there are connections in a pool.
				writes = [pool.submit(preferences.write, f'{n}', {'n': n}) for n in range(40)]
				eventually(lambda: WAITS.format('part of LocalAI') in caplog.messages)
				assert not any(w.done() for w in writes) and preferences.read('0') is None
			for write in writes:
				write.result()
			assert [preferences.read(f'{n}') for n in range(40)] == [{'n': n} for n in range(40)]

	def test_who_only_reads_cannot_write(self, tmp_path):
		with closing(Database(tmp_path / 'a.db')) as database:
			with (
				pytest.raises(StorageProblem, match='cannot write to the database'),
				database.reading() as session,
			):
				session.execute(text("insert into preferences values ('theme', '{}')"))
			assert Preferences(database).read('theme') is None


class TestRest:
	def test_connections_of_a_crowd_are_closed_and_who_reads_goes_on(self, settings):
		with closing(Database(settings.database)) as database:
			with ExitStack() as crowd:
				for _ in range(4):
					crowd.enter_context(database.reading()).execute(text('select 1'))
			assert database.readers.pool.checkedin() == 4
			with database.reading() as session:
				session.execute(text('select 1'))
				database.rest()
				assert session.execute(text('select count(*) from pictures')).scalar() == 0
			assert database.readers.pool.checkedin() == 0
			with database.reading() as session:
				assert session.execute(text('select 1')).scalar() == 1

	def test_a_home_that_went_away_is_not_begun_anew_by_who_reads(self, settings):
		with closing(Database(settings.database)) as database:
			database.rest()
			settings.database.parent.rename(settings.database.parent.with_name('away'))
			settings.database.parent.mkdir()
			with (
				pytest.raises(StorageProblem, match='no longer exists'),
				database.reading() as session,
			):
				session.execute(text('select 1 from pictures'))
			assert not settings.database.exists()

	def test_names_that_mean_something_in_an_address(self, tmp_path):
		path = tmp_path / 'a%20b?c#d é' / 'localai.db'
		path.parent.mkdir()
		with closing(Database(path)) as database, database.reading() as session:
			assert session.execute(text('select count(*) from pictures')).scalar() == 0
		assert path.exists() and list(tmp_path.iterdir()) == [path.parent]


class TestTwiceAtOnce:
	def test_many_threads_write_the_first_value_of_one_preference(self, settings):
		"""A merge reads and then writes; between the two another may have written."""
		with closing(Database(settings.database)) as database:
			preferences = Preferences(database)
			for turn in range(10):
				barrier = threading.Barrier(4)

				def write(number: int, key: str = f'key {turn}', barrier=barrier) -> None:
					barrier.wait()
					preferences.write(key, {'number': number})

				with ThreadPoolExecutor(4) as pool:
					list(pool.map(write, range(4)))
				assert preferences.read(f'key {turn}')['number'] in range(4)
