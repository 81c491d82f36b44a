"""Knows how a bare Python becomes a running LocalAI: makes `.venv`, fills it, starts in it.

python3 run.py [options]         install if needed, then start the page; options go to app.py
python3 run.py install           only install
python3 run.py test [options]    install for the tests, then ruff, mypy, pytest; options go to it
python3 run.py slow [options]    the tests that take minutes
python3 run.py mutants [MODULE]  which changes to the core no test would notice, for maintainers
python3 run.py soak [options]    works with LocalAI for hours and kills it, for maintainers
python3 run.py fuzz [options]    asks all that can be asked with junk, for maintainers
python3 run.py pythons [3.12]    the quick tests under each Python that LocalAI runs with
python3 run.py lock              write requirements.lock from what .venv holds, for maintainers
"""

# Standard library only, and Python 3.6 can read it (hence the quotes), to say that it is too old.

import contextlib
import errno
import hashlib
import importlib.util
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
TOOLS = ('mutants', 'soak', 'fuzz')
COMMANDS = ('install', 'test', 'slow', *TOOLS, 'pythons', 'lock')
TESTING = ('test', 'slow', *TOOLS)
PYTHONS = ((3, 13), (3, 12), (3, 11))
TORCH_CPU_INDEX = 'https://download.pytorch.org/whl/cpu'
PROBE_SECONDS = 2
MOST_WORKERS = 4  # of the tests: each takes about a gigabyte
GIGABYTE = 10**9
UNFINISHED = 'unfinished'
OFFLINE_SIGNS = ('connection broken by', 'NewConnectionError', 'NameResolutionError')
NOT_IN_LOCK = re.compile(r'(nvidia-|cuda-|triton|localai\b|(pip|setuptools|wheel)==)', re.I)


class Stop(Exception):
	"""Ends the run; the message is one sentence on what to do."""


class Clone:
	"""The files of one copy of LocalAI that an install reads and writes."""

	def __init__(self, root: Path):
		self.root = root
		self.requirements = root / 'requirements.txt'
		self.lock = root / 'requirements.lock'
		self.project = root / 'pyproject.toml'
		self.venv = root / '.venv'
		self.python = self.venv / ('Scripts/python.exe' if os.name == 'nt' else 'bin/python')
		self.stamp = self.venv / 'localai-stamp'
		self.constraints = self.venv / 'constraints.txt'
		self.log = self.venv / 'install.log'


# The main path


def main(arguments: 'list[str]') -> int:
	signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
	clone = Clone(ROOT)
	command = arguments[0] if arguments and arguments[0] in COMMANDS else 'start'
	options = arguments if command == 'start' else arguments[1:]
	try:
		problem = python_problem(sys.version_info[:3], usable_pythons())
		if problem:
			raise Stop(problem)
		if command == 'lock':
			return write_lock(clone)
		if command == 'pythons':
			from tools import pythons

			return pythons.main(options, [f'{major}.{minor}' for major, minor in reversed(PYTHONS)])
		if command == 'start' and {'-h', '--help'} & set(options):
			say(__doc__.split('\n\n', 1)[1])
			if not clone.stamp.exists():
				return 0
		install(clone, test_packages(clone) if command in TESTING else [])
		if command == 'start':
			return start([str(clone.python), str(ROOT / 'app.py'), *options])
		if command == 'test':
			return run_tests(clone, options)
		if command in TOOLS:
			return in_venv(clone, f'tools.{command}', *options)
		return in_venv(clone, 'pytest', '-m', 'slow', *options) if command == 'slow' else 0
	except Stop as stop:
		problem, code = str(stop), 1
	except OSError as error:
		problem, code = sentence_for(error, clone), 1
	except KeyboardInterrupt:
		problem, code = 'Stopped: start again to go on.', 130
	print(problem, file=sys.stderr)
	return code


