"""Who follows and does not read is not told on: what Gradio keeps for them stays little, in a real
server."""

import contextlib
import json
import socket
import threading
import urllib.request
from collections.abc import AsyncIterator

import gradio as gr
import pytest
import uvicorn
from fastapi import FastAPI

from localai.ui.endpoints.doors import offer
from localai.ui.visitors import open_to
from tests.waiting import eventually

BIG = 'x' * 1_000_000
MANY = 150


class Server:
	"""One endpoint that tells many big values; `told` counts those that were asked of it by each."""

	def __init__(self):
		self.told: dict[str, int] = {}

		@open_to('anyone')
		async def tell(name: str) -> AsyncIterator[str]:
			for number in range(MANY):
				self.told[name] = number
				yield f'{number} {BIG}'

		with gr.Blocks() as demo:
			offer(tell)
		demo.queue(default_concurrency_limit=None)
		self.demo = demo
		app = gr.mount_gradio_app(FastAPI(), demo, path='/')
		self.listening = socket.socket()
		self.listening.bind(('127.0.0.1', 0))
		self.port = self.listening.getsockname()[1]
		self.server = uvicorn.Server(uvicorn.Config(app, log_level='error'))
		self.thread = threading.Thread(
			target=self.server.run, kwargs={'sockets': [self.listening]}, daemon=True
		)

	def begin(self, name: str) -> str:
		"""The path at which it is told."""
		url = f'http://127.0.0.1:{self.port}/gradio_api/call/tell'
		body = json.dumps({'data': [name]}).encode()
		asked = urllib.request.Request(url, body, {'Content-Type': 'application/json'})
		with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked) as answer:
			return f'/gradio_api/call/tell/{json.load(answer)["event_id"]}'

	def listen(self, path: str) -> socket.socket:
		line = socket.create_connection(('127.0.0.1', self.port))
		line.sendall(
			f'GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n'.encode()
		)
		return line

	def waiting(self) -> int:
		"""How many values all together have not taken."""
		queues = self.demo._queue.pending_messages_per_session
		return sum(queue.qsize() for queue in list(queues.values()))


@pytest.fixture
def server():
	one = Server()
	one.thread.start()
	eventually(lambda: one.server.started)
	yield one
	one.server.should_exit = one.server.force_exit = True
	one.thread.join()
	one.listening.close()


def test_who_does_not_read_is_not_told_on(server):
	with contextlib.closing(server.listen(server.begin('silent'))):
		eventually(lambda: server.told.get('silent', 0) > 0)
		with contextlib.closing(server.listen(server.begin('reading'))) as reading:
			while reading.recv(1 << 20):
				pass
		assert server.told['reading'] == MANY - 1
		# The other has had as long; what a line holds by itself is a few values.
		assert server.told['silent'] < MANY / 2
		assert server.waiting() < 10


def test_who_is_gone_holds_nobody(server):
	line = server.listen(server.begin('gone'))
	eventually(lambda: server.told.get('gone', 0) > 0)
	line.close()
	eventually(lambda: server.waiting() == 0)
