"""The face for the terminal: the same services without a browser; hands its work to a running app
where there is one."""

import io
import os
import runpy
import sys
from pathlib import Path

from localai.cli.parser import parser, shielded
from localai.cli.terminal import complain
from localai.errors import InvalidInput, LocalAIError
from localai.settings import read_settings


def main(arguments: list[str] | None = None) -> int:
	"""The exit code: 0 done, 1 it did not work, 2 it was asked wrongly, 130 given up with Ctrl+C,
	141 nobody read on."""
	arguments = sys.argv[1:] if arguments is None else arguments
	if arguments[:1] == ['serve']:
		return serve(arguments[1:])
	for stream in (sys.stdout, sys.stderr):
		if isinstance(stream, io.TextIOWrapper):  # what a terminal has no letter for is spelt out
			stream.reconfigure(errors='backslashreplace')
	options = parser().parse_args(shielded(arguments))
	try:
		settings = read_settings()
		# Each is imported only when it is asked for, so that `inspect` starts at once.
		match options.command:
			case 'generate':
				from localai.cli.generate import generate as command
			case 'models':
				from localai.cli.models import models as command
			case 'download':
				from localai.cli.download import download as command
			case 'history':
				from localai.cli.history import history as command
		code = command(settings, options)
		sys.stdout.flush()  # here, where a reader that is gone is no surprise
		return code
	except BrokenPipeError:  # as of `| head`
		os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
		return 141
	except LocalAIError as error:
		complain(error)
		return 2 if isinstance(error, InvalidInput) else 1
	except KeyboardInterrupt:
		return 130


def serve(arguments: list[str]) -> int:
	"""Runs app.py, which alone sees both faces."""
	app = Path(__file__).parents[2] / 'app.py'
	sys.argv = [str(app), *arguments]
	try:
		runpy.run_path(str(app), run_name='__main__')
	except SystemExit as end:
		return int(end.code or 0)
	return 0
