"""Knows what must be so of a home at any moment, whatever was killed before: each a function of one look
and the ledger, which says what is wrong."""

import hashlib
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.soak.ledger import ABSENT, ENDED, Ledger, State
from tools.soak.seen import PENDING, Row, Seen

Invariant = Callable[[Seen, Ledger], Iterator[str]]
INVARIANTS: dict[str, Invariant] = {}
OWN = re.compile(
	r'localai\.(db(-wal|-shm)?|lock|running\.json)|reserve'
	r'|logs/\w+\.log(\.\d)?|pictures/marks\.jsonl'
)
# What a download may leave, and what of it is only a lock: empty, and of no harm.
LINK = re.compile(r'tmp/(link-[0-9a-f]{24})\.')
UNFINISHED = re.compile(r'\.(localai-part|localai-map|localai-copy|incomplete)$')


def invariant(name: str) -> Callable[[Invariant], Invariant]:
	def add(function: Invariant) -> Invariant:
		INVARIANTS[name] = function
		return function

	return add


@invariant('what was told as finished is there')
def finished(seen: Seen, ledger: Ledger) -> Iterator[str]:
	found: dict[str, list[Row]] = {}
	for row in [*seen.rows, *seen.trash]:
		found.setdefault(seen.sha_of(row), []).append(row)
	with ledger.lock:
		entries = list(ledger.pictures.values())
	for kept in entries:
		places = {state.place for state in kept.states}
		there = found.get(kept.sha256, [])
		what = f'picture {kept.id or kept.sha256[:12]}'
		if not there and 'absent' not in places:
			yield f'{what} is lost'
		if len(there) > 1:
			yield f'{what} is there {len(there)} times'
		for row in there:
			if row.state.place not in places:
				yield f'{what} is in the {row.state.place}, not in {sorted(places)}'
			if kept.id and row.id != kept.id:
				yield f'{what} is called {row.id} now'


@invariant('every row has its file')
def files_of_rows(seen: Seen, ledger: Ledger) -> Iterator[str]:
	for row in seen.rows:
		if row.path in seen.before and f'pictures/{row.path}' not in seen.files:
			yield f'row {row.id} has no file {row.path}'
	for row in seen.trash:
		if f'trash/{row.held}/{Path(row.path).name}' not in seen.files:
			yield f'{row.trashed} in the trash has no file'


@invariant('every file has its row')
def rows_of_files(seen: Seen, ledger: Ledger) -> Iterator[str]:
	known = {f'pictures/{row.path}' for row in seen.rows}
	known |= {f'trash/{row.held}/{Path(row.path).name}' for row in seen.trash}
	for path in sorted(seen.files - known):
		name = Path(path).name
		if not path.startswith(('pictures/', 'trash/')) or name.startswith('.') or OWN.match(path):
			continue
		if name.split('-')[0] not in seen.live:
			yield f'{path} has no row'


@invariant('nothing is left over')
def leftovers(seen: Seen, ledger: Ledger) -> Iterator[str]:
	small = {row.small for row in [*seen.rows, *seen.trash]}
	pending = [d for d in seen.downloads.values() if d['state'] in PENDING]
	links = {name for d in pending for name in link_names(d)}
	etags = {f['etag'] for d in pending for f in (d['plan'] or {}).get('files', ())}
	for path in sorted(seen.files):
		name, top = Path(path).name, path.split('/')[0]
		if OWN.fullmatch(path):
			continue
		elif top in ('pictures', 'trash'):  # visible ones have an invariant of their own
			if name.startswith('.') and name[1:].split('-')[0] not in seen.live:
				yield f'{path} is left over'
		elif top == 'thumbnails':
			if name not in small:
				yield f'{path} is a thumbnail of nothing'
		elif top == 'tmp':
			link = LINK.match(path)
			lock = path.endswith('.lock') and (seen.home / path).stat().st_size == 0
			if not (link and (lock or link[1] in links)) and not path.startswith('tmp/gradio/'):
				yield f'{path} is left over'
		elif top == 'models':
			if name.startswith('.') or UNFINISHED.search(name):
				yield f'{path} is left over'
		else:
			yield f'{path} is nothing known'
	for path in sorted(seen.folders):
		if re.fullmatch(r'trash/[^/]+', path) and not any(
			f.startswith(f'{path}/') for f in seen.files
		):
			yield f'{path} is an empty folder'
	for path in sorted(seen.hub_files):
		if UNFINISHED.search(path) and UNFINISHED.sub('', Path(path).name) not in etags:
			yield f'{path} in the cache is left over'