def install(clone: Clone, extras: 'list[str]') -> None:
	"""Makes `.venv` hold what is asked; where it does, this takes neither time nor network."""
	# 1. Nothing to do?
	nvidia = has_nvidia()
	choice = torch_choice(sys.platform, nvidia)
	if is_ready(clone, choice, extras):
		return
	with only_one(clone.root / 'run.py') as lock:
		if is_ready(clone, choice, extras):
			return

		# 2. A .venv that works: the one that is here, or a new one
		reason = why_anew(clone, venv_version(clone))
		if reason:
			say(f'Making .venv again: {reason}.')
			remove(clone.venv)

		# 3. The torch that fits this machine; one in range that is here already stays
		kept = kept_torch(clone)
		check_space(shutil.disk_usage(clone.root).free, space_needed(kept, nvidia), clone.root)
		index = TORCH_CPU_INDEX if choice == 'cpu' and not kept and answers(TORCH_CPU_INDEX) else ''
		if nvidia and kept.endswith('+cpu'):
			say(
				'The torch in .venv is for CPUs only: '
				'to use the NVIDIA card, delete .venv and start again.'
			)

		# 4. The packages
		if not clone.venv.exists():
			make_venv(clone)
		size = f', about {4 if nvidia else 1} GB the first time, so this takes minutes'
		say(f'Installing{"" if kept else size}:')
		clone.constraints.write_text(constraints(read(clone.lock), kept), encoding='utf-8')
		run_pip(clone, index, extras, lock)

		# 5. Remembered, so that the next start skips all this
		version = venv_version(clone)
		done = {fingerprint(clone, version, choice, wanted) for wanted in ([], extras)}
		clone.stamp.write_text('\n'.join([f'python {version}', *sorted(done)]), encoding='utf-8')
		say('Installed.')


def start(command: 'list[str]') -> int:
	"""Becomes the command where the system can, so that signals and the exit code are its own."""
	if os.name == 'posix':
		os.execv(command[0], command)
	return wait_for(command)


def run_tests(clone: Clone, options: 'list[str]') -> int:
	"""All of it always runs, and pytest's summary is the last line."""
	check = in_venv(clone, 'ruff', 'check', '.')
	layout = in_venv(clone, 'ruff', 'format', '--check', '.')
	types = in_venv(clone, 'mypy')
	tests = in_venv(clone, 'pytest', *workers(os.cpu_count() or 1), *options)
	return tests or check or layout or types


def workers(cores: int) -> 'list[str]':
	"""A file is one worker's, so that its tests share an app; `tests/conftest.py` has the long first."""
	count = str(min(cores, MOST_WORKERS))
	return [] if cores < 2 else ['-n', count, '--dist', 'loadfile', '--no-loadscope-reorder']


def write_lock(clone: Clone) -> int:
	command = [str(clone.python), '-m', 'pip', '--disable-pip-version-check', 'freeze']
	try:
		frozen = subprocess.run(command, capture_output=True, encoding='utf-8', check=True).stdout
	except (OSError, subprocess.SubprocessError):
		raise Stop('There is no .venv to read: start with `python3 run.py test`.') from None
	text = lock_text(frozen, read(clone.lock))
	clone.lock.write_text(text, encoding='utf-8', newline='\n')
	say('Wrote requirements.lock.')
	return 0


# This machine


def python_problem(version: 'tuple[int, ...]', usable: 'list[str]') -> str:
	"""Why this Python will not do, and what will; `usable` names commands that start one."""
	if tuple(version[:2]) in PYTHONS:
		return ''
	this = '.'.join(map(str, version))
	remedy = f'run `{usable[0]} run.py`' if usable else 'get Python 3.13 from python.org'
	return f'LocalAI needs Python 3.11, 3.12 or 3.13, but this is {this}: {remedy}.'


def usable_pythons() -> 'list[str]':
	"""The commands here that start a Python that will do; not looked for when this one does."""
	if sys.version_info[:2] in PYTHONS:
		return []
	names = [f'python{major}.{minor}' for major, minor in PYTHONS]
	return [name for name in names if succeeds([name, '--version'])]


def has_nvidia(driver: str = '/proc/driver/nvidia/version', command: str = 'nvidia-smi') -> bool:
	return os.path.exists(driver) or succeeds([command, '-L'])


