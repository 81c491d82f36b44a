"""The history in pages: what a search finds, in which order, counted by day; with real SQLite."""

import sqlite3
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from localai.schemas.history import MarkChange
from localai.services.history.search import understand
from localai.store import words
from localai.store.database import Database
from localai.store.history import History, day_of, ordinal_of
from localai.store.marks import MarkStore
from localai.store.pages import Pages
from localai.store.records import Records
from localai.store.tables import DAY
from tests.pictures import row

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
	database = Database(tmp_path / 'a.db')
	yield History(database, tmp_path)
	database.close()


@pytest.fixture
def pages(store):
	return Pages(store.database)


def found(pages, text: str = '', sort: str = 'newest', limit: int = 100) -> list[int]:
	search = understand(text)
	entries = pages.find(search, sort, None, 0, limit)
	total, days = pages.outline(search, sort)
	assert total == len(entries) and sum(d.count for d in days) in (0, total)
	return [e.id for e in entries]


class TestFinding:
	@pytest.fixture
	def ids(self, store):
		return store.add(
			[
				row('a red fox in snow', NOON, recipe={'negative_prompt': 'blurry, low quality'}),
				row('a blurry fox, evening', NOON + timedelta(hours=1)),
				row('Ein Füchslein im Schnee', NOON + timedelta(days=1), width=512, height=768),
				row('雪の中の狐 🦊', NOON + timedelta(days=2), seed=99),
				row(
					'castle <lora:inkWash:0.8>',
					NOON + timedelta(days=3),
					receipt={'model_name': 'dreamShaperXL', 'family': 'sdxl'},
					recipe={
						'loras': [{'name': 'inkWash', 'weight': 0.8}],
						'styles': ['Art Nouveau'],
						'guidance_scale': 7.5,
						'steps': 30,
						'sampler': 'DPM++ 2M',
					},
					marks={
						'favourite': True,
						'rating': 4,
						'tags': ['Winter Sun', 'keep', 'say "hi" : -x'],
						'albums': ['Best of'],
						'notes': 'print this one',
					},
				),
				row(
					'',
					NOON + timedelta(days=4),
					kind='imported',
					seed=None,
					recipe={'seed': 2**64 - 1},
				),
			]
		)

	@pytest.mark.parametrize(
		('text', 'places'),
		[
			('', [5, 4, 3, 2, 1, 0]),
			('fox', [1, 0]),
			('FOX snow', [0]),
			('"fox in snow"', [0]),
			('castle OR fuchs', [4, 2]),
			('castle OR fox snow', [0]),
			('tag:keep OR 狐 OR evening', [4, 3, 1]),
			('rating:4 OR kind:imported -castle', [5]),
			('model:dream OR "…"', [4]),
			('"snow fox"', []),
			('blurry', [1, 0]),
			('fox -blurry', [0]),
			('-fox', [5, 4, 3, 2]),
			('negative:blurry', [0]),
			('prompt:blurry', [1]),
			('fuchs', [2]),
			('füch', [2]),
			('狐', [3]),
			('中の狐', [3]),
			('🦊', [3]),
			('model:dream', [4]),
			('model:shaper', [4]),
			('lora:ink', [4]),
			('lora:inkwash', [4]),
			('style:nouveau', [4]),
			('notes:print', [4]),
			('print', [4]),
			('winter', [4]),
			('tag:"winter sun"', [4]),
			('tag:WINTER', []),
			('tag:"say hi : -x"', [4]),
			('album:"best of"', [4]),
			('-album:"best of" fox', [1, 0]),
			('family:SDXL', [4]),
			('sampler:dpm', [4]),
			('sampler:karras', [5, 4, 3, 2, 1, 0]),
			('size:512x768', [2]),
			('width:>=512', [2]),
			('width:<512 fox', [1, 0]),
			('-width:64', [2]),
			('steps:30', [4]),
			('guidance:>7', [4]),
			('seed:99', [3]),
			(f'seed:{2**64 - 1}', [5]),
			('rating:>=3', [4]),
			('rating:0 fox', [1, 0]),
			('favourite:yes', [4]),
			('favourite:no', [5, 3, 2, 1, 0]),
			('kind:imported', [5]),
			('-kind:imported -fox -castle', [3, 2]),
			('on:2026-03-11', [2]),
			('after:2026-03-13', [5, 4]),
			('before:2026-03-11 fox', [1, 0]),
			('-on:2026-03-10', [5, 4, 3, 2]),
			('after:2026-03-11 before:2026-03-13', [3, 2]),
		],
	)
	def test_words_and_keys(self, pages, ids, text, places):
		assert found(pages, text) == [ids[place] for place in places]

	@pytest.mark.parametrize(
		'text',
		[
			"'; drop table pictures; --",
			'" OR 1=1 --',
			'fox AND NOT OR NEAR(a b) {prompt} : ^x*',
			'prompt:"x" OR *',
			'(((',
			'*',
			'\ue000all',
			'\x00fox\x00',
			'a"b"c',
			'%_%',
			'🙂‍↔️',
			'\u202eabc',
			'tag:\ud800 -album:"\udfff"',
		],
	)
	def test_what_means_something_to_sqlite_means_nothing_here(self, pages, ids, text):
		found(pages, text)
		assert found(pages) == list(ids[::-1])

	def test_orders(self, pages, ids):
		assert found(pages, sort='oldest') == list(ids)
		assert found(pages, 'fox', 'oldest') == [ids[0], ids[1]]
		assert found(pages, sort='rating')[0] == ids[4]
		assert found(pages, sort='largest')[0] == ids[2]
		assert found(pages, 'fox', 'rating') == [ids[1], ids[0]]

	def test_by_number(self, pages, ids):
		assert found(pages, f'id:{ids[3]}') == [ids[3]]


