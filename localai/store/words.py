"""The words of pictures at rest: one full-text index (SQLite FTS5) that knows by word what is written,
and by facet what is chosen from a list; made anew from the rows whenever its form changes."""

import logging
import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b

import orjson
from sqlalchemy import Connection, text

from localai.schemas.generation import Recipe
from localai.schemas.search import STORED, Facet, Key, Search, Word
from localai.store.database import Database
from localai.store.tables import unsigned

log = logging.getLogger('localai.store')
TABLE = 'picture_words'
# Of what is written below; another one, or a migration that sets it to 0, makes it anew.
VERSION = 2
COLUMNS = ('prompt', 'negative', 'model', 'sampler', 'lora', 'style', 'tags', 'notes', 'facets')
# What a word that is left out is looked for in: `-blurry` must not leave out every picture that was
# drawn with "blurry" as its negative prompt.
WITHOUT_NEGATIVE = 'prompt model sampler lora style tags notes'
# A letter that nobody types: facets are never met by words.
MARK = '\ue000'
ALL = f'{MARK}all'
# Writing without spaces between words, and pictures in letters: each sign counts as a word.
SIGNS = re.compile(
	'([\u2190-\u2bff\u3005-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U0001f000-\U0003ffff])'
)
LENGTH = 200_000  # characters of one text that are read
BATCH = 2000

CREATE = f"""create virtual table {TABLE} using fts5({', '.join(COLUMNS)},
	tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co So'", prefix = '2 3')"""
INSERT = text(
	f'insert into {TABLE} (rowid, {", ".join(COLUMNS)}) values (:ordinal, {", ".join(":" + c for c in COLUMNS)})'
)
READ = (
	*('id', 'ordinal', 'request', 'receipt', 'model_id', 'model_name', 'sampler', 'seed'),
	*('width', 'height', 'notes'),
	*(key.column for key in STORED),
)
ROWS = f"""select {', '.join(f'p.{name}' for name in READ)},
	(select json_group_array(name) from tags where picture_id = p.id) as tags,
	(select json_group_array(name) from albums where picture_id = p.id) as albums
	from pictures p"""


def prepare(database: Database) -> None:
	"""Makes the index where it is missing or of another form. Its rows are those of `pictures`."""
	with database.readers.connect() as connection:
		if connection.execute(text('pragma user_version')).scalar() == VERSION:
			return
	with database.writing() as session:
		connection = session.connection()
		connection.execute(text(f'drop table if exists {TABLE}'))
		connection.execute(text(CREATE))
		total = connection.execute(text('select count(*) from pictures')).scalar() or 0
		done, last = 0, -1
		while True:
			query = text(f'{ROWS} where p.id > :last order by p.id limit {BATCH}')
			rows = connection.execute(query, {'last': last}).mappings().all()
			if not rows:
				break
			connection.execute(INSERT, [document(row) for row in rows])
			done, last = done + len(rows), rows[-1]['id']
			database.tell('Indexing the words of the pictures', done, total)
		connection.execute(text(f'pragma user_version = {VERSION}'))
	if done:
		log.info('the words of %s pictures were indexed', done)


def index(connection: Connection, ids: Iterable[int]) -> None:
	"""Writes anew what the index knows of these pictures."""
	ids = list(ids)
	for start in range(0, len(ids), BATCH):
		wanted = ','.join(str(int(i)) for i in ids[start : start + BATCH])
		rows = connection.execute(text(f'{ROWS} where p.id in ({wanted})')).mappings().all()
		forget(connection, [row['ordinal'] for row in rows])
		if rows:
			connection.execute(INSERT, [document(row) for row in rows])


def forget(connection: Connection, ordinals: Iterable[int]) -> None:
	rows = [{'ordinal': ordinal} for ordinal in ordinals]
	if rows:
		connection.execute(text(f'delete from {TABLE} where rowid = :ordinal'), rows)


def document(row: Mapping) -> dict[str, object]:
	"""What the index reads of a picture."""
	recipe = Recipe.model_validate_json(row['request'])
	facets = [
		ALL,
		facet('size', f'{row["width"]}x{row["height"]}'),
		*(facet(key.name, stored(key, row[key.column])) for key in STORED),
	]
	seed = recipe.seed if row['seed'] is None else unsigned(row['seed'])
	if seed is not None:
		facets.append(facet('seed', str(seed)))
	tags, albums = orjson.loads(row['tags']), orjson.loads(row['albums'])
	facets += [facet('tag', name) for name in tags] + [facet('album', name) for name in albums]
	# Names of models are often written in one piece: its parts are words too.
	digest = orjson.loads(row['receipt']).get('model_hash') or ''
	model = f'{row["model_name"]} {row["model_id"]} {parts(row["model_name"])} {digest}'
	written = {
		'prompt': recipe.prompt,
		'negative': recipe.negative_prompt,
		'model': model,
		'sampler': f'{row["sampler"]} {recipe.schedule or ""}',
		'lora': ' '.join(f'{lora.name} {parts(lora.name)}' for lora in recipe.loras),
		'style': ' '.join(recipe.styles),
		'tags': ' '.join(tags),
		'notes': row['notes'],
	}
	return {name: spaced(value) for name, value in written.items()} | {
		'ordinal': row['ordinal'],
		'facets': ' '.join(facets),
	}


def parts(name: str) -> str:
	"""'dreamShaperXL' as 'dream Shaper XL'."""
	return re.sub(r'(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d)', ' ', name)


def spaced(value: str) -> str:
	"""As the index reads it: without our mark, signs apart."""
	return SIGNS.sub(r' \1 ', value[:LENGTH].replace(MARK, ' ').replace('\x00', ' '))


def stored(key: Key, value: object) -> str:
	"""What a column holds, as it is searched for."""
	if key.kind == 'flag':
		return 'yes' if value else 'no'
	return '' if value is None else str(value)


def facet(field: str, value: str) -> str:
	"""One word for a choice, whatever is written in it."""
	# A search has no way to write a quote, so a name is the same with it and without.
	plain = ' '.join(value.replace('"', ' ').casefold().split())
	folded = f'{field}\n{plain}'.encode('utf-8', 'replace')
	return f'{MARK}{field}{blake2b(folded, digest_size=8).hexdigest()}'


def match(search: Search) -> str:
	"""The question to the index, '' where it is not needed."""
	wanted: list[str] = []
	unwanted: list[str] = []
	for word in search.words:
		said = phrase(word)
		if said:
			(unwanted if word.negative else wanted).append(said)
	for one in search.facets:
		(unwanted if one.negative else wanted).append(chosen(one))
	for either in search.eithers:
		parts = (phrase(p) if isinstance(p, Word) else chosen(p) for p in either.parts)
		if said := ' OR '.join(filter(None, parts)):
			wanted.append(f'({said})')
	if not wanted and not unwanted:
		return ''
	asked = ' AND '.join(wanted or [f'"{ALL}"'])
	return f'({asked}) NOT ({" OR ".join(unwanted)})' if unwanted else asked


def chosen(one: Facet) -> str:
	return '(' + ' OR '.join(f'"{facet(one.field, value)}"' for value in one.values) + ')'


def phrase(word: Word) -> str:
	"""'' for what has no letter, number or sign in it."""
	parts = [p for p in spaced(word.text).split() if SIGNS.match(p) or any(c.isalnum() for c in p)]
	if not parts:
		return ''
	said = '"' + ' '.join(parts).replace('"', '""') + '"' + (' *' if word.beginning else '')
	if word.field:
		return f'({word.field} : {said})'
	return f'({{{WITHOUT_NEGATIVE}}} : {said})' if word.negative else said
