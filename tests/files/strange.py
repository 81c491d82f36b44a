"""Things on a disk that are called like files and are none."""

import os
import socket
import tempfile
from pathlib import Path

import pytest


def strange_files(folder: Path, suffix: str) -> dict[str, Path]:
	"""A pipe that nobody writes to, a socket, a device that never ends, a folder."""
	if not hasattr(os, 'mkfifo'):
		pytest.skip('there are no such things here')
	found = {kind: folder / f'{kind}{suffix}' for kind in ('pipe', 'socket', 'device', 'folder')}
	os.mkfifo(found['pipe'])
	with tempfile.TemporaryDirectory() as short:  # the name of a socket is short
		listener = socket.socket(socket.AF_UNIX)
		listener.bind(f'{short}/s')
		os.rename(f'{short}/s', found['socket'])
		listener.close()
	found['device'].symlink_to('/dev/zero')
	found['folder'].mkdir()
	return found