def torch_choice(system: str, nvidia: bool) -> str:
	"""`default` is the wheel that pip finds by itself; `cpu` is far smaller and has no CUDA."""
	return 'default' if nvidia or system == 'darwin' else 'cpu'


def answers(url: str, seconds: float = PROBE_SECONDS) -> bool:
	"""Whether an address answers in time; in a thread, since name look-ups know no time limit."""
	from urllib.request import Request, urlopen

	heard = []

	def ask() -> None:
		with contextlib.suppress(Exception):
			heard.append(urlopen(Request(url, method='HEAD'), timeout=seconds).status)

	asking = threading.Thread(target=ask, daemon=True)
	asking.start()
	asking.join(seconds)
	return heard == [200]


def space_needed(kept: str, nvidia: bool) -> int:
	"""In gigabytes, with room for the wheels while they are unpacked."""
	return 1 if kept else 8 if nvidia else 4


def check_space(free: int, gigabytes: int, folder: Path) -> None:
	if free < gigabytes * GIGABYTE:
		has = f'{free / GIGABYTE:.1f} GB is free in {folder}'
		raise Stop(
			f'Installing needs about {gigabytes} GB, but only {has}: free some, then start again.'
		)


# The environment


def venv_version(clone: Clone) -> str:
	"""Such as `3.12`, as its Python itself says; nothing when it does not run."""
	code = 'import sys; print("%d.%d" % sys.version_info[:2])'
	command = [str(clone.python), '-I', '-S', '-c', code]
	with contextlib.suppress(OSError, subprocess.SubprocessError):
		return subprocess.check_output(command, timeout=30, encoding='utf-8').strip()
	return ''


def fingerprint(clone: Clone, version: str, choice: str, extras: 'list[str]') -> str:
	"""One name for all that an install depends on; when any of it changes, so does the name."""
	facts = (read(clone.requirements), read(clone.lock), version, choice, *extras)
	return hashlib.sha256('\0'.join(facts).encode()).hexdigest()


def is_ready(clone: Clone, choice: str, extras: 'list[str]') -> bool:
	version = venv_version(clone) if clone.stamp.exists() else ''
	wanted = fingerprint(clone, version, choice, extras)
	return bool(version) and wanted in read(clone.stamp).split('\n')


def why_anew(clone: Clone, version: str) -> str:
	"""Why the `.venv` that is here must be made again; nothing when it can be used.

	One without a stamp is not ours (made by hand, or by an editor) and is used as it is.
	"""
	if not os.path.lexists(clone.venv):
		return ''
	if not version:
		return 'its Python does not run'
	if tuple(map(int, version.split('.'))) not in PYTHONS:
		return f'it has Python {version}'
	made_for = read(clone.stamp).split('\n')[0]
	if made_for == UNFINISHED:
		return 'an earlier install did not finish'
	if made_for and made_for != f'python {version}':
		return f'it was made for {made_for} and now has {version}'
	if not made_for and not succeeds([str(clone.python), '-m', 'pip', '--version']):
		return 'it has no pip'
	return ''


def make_venv(clone: Clone) -> None:
	if not (importlib.util.find_spec('venv') and importlib.util.find_spec('ensurepip')):
		package = f'python{sys.version_info[0]}.{sys.version_info[1]}-venv'
		raise Stop(
			'Python is missing its venv module: '
			f'run `sudo apt install {package}`, then start again.'
		)
	clone.venv.mkdir()
	clone.stamp.write_text(UNFINISHED, encoding='utf-8')
	# The Python below this one, should this be the one of the .venv that was just removed.
	python = getattr(sys, '_base_executable', '') or sys.executable
	command = [python, '-m', 'venv', str(clone.venv)]
	made = subprocess.run(command, capture_output=True, encoding='utf-8', errors='replace')
	if made.returncode:
		reason = last_line(made.stdout + made.stderr)
		raise Stop(f'Python could not make .venv ({reason}): fix that, then start again.')


def remove(venv: Path) -> None:
	if venv.is_symlink() or venv.is_file():
		venv.unlink()
	else:
		shutil.rmtree(venv)


