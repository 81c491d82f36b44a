"""Knows how the database is opened, brought up to date and closed; knows no table."""

import logging
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, event
from sqlalchemy.exc import DatabaseError, IntegrityError, ProgrammingError
from sqlalchemy.orm import Session, sessionmaker

from localai.errors import DatabaseTooNew, DiskFull, StorageProblem

log = logging.getLogger('localai.store')
MIGRATIONS = Path(__file__).parent / 'migrations'
HEAD = '0003'  # the newest migration; a test holds it equal to the folder


class Database:
	"""Opens the file (WAL, foreign keys on) after bringing its schema up to date.

	Raises DatabaseTooNew for a file of a later version, StorageProblem for one that is no database.
	"""

	def __init__(self, path: Path):
		self.path = path
		self.upgrade()
		self.engine = create_engine(f'sqlite:///{path}', connect_args={'timeout': 15})
		event.listen(self.engine, 'connect', set_pragmas)
		self.sessions = sessionmaker(self.engine, expire_on_commit=False)

	@contextmanager
	def transaction(self) -> Iterator[Session]:
		"""A session that commits at the end; SQLite's refusals become our errors."""
		try:
			with self.sessions.begin() as session:
				yield session
		except (IntegrityError, ProgrammingError):  # ours to mend, not the disk's
			raise
		except DatabaseError as error:
			raise translate(error.orig, self.path) from error

	@contextmanager
	def writing(self) -> Iterator[Session]:
		"""A transaction that nobody else writes beside: what it reads stays so until it commits."""
		with self.transaction() as session:
			session.connection().exec_driver_sql('begin immediate')
			yield session

	def upgrade(self) -> None:
		"""Migrates to HEAD, with a copy of the old file beside it. Alembic is imported only when
		there is work."""
		try:
			have = self.version()
			if have == HEAD:
				return
			if have and have > HEAD:
				raise DatabaseTooNew(
					f'The database {self.path} was written by a newer LocalAI (schema {have}, known is {HEAD}).'
				)
			from alembic import command
			from alembic.config import Config

			if have:
				copy = self.path.with_name(f'{self.path.stem}-before-{HEAD}.db')
				with sqlite3.connect(self.path) as old, sqlite3.connect(copy) as new:
					old.backup(new)
				log.info(
					'database copied to %s before migration from %s to %s', copy.name, have, HEAD
				)
			logging.getLogger('alembic').setLevel(logging.WARNING)
			config = Config()
			config.set_main_option('script_location', str(MIGRATIONS).replace('%', '%%'))
			config.attributes['url'] = f'sqlite:///{self.path}'
			command.upgrade(config, 'head')
		except DatabaseError as error:
			raise translate(error.orig, self.path) from error
		except sqlite3.Error as error:
			raise translate(error, self.path) from error

	def version(self) -> str:
		"""The schema version of the file, '' when it is new."""
		if not self.path.exists() or self.path.stat().st_size == 0:
			if shutil.disk_usage(self.path.parent).free < 10_000_000:
				raise DiskFull(f'The disk of {self.path.parent} is full.')
			return ''
		connection = sqlite3.connect(self.path)
		try:
			tables = connection.execute(
				"select count(*) from sqlite_master where name = 'alembic_version'"
			).fetchone()
			row = (
				tables[0]
				and connection.execute('select version_num from alembic_version').fetchone()
			)
			return row[0] if row else ''
		finally:
			connection.close()

	def close(self) -> None:
		self.engine.dispose()


def set_pragmas(connection: sqlite3.Connection, record: object) -> None:
	cursor = connection.cursor()
	for pragma in ('journal_mode=WAL', 'foreign_keys=ON', 'synchronous=FULL', 'busy_timeout=15000'):
		cursor.execute(f'PRAGMA {pragma}')
	cursor.close()


def translate(error: BaseException | None, path: Path) -> StorageProblem:
	text = str(error)
	if 'full' in text:
		return DiskFull(f'The disk of {path.parent} is full.')
	if 'readonly' in text or 'unable to open' in text:
		return StorageProblem(
			f'The database {path} cannot be written.', 'Check the permissions of the folder.'
		)
	if 'not a database' in text or 'malformed' in text:
		return StorageProblem(
			f'The file {path} is damaged or is not a LocalAI database.',
			'Move it away; LocalAI then makes the history anew from the pictures.',
		)
	return StorageProblem(
		f'The database {path} refused: {text}.', 'Try again; if it stays, start LocalAI again.'
	)
