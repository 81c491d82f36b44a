"""Knows that whatever is asked wrongly gets one clear sentence at every door, and that the app stays up."""

import contextlib
import json
import math
import os
import re
import shutil
import socket
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from localai import cli
from localai.files.reserve import Reserve
from localai.services.models.service import BUILTIN
from tests.disks import SmallDisk, fill
from tests.live import Live, live_app, run_app, run_command
from tests.waiting import eventually

AS_ROOT = hasattr(os, 'geteuid') and os.geteuid() == 0
SIZE = 'Width and height must be a whole number from 64 to 2048, not '
PAIR = 'LCM has no Karras schedule. It has: Automatic.'

# What every door can be told, and the sentence that each has to answer.
CASES: dict[str, tuple[dict[str, object], str]] = {
	'empty prompt': ({'prompt': ''}, 'The prompt is empty.'),
	'blank prompt': ({'prompt': ' \n\t '}, 'The prompt is empty.'),
	'control characters only': ({'prompt': '\x01\x1f'}, 'The prompt is empty.'),
	'100,000 characters': ({'prompt': 'x' * 100_000}, 'The prompt has 100,000 characters'),
	'unknown sampler': ({'sampler': 'Eulr'}, "There is no sampler called 'Eulr'. Choose one of: "),
	'unknown schedule': ({'schedule': 'Soon'}, "There is no schedule called 'Soon'."),
	'unknown model': ({'model': 'nothing'}, "There is no model called 'nothing'. Choose one of: "),
	'no such pair': ({'sampler': 'LCM', 'schedule': 'Karras'}, PAIR),
	'no such pair with the default': ({'schedule': 'Karras'}, 'DDIM has no Karras schedule.'),
	'size 0': ({'width': 0}, f'{SIZE}'),
	'size 7': ({'height': 7}, f'{SIZE}'),
	'size 100000': ({'width': 100_000}, f'{SIZE}'),
	'size 65': ({'width': 65}, 'Width and height must be multiples of 8; 65 is not, 64 is.'),
	'size in words': ({'width': 'wide'}, f"{SIZE}'wide'."),
	'no steps': ({'steps': 0}, 'Steps must be a whole number from 1 to 150, not '),
	'half a step': ({'steps': 1.5}, 'Steps must be a whole number from 1 to 150, not '),
	'guidance 1e9': ({'guidance_scale': 1e9}, 'Guidance scale must be a number from 0 to 30, not '),
	'seed -1': ({'seed': -1}, 'The seed must be a whole number from 0 to '),
	'seed 2^64': ({'seed': 2**64}, 'The seed must be a whole number from 0 to '),
	'count 1000': ({'count': 1000}, 'The number of pictures must be a whole number from 1 to 100'),
	'count 0': ({'count': 0}, 'The number of pictures must be a whole number from 1 to 100'),
	'model outside': ({'model': '../..'}, "There is no model called '../..'."),
	'model up': ({'model': '..'}, "There is no model called '..'."),
	'model of a long name': ({'model': 'm' * 900}, 'There is no model called '),
	'model of a user': ({'model': '~nobody-here'}, "There is no model called '~nobody-here'."),
	'model of an expression': ({'model': '${7*7}'}, "There is no model called '${7*7}'."),
	'model of HTML': (
		{'model': '<img src=x onerror=alert(1)>'},
		"There is no model called '<img src=x onerror=alert(1)>'.",
	),
	'model without a file': ({'model': 'missing'}, 'missing is missing the weights of its vae.'),
	'model without a folder': ({'model': 'partless'}, 'partless has no unet folder.'),
	'truncated weights': (
		{'model': 'truncated'},
		'truncated/unet/diffusion_pytorch_model.safetensors is incomplete',
	),
	'weights that are none': (
		{'model': 'noise'},
		'noise/vae/diffusion_pytorch_model.safetensors is incomplete or is not a weights file',
	),
	'weights of strange tensors': (
		{'model': 'strange'},
		'strange/unet/diffusion_pytorch_model.safetensors is damaged',
	),
	'model without words': ({'model': 'wordless'}, 'wordless is missing tokenizer/tokenizer.json.'),
	'broken index': ({'model': 'unreadable'}, 'unreadable is damaged: model_index.json'),
	'pickle component': ({'model': 'pickled'}, 'pickled has its text_encoder only as a pickle'),
	'pickle checkpoint': ({'model': 'old.ckpt'}, 'old.ckpt is a pickle checkpoint'),
	'single file': (
		{'model': 'single.safetensors'},
		'single.safetensors is incomplete or is not a weights file',
	),
	'model without a config': (
		{'model': 'shapeless'},
		'shapeless is missing text_encoder/config.json.',
	),
}
# What only JSON can say: wrong types, and numbers that JSON does not have.
RAW: dict[str, tuple[str, str]] = {
	'NaN': ('"guidance_scale": NaN', 'Guidance scale must be a number from 0 to 30, not nan.'),
	'Infinity': ('"guidance_scale": Infinity', 'Guidance scale must be a number from 0 to 30'),
	'huge number': (f'"width": 1{"0" * 400}', SIZE),
	'boolean steps': ('"steps": true', 'Steps must be a whole number from 1 to 150, not True.'),
	'list of widths': ('"width": [512]', f'{SIZE}[512].'),
	'object as seed': ('"seed": {"a": 1}', 'The seed must be a whole number'),
	'list as prompt': ('"prompt": ["x"]', "The prompt must be text, not ['x']."),
	'null prompt': ('"prompt": null', 'The prompt must be text, not None.'),
	'list as model': ('"model": []', 'model is not valid'),
	'list as sampler': ('"sampler": ["Euler"]', "There is no sampler called ['Euler']."),
	'null character in a model': (r'"model": "a\u0000b"', 'The model has no name.'),
	'lone surrogate as model': (r'"model": "\ud800"', "There is no model called '\ufffd'."),
	'lone surrogate as sampler': (r'"sampler": "\ud800"', "There is no sampler called '\ufffd'."),
	'null character as prompt': (r'"prompt": "\u0000"', 'The prompt is empty.'),
}
MODEL_PROBLEM = re.compile('damaged|is missing|pickle|is incomplete|no unet folder')
NAMES = {'negative_prompt': 'negative', 'guidance_scale': 'guidance'}


