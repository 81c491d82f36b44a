"""Knows how a real LocalAI is started for a test, spoken to over its own doors, and ended by its
process id."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
START = 120.0  # seconds; a busy machine of two cores takes about ten
ENDED = ('finished', 'cancelled', 'failed')
# No proxy may stand between a test and its own app.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Live:
	"""A running app. `log` is everything it wrote to its terminal; its own log is in
	`home/logs`."""

	def __init__(self, home: Path, process: subprocess.Popen, terminal: Path):
		self.home = home
		self.process = process
		self.terminal = terminal
		self.url = ''

	@property
	def log(self) -> str:
		return self.terminal.read_text('utf-8', 'replace')

	@property
	def token(self) -> str:
		"""What opens the API where a password is set."""
		return json.loads((self.home / 'localai.running.json').read_text('utf-8'))['token']

	def ask(self, path: str, body: object = None, method: str | None = None) -> tuple[int, bytes]:
		"""Status and bytes of one request; `body` is sent as JSON, or as it is when it is bytes."""
		data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
		request = urllib.request.Request(self.url + path, data=data, method=method)
		request.add_header('Content-Type', 'application/json')
		try:
			with OPENER.open(request, timeout=60) as answer:
				return answer.status, answer.read()
		except urllib.error.HTTPError as error:
			with error:
				return error.code, error.read()

	def health(self) -> dict | None:
		"""None while nobody answers."""
		try:
			return json.loads(self.ask('/healthz')[1])
		except (OSError, ValueError):
			return None

	def submit(self, **fields: object) -> dict:
		status, body = self.ask('/api/jobs', {'prompt': 'a red apple', **fields})
		assert status == 201, body
		return json.loads(body)

	def job(self, job_id: str) -> dict:
		return json.loads(self.ask(f'/api/jobs/{job_id}')[1])

	def jobs(self) -> list[dict]:
		return json.loads(self.ask('/api/jobs')[1])

	def wait_job(
		self, job_id: str, until: Callable[[dict], bool] | None = None, seconds: float = 120
	) -> dict:
		"""The job as soon as `until` holds, or as soon as it ended."""
		until = until or (lambda job: False)
		end = time.monotonic() + seconds
		while True:
			job = self.job(job_id)
			if until(job) or job['state'] in ENDED:
				return job
			assert time.monotonic() < end, f'job {job_id} is still {job}\n{self.log[-3000:]}'
			time.sleep(0.1)

	def worker_pid(self) -> int | None:
		"""The engine process, None while there is none."""
		with contextlib.suppress(psutil.Error):
			for child in psutil.Process(self.process.pid).children(recursive=True):
				with contextlib.suppress(psutil.Error):
					if 'localai.executors.worker' in child.cmdline():
						return child.pid
		return None

	def wait_ready(self, engine: bool = True, seconds: float = START) -> 'Live':
		"""Until the page answers and, with `engine`, the engine can work or works already."""
		end = time.monotonic() + seconds
		while True:
			found = re.search(r'LocalAI is ready at (\S+)', self.log)
			if found:
				self.url = found[1]
				health = self.health()
				if health and (not engine or health['engine'] in ('ready', 'loading', 'working')):
					return self
			assert self.process.poll() is None, f'the app ended:\n{self.log[-3000:]}'
			assert time.monotonic() < end, f'the app is not ready:\n{self.log[-3000:]}'
			time.sleep(0.1)

	def kill(self) -> None:
		"""No farewell, as a power cut or the system's memory killer would."""
		self.process.kill()
		self.process.wait()

	def stop(self) -> int:
		"""As a service manager asks; returns the exit code."""
		worker = self.worker_pid()
		self.process.terminate()
		try:
			self.process.wait(60)
		except subprocess.TimeoutExpired:
			self.kill()
		if worker:
			assert wait_gone(worker, 60), f'the engine process {worker} outlived its app'
		return self.process.returncode


def environment_for(home: Path, **changes: str) -> dict[str, str]:
	"""This process's environment without settings of LocalAI but those given."""
	kept = {k: v for k, v in os.environ.items() if not k.startswith('LOCALAI_')}
	return kept | {'LOCALAI_HOME': str(home), 'LOCALAI_PORT': '0'} | changes


def launch(home: Path, **environment: str) -> Live:
	"""Starts app.py on a free port and returns at once."""
	home.parent.mkdir(parents=True, exist_ok=True)
	terminal = home.parent / f'{home.name}-terminal-{time.time_ns()}.txt'
	with terminal.open('wb') as output:
		process = subprocess.Popen(
			[sys.executable, 'app.py'],
			cwd=ROOT,
			env=environment_for(home, **environment),
			stdin=subprocess.DEVNULL,
			stdout=output,
			stderr=subprocess.STDOUT,
		)
	return Live(home, process, terminal)


@contextmanager
def live_app(home: Path, engine: bool = True, **environment: str) -> Iterator[Live]:
	"""A real app in `home` on a free port of this machine, ended at the end whatever happened."""
	live = launch(home, **environment)
	try:
		yield live.wait_ready(engine)
	finally:
		if live.process.poll() is None:
			live.stop()


def run_app(home: Path, seconds: float = 60, **environment: str) -> subprocess.CompletedProcess:
	"""app.py where it is expected to end by itself."""
	return run([sys.executable, 'app.py'], home, seconds, environment)


def run_command(
	home: Path, *arguments: str, seconds: float = 120, **environment: str
) -> subprocess.CompletedProcess:
	"""`python -m localai ...`"""
	return run([sys.executable, '-m', 'localai', *arguments], home, seconds, environment)


def run(
	command: list[str], home: Path, seconds: float, environment: dict[str, str]
) -> subprocess.CompletedProcess:
	return subprocess.run(
		command,
		cwd=ROOT,
		env=environment_for(home, **environment),
		stdin=subprocess.DEVNULL,
		capture_output=True,
		encoding='utf-8',
		errors='replace',
		timeout=seconds,
	)


def wait_gone(pid: int, seconds: float) -> bool:
	"""Whether the process ended within that time."""
	end = time.monotonic() + seconds
	while time.monotonic() < end:
		try:
			if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
				return True
		except psutil.NoSuchProcess:
			return True
		time.sleep(0.05)
	return False
