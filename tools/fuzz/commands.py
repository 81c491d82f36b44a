"""Knows how junk is given to the command line, and that it never ends in a traceback."""

import contextlib
import io
import os
import traceback
from pathlib import Path

from localai import cli
from localai.cli.parser import parser, shielded
from tools.fuzz.junk import Junk

# What neither draws nor fetches: these are carried out, in a home of their own.
CARRIED_OUT = (
	('models',), ('models', 'inspect'), ('history', 'search'), ('history', 'show'), ('history', 'delete'),
	('history', 'restore'), ('history', 'trash'), ('history', 'verify'), ('history', 'export'),
)  # fmt: skip
OTHERS = (
	('generate',),
	('download',),
	('models', 'load'),
	('models', 'unload'),
	('serve',),
	('history',),
)
OPTIONS = (
	'--json', '--kind', '--limit', '--sort', '--search', '--out', '--steps', '--seed', '--width', '--count',
	'--safe', '--sheet', '--settings', '--variant', '--file', '--revision', '--help', '--', '--deep',
)  # fmt: skip


def words(junk: Junk) -> list[str]:
	found = list(junk.lot.choice(CARRIED_OUT + OTHERS))
	for _ in range(junk.lot.randrange(5)):
		found.append(junk.lot.choice(OPTIONS) if junk.flag() else junk.text().replace('\0', ''))
	return found


def run(junk: Junk, home: Path) -> tuple[list[str], str]:
	"""What was typed, and its traceback, if there was one."""
	typed = words(junk)
	os.environ['LOCALAI_HOME'] = str(home)
	out = io.StringIO()
	try:
		with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
			options = parser().parse_args(shielded(typed))
			if tuple(typed[:2]) in CARRIED_OUT and not getattr(options, 'out', None):
				cli.main(typed)
	except SystemExit:
		pass
	except BaseException:
		return typed, traceback.format_exc()
	told = out.getvalue()
	return typed, told if 'Traceback' in told else ''
