"""The engine process itself: comes up, draws with the built-in model, is killed, comes up again."""

import os
import signal
import sys
import threading
import time

import pytest

from localai.engine.engine import Engine
from localai.executors import frames
from localai.executors.local import LocalExecutor
from localai.executors.process import EngineProcess
from localai.schemas import engine as say
from localai.services.models.service import BUILTIN
from tests.engine.test_engine import spec_of, task


class Listener:
	"""Hears an executor and lets a test wait for what it says."""

	def __init__(self):
		self.events: list[say.Event] = []
		self.statuses = []
		self.changed = threading.Condition()

	def on_event(self, event):
		with self.changed:
			self.events.append(event)
			self.changed.notify_all()

	def on_status(self, status):
		with self.changed:
			self.statuses.append(status)
			self.changed.notify_all()

	def wait(self, condition, seconds=90):
		with self.changed:
			assert self.changed.wait_for(condition, seconds), (self.statuses[-1:], self.events[-1:])

	def ready(self):
		self.wait(lambda: self.statuses and self.statuses[-1].state == 'ready')

	def ended(self, count=1):
		self.wait(lambda: sum(isinstance(e, say.ENDINGS) for e in self.events) >= count)
		return self.events[-1]


@pytest.fixture(scope='module')
def engine_process():
	executor, listener = EngineProcess('cpu'), Listener()
	executor.start(listener.on_event, listener.on_status)
	listener.ready()
	yield executor, listener
	executor.close()
	assert executor.process.poll() is not None


@pytest.mark.skipif(os.name != 'posix', reason='ends processes by signals')
class TestProcess:
	def test_it_never_brings_torch_into_this_process(self):
		import subprocess

		code = (
			'import sys, localai.studio, localai.executors.local; sys.exit("torch" in sys.modules)'
		)
		assert subprocess.run([sys.executable, '-c', code]).returncode == 0

	def test_it_draws_and_tells(self, engine_process):
		executor, listener = engine_process
		listener.events.clear()
		executor.submit(task(BUILTIN, width=128, height=128, steps=3))
		assert isinstance(listener.ended(), say.Finished)
		drawn = [e for e in listener.events if isinstance(e, say.Drawn)]
		assert drawn[0].data.startswith(b'\x89PNG')

	def test_killed_in_the_middle_it_says_so_and_the_next_task_works(self, engine_process):
		executor, listener = engine_process
		listener.events.clear()
		executor.submit(task(BUILTIN, width=128, height=128, steps=150))
		listener.wait(lambda: any(isinstance(e, say.Stepped) for e in listener.events))
		old = executor.process.pid
		os.kill(old, signal.SIGKILL)
		end = listener.ended()
		assert isinstance(end, say.Failed) and end.engine_died and 'memory' in end.message
		listener.wait(
			lambda: listener.statuses[-1].state == 'ready' and executor.process.pid != old
		)
		executor.submit(task(BUILTIN, width=128, height=128, steps=2))
		assert isinstance(listener.ended(2), say.Finished)

	def test_stop_leaves_quickly(self, engine_process):
		executor, listener = engine_process
		listener.events.clear()
		executor.submit(task(BUILTIN, width=128, height=128, steps=150))
		listener.wait(lambda: any(isinstance(e, say.Stepped) for e in listener.events))
		executor.stop('job', 'stop')
		assert isinstance(listener.ended(), say.Cancelled)

	def test_one_that_does_not_listen_is_ended_and_the_job_is_cancelled_not_retried(
		self, engine_process
	):
		executor, listener = engine_process
		listener.events.clear()
		executor.patience = 1
		executor.submit(task(BUILTIN, width=128, height=128, steps=150))
		listener.wait(lambda: any(isinstance(e, say.Stepped) for e in listener.events))
		old = executor.process.pid
		os.kill(old, signal.SIGSTOP)
		executor.stop('job', 'stop')
		assert isinstance(listener.ended(), say.Cancelled)
		listener.wait(
			lambda: listener.statuses[-1].state == 'ready' and executor.process.pid != old
		)

	def test_a_device_that_is_not_there_is_said_and_not_tried_for_ever(self):
		executor, listener = EngineProcess('cuda:9'), Listener()
		executor.start(listener.on_event, listener.on_status)
		listener.wait(lambda: listener.statuses and listener.statuses[-1].state == 'stopped')
		assert 'cuda:9' in listener.statuses[-1].message
		process = executor.process
		assert process.wait(90) == 3
		time.sleep(0.5)
		assert executor.process is process
		executor.close()