def link_names(download: dict) -> Iterator[str]:
	if download['request']['source'].startswith('http'):
		yield f'link-{hashlib.sha256(download["request"]["source"].encode()).hexdigest()[:24]}'


@invariant('the database is sound')
def sound(seen: Seen, ledger: Ledger) -> Iterator[str]:
	database = seen.database
	for (line,) in database.execute('pragma integrity_check'):
		if line != 'ok':
			yield f'integrity_check: {line}'
	for broken in database.execute('pragma foreign_key_check'):
		yield f'foreign_key_check: {tuple(broken)}'
	try:
		database.execute("insert into picture_words(picture_words) values('integrity-check')")
	except sqlite3.DatabaseError as error:
		yield f'the index of words: {error}'
	indexed = {i for (i,) in database.execute('select rowid from picture_words')}
	ordinals = {i for (i,) in database.execute('select ordinal from pictures')}
	if indexed != ordinals:
		yield f'the index of words has {len(indexed)} pictures, the history {len(ordinals)}'
	counted = dict(database.execute('select day, count from days where count').fetchall())
	actual = Counter(i // 10**11 for i in ordinals)
	if counted != dict(actual):
		yield f'the days are counted wrong: {counted}, not {dict(actual)}'


@invariant('jobs are as they were told')
def jobs(seen: Seen, ledger: Ledger) -> Iterator[str]:
	with ledger.lock:
		known = dict(ledger.jobs)
		drawn: dict[str, set[int]] = {}
		for kept in ledger.pictures.values():
			drawn.setdefault(kept.job, set()).add(kept.number)
	for job_id, job in known.items():
		row = seen.jobs.get(job_id)
		if row is None:
			yield f'job {job_id} is lost'
			continue
		state, code = row['state'], (row['error'] or {}).get('code', '')
		if row['seeds'] != job.seeds:
			yield f'job {job_id} has other seeds: {row["seeds"]}, not {job.seeds}'
		if job.state in ENDED and state != job.state:
			yield f'job {job_id} was {job.state} and is {state}'
		if state == 'cancelled' and not job.stopped:
			yield f'job {job_id} was cancelled by nobody'
		if state == 'failed' and not (
			code == 'EngineDied' and ledger.engine_deaths - job.deaths >= 2
		):
			yield f'job {job_id} failed: {row["error"]}'
		if state == 'finished':
			missing = set(range(len(job.seeds))) - drawn.get(job_id, set()) - set(row['skipped'])
			missing -= {r.number for r in [*seen.rows, *seen.trash] if r.job == job_id}
			if missing:
				yield f'job {job_id} is finished without its pictures {sorted(missing)}'
	for job_id in seen.jobs.keys() - known.keys():
		yield f'job {job_id} was asked for by nobody'


@invariant('pictures are those that were asked for')
def asked_for(seen: Seen, ledger: Ledger) -> Iterator[str]:
	with ledger.lock:
		known = dict(ledger.pictures)
	for row in [*seen.rows, *seen.trash]:
		if seen.sha_of(row) in known or row.path not in seen.before:
			continue
		job = ledger.jobs.get(row.job)
		if job is None:
			yield f'picture {row.id} ({row.path}) was asked for by nobody'
		elif not 0 <= row.number < len(job.seeds) or row.seed != job.seeds[row.number]:
			yield f'picture {row.id} has seed {row.seed}, which job {row.job} has not'


@invariant('marks, tags and albums are as they were told')
def marks(seen: Seen, ledger: Ledger) -> Iterator[str]:
	by_sha = {seen.sha_of(row): row for row in [*seen.rows, *seen.trash]}
	with ledger.lock:
		entries = [(k.sha256, k.id, set(k.states)) for k in ledger.pictures.values()]
	for sha, number, states in entries:
		row = by_sha.get(sha)
		if row and row.state.place in {s.place for s in states} and row.state not in states:
			yield f'picture {number} has {row.state[1:]}, not {[s[1:] for s in states]}'


@invariant('the marks beside the pictures are those of the database')
def journal(seen: Seen, ledger: Ledger) -> Iterator[str]:
	said: dict[str, State] = {}
	path = seen.home / 'pictures' / 'marks.jsonl'
	for line in path.read_text('utf-8', 'replace').splitlines() if path.exists() else ():
		try:
			fields = json.loads(line)
		except ValueError:
			continue  # cut off; what is missing by that is found below
		said[fields['path']] = State(
			'history',
			fields['favourite'],
			fields['rating'],
			fields['notes'],
			frozenset(fields['tags']),
			frozenset(fields['albums']),
		)
	for row in seen.rows:
		beside = said.get(row.path, State('history'))
		if beside != row.state:
			yield f'{row.path} has {row.state[1:]} and beside it stands {beside[1:]}'


@invariant('downloads end with the bytes that are served, and go on where they were')
def downloads(seen: Seen, ledger: Ledger) -> Iterator[str]:
	with ledger.lock:
		fetches = [f for f in ledger.fetches.values() if f.id]
	for fetch in fetches:
		row = seen.downloads.get(fetch.id)
		if row is None:
			yield f'download {fetch.id} of {fetch.source} is lost'
			continue
		state = row['state']
		if fetch.state in ENDED and state != fetch.state:
			yield f'download {fetch.id} was {fetch.state} and is {state}'
		if state == 'failed' or (state == 'cancelled' and not fetch.cancelled):
			yield f'download {fetch.id} of {fetch.source} is {state}: {row["error"]}'
		if state == 'finished':
			for name, wanted in fetch.files.items():
				places = places_of(seen, row, name)
				if wanted not in [seen.hashes.of(place) for place in places]:
					yield f'download {fetch.id} is finished and {name} has other bytes'


def places_of(seen: Seen, row: dict, name: str) -> list[Path]:
	"""Where a file of a finished download may lie."""
	if row['request']['source'].startswith('http'):
		return [seen.home / 'models' / row['model']]
	repository = row['request']['source'].replace('/', '--')
	return list((seen.hub / f'models--{repository}' / 'snapshots').glob(f'*/{name}'))


@invariant('what was exported is whole')
def exports(seen: Seen, ledger: Ledger) -> Iterator[str]:
	with ledger.lock:
		known = set(ledger.pictures)
	for path in sorted(seen.exported):
		if seen.hashes.of(path) not in known:
			yield f'{path.parent.name}/{path.name} is no picture that was exported'


def narrow(seen: Seen, ledger: Ledger) -> list[str]:
	"""The ledger learns what became of what nobody was told of; returns what is wrong with it."""
	wrong = []
	by_sha = {seen.sha_of(row): row for row in [*seen.rows, *seen.trash]}
	with ledger.lock:
		for sha, row in by_sha.items():
			if sha and sha not in ledger.pictures and (job := ledger.jobs.get(row.job)):
				place = Path('trash', row.held) / Path(row.path).name if row.held else row.path
				file = seen.home / (place if row.held else Path('pictures', place))
				wrong += ledger.drawn(job, file.read_bytes(), row.id, row.number, row.early)
		for kept in ledger.pictures.values():
			row = by_sha.get(kept.sha256)
			kept.states, kept.busy = {row.state if row else ABSENT}, False
			if row:
				kept.id, kept.trashed = row.id, row.trashed
		for job_id, job in ledger.jobs.items():
			job.state = seen.jobs.get(job_id, {}).get('state', job.state)
		# What nobody has heard of by now never will be.
		ledger.unheard.clear()
		ledger.fetches = {s: f for s, f in ledger.fetches.items() if f.id}
		for fetch in ledger.fetches.values():
			fetch.state = seen.downloads.get(fetch.id, {}).get('state', fetch.state)
	return wrong


def adopt(seen: Seen, ledger: Ledger) -> None:
	"""Jobs and downloads whose answers were lost."""
	for job_id, row in seen.jobs.items():
		if job_id not in ledger.jobs:
			ledger.adopt(job_id, row['request'], row['seeds'])
	for download_id, row in seen.downloads.items():
		fetch = ledger.fetches.get(row['request']['source'])
		if fetch and not fetch.id:
			fetch.id = download_id


def faults(seen: Seen, ledger: Ledger) -> Iterator[tuple[str, str]]:
	"""The name of an invariant and what is wrong, for all of them."""
	adopt(seen, ledger)
	for name, function in INVARIANTS.items():
		for fault in function(seen, ledger):
			yield name, fault
