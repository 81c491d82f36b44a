"""Knows how huggingface_hub lays out its cache, and puts files there just as it would."""

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from huggingface_hub import file_download

from localai.errors import InvalidInput, WrongBytes
from localai.hub.part import Part, guard
from localai.schemas.downloads import DownloadPlan, PlannedFile

REPOSITORY = re.compile(r'[\w.-]{1,96}/[\w.-]{1,96}', re.ASCII)
COMMIT = re.compile(r'[0-9a-f]{40}')
ETAG = re.compile(r'[0-9a-f]{40}|[0-9a-f]{64}')
REVISION = re.compile(r'[\w.-]+(/[\w.-]+)*', re.ASCII)


class RepositoryCache:
	"""One repository in the cache. Raises InvalidInput or WrongBytes for names that would lead out of it."""

	def __init__(self, cache: Path, plan: DownloadPlan):
		check_repository(plan.repo)
		if not COMMIT.fullmatch(plan.commit):
			raise WrongBytes(f'The hub gives no valid commit for {plan.repo}.')
		if not REVISION.fullmatch(plan.revision) or '..' in plan.revision:
			raise InvalidInput(f'{plan.revision!r} is not a revision.', field='revision')
		for file in plan.files:
			check_file(plan.repo, file)
		self.cache, self.plan = cache, plan
		self.folder = cache / file_download.repo_folder_name(repo_id=plan.repo, repo_type='model')
		self.snapshot = self.folder / 'snapshots' / plan.commit

	def blob(self, file: PlannedFile) -> Path:
		return self.folder / 'blobs' / file.etag

	def pointer(self, file: PlannedFile) -> Path:
		return self.snapshot / file.path

	def part(self, file: PlannedFile) -> Part:
		return Part(self.blob(file), file.bytes, file.etag)

	def lock(self, file: PlannedFile) -> Path:
		"""The lock that huggingface_hub takes for this file too."""
		return self.cache / '.locks' / self.folder.name / f'{file.etag}.lock'

	def has(self, file: PlannedFile) -> bool:
		return size_of(self.pointer(file)) == file.bytes or size_of(self.blob(file)) == file.bytes

	def prepare(self) -> None:
		with guard(self.folder):
			(self.folder / 'blobs').mkdir(parents=True, exist_ok=True)
			tag = (
				self.cache / 'CACHEDIR.TAG'
			)  # backups leave such folders out: https://bford.info/cachedir
			if not tag.exists():
				tag.write_text('Signature: 8a477f597d28d172789f06886806bc55\n', 'utf-8')

	def link(self) -> Path:
		"""Makes the snapshot: every file, model_index.json last, then the reference. Without symbolic links
		(Windows) files are moved there instead; what is needed twice is copied first."""
		plan = self.plan
		with guard(self.snapshot):
			uses = [f.etag for f in plan.files]
			for file in sorted(plan.files, key=lambda f: f.path == 'model_index.json'):
				uses.remove(file.etag)
				pointer, blob = self.pointer(file), self.blob(file)
				if size_of(pointer) == file.bytes:
					continue
				pointer.parent.mkdir(parents=True, exist_ok=True)
				file_download._create_symlink(
					long(blob), long(pointer), new_blob=file.etag not in uses
				)
			if plan.revision != plan.commit:
				file_download._cache_commit_hash_for_specific_revision(
					str(self.folder), plan.revision, plan.commit
				)
		return self.snapshot

	def twin(self, file: PlannedFile) -> Path | None:
		"""The same bytes in another repository of the cache."""
		if not file.sha256:
			return None
		found = (
			b for b in self.cache.glob(f'models--*/blobs/{file.sha256}') if b != self.blob(file)
		)
		return next((b for b in found if size_of(b) == file.bytes), None)

	def discard(self) -> int:
		"""Removes parts, and blobs that no snapshot uses; the bytes freed."""
		freed = 0
		used = set()
		for pointer in self.folder.glob('snapshots/*/**/*'):
			with suppress(OSError):
				used.add(pointer.resolve().name)
		for file in self.plan.files:
			part = self.part(file)
			freed += part.peek()
			part.remove()
			blob = self.blob(file)
			if file.etag not in used and blob.is_file():
				freed += size_of(blob)
				blob.unlink()
		# An empty repository would only puzzle.
		for folder in (self.folder / 'blobs', self.folder):
			with suppress(OSError):
				folder.rmdir()
		return freed


def check_repository(repo: str) -> None:
	if not REPOSITORY.fullmatch(repo) or '--' in repo or '..' in repo:
		raise InvalidInput(
			f'{repo!r} is not the name of a repository.',
			'A repository name looks like "stabilityai/sdxl-turbo".',
			field='source',
		)


def check_file(repo: str, file: PlannedFile) -> None:
	"""A hostile hub could name files outside of the cache."""
	parts = file.path.split('/')
	if (
		not ETAG.fullmatch(file.etag)
		or (file.sha256 and file.sha256 != file.etag)
		or file.bytes < 0
		or any(p in ('', '.', '..') for p in parts)
		or re.search(r'[\\:\0]', file.path)
	):
		raise WrongBytes(
			f'{repo} lists a file with an impossible name: {file.path[:100]!r}.',
			'Choose another repository.',
		)


def size_of(file: Path) -> int:
	"""-1 for what is not there, or is a link to nothing."""
	try:
		return file.stat().st_size
	except OSError:
		return -1


def long(path: Path) -> str:
	"""Windows takes more than 255 characters only in this form."""
	text = os.path.abspath(path)
	return f'\\\\?\\{text}' if os.name == 'nt' and len(text) > 255 else text


def has_snapshot(cache: Path, repo: str) -> bool:
	"""Whether a reference leads to a snapshot that is there."""
	if not REPOSITORY.fullmatch(repo):
		return False
	folder = cache / file_download.repo_folder_name(repo_id=repo, repo_type='model')
	for ref in (folder / 'refs').glob('**/*'):
		with suppress(OSError):
			if ref.is_file() and (folder / 'snapshots' / ref.read_text().strip()).is_dir():
				return True
	return False


def free_at(folder: Path) -> int:
	"""Free bytes on the disk where `folder` is or will be."""
	while not folder.exists():
		folder = folder.parent
	return shutil.disk_usage(folder).free
