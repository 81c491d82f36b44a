"""Knows which tests run which lines: a plugin for pytest that watches as they run."""

import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest


class Watcher:
	"""Writes to `target`: for each file its lines, each with the tests that ran it; the seconds of
	a processor that each test took that passed. Lines that ran while no test did have none."""

	def __init__(self, files: list[str], paths: Iterable[Path], target: Path):
		self.files = files
		self.paths = {str(path) for path in paths}
		self.target = target
		self.lines: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
		self.seconds: dict[str, float] = {}
		self.failed: set[str] = set()
		self.test = ''

	def called(self, frame: FrameType, event: str, argument: object) -> Any:
		return self.stepped if frame.f_code.co_filename in self.paths else None

	def stepped(self, frame: FrameType, event: str, argument: object) -> Any:
		if self.test:
			self.lines[frame.f_code.co_filename][frame.f_lineno].add(self.test)
		return self.stepped

	def pytest_collection_finish(self) -> None:
		threading.settrace(self.called)
		sys.settrace(self.called)

	@pytest.hookimpl(wrapper=True)
	def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
		self.test, before = item.nodeid, time.process_time()
		result = yield
		self.test = ''
		self.seconds[item.nodeid] = time.process_time() - before
		return result

	def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
		if not report.passed:
			self.failed.add(report.nodeid)

	def pytest_sessionfinish(self) -> None:
		sys.settrace(None)
		threading.settrace(None)
		good = {test: s for test, s in self.seconds.items() if test not in self.failed}
		lines = {
			path: {line: sorted(tests & good.keys()) for line, tests in found.copy().items()}
			for path, found in self.lines.copy().items()
		}
		whole = json.dumps({'lines': lines, 'seconds': good, 'failed': sorted(self.failed)})
		self.target.write_text(whole, 'utf-8')