@contextlib.contextmanager
def only_one(path: Path):
	"""Holds the one lock of this copy, on run.py itself, in the block; waits for its turn."""
	with open(path, 'r+b') as file:
		if not took_lock(file):
			say('Another run.py is installing here: waiting for it to finish.')
			while not took_lock(file):
				time.sleep(0.3)
		yield file


def took_lock(file) -> bool:
	try:
		if os.name == 'nt':
			import msvcrt

			file.seek(1 << 30)  # past the end, since Windows lets nobody read what is locked
			msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
		else:
			import fcntl

			fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
	except OSError as error:
		# A file system that knows no locks is no reason not to install.
		return error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
	return True


# The packages


def test_packages(clone: Clone) -> 'list[str]':
	import tomllib

	return tomllib.loads(read(clone.project))['project']['optional-dependencies']['test']


def kept_torch(clone: Clone) -> str:
	"""The version of torch in `.venv`, where requirements.txt allows it; else nothing."""
	allowed = re.search(r'^torch([<>=].*)$', read(clone.requirements), re.M)
	for pattern in ('lib/python*/site-packages', 'Lib/site-packages'):
		for folder in clone.venv.glob(f'{pattern}/torch-*.dist-info'):
			version = folder.name[len('torch-') : -len('.dist-info')]
			if allowed and in_range(version, allowed[1]):
				return version
	return ''


def in_range(version: str, allowed: str) -> bool:
	"""For plain ranges such as `>=2.13,<2.14`; what follows the numbers does not count."""
	low, high = re.search(r'>=([\d.]+)', allowed), re.search(r'<([\d.]+)', allowed)
	number = numbers(version)
	return (not low or number >= numbers(low[1])) and (not high or number < numbers(high[1]))


def numbers(version: str) -> 'tuple[int, ...]':
	return tuple(int(part) for part in re.match(r'\d+(\.\d+)*', version)[0].split('.'))


def constraints(lock: str, kept: str) -> str:
	"""The lock, with the torch that stays in place of its own."""
	return re.sub(r'^torch==.*$', f'torch=={kept}', lock, flags=re.M) if kept else lock


def lock_text(frozen: str, before: str) -> str:
	"""What pip froze, for every platform: no builds, no CUDA; comments and marked lines stay."""
	old = before.splitlines()
	comments = [line for line in old if line.startswith('#')]
	by_hand = [line for line in old if ';' in line and not line.startswith('#')]
	exact = [line for line in frozen.splitlines() if '==' in line and not NOT_IN_LOCK.match(line)]
	lines = {re.sub(r'\+[\w.]+$', '', line.strip()) for line in exact} | set(by_hand)
	return '\n'.join([*comments, *sorted(lines, key=lambda line: line.lower().split('=='))]) + '\n'


def run_pip(clone: Clone, index: str, extras: 'list[str]', lock) -> None:
	"""Installs with a few calm lines; all that pip says is in install.log. Raises Stop."""
	command = [str(clone.python), '-m', 'pip', 'install', '--no-input', '--progress-bar', 'off']
	command += ['--disable-pip-version-check', *(['--extra-index-url', index] if index else [])]
	command += ['-r', str(clone.requirements), '-c', str(clone.constraints), *extras]
	process = subprocess.Popen(
		command,
		stdin=subprocess.DEVNULL,
		stdout=subprocess.PIPE,
		stderr=subprocess.STDOUT,
		encoding='utf-8',
		errors='replace',
		env={**os.environ, 'PYTHONUTF8': '1', 'PYTHONUNBUFFERED': '1'},
		# pip holds the lock too: should run.py be killed, the next one waits until pip has ended.
		pass_fds=[lock.fileno()] if os.name == 'posix' else [],
	)
	try:
		with open(clone.log, 'w', encoding='utf-8') as log:
			tell_progress(process.stdout, log, clone.stamp)
		code = process.wait()
	except BaseException:
		process.terminate()
		process.wait()
		raise
	if code:
		raise Stop(pip_problem(read(clone.log), clone.log))