class TestPaging:
	def test_any_offset_and_any_day_agree_with_the_whole(self, store, pages):
		chance = [(day * 7919) % 23 for day in range(40)]
		store.add(
			[
				row(f'number {day} {n}', NOON + timedelta(days=day, minutes=n))
				for day, count in enumerate(chance)
				for n in range(count)
			]
		)
		for sort in ('newest', 'oldest'):
			for search in (understand(''), understand('number')):
				whole = pages.find(search, sort, None, 0, 1000)
				total, days = pages.outline(search, sort)
				assert total == len(whole) == sum(chance)
				start = 0
				for one in days:
					assert all(e.day == one.day for e in whole[start : start + one.count])
					page = pages.find(search, sort, one.day, 1, 60)
					assert page == whole[start + 1 : start + 61]
					start += one.count
				for offset in (0, 1, 59, 60, 200, total - 1, total, total + 5):
					assert pages.find(search, sort, None, offset, 60) == whole[offset : offset + 60]

	def test_many_at_the_same_moment_each_have_a_place(self, store, pages):
		ids = store.add([row('same', NOON) for _ in range(700)])
		again = store.add([row('same', NOON) for _ in range(5)])
		assert found(pages, limit=1000) == [*again[::-1], *ids[::-1]]


class TestEntries:
	def test_a_tile_is_told_the_beginning_of_its_prompt(self, store, pages):
		store.add([row('fox ' * 100, NOON), row('an owl', NOON + timedelta(hours=1))])
		owl, fox = pages.find(understand(''), 'newest', None, 0, 10)
		assert owl.prompt == 'an owl' and fox.prompt == 'fox ' * 75
		assert (owl.day, owl.created_at) == ('2026-03-10', NOON + timedelta(hours=1))

	@pytest.mark.parametrize('text', ['', 'owl'])
	def test_days_in_the_order_of_their_pictures(self, store, pages, text):
		store.add([row('an owl', NOON + timedelta(days=day)) for day in (0, 1, 1)])

		def days(sort: str) -> list[tuple[str, int]]:
			total, days = pages.outline(understand(text), sort)
			assert total == 3
			return [(d.day, d.count) for d in days]

		assert days('newest') == [('2026-03-11', 2), ('2026-03-10', 1)]
		assert days('oldest') == [('2026-03-10', 1), ('2026-03-11', 2)]
		assert days('rating') == days('largest') == []

	def test_of_what_there_is_to_choose_from_the_most_used_comes_first(self, store, pages):
		few = {'marks': {'tags': ['few'], 'albums': ['Few']}}
		many = {'marks': {'tags': ['many', 'few'], 'albums': ['Many']}}
		store.add(
			[
				row(recipe={'sampler': 'DDIM'}, receipt={'model_name': 'Aged'}, **few),
				*(row(width=96, receipt={'family': 'sdxl'}, **many) for _ in range(2)),
				row(receipt={'model_name': '', 'family': 'sdxl'}),
			]
		)
		found = pages.vocabulary()
		assert {name: [(c.name, c.count) for c in counts] for name, counts in found} == {
			'models': [('Sketchbook', 2), ('Aged', 1)],
			'families': [('sdxl', 3), ('sketchbook', 1)],
			'samplers': [('Euler', 3), ('DDIM', 1)],
			'sizes': [('64x64', 2), ('96x64', 2)],
			'tags': [('few', 3), ('many', 2)],
			'albums': [('Many', 2), ('Few', 1)],
		}


