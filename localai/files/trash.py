"""Moves models into a trash folder on their own disk and back: always by renaming, so that it takes
no time, needs no space and is never half done."""

import contextlib
import errno
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from localai.errors import StorageProblem
from localai.files.pictures.writing import ENDINGS
from localai.files.weights.layouts import PICKLES, WEIGHTS
from localai.files.weights.walk import SHARD, pieces

log = logging.getLogger('localai.trash')
# Where LOCALAI_HOME/trash lies on another disk, this folder beside the file; scans pass it by.
BESIDE = '.localai-trash'
# What other tools lay beside a model, and belongs to it.
SIDECARS = (
	'.preview.png',
	'.preview.jpg',
	'.preview.jpeg',
	'.preview.webp',
	'.png',
	'.jpg',
	'.jpeg',
	'.webp',
	'.civitai.info',
	'.metadata.json',
	'.cm-info.json',
	'.json',
	'.yaml',
	'.yml',
	'.txt',
)
MODELS = (*WEIGHTS, *PICKLES)


def belongings(path: Path) -> list[Path]:
	"""All that goes with a model; the model itself is the last, so that where it lies tells whether
	a move was completed."""
	if path.is_dir() and not path.is_symlink():
		return [path]
	shard = SHARD.match(path.name)
	base = shard[1] if shard else path.stem
	others = []
	if shard:
		others = pieces(path)
		others.append(path.with_name(f'{base}.safetensors.index.json'))
	if not any((path.parent / (base + s)).exists() for s in MODELS if base + s != path.name):
		others += [path.parent / (base + suffix) for suffix in SIDECARS]
	return [p for p in others if p != path and p.is_file()] + [path]


def place(path: Path, trash: Path, name: str) -> str:
	"""The folder that will hold it: `name` below `trash`, or where that is on another disk a full
	path beside the file. Raises StorageProblem."""
	try:
		trash.mkdir(parents=True, exist_ok=True)
		if path.parent.stat().st_dev == trash.stat().st_dev:
			return name
	except OSError as error:
		raise refusal(path, error) from error
	return str(path.parent / BESIDE / name)


def move_all(files: list[Path], target: Path) -> None:
	"""All or none; raises StorageProblem."""
	try:
		target.mkdir(parents=True, exist_ok=True)
		rename_all([(file, target / file.name) for file in files])
	except OSError as error:
		remove_empty(target)
		raise refusal(files[-1], error) from error


def rename_all(moves: list[tuple[Path, Path]]) -> None:
	done: list[tuple[Path, Path]] = []
	try:
		for source, target in moves:
			os.rename(source, target)
			done.append((source, target))
	except OSError:
		for source, target in done:
			os.rename(target, source)
		raise


def refusal(path: Path, error: OSError) -> StorageProblem:
	return StorageProblem(
		f'{path.name} cannot be moved to the trash: {error.strerror or error}.',
		'Check that its folder is writable and that no other program has it open.',
	)


def bring_back(
	held: Path,
	names: tuple[str, ...],
	path: Path,
	settled: Callable[[Path], None] = lambda path: None,
) -> Path:
	"""Moves what `held` has to where it lay; under a new name when something else lies there now.
	`names` ends with the model's own. Returns the model's path, which `settled` hears of before
	anything is moved. Raises StorageProblem."""
	try:
		path.parent.mkdir(parents=True, exist_ok=True)
		renamed, number = {n: n for n in names}, 2
		while any(there(path.parent / n) for n in renamed.values()):
			renamed = {n: numbered(n, path, number) for n in names}
			number += 1
		if not there(held / path.name):
			raise FileNotFoundError(errno.ENOENT, 'its files are no longer in the trash')
		settled(path.parent / renamed[path.name])
		rename_all([(held / n, path.parent / renamed[n]) for n in names if there(held / n)])
	except OSError as error:
		raise StorageProblem(
			f'{path.name} cannot be restored: {error.strerror or error}.',
			'Check that its folder is writable.',
		) from error
	remove_empty(held)
	return path.parent / renamed[path.name]


def numbered(name: str, path: Path, number: int) -> str:
	"""'a (2).preview.png' for 'a.preview.png' of the model 'a.safetensors'."""
	shard = SHARD.match(path.name)
	ended = path.suffix.lower() in (*MODELS, *ENDINGS)
	base = shard[1] if shard else path.stem if ended else path.name
	return f'{base} ({number}){name.removeprefix(base)}'


def complete(held: Path, names: tuple[str, ...], path: Path) -> None:
	"""Ends a move that was cut off while the model itself was not in `held`: what went with it
	goes back to it."""
	for name in names:
		if there(held / name) and not there(path.parent / name):
			os.rename(held / name, path.parent / name)
	remove_empty(held)


def there(path: Path) -> bool:
	"""Also a link to nowhere is something."""
	return path.exists() or path.is_symlink()


def wipe(held: Path) -> int:
	"""Deletes for good; returns the bytes. What the system will not delete stays, and is logged."""
	freed = size_of(held)
	shutil.rmtree(held, ignore_errors=True)
	remove_empty(held)
	if not held.exists():
		return freed
	log.warning('%s could not be deleted completely', held)
	return freed - size_of(held)


def size_of(path: Path) -> int:
	"""Bytes that deleting it frees; a link frees nothing."""
	if path.is_symlink():
		return 0
	if path.is_file():
		return path.stat().st_size
	return sum(p.stat().st_size for p in path.rglob('*') if p.is_file() and not p.is_symlink())


def remove_empty(folder: Path) -> None:
	"""Removes a folder of ours, and the trash beside a file, once nothing is in them."""
	for place in (folder, folder.parent):
		if place == folder or place.name == BESIDE:
			with contextlib.suppress(OSError):
				place.rmdir()
