"""A home whose disk is full: it opens, what is there can be seen and deleted, what was drawn is kept."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from localai.errors import DiskFull, StorageProblem
from localai.files.pictures.refuge import Refuge
from localai.files.reserve import Reserve
from localai.settings import Settings, read_settings
from localai.studio import Studio
from tests.disks import SmallDisk, fill
from tests.fakes import FakeExecutor
from tests.pictures import SMALL, draw, png
from tests.waiting import eventually


@pytest.fixture
def small(tmp_path) -> Settings:
	with SmallDisk(tmp_path / 'disk', 'size=150m') as disk:
		yield read_settings({}, home=disk / 'home', hub_cache=tmp_path / 'hub').prepare()


def opened(settings: Settings) -> Studio:
	studio = Studio(settings, FakeExecutor()).open()
	assert studio.upkeep.settled.wait(60)
	return studio


class TestFull:
	def test_it_opens_deletes_and_is_emptied(self, small):
		studio = opened(small)
		pictures = draw(studio, count=3)
		assert small.reserve.stat().st_size > 10_000_000
		fill(small.home)
		ids = [picture.id for picture in pictures]
		trashed = studio.picture_trash.delete(ids[:1]).trashed
		assert len(trashed) == 1
		fill(small.home)
		studio.close()

		studio = opened(small)
		assert len(studio.picture_trash.delete(ids[1:2]).trashed) == 1
		assert studio.picture_trash.restore(trashed).pictures == (ids[0],)
		fill(small.home)
		assert studio.picture_trash.empty() > 0
		assert studio.picture_trash.total() == (0, 0)
		with pytest.raises(DiskFull):
			studio.generation.start({'prompt': 'a fox', **SMALL})
		(small.home / 'filler').unlink()
		draw(studio)
		studio.close()
		studio = opened(small)
		assert studio.truth.check(deep=True).well
		assert small.reserve.stat().st_size > 10_000_000
		studio.close()

	def test_a_hundred_deletes_do_not_use_the_reserve_up(self, small):
		studio = opened(small)
		ids = [picture.id for picture in draw(studio, count=100, steps=1)]
		fill(small.home)
		for number in ids:
			assert studio.picture_trash.delete([number]).trashed
		assert small.reserve.stat().st_size > 10_000_000
		studio.close()

	def test_small_pictures_are_shown_whole_while_none_can_be_made(self, small):
		studio = opened(small)
		(picture,) = draw(studio)
		eventually(lambda: list(small.thumbnails.glob('*/*.webp')))
		shutil.rmtree(small.thumbnails)
		fill(small.home)
		assert studio.history.thumbnail(picture.id) == Path(picture.path)
		studio.close()

	def test_what_is_being_drawn_is_kept(self, small):
		executor = FakeExecutor()
		studio = Studio(small, executor).open()
		assert studio.upkeep.settled.wait(60)
		executor.gate.clear()
		job = studio.generation.start({'prompt': 'a fox', 'count': 2, **SMALL})
		eventually(lambda: studio.jobs.get(job.id).state == 'loading')
		fill(small.home)
		executor.gate.set()
		eventually(lambda: not studio.jobs.get(job.id).live)
		assert [p.index for p in studio.jobs.get(job.id).pictures] == [0, 1]
		assert studio.truth.check(deep=True).well
		studio.close()

	def test_without_any_room_a_picture_waits_where_nobody_else_reads_it(self, small, tmp_path):
		executor = FakeExecutor()
		studio = Studio(small, executor).open()
		assert studio.upkeep.settled.wait(60)
		studio.saving.refuge = Refuge(small.home, tmp_path)
		executor.gate.clear()
		job = studio.generation.start({'prompt': 'a fox', 'count': 1, **SMALL})
		eventually(lambda: studio.jobs.get(job.id).state == 'loading')
		small.reserve.unlink()
		fill(small.home)
		executor.gate.set()
		eventually(lambda: not studio.jobs.get(job.id).live)
		((path, _),) = studio.saving.refuge.waiting()
		assert str(path) in studio.jobs.get(job.id).error.message
		if os.name == 'posix':
			assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
		assert studio.saving.bring_home() == 1
		(small.home / 'filler').unlink()
		assert studio.saving.bring_home() == 0
		(picture,) = studio.history.recent(5)
		assert Path(picture.path).is_file() and not path.parent.exists()
		studio.close()

	def test_a_folder_that_somebody_else_made_there_is_not_trusted(self, tmp_path):
		refuge = Refuge(tmp_path / 'home', tmp_path)
		refuge.folder.mkdir(mode=0o755)
		assert not refuge.private() and list(refuge.waiting()) == []


class TestAway:
	def test_nothing_is_written_where_a_disk_was(self, small):
		studio = opened(small)
		ids = [picture.id for picture in draw(studio)]
		SmallDisk(small.home.parent, '').take_away()
		for act in (
			lambda: studio.generation.start({'prompt': 'a fox', **SMALL}),
			lambda: studio.imports.take('a.png', png(3)),
			lambda: studio.picture_trash.delete(ids),
			lambda: studio.marks.mark(ids, {'rating': 2}),
		):
			with pytest.raises(StorageProblem, match='Connect the disk again'):
				act()
		assert not list(small.home.parent.rglob('*.png'))
		studio.close()


class TestReserve:
	def test_it_is_given_up_only_when_it_is_needed(self, tmp_path):
		reserve = Reserve(tmp_path / 'reserve', size=1_000_000)
		reserve.fill()
		with reserve.lent():
			assert reserve.has() == 1_000_000

	def test_it_is_filled_also_while_something_is_being_deleted(self, tmp_path):
		reserve = Reserve(tmp_path / 'reserve', size=1_000_000)
		with reserve.lent():
			reserve.fill()
		assert reserve.has() == 1_000_000

	def test_of_a_small_disk_it_takes_a_part(self, tmp_path):
		with SmallDisk(tmp_path / 'disk', 'size=8m') as disk:
			reserve = Reserve(disk / 'reserve')
			reserve.fill()
			assert 0 < reserve.has() < 4_000_000
