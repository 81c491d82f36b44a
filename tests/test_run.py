"""Knows what run.py promises: one install, the torch that fits, and one sentence when it cannot."""

import ast
import errno
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import run

ROOT = Path(run.__file__).parent
posix_only = pytest.mark.skipif(os.name != 'posix', reason='makes a POSIX program')


@pytest.fixture
def clone(tmp_path):
	"""A copy with a .venv whose Python runs, as an install leaves it."""
	copy = run.Clone(tmp_path)
	for name in ('run.py', 'requirements.txt', 'requirements.lock', 'pyproject.toml'):
		(tmp_path / name).write_bytes((ROOT / name).read_bytes())
	copy.python.parent.mkdir(parents=True)
	copy.python.symlink_to(sys.executable)
	return copy


def stamp(clone, choice='cpu', extras=()):
	version = run.venv_version(clone)
	name = run.fingerprint(clone, version, choice, list(extras))
	clone.stamp.write_text(f'python {version}\n{name}')


@posix_only
class TestSecondStart:
	def test_is_ready_when_nothing_changed(self, clone):
		stamp(clone)
		assert run.is_ready(clone, 'cpu', [])

	def test_is_not_ready_without_a_stamp(self, clone):
		assert not run.is_ready(clone, 'cpu', [])

	@pytest.mark.parametrize('name', ['requirements', 'lock'])
	def test_notices_other_requirements(self, clone, name):
		stamp(clone)
		with getattr(clone, name).open('a') as file:
			file.write('\nanother\n')
		assert not run.is_ready(clone, 'cpu', [])

	def test_notices_another_torch_and_the_packages_of_the_tests(self, clone):
		stamp(clone)
		assert not run.is_ready(clone, 'default', [])
		assert not run.is_ready(clone, 'cpu', ['pytest'])


@posix_only
class TestHalfMade:
	def test_keeps_what_works(self, clone):
		stamp(clone)
		assert run.why_anew(clone, run.venv_version(clone)) == ''

	def test_uses_one_that_someone_else_made(self, clone):
		clone.python.unlink()
		clone.python.write_text('#!/bin/sh\necho 3.12\n')
		clone.python.chmod(0o755)
		assert run.why_anew(clone, run.venv_version(clone)) == ''

	def test_makes_an_unfinished_one_again(self, clone):
		clone.stamp.write_text(run.UNFINISHED)
		assert 'did not finish' in run.why_anew(clone, run.venv_version(clone))

	def test_makes_one_again_whose_python_is_gone(self, clone):
		stamp(clone)
		clone.python.unlink()
		assert run.venv_version(clone) == ''
		assert not run.is_ready(clone, 'cpu', [])
		assert 'does not run' in run.why_anew(clone, '')

	def test_makes_one_again_whose_python_became_another(self, clone):
		clone.stamp.write_text('python 3.10')
		assert 'made for python 3.10' in run.why_anew(clone, run.venv_version(clone))

	def test_removes_a_link_and_not_what_it_points_to(self, clone, tmp_path):
		link = tmp_path / 'link'
		link.symlink_to(clone.venv)
		run.remove(link)
		run.remove(clone.venv)
		assert not link.is_symlink() and not clone.venv.exists()


