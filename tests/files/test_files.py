"""Model folders, tokens, pictures on the disk, and the owner of a home."""

import json
import multiprocessing
import os
import shutil

import psutil
import pytest

from localai.errors import (
	AlreadyRunning,
	ModelBroken,
	ModelUnsupported,
	PickleRefused,
	StorageProblem,
)
from localai.files.home import HomeLock
from localai.files.pictures import writing
from localai.files.weights import whole
from localai.files.weights.identify import identify
from localai.files.weights.tokens import count_tokens
from localai.services.models.service import BUILTIN
from tests.library import name_more


@pytest.fixture
def folder(tiny_model, tmp_path):
	return shutil.copytree(tiny_model, tmp_path / 'tiny')


class TestInspect:
	def test_the_built_in_model_is_whole_and_small(self):
		facts = whole.inspect(BUILTIN)
		assert (
			facts.family == 'sketchbook' and facts.bytes <= 24_000_000 and facts.parameters > 10**6
		)

	def test_a_tiny_model_is_read_from_headers(self, folder):
		assert whole.inspect(folder).family == 'sd1'

	def test_missing_weights_are_named(self, folder):
		(folder / 'unet' / 'diffusion_pytorch_model.safetensors').unlink()
		with pytest.raises(ModelBroken, match='tiny is missing the weights of its unet'):
			whole.inspect(folder)

	def test_truncated_weights_are_named(self, folder):
		file = folder / 'vae' / 'diffusion_pytorch_model.safetensors'
		file.write_bytes(file.read_bytes()[:-10])
		with pytest.raises(
			ModelBroken, match='vae/diffusion_pytorch_model.safetensors is incomplete'
		):
			whole.inspect(folder)

	@pytest.mark.parametrize(
		'content', [b'', b'12345', b'\xff' * 100, (5).to_bytes(8, 'little') + b'[1,2]']
	)
	def test_what_is_no_weights_file_is_named(self, folder, content):
		(folder / 'vae' / 'diffusion_pytorch_model.safetensors').write_bytes(content)
		with pytest.raises(ModelBroken, match='not a weights file'):
			whole.inspect(folder)

	def test_a_missing_or_broken_index_is_named(self, folder):
		(folder / 'model_index.json').write_text('{')
		with pytest.raises(ModelBroken, match='model_index.json cannot be read'):
			whole.inspect(folder)
		(folder / 'model_index.json').unlink()
		with pytest.raises(ModelBroken, match='is missing model_index.json'):
			whole.inspect(folder)

	def test_pickles_are_refused(self, folder, tmp_path):
		file = folder / 'unet' / 'diffusion_pytorch_model.safetensors'
		file.rename(file.with_suffix('.bin'))
		with pytest.raises(PickleRefused, match='unet only as a pickle'):
			whole.inspect(folder)
		(tmp_path / 'a.ckpt').write_bytes(b'x')
		with pytest.raises(PickleRefused, match='a.ckpt is a pickle'):
			whole.inspect(tmp_path / 'a.ckpt')

	def test_parts_that_nothing_is_drawn_with_may_be_missing(self, folder):
		name_more(folder)
		assert whole.inspect(folder).family == 'sd1' and identify(folder).problem == ''

	@pytest.mark.parametrize(
		('part', 'words'),
		[
			('unet', 'tiny has no unet folder.'),
			('vae', 'tiny has no vae folder.'),
			('text_encoder', 'tiny has no text_encoder folder.'),
			('tokenizer', 'tiny has no tokenizer folder.'),
			('scheduler', 'tiny has no scheduler folder.'),
			('vae/config.json', 'tiny is missing vae/config.json.'),
			('text_encoder/config.json', 'tiny is missing text_encoder/config.json.'),
			('scheduler/scheduler_config.json', 'tiny is missing scheduler/scheduler_config.json.'),
		],
	)
	def test_others_may_not_and_are_named_in_one_sentence(self, folder, part, words):
		missing = folder / part
		shutil.rmtree(missing) if missing.is_dir() else missing.unlink()
		with pytest.raises(ModelBroken) as error:
			whole.inspect(folder)
		assert error.value.message == words
		assert identify(folder).problem.startswith(words)

	def test_other_kinds_are_named(self, folder):
		index = json.loads((folder / 'model_index.json').read_text())
		(folder / 'model_index.json').write_text(
			json.dumps(index | {'_class_name': 'FluxPipeline'})
		)
		with pytest.raises(ModelUnsupported, match='FluxPipeline'):
			whole.inspect(folder)


class TestTokens:
	@pytest.mark.parametrize(
		'text',
		['', 'a red apple on a blue background', "it's 12 cats, Ünï-code 漢字 🍎  !!", 'x' * 500],
	)
	def test_the_count_is_the_models_own(self, text):
		from transformers import CLIPTokenizer

		theirs = len(CLIPTokenizer.from_pretrained(BUILTIN / 'tokenizer')(text).input_ids)
		assert count_tokens(BUILTIN / 'tokenizer', text) == theirs

	def test_the_older_files_count_the_same(self, tmp_path):
		data = json.loads((BUILTIN / 'tokenizer' / 'tokenizer.json').read_text('utf-8'))['model']
		(tmp_path / 'vocab.json').write_text(json.dumps(data['vocab']), 'utf-8')
		merges = [m if isinstance(m, str) else ' '.join(m) for m in data['merges']]
		(tmp_path / 'merges.txt').write_text('#version: 0.2\n' + '\n'.join(merges), 'utf-8')
		text = "a red apple, it's on a BLUE background 12"
		assert count_tokens(tmp_path, text) == count_tokens(BUILTIN / 'tokenizer', text)


class TestPictures:
	def test_written_whole_and_nothing_left_beside_it(self, tmp_path):
		writing.write_whole(tmp_path / 'a' / 'b.png', b'data')
		assert [p.name for p in (tmp_path / 'a').iterdir()] == ['b.png']

	def test_a_folder_that_is_a_file_is_said(self, tmp_path):
		(tmp_path / 'a').write_text('')
		with pytest.raises(StorageProblem, match='could not be saved'):
			writing.write_whole(tmp_path / 'a' / 'b.png', b'data')
		with pytest.raises(StorageProblem, match='cannot write to'):
			writing.write_quickly(tmp_path / 'a' / 'b.webp', b'data')

	@pytest.mark.skipif(os.name != 'posix', reason='files are counted otherwise here')
	def test_no_file_stays_open(self, tmp_path):
		before = psutil.Process().num_fds()
		for number in range(20):
			writing.write_whole(tmp_path / f'{number}.png', b'data')
			writing.write_quickly(tmp_path / f'{number}.webp', b'data')
		assert psutil.Process().num_fds() == before


def hold(home, ready, done):
	lock = HomeLock(home)  # kept: a lock that nobody holds a name of lets go
	lock.take('http://127.0.0.1:1')
	ready.set()
	done.wait(20)


class TestHome:
	def test_a_second_owner_hears_where_the_first_answers(self, tmp_path):
		context = multiprocessing.get_context('spawn')
		ready, done = context.Event(), context.Event()
		process = context.Process(target=hold, args=(tmp_path, ready, done))
		process.start()
		assert ready.wait(20)
		lock = HomeLock(tmp_path)
		assert lock.owner().pid == process.pid and lock.owner().token
		with pytest.raises(AlreadyRunning, match='http://127.0.0.1:1'):
			lock.take()
		assert lock.note.stat().st_mode & 0o077 == 0
		process.kill()
		process.join()
		assert HomeLock(tmp_path).owner() is None
		lock.take()
		lock.release()
