"""The import law of the page's scripts: a tab knows the page, never another tab, and nothing goes round in
circles."""

import re

import pytest

from localai.ui.assets import STATIC

IMPORT = re.compile(
	r"^import (?:\* as (?P<space>\w+) from |\{(?P<names>[^}]*)\} from )?'(?P<way>[^']+)';",
	re.MULTILINE,
)
EXPORT = re.compile(r'^export (?:async )?(?:function|const|let) (\w+)', re.MULTILINE)
# Written when the app starts: what the page knows from the first moment on.
MADE = {'page/catalog.js': {'catalog'}, 'page/markup.js': {'markup'}}


def scripts() -> dict[str, str]:
	return {f.relative_to(STATIC).as_posix(): f.read_text('utf-8') for f in STATIC.rglob('*.js')}


def imports_of(name: str, text: str) -> list[tuple[str, set[str]]]:
	"""Which script, as a path below `static/`, and which of its names."""
	found = []
	for match in IMPORT.finditer(text):
		there = (STATIC / name).parent / match['way']
		where = there.resolve().relative_to(STATIC.resolve()).as_posix()
		if match['space']:
			used = re.findall(rf'(?<![\w.]){match["space"]}\.(\w+)', IMPORT.sub('', text))
			found.append((where, set(used)))
		else:
			given = (match['names'] or '').split(',')
			found.append((where, {n.split(' as ')[0].strip() for n in given if n.strip()}))
	return found


def breaches(name: str, text: str, exported: dict[str, set[str]]) -> list[str]:
	here = name.partition('/')[0]
	found = [
		f'{name} speaks of {word}' for word in ('window.LocalAI', 'globalThis') if word in text
	]
	for where, names in imports_of(name, text):
		there = where.partition('/')[0]
		if where not in exported:
			found.append(f'{name} imports {where}, which is not there')
			continue
		if there not in ('page', here):
			found.append(f'{name} imports {where}: a tab knows the page, never another tab')
		found += [f'{where} exports no {n}, as {name} thinks' for n in names - exported[where]]
	return found


def circles(graph: dict[str, list[str]]) -> list[str]:
	"""Takes away whoever imports nothing that is left; what stays goes round."""
	left = dict(graph)
	while True:
		free = [name for name, others in left.items() if not any(o in left for o in others)]
		if not free:
			return sorted(left)
		for name in free:
			del left[name]


SCRIPTS = scripts()
EXPORTED = {name: set(EXPORT.findall(text)) for name, text in SCRIPTS.items()} | MADE


class TestTheLaw:
	@pytest.mark.parametrize('name', SCRIPTS)
	def test_a_script_knows_only_what_is_below_it(self, name):
		assert not breaches(name, SCRIPTS[name], EXPORTED)

	def test_nothing_goes_round_in_circles(self):
		graph = {n: [where for where, _ in imports_of(n, t)] for n, t in SCRIPTS.items()}
		assert circles(graph) == []

	def test_every_part_has_its_markup_and_its_script(self):
		parts = {f.relative_to(STATIC).with_suffix('').as_posix() for f in STATIC.rglob('*.html')}
		assert {p for p in parts if 'mount' not in EXPORTED[f'{p}.js']} == set()

	def test_a_planted_breach_is_found(self):
		other = "import * as grid from '../history/grid.js';\ngrid.make();\n"
		assert breaches('models/models.js', other, EXPORTED) == [
			'models/models.js imports history/grid.js: a tab knows the page, never another tab'
		]
		assert breaches('page/tabs.js', "import { emit } from './buss.js';\n", EXPORTED)
		assert breaches('page/tabs.js', "import { shout } from './bus.js';\n", EXPORTED)
		assert breaches('page/tabs.js', "import * as b from './bus.js';\nb.shout();\n", EXPORTED)
		assert breaches('page/tabs.js', 'window.LocalAI.on();\n', EXPORTED)
		assert circles({'a': ['b'], 'b': ['c'], 'c': ['b'], 'd': []}) == ['a', 'b', 'c']
