"""Knows how a change is held against its tests: in a fork of a pytest that has read everything already,
so that a trial costs no more than the tests themselves."""

import contextlib
import gc
import math
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Protocol

import pytest

from tools.mutants.places import MARKS, Place, Verdict

TIMES = count(1)
PATIENCE = 30  # seconds that a test may take in any case, on a machine that is busy
Tell = Callable[[Place, Verdict], None]


def try_all(root: Path, places: list[Place], tell: Tell) -> None:
	"""`root` is a copy of the repository, for this process alone."""
	# 1. A function can be exchanged where it is
	late = [place for place in places if not place.at_import]
	output = root.with_suffix('.txt')
	if late and forked(partial(run_pytest, root, Trials(root, late, tell)), output):
		print(output.read_text('utf-8', 'replace')[-2000:], file=sys.stderr)

	# 2. What is read at import needs all of it to be read again
	for place in places:
		if place.at_import:
			tell(place, judge(root, place, partial(run_pytest, root, Chosen(place.tests), '-x')))


def judge(root: Path, place: Place, run: Callable[[], int]) -> Verdict:
	"""The change is in the file as well, for processes that the tests start."""
	file = root / place.path
	before = file.read_bytes()
	file.write_bytes(place.mutant.apply(before))
	# Python keeps what it compiled for as long as time and size agree.
	os.utime(file, (0, next(TIMES)))
	try:
		return 'survived' if forked(run) == 0 else 'killed'
	finally:
		file.write_bytes(before)
		os.utime(file)


class Chosen:
	"""Runs these tests alone, in this order; those that are not there any more are left out. `tests`
	are the seconds that each took."""

	def __init__(self, tests: dict[str, float]):
		self.tests = tests
		self.places = {test: place for place, test in enumerate(tests)}
		self.files = list(dict.fromkeys(test.split('::')[0] for test in tests))

	def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
		items[:] = [item for item in items if item.nodeid in self.places]
		items.sort(key=lambda item: self.places[item.nodeid])

	def pytest_collection(self) -> None:
		end_in(0)  # of reading what is changed, and all that imports it

	@pytest.hookimpl(tryfirst=True)
	def pytest_runtest_protocol(self, item: pytest.Item) -> None:
		end_in(self.tests[item.nodeid])


class Trials:
	"""Collects the tests once, then runs those of each place in a fork."""

	def __init__(self, root: Path, places: list[Place], tell: Tell):
		self.root, self.places, self.tell = root, places, tell
		self.files = sorted({test.split('::')[0] for place in places for test in place.tests})

	def pytest_runtestloop(self, session: pytest.Session) -> bool:
		tests = {item.nodeid: item for item in session.items}
		paths = {str(self.root / place.path) for place in self.places}
		self.functions = [
			thing
			for thing in gc.get_objects()
			if isinstance(thing, FunctionType) and thing.__code__.co_filename in paths
		]
		make_shared(session, tests.values())
		gc.freeze()  # a fork that collects garbage would copy all of it
		for place in self.places:
			items = [tests[test] for test in place.tests if test in tests]
			self.tell(place, judge(self.root, place, partial(self.run, place, items)))
		return True

	def run(self, place: Place, items: list[pytest.Item]) -> int:
		path = self.root / place.path
		after = path.read_bytes()
		exchange(self.functions, place.mutant.undo(after), after, str(path))
		for item, following in zip(items, [*items[1:], None], strict=True):
			end_in(place.tests[item.nodeid])
			item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
			if item.session.testsfailed:
				return 1
		return 0


def end_in(seconds: float) -> None:
	"""Ends this process when a test takes far longer than the seconds of a processor that it took."""
	signal.setitimer(signal.ITIMER_REAL, PATIENCE + 20 * seconds)


def make_shared(session: pytest.Session, items: Iterable[Any]) -> None:
	"""What lasts a whole session (a tiny model, say) is made once, for every fork."""
	session._setupstate.setup(session)
	for item in items:
		for name, definitions in item._fixtureinfo.name2fixturedefs.items():
			if definitions[-1].scope == 'session':
				with contextlib.suppress(Exception, pytest.skip.Exception):  # the tests hear it too
					item._request.getfixturevalue(name)


def exchange(functions: list[FunctionType], before: bytes, after: bytes, path: str) -> None:
	"""Gives every function of a file its code from `after`."""
	old, new = (codes(compile(source, path, 'exec')) for source in (before, after))
	others = {code: new[key] for key, code in old.items() if key in new and new[key] != code}
	for function in functions:
		if function.__code__.co_filename == path and function.__code__ in others:
			function.__code__ = others[function.__code__]


def codes(whole: CodeType) -> dict[tuple[str, int], CodeType]:
	"""By name, and which one of that name it is."""
	seen: defaultdict[str, int] = defaultdict(int)
	found = {}

	def below(code: CodeType) -> Iterator[CodeType]:
		for constant in code.co_consts:
			if isinstance(constant, CodeType):
				yield constant
				yield from below(constant)

	for code in below(whole):
		found[code.co_qualname, seen[code.co_qualname]] = code
		seen[code.co_qualname] += 1
	return found


class Plugin(Protocol):
	"""`files`: where the tests are."""

	files: list[str]


def run_pytest(root: Path, plugin: Plugin, *options: str) -> int:
	"""The exit code of pytest, in a process that was forked for it."""
	os.chdir(root)
	# What is below `root` is imported, not what stands where we were started.
	for name in [n for n in sys.modules if n.split('.')[0] in ('localai', 'tests')]:
		del sys.modules[name]
	sys.path[:] = [str(root), *(p for p in sys.path if p and not (Path(p) / 'localai').is_dir())]
	usual = [
		'-q',
		'-p',
		'no:cacheprovider',
		'-o',
		'addopts=',
		'-o',
		'tmp_path_retention_policy=none',
		'--import-mode=importlib',
		'-m',
		MARKS,
	]
	where = [f'--rootdir={root}', f'--basetemp={root}-tmp', *plugin.files]
	return int(pytest.main([*usual, *options, *where], plugins=[plugin]))


def forked(run: Callable[[], int], output: Path = Path(os.devnull)) -> int:
	"""The exit code of `run` in a child; what it started ends with it."""
	child = os.fork()
	if child == 0:
		status = 3
		signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
		try:
			os.setpgid(0, 0)
			with open(os.devnull, 'rb') as nothing, output.open('wb') as file:
				for source, target in ((nothing, 0), (file, 1), (file, 2)):
					os.dup2(source.fileno(), target)
			status = run()
			sys.stdout.flush()
		finally:
			os._exit(status)
	code: int | None = None
	try:
		code = wait(child, math.inf)
		assert code is not None
		return code
	finally:
		with contextlib.suppress(ProcessLookupError, ChildProcessError):
			# First kindly, so that one that has forked itself ends its own; in any case then.
			if code is None:
				os.killpg(child, signal.SIGTERM)
				wait(child, time.monotonic() + 5)
			os.killpg(child, signal.SIGKILL)


def wait(child: int, end: float) -> int | None:
	while time.monotonic() < end:
		done, status = os.waitpid(child, os.WNOHANG)
		if done:
			return os.waitstatus_to_exitcode(status)
		time.sleep(0.005)
	return None
