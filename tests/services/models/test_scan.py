"""What a scan does with what nobody expects: names that are no text, things that are no files, pieces."""

import os
import struct
import sys

import pytest

from localai.files.weights.identify import identify
from tests import fabricate
from tests.files.strange import strange_files
from tests.library import Shelf, write_folder, write_lora, write_weights

LATIN = b'caf\xe9.safetensors'


@pytest.fixture
def shelf(tmp_path):
	shelf = Shelf(tmp_path / 'shelf')
	yield shelf
	shelf.close()


@pytest.fixture
def extra(tmp_path, shelf):
	folder = tmp_path / 'extra'
	folder.mkdir()
	shelf.models.registry.add_folder(str(folder))
	return folder


def rename(file, name: bytes):
	try:
		os.rename(os.fsencode(file), os.path.join(os.fsencode(file.parent), name))
	except OSError:
		pytest.skip('this disk takes no such names')


@pytest.mark.skipif(sys.platform == 'win32', reason='names are Unicode there')
class TestNamesThatAreNoText:
	def test_every_other_model_is_listed_and_one_line_names_the_file(self, shelf, extra):
		write_lora(extra / 'good.safetensors')
		write_folder(extra / 'folder')
		rename(write_lora(extra / 'bad.safetensors'), LATIN)
		report = shelf.models.scan()
		assert report.files == 3 and len(shelf.start().registry.library.items) == 3
		(line,) = shelf.models.folders()
		assert line.path == str(extra) and line.files == 2
		assert line.problem == (
			f'caf\ufffd.safetensors in {extra} was left out: its name is not UTF-8. Rename it.'
		)

	def test_a_folder_of_such_a_name_and_two_files(self, shelf, extra):
		write_lora(extra / 'bad' / 'a.safetensors')
		rename(extra / 'bad', b'\xff')
		for name in (b'\xe4.gguf', b'\xe5.txt'):
			rename(write_lora(extra / 'x'), name)
		write_lora(extra / 'good.safetensors')
		assert shelf.models.scan().files == 2
		assert shelf.models.folders()[0].problem.endswith(' Rename it. And 1 more.')

	def test_in_a_place_of_our_own_a_line_names_it_too(self, shelf):
		write_lora(shelf.home / 'loras' / 'good.safetensors')
		rename(write_lora(shelf.home / 'loras' / 'bad.safetensors'), LATIN)
		assert shelf.models.scan().files == 2
		(line,) = shelf.models.folders()
		assert line.own and line.path == str(shelf.home) and 'caf\ufffd' in line.problem

	def test_a_model_folder_with_such_a_file_in_it(self, shelf, extra):
		folder = write_folder(extra / 'folder')
		rename(write_weights(folder / 'unet' / 'x', {'a': [4]}), LATIN)
		assert shelf.models.scan().files == 2 and shelf.models.folders()[0].problem == ''

	def test_half_letters_in_what_a_folder_says(self, shelf, extra):
		folder = write_folder(extra / 'odd')
		index = folder / 'unet' / 'm.safetensors.index.json'
		index.write_text('{"weight_map": {"a": "\\ud800.safetensors"}}')
		shelf.models.scan()
		(entry,) = (e for e in shelf.models.list() if not e.builtin)
		assert entry.problem.startswith('odd is missing unet/\ufffd.safetensors.')


class TestThingsThatAreNoFiles:
	@pytest.mark.parametrize('suffix', ['.safetensors', '.gguf', '.ckpt'])
	def test_they_are_passed_by(self, shelf, extra, suffix):
		strange_files(extra, suffix)
		write_lora(extra / 'good.safetensors')
		assert shelf.models.scan().files == 2

	@pytest.mark.parametrize('suffix', ['.safetensors', '.gguf', '.ckpt'])
	def test_who_asks_what_they_are_is_told(self, tmp_path, suffix):
		for kind, thing in strange_files(tmp_path, suffix).items():
			facts = identify(thing)
			assert facts.kind == 'unknown'
			if kind != 'folder':
				assert facts.problem == f'{thing.name} cannot be read: it is a {kind}, not a file.'

	def test_as_a_piece_of_a_model_or_of_a_folder(self, tmp_path, shelf, extra):
		file = write_lora(extra / 'm-00001-of-00002.safetensors')
		os.mkfifo(extra / 'm-00002-of-00002.safetensors')
		assert 'is missing' in identify(file).problem
		folder = write_folder(extra / 'folder')
		(folder / 'unet' / 'diffusion_pytorch_model.safetensors').unlink()
		os.mkfifo(folder / 'unet' / 'diffusion_pytorch_model.safetensors')
		(folder / 'unet' / 'config.json').unlink()
		os.mkfifo(folder / 'unet' / 'config.json')
		assert identify(folder).problem
		assert shelf.models.scan().files == 3


class TestPieces:
	def test_they_are_one_model_however_they_are_written(self, shelf, extra):
		write_weights(extra / 'Model-00001-of-00002.SAFETENSORS', {'a': [4, 4]})
		write_weights(extra / 'Model-00002-of-00002.SAFETENSORS', {'b': [4, 4]})
		assert shelf.models.scan().files == 2
		(entry,) = [e for e in shelf.models.registry.library.menu('unknown')]
		assert 'is missing' not in identify(extra / 'Model-00002-of-00002.SAFETENSORS').problem
		assert identify(extra / 'Model-00001-of-00002.SAFETENSORS').parameters == 32
		assert entry.path == str(extra / 'Model-00001-of-00002.SAFETENSORS')

	def test_pieces_of_two_models_stay_apart(self, shelf, extra):
		for name in ('m-00001-of-00002', 'm-00002-of-00002', 'm-00001-of-00001'):
			write_weights(extra / f'{name}.safetensors', {'a': [4, 4]})
		assert shelf.models.scan().files == 3


class TestTooMuch:
	def test_more_tensors_than_any_model_has_are_not_read(self, tmp_path):
		shapes = {f't{i}': (1,) for i in range(100_001)}
		facts = identify(fabricate.safetensors(tmp_path / 'a.safetensors', shapes))
		assert facts.problem.startswith(
			'a.safetensors was not read: its header lists 100,001 tensors, more than any model has.'
		)
		head = b'GGUF' + struct.pack('<IQQ', 3, 100_001, 0)
		facts = identify(fabricate.written(tmp_path / 'a.gguf', head, 0))
		assert 'lists 100,001 tensors' in facts.problem

	def test_a_file_that_is_a_huge_name(self, tmp_path):
		file = fabricate.safetensors(tmp_path / 'a.safetensors', {'x' * 20_000_000: (1,)})
		assert (identify(file).kind, identify(file).problem) == ('unknown', '')
