"""The map in localai/README.md names every file, and no file that is not there."""

import re
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / 'localai'


class TestMap:
	def test_the_map_is_true(self):
		tree = re.search(
			r'```\n(.*?)```', (PACKAGE / 'README.md').read_text('utf-8'), re.DOTALL
		).group(1)
		named = {line.split()[0] for line in tree.strip().splitlines()}
		missing = [n for n in named if not (PACKAGE / n).exists()]
		assert not missing
		folders = tuple(n for n in named if n.endswith('/'))
		files = {p.relative_to(PACKAGE).as_posix() for p in PACKAGE.rglob('*.py')}
		unnamed = [
			f
			for f in files
			if f not in named and not f.startswith(folders) and not f.endswith('/__init__.py')
		]
		assert not unnamed

	def test_every_setting_is_documented(self):
		from localai.settings import Settings

		text = (PACKAGE.parent / 'README.md').read_text('utf-8')
		assert not [f.alias for f in Settings.model_fields.values() if f.alias not in text]