def break_models(folder: Path) -> None:
	"""Copies of the built-in model, each broken in its own way."""

	def copy(name: str) -> Path:
		return Path(shutil.copytree(BUILTIN, folder / name))

	weights = 'diffusion_pytorch_model.safetensors'
	(copy('missing') / 'vae' / weights).unlink()
	shutil.rmtree(copy('partless') / 'unet')
	with (copy('truncated') / 'unet' / weights).open('r+b') as file:
		file.truncate(1_000_000)
	(copy('noise') / 'vae' / weights).write_bytes(b'\xff' * 1000)
	header = b'{"a": {"dtype": "F32", "shape": "abc", "data_offsets": [0, 4]}}'
	(copy('strange') / 'unet' / weights).write_bytes(
		len(header).to_bytes(8, 'little') + header + bytes(4)
	)
	(copy('unreadable') / 'model_index.json').write_text('{"_class_name": ')
	(copy('pickled') / 'text_encoder' / 'model.safetensors').rename(
		folder / 'pickled' / 'text_encoder' / 'pytorch_model.bin'
	)
	(folder / 'old.ckpt').write_bytes(b'\x80\x04.')
	(folder / 'single.safetensors').write_bytes(b'\0' * 16)
	(copy('wordless') / 'tokenizer' / 'tokenizer.json').unlink()
	(copy('shapeless') / 'text_encoder' / 'config.json').unlink()
	# This one looks whole until the engine reads it.
	config = copy('misfit') / 'vae' / 'config.json'
	config.write_text(config.read_text().replace('"latent_channels": 16', '"latent_channels": 8'))


