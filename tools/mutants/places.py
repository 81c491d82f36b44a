"""Knows where something can be changed, and which tests would have to mind."""

import ast
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Literal

from tools.mutants.changes import Mutant, mutants

MARKS = 'not slow and not browser'
ENOUGH = 40.0  # seconds of a processor that a change is held against tests, the nearest and quickest first
Verdict = Literal['killed', 'survived', 'not run']


@dataclass(frozen=True)
class Place:
	"""A change in a file, `path` from the root; whether that is read at import, not in a function;
	the tests that ran it, the nearest first, and the seconds of a processor that each took."""

	path: str
	mutant: Mutant
	at_import: bool
	tests: dict[str, float]


def places_in(path: str, runs: dict, root: Path) -> Iterator[Place]:
	"""`runs` is what `Watcher` wrote."""
	lines, seconds = runs['lines'].get(path, {}), runs['seconds']
	everything = {test for tests in lines.values() for test in tests}
	source = (root / path).read_text('utf-8')
	late = lines_of_functions(source)
	room = path.replace('localai/', 'tests/', 1).rpartition('/')[0]
	while not (root / room).is_dir():
		room = room.rpartition('/')[0]
	twin = f'{room}/test_{Path(path).name}'
	for mutant in mutants(source):
		tests = {test for line in mutant.lines for test in lines.get(str(line), ())}
		if mutant.line not in late:
			tests = everything
		ordered = sorted(tests, key=lambda t: (*distance(t, room, twin), seconds[t]))
		sums = list(accumulate(seconds[test] for test in ordered))
		many = max(bisect(sums, ENOUGH), 1)
		chosen = {test: seconds[test] for test in ordered[:many]}
		yield Place(path, mutant, mutant.line not in late, chosen)


def distance(test: str, room: str, twin: str) -> tuple[bool, bool]:
	return not test.startswith(twin), not test.startswith(room)


def lines_of_functions(source: str) -> set[int]:
	"""All others run when the file is imported, before any test."""
	functions = ast.FunctionDef | ast.AsyncFunctionDef
	return {
		line
		for node in ast.walk(ast.parse(source))
		if isinstance(node, functions)
		for line in range(node.body[0].lineno, (node.end_lineno or 0) + 1)
	}
