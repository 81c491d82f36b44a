"""Pictures at rest: recorded once, asked for by number, and how long they took."""

from datetime import UTC, datetime, timedelta

import pytest

from localai.store.database import Database
from localai.store.history import BATCH, History
from tests.pictures import row

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
	database = Database(tmp_path / 'a.db')
	yield History(database, tmp_path)
	database.close()


class TestRecord:
	def test_a_picture_of_a_job_is_recorded_once_wherever_it_lies(self, store):
		first, new = store.record(row(job_id='a', index=1, path='1.png'))
		assert new
		for again in (
			row(job_id='a', index=1, path='found again.png'),
			row(job_id='b', index=5, path='1.png'),
		):
			assert store.record(again) == (first, False)
		others = row(job_id='a', index=2), row(job_id='b', index=1), row(job_id='', index=1)
		for other in others:
			picture, new = store.record(other)
			assert new and picture.id != first.id


class TestSpeed:
	def test_it_is_the_middle_of_the_last_seven(self, store):
		"""Of one step and one megapixel; neither the first slow ones nor one accident count."""
		size = {'width': 1000, 'height': 500}
		seconds = (900, 900, 900, 1, 2, 3, 4, 5, 6, 700)
		store.add(
			[
				row(
					'a fox',
					NOON + timedelta(minutes=minute),
					receipt={'seconds': taken, 'steps_done': 2},
					**size,
				)
				for minute, taken in enumerate(seconds)
			]
		)
		assert store.speed('sketchbook') == pytest.approx(4)
		assert store.speed('another') is None

	def test_neither_what_was_taken_in_nor_what_was_never_begun_counts(self, store):
		store.add([row(kind='imported'), row(receipt={'steps_done': 0})])
		assert store.speed('sketchbook') is None


class TestMany:
	def test_more_than_are_read_at_once_come_in_the_order_asked(self, store):
		ids = store.add([row(f'number {n}', NOON) for n in range(BATCH + 2)])
		asked = [ids[-1], 0, *ids[::-1], 2**40]
		found = store.many(asked)
		assert [p.id for p in found] == [ids[-1], *ids[::-1]]
		assert store.marks(asked).keys() == set(ids)


class TestNeighbours:
	def test_the_one_before_is_the_last_that_was_generated(self, store):
		first, imported, second = store.add(
			[
				row('first', NOON),
				row('taken in', NOON + timedelta(minutes=1), kind='imported'),
				row('second', NOON + timedelta(minutes=2)),
			]
		)
		assert store.previous(second).id == store.previous(imported).id == first
		assert store.previous(first) is None

	def test_pages_of_recent_ones_follow_each_other(self, store):
		ids = store.add([row(f'{n}', NOON + timedelta(minutes=n)) for n in range(5)])
		page = store.recent(2)
		assert [p.id for p in page] == [ids[4], ids[3]]
		assert [p.id for p in store.recent(2, before=ids[3])] == [ids[2], ids[1]]
		assert store.recent(2, before=ids[0]) == () == store.recent(5, kind='imported')
		assert store.recent(2, before=2**40) == ()