@pytest.fixture(scope='module')
def app(tmp_path_factory):
	home = tmp_path_factory.mktemp('wrong') / 'home'
	(home / 'models').mkdir(parents=True)
	break_models(home / 'models')
	with live_app(home) as live:
		live.wait_job(live.submit(steps=2, seed=1)['id'])
		yield live
		assert 'Traceback' not in live.log, live.log[-3000:]


@pytest.fixture(scope='class')
def busy(app: Live):
	"""A job that runs and one that waits, both still there at the end."""
	running = app.submit(steps=150, count=100, seed=1)['id']
	waiting = app.submit(steps=2, seed=2)['id']
	app.wait_job(running, lambda job: job['state'] == 'running')
	yield app
	assert app.job(running)['state'] == 'running'
	assert app.job(waiting)['state'] == 'queued'
	assert [j['id'] for j in app.jobs()][:2] == [running, waiting]
	for job in (waiting, running):
		app.ask(f'/api/jobs/{job}/stop', {})
		app.wait_job(job)


@pytest.fixture(scope='module')
def client(app: Live) -> Client:
	return Client(app.url, verbose=False, analytics_enabled=False)


@pytest.fixture(scope='module')
def page(app: Live):
	"""Calls a function of the page as its scripts do."""
	components = json.loads(app.ask('/config')[1])['components']
	wire = next(c['id'] for c in components if c['props'].get('elem_id') == 'wire')

	def call(name: str, data: str) -> dict:
		body = f'{{"session_hash": "test", "component_id": {wire}, "fn_name": "{name}", "data": {data}}}'
		status, answer = app.ask('/gradio_api/component_server', body.encode())
		assert status == 200, answer
		return json.loads(answer)

	return call


def refusal(status_and_body: tuple[int, bytes]) -> str:
	status, body = status_and_body
	assert 400 <= status < 500, (status, body)
	error = json.loads(body)['error']
	assert error['code'] and '\n' not in error['message']
	return f'{error["message"]} {error["remedy"]}'


def check_up(app: Live) -> None:
	assert app.health()['status'] == 'ok'


@pytest.mark.parametrize('case', CASES)
class TestEveryDoor:
	def test_json(self, busy: Live, case):
		fields, sentence = CASES[case]
		assert sentence in refusal(busy.ask('/api/jobs', {'prompt': 'a red apple', **fields}))

	def test_page(self, busy: Live, page, case):
		fields, sentence = CASES[case]
		error = page('ui_submit', json.dumps({'prompt': 'a red apple', **fields}))['error']
		assert sentence in f'{error["message"]} {error["remedy"]}'

	def test_client(self, busy: Live, client: Client, case):
		fields, sentence = CASES[case]
		with pytest.raises(AppError) as refused:
			client.predict(**{'prompt': 'a red apple', **fields}, api_name='/submit')
		assert sentence in str(refused.value)

	def test_command(self, busy: Live, monkeypatch, capsys, case):
		fields, sentence = CASES[case]
		arguments = ['generate', str(fields.get('prompt', 'a red apple'))]
		for name, value in fields.items():
			if name != 'prompt':
				arguments += [f'--{NAMES.get(name, name)}={value}']
		monkeypatch.setenv('LOCALAI_HOME', str(busy.home))
		code = cli.main(arguments)
		said = capsys.readouterr()
		if case == 'model outside':  # on the command line a model may be a folder
			sentence = 'is missing model_index.json.'
		assert code == (1 if MODEL_PROBLEM.search(sentence) else 2)
		assert said.out == '' and said.err.startswith('error: ')
		# A number is a word on the command line.
		assert sentence.removesuffix("'wide'.") in ' '.join(said.err.split('\n'))
		assert 'Traceback' not in said.err


