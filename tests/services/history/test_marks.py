"""Favourites, ratings, notes, tags and albums; of one picture, of many, and after a lost database."""

import pytest

from localai.errors import InvalidInput, UnknownName
from localai.files.pictures.journal import Journal
from localai.schemas.history import Marks
from tests.pictures import draw, row


def marks(studio, number: int) -> Marks:
	return studio.history.card(number).marks


class TestMark:
	def test_of_many_at_once(self, studio):
		ids = [p.id for p in draw(studio, count=3)]
		change = {'favourite': True, 'rating': 5, 'add_tags': ['  Winter   sun ', 'keep']}
		assert studio.marks.mark(ids, change) == 3
		assert studio.marks.mark(ids, change) == 0
		assert studio.marks.mark([*ids, 999], {'remove_tags': ['keep'], 'notes': 'a\r\nb\x00'}) == 3
		expected = Marks(favourite=True, rating=5, tags=('Winter sun',), notes='a\nb')
		assert marks(studio, ids[0]) == expected
		assert (
			studio.history.outline({'text': 'tag:"winter sun" rating:5 favourite:yes'}).total == 3
		)

	def test_pictures_that_are_gone_are_said(self, studio):
		(picture,) = draw(studio)
		studio.picture_trash.delete([picture.id])
		with pytest.raises(UnknownName, match='deleted elsewhere'):
			studio.marks.mark([picture.id], {'notes': 'for later'})

	def test_everybody_who_looks_hears_of_it(self, studio):
		(picture,) = draw(studio)
		before = studio.presence.now.history
		studio.marks.mark([picture.id], {'favourite': True})
		assert studio.presence.now.history == before + 1
		studio.marks.mark([picture.id], {'favourite': True})
		assert studio.presence.now.history == before + 1

	def test_thousands(self, studio):
		ids = studio.history.store.add([row(f'number {n}') for n in range(1200)])
		assert studio.marks.mark(ids, {'add_tags': ['all']}) == 1200
		assert studio.history.outline({'text': 'tag:all'}).total == 1200

	@pytest.mark.parametrize(
		'change',
		[
			None,
			[],
			{'rating': 6},
			{'rating': -1},
			{'rating': float('nan')},
			{'favourite': 'perhaps'},
			{'notes': 'x' * 10_001},
			{'add_tags': ['']},
			{'add_tags': ['x' * 101]},
			{'add_tags': [7]},
			{'add_tags': ['x'] * 101},
			{'colour': 'red'},
		],
	)
	def test_wrong_changes_change_nothing(self, studio, change):
		(picture,) = draw(studio)
		with pytest.raises(InvalidInput):
			studio.marks.mark([picture.id], change)
		assert marks(studio, picture.id) == Marks()

	@pytest.mark.parametrize('ids', [None, 'all', [True], [1.5], [-1], [2**64], ['1'], {'a': 1}])
	def test_wrong_numbers(self, studio, ids):
		with pytest.raises(InvalidInput):
			studio.marks.mark(ids, {'favourite': True})


class TestAlbums:
	def test_renamed_joined_and_taken_away(self, studio):
		one, two = (p.id for p in draw(studio, count=2))
		studio.marks.mark([one, two], {'add_albums': ['Trip']})
		studio.marks.mark([one], {'add_albums': ['Best']})
		assert studio.marks.rename_album('Trip', 'Best') == 2
		assert marks(studio, one).albums == marks(studio, two).albums == ('Best',)
		assert [a.name for a in studio.history.vocabulary().albums] == ['Best']
		assert studio.marks.rename_album('Best', ' Best ') == 0
		assert studio.marks.remove_album('Best') == 2
		assert marks(studio, one) == Marks() and studio.history.outline({}).total == 2

	@pytest.mark.parametrize('name', ['', '  ', None, 7, 'x' * 101])
	def test_no_name(self, studio, name):
		with pytest.raises(InvalidInput):
			studio.marks.rename_album('Trip', name)


class TestJournal:
	def test_the_last_line_counts_and_broken_ones_are_passed_over(self, tmp_path):
		journal = Journal(tmp_path)
		journal.add({'a.png': Marks(rating=1), 'b.png': Marks(notes='\u202e\ud83e'[:1])})
		journal.add({'a.png': Marks(rating=2)})
		with open(journal.path, 'ab') as file:
			file.write(b'{"path": "c.png", "rating": 9}\nnot json\n[]\n\xff\xfe\n{"path": "a.p')
		assert journal.read()['a.png'] == Marks(rating=2)
		assert set(journal.read()) == {'a.png', 'b.png'}

	def test_it_is_written_anew_when_most_of_it_is_of_no_use(self, studio, monkeypatch):
		from localai.files.pictures import journal

		monkeypatch.setattr(journal, 'SPARE', 10)
		(picture,) = draw(studio)
		for rating in (1, 2, 3, 4, 5) * 4:
			studio.marks.mark([picture.id], {'rating': rating})
		studio.marks.open()
		assert len(studio.marks.journal.path.read_text().splitlines()) == 1
		assert next(iter(studio.marks.journal.read().values())).rating == 5

	def test_a_database_with_marks_and_no_journal_writes_one(self, studio):
		(picture,) = draw(studio)
		studio.marks.mark([picture.id], {'rating': 3})
		studio.marks.journal.path.unlink()
		studio.marks.open()
		assert len(studio.marks.journal.read()) == 1
