"""What the engine process runs: commands in on stdin, events out on stdout, one task at a time.

python -m localai.executors.worker DEVICE WARM_BYTES PRECISION
"""

import gc
import logging
import os
import queue
import sys
import threading
from typing import cast

from localai.executors import frames
from localai.schemas import engine as say
from localai.schemas.hardware import PrecisionWish


def main() -> int:
	# The real stdout is ours; whatever a library prints goes to stderr.
	events = os.fdopen(os.dup(sys.stdout.fileno()), 'wb')
	os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
	logging.basicConfig(
		level=logging.INFO, stream=sys.stderr, format='%(levelname)s %(name)s %(message)s'
	)
	lock = threading.Lock()

	def emit(event: say.Event) -> None:
		with lock:
			frames.write(events, event)

	tasks: queue.Queue[tuple] = queue.Queue()  # (task, Cancel)
	cancels = {}  # by the id of the job

	def listen() -> None:
		"""Reads commands while the main thread works; ends the process when the app is gone."""
		while True:
			command = frames.read(sys.stdin.buffer, say.COMMANDS)
			match command:
				case say.Task():
					cancels[command.job_id] = Cancel()
					tasks.put((command, cancels[command.job_id]))
				case say.Stop() if command.job_id in cancels:
					cancels[command.job_id].ask(command.mode, command.picture)
				case say.Close() | None:
					# Nothing here needs a farewell, and a running step would not listen to one.
					os._exit(0)

	# Before the seconds that the imports take: an app that is killed meanwhile leaves no orphan.
	threading.Thread(target=listen, daemon=True).start()
	# What they make stays: looking through it for garbage, over and over, is a fifth of those seconds.
	gc.disable()
	from localai.engine.engine import Cancel, Engine, failed, quiet_libraries
	from localai.errors import LocalAIError

	quiet_libraries()
	try:
		engine = Engine(sys.argv[1], int(sys.argv[2]), cast(PrecisionWish, sys.argv[3]))
	except LocalAIError as error:
		emit(failed('', error))
		# An orderly end would wait for stdin, which the listening thread holds.
		os._exit(3)

	gc.freeze()
	gc.enable()
	emit(engine.ready())
	engine.tell_held(emit)
	while True:
		task, cancel = tasks.get()
		try:
			engine.run(task, emit, cancel)
		except Exception as error:
			logging.getLogger('localai.engine').exception('job %s failed unexpectedly', task.job_id)
			emit(
				failed(
					task.job_id,
					LocalAIError(
						f'The engine hit an unexpected error: {type(error).__name__}: {error}'[
							:400
						],
						'See logs/localai.log; other settings may work.',
					),
				)
			)
		finally:
			# The same job may have come again as soon as its end was told.
			if cancels.get(task.job_id) is cancel:
				del cancels[task.job_id]


if __name__ == '__main__':
	sys.exit(main())
