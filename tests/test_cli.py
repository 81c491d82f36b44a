"""The command line: alone with an engine of its own, and beside a running app."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from PIL import Image

from tests.live import live_app, run_command
from tests.waiting import GIVEN_UP, eventually

ROOT = Path(__file__).parents[1]


def command(home: Path, *arguments: str, **options) -> subprocess.CompletedProcess:
	return subprocess.run(
		[sys.executable, '-m', 'localai', *arguments],
		env=environment(home),
		cwd=ROOT,
		capture_output=True,
		text=True,
		timeout=120,
		**options,
	)


def environment(home: Path) -> dict[str, str]:
	return os.environ | {'LOCALAI_HOME': str(home), 'OMP_NUM_THREADS': '1'}


@pytest.fixture(scope='module')
def home(tmp_path_factory) -> Path:
	return tmp_path_factory.mktemp('cli') / 'home'


class TestAlone:
	def test_the_same_seed_draws_the_same_pixels_and_out_gets_a_copy(self, home, tmp_path):
		arguments = (
			'generate',
			'a red apple on a blue background',
			'--seed',
			'7',
			'--steps',
			'6',
			'--json',
		)
		first = json.loads(command(home, *arguments, '--out', str(tmp_path / 'out')).stdout)
		second = json.loads(command(home, *arguments).stdout)
		assert set(first) == {'job', 'seconds', 'images'} and first['seconds'] > 0
		assert set(first['images'][0]) == {'path', 'seed', 'width', 'height'}
		assert Path(first['images'][0]['path']).parent == tmp_path / 'out'
		pictures = [numpy.asarray(Image.open(r['images'][0]['path'])) for r in (first, second)]
		assert numpy.array_equal(*pictures) and first['images'][0]['seed'] == 7

	@pytest.mark.parametrize(
		('arguments', 'code', 'words'),
		[
			((), 2, 'usage'),
			(('generate',), 2, 'PROMPT'),
			(('generate', ''), 2, 'error: The prompt is empty'),
			(
				('generate', 'x', '--sampler', 'Magic'),
				2,
				"error: There is no sampler called 'Magic'",
			),
			(('generate', 'x', '--width', '7'), 2, 'error: Width and height must be'),
			(('generate', 'x', '--guidance', 'nan'), 2, 'error: Guidance scale'),
			(('generate', 'x', '--model', 'nope'), 2, 'Choose one of: sketchbook'),
		],
	)
	def test_wrong_use_is_one_sentence(self, home, arguments, code, words):
		result = command(home, *arguments)
		assert (
			result.returncode == code
			and words in result.stderr
			and 'Traceback' not in result.stderr
		)
		assert result.stdout == ''

	def test_ctrl_c_while_the_first_imports_are_made_says_nothing(self):
		code = """
import runpy, sys

class Interrupted:
	def find_spec(self, name, path=None, target=None):
		if name == 'localai.cli.parser':
			raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupted())
runpy.run_module('localai', run_name='__main__')
"""
		done = subprocess.run(
			[sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True
		)
		assert done.returncode == 130 and not done.stderr

	@pytest.mark.parametrize('words', [['--help'], ['models', '--json'], ['history', 'trash']])
	def test_a_reader_that_has_enough_is_no_error(self, home, words):
		"""As `| head` is, which goes before all is said."""
		reader, writer = os.pipe()
		os.close(reader)
		done = subprocess.run(
			[sys.executable, '-m', 'localai', *words],
			env=environment(home),
			cwd=ROOT,
			stdout=writer,
			stderr=subprocess.PIPE,
			text=True,
		)
		os.close(writer)
		assert done.returncode in (0, 141) and not done.stderr

	def test_ctrl_c_cancels_cleanly(self, home):
		before = set(home.glob('pictures/*/*.png'))
		process = subprocess.Popen(
			[
				sys.executable,
				'-m',
				'localai',
				'generate',
				'a fox',
				'--steps',
				'150',
				'--count',
				'50',
			],
			env=environment(home),
			cwd=ROOT,
			stdout=subprocess.PIPE,
			stderr=subprocess.PIPE,
			text=True,
		)
		eventually(lambda: set(home.glob('pictures/*/*.png')) - before)
		process.send_signal(signal.SIGINT)
		out, err = process.communicate(timeout=GIVEN_UP)
		assert process.returncode == 130 and 'cancelled; ' in err and 'Traceback' not in err

	def test_a_device_that_is_not_there_is_said(self, home):
		result = run_command(home, 'generate', 'x', LOCALAI_DEVICE='cuda:9')
		assert result.returncode == 1 and 'no such device' in result.stderr
		assert 'Traceback' not in result.stderr

	def test_help_lists_the_settings(self, home):
		assert 'LOCALAI_HOME' in command(home, '--help').stdout

	def test_models(self, home):
		assert json.loads(command(home, 'models', '--json').stdout)[0]['id'] == 'sketchbook'


class TestBesideTheApp:
	def test_it_hands_its_job_over_and_follows_it(self, home):
		with live_app(home) as live:
			pid = live.worker_pid()
			result = command(home, 'generate', 'a lion', '--seed', '5', '--steps', '3', '--json')
			assert result.returncode == 0, result.stderr
			assert json.loads(result.stdout)['images'][0]['seed'] == 5
			assert live.worker_pid() == pid
			wrong = command(home, 'generate', '')
			assert wrong.returncode == 2 and 'The prompt is empty' in wrong.stderr
			again = subprocess.run(
				[sys.executable, 'app.py'],
				env=environment(home),
				cwd=ROOT,
				capture_output=True,
				text=True,
				timeout=60,
			)
			assert (
				again.returncode == 1
				and f'already running with this folder, at {live.url}' in again.stderr
			)