class TestDevices:
	def test_one_launched_before_anybody_listens_is_heard_from_the_start(self):
		executor, listener = LocalExecutor(('cpu',)), Listener()
		executor.launch()
		process = executor.processes['cpu'].process
		try:
			executor.start(listener.on_event, listener.on_status)
			listener.ready()
			assert executor.processes['cpu'].process is process
		finally:
			executor.close()
		assert process.poll() is not None

	def test_one_that_was_only_launched_is_ended(self):
		executor = LocalExecutor(('cpu',))
		executor.launch()
		executor.close()
		assert executor.processes['cpu'].process.poll() is not None

	def test_each_has_a_process_and_one_that_is_not_there_touches_only_itself(self):
		executor, listener = LocalExecutor(('cuda:9', 'cpu')), Listener()
		assert executor.devices == ('cuda:9', 'cpu')

		def state(name):
			return next((s.state for s in reversed(listener.statuses) if s.name == name), '')

		executor.start(listener.on_event, listener.on_status)
		try:
			listener.wait(lambda: state('cuda:9') == 'stopped' and state('cpu') == 'ready')
			listener.events.clear()
			executor.submit(task(BUILTIN, width=128, height=128, steps=150), 'cpu')
			listener.wait(lambda: any(isinstance(e, say.Stepped) for e in listener.events))
			executor.stop('another', 'stop')
			executor.stop('job', 'stop')
			assert isinstance(listener.ended(), say.Cancelled)
			assert state('cpu') == 'ready'
		finally:
			executor.close()
		assert all(p.process.poll() is not None for p in executor.processes.values())


@pytest.mark.skipif(os.name != 'posix', reason='ends processes by signals')
class TestModels:
	def run(self, engine_process, task):
		executor, listener = engine_process
		listener.events.clear()
		executor.submit(task)
		return listener.ended()

	def test_a_load_is_told_and_reused_and_let_go(self, engine_process):
		executor, listener = engine_process
		model = spec_of(BUILTIN)
		end = self.run(engine_process, say.Load(job_id='load', model=model))
		assert isinstance(end, say.Finished), end
		status = listener.statuses[-1]
		assert status.state == 'ready' and status.model == status.held[0].id == model.id
		assert status.held[0].bytes >= model.parameters and status.budget > 0
		assert not status.loading and not status.stage
		seen = [s for s in listener.statuses if s.loading == model.id]
		assert seen and all(s.state == 'loading' for s in seen)
		self.run(engine_process, say.Load(job_id='again', model=model))
		assert not any(isinstance(e, say.Loading) for e in listener.events)
		self.run(engine_process, say.Unload(job_id='unload'))
		assert listener.statuses[-1].held == () and listener.statuses[-1].model == ''

	def test_one_that_keeps_memory_is_renewed_unseen(self, engine_process):
		executor, listener = engine_process
		self.run(engine_process, say.Load(job_id='load', model=spec_of(BUILTIN)))
		old, executor.spare = executor.process.pid, -(10**12)
		del listener.statuses[:]
		end = self.run(engine_process, say.Unload(job_id='unload'))
		assert isinstance(end, say.Finished)
		executor.spare = 10**12
		listener.wait(
			lambda: listener.statuses[-1].state == 'ready' and executor.process.pid != old
		)
		assert {s.state for s in listener.statuses} == {'starting', 'ready'}
		assert not any(s.message for s in listener.statuses)
		end = self.run(engine_process, task(BUILTIN, width=128, height=128, steps=2))
		assert isinstance(end, say.Finished)

	def test_killed_in_a_load_it_is_said_and_nothing_is_held(self, engine_process):
		executor, listener = engine_process
		self.run(engine_process, say.Load(job_id='load', model=spec_of(BUILTIN)))
		old = executor.process.pid
		listener.events.clear()
		os.kill(old, signal.SIGSTOP)
		executor.submit(say.Convert(job_id='convert', source='x', target='y'))
		os.kill(old, signal.SIGKILL)
		end = listener.ended()
		assert isinstance(end, say.Failed) and end.engine_died and 'worked on' in end.message
		listener.wait(
			lambda: listener.statuses[-1].state == 'ready' and executor.process.pid != old
		)
		assert listener.statuses[-1].held == ()