def tell_progress(output, log, stamp: Path) -> None:
	"""A line for each thing that takes long; on a terminal with its time, once a second."""
	lines = queue.Queue()

	def pump() -> None:
		for line in output:
			lines.put(line)
		lines.put(None)

	threading.Thread(target=pump, daemon=True).start()
	terminal = sys.stdout.isatty()
	shown, since = '', 0.0
	while True:
		try:
			line = lines.get(timeout=1)
		except queue.Empty:
			if shown and terminal:
				minutes, seconds = divmod(int(time.monotonic() - since), 60)
				print(f'\r  {shown}  {minutes}:{seconds:02}', end='', flush=True)
			continue
		step = step_in(line or '')
		if shown and terminal and (step or line is None):
			print()
		if line is None:
			return
		log.write(line)
		log.flush()
		if step:
			shown, since = step, time.monotonic()
			print(f'  {shown}', end='' if terminal else '\n', flush=True)
		if line.startswith('Installing collected packages'):
			# From here until it ends, .venv is in pieces.
			stamp.write_text(UNFINISHED, encoding='utf-8')


def step_in(line: str) -> str:
	"""What a person wants of a line of pip's: large files, and the long silence at the end."""
	large = re.match(r'\s*Downloading (?:\S*/)?([^-/]+)-([^-]+)-\S+ \((\d{2,})\.?\d* MB\)', line)
	if large:
		return f'{large[1].replace("_", "-")} {large[2]}, {large[3]} MB'
	if line.startswith('Installing collected packages:'):
		return f'putting {line.count(",") + 1} packages in place'
	return ''


def pip_problem(output: str, log: Path) -> str:
	"""The sentence for an install that failed, out of all that pip said."""
	# ResolutionImpossible only points to a page; the line before it names the packages.
	errors = re.findall(r'^ERROR: (?!ResolutionImpossible)(.+)$', output, re.M)
	reason = last_line('\n'.join(errors) or output)
	if 'No space left' in output:
		return f'The disk is full: free about 4 GB, then start again (what pip said: {log}).'
	if any(sign in output for sign in OFFLINE_SIGNS):
		remedy = 'check the network, then start again'
		return f'The packages could not be downloaded: {remedy} ({reason}; what pip said: {log}).'
	return f'pip could not install ({reason}): see {log}, fix that, then start again.'


# Small things


def in_venv(clone: Clone, module: str, *options: str) -> int:
	return wait_for([str(clone.python), '-m', module, *options], cwd=clone.root)


def wait_for(command: 'list[str]', cwd: 'Path | None' = None) -> int:
	"""The exit code of a command that answers Ctrl+C itself."""
	# A handler that does nothing, since the command would inherit SIG_IGN.
	before = signal.signal(signal.SIGINT, lambda *_: None)
	process = subprocess.Popen(command, cwd=cwd)
	try:
		return process.wait()
	except SystemExit:
		process.terminate()
		process.wait()
		raise
	finally:
		signal.signal(signal.SIGINT, before)


def sentence_for(error: OSError, clone: Clone) -> str:
	if error.errno == errno.ENOSPC:
		return f'The disk holding {clone.root} is full: free about 4 GB, then start again.'
	if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.ENOTEMPTY):
		where = error.filename or clone.venv
		return f'LocalAI cannot write to {where}: close it if it is running, or move it elsewhere.'
	return f'{error}: fix that, then start again.'


def succeeds(command: 'list[str]') -> bool:
	program = shutil.which(command[0])
	with contextlib.suppress(OSError, subprocess.SubprocessError):
		if program:
			null = subprocess.DEVNULL
			command = [program, *command[1:]]
			return not subprocess.run(command, stdout=null, stderr=null, timeout=10).returncode
	return False


def read(path: Path) -> str:
	try:
		return path.read_text(encoding='utf-8')
	except (FileNotFoundError, NotADirectoryError):
		return ''


def last_line(text: str) -> str:
	lines = [line.strip() for line in text.splitlines() if line.strip()]
	return lines[-1].rstrip('.') if lines else 'it did not say why'


def say(sentence: str) -> None:
	print(sentence, flush=True)


if __name__ == '__main__':
	sys.exit(main(sys.argv[1:]))
