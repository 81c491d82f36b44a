"""Knows the app that is worked with, the hub beside it, and all the folders of both: how it is started, asked
and ended."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
from gradio_client import Client
from gradio_client.exceptions import AppError

from tests.hub_server import HubServer
from tests.live import ROOT, Live, environment_for, launch, wait_gone
from tools.soak.ledger import ENDED, Ledger
from tools.soak.seen import Hashes

FAREWELL = 90  # seconds in which it ends when it is asked to
ORPHAN = 60.0
TRACEBACK = 'Traceback (most recent call last)'
WAYS = {'kill': signal.SIGKILL, 'terminate': signal.SIGTERM, 'interrupt': signal.SIGINT}


class Unanswered(Exception):
	"""The app went away before it said how it ended."""


class Wrong(Exception):
	"""The app said what it must not say."""


class World:
	"""`root` holds home, hub, exports and what is imported; all of it is ours. `ending` is set while the app
	may go away at any moment. `counts` is what was done, `held` how often each invariant was looked at,
	`wrong` what did not hold."""

	def __init__(self, root: Path):
		self.root = root
		self.home, self.cache, self.temporary = root / 'home', root / 'cache', root / 'tmp'
		self.served, self.incoming, self.outside = root / 'served', root / 'in', root / 'out'
		for folder in (self.served / '_files', self.cache, self.temporary, self.outside):
			folder.mkdir(parents=True, exist_ok=True)
		self.hub = HubServer(self.served)
		self.ledger, self.hashes = Ledger(), Hashes()
		self.asked: list[dict] = []
		self.live: Live | None = None
		self.programs: Client | None = None
		# By which numbers the page calls its functions, and the one that lasts.
		self.wire = self.lasting = 0
		self.ending = threading.Event()
		self.lock = threading.Lock()
		self.wrong: list[tuple[str, str]] = []
		self.counts: Counter[str] = Counter()
		self.held: Counter[str] = Counter()
		self.began = time.monotonic()

	def __enter__(self) -> 'World':
		self.hub.__enter__()
		return self

	def __exit__(self, *_: object) -> None:
		self.ending.set()
		if self.live and self.live.process.poll() is None:
			self.live.kill()
		self.hub.__exit__()

	# What is known

	def fault(self, name: str, words: str) -> None:
		with self.lock:
			if (name, words) not in self.wrong:
				self.wrong.append((name, words))
				self.say(f'WRONG  {name}: {words}')

	def say(self, words: str) -> None:
		print(f'{self.clock()}  {words}', flush=True)

	def clock(self) -> str:
		minutes, seconds = divmod(int(time.monotonic() - self.began), 60)
		return f'{minutes:3}:{seconds:02}'

	def count(self, name: str) -> None:
		with self.lock:
			self.counts[name] += 1

	# The app

	@property
	def running(self) -> Live:
		assert self.live, 'nothing was started'
		return self.live

	@property
	def environment(self) -> dict[str, str]:
		return {
			'HF_ENDPOINT': self.hub.endpoint,
			'HF_HUB_CACHE': str(self.cache),
			'HF_HUB_OFFLINE': '0',
			'HF_TOKEN_PATH': str(self.root / 'token'),
			'NO_PROXY': '127.0.0.1',
			'LOCALAI_ALLOW_LOCAL_LINKS': 'true',
			'OMP_NUM_THREADS': '1',
			'TMPDIR': str(self.temporary),
		}

	def launch(self) -> None:
		self.ending.clear()
		self.live, self.programs = launch(self.home, **self.environment), None
		self.count('app: started')

	def wait_ready(self) -> None:
		"""Until it answers; the engine may still be coming up."""
		self.running.wait_ready(engine=False)
		config = json.loads(self.call('/config'))
		wires = [c['id'] for c in config['components'] if c['props'].get('elem_id') == 'wire']
		lasting = [d['id'] for d in config['dependencies'] if d['api_name'] == 'ui_follow']
		(self.wire,), (self.lasting,) = wires, lasting

	def end(self, way: str) -> None:
		"""One of WAYS; afterwards nothing of it may be running."""
		process = self.running.process
		self.ending.set()
		children = []
		with contextlib.suppress(psutil.Error):
			children = psutil.Process(process.pid).children(recursive=True)
		with self.ledger.lock:
			for fetch in self.ledger.fetches.values():
				fetch.interruptions += fetch.state not in ENDED
		process.send_signal(WAYS[way])
		self.count(f'app: {way}')
		if way == 'kill':
			process.wait()
		else:
			self.see_it_end(way)
		for child in children:
			if not wait_gone(child.pid, ORPHAN):
				self.fault('no process outlives the app', f'{child.pid} after {way}')
				with contextlib.suppress(psutil.Error):
					child.kill()
		self.held['no process outlives the app'] += 1

	def see_it_end(self, way: str) -> None:
		name, process = 'it ends well when it is asked to', self.running.process
		try:
			code = process.wait(FAREWELL)
			if code:
				self.fault(name, f'{way}: exit code {code}')
			if (self.home / 'localai.running.json').exists():
				self.fault(name, f'{way}: localai.running.json stays')
		except subprocess.TimeoutExpired:
			self.fault(name, f'{way}: it runs after {FAREWELL} s')
			self.running.kill()
		self.held[name] += 1

	def kill_engine(self) -> None:
		worker = self.running.worker_pid()
		if worker:
			with self.ledger.lock:
				self.ledger.engine_deaths += 1
			with contextlib.suppress(ProcessLookupError):
				os.kill(worker, signal.SIGKILL)
			self.count('engine: kill')

	# How it is asked

	def ask(self, path: str, body: object = None, method: str | None = None) -> tuple[int, bytes]:
		"""Raises Unanswered when the app is gone, Wrong for a failure of its own."""
		try:
			status, answer = self.running.ask(path, body, method)
		except (OSError, http.client.HTTPException) as error:
			raise Unanswered(f'{path}: {error}') from error
		if status >= 500:
			raise Wrong(f'{path} answered {status}: {answer[:300]!r}')
		return status, answer

	def call(self, path: str, body: object = None, method: str | None = None) -> bytes:
		"""What is no refusal."""
		status, answer = self.ask(path, body, method)
		if status >= 400:
			raise Wrong(f'{path} answered {status}: {answer[:300]!r}')
		return answer

	def page(self, name: str, data: dict) -> dict:
		"""A function that only the page's scripts call."""
		body = {'session_hash': 'soak', 'component_id': self.wire, 'fn_name': name, 'data': data}
		answer = json.loads(self.call('/gradio_api/component_server', body))
		if answer.get('error'):
			raise Wrong(f'{name}: {answer["error"]}')
		return answer

	def client(self, **given: object) -> Any:
		"""What Gradio's own client returns for a call."""
		try:
			call = self.program().submit(**given)
			while not call.done():
				if self.ending.is_set():
					raise Unanswered(f'{given["api_name"]}')
				time.sleep(0.05)
			return call.result()
		except AppError as error:
			raise Wrong(f'{given["api_name"]}: {error!r}') from error
		except Unanswered:
			raise
		except Exception as error:
			raise Unanswered(f'{given["api_name"]}: {error!r}') from error

	def program(self) -> Client:
		with self.lock:
			if self.programs is None:
				self.programs = Client(
					self.running.url,
					verbose=False,
					analytics_enabled=False,
					download_files=str(self.temporary / 'fetched'),
				)
			return self.programs

	def begin_command(self, *arguments: str) -> subprocess.Popen[str]:
		return subprocess.Popen(
			[sys.executable, '-m', 'localai', *arguments, '--json'],
			cwd=ROOT,
			env=environment_for(self.home, **self.environment),
			stdin=subprocess.DEVNULL,
			stdout=subprocess.PIPE,
			stderr=subprocess.PIPE,
			encoding='utf-8',
			errors='replace',
		)

	def command(self, *arguments: str) -> Any:
		"""What `python -m localai ... --json` prints, beside the running app."""
		process = self.begin_command(*arguments)
		try:
			while True:
				try:  # it is read all the time: a full pipe would hold it up
					out, complaint = process.communicate(timeout=0.05)
					break
				except subprocess.TimeoutExpired:
					if self.ending.is_set():
						# Without its app it would take the home that the next one wants.
						process.kill()
		finally:
			if process.poll() is None:
				process.kill()
				process.communicate()
		if self.ending.is_set():
			raise Unanswered(' '.join(arguments))
		if TRACEBACK in complaint or not out.strip():
			raise Wrong(f'{arguments} ended with {process.returncode}: {complaint[-600:]}')
		return json.loads(out)
