"""Runs the tests under every Python that LocalAI promises, each in a copy with a `.venv` of its own.

    python3 run.py pythons [3.12 3.13 ...] [-- options of pytest]

A copy lies in `build/pythons/VERSION` and stays, so that the next run installs nothing. In it runs
what a user would type: `pythonX.Y run.py test`. A Python that is not on this machine is named, and is
a failure only where it was asked for. Standard library only.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPIES = ROOT / 'build' / 'pythons'
STAYS = '.venv'


def main(arguments: list[str], promised: list[str]) -> int:
	wanted, options = parted(arguments)
	results: dict[str, str] = {}
	for version in wanted or promised:
		python = find(version)
		if not python:
			results[version] = 'not on this machine' if version in wanted else 'skipped: not here'
			continue
		copy = COPIES / version
		renew(copy, tracked())
		print(f'Python {version}: {python} run.py test, in {copy.relative_to(ROOT)}', flush=True)
		command = [python, 'run.py', 'test', *options]
		code = subprocess.run(command, cwd=copy, env=environment()).returncode
		results[version] = 'passed' if not code else f'failed ({code})'
	print(*(f'Python {version}: {result}' for version, result in results.items()), sep='\n')
	return 0 if all(r == 'passed' or r.startswith('skipped') for r in results.values()) else 1


def parted(arguments: list[str]) -> tuple[list[str], list[str]]:
	"""What stands before and after `--`."""
	at = arguments.index('--') if '--' in arguments else len(arguments)
	return arguments[:at], arguments[at + 1 :]


def find(version: str) -> str:
	"""The command that starts this Python, '' where there is none; pyenv's count too."""
	homes = sorted(Path('~/.pyenv/versions').expanduser().glob(f'{version}.*/bin/python'))
	for name in (f'python{version}', *map(str, reversed(homes))):
		path = shutil.which(name)
		if path and said(path) == version:
			return path
	return ''


def said(python: str) -> str:
	code = 'import sys; print("%d.%d" % sys.version_info[:2])'
	made = subprocess.run([python, '-c', code], capture_output=True, encoding='utf-8')
	return made.stdout.strip()


def environment() -> dict[str, str]:
	"""Ours, without what would lead another Python into our packages."""
	return {k: v for k, v in os.environ.items() if k not in ('PYTHONPATH', 'VIRTUAL_ENV')}


def tracked() -> list[str]:
	"""The files of this checkout as they are now, whether committed or not."""
	command = ['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard']
	names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
	return [n for n in names.decode().split('\0') if n and (ROOT / n).is_file()]


def renew(copy: Path, names: list[str]) -> None:
	"""Makes the copy hold these files and its `.venv`, and nothing else."""
	copy.mkdir(parents=True, exist_ok=True)
	for old in copy.iterdir():
		if old.name != STAYS:
			shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
	for name in names:
		there = copy / name
		there.parent.mkdir(parents=True, exist_ok=True)
		shutil.copy2(ROOT / name, there)


if __name__ == '__main__':
	sys.exit(main(sys.argv[1:], []))
