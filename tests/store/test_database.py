"""Migrations: at head, with a copy first, never from the future."""

import sqlite3

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from localai.errors import DatabaseTooNew, StorageProblem
from localai.store.database import HEAD, MIGRATIONS, Database
from localai.store.tables import Base


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
		with database.transaction() as session:
			session.execute(text('pragma wal_checkpoint(truncate)'))
		database.close()
		path.write_bytes(path.read_bytes()[:100] + b'\xff' * 20_000)
		with pytest.raises(StorageProblem, match='damaged'), database.transaction() as session:
			session.execute(text('select count(*) from jobs'))
		database.close()
