"""Knows how app.py listens."""

import socket

import pytest

from app import bind
from localai.errors import PortTaken
from localai.settings import read_settings


class TestBind:
	def test_asyncio_will_send_small_answers_at_once(self):
		"""It sets TCP_NODELAY only on sockets that name their protocol."""
		with bind(read_settings({}, port=0)) as listener:
			assert listener.proto == socket.IPPROTO_TCP
			assert listener.getsockname()[0] == '127.0.0.1'

	def test_a_taken_port_is_said(self):
		with bind(read_settings({}, port=0)) as listener:
			port = listener.getsockname()[1]
			with pytest.raises(PortTaken, match=f'127.0.0.1 port {port}'):
				bind(read_settings({}, port=port))

	def test_a_host_that_is_not_there_is_said(self):
		with pytest.raises(PortTaken, match='nowhere.invalid'):
			bind(read_settings({}, host='nowhere.invalid'))
