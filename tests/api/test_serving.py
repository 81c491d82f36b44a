"""The end of the server: pages that are open hear of it, and it is no error."""

import asyncio
import logging
import socket
import threading

import httpx

from localai.api.serving import Server, worth_telling
from tests.visits import at_home
from tests.waiting import eventually


def record(message: str, error: BaseException | None = None) -> logging.LogRecord:
	about = (type(error), error, None) if error else None
	return logging.LogRecord('uvicorn.error', logging.ERROR, '', 0, message, (), about)


class TestEnd:
	def test_what_lasts_for_ever_ends_before_it_is_cut_off(self, caplog):
		ended = asyncio.Event()

		async def app(scope, receive, send):
			if scope['type'] != 'http':
				return
			await send({'type': 'http.response.start', 'status': 200, 'headers': []})
			await send({'type': 'http.response.body', 'body': b'begun', 'more_body': True})
			await ended.wait()
			await send({'type': 'http.response.body', 'body': b' ended'})

		with socket.create_server(('127.0.0.1', 0)) as listener:
			server = Server(at_home(app).app, ended.set)
			server.config.lifespan = 'off'
			thread = threading.Thread(target=server.run, args=([listener],))
			thread.start()
			eventually(lambda: server.started)
			url = f'http://127.0.0.1:{listener.getsockname()[1]}'
			with httpx.Client(trust_env=False) as client, client.stream('GET', url) as answer:
				parts = answer.iter_bytes()
				assert next(parts) == b'begun'
				server.should_exit = True
				assert b''.join(parts) == b' ended'
			thread.join(20)
			assert not thread.is_alive()
		assert not caplog.records

	def test_an_answer_that_is_cut_off_then_is_not_told(self):
		assert not worth_telling(record('Exception in ASGI application', asyncio.CancelledError()))
		assert not worth_telling(
			record('Cancel 2 running task(s), timeout graceful shutdown exceeded')
		)
		assert worth_telling(record('Exception in ASGI application', ValueError()))
		assert worth_telling(record('Invalid HTTP request received.'))

	def test_nobody_waits_for_what_will_not_come(self, studio, executor):
		async def follow(stream) -> int:
			return len([value async for value in stream])

		async def all_of_them() -> list[int]:
			executor.gate.clear()
			job = studio.generation.start({'prompt': 'a fox', 'steps': 1})
			streams = (studio.watch(), studio.jobs.follow_async(job.id))
			tasks = [asyncio.create_task(follow(stream)) for stream in streams]
			await asyncio.sleep(0.05)
			studio.hush()
			return await asyncio.wait_for(asyncio.gather(*tasks), 20)

		assert all(asyncio.run(all_of_them()))
