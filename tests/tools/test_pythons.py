"""The tests under every Python: what is copied, what is found, what is asked for."""

import sys

import pytest

from tools import pythons


class TestPythons:
	@pytest.mark.parametrize(
		('given', 'parts'),
		[
			([], ([], [])),
			(['3.12'], (['3.12'], [])),
			(['3.12', '3.13', '--', '-k', 'x'], (['3.12', '3.13'], ['-k', 'x'])),
			(['--', 'tests/engine'], ([], ['tests/engine'])),
		],
	)
	def test_versions_stand_before_the_options_of_pytest(self, given, parts):
		assert pythons.parted(given) == parts

	def test_a_python_is_found_by_what_it_says_of_itself(self):
		assert pythons.said(sys.executable) == '.'.join(map(str, sys.version_info[:2]))
		assert pythons.find('2.0') == ''

	def test_one_that_was_asked_for_and_is_not_here_is_a_failure(self, capsys):
		assert pythons.main(['2.0'], ['3.11']) == 1
		assert 'Python 2.0: not on this machine' in capsys.readouterr().out

	def test_one_that_is_only_promised_is_skipped_and_named(self, capsys):
		assert pythons.main([], ['2.0']) == 0
		assert 'Python 2.0: skipped: not here' in capsys.readouterr().out

	def test_a_copy_holds_what_is_here_now_and_keeps_its_packages(self, tmp_path):
		(tmp_path / '.venv').mkdir()
		(tmp_path / '.venv' / 'kept').touch()
		(tmp_path / 'localai').mkdir()
		(tmp_path / 'localai' / 'gone.py').touch()
		pythons.renew(tmp_path, ['run.py', 'localai/text.py'])
		held = {f.relative_to(tmp_path).as_posix() for f in tmp_path.rglob('*') if f.is_file()}
		assert held == {'run.py', 'localai/text.py', '.venv/kept'}
