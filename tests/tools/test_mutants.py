"""Small changes to code, and whether tests mind them."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tools.mutants import trials
from tools.mutants.changes import mutants

ROOT = Path(__file__).parents[2]
CODE = """
'''Ages.'''
import logging
log = logging.getLogger('ages')
GROWN = 18

def grown(age: int = 0) -> bool:
	log.info('asked %s', age)
	if age < 0 and not GROWN:
		raise ValueError(f'{age + 1} is none')
	return age >= GROWN

def three() -> int:
	return 3
"""
TESTS = """
from localai.ages import grown
import pytest

@pytest.fixture(scope='session')
def village():
	with open('MADE', 'a') as file:
		file.write('once ')
	return 40

def test_children(village):
	assert grown(village) and grown(18) and not grown(3)
"""


def changed(source: str) -> list[tuple[str, str]]:
	return [(mutant.was, mutant.now) for mutant in mutants(source)]


class TestChanges:
	def test_each_is_made_once_and_words_for_people_stay(self):
		assert changed(CODE) == [
			('18', '(19)'),
			('0', '(1)'),
			('age < 0', '(age <= 0)'),
			('age < 0 and not GROWN', '(age < 0 or not GROWN)'),
			('0', '(1)'),
			('not GROWN', '(GROWN)'),
			("raise ValueError(f'{age + 1} is none')", 'pass'),
			('return age >= GROWN', 'return None'),
			('age >= GROWN', '(age > GROWN)'),
			('return 3', 'return None'),
			('3', '(4)'),
		]

	@pytest.mark.parametrize('value', ['', ' None', ' 0', " ''", ' ()', ' {}', ' []'])
	def test_nothing_is_not_exchanged_for_nothing(self, value):
		now = [mutant.now for mutant in mutants(f'def f():\n\treturn{value}')]
		assert 'return None' not in now

	@pytest.mark.parametrize(
		('source', 'now'),
		[
			('def f(x):\n\tx.y = 1', 'pass'),
			('for x in y:\n\tbreak', 'continue'),
			('x = max(y)', '(min(y))'),
			('x = a.strip()', '(a)'),
			('x = a[:5]', '(a[:])'),
			('x = a - b', '(a + b)'),
			('x = 1000', '(2000)'),
			("x = 'Ä' == y", "('Äx')"),
			('x = 1 if y else 2', '(not y)'),
		],
	)
	def test_kinds(self, source, now):
		assert now in [mutant.now for mutant in mutants(source)]

	def test_all_of_this_package_can_be_changed_and_changed_back(self):
		for path in sorted((ROOT / 'localai' / 'store').glob('*.py')):
			source = path.read_bytes()
			for mutant in mutants(source.decode()):
				other = mutant.apply(source)
				compile(other, str(path), 'exec')
				assert other != source == mutant.undo(other)


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='no forks here')
class TestTrials:
	def test_what_no_test_minds_is_listed_and_no_file_is_touched(self, tmp_path):
		files = {'localai/ages.py': CODE, 'localai/__init__.py': '', 'tests/test_ages.py': TESTS}
		for name, text in files.items():
			(tmp_path / name).parent.mkdir(exist_ok=True)
			(tmp_path / name).write_text(text.replace('MADE', str(tmp_path / 'made')))
		ignored = shutil.ignore_patterns('__pycache__')
		shutil.copytree(ROOT / 'tools' / 'mutants', tmp_path / 'tools' / 'mutants', ignore=ignored)
		subprocess.run(['git', 'init', '-q'], cwd=tmp_path, check=True)
		before = {path: path.read_bytes() for path in tmp_path.rglob('*.py')}
		command = [sys.executable, '-m', 'tools.mutants', 'ages', '--workers', '1']
		said = subprocess.check_output(command, cwd=tmp_path, encoding='utf-8')
		lines = [line.partition('  ')[::2] for line in said.splitlines() if '  ' in line]
		assert lines == [
			('localai/ages.py:10', "not run  raise ValueError(f'{age + 1} is none')  ->  pass"),
			('localai/ages.py:14', 'not run  return 3  ->  return None'),
			('localai/ages.py:14', 'not run  3  ->  (4)'),
			('localai/ages.py:9', 'survived  age < 0  ->  (age <= 0)'),
			('localai/ages.py:9', 'survived  age < 0 and not GROWN  ->  (age < 0 or not GROWN)'),
			('localai/ages.py:9', 'survived  0  ->  (1)'),
			('localai/ages.py:9', 'survived  not GROWN  ->  (GROWN)'),
			('localai/ages.py:7', 'survived  0  ->  (1)'),
		]
		assert said.endswith('localai/ages.py: 11 tried, 3 killed, 5 survived, 3 not run\n')
		assert {path: path.read_bytes() for path in before} == before
		# To watch, for all that is in functions, and for each of two that are read at import.
		assert (tmp_path / 'made').read_text() == 'once ' * 4

	def test_a_change_that_never_ends_is_minded(self, monkeypatch):
		monkeypatch.setattr(trials, 'PATIENCE', 0.1)

		def for_ever() -> int:
			trials.end_in(0)
			return int(threading.Event().wait())

		assert trials.forked(for_ever) == -signal.SIGALRM