class TestLocks:
	def test_a_listener_with_a_lock_of_its_own_may_stop_while_events_come(self):
		"""The queue asks with its lock held and hears with the same one: neither may wait for the
		other."""
		executor, asked = EngineProcess('cpu'), threading.Event()
		queue_lock = threading.Lock()

		def on_status(status):
			asked.wait(5)
			with queue_lock:
				pass

		executor.on_event, executor.on_status = lambda event: None, on_status

		def ask():
			with queue_lock:
				asked.set()
				time.sleep(0.05)
				executor.stop('job', 'stop')

		hearing = threading.Thread(
			target=executor.hear,
			args=(say.Loading(job_id='job', stage='unet', done=0, total=1),),
			daemon=True,
		)
		asking = threading.Thread(target=ask, daemon=True)
		hearing.start()
		asking.start()
		hearing.join(5)
		asking.join(5)
		assert not hearing.is_alive() and not asking.is_alive()


class TestFrames:
	def test_messages_and_bytes_come_back(self, tmp_path):
		event = say.Stepped(
			job_id='ä', index=0, step=1, steps=2, seconds_per_step=0.5, data=b'\0\xff' * 1000
		)
		with open(tmp_path / 'pipe', 'wb') as stream:
			frames.write(stream, event)
			frames.write(stream, say.Finished(job_id='b'))
		with open(tmp_path / 'pipe', 'rb') as stream:
			assert frames.read(stream, say.EVENTS) == event
			assert frames.read(stream, say.EVENTS) == say.Finished(job_id='b')
			assert frames.read(stream, say.EVENTS) is None

	def test_a_torn_message_is_the_end(self, tmp_path):
		with open(tmp_path / 'pipe', 'wb') as stream:
			frames.write(stream, say.Finished(job_id='b'))
		data = (tmp_path / 'pipe').read_bytes()
		(tmp_path / 'pipe').write_bytes(data[:-3])
		with open(tmp_path / 'pipe', 'rb') as stream:
			assert frames.read(stream, say.EVENTS) is None


class TestBuiltin:
	def test_the_built_in_model_draws_red_on_blue(self):
		"""Version 1 must be recognisable: the middle is red, the rim is blue."""
		from tests.engine.test_engine import drawn, pixels_of, run

		job = task(
			BUILTIN,
			seeds=(1, 2, 3, 4),
			width=128,
			height=128,
			steps=20,
			sampler='DDIM',
			guidance_scale=4,
		)
		job = job.model_copy(
			update={
				'request': job.request.model_copy(
					update={'prompt': 'a red apple on a blue background'}
				)
			}
		)
		right = 0
		for picture in drawn(run(Engine('cpu'), job)):
			pixels = pixels_of(picture)
			red, green, blue = pixels[48:80, 48:80].reshape(-1, 3).mean(0)
			rim = pixels[:8].reshape(-1, 3).mean(0)
			right += red > 1.5 * max(green, blue) and rim[2] > 1.3 * rim[0]
		assert right >= 3
