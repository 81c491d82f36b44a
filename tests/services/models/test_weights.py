"""Weights that a setting names: found by name, refused in words, with the setting."""

import os

import pytest

from localai.errors import InvalidInput
from localai.schemas.base import Schema
from localai.schemas.engine import Drawing, Generate
from localai.schemas.generation import GenerationParameters
from localai.schemas.models import ModelSpec
from localai.schemas.terms import Term
from localai.services.models.weights import resolve
from tests.library import Shelf, write_folder, write_lora


class Ink(Schema):
	name: str
	drops: int = 1


class Settings(Schema):
	inks: tuple[Ink, ...] = ()
	brush: str = ''
	paper: Ink | None = None
	title: str = 'a name of nothing'


TABLE = (
	Term('title', 'Title', 'name'),
	Term('inks', 'Inks', 'noun', weights='lora'),
	Term('brush', 'Brush', 'name', weights='lora'),
	Term('paper', 'Paper', 'noun', weights='checkpoint'),
	Term('frame', 'Frame', 'name', weights='vae'),  # of other programs: no such field
)


@pytest.fixture
def shelf(tmp_path):
	shelf = Shelf(tmp_path)
	write_lora(shelf.home / 'loras' / 'Blue.safetensors')
	write_lora(shelf.home / 'loras' / 'red.safetensors')
	write_folder(shelf.home / 'checkpoints' / 'painter')
	shelf.models.scan()
	yield shelf
	shelf.close()


def named(shelf, **settings):
	return resolve(Settings(**settings), 'sd1', shelf.models.resolve_weights, TABLE)


def refused(shelf, **settings) -> InvalidInput:
	with pytest.raises(InvalidInput) as caught:
		named(shelf, **settings)
	return caught.value


class TestResolve:
	def test_each_name_is_found_by_its_setting(self, shelf):
		found = named(
			shelf,
			inks=(Ink(name='blue'), Ink(name='loras/red.safetensors')),
			brush='red',
			paper=Ink(name='painter'),
		)
		assert {s: {n: spec.id for n, spec in specs.items()} for s, specs in found.items()} == {
			'inks': {
				'blue': 'loras/Blue.safetensors',
				'loras/red.safetensors': 'loras/red.safetensors',
			},
			'brush': {'red': 'loras/red.safetensors'},
			'paper': {'painter': 'checkpoints/painter'},
		}
		blue = found['inks']['blue']
		assert blue.path == str(shelf.home / 'loras' / 'Blue.safetensors')
		assert (blue.name, blue.kind, blue.family) == ('Blue', 'lora', 'sd1')
		assert blue.bytes == os.stat(blue.path).st_size

	def test_no_name_is_no_weights(self, shelf):
		assert named(shelf) == {}

	def test_a_name_that_nothing_has(self, shelf):
		error = refused(shelf, inks=(Ink(name='blue'), Ink(name='green')))
		assert (error.message, error.field) == ("There is no LoRA called 'green'.", 'inks')
		assert error.remedy == 'Choose one of: loras/Blue.safetensors, loras/red.safetensors.'

	def test_where_there_is_none_of_that_kind(self, shelf):
		with pytest.raises(InvalidInput, match="no VAE called 'x'") as caught:
			shelf.models.resolve_weights('x', 'vae', 'sd1')
		assert caught.value.remedy == 'There are none here yet.'

	def test_one_of_another_kind(self, shelf):
		error = refused(shelf, brush='painter')
		assert (error.message, error.field) == ('painter is a complete model, not a LoRA.', 'brush')
		assert 'leave it out' in error.remedy
		assert (
			refused(shelf, paper=Ink(name='red')).message == 'red is a LoRA, not a complete model.'
		)

	def test_of_two_with_a_name_the_one_of_the_kind_is_meant(self, shelf):
		write_lora(shelf.home / 'loras' / 'painter.safetensors')
		shelf.models.scan()
		assert named(shelf, brush='painter')['brush']['painter'].kind == 'lora'
		assert shelf.models.resolve('painter').id == 'checkpoints/painter'

	def test_one_for_another_family(self, shelf):
		write_lora(shelf.home / 'loras' / 'wide.safetensors', width=1024)
		error = refused(shelf, brush='loras/wide.safetensors')  # that no scan saw yet
		assert error.message == (
			'wide is made for Stable Diffusion 2, but the model is Stable Diffusion 1.'
		)
		assert error.field == 'brush'

	@pytest.mark.parametrize('content', [b'', b'no weights', b'\x08\0\0\0\0\0\0\0{}      '])
	def test_a_damaged_file_is_said(self, shelf, content):
		(shelf.home / 'loras' / 'torn.safetensors').write_bytes(content)
		error = refused(shelf, brush='loras/torn.safetensors')
		assert error.message and error.field == 'brush'

	def test_one_that_went_is_said(self, shelf):
		(shelf.home / 'loras' / 'red.safetensors').unlink()
		assert refused(shelf, brush='red').message == "There is no LoRA called 'red'."


class TestTask:
	def test_its_weights_cross_to_the_engine_and_are_held_till_its_end(self, shelf):
		model = ModelSpec(id='m', name='m', family='sd1', path='/m', bytes=1, parameters=1)
		settings = GenerationParameters(
			prompt='x',
			model='m',
			width=64,
			height=64,
			steps=1,
			guidance_scale=1,
			sampler='DDIM',
			schedule='Automatic',
			seed=1,
		)
		task = Generate(
			job_id='1',
			request=settings,
			model=model,
			weights=named(shelf, brush='red', inks=(Ink(name='blue'),)),
			drawings=(Drawing(index=0, seed=1),),
		)
		heard = Generate.model_validate_json(task.model_dump_json())
		assert heard == task
		loras = shelf.home / 'loras'
		assert heard.paths == {
			'/m',
			str(loras / 'red.safetensors'),
			str(loras / 'Blue.safetensors'),
		}
