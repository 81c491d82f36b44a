"""One engine process for one device: started, heard, watched over, started again when it dies."""

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO, cast

import psutil

from localai.executors import frames
from localai.executors.base import EMPTY, OnEvent, OnStatus, status_after
from localai.schemas import engine as say
from localai.schemas.hardware import EngineStatus, PrecisionWish
from localai.schemas.jobs import StopMode

log = logging.getLogger('localai.executor')
ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
	'HF_HUB_OFFLINE': '1',
	'HF_HUB_DISABLE_TELEMETRY': '1',
	# No model brings code of its own, whatever its files ask for.
	'DIFFUSERS_DISABLE_REMOTE_CODE': '1',
	'TOKENIZERS_PARALLELISM': 'false',
	# Threads that wait by spinning stand in each other's way on a busy machine: a step took 20
	# times as long. Threads that sleep at once are woken between any two operations, which costs a
	# step 5 to 9 %. A moment of spinning first costs neither.
	'OMP_WAIT_POLICY': 'PASSIVE',
	'GOMP_SPINCOUNT': '30000',
	# Linux then gives large tensors huge pages: a seventh less time on a CPU, which otherwise goes
	# into pages of 4 KB, two million of them in a picture.
	'THP_MEM_ALLOC_ENABLE': '1',
}
PATIENCE = 60.0  # seconds a job may take to hear that it should stop
# Bytes that an engine without models may have more than when it was ready: 100 MB are modules that
# were imported meanwhile. With more than this it is renewed.
SPARE = 300_000_000
# Seconds before a restart, after so many deaths in a row without work done.
BREATH = (0.0, 1.0, 5.0, 15.0)


