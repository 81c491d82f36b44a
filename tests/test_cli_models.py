"""The command line for models and downloads: alone, and beside a running app, with a hub of this
machine."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy
import psutil
import pytest
from huggingface_hub import constants
from safetensors.numpy import save_file

from localai import cli
from localai.services.models.service import BUILTIN
from tests.hub_server import HubServer
from tests.live import ROOT, environment_for, live_app, run_command
from tests.repositories import publish
from tests.waiting import GIVEN_UP

MB = 1_000_000
FACTS = {'kind', 'family', 'format', 'variant', 'precision', 'bytes', 'parameters', 'problem'}


def lora(path: Path) -> Path:
	"""A small one for Stable Diffusion 1, as kohya writes them."""
	name = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k'
	tensors = {
		f'{name}.lora_down.weight': numpy.zeros((4, 768), 'float16'),
		f'{name}.lora_up.weight': numpy.zeros((320, 4), 'float16'),
		f'{name}.alpha': numpy.array(4.0, 'float16'),
	}
	path.parent.mkdir(parents=True, exist_ok=True)
	save_file(tensors, path)
	return path


@pytest.fixture(scope='module')
def hub(tmp_path_factory):
	root = tmp_path_factory.mktemp('served')
	publish(root, 'org/small')
	publish(root, 'org/other')
	publish(root, 'org/large', size=12 * MB)
	publish(root, 'org/asked-first', gated='manual')
	with HubServer(root) as server:
		yield server


@pytest.fixture(scope='module')
def surroundings(hub, tmp_path_factory) -> dict[str, str]:
	folder = tmp_path_factory.mktemp('shared')
	return {
		'HF_ENDPOINT': hub.endpoint,
		'HF_HUB_CACHE': str(folder / 'hub'),
		'HF_HUB_OFFLINE': '0',
		'HF_TOKEN_PATH': str(folder / 'token'),
		'NO_PROXY': '127.0.0.1',
		'LOCALAI_HOME': str(folder / 'home'),
	}


@pytest.fixture(scope='module')
def home(surroundings) -> Path:
	return Path(surroundings['LOCALAI_HOME'])


@pytest.fixture(scope='module')
def command(home, surroundings):
	def run(*arguments: str) -> subprocess.CompletedProcess:
		return run_command(home, *arguments, **surroundings)

	return run


@pytest.fixture
def here(home, surroundings, monkeypatch):
	"""The command line inside this process. huggingface_hub has read its environment already."""
	for name, value in surroundings.items():
		monkeypatch.setenv(name, value)
	monkeypatch.setattr(constants, 'ENDPOINT', surroundings['HF_ENDPOINT'])
	files = f'{surroundings["HF_ENDPOINT"]}/{{repo_id}}/resolve/{{revision}}/{{filename}}'
	monkeypatch.setattr(constants, 'HUGGINGFACE_CO_URL_TEMPLATE', files)
	monkeypatch.setattr(constants, 'HF_TOKEN_PATH', surroundings['HF_TOKEN_PATH'])
	monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', False)


def interrupted(
	home: Path, surroundings: dict, arguments: tuple[str, ...], when
) -> tuple[int, str]:
	"""Exit code and words of a command that hears Ctrl+C as soon as `when` holds."""
	process = subprocess.Popen(
		[sys.executable, '-m', 'localai', *arguments],
		cwd=ROOT,
		env=environment_for(home, **surroundings),
		stdin=subprocess.DEVNULL,
		stdout=subprocess.PIPE,
		stderr=subprocess.PIPE,
		encoding='utf-8',
	)
	end = time.monotonic() + GIVEN_UP
	while not when(process):
		assert time.monotonic() < end and process.poll() is None, process.communicate()
		time.sleep(0.05)
	process.send_signal(signal.SIGINT)
	_, words = process.communicate(timeout=GIVEN_UP)
	assert 'Traceback' not in words, words
	return process.returncode, words


class TestInspect:
	def test_it_reads_headers_only_and_starts_nothing(self, tmp_path):
		script = (
			'import sys\n'
			'from localai.cli import main\n'
			f'code = main(["models", "inspect", {str(BUILTIN)!r}, "--json"])\n'
			'heavy = {"torch", "gradio", "sqlalchemy", "fastapi", "diffusers", "huggingface_hub"}\n'
			'print(code, sorted(heavy & set(sys.modules)))\n'
		)
		ended = subprocess.run(
			[sys.executable, '-c', script],
			cwd=ROOT,
			env=environment_for(tmp_path / 'home'),
			capture_output=True,
			text=True,
			timeout=60,
		)
		facts, rest = ended.stdout.strip().split('\n')
		assert rest == '0 []', ended
		assert json.loads(facts)['kind'] == 'checkpoint' and set(json.loads(facts)) >= FACTS
		assert not (tmp_path / 'home').exists()

	def test_a_lora_says_its_family(self, tmp_path, capsys):
		path = lora(tmp_path / 'style.safetensors')
		assert cli.main(['models', 'inspect', str(path), '--json']) == 0
		facts = json.loads(capsys.readouterr().out)
		assert (facts['kind'], facts['family'], facts['path']) == ('lora', 'sd1', str(path))
		assert cli.main(['models', 'inspect', str(path)]) == 0
		assert re.search(r'family +Stable Diffusion 1', capsys.readouterr().out)

	@pytest.mark.parametrize(
		'name',
		[
			'gone.safetensors',
			'empty.safetensors',
			'noise.safetensors',
			'huge.safetensors',
			'a\0b',
			'x' * 5000,
			'../../../..//gone.gguf',
		],
	)
	def test_what_is_missing_or_damaged_is_one_sentence_and_still_json(
		self, tmp_path, monkeypatch, capsys, name
	):
		monkeypatch.chdir(tmp_path)
		Path('empty.safetensors').touch()
		Path('noise.safetensors').write_bytes(b'\xff' * 1000)
		Path('huge.safetensors').write_bytes((2**62).to_bytes(8, 'little') + b'{}')
		assert cli.main(['models', 'inspect', name, '--json']) == 1
		facts = json.loads(capsys.readouterr().out)
		assert facts['kind'] == facts['family'] == 'unknown'
		assert facts['problem'].endswith('.') and '\n' not in facts['problem']
		assert cli.main(['models', 'inspect', name]) == 1
		said = capsys.readouterr()
		assert said.out == '' and said.err.startswith('error: ')

	def test_what_is_wrong_with_a_file_that_is_known_is_said_beside_it(self, tmp_path, capsys):
		cut, pickle, strange = (tmp_path / f'{n}.safetensors' for n in ('cut', 'pickle', 'strange'))
		whole = lora(tmp_path / 'whole.safetensors').read_bytes()
		cut.write_bytes(whole[: len(whole) // 2])
		pickle = pickle.with_suffix('.ckpt')
		pickle.write_bytes(b'\x80\x04.')
		save_file({'what': numpy.zeros(3, 'float16')}, strange)
		for path, kind, problem in (
			(cut, 'lora', 'is incomplete'),
			(pickle, 'unknown', 'is a pickle checkpoint'),
			(strange, 'unknown', ''),
		):
			assert cli.main(['models', 'inspect', str(path), '--json']) == 0
			facts = json.loads(capsys.readouterr().out)
			assert facts['kind'] == kind and problem in facts['problem'], facts
			assert cli.main(['models', 'inspect', str(path)]) == 0
			assert problem in capsys.readouterr().out

	@pytest.mark.skipif(os.name == 'nt', reason='names are Unicode there')
	def test_a_name_that_is_no_text_and_a_pipe(self, tmp_path, capsys):
		name = os.fsencode(tmp_path) + b'/caf\xe9.safetensors'
		try:
			os.rename(os.fsencode(lora(tmp_path / 'a.safetensors')), name)
		except OSError:
			pytest.skip('this disk takes no such names')
		assert cli.main(['models', 'inspect', os.fsdecode(name), '--json']) == 0
		told = json.loads(capsys.readouterr().out)
		assert told['family'] == 'sd1' and told['denoiser'].endswith('/caf\ufffd.safetensors')
		os.mkfifo(tmp_path / 'pipe.safetensors')
		assert cli.main(['models', 'inspect', str(tmp_path / 'pipe.safetensors')]) == 1
		assert 'it is a pipe, not a file.' in capsys.readouterr().err

	def test_no_name_is_said(self, capsys):
		assert cli.main(['models', 'inspect', '']) == 2
		assert 'No file was named.' in capsys.readouterr().err


class TestAlone:
	def test_the_list_is_of_every_kind_as_the_disk_is_now(self, here, home, capsys):
		assert cli.main(['models', '--json']) == 0
		assert [m['id'] for m in json.loads(capsys.readouterr().out)] == ['sketchbook']
		lora(home / 'models' / 'loras' / 'style.safetensors')
		assert cli.main(['models', 'list', '--json']) == 0
		found = json.loads(capsys.readouterr().out)
		assert found[0]['id'] == 'sketchbook' and found[1]['kind'] == 'lora'
		for words in (['list', '--kind', 'lora'], ['--kind', 'lora'], ['--kind', 'lora', 'list']):
			assert cli.main(['models', *words]) == 0
			(line,) = capsys.readouterr().out.strip().split('\n')
			assert line.startswith('loras/style') and 'Stable Diffusion 1' in line

	def test_a_scan_counts(self, here, home, capsys):
		path = lora(home / 'models' / 'loras' / 'second.safetensors')
		assert cli.main(['models', 'scan', '--json']) == 0
		report = json.loads(capsys.readouterr().out)
		assert set(report) == {'files', 'added', 'changed', 'gone', 'seconds'}
		assert report['added'] == 1
		path.unlink()
		assert cli.main(['models', 'scan']) == 0
		assert re.match(r'\d+ files: 0 added, 0 changed, 1 gone; ', capsys.readouterr().out)

	def test_what_a_scan_cannot_read_is_said_in_words_alone(self, here, home, capsys):
		name = os.fsencode(home / 'models' / 'loras') + b'/caf\xe9.safetensors'
		try:
			with open(name, 'wb'):
				pass
		except OSError:
			pytest.skip('this disk takes no such names')
		assert cli.main(['models', 'scan']) == 0
		said = capsys.readouterr().err
		os.unlink(name)
		assert 'caf' in said and 'WARNING' not in said and 'localai.' not in said

	@pytest.mark.parametrize('verb', [('load', 'sketchbook'), ('unload',)])
	def test_without_an_app_nothing_is_in_memory_and_that_is_said(self, here, capsys, verb):
		assert cli.main(['models', *verb]) == 1
		assert 'LocalAI is not running with this folder' in capsys.readouterr().err

	def test_a_download_says_where_it_is_and_is_not_fetched_twice(self, here, command, hub, capsys):
		ended = command('download', 'org/small')
		assert ended.returncode == 0, ended
		path, model = ended.stdout.strip().split('\n')
		assert (Path(path) / 'model_index.json').is_file() and model.startswith('org/small')
		before = hub.sent('*.safetensors')
		assert cli.main(['download', 'org/small', '--json']) == 0
		answer = json.loads(capsys.readouterr().out)
		assert answer['state'] == 'finished' and answer['model'] == 'org/small'
		assert answer['path'] == path and answer['reused'] > 0.9 * answer['bytes']
		assert hub.sent('*.safetensors') == before
		assert cli.main(['models', '--json']) == 0
		assert 'org/small' in [m['id'] for m in json.loads(capsys.readouterr().out)]

	def test_ctrl_c_pauses_and_the_same_words_go_on(self, command, home, surroundings, hub):
		slow = hub.fault('*.safetensors', rate=3 * MB)
		before = hub.sent('*.safetensors')
		code, words = interrupted(
			home,
			surroundings,
			('download', 'org/large'),
			lambda _: hub.sent('*.safetensors') - before > 4 * MB,
		)
		assert code == 130 and 'paused' in words and 'Run the same command again' in words
		hub.faults.remove(slow)
		ended = command('download', 'org/large', '--json')
		answer = json.loads(ended.stdout)
		assert ended.returncode == 0 and answer['state'] == 'finished', ended
		assert hub.sent('*.safetensors') - before < 12 * MB * 1.2, 'bytes were fetched twice'

	@pytest.mark.parametrize('repo', ['org/nothing', 'org/asked-first'])
	def test_what_the_hub_has_not_or_does_not_give_is_one_sentence(self, here, capsys, repo):
		assert cli.main(['download', repo]) == 1
		said = capsys.readouterr()
		assert repo in said.err and said.out == ''
		assert said.err.startswith('error: ') and len(said.err.strip().split('\n')) <= 2

	@pytest.mark.parametrize(
		'source', ['', ' ', '../..', 'a\0b', 'x' * 5000, 'http://example.com/a.safetensors', 'one']
	)
	def test_what_names_nothing_is_one_sentence(self, here, capsys, source):
		assert cli.main(['download', source]) in (1, 2)
		said = capsys.readouterr()
		assert said.out == '' and said.err.startswith('error: ') and 'Traceback' not in said.err
		assert len(said.err.strip().split('\n')) <= 2


class TestBesideTheApp:
	@pytest.fixture(scope='class')
	def app(self, home, surroundings):
		with live_app(home, **surroundings) as live:
			yield live

	def test_it_tells_what_the_app_has(self, app, here, home, capsys):
		lora(home / 'models' / 'loras' / 'third.safetensors')
		assert cli.main(['models', 'scan', '--json']) == 0
		assert json.loads(capsys.readouterr().out)['added'] == 1
		assert cli.main(['models', '--json']) == 0
		ids = [m['id'] for m in json.loads(capsys.readouterr().out)]
		assert ids[0] == 'sketchbook' and any('third' in i for i in ids)

	def test_load_and_unload_wait_for_their_end(self, app, here, capsys):
		assert cli.main(['models', 'load', 'sketchbook', '--json']) == 0
		answer = json.loads(capsys.readouterr().out)
		assert answer['state'] == 'finished' and answer['model'] == 'sketchbook'
		assert held(app) == ['sketchbook']
		assert cli.main(['models', 'load', 'sketchbook']) == 0
		assert capsys.readouterr().out.startswith('sketchbook is ready (')
		assert cli.main(['models', 'unload', 'sketchbook']) == 0
		assert 'sketchbook is unloaded' in capsys.readouterr().out and held(app) == []
		assert cli.main(['models', 'unload']) == 0

	@pytest.mark.parametrize(
		('model', 'code', 'words'),
		[
			('', 2, 'The model has no name.'),
			('nothing', 2, "There is no model called 'nothing'."),
			('../..', 2, "There is no model called '../..'."),
			('a\0b', 2, 'The model has no name.'),
			('x' * 5000, 2, 'There is no model called'),
			('loras/third.safetensors', 1, 'lora'),
		],
	)
	def test_what_cannot_be_loaded_is_one_sentence(self, app, here, capsys, model, code, words):
		assert cli.main(['models', 'load', model]) == code
		said = capsys.readouterr()
		assert words.casefold() in said.err.casefold() and said.out == ''

	@pytest.mark.skipif(os.name != 'posix', reason='interrupts by a POSIX signal')
	def test_ctrl_c_gives_a_load_up(self, app, home, surroundings):
		job = app.submit(steps=150, count=100)['id']
		app.wait_job(job, lambda j: j['state'] == 'running')
		log = app.home / 'logs' / 'localai.log'
		arguments = ('models', 'load', 'sketchbook')
		lines: list[object] = []

		def follows(process: subprocess.Popen) -> bool:
			"""It asks the app, and goes on to hear over the same connection: it waits for the load."""
			connections = psutil.Process(process.pid).net_connections('inet')
			lines.append({c.laddr for c in connections if c.status == psutil.CONN_ESTABLISHED})
			return len(lines) > 20 and bool(lines[-1]) and lines[-20:] == lines[-1:] * 20

		code, words = interrupted(home, surroundings, arguments, follows)
		assert code == 130 and 'cancelled; sketchbook was not loaded' in words
		app.ask(f'/api/jobs/{job}/stop', {})
		app.wait_job(job)
		assert 'chore load' not in log.read_text('utf-8').split(job)[-1]

	def test_the_app_downloads(self, app, here, capsys):
		assert cli.main(['download', 'org/other', '--json']) == 0
		answer = json.loads(capsys.readouterr().out)
		assert answer['state'] == 'finished' and answer['model'] == 'org/other'
		status, body = app.ask('/api/downloads')
		assert answer['download'] in [d['id'] for d in json.loads(body)]
		assert cli.main(['download', 'org/nothing']) == 1
		assert 'org/nothing' in capsys.readouterr().err


def held(app) -> list[str]:
	"""By the page's own door, as the command line has none for it."""
	components = json.loads(app.ask('/config')[1])['components']
	wire = next(c['id'] for c in components if c['props'].get('elem_id') == 'wire')
	body = {'session_hash': 'test', 'component_id': wire, 'fn_name': 'ui_hardware', 'data': {}}
	status, answer = app.ask('/gradio_api/component_server', body)
	return [m['id'] for m in json.loads(answer)['engine']['held']]
