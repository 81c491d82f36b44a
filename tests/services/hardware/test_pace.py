"""About how long a picture takes here: from what was drawn here, else from the measured speed."""

from datetime import UTC, datetime, timedelta

import pytest

from localai.schemas.hardware import EngineStatus
from localai.schemas.operations import operations
from localai.services.hardware.pace import LADDER, Pace, about
from localai.store.database import Database
from localai.store.history import History
from tests.pictures import row

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
# Two cores with bf16, as they were measured: their product of matrices, and SD 1 at 256 x 256 in 8
# steps, 12.6 to 14.5 seconds.
TWO_CORES = 3.74e11


@pytest.fixture
def history(tmp_path):
	database = Database(tmp_path / 'a.db')
	yield History(database, tmp_path)
	database.close()


def drawn(history: History, seconds: float, device: str = 'CPU', **more) -> None:
	size = {'width': 512, 'height': 512}
	recipe = {'guidance_scale': 7.0, 'sampler': 'Euler'}
	receipt = {'seconds': seconds, 'steps_done': 20, 'device': device, 'family': 'sd1'}
	history.add(
		[
			row('a', NOON + timedelta(seconds=i), receipt=receipt | more, recipe=recipe, **size)
			for i in range(3)
		]
	)


class TestSpeed:
	def test_a_machine_that_never_drew_is_believed_to_draw_as_it_computes(self, history):
		pace = Pace(lambda: EngineStatus(device='CPU', dtype='bf16', speed=TWO_CORES), history)
		seconds = operations('sd1', (256, 256), 8, 7, 'Euler') / pace.speed()
		assert 10 < seconds < 20

	def test_what_was_drawn_here_counts_for_more(self, history):
		drawn(history, 100)
		pace = Pace(lambda: EngineStatus(device='CPU', dtype='bf16', speed=1e15), history)
		assert operations('sd1', (512, 512), 20, 7, 'Euler') / pace.speed() == pytest.approx(100)
		# Without guidance, half of the passes.
		single = operations('sd1', (512, 512), 20, 1, 'Euler') / pace.speed()
		assert 50 < single < 60

	def test_neither_another_device_nor_an_uncounted_family_tells_anything(self, history):
		drawn(history, 1, device='GPU')
		drawn(history, 1, family='sketchbook')
		assert Pace(lambda: EngineStatus(device='CPU'), history).speed() == 0


class TestAbout:
	@pytest.mark.parametrize(
		('seconds', 'said'),
		[
			(0.2, 1), (1.6, 2), (7, 5), (8, 10), (24.4, 20), (26, 30), (67, 60), (100, 120),
			(3500, 3600), (7000, 7200), (9000, 9000),
		],
	)  # fmt: skip
	def test_a_time_is_said_no_finer_than_it_is_known(self, seconds, said):
		assert about(seconds) == said

	def test_the_ladder_climbs(self):
		assert list(LADDER) == sorted(set(LADDER))
