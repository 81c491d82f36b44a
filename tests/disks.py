"""Makes small disks, for tests of what happens when they are full or go away."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


class SmallDisk:
	"""Skips the test where none can be made."""

	def __init__(self, folder: Path, options: str):
		self.folder, self.options = folder, options

	def __enter__(self) -> Path:
		self.folder.mkdir(exist_ok=True)
		command = ['mount', '-t', 'tmpfs', '-o', self.options, 'tmpfs', str(self.folder)]
		if not shutil.which('mount') or subprocess.run(command, capture_output=True).returncode:
			pytest.skip('only root on Linux can make a small disk')
		return self.folder

	def __exit__(self, *_: object) -> None:
		self.take_away()

	def take_away(self) -> None:
		"""Also while files of it are open."""
		if os.path.ismount(self.folder):
			subprocess.run(['umount', '-l', str(self.folder)], check=True)

	def only_read(self) -> None:
		subprocess.run(['mount', '-o', 'remount,ro', str(self.folder)], check=True)


def fill(folder: Path) -> Path:
	"""A file that takes the last byte of its disk."""
	path = folder / 'filler'
	with open(path, 'ab', buffering=0) as file:
		for size in (1 << 20, 4096, 1):
			try:
				while file.write(bytes(size)):
					pass
			except OSError:
				continue
	return path
