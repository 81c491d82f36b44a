"""Knows how the whole app is started for junk: real doors, store and files, an engine that draws nothing
large, and no way out of this machine; and what it wrote to its log and its terminal."""

import io
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

# Before anything reads them: what junk asks of the hub goes nowhere.
SURROUNDINGS = {
	'HF_HUB_OFFLINE': '1',
	'HF_ENDPOINT': 'http://127.0.0.1:9',
	'GRADIO_ANALYTICS_ENABLED': 'False',
	'GRADIO_RUN_HISTORY': 'False',
}
SIGN = 'Traceback (most recent call last)'


class House(NamedTuple):
	home: Path
	port: int
	studio: object
	app: object
	wire: int
	faults: 'Faults'


class Faults(logging.Handler):
	"""Every traceback, by whatever way it came."""

	def __init__(self) -> None:
		super().__init__(logging.DEBUG)
		self.found: list[str] = []

	def emit(self, record: logging.LogRecord) -> None:
		text = record.getMessage()
		if record.exc_info:
			text += '\n' + logging.Formatter().formatException(record.exc_info)
		if record.exc_info or SIGN in text:
			self.found.append(text)


class Terminal(io.TextIOBase):
	def __init__(self, faults: Faults):
		self.faults = faults
		self.rest = ''

	def write(self, text: str) -> int:
		self.rest += text
		if SIGN in self.rest:
			self.faults.found.append(self.rest[-6000:])
			self.rest = ''
		self.rest = self.rest[-6000:]
		return len(text)


@contextmanager
def opened(folder: Path) -> Iterator[House]:
	os.environ.update(SURROUNDINGS, HF_TOKEN_PATH=str(folder / 'token'))
	os.environ.update(HF_HUB_CACHE=str(folder / 'hub'), GRADIO_TEMP_DIR=str(folder / 'gradio'))
	from localai.api.guard import Guard
	from localai.api.server import create
	from localai.api.serving import Server
	from localai.settings import read_settings, start_logging
	from localai.studio import Studio
	from localai.ui import blocks
	from tools.fuzz.engine import QuickExecutor

	faults, terminal = Faults(), sys.stderr
	settings = read_settings({}, home=folder / 'home', hub_cache=folder / 'hub', port=0).prepare()
	sys.stderr = Terminal(faults)
	start_logging(settings, 'localai')
	heard = [logging.getLogger(name) for name in ('', 'localai', 'uvicorn', 'asyncio')]
	for logger in heard:
		logger.addHandler(faults)
	there = Path.cwd()
	os.chdir(folder)
	studio = Studio(settings, QuickExecutor()).open()
	try:
		app = create(studio)
		blocks.mount(app, studio)
		guard = Guard(app, {'127.0.0.1'}, token='token')
		server = Server(guard, studio.hush, app.state.hush)
		listener = socket.create_server(('127.0.0.1', 0))
		port = listener.getsockname()[1]
		thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
		thread.start()
		while not server.started:
			time.sleep(0.02)
		mounted = app.routes[-1].app.app.app.app  # gate, failures, uploads
		yield House(settings.home, port, studio, app, mounted.page[0], faults)
		server.should_exit = True
		thread.join(20)
	finally:
		studio.close()
		os.chdir(there)
		sys.stderr = terminal
		for logger in heard:
			logger.removeHandler(faults)
