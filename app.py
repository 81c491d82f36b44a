"""Starts the server: Studio -> page and API on one uvicorn; also what a hosted Space runs.

python app.py [--share]
"""

import argparse
import errno
import os
import signal
import socket
import sys
import time
from contextlib import ExitStack, suppress

from localai import machine
from localai.errors import AWAY, FULL, LocalAIError, PortTaken, StartProblem, of_disk
from localai.settings import Settings, describe_settings, read_settings, start_logging


def main(arguments: list[str] | None = None) -> int:
	parser = argparse.ArgumentParser(
		prog='app.py',
		description='LocalAI: words in, pictures out.',
		epilog=f'environment:\n{describe_settings()}',
		formatter_class=argparse.RawDescriptionHelpFormatter,
	)
	parser.add_argument(
		'--share', action='store_true', help='also answer at a public link; needs LOCALAI_PASSWORD'
	)
	parser.add_argument('--port', type=int, help='instead of LOCALAI_PORT')
	parser.add_argument('--host', help='instead of LOCALAI_HOST')
	options = parser.parse_args(arguments)
	settings = None
	machine.use_few_arenas()
	try:
		settings = read_settings(host=options.host, port=options.port)
		serve(settings, options.share)
	except OSError as problem:
		# What a disk refuses at a start has one sentence, like all else.
		if settings is None or problem.errno not in (*FULL, *AWAY, errno.EROFS, errno.EACCES):
			raise
		return refuse(of_disk(problem, settings.home))
	except LocalAIError as error:
		return refuse(error)
	return 0


def refuse(error: LocalAIError) -> int:
	"""The exit code."""
	print(
		f'error: {error.message}', error.remedy, sep='\n' if error.remedy else '', file=sys.stderr
	)
	return 1


def serve(settings: Settings, share: bool = False) -> None:
	"""Runs until it is told to stop. Raises StartProblem, StorageProblem."""
	# 1. Ours alone: the folder, the lock, the port. All of it before anything slow.
	if share and not settings.password:
		raise StartProblem(
			'A share link opens the whole app, so it needs a password.',
			'Set LOCALAI_PASSWORD, then start with --share again.',
		)
	from localai.files.home import HomeLock

	settings.prepare()
	listener = None
	lock = HomeLock(settings.home)
	running = lock.owner()
	if running is not None:
		raise lock.refusal()
	listener = bind(settings)
	host, port = settings.host, listener.getsockname()[1]
	network = settings.network
	url = f'http://{"127.0.0.1" if network else host}:{port}'
	owner = lock.take(url)
	start_logging(settings, 'localai')
	os.environ.update(
		GRADIO_ANALYTICS_ENABLED='False',
		GRADIO_RUN_HISTORY='False',
		GRADIO_TEMP_DIR=str(settings.temporary / 'gradio'),
		HF_HUB_DISABLE_TELEMETRY='1',
		DO_NOT_TRACK='1',
	)

	with ExitStack() as ends:
		ends.callback(lock.release)

		# 2. The engine begins to come up in its own process while the page is imported here.
		from localai.studio import Studio

		studio = Studio(settings, tell=Progress()).open()
		ends.callback(studio.close)

		# 3. Both faces on one server.
		from localai.api.guard import Guard
		from localai.api.server import create
		from localai.api.serving import Server
		from localai.ui import blocks

		app = create(studio)
		blocks.mount(app, studio)
		guard = Guard(
			app,
			{host},
			settings.password,
			owner.token,
			network=network,
			names=settings.names,
			proxies=settings.proxies,
			local=not (network and settings.contained),
			shared=share,
		)
		server = Server(guard, studio.hush, app.state.hush)

		# 4. Say where, and answer until told to stop.
		print(f'LocalAI is ready at {url}', flush=True)
		if network and not settings.password:
			print(
				'Anyone on your network can use it; set LOCALAI_PASSWORD to require a password.',
				flush=True,
			)
		if share:
			from localai.ui.share import open_tunnel

			print(f'Shared at {open_tunnel(port)} (any user name, your password)', flush=True)
		machine.keep_what_is_here()
		with suppress(KeyboardInterrupt):  # uvicorn has ended cleanly and passes the signal on
			server.run(sockets=[listener])


class Progress:
	"""Says in the terminal what takes long before the page can answer: a line for each tenth."""

	def __init__(self) -> None:
		self.began = time.monotonic()
		self.said = ('', -1)

	def __call__(self, what: str, done: int, total: int) -> None:
		tenth = (what, 10 * done // max(1, total))
		if tenth != self.said and time.monotonic() - self.began > 2:
			self.said = tenth
			print(f'{what}: {done:,} of {total:,}', flush=True)


def bind(settings: Settings) -> socket.socket:
	"""The listening socket. Raises PortTaken with what to do."""
	try:
		family = socket.getaddrinfo(
			settings.host.strip('[]'), settings.port, type=socket.SOCK_STREAM
		)[0]
		# With its protocol named, asyncio sends small answers at once (TCP_NODELAY); else each
		# waits 40 ms.
		listener = socket.socket(*family[:3])
		if os.name == 'posix':
			listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		listener.bind(family[4])
		listener.listen(128)
		return listener
	except OSError as error:
		raise PortTaken(
			f'LocalAI cannot listen on {settings.host} port {settings.port}: {error.strerror or error}.',
			f'Choose another port, for example LOCALAI_PORT={settings.port + 1 if settings.port < 65535 else 7860}.',
		) from error


if __name__ == '__main__':
	signal.signal(signal.SIGTERM, signal.default_int_handler)
	sys.exit(main())
