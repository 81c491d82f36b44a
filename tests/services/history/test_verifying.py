"""A picture drawn again and held against the one that was kept: with the fake engine, and with the real
one and the built-in model."""

from pathlib import Path

import pytest
from PIL import Image

from localai.errors import InvalidInput, UnknownName
from localai.schemas import engine as say
from localai.schemas.chores import ChoreSnapshot
from localai.studio import Studio
from tests.pictures import SMALL, draw, ours, png, row
from tests.services.history.test_truth import FOREIGN
from tests.waiting import eventually


def end_of(studio: Studio, chore: str) -> ChoreSnapshot:
	eventually(lambda: not studio.chores.get(chore).pending)
	return studio.chores.get(chore)


class TestVerdict:
	def test_identical(self, studio):
		*_, picture = draw(studio, seed=5, count=3)
		before = studio.history.outline({}).total
		verdict = end_of(studio, studio.verifying.start(picture.id)).verdict
		assert verdict.state == 'identical' and verdict.maximum == 0 and verdict.share == 0
		assert verdict.conditions == () and verdict.picture == picture.id
		assert studio.history.outline({}).total == before

	def test_how_much_differs_and_what_is_not_as_it_was(self, studio):
		(picture,) = draw(studio, seed=5)
		with Image.open(picture.path) as image:
			image.load()
			image.putpixel((3, 4), tuple((c + 9) % 256 for c in image.getpixel((3, 4))))
			image.save(picture.path)
		verdict = end_of(studio, studio.verifying.start(picture.id)).verdict
		assert verdict.state == 'different' and verdict.share == pytest.approx(1 / 4096, abs=1e-6)
		assert verdict.maximum in (9, 247)

	def test_other_conditions_are_named(self, studio):
		(number,) = studio.imports.take('x.png', ours(seed=7)).imported
		verdict = end_of(studio, studio.verifying.start(number)).verdict
		named = {d.name: (d.before, d.after) for d in verdict.conditions}
		assert named['Device'] == ('CPU', 'Fake') and named['Attention'] == ('sdpa', 'none')
		assert 'Model hash' in named and 'PyTorch' not in named

	def test_steps_are_told_and_it_can_be_given_up(self, studio, executor):
		(picture,) = draw(studio)
		executor.gate.clear()
		chore = studio.verifying.start(picture.id)
		assert studio.chores.get(chore).kind == 'verify'
		studio.chores.cancel()
		assert end_of(studio, chore).state == 'cancelled'

	def test_an_engine_that_dies_is_said_and_nothing_is_lost(self, studio, executor):
		(picture,) = draw(studio)
		executor.failures.append(
			say.Failed(
				job_id='', code='EngineDied', message='It died.', remedy='', engine_died=True
			)
		)
		end = end_of(studio, studio.verifying.start(picture.id))
		assert end.state == 'failed' and end.error.code == 'EngineDied' and end.verdict is None
		assert draw(studio)

	def test_a_file_that_went_while_it_was_drawn(self, studio, executor):
		(picture,) = draw(studio)
		executor.gate.clear()
		chore = studio.verifying.start(picture.id)
		Path(picture.path).unlink()
		executor.gate.set()
		end = end_of(studio, chore)
		assert end.state == 'failed' and 'cannot be read' in end.error.message


class TestImpossible:
	def test_one_of_another_program(self, studio):
		(number,) = studio.imports.take('x.png', png(texts=FOREIGN)).imported
		with pytest.raises(InvalidInput, match='Another program'):
			studio.verifying.start(number)

	def test_one_that_was_stopped_early(self, studio):
		(number,) = studio.history.store.add([row(receipt={'stopped_early': True})])
		with pytest.raises(InvalidInput, match='before it was finished'):
			studio.verifying.start(number)

	def test_without_its_file_or_its_model(self, studio):
		(picture,) = draw(studio)
		Path(picture.path).unlink()
		with pytest.raises(UnknownName, match='missing'):
			studio.verifying.start(picture.id)
		names = {'recipe': {'model': 'gone'}, 'receipt': {'model_name': 'Gone'}}
		(number,) = studio.history.store.add([row(**names)])
		lost = studio.settings.pictures / studio.history.store.place(number)[1]
		lost.parent.mkdir()
		lost.write_bytes(png())
		with pytest.raises(UnknownName, match='gone'):
			studio.verifying.start(number)


class TestForReal:
	def test_ten_pictures_are_identical_pixel_for_pixel(self, settings):
		studio = Studio(settings).open()
		try:
			pictures = [
				*draw(studio, 'a red apple', seed=7, count=4, steps=4),
				*draw(studio, 'a fox', seed=1, count=3, steps=5, sampler='Euler a'),
				*draw(
					studio,
					'a cat',
					seed=2,
					count=3,
					sampler='DPM++ 2M SDE',
					**{**SMALL, 'steps': 6},
				),
			]
			for picture in pictures:
				verdict = end_of(studio, studio.verifying.start(picture.id)).verdict
				assert verdict and verdict.state == 'identical' and not verdict.conditions
		finally:
			studio.close()
