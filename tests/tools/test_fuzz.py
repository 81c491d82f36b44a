"""A short run of junk over real doors; and that what breaks is found."""

import logging
import os
import random
import subprocess
import sys

import pytest

from tests.live import ROOT
from tools.fuzz.house import SIGN, Faults, Terminal
from tools.fuzz.junk import Junk
from tools.fuzz.trial import Trial


def test_nothing_breaks(tmp_path):
	command = [sys.executable, '-m', 'tools.fuzz', '--requests', '300', '--commands', '40']
	environment = {k: v for k, v in os.environ.items() if not k.startswith('LOCALAI_')}
	ended = subprocess.run(
		[*command, '--seed', '11'],
		cwd=ROOT,
		env=environment | {'TMPDIR': str(tmp_path)},
		capture_output=True,
		encoding='utf-8',
		timeout=300,
	)
	assert ended.returncode == 0, ended.stdout[-5000:] + ended.stderr[-5000:]
	assert '300 requests' in ended.stdout and '0 faults' in ended.stdout
	assert SIGN not in ended.stderr


def test_the_same_seed_is_the_same_junk():
	one, two = (Junk(random.Random(3)) for _ in range(2))
	assert [repr(one.value()) for _ in range(50)] == [repr(two.value()) for _ in range(50)]


class TestFaults:
	def test_tracebacks_are_found_wherever_they_go(self):
		faults = Faults()
		logger = logging.getLogger('planted')
		logger.addHandler(faults)
		try:
			raise ValueError('planted')
		except ValueError:
			logger.exception('it broke')
		logger.removeHandler(faults)
		Terminal(faults).write(f'{SIGN}:\n  planted')
		assert len(faults.found) == 2 and 'ValueError: planted' in faults.found[0]

	@pytest.mark.parametrize(
		('status', 'text', 'fault'),
		[
			(200, 'well', ''),
			(404, 'not there', ''),
			(500, 'x', '500: x'),
			(507, 'x', '507: x'),
			(200, 'event: error\ndata: {"error": null}', 'no reason'),
			(200, 'Something went wrong in LocalAI.', 'no reason'),
		],
	)
	def test_what_is_a_fault(self, monkeypatch, status, text, fault):
		from tools.fuzz.asking import Asked

		trial = Trial(1)
		monkeypatch.setattr(trial, 'heard', lambda *more: (status, text))
		assert trial.run(Asked('x', 'GET', '/', {})).fault.startswith(fault)
		assert bool(trial.run(Asked('x', 'GET', '/', {})).fault) is bool(fault)
		trial.close()