class EngineProcess:
	"""Threads: one reads the events of the process and watches over its life, one passes its log
	on."""

	def __init__(
		self,
		device: str,
		patience: float = PATIENCE,
		warm: int = -1,
		precision: PrecisionWish = 'auto',
	):
		self.device = device
		self.precision = precision
		self.warm = warm  # bytes that models may take in memory, -1 for the device's own share
		self.patience = patience
		self.stopping = ''  # the job that was asked to stop
		self.process: subprocess.Popen[bytes] | None = None
		self.task: say.Task | None = None
		self.status = EngineStatus(name=device)
		self.lock = threading.RLock()
		self.closing = threading.Event()
		self.deaths = 0
		self.spare = SPARE
		self.baseline = 0  # bytes of the process when it was ready
		self.used = False  # whether it has held a model
		self.renewing = False
		self.last_words: list[str] = []

	def start(self, on_event: OnEvent, on_status: OnStatus) -> None:
		self.on_event, self.on_status = on_event, on_status
		process = self.process or self.launch()
		threading.Thread(
			target=self.watch, args=(process,), name='engine-events', daemon=True
		).start()

	def launch(self) -> subprocess.Popen[bytes]:
		"""A fresh interpreter, so that it inherits no lock, thread or memory of ours."""
		environment = os.environ | ENVIRONMENT
		environment['PYTHONPATH'] = os.pathsep.join(
			filter(None, (str(ROOT), environment.get('PYTHONPATH', '')))
		)
		self.last_words = []
		self.process = process = subprocess.Popen(
			[
				*(sys.executable, '-P', '-m', 'localai.executors.worker'),
				*(self.device, str(self.warm), self.precision),
			],
			stdin=subprocess.PIPE,
			stdout=subprocess.PIPE,
			stderr=subprocess.PIPE,
			env=environment,
			# Ctrl+C in the terminal is for the app, which then asks the engine to stop.
			start_new_session=os.name == 'posix',
			creationflags=getattr(subprocess, 'CREATE_NEW_PROCESS_GROUP', 0),
		)
		threading.Thread(
			target=self.pass_log_on, args=(process.stderr,), name='engine-log', daemon=True
		).start()
		log.info('engine process %s started for %s', process.pid, self.device)
		return process

	def watch(self, process: subprocess.Popen[bytes]) -> None:
		"""Reads events until the process is gone, says so, and starts it again."""
		while not self.closing.is_set():
			events = cast(BinaryIO, process.stdout)
			while (event := frames.read(events, say.EVENTS)) is not None:
				self.hear(event)
			code = process.wait()
			if self.closing.is_set():
				return
			if self.renewing:
				log.info('the engine process did not free its memory and will be restarted')
				self.renewing = False
				with self.lock:
					process = self.launch()
				continue
			self.bury(code)
			if code == 3:  # that device is not there, nor would it be the next time
				return
			pause = BREATH[min(self.deaths, len(BREATH) - 1)]
			self.deaths += 1
			if self.closing.wait(pause):
				return
			with self.lock:
				process = self.launch()

	def hear(self, event: say.Event) -> None:
		"""Tells what the process said. Never with the lock held: who listens has a lock and calls
		us with it."""
		with self.lock:
			task = self.task
			if isinstance(event, say.ENDINGS):
				self.task = None
		if isinstance(event, say.Stepped | say.Drawn | say.Finished):
			self.deaths = 0
		status = status_after(self.status, event, task)
		if isinstance(event, say.Ready):
			self.baseline, self.used = self.weight(), False
		self.used = self.used or bool(status.held)
		if isinstance(event, say.ENDINGS) and not status.held and self.used:
			# Ending the process is the one sure way to give memory back. Not being ready, it gets
			# no task.
			self.renewing = self.weight() > self.baseline + self.spare
			if self.renewing:
				status = status.model_copy(update={'state': 'starting'})
		self.tell(status)
		self.on_event(event)
		if self.renewing and self.process:
			self.process.kill()

	def weight(self) -> int:
		"""Bytes of main memory that the process has."""
		try:
			return psutil.Process(self.process.pid).memory_info().rss if self.process else 0
		except psutil.Error:
			return 0

	def bury(self, code: int) -> None:
		"""The process is gone: the running job hears of it, then the status."""
		asked = self.task is not None and self.task.job_id == self.stopping
		if asked:
			why = 'did not respond and was stopped'
		elif code in (-9, 137):
			why = 'was killed, most likely because memory ran out'
		else:
			why = f'ended unexpectedly (code {code})'
		log.warning(
			'the engine process %s; its last output: %s',
			why,
			' | '.join(self.last_words[-3:]) or 'none',
		)
		# First the status, so that no task comes in any more; then the task that was here.
		if self.status.state != 'stopped':
			self.say(state='restarting', message=f'The engine process {why}.', **EMPTY)
		with self.lock:
			task, self.task = self.task, None
		if task and asked:
			self.on_event(say.Cancelled(job_id=task.job_id))
		elif task:
			self.on_event(
				say.Failed(
					job_id=task.job_id,
					code='EngineDied',
					message=f'The engine process {why} while it {task.doing}.',
					remedy='It has been restarted.',
					engine_died=True,
				)
			)

	def submit(self, task: say.Task) -> None:
		with self.lock:
			self.task, self.stopping = task, ''
			self.send(task)

	def stop(self, job_id: str, mode: StopMode, picture: int = 0) -> None:
		with self.lock:
			if not self.task or self.task.job_id != job_id:
				return
			if mode == 'stop' and self.stopping != job_id:
				self.stopping = job_id
				timer = threading.Timer(self.patience, self.end_by_force, (job_id, self.process))
				timer.daemon = True
				timer.start()
			self.send(say.Stop(job_id=job_id, mode=mode, picture=picture))

	def send(self, command: say.Task | say.Stop | say.Close) -> None:
		try:
			if self.process:
				frames.write(cast(BinaryIO, self.process.stdin), command)
		except (OSError, ValueError):  # it has just died; `bury` tells the job
			log.info('the engine process is gone and did not receive: %s', command.kind)

	def end_by_force(self, job_id: str, process: subprocess.Popen[bytes]) -> None:
		"""A process that does not listen, lost in native code, is ended; `bury` says the rest."""
		with self.lock:
			task = self.task
			deaf = task and task.job_id == job_id == self.stopping and process.poll() is None
		if deaf:
			log.warning('the engine did not stop within %g s: ending its process', self.patience)
			process.kill()

	def ask_to_end(self) -> None:
		self.closing.set()
		self.send(say.Close())

	def close(self) -> None:
		self.ask_to_end()
		process = self.process
		if process is None:
			return
		try:
			# While it still imports it hears nothing, and nothing would be lost.
			process.wait(0 if self.status.state in ('starting', 'restarting') else 2)
		except subprocess.TimeoutExpired:
			process.kill()
			process.wait()

	def say(self, **changes: object) -> None:
		self.tell(self.status.model_copy(update=changes))

	def tell(self, status: EngineStatus) -> None:
		status = status.model_copy(update={'pid': self.process.pid if self.process else 0})
		if status != self.status:
			self.status = status
			self.on_status(status)

	def pass_log_on(self, lines: BinaryIO) -> None:
		for line in lines:
			text = line.decode('utf-8', 'replace').rstrip()
			if text:
				self.last_words = [*self.last_words[-20:], text[:300]]
				level = logging.WARNING if text.startswith(('ERROR', 'Traceback')) else logging.INFO
				log.log(level, 'engine: %s', text)
