"""The import law: rows import only rows below, every library has one home, and the rooms within a row
know each other in one direction."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROWS = {
	1: ('localai.ui', 'localai.api', 'localai.cli', 'localai.client', 'localai.__main__'),
	2: ('localai.studio',),
	3: ('localai.services',),
	4: ('localai.executors',),
	5: ('localai.engine', 'localai.store', 'localai.files', 'localai.hub'),
	6: ('localai.schemas', 'localai.settings', 'localai.machine', 'localai.errors', 'localai.text'),
}
HOMES = {
	'gradio': ('localai.ui',),
	'fastapi': ('localai.api',),
	'uvicorn': ('localai.api',),
	'ray': ('localai.executors.ray',),
	'torch': ('localai.engine',),
	'diffusers': ('localai.engine',),
	'transformers': ('localai.engine',),
	'peft': ('localai.engine',),
	'sqlalchemy': ('localai.store',),
	'alembic': ('localai.store',),
	'huggingface_hub': ('localai.hub',),
}
# What stands outside a rule, and why.
EXCEPTIONS = {
	('localai.cli.doors', 'localai.client'),  # one door in two files
	('localai.__main__', 'localai.cli'),
	('localai.settings', 'localai.errors'),  # errors import nothing at all
	('localai.machine', 'localai.schemas'),  # a reading is said as one
}

# The rooms within `services/` and `files/` (a folder, or a file that stands alone), and whom each knows:
# only rooms that stand above it here, so there is no circle.
ROOMS: dict[str, tuple[str, ...]] = {
	'files.reserve': (),
	'files.home': ('files.reserve',),
	'files.temporary': (),
	'files.foreign': (),
	'files.weights': ('files.foreign',),
	'files.pictures': ('files.foreign',),
	'files.trash': ('files.pictures', 'files.weights'),
	'files.sharing': ('files.pictures',),
	'services.feed': (),
	'services.fields': (),
	'services.presence': ('services.feed',),
	'services.visitors': (),
	'services.upkeep': (),
	'services.hardware': (),
	'services.models': ('services.fields', 'services.hardware'),
	'services.downloads': ('services.feed', 'services.hardware'),
	'services.jobs': ('services.feed', 'services.presence'),
	'services.history': ('services.fields', 'services.jobs'),
	'services.generation': ('services.fields', 'services.history'),
}
# Rooms of the tests that mirror another folder than `localai/`.
ELSEWHERE = {'tools'}


def room_of(module: str) -> str:
	"""`services.history` of `localai.services.history.search`; '' of what is in no such room."""
	parts = module.split('.')
	named = len(parts) > 2 and parts[0] == 'localai' and parts[1] in ('services', 'files')
	return '.'.join(parts[1:3]) if named else ''


def neighbours() -> dict[str, tuple[str, ...]]:
	"""Whom each room knows beside itself in its own row."""
	found: dict[str, set[str]] = {}
	for module, source in modules():
		here = room_of(module)
		if here:
			known = {room_of(name) for name in imports_of(ast.parse(source))} - {'', here}
			same = {room for room in known if room.split('.')[0] == here.split('.')[0]}
			found.setdefault(here, set()).update(same)
	return {room: tuple(sorted(known)) for room, known in found.items()}


def imports_of(tree: ast.AST) -> list[str]:
	found = []
	for node in ast.walk(tree):
		if isinstance(node, ast.Import):
			found += [a.name for a in node.names]
		elif isinstance(node, ast.ImportFrom):
			assert node.level == 0, 'relative imports hide where they go'
			found += [f'{node.module}.{a.name}' for a in node.names]
	return found


def part_of(module: str) -> tuple[int, str] | None:
	"""Row and room of one of our modules."""
	for row, rooms in ROWS.items():
		for room in rooms:
			if module == room or module.startswith(room + '.'):
				return row, room
	return None


def breaches(module: str, source: str) -> list[str]:
	here = part_of(module)
	found = []
	for name in imports_of(ast.parse(source)):
		library = name.split('.')[0]
		homes = HOMES.get(library)
		if (
			homes
			and not any(module == h or module.startswith(h + '.') for h in homes)
			and (module, library) not in EXCEPTIONS
		):
			found.append(f'{module} imports {library}, whose home is {homes[0]}')
		there = part_of(name)
		if (
			here
			and there
			and there[1]
			not in (here[1], 'localai.text')  # which imports nothing: all speak through it
			and there[0] <= here[0]
			and (module, there[1]) not in EXCEPTIONS
		):
			found.append(f'{module} imports {name}, which is not below it')
		if name.startswith('localai.engine') and not module.startswith(
			('localai.engine', 'localai.executors.worker')
		):
			found.append(f'{module} imports {name}: only the engine process may')
	return found


def modules() -> list[tuple[str, str]]:
	files = sorted((ROOT / 'localai').rglob('*.py'))
	names = [
		'.'.join(f.relative_to(ROOT).with_suffix('').parts).removesuffix('.__init__') for f in files
	]
	return [
		(n, f.read_text('utf-8'))
		for n, f in zip(names, files, strict=True)
		if 'migrations' not in n
	]


class TestLaw:
	def test_every_import_points_down_and_stays_at_home(self):
		found = [b for module, source in modules() for b in breaches(module, source)]
		assert not found, '\n'.join(found)

	def test_the_rooms_of_a_row_know_each_other_as_the_table_says(self):
		found = neighbours()
		assert found == {room: tuple(sorted(known)) for room, known in ROOMS.items()}
		order = list(ROOMS)
		for room, known in found.items():
			for other in known:
				assert order.index(other) < order.index(room), f'{room} knows {other} below it'

	def test_the_tests_mirror_the_package_room_for_room(self):
		rooms = [f.parent.relative_to(ROOT / 'tests') for f in ROOT.glob('tests/*/**/__init__.py')]
		assert len(rooms) > 10
		for room in rooms:
			home = ROOT if room.parts[0] in ELSEWHERE else ROOT / 'localai'
			assert (home / room).is_dir(), f'tests/{room} mirrors nothing'

	@pytest.mark.parametrize(
		('module', 'source', 'breach'),
		[
			(
				'localai.engine.engine',
				'from localai.store import jobs',
				'localai.store.jobs, which is not below',
			),
			(
				'localai.services.jobs.service',
				'import torch',
				'torch, whose home is localai.engine',
			),
			(
				'localai.services.jobs.service',
				'from localai.services.models.service import x\nfrom localai.studio import Studio',
				'localai.studio.Studio',
			),
			('localai.ui.blocks', 'from localai.api import server', 'localai.api.server'),
			('localai.ui.blocks', 'def f():\n\timport fastapi', 'fastapi'),
			(
				'localai.executors.local',
				'from localai.engine.engine import Engine',
				'only the engine process',
			),
			('localai.schemas.jobs', 'from localai.errors import LocalAIError', 'localai.errors'),
		],
	)
	def test_a_planted_wrong_import_is_caught(self, module, source, breach):
		assert any(breach in b for b in breaches(module, source))

	def test_no_underscores_and_an_opening_sentence_everywhere(self):
		for module, source in modules():
			tree = ast.parse(source)
			assert ast.get_docstring(tree), f'{module} does not say what it knows'
			names = [
				n.name
				for n in ast.walk(tree)
				if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
			]
			hidden = [n for n in names if n.startswith('_') and not n.startswith('__')]
			assert not hidden, f'{module}: {hidden}'

	def test_only_settings_reads_the_environment(self):
		for module, source in modules():
			# The second passes it on to its child; the third keeps Gradio quiet before it is
			# imported.
			if module not in ('localai.settings', 'localai.executors.process', 'localai.ui'):
				assert 'os.environ' not in source and 'getenv' not in source, module
