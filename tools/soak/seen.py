"""Knows one look at a home: its database as of one moment, and every file in and around it."""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tools.soak.ledger import State

WORKING = ('queued', 'loading', 'running', 'interrupted')
PENDING = ('queued', 'running', 'paused', 'checking')


@dataclass(frozen=True)
class Row:
	"""A picture as the database has it; `held` is its file below the trash where it lies there."""

	id: int
	path: str
	job: str
	number: int
	seed: int | None
	small: str
	early: bool
	state: State
	held: str = ''
	trashed: str = ''


class Hashes:
	"""sha256 of files, read again only where they look changed."""

	def __init__(self) -> None:
		self.known: dict[Path, tuple[tuple, str]] = {}

	def of(self, path: Path) -> str:
		"""'' for what cannot be read."""
		try:
			about = path.stat()
			mark = (about.st_ino, about.st_size, about.st_mtime_ns)
			if path not in self.known or self.known[path][0] != mark:
				self.known[path] = mark, hashlib.sha256(path.read_bytes()).hexdigest()
			return self.known[path][1]
		except OSError:
			return ''

	def forget(self) -> None:
		self.known.clear()


@dataclass
class Seen:
	home: Path
	hub: Path
	database: sqlite3.Connection
	hashes: Hashes
	files: set[str] = field(default_factory=set)  # below the home
	folders: set[str] = field(default_factory=set)
	hub_files: set[str] = field(default_factory=set)
	exported: set[Path] = field(default_factory=set)
	rows: list[Row] = field(default_factory=list)
	# The rows of a moment before the files were listed.
	before: set[str] = field(default_factory=set)
	trash: list[Row] = field(default_factory=list)
	jobs: dict[str, dict] = field(default_factory=dict)
	downloads: dict[str, dict] = field(default_factory=dict)
	live: set[str] = field(default_factory=set)

	def close(self) -> None:
		self.database.close()

	def sha_of(self, row: Row) -> str:
		if row.held:
			return self.hashes.of(self.home / 'trash' / row.held / Path(row.path).name)
		return self.hashes.of(self.home / 'pictures' / row.path)


def look(home: Path, hub: Path, exports: Path, hashes: Hashes) -> Seen:
	"""`exports` holds what was written for others. Jobs may go on being drawn meanwhile; nothing else may happen."""
	with closing(copied(home)) as first:
		before = {path for (path,) in first.execute('select path from pictures')}
		live = working(first)
	files, folders = listed(home)
	hub_files, _ = listed(hub)
	seen = Seen(home, hub, copied(home), hashes, files, folders, hub_files, before=before)
	seen.exported = {exports / path for path in listed(exports)[0]}
	seen.live = live | working(seen.database)
	tags, albums = names(seen.database, 'tags'), names(seen.database, 'albums')
	for values in rows(seen.database, 'select * from pictures'):
		number = values['id']
		marks = values | {'tags': tags.get(number, ()), 'albums': albums.get(number, ())}
		seen.rows.append(row_of(values, json.loads(values['receipt']), marks))
	for values in rows(seen.database, "select * from trash where kind = 'picture'"):
		stored = json.loads(values['row'])
		row, marks = stored['row'], stored['marks']
		seen.trash.append(row_of(row, row['receipt'], marks, values['held'], values['id']))
	for values in rows(seen.database, 'select * from jobs'):
		parsed = {n: json.loads(values[n]) for n in ('request', 'seeds', 'skipped')}
		error = json.loads(values['error']) if values['error'] else None
		seen.jobs[values['id']] = values | parsed | {'error': error}
	for values in rows(seen.database, 'select * from downloads'):
		plan = json.loads(values['plan']) if values['plan'] else None
		request = json.loads(values['request'])
		seen.downloads[values['id']] = values | {'plan': plan, 'request': request}
	return seen


def row_of(values: dict, receipt: dict, marks: dict, held: str = '', trashed: str = '') -> Row:
	state = State(
		'trash' if trashed else 'history',
		bool(marks['favourite']),
		marks['rating'],
		marks['notes'],
		frozenset(marks['tags']),
		frozenset(marks['albums']),
	)
	return Row(
		values['id'],
		values['path'],
		values['job_id'] or '',
		values['number'],
		values['seed'],
		f'{values["ordinal"]:x}-{values["digest"][:12]}.webp',
		bool(receipt.get('stopped_early')),
		state,
		held,
		trashed,
	)


def copied(home: Path) -> sqlite3.Connection:
	"""The database of this moment, in memory."""
	copy = sqlite3.connect(':memory:')
	with closing(sqlite3.connect(home / 'localai.db', timeout=60)) as source:
		source.backup(copy)
	copy.row_factory = sqlite3.Row
	return copy


def rows(database: sqlite3.Connection, query: str) -> Iterator[dict]:
	for row in database.execute(query):
		yield dict(row)


def names(database: sqlite3.Connection, table: str) -> dict[int, set[str]]:
	found: dict[int, set[str]] = {}
	for name, number in database.execute(f'select name, picture_id from {table}'):
		found.setdefault(number, set()).add(name)
	return found


def working(database: sqlite3.Connection) -> set[str]:
	states = ','.join(f"'{s}'" for s in WORKING)
	return {i for (i,) in database.execute(f'select id from jobs where state in ({states})')}


def listed(folder: Path) -> tuple[set[str], set[str]]:
	"""Files and folders, by their paths below it."""
	files: set[str] = set()
	folders: set[str] = set()
	for place, inner, inside in os.walk(folder):
		below = Path(place).relative_to(folder)
		files |= {(below / name).as_posix() for name in inside}
		folders |= {(below / name).as_posix() for name in inner}
	return files, folders