@pytest.mark.parametrize('case', RAW)
class TestRawJson:
	def test_json(self, busy: Live, case):
		field, sentence = RAW[case]
		prompt = '' if '"prompt"' in field else '"prompt": "a red apple", '
		assert sentence in refusal(busy.ask('/api/jobs', f'{{{prompt}{field}}}'.encode()))

	def test_page(self, busy: Live, page, case):
		field, sentence = RAW[case]
		prompt = '' if '"prompt"' in field else '"prompt": "a red apple", '
		assert sentence in page('ui_submit', f'{{{prompt}{field}}}')['error']['message']


class TestRequests:
	@pytest.mark.parametrize(
		'body',
		[
			b'',
			b'null',
			b'[]',
			b'{',
			b'\xff\xfe',
			b'"x"',
			b'[' * 200_000,
			b'{"prompt": ' + b'9' * 9000,
		],
	)
	def test_what_is_no_object_is_said_so(self, busy: Live, body):
		assert 'The request is not a JSON object.' in refusal(busy.ask('/api/jobs', body))

	def test_a_request_without_end_is_cut(self, busy: Live):
		assert 'The request is too long.' in refusal(busy.ask('/api/jobs', {'prompt': 'x' * 2**20}))

	def test_a_setting_that_does_not_exist_is_named(self, busy: Live):
		sentence = refusal(busy.ask('/api/jobs', {'prompt': 'x', 'widht': 512}))
		assert "There is no setting called 'widht'." in sentence

	def test_jobs_and_pictures_that_do_not_exist(self, busy: Live):
		for path in ('/api/jobs/nothing', '/api/jobs/%ED%A0%80'):
			assert 'There is no job' in refusal(busy.ask(path))
			assert 'There is no job' in refusal(busy.ask(f'{path}/events'))
		for picture in ('0', '-1', '99', '9' * 30):
			assert 'There is no picture' in refusal(busy.ask(f'/media/{picture}'))
			assert 'There is no picture' in refusal(busy.ask(f'/media/{picture}/thumbnail'))
		assert 'not valid' in refusal(busy.ask('/media/localai.db'))

	def test_nan_through_gradio(self, busy: Live):
		data = b'{"data": ["x", "", "sketchbook", null, null, null, NaN, null, null, null, 1]}'
		event = json.loads(busy.ask('/gradio_api/call/submit', data)[1])['event_id']
		answer = busy.ask(f'/gradio_api/call/submit/{event}')[1].decode()
		assert 'Guidance scale must be a number from 0 to 30, not nan.' in answer


class TestHostileWords:
	def test_hostile_words_are_only_words(self, app: Live):
		"""They are drawn, and come back as they were; what nobody can keep or send is replaced."""
		words = (
			'<script>alert(1)</script> ${7*7} {{7*7}} ../.. %s %n \'"; drop table jobs; -- \u202e'
		)
		job = app.wait_job(app.submit(prompt=words, steps=1)['id'])
		assert job['state'] == 'finished' and job['request']['prompt'] == words
		job = app.wait_job(app.submit(prompt='a\x00b\ud800c', steps=1)['id'])
		assert job['state'] == 'finished' and job['request']['prompt'] == 'a b\ufffdc'


class TestModelsThatLookWhole:
	def test_the_job_says_what_is_wrong_and_the_next_one_works(self, app: Live):
		job = app.wait_job(app.submit(model='misfit', steps=1)['id'])
		assert job['state'] == 'failed', job
		assert job['error']['code'] == 'ModelBroken', job['error']
		assert job['error']['message'].startswith('misfit') and '\n' not in job['error']['message']
		assert app.wait_job(app.submit(steps=1)['id'])['state'] == 'finished'

	def test_the_list_of_models_says_what_is_wrong(self, app: Live, client: Client):
		problems = {m['id']: m['problem'] for m in client.predict(api_name='/models')}
		assert problems['sketchbook'] == ''
		for name in ('missing', 'truncated', 'pickled', 'old.ckpt', 'strange', 'unreadable'):
			assert problems[name], name