class TestMidnight:
	"""A picture of midnight itself is one of the day that begins."""

	@pytest.fixture
	def night(self, store):
		"""The last moment of the 10th, the first and the last of the 11th, the first of the 12th."""
		midnight, moment = datetime(2026, 3, 11).astimezone(), timedelta(microseconds=1)
		after = midnight + timedelta(days=1)
		whens = midnight - moment, midnight, after - moment, after
		return store.add([row('an owl', when) for when in whens])

	@pytest.mark.parametrize('text', ['', 'owl'])
	def test_a_page_begins_with_its_day(self, pages, night, text):
		def page(sort: str, offset: int = 0) -> list[int]:
			entries = pages.find(understand(text), sort, '2026-03-11', offset, 10)
			return [night.index(e.id) for e in entries]

		assert page('newest') == [2, 1, 0]
		assert page('newest', 1) == [1, 0]
		assert page('oldest') == [1, 2, 3]
		days = pages.outline(understand(text), 'newest')[1]
		assert [(d.day, d.count) for d in days] == [
			('2026-03-12', 1),
			('2026-03-11', 2),
			('2026-03-10', 1),
		]

	@pytest.mark.parametrize(
		('text', 'places'),
		[
			('on:2026-03-11', [2, 1]),
			('-on:2026-03-11', [3, 0]),
			('before:2026-03-11', [0]),
			('after:2026-03-11', [3, 2, 1]),
			('owl on:2026-03-10', [0]),
		],
	)
	def test_a_search_for_a_day(self, pages, night, text, places):
		assert found(pages, text) == [night[place] for place in places]


