"""Computes the two hashes that name a weights file, in one read of it."""

import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

from localai.files.foreign import open_foreign

CHUNK = 4 << 20


def hashes(file: Path, given_up: Callable[[], bool] = lambda: False) -> tuple[str, str] | None:
	"""(sha256 of the whole file, AutoV3), None when `given_up` said so meanwhile.

	AutoV3 is the first twelve digits of the sha256 of what follows the header of a safetensors
	file, '' for other formats. Raises OSError.
	"""
	whole, tensors = hashlib.sha256(), None
	with open_foreign(file) as stream:
		if file.suffix.lower() in ('.safetensors', '.sft'):
			start = stream.read(8)
			whole.update(start)
			header = (
				stream.read(min(struct.unpack('<Q', start)[0], 100_000_000))
				if len(start) == 8
				else b''
			)
			whole.update(header)
			tensors = hashlib.sha256()
		while chunk := stream.read(CHUNK):
			if given_up():
				return None
			whole.update(chunk)
			if tensors:
				tensors.update(chunk)
	return whole.hexdigest(), tensors.hexdigest()[:12] if tensors else ''
