"""Knows how the server runs and ends: open pages are told first, and that they were open is no error."""

import asyncio
import logging
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

GRACE = 3  # seconds for what is being answered when it ends


class Server(uvicorn.Server):
	"""`ends` are called when it is told to stop: they end what would last for ever."""

	def __init__(self, app: ASGIApp, *ends: Callable[[], None]):
		config = uvicorn.Config(
			app,
			log_config=None,  # ours has it
			timeout_graceful_shutdown=GRACE,
			access_log=False,
			lifespan='on',
			server_header=False,
			proxy_headers=False,  # the guard alone reads what proxies say
		)
		super().__init__(config)
		self.ends = ends
		logging.getLogger('uvicorn.error').addFilter(worth_telling)

	async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
		for end in self.ends:
			end()
		await super().shutdown(sockets)


def worth_telling(record: logging.LogRecord) -> bool:
	"""Not that an answer was cut off because it is the end."""
	reason = record.exc_info[1] if record.exc_info else None
	cut = isinstance(reason, asyncio.CancelledError) or 'graceful shutdown' in str(record.msg)
	return not cut