class TestOrdinals:
	def test_the_day_is_that_of_this_machine(self):
		for when in (NOON, datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)):
			assert day_of(ordinal_of(when)) == when.astimezone().date().isoformat()

	@pytest.mark.skipif(not hasattr(time, 'tzset'), reason='no time zones to set here')
	def test_an_hour_that_comes_twice_keeps_its_order(self, monkeypatch):
		monkeypatch.setenv('TZ', 'Europe/Berlin')
		time.tzset()
		try:
			# 00:30 UTC is 02:30 in summer time, 01:30 UTC is 02:30 again in winter time.
			hours = [datetime(2026, 10, 25, h, 30, tzinfo=UTC) for h in range(23)]
			places = [ordinal_of(when) for when in hours]
			assert places == sorted(set(places))
			assert len({place // DAY for place in places}) == 1
			late = ordinal_of(datetime(2026, 10, 25, 22, 59, 59, tzinfo=UTC))
			assert late % DAY < DAY and day_of(late) == '2026-10-25'
		finally:
			monkeypatch.undo()
			time.tzset()

	def test_what_was_drawn_a_moment_later_has_the_next_place(self):
		moment = timedelta(microseconds=1)
		assert ordinal_of(NOON + moment) == ordinal_of(NOON) + 1

	@pytest.mark.parametrize('year', [1, 1969, 9999])
	def test_impossible_times_are_brought_into_reach(self, year):
		assert 0 < ordinal_of(datetime(year, 6, 1, tzinfo=UTC)) < 2**53


class TestCounts:
	def test_days_and_names_are_counted_as_rows_come_change_and_go(self, store, pages):
		ids = store.add([row('x', NOON), row('x', NOON), row('y', NOON + timedelta(days=1))])

		def counted(table):
			with store.database.engine.connect() as connection:
				return {
					tuple(r)[:-1]: r[-1] for r in connection.execute(text(f'select * from {table}'))
				}

		def true():
			with store.database.engine.connect() as connection:
				return {
					tuple(r)[:-1]: r[-1]
					for r in connection.execute(
						text(f'select ordinal / {DAY}, count(*) from pictures group by 1')
					)
				}

		assert counted('days') == true()
		assert counted('counts')['sampler', 'Euler'] == 3
		Records(store.database).refresh(ids[0], row('x', receipt={'model_name': 'Other'}))
		assert counted('counts')['model', 'Sketchbook'] == 2
		assert counted('counts')['model', 'Other'] == 1
		Records(store.database).remove(ids)
		assert counted('days') == counted('counts') == {}

	def test_no_number_is_given_twice(self, store):
		(first,) = store.add([row('x')])
		Records(store.database).remove([first])
		(second,) = store.add([row('x')])
		assert second > first


class TestIndex:
	def test_it_is_made_anew_when_its_form_changes(self, store, pages, monkeypatch):
		ids = store.add([row('fox', NOON), row('owl', NOON)])
		MarkStore(store.database).change([ids[0]], MarkChange(add_tags=('kept',)))
		with store.database.writing() as session:
			session.execute(text(f'drop table {words.TABLE}'))
		monkeypatch.setattr(words, 'VERSION', words.VERSION + 1)
		History(store.database, store.folder)
		assert found(pages, 'fox') == found(pages, 'tag:kept') == [ids[0]]

	def test_it_is_not_made_anew_at_every_start(self, store, pages):
		(known,) = store.add([row('fox', NOON)])
		with store.database.writing() as session:
			words.forget(
				session.connection(), session.scalars(text('select ordinal from pictures'))
			)
		History(store.database, store.folder)
		assert found(pages) == [known] and found(pages, 'fox') == []

	def test_an_old_database_brings_its_pictures(self, tmp_path):
		path = tmp_path / 'old.db'
		old_database(path)
		database = Database(path)
		store, pages = History(database, tmp_path), Pages(database)
		assert found(pages) == [2, 1]
		assert found(pages, 'fox model:sketch sampler:ddim') == [1]
		picture = store.get(1)
		assert picture.job_id == 'j1' and picture.seed == 7 and picture.kind == 'generated'
		assert picture.created_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
		(added,) = store.add([row('new')])
		assert added == 3
		with database.engine.connect() as connection:
			assert not connection.execute(text('pragma foreign_key_check')).all()
		database.close()


def old_database(path) -> None:
	"""As version 0002 left it: two pictures of one moment."""
	from alembic import command
	from alembic.config import Config

	from localai.store.database import MIGRATIONS

	config = Config()
	config.set_main_option('script_location', str(MIGRATIONS))
	config.attributes['url'] = f'sqlite:///{path}'
	command.upgrade(config, '0002')
	with sqlite3.connect(path) as connection:
		when = '2026-01-02 03:04:05.000000'
		connection.execute(
			'insert into jobs (id, state, rank, request, seeds, skipped, notes, attempts, created_at)'
			" values ('j1', 'finished', 1, '{}', '[7, 8]', '[]', '[]', 0, ?)",
			(when,),
		)
		for number, prompt in enumerate(('a fox', 'an owl')):
			connection.execute(
				'insert into pictures (job_id, number, seed, width, height, path, request, receipt,'
				" model_id, device, steps, seconds, created_at) values ('j1', ?, ?, 64, 64, ?, ?, ?,"
				" 'sketchbook', 'CPU', 8, 1.0, ?)",
				(
					number,
					7 + number,
					f'2026-01-02/{number}.png',
					f'{{"prompt": "{prompt}", "sampler": "DDIM"}}',
					'{"app": "0", "torch": "0", "diffusers": "0", "model_name": "Sketchbook",'
					' "model_hash": "", "device": "CPU", "dtype": "fp32", "attention": "", "seconds": 1,'
					' "steps_done": 8}',
					when,
				),
			)
	connection.close()
