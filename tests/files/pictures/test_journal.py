"""The marks beside the pictures: a line that was cut off takes no other with it, and what is lacking is
added at a start."""

import json

from localai.files.pictures.journal import SPARE, Journal
from localai.schemas.history import Marks

ONE, TWO = Marks(rating=1), Marks(favourite=True, notes='a\nb', tags=('é',))


class TestCutOff:
	def test_the_next_line_stands_alone(self, tmp_path):
		journal = Journal(tmp_path)
		journal.add({'a.png': ONE})
		with open(journal.path, 'a') as file:
			file.write('{"path": "b.png", "favou')
		journal.add({'c.png': TWO})
		assert journal.read() == {'a.png': ONE, 'c.png': TWO}

	def test_a_line_follows_a_whole_one_at_once(self, tmp_path):
		journal = Journal(tmp_path)
		for path in ('a.png', 'b.png', 'c.png'):
			journal.add({path: ONE})
		assert [json.loads(t)['path'] for t in journal.path.read_text().split('\n')[:-1]] == [
			'a.png',
			'b.png',
			'c.png',
		]

	def test_spoilt_bytes_take_only_their_line(self, tmp_path):
		journal = Journal(tmp_path)
		journal.path.write_bytes(b'{"path": "\xff\xfe\n')
		journal.add({'a.png': ONE})
		assert journal.read() == {'a.png': ONE}


class TestSettle:
	def test_what_could_not_be_written_or_was_moved_is_added(self, tmp_path):
		journal = Journal(tmp_path)
		journal.add({'a.png': ONE, 'b.png': ONE})
		journal.settle(lambda: {'a.png': ONE, 'b.png': TWO, 'c.png': TWO})
		assert journal.read() == {'a.png': ONE, 'b.png': TWO, 'c.png': TWO}
		size = journal.path.stat().st_size
		journal.settle(lambda: {'a.png': ONE, 'b.png': TWO, 'c.png': TWO})
		assert journal.path.stat().st_size == size


class TestLater:
	def test_what_a_later_version_wrote_stays_through_changes_and_a_tidying(self, tmp_path):
		journal = Journal(tmp_path)
		told = {'path': 'a.png', 'rating': 3, 'colour': 'red'}
		journal.path.write_text(json.dumps(told) + '\n')
		assert journal.read()['a.png'] == Marks(rating=3, colour='red')
		journal.add({'a.png': TWO})
		assert journal.read()['a.png'] == Marks(**TWO.model_dump(), colour='red')
		journal.path.write_text(json.dumps(told) + '\n' + '\n' * (SPARE + 9))
		journal.settle(lambda: {'a.png': Marks(rating=4)})
		assert len(journal.path.read_text().splitlines()) == 1
		assert journal.read()['a.png'] == Marks(rating=4, colour='red')
