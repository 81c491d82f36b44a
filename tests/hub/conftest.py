"""A hub on this machine, and repositories to put on it."""

import json
import threading
from pathlib import Path

import pytest

from localai.hub.choice import plan_of, which_files
from localai.hub.client import Hub
from localai.hub.transfer import Transfers
from tests.hub_server import HubServer

MB = 1 << 20


def add_repository(root: Path, repo: str, files: dict[str, bytes | str | int], **facts) -> Path:
	"""A number stands for so many bytes, each time the same."""
	for path, content in files.items():
		file = root / repo / path
		file.parent.mkdir(parents=True, exist_ok=True)
		if isinstance(content, int):
			block = bytes((i * 7 + len(path)) % 251 for i in range(1021))
			content = (block * (content // len(block) + 1))[:content]
		file.write_bytes(content.encode() if isinstance(content, str) else content)
	if facts:
		(root / repo / '.hub.json').write_text(json.dumps(facts))
	return root / repo


@pytest.fixture
def hub(tmp_path: Path, monkeypatch):
	monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', False)
	root = tmp_path / 'root'
	root.mkdir()
	with HubServer(root) as server:
		yield server


@pytest.fixture
def client(hub: HubServer) -> Hub:
	return Hub(hub.endpoint)


class Fetching:
	"""A cache, and what a download told of itself."""

	def __init__(self, hub: HubServer, cache: Path, **options):
		self.hub, self.cache = hub, cache
		self.options = {'stall': 2, 'tries': 3} | options
		self.stop = threading.Event()
		self.came: dict[str, int] = {}
		self.reused = 0
		self.checked = 0

	def tick(self, path: str, count: int, fetched: bool) -> None:
		self.came[path] = self.came.get(path, 0) + count
		self.reused += 0 if fetched else count

	def checking(self) -> None:
		self.checked += 1

	def transfers(self) -> Transfers:
		return Transfers(self.cache, self.hub.endpoint, **self.options)

	def plan(self, repo: str, variant: str = '', token: str = '', everything: bool = False):
		repository = Hub(self.hub.endpoint, lambda: token).repository(repo)
		paths = tuple(f.path for f in repository.files) if everything else ()
		choice = which_files(repository, variant, paths)
		return plan_of(repository, choice)

	def fetch(self, plan) -> Path:
		return self.transfers().fetch(plan, self.tick, self.stop, self.checking)


@pytest.fixture
def fetching(hub: HubServer, tmp_path: Path) -> Fetching:
	return Fetching(hub, tmp_path / 'cache')
