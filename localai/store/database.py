"""Knows how the database is opened, brought up to date and closed; knows no table."""

import logging
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from localai.errors import DatabaseTooNew, DiskFull, StorageProblem, of_disk

log = logging.getLogger('localai.store')
Tell = Callable[[str, int, int], None]
Result = TypeVar('Result')
MIGRATIONS = Path(__file__).parent / 'migrations'
PAUSE = 0.2  # seconds
LOG_LIMIT = 64_000_000  # bytes that the log of the database may keep when it is not needed
# The newest migration.
HEAD = max(file.name[:4] for file in (MIGRATIONS / 'versions').glob('[0-9]*.py'))


class Database:
	"""Opens the file (WAL, foreign keys on) after bringing its schema up to date.

	Who writes waits for who writes, as long as it takes, and says so every `patience` seconds. What
	takes long at the opening is told: what it is, how far, of how much.
	Raises DatabaseTooNew for a file of a later version, StorageProblem for one that is no database.
	"""

	def __init__(self, path: Path, patience: float = 15, tell: Tell = lambda *_: None):
		self.path, self.patience, self.tell = path, patience, tell
		self.upgrade()
		self.engine = self.connections(
			'journal_mode=WAL',
			'foreign_keys=ON',
			'synchronous=FULL',
			f'journal_size_limit={LOG_LIMIT}',
		)
		# Apart, so that nobody who reads waits for a connection of those who wait to write; and what
		# would write by mistake, beside another who writes, is refused at once.
		self.readers = self.connections('query_only=ON')
		self.turn = threading.Lock()
		with self.translated():  # from now on readers and a writer do not wait for each other (WAL)
			patiently(lambda: self.engine.connect().close())

	def connections(self, *pragmas: str) -> Engine:
		# Never creates the file: where its disk was is no place for another.
		address = f'{self.path.absolute().as_uri()}?mode=rw'
		engine = create_engine(
			'sqlite://',
			creator=lambda: sqlite3.connect(
				address, uri=True, timeout=self.patience, check_same_thread=False
			),
			poolclass=QueuePool,
			max_overflow=-1,
		)

		def set_pragmas(connection: sqlite3.Connection, record: object) -> None:
			for pragma in pragmas:
				connection.execute(f'PRAGMA {pragma}')

		event.listen(engine, 'connect', set_pragmas)
		return engine

	@contextmanager
	def reading(self) -> Iterator[Session]:
		"""A session that only reads; SQLite's refusals become our errors."""
		with self.translated(), Session(self.readers, expire_on_commit=False) as session:
			yield session

	@contextmanager
	def writing(self) -> Iterator[Session]:
		"""A session that commits at the end, and that nobody writes beside: what it reads stays so
		until then."""
		self.check_there()
		while not self.turn.acquire(timeout=self.patience):
			log.warning('waiting to write to the database: another part of LocalAI is using it')
		try:
			with (
				self.translated(),
				Session(self.engine, expire_on_commit=False) as session,
				session.begin(),
			):
				begin = session.connection().exec_driver_sql
				patiently(lambda: begin('begin immediate'))
				yield session
		finally:
			self.turn.release()

	def check_there(self) -> None:
		"""What is written while the disk of a home is away would be written into the place where it
		was, or into a file that nobody finds again. Raises StorageProblem."""
		if not self.path.exists():
			raise away(self.path)

	@contextmanager
	def translated(self) -> Iterator[None]:
		try:
			yield
		except (IntegrityError, ProgrammingError):  # ours to mend, not the disk's
			raise
		except DatabaseError as error:
			raise translate(error.orig, self.path) from error

	def upgrade(self) -> None:
		"""Migrates to HEAD, with a copy of the old file beside it. Alembic is imported only when
		there is work."""
		try:
			have = patiently(self.version)
			if have == HEAD:
				return
			if have and have > HEAD:
				raise DatabaseTooNew(
					f'The database {self.path} was written by a newer '
					f'LocalAI (schema {have}; this version knows {HEAD}).'
				)
			from alembic import command
			from alembic.config import Config

			if have:
				copy = self.copy(f'before-{HEAD}')
				log.info('copied to %s before migration from %s to %s', copy.name, have, HEAD)
			logging.getLogger('alembic').setLevel(logging.WARNING)
			config = Config()
			config.set_main_option('script_location', str(MIGRATIONS).replace('%', '%%'))
			config.attributes['url'] = URL.create('sqlite', database=str(self.path))
			config.attributes['tell'] = self.tell
			config.attributes['patience'] = self.patience
			command.upgrade(config, 'head')
		except DatabaseError as error:
			raise translate(error.orig, self.path) from error
		except sqlite3.Error as error:
			raise translate(error, self.path) from error
		except OSError as error:
			raise of_disk(error, self.path.parent) from error

	def copy(self, name: str) -> Path:
		"""Beside it, whole or not at all. Raises DiskFull where there is no room for it and for what
		a migration writes."""
		size, free = self.path.stat().st_size, shutil.disk_usage(self.path.parent).free
		if free < 3 * size:
			raise DiskFull(
				f'LocalAI needs {3 * size / 1e6:,.0f} MB to update its database, '
				f'but the disk holding {self.path.parent} has {free / 1e6:,.0f} MB free.',
				'Free some space, then start again.',
			)
		copy = self.path.with_name(f'{self.path.stem}-{name}.db')
		part = copy.with_suffix('.part')
		part.unlink(missing_ok=True)
		old, new = sqlite3.connect(self.path), sqlite3.connect(part)
		try:
			old.backup(
				new,
				pages=10_000,
				progress=lambda _, left, all: self.tell('Copying the database', all - left, all),
			)
		finally:
			new.close()
			old.close()
		part.replace(copy)
		return copy

	def version(self) -> str:
		"""The schema version of the file, '' when it is new."""
		if not self.path.exists() or self.path.stat().st_size == 0:
			if shutil.disk_usage(self.path.parent).free < 10_000_000:
				raise DiskFull(f'The disk holding {self.path.parent} is full.')
			return ''
		connection = sqlite3.connect(self.path, timeout=self.patience)
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

	def tidy(self) -> None:
		"""Brings the log into the database and makes it short. The database itself is never written
		anew (VACUUM): what was deleted is room for what comes, and to copy a gigabyte while somebody
		waits, with as much free space, is worth less than that room."""
		with self.turn, self.translated(), self.engine.connect() as connection:
			connection.exec_driver_sql('pragma wal_checkpoint(truncate)')

	def rest(self) -> None:
		"""Closes what was opened for many who read at once, and with it what each keeps in memory;
		those who read now go on."""
		self.readers.dispose()

	def close(self) -> None:
		self.readers.dispose()
		self.engine.dispose()


