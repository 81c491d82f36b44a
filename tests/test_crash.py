"""Knows that nothing is lost when the app or its engine is killed at any moment."""

import os
import random
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from PIL import Image

from localai.files.pictures.metadata import read_record
from tests.live import Live, launch, live_app, wait_gone
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(os.name != 'posix', reason='kills by POSIX signals')
ORPHAN = 60.0  # seconds after which an engine process will not notice any more that its app is gone
# Each picture takes a good second, so that a random moment meets every part of the work.
SLOW = {'steps': 12, 'width': 128, 'height': 128}


def rows(home: Path, query: str) -> list[tuple]:
	with closing(sqlite3.connect(home / 'localai.db', timeout=15)) as connection:
		return connection.execute(query).fetchall()


def files(home: Path, pattern: str) -> set[str]:
	folder = home / 'pictures'
	return {path.relative_to(folder).as_posix() for path in folder.glob(pattern)}


def recorded(home: Path) -> set[str]:
	return {path for (path,) in rows(home, 'select path from pictures')}


def working(home: Path) -> set[str]:
	return {
		job for (job,) in rows(home, "select id from jobs where state in ('loading', 'running')")
	}


def finished_pictures(home: Path) -> set[str]:
	"""What both the disk and the database say is done."""
	return recorded(home) & files(home, '*/*.png')


def check_home(home: Path, seen: set[str]) -> set[str]:
	"""Disk and database agree, every picture is whole, and none of `seen` is gone. Returns what is
	there."""
	known, live = recorded(home), working(home)
	there, parts = files(home, '*/*.png'), files(home, '*/.*.part')
	assert known <= there, f'rows without a file: {known - there}'
	assert seen <= known, f'lost: {seen - known}'
	# The job that is being drawn may be between its file and its row.
	live |= working(home)
	strays = {path for path in there - recorded(home) if Path(path).name.split('-')[0] not in live}
	assert not strays, f'files without a row: {strays}'
	leftovers = {path for path in parts if Path(path).name[1:].split('-')[0] not in live}
	assert not leftovers, f'leftovers: {leftovers}'
	for path in there:
		with Image.open(home / 'pictures' / path) as image:
			image.load()
			assert image.size == (128, 128)
		record = read_record(home / 'pictures' / path)
		assert record is not None and Path(path).name == (
			f'{record.job_id}-{record.index + 1:03}-{record.seed}.png'
		)
	return known


def check_finished(live: Live, jobs: list[dict], seeds: list[int]) -> None:
	"""Every job ends with exactly the pictures it was asked for."""
	for job, seed in zip(jobs, seeds, strict=True):
		job = live.wait_job(job['id'], seconds=300)
		assert job['state'] == 'finished', job
		count = job['request']['count']
		assert [p['seed'] for p in job['pictures']] == [seed + i for i in range(count)]
		assert [p['index'] for p in job['pictures']] == list(range(count))
		assert all(Path(p['path']).is_file() for p in job['pictures'])
	assert check_home(live.home, set()) == files(live.home, '*/*.png')
	assert not files(live.home, '*/.*.part')


def worker_children(pid: int) -> list[int]:
	return [c.pid for c in psutil.Process(pid).children(recursive=True)]


def kill_whole(live: Live) -> None:
	"""SIGKILL for the app alone; its engine has to notice by itself."""
	children = worker_children(live.process.pid)
	live.kill()
	for child in children:
		assert wait_gone(child, ORPHAN), f'process {child} is an orphan'


class TestAppKilled:
	def test_one_kill_in_the_middle_loses_nothing(self, tmp_path):
		home = tmp_path / 'home'
		seeds = [100, 200]
		live = launch(home).wait_ready()
		try:
			jobs = [live.submit(count=2, seed=seed, **SLOW) for seed in seeds]
			live.wait_job(jobs[0]['id'], lambda job: job['pictures'] and job['step'] > 1)
			seen = finished_pictures(home)
			assert seen
		finally:
			kill_whole(live)
		with live_app(home, engine=False) as live:
			check_home(home, seen)
			assert [j['state'] for j in live.jobs()].count('finished') < 2
			check_finished(live, jobs, seeds)

	def test_killed_while_the_engine_comes_up_it_leaves_no_orphan(self, tmp_path):
		live = launch(tmp_path / 'home')
		try:
			eventually(live.worker_pid)
			time.sleep(1)
		finally:
			kill_whole(live)

	@pytest.mark.slow
	def test_ten_kills_at_random_moments_lose_nothing(self, tmp_path, record_property):
		home = tmp_path / 'home'
		seed = random.SystemRandom().randrange(10**6)
		print(f'moments from seed {seed}')
		record_property('seed', seed)
		moments = random.Random(seed)
		jobs: list[dict] = []
		seeds: list[int] = []
		seen: set[str] = set()
		met = 0
		for turn in range(10):
			live = launch(home)
			try:
				# Some kills meet the start of the engine, the others work.
				starting = turn % 5 == 4
				live.wait_ready(engine=not starting)
				seen = check_home(home, seen)
				for _ in range(2):
					seeds.append(1000 * (len(seeds) + 1))
					count = moments.randint(2, 4)
					jobs.append(live.submit(count=count, seed=seeds[-1], **SLOW))
				known = {job['id']: job for job in live.jobs()}
				assert all(job['id'] in known for job in jobs), 'a job is gone'
				assert all(job['state'] not in ('failed', 'cancelled') for job in known.values())
				while not starting and not working(home):
					time.sleep(0.02)
				time.sleep(moments.uniform(0, 4))
				seen |= finished_pictures(home)
			finally:
				kill_whole(live)
			met += bool(working(home))
		print(f'{met} of 10 kills met work; {len(seen)} pictures were done by then')
		assert met >= 6
		with live_app(home) as live:
			check_home(home, seen)
			check_finished(live, jobs, seeds)


class TestEngineKilled:
	def test_once_is_tried_again_and_twice_is_said(self, tmp_path):
		with live_app(tmp_path / 'home') as live:
			drawing = lambda job: job['state'] == 'running' and job['step'] > 0  # noqa: E731

			# Once: the page stays, the job says so and finishes with all its pictures.
			job = live.submit(count=2, seed=7, **SLOW)
			live.wait_job(job['id'], drawing)
			os.kill(live.worker_pid(), signal.SIGKILL)
			assert live.health()['status'] == 'ok'
			waiting = live.submit(count=1, seed=50, steps=2)
			job = live.wait_job(job['id'])
			assert job['state'] == 'finished' and job['attempts'] == 1
			assert [p['seed'] for p in job['pictures']] == [7, 8]
			assert len(job['notes']) == 1
			assert 'was killed' in job['notes'][0] and 'tried once more' in job['notes'][0]
			assert live.wait_job(waiting['id'])['state'] == 'finished'

			# Twice: it fails with its reason, and the next job works.
			job = live.submit(count=1, steps=150)
			following = live.submit(count=1, seed=60, steps=2)
			live.wait_job(job['id'], drawing)
			first = live.worker_pid()
			os.kill(first, signal.SIGKILL)
			live.wait_job(job['id'], lambda now: now['attempts'] == 1 and drawing(now))
			assert live.worker_pid() != first
			os.kill(live.worker_pid(), signal.SIGKILL)
			job = live.wait_job(job['id'])
			assert job['state'] == 'failed' and job['error']['code'] == 'EngineDied'
			assert 'was killed' in job['error']['message'] and 'twice' in job['error']['remedy']
			assert live.health()['status'] == 'ok'
			assert live.wait_job(following['id'])['state'] == 'finished'
			assert 'Traceback' not in live.log
			check_home(live.home, set())
