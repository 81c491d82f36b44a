"""Removing repositories from the shared cache, as huggingface_hub lays it out."""

from pathlib import Path

import pytest
from huggingface_hub import scan_cache_dir

from localai.errors import ModelInUse, NotOnHub
from localai.hub.removal import delete_repo
from tests.library import Shelf, write_repo


def cached_repos(cache: Path) -> set[str]:
	return {r.repo_id for r in scan_cache_dir(cache).repos}


class TestCache:
	@pytest.mark.parametrize('links', [True, False])
	def test_all_of_one_repository_goes_and_nothing_else(self, tmp_path, links):
		write_repo(tmp_path, 'org/one', links=links)
		write_repo(tmp_path, 'org/one', 'b' * 40, links=links)
		write_repo(tmp_path, 'org/two', links=links)  # its revision has the same name
		(tmp_path / 'models--org--one' / 'blobs' / 'x.incomplete').write_bytes(bytes(1000))
		(tmp_path / '.locks' / 'models--org--one').mkdir(parents=True)
		files = [p for p in (tmp_path / 'models--org--one').rglob('*') if p.is_file()]
		size = sum(p.stat().st_size for p in files if not p.is_symlink())
		assert cached_repos(tmp_path) == {'org/one', 'org/two'}
		assert delete_repo('org/one', tmp_path) == size > 1000
		assert cached_repos(tmp_path) == {'org/two'}
		assert not (tmp_path / '.locks' / 'models--org--one').exists()

	def test_a_damaged_one_goes_too(self, tmp_path):
		snapshot = write_repo(tmp_path, 'org/one')
		blob = (snapshot / 'model_index.json').resolve()
		blob.unlink()
		assert delete_repo('org/one', tmp_path) > 0
		assert not (tmp_path / 'models--org--one').exists()

	@pytest.mark.parametrize('repo', ['org/none', '', '..', '../..', 'a/b/c', 'org\\one', '/'])
	def test_what_is_not_there_is_said(self, tmp_path, repo):
		write_repo(tmp_path / 'hub', 'org/one')
		for cache in (tmp_path / 'hub', tmp_path / 'no cache'):
			with pytest.raises(NotOnHub, match='not in the Hugging Face cache'):
				delete_repo(repo, cache)
		assert cached_repos(tmp_path / 'hub') == {'org/one'}


class TestDelete:
	def test_a_hub_model_is_deleted_for_good_and_its_bytes_said(self, tmp_path):
		shelf = Shelf(tmp_path)
		path = write_repo(shelf.hub, 'org/one')
		shelf.models.scan()
		shelf.used = {str(path)}
		with pytest.raises(ModelInUse):
			shelf.models.delete('org/one')
		shelf.used = set()
		gone = shelf.models.delete('org/one')
		assert gone.final and gone.name == 'org/one' and gone.bytes > 0
		assert not (shelf.hub / 'models--org--one').exists()
		assert shelf.ids() == ['sketchbook'] and not shelf.models.trash()
		shelf.close()
