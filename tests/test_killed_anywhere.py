"""A home that is killed before any of its steps on the disk is whole after the next start; `killing.py`
kills it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.killing import ACTIONS
from tests.live import ROOT

pytestmark = pytest.mark.skipif(not hasattr(os, 'fork'), reason='kills a fork of itself')


def killed(action: str, folder: Path, *options: str) -> list[str]:
	command = [sys.executable, '-m', 'tests.killing', action, str(folder / 'killed'), *options]
	ended = subprocess.run(command, cwd=ROOT, capture_output=True, encoding='utf-8')
	*problems, steps = ended.stdout.splitlines() or ['']
	assert not problems and ended.returncode == 0, ended.stdout + ended.stderr
	return steps


class TestKilled:
	# The steps at which most could be lost: around the last file, and its row.
	@pytest.mark.parametrize('action', ['import', 'restore', 'empty'])
	def test_at_a_few_steps(self, action, tmp_path):
		assert killed(action, tmp_path, '--first', '13', '--every', '9')

	@pytest.mark.slow
	@pytest.mark.parametrize('action', ACTIONS)
	def test_at_every_step(self, action, tmp_path):
		assert killed(action, tmp_path)
