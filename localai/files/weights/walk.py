"""Finds the models below a folder by their names alone: single files, shards that belong together,
folders in the diffusers layout; opens none of them."""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from localai.files.weights import layouts
from localai.files.weights.layouts import PICKLES, WEIGHTS
from localai.text import is_sound, plain

# A .bin may be anything, so it counts only where models are expected.
LOOSE = ('.bin', '.pkl')
SHARD = re.compile(r'^(.+)-(\d{5})-of-(\d{5})\.(safetensors|sft|gguf)$', re.IGNORECASE)
# No models are in these, and many files are.
SKIPPED = {'venv', 'node_modules', 'site-packages', '__pycache__', 'outputs', 'output', 'blobs'}
DEPTH = 8
LIMIT = 200_000  # entries of folders looked at below one root


class Found(NamedTuple):
	"""`size` and `modified` are of all its files: the sum, and the latest time. `parts` are the
	other shards."""

	path: str
	size: int
	modified: float
	parts: tuple[str, ...] = ()


class Walk:
	"""One pass over any number of roots; a folder that two ways lead to is looked at once, so
	that links may go in circles. `problems` is what could not be read."""

	def __init__(self) -> None:
		self.seen: set[tuple[int, int] | str] = set()
		self.problems: list[str] = []
		self.left = LIMIT

	def below(self, root: Path) -> Iterator[Found]:
		self.left = LIMIT
		yield from self.folder(str(root), layouts.hint(str(root / 'x'), str(root)), DEPTH)
		if self.left < 0:
			self.problems.append(
				f'{root} has more than {LIMIT:,} files, '
				'so only some of them were looked at. Add only the folder with the models.'
			)

	def cache(self, root: Path) -> Iterator[Found]:
		"""The repositories of a Hugging Face cache."""
		self.left = LIMIT
		try:
			names = sorted(n for n in os.listdir(root) if layouts.repo_name(n))
		except FileNotFoundError:
			return
		except OSError as error:
			self.problems.append(f'{root} cannot be read: {error.strerror or error}.')
			return
		for name in names:
			yield from self.repository(root / name)

	def folder(self, path: str, hint: str, depth: int) -> Iterator[Found]:
		try:
			facts = os.stat(path)
			key = (facts.st_dev, facts.st_ino) if facts.st_ino else os.path.realpath(path)
			if key in self.seen:
				return
			self.seen.add(key)
			with os.scandir(path) as listing:
				entries = sorted(listing, key=lambda entry: entry.name)
		except OSError as error:
			self.problems.append(f'{path} cannot be read: {error.strerror or error}.')
			return
		self.left -= len(entries)
		entries = self.named(entries, path)
		if any(entry.name == 'model_index.json' for entry in entries):
			yield found_folder(path)
			return
		yield from files_of(entries, hint)
		for entry in entries:
			name = entry.name
			if self.left < 0 or not depth:
				return
			if name.startswith('.') or name.casefold() in SKIPPED or not is_folder(entry):
				continue
			if name.startswith('models--'):
				yield from self.repository(Path(entry.path))
			else:
				below = layouts.HINTS.get(name.casefold(), hint)
				yield from self.folder(entry.path, below, depth - 1)

	def named(self, entries: list[os.DirEntry], folder: str) -> list[os.DirEntry]:
		"""Those whose names are texts. A disk takes any bytes for a name; what is none in UTF-8 could
		not be written down."""
		kept = [entry for entry in entries if is_sound(entry.name)]
		for entry in entries if len(kept) < len(entries) else ():
			model = os.path.splitext(entry.name)[1].lower() in (*WEIGHTS, *PICKLES)
			if not is_sound(entry.name) and (model or is_folder(entry)):
				self.problems.append(
					f'{plain(entry.name)} in {folder} was left out: '
					'its name is not UTF-8. Rename it.'
				)
		return kept

	def repository(self, repo: Path) -> Iterator[Found]:
		"""A repository of a Hugging Face cache: its newest snapshot."""
		snapshot = layouts.snapshot_of(repo)
		if snapshot:
			yield from self.folder(str(snapshot), 'unknown', 3)


def files_of(entries: list[os.DirEntry], hint: str) -> Iterator[Found]:
	shards: dict[tuple[str, ...], list[str]] = {}
	for entry in entries:
		suffix = os.path.splitext(entry.name)[1].lower()
		if suffix not in WEIGHTS and suffix not in PICKLES or entry.name.startswith('.'):
			continue
		if suffix in LOOSE and hint == 'unknown':
			continue
		if whole := whole_of(entry.name):
			shards.setdefault(whole, []).append(entry.path)
			continue
		try:
			facts = entry.stat()
			if entry.is_file():
				yield Found(entry.path, facts.st_size, facts.st_mtime)
		except OSError:  # a link to nowhere, or gone since
			continue
	for parts in shards.values():
		yield from found_shards(sorted(parts, key=str.casefold))


def whole_of(name: str) -> tuple[str, ...]:
	"""What all pieces of one model have in common, () for a name that is none of a piece."""
	piece = SHARD.match(name)
	return tuple(piece[part].casefold() for part in (1, 3, 4)) if piece else ()


def pieces(path: Path) -> list[Path]:
	"""All that are there of the model of which a file is one, in order. Raises OSError."""
	whole = whole_of(path.name)
	names = (name for name in os.listdir(path.parent) if whole and whole_of(name) == whole)
	return [path.parent / name for name in sorted(names, key=str.casefold)]


def found_shards(paths: list[str]) -> Iterator[Found]:
	try:
		facts = [os.stat(path) for path in paths]
	except OSError:
		return
	paths = [path for path, fact in zip(paths, facts, strict=True) if stat.S_ISREG(fact.st_mode)]
	facts = [fact for fact in facts if stat.S_ISREG(fact.st_mode)]
	if not paths:
		return
	yield Found(
		paths[0],
		sum(f.st_size for f in facts),
		max(f.st_mtime for f in facts),
		tuple(paths[1:]),
	)


def found_folder(path: str) -> Found:
	"""A folder in the diffusers layout: the sum of its files, so that any change of one shows."""
	size, modified = 0, 0.0
	for folder, names, files in os.walk(path):
		if folder.count(os.sep) - path.count(os.sep) >= 2:
			names.clear()
		names[:] = [n for n in names if not n.startswith('.')]
		for name in files:
			try:
				facts = os.stat(os.path.join(folder, name))
			except OSError:
				continue
			size += facts.st_size
			modified = max(modified, facts.st_mtime)
	return Found(path, size, modified)


def look(path: Path) -> Found:
	"""One model by its path, as a walk would find it. Raises FileNotFoundError."""
	if path.is_dir():
		return found_folder(str(path))
	if whole_of(path.name):
		found = list(found_shards([str(piece) for piece in pieces(path)]))
		if found:
			return found[0]
	facts = path.stat()
	return Found(str(path), facts.st_size, facts.st_mtime)


def is_folder(entry: os.DirEntry) -> bool:
	try:
		return entry.is_dir()
	except OSError:
		return False