class TestStart:
	"""What is wrong before anything runs: one sentence, a remedy, exit code 1."""

	def check(self, ended: subprocess.CompletedProcess, *sentences: str) -> None:
		assert ended.returncode == 1, ended
		assert ended.stdout == ''
		assert ended.stderr.startswith('error: ') and 'Traceback' not in ended.stderr
		assert len(ended.stderr.strip().split('\n')) <= 2
		for sentence in sentences:
			assert sentence in ended.stderr

	def test_a_second_start_says_where_the_first_answers(self, app: Live):
		self.check(run_app(app.home), f'already running with this folder, at {app.url}.')
		check_up(app)

	def test_a_port_in_use(self, tmp_path):
		with socket.create_server(('127.0.0.1', 0)) as taken:
			port = taken.getsockname()[1]
			ended = run_app(tmp_path / 'home', LOCALAI_PORT=str(port))
		self.check(ended, f'cannot listen on 127.0.0.1 port {port}', 'Choose another port')

	def test_a_home_that_is_a_file(self, tmp_path):
		(tmp_path / 'home').write_text('mine')
		sentences = ('cannot write to its folder', 'Set LOCALAI_HOME to a folder')
		self.check(run_app(tmp_path / 'home'), *sentences)
		self.check(run_command(tmp_path / 'home', 'generate', 'x'), *sentences)
		assert (tmp_path / 'home').read_text() == 'mine'

	def test_a_setting_that_is_not_valid(self, tmp_path):
		ended = run_app(tmp_path / 'home', LOCALAI_PORT='many')
		self.check(ended, "LOCALAI_PORT is 'many', which is not valid.")

	def test_a_database_from_a_newer_version(self, tmp_path):
		home = tmp_path / 'home'
		home.mkdir()
		with closing(sqlite3.connect(home / 'localai.db')) as connection, connection:
			connection.execute('create table alembic_version (version_num text)')
			connection.execute("insert into alembic_version values ('9999')")
		before = (home / 'localai.db').read_bytes()
		sentences = ('was written by a newer LocalAI (schema 9999', 'Update LocalAI')
		self.check(run_app(home), *sentences)
		self.check(run_command(home, 'generate', 'x'), *sentences)
		assert (home / 'localai.db').read_bytes() == before

	def test_a_file_that_is_no_database(self, tmp_path):
		home = tmp_path / 'home'
		home.mkdir()
		(home / 'localai.db').write_text('no database at all, but long enough to be one' * 99)
		sentences = ('is damaged or is not a LocalAI database.', 'Move it away')
		self.check(run_app(home), *sentences)
		self.check(run_command(home, 'generate', 'x'), *sentences)

	def test_a_home_that_cannot_be_written(self, tmp_path):
		home = tmp_path / 'home'
		home.mkdir()
		with contextlib.ExitStack() as stack:
			if AS_ROOT:
				stack.enter_context(SmallDisk(home, 'size=1m,ro'))
			else:
				home.chmod(0o555)
				stack.callback(home.chmod, 0o755)
			sentences = ('cannot write to its folder', 'Set LOCALAI_HOME to a folder')
			self.check(run_app(home), *sentences)
			self.check(run_command(home, 'generate', 'x'), *sentences)


