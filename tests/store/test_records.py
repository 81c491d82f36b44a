"""What the database says of files: each path once, each picture of a job once."""

import pytest

from localai.store.database import Database
from localai.store.history import History
from localai.store.records import Records
from tests.pictures import row


@pytest.fixture
def store(tmp_path):
	database = Database(tmp_path / 'a.db')
	yield History(database, tmp_path)
	database.close()


class TestAdd:
	def test_a_copy_beside_a_picture_of_a_job_is_one_of_no_job(self, store):
		"""Whether both are found at once or one after the other."""
		first, second, other = (row(job_id='job', index=i, path=f'{i}.png') for i in (2, 3, 4))
		copies = [p.model_copy(update={'path': f'copy {p.path}'}) for p in (first, second)]
		records = Records(store.database)
		assert records.add([first, copies[0], second]) == 3
		assert records.add([other, copies[1]]) == 2
		found = {p.path.rpartition('/')[2]: (p.job_id, p.index) for p in store.recent(10)}
		assert found == {
			'2.png': ('job', 2),
			'copy 2.png': ('', 0),
			'3.png': ('job', 3),
			'copy 3.png': ('', 0),
			'4.png': ('job', 4),
		}

	def test_each_path_once(self, store):
		one, two = row(path='a.png'), row(path='b.png')
		records = Records(store.database)
		assert records.add([one]) == 1
		assert records.add([one.model_copy(update={'job_id': 'x'}), two]) == 1
		assert records.count() == 2


class TestRefresh:
	def test_a_changed_file_changes_neither_kind_nor_job_nor_time(self, store):
		picture, _ = store.record(row('a fox', job_id='a', index=3, path='a.png'))
		told = row('an owl', kind='imported', width=96, path='elsewhere.png')
		Records(store.database).refresh(picture.id, told)
		now = store.get(picture.id)
		assert (now.request.prompt, now.width) == ('an owl', 96)
		kept = 'kind', 'job_id', 'index', 'created_at', 'path'
		assert [getattr(now, name) for name in kept] == [getattr(picture, name) for name in kept]