class TestTorch:
	@pytest.mark.parametrize(
		('system', 'nvidia', 'choice'),
		[
			('linux', True, 'default'),
			('win32', True, 'default'),
			('darwin', False, 'default'),
			('linux', False, 'cpu'),
			('win32', False, 'cpu'),
		],
	)
	def test_fits_the_machine(self, system, nvidia, choice):
		assert run.torch_choice(system, nvidia) == choice

	@posix_only
	def test_sees_a_driver_by_its_file_or_its_program(self, tmp_path):
		program = tmp_path / 'nvidia-smi'
		missing = str(tmp_path / 'missing')
		assert not run.has_nvidia(missing, str(program))
		for code, found in ((1, False), (0, True)):
			program.write_text(f'#!/bin/sh\nexit {code}\n')
			program.chmod(0o755)
			assert run.has_nvidia(missing, str(program)) == found
		assert run.has_nvidia(str(tmp_path), missing)

	@posix_only
	@pytest.mark.parametrize(
		('version', 'kept'),
		[('2.13.1+cpu', '2.13.1+cpu'), ('2.14.0', ''), ('2.14.0.dev1', ''), ('2.12.9', '')],
	)
	def test_stays_when_it_is_in_range(self, clone, version, kept):
		(clone.venv / f'lib/python3.12/site-packages/torch-{version}.dist-info').mkdir(parents=True)
		assert run.kept_torch(clone) == kept

	def test_that_stays_replaces_the_one_in_the_lock(self):
		lock = 'scipy==1.0\ntorch==2.13.0\ntorchsde==0.2.6\n'
		assert 'torch==2.13.1+cpu\ntorchsde==0.2.6' in run.constraints(lock, '2.13.1+cpu')
		assert run.constraints(lock, '') == lock

	def test_index_that_is_silent_costs_no_more_than_asked(self):
		with socket.create_server(('127.0.0.1', 0)) as silent:
			assert not run.answers(f'http://127.0.0.1:{silent.getsockname()[1]}/', seconds=0.2)


class TestSentences:
	@pytest.mark.parametrize('version', [(3, 11, 0), (3, 12, 9), (3, 13, 1)])
	def test_says_nothing_to_a_python_that_will_do(self, version):
		assert run.python_problem(version, []) == ''

	@pytest.mark.parametrize('version', [(3, 10, 9), (3, 14, 0), (4, 0, 0)])
	def test_names_a_python_that_will_do(self, version):
		said = run.python_problem(version, [])
		assert '.'.join(map(str, version)) in said and 'python.org' in said
		assert '`python3.12 run.py`' in run.python_problem(version, ['python3.12', 'python3.11'])

	def test_can_be_read_by_a_python_that_is_too_old(self):
		ast.parse((ROOT / 'run.py').read_text(), feature_version=(3, 7))
		assert '__future__' not in (ROOT / 'run.py').read_text()

	def test_says_how_much_space_is_missing(self):
		with pytest.raises(
			run.Stop, match='needs about 8 GB, but only 3\\.2 GB is free in .*: free some'
		):
			run.check_space(3_200_000_000, run.space_needed('', nvidia=True), Path('here'))
		run.check_space(4_100_000_000, run.space_needed('', nvidia=False), Path('here'))
		run.check_space(1_100_000_000, run.space_needed('2.13.0', nvidia=True), Path('here'))

	@pytest.mark.parametrize(
		('output', 'sentence'),
		[
			(
				"WARNING: Retrying after connection broken by 'NewConnectionError'\n"
				'ERROR: No matching distribution found for gradio\n',
				'check the network, then start again (No matching distribution found for gradio;',
			),
			('ERROR: one\nERROR: two\nhint\n', 'pip could not install (two): see install.log'),
			(
				'ERROR: a and b\nERROR: ResolutionImpossible: see\n',
				'pip could not install (a and b):',
			),
			('ERROR: [Errno 28] No space left on device\n', 'The disk is full: free about 4 GB'),
			('Killed\n', 'pip could not install (Killed): see install.log'),
			('', 'pip could not install (it did not say why): see install.log'),
		],
	)
	def test_says_why_pip_failed(self, output, sentence):
		said = run.pip_problem(output, Path('install.log'))
		assert sentence in said and 'install.log' in said and '\n' not in said

	@pytest.mark.parametrize(
		('code', 'sentence'), [(errno.ENOSPC, 'is full: free'), (errno.EROFS, 'cannot write to')]
	)
	def test_says_why_the_disk_refused(self, tmp_path, code, sentence):
		assert sentence in run.sentence_for(OSError(code, 'no'), run.Clone(tmp_path))

	@posix_only
	def test_pip_without_any_index_ends_in_one_sentence(self, clone, monkeypatch):
		clone.python.unlink()
		clone.python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
		clone.python.chmod(0o755)
		clone.requirements.write_text('localai-that-is-nowhere\n')
		clone.constraints.write_text('')
		for name, value in {'NO_INDEX': '1', 'FIND_LINKS': '', 'CONFIG_FILE': os.devnull}.items():
			monkeypatch.setenv(f'PIP_{name}', value)
		with (
			pytest.raises(run.Stop, match='No matching distribution found for localai-that-is-now'),
			run.only_one(clone.root / 'run.py') as lock,
		):
			run.run_pip(clone, '', [], lock)
		assert 'localai-that-is-nowhere' in clone.log.read_text()
		assert not clone.stamp.exists(), 'nothing was touched, so nothing is unfinished'


