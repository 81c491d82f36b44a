"""Knows what becomes of an error in Gradio: an answer with a sentence and a line in the log, never a
traceback in the terminal."""

import errno
import logging

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from localai.errors import LocalAIError

log = logging.getLogger('localai.ui')
FULL = (errno.ENOSPC, errno.EDQUOT)


class Failures:
	"""An ASGI layer around Gradio. Its app answers 500 before it raises: that is held back."""

	def __init__(self, app: ASGIApp):
		self.app = app

	async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
		if scope['type'] != 'http':
			await self.app(scope, receive, send)
			return
		started = False
		held: list[Message] = []

		async def kept(message: Message) -> None:
			nonlocal started
			if held or (message['type'] == 'http.response.start' and message['status'] == 500):
				held.append(message)
				return
			started = started or message['type'] == 'http.response.start'
			await send(message)

		try:
			await self.app(scope, receive, kept)
		except ClientDisconnect:
			return  # nobody hears an answer
		except Exception as error:
			if not started:
				return await told(error, scope['path'])(scope, receive, send)
			# A call that is not there is said in its stream; Starlette has a complaint of its own then.
			if not isinstance(error.__cause__ or error, HTTPException):
				log.exception('an answer from %s was cut off', scope['path'])
			await send({'type': 'http.response.body', 'body': b'', 'more_body': False})
			return
		if held:
			log.error('%s answered 500', scope['path'])
			await sorry(500, 'Something went wrong in LocalAI.', 'See logs/localai.log.')(
				scope, receive, send
			)


def told(error: Exception, path: str) -> JSONResponse:
	if isinstance(error, OSError) and error.errno in FULL:
		log.warning('%s: the disk is full', path)
		return sorry(507, 'The disk is full.', 'Free some space, then try again.')
	log.error('%s failed', path, exc_info=error)
	return sorry(500, 'Something went wrong in LocalAI.', 'See logs/localai.log.')


def sorry(status: int, message: str, remedy: str) -> JSONResponse:
	return JSONResponse({'error': LocalAIError(message, remedy).told()}, status)
