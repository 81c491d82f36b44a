"""Anything in any order, from several threads: what must hold of jobs, chores and engines all the same."""

import contextlib
import random
import threading
from pathlib import Path

import pytest

from localai.errors import LocalAIError
from localai.studio import Studio
from tests.fakes import FakeExecutor
from tests.waiting import eventually

HANDS = 3
STEPS = 30
ENDS = ('finished', 'cancelled', 'failed')


class Hand:
	"""Somebody who does whatever comes to mind; what is refused is no matter."""

	def __init__(self, studio: Studio, executor: FakeExecutor, models: tuple[str, ...], seed: int):
		self.studio, self.executor, self.models = studio, executor, models
		self.chance = random.Random(seed)
		self.strange: list[BaseException] = []

	def work(self) -> None:
		try:
			for _ in range(STEPS):
				deed = self.chance.choice(
					(self.draw, self.draw, self.stop, self.look, self.trouble)
				)
				with contextlib.suppress(LocalAIError):
					deed()
		except BaseException as error:
			self.strange.append(error)

	def draw(self) -> None:
		fields = {
			'prompt': 'a fox',
			'width': 64,
			'height': 64,
			'count': self.chance.randint(1, 3),
			'steps': self.chance.randint(1, 3),
			'seed': self.chance.randrange(1000),
			'model': self.chance.choice(self.models),
		}
		self.studio.generation.start(fields)

	def job(self) -> str:
		return self.chance.choice([j.id for j in self.studio.jobs.list()] or ['none'])

	def stop(self) -> None:
		if self.chance.random() < 0.05:
			self.studio.jobs.stop_all()
		self.studio.jobs.stop(self.job(), self.chance.choice(('stop', 'keep', 'skip')))

	def look(self) -> None:
		studio, model = self.studio, self.chance.choice(self.models)
		match self.chance.randrange(5):
			case 0:
				studio.jobs.move(self.job(), self.chance.randint(-1, 5))
			case 1:
				studio.chores.load(model)
			case 2:
				studio.chores.unload(self.chance.choice((model, '')))
			case 3:
				studio.chores.cancel()
			case 4:
				pictures = studio.history.recent(3)
				studio.picture_trash.delete([p.id for p in pictures[1:]])
				studio.marks.mark([p.id for p in pictures], {'rating': self.chance.randint(0, 5)})

	def trouble(self) -> None:
		engine = self.chance.choice(list(self.executor.engines.values()))
		match self.chance.randrange(4):
			case 0:
				engine.die()
			case 1:
				engine.gate.clear()
			case _:
				engine.gate.set()


def worked_on(studio: Studio) -> list[str]:
	return [d.task.job_id for d in studio.engines.devices.values() if d.task]


def check_now(studio: Studio) -> None:
	with studio.engines.lock:
		tasks, live = worked_on(studio), list(studio.board.live.values())
		assert len(set(tasks)) == len(tasks)
		assert {j.id for j in live if j.state != 'queued'} == set(tasks) & {j.id for j in live}
		assert all(c.task is None or c.task.job_id in tasks for c in studio.chores.pending.values())
		assert set(studio.board.feeds) == {job.id for job in live}


def rest(studio: Studio, executor: FakeExecutor) -> None:
	def quiet() -> bool:
		for engine in executor.engines.values():
			engine.gate.set()
		return not studio.board.live and not studio.chores.pending

	eventually(quiet, lambda: (studio.jobs.list(), studio.engines.devices))


def check_end(studio: Studio) -> None:
	assert not worked_on(studio) and not studio.presence.now.queue
	assert not studio.board.previews and not studio.board.costs
	for job in studio.jobs.list(1000):
		assert job.state in ENDS and job.finished_at, job
		drawn = {p.index: p for p in job.pictures}
		assert len(drawn) == len(job.pictures)
		for index, picture in drawn.items():
			assert picture.seed == job.seeds[index] and Path(picture.path).is_file()
	report = studio.truth.check()
	assert report.well, report


@pytest.mark.parametrize('seed', range(2))
def test_whatever_is_done(settings, tiny_model, seed):
	executor = FakeExecutor(devices=('left', 'right')[: 1 + seed % 2])
	studio = Studio(settings, executor).open()
	hands = [
		Hand(studio, executor, ('sketchbook', str(tiny_model)), 10 * seed + n) for n in range(HANDS)
	]
	threads = [threading.Thread(target=hand.work, daemon=True) for hand in hands]
	for thread in threads:
		thread.start()
	while any(thread.is_alive() for thread in threads):
		check_now(studio)
		threads[0].join(0.002)
	assert [hand.strange for hand in hands] == [[]] * HANDS
	rest(studio, executor)
	check_end(studio)
	# Closed in the middle of it, and opened again.
	for hand in hands:
		hand.draw()
	studio.close()
	executor = FakeExecutor()
	studio = Studio(settings, executor).open()
	rest(studio, executor)
	check_end(studio)
	studio.close()