class TestProgress:
	def test_tells_of_large_files_and_of_the_end(self):
		line = '  Downloading torch-2.13.0-cp311-cp311-win_amd64.whl (190.2 MB)\n'
		assert run.step_in(line) == 'torch 2.13.0, 190 MB'
		line = 'Downloading https://example.org/a/scipy-1.17.1-cp311-any.whl.metadata (62 kB)\n'
		assert run.step_in(line) == ''
		assert run.step_in('Installing collected packages: a, b, c\n') == (
			'putting 3 packages in place'
		)
		assert run.step_in('Collecting torch\n') == ''

	def test_calls_it_unfinished_while_packages_move(self, tmp_path, capsys):
		lines = ['Collecting a\n', 'Installing collected packages: a\n']
		with (tmp_path / 'log').open('w') as log:
			run.tell_progress(iter(lines[:1]), log, tmp_path / 'stamp')
			assert not (tmp_path / 'stamp').exists()
			run.tell_progress(iter(lines), log, tmp_path / 'stamp')
		assert (tmp_path / 'stamp').read_text() == run.UNFINISHED
		assert capsys.readouterr().out == '  putting 1 packages in place\n'


class TestTurns:
	def test_a_second_one_waits_for_the_first(self, clone):
		code = 'import run, sys, pathlib\nwith run.only_one(pathlib.Path(sys.argv[1])): print("in")'
		command = [sys.executable, '-c', code, str(clone.root / 'run.py')]
		with run.only_one(clone.root / 'run.py'):
			second = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
			assert 'waiting' in second.stdout.readline()
			assert second.poll() is None
		assert second.communicate(timeout=60)[0] == 'in\n'


class TestRequirements:
	@pytest.fixture
	def lock(self):
		"""Name to version; lines that only some platforms need included."""
		lines = (ROOT / 'requirements.lock').read_text().splitlines()
		pinned = [Requirement(line) for line in lines if line and not line.startswith('#')]
		assert all(re.fullmatch(r'==[\w.]+', str(pin.specifier)) for pin in pinned)
		return {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in pinned}

	@pytest.fixture
	def required(self):
		lines = (ROOT / 'requirements.txt').read_text().splitlines()
		lines = [line for line in lines if line and not line.startswith('#')]
		return [Requirement(line) for line in lines + run.test_packages(run.Clone(ROOT))]

	def test_are_all_locked_in_their_range(self, lock, required):
		assert len(required) > 20
		for wish in required:
			assert wish.specifier.contains(lock[canonicalize_name(wish.name)]), wish

	def test_lock_is_for_every_platform(self, lock):
		assert not [
			name for name in lock if re.match('nvidia|cuda|triton|localai|torchvision', name)
		]

	def test_never_admit_torch_2_14(self, required):
		torch = next(wish for wish in required if wish.name == 'torch')
		for version in ('2.14.0', '2.14.0rc1', '2.14.0.dev20260101', '2.14.1+cpu'):
			assert not torch.specifier.contains(version, prereleases=True)

	def test_lock_is_written_from_what_is_installed(self):
		frozen = 'torch==2.13.0+cpu\nnvidia-nccl==1\ntriton==3\nb==2\nA==1\n-e /somewhere\n'
		before = '# why\nc==1; sys_platform == "win32"\ngone==1\n'
		assert run.lock_text(frozen, before) == (
			'# why\nA==1\nb==2\nc==1; sys_platform == "win32"\ntorch==2.13.0\n'
		)

	def test_one_process_for_each_core_up_to_four(self):
		assert run.workers(1) == []
		assert run.workers(2)[:2] == ['-n', '2'] and run.workers(64)[:2] == ['-n', '4']

	@posix_only
	def test_ci_asks_for_the_tests(self):
		file = ROOT / '.ci/run'
		assert os.access(file, os.X_OK)
		assert file.read_text().rstrip().endswith('exec python3 run.py test')