def patiently(act: Callable[[], Result]) -> Result:
	"""Does what another program keeps from being done as soon as it lets go, and says that it waits:
	each time after as long as its connection is patient."""
	while True:
		try:
			return act()
		except (OperationalError, sqlite3.OperationalError) as error:
			if not is_busy(error):
				raise
			log.warning('waiting to write to the database: another program is using it')
			time.sleep(
				PAUSE
			)  # some of it SQLite refuses at once, however patient it was told to be


def is_busy(error: BaseException | None) -> bool:
	code = getattr(getattr(error, 'orig', error), 'sqlite_errorcode', 0)
	return code & 0xFF == sqlite3.SQLITE_BUSY


def away(path: Path) -> StorageProblem:
	return StorageProblem(
		f'The folder {path.parent} no longer exists.',
		'Connect the disk again, then restart LocalAI.',
	)


def translate(error: BaseException | None, path: Path) -> StorageProblem:
	text = str(error)
	if 'unable to open' in text and not path.exists():
		return away(path)
	if is_busy(error):  # only who reads: who writes waits
		return StorageProblem(
			f'Another program has locked the database {path}.',
			'Close that program, then try again.',
		)
	if 'full' in text:
		return DiskFull(f'The disk holding {path.parent} is full.')
	if 'readonly' in text or 'unable to open' in text:
		return StorageProblem(
			f'LocalAI cannot write to the database {path}.', "Check the folder's permissions."
		)
	if 'not a database' in text or 'malformed' in text:
		return StorageProblem(
			f'The file {path} is damaged or is not a LocalAI database.',
			'Move it away; LocalAI will then rebuild the history from the pictures.',
		)
	return StorageProblem(
		f'The database {path} reported an error: {text}.',
		'Try again; if that does not help, restart LocalAI.',
	)
