"""Knows LOCALAI_HOME/tmp, the one place of temporary files: what nobody goes on with is removed by age."""

import contextlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger('localai.home')
DAY = 86_400.0


def sweep(folder: Path, wanted: Callable[[str], bool], seconds: float = DAY) -> int:
	"""Removes what was not changed for so long, but what is `wanted` by its name. A folder is as old
	as the newest thing in it, and goes when it is empty. Returns how many files are gone."""
	oldest = time.time() - seconds
	gone = 0
	with contextlib.suppress(OSError):
		for entry in list(os.scandir(folder)):
			if wanted(entry.name):
				continue
			with contextlib.suppress(OSError):
				if entry.is_dir(follow_symlinks=False):
					gone += sweep(Path(entry.path), lambda name: False, seconds)
					if not seconds or entry.stat().st_mtime <= oldest:
						os.rmdir(entry)  # which a folder with something in it refuses
				elif entry.stat(follow_symlinks=False).st_mtime <= oldest:
					os.unlink(entry)
					gone += 1
	return gone


def remove_old(files: list[Path], seconds: float) -> None:
	for file in files:
		with contextlib.suppress(OSError):
			if file.stat().st_mtime <= time.time() - seconds:
				file.unlink()
				log.info('%s was removed', file.name)
