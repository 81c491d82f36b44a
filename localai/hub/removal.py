"""Knows how a repository is removed from the shared Hugging Face cache: by the hub's own functions."""

import dataclasses
import logging
import os
import shutil
from pathlib import Path

from localai.errors import NotOnHub, StorageProblem

log = logging.getLogger('localai.hub')


def delete_repo(repo: str, cache: Path) -> int:
	"""Removes all revisions of a repository, and what was fetched of it so far; returns the bytes
	that came free. Raises NotOnHub when it is not in the cache, StorageProblem when the disk
	refuses."""
	from huggingface_hub import scan_cache_dir

	folder = cache / f'models--{repo.replace("/", "--")}'
	if not repo or repo.count('/') > 1 or '\\' in repo or '..' in repo or not folder.is_dir():
		raise NotOnHub(
			f'{repo[:100]!r} is not in the Hugging Face cache.',
			'Refresh the list of models; another program may have removed it.',
		)
	freed = size_of(folder)
	try:
		info = scan_cache_dir(cache)
		ours = [r for r in info.repos if r.repo_path.name == folder.name]
		for found in ours:
			# Of this repository alone: another could have a revision of the same name.
			only = dataclasses.replace(info, repos=frozenset([found]))
			plan = only.delete_revisions(*(r.commit_hash for r in found.revisions))
			freed = max(freed, plan.expected_freed_size)
			plan.execute()
		if not ours:  # the hub's functions pass over what is damaged
			shutil.rmtree(folder)
	except OSError as error:
		log.warning('%s: %s', folder, error)
	shutil.rmtree(cache / '.locks' / folder.name, ignore_errors=True)
	if folder.exists():
		raise StorageProblem(
			f'{repo} could not be removed completely from the Hugging Face cache.',
			'Check that its folder is writable and that no other program has it open.',
		)
	log.info('%s was removed from the cache: %s bytes', repo, freed)
	return freed


def size_of(folder: Path) -> int:
	"""Bytes of the files themselves; links weigh nothing."""
	files = (os.path.join(path, name) for path, _, names in os.walk(folder) for name in names)
	return sum(os.lstat(file).st_size for file in files if not os.path.islink(file))