class TestFullDisk:
	def test_it_is_said_everywhere_and_nothing_is_lost(self, tmp_path):
		home = tmp_path / 'home'
		home.mkdir()
		with SmallDisk(home, 'size=160m'), live_app(home, TMPDIR=str(tmp_path)) as app:
			done = app.wait_job(app.submit(steps=1, seed=1)['id'])
			drawing = app.submit(steps=30, count=2, seed=5)['id']
			waiting = app.submit(steps=1, seed=9)['id']
			app.wait_job(drawing, lambda job: job['step'] > 1)
			reserve = home / 'reserve'
			eventually(reserve.exists)
			reserve.unlink()  # else what is being drawn is kept in it (tests/test_full_disk.py)
			filler = fill(home)

			# The job that was being drawn says why it ended, and where its picture is.
			job = app.wait_job(drawing)
			assert job['state'] == 'failed' and job['error']['code'] == 'DiskFull', job
			assert 'is full' in job['error']['message']
			kept = re.search(
				'It is kept as (.+) and will appear in the history', job['error']['message']
			)
			data = Path(kept[1]).read_bytes()
			assert data.startswith(b'\x89PNG')

			# A new one is refused at every door; the page stays; the waiting one waits.
			status, body = app.ask('/api/jobs', {'prompt': 'x'})
			assert status == 507 and b'MB free, but the pictures need' in body
			ended = run_command(home, 'generate', 'x')
			assert ended.returncode == 1 and 'MB free, but the pictures need' in ended.stderr
			assert 'Traceback' not in ended.stderr
			ended = run_command(home, 'models')
			assert ended.returncode == 0 and 'sketchbook' in ended.stdout
			check_up(app)
			sent = {'files': ('a.png', bytes(300_000))}
			with httpx.Client(trust_env=False, timeout=60) as visitor:
				answer = visitor.post(f'{app.url}/gradio_api/upload', files=sent)
			assert answer.status_code == 507 and b'Free some space' in answer.content
			assert app.job(waiting)['state'] == 'queued'
			assert app.job(waiting)['notes'][0].startswith('Waiting for the disk')
			assert app.ask(f'/media/{done["pictures"][0]["id"]}')[0] == 200

			# With space, it goes on, at the latest when something happens.
			filler.unlink()
			app.submit(steps=1)
			assert app.wait_job(waiting)['state'] == 'finished'
			assert app.job(drawing)['state'] == 'failed'
			assert 'Traceback' not in app.log

			# Without a byte and without the reserve, a start says so in one sentence.
			app.stop()
			filler = fill(home)
			ended = run_app(home, TMPDIR=str(tmp_path))
			assert ended.returncode == 1 and ended.stderr.startswith('error: The disk holding '), (
				ended
			)
			assert 'Free some space' in ended.stderr and len(ended.stderr.splitlines()) == 2

			# With the reserve it comes up, and what is there can be seen and deleted.
			filler.unlink()
			Reserve(reserve).fill()
			fill(home)
			with live_app(home, engine=False, TMPDIR=str(tmp_path)) as again:
				assert again.ask(f'/media/{done["pictures"][0]["id"]}')[0] == 200
				status, body = again.ask('/api/jobs', {'prompt': 'x'})
				assert status == 507, body
				number = done['pictures'][0]['id']
				status, body = again.ask('/api/history/delete', {'ids': [number]})
				assert status == 200, body
				assert 'Traceback' not in again.log


class TestAfterwards:
	def test_the_first_picture_is_still_there(self, app: Live):
		check_up(app)
		first = json.loads(app.ask('/api/jobs')[1])[-1]
		assert first['state'] == 'finished' and math.isclose(len(first['pictures']), 1)
		status, picture = app.ask(f'/media/{first["pictures"][0]["id"]}')
		assert status == 200 and picture.startswith(b'\x89PNG')


class TestDiskGone:
	def test_a_pictures_folder_that_was_removed_is_made_again(self, app: Live):
		shutil.rmtree(app.home / 'pictures')
		job = app.wait_job(app.submit(steps=1)['id'])
		assert job['state'] == 'finished' and Path(job['pictures'][0]['path']).is_file()
		gone = json.loads(app.ask('/api/jobs')[1])[-1]['pictures'][0]['id']
		assert f'The file of picture {gone} is missing' in refusal(app.ask(f'/media/{gone}'))
