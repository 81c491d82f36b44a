"""Knows how the JSON of a request is read: not more than it may be, an object, and its texts whole."""

import json

from fastapi import Request

from localai.errors import InvalidInput
from localai.text import sound_all

LIMIT = 1_000_000  # bytes of a request


async def read_fields(request: Request, what: str) -> dict:
	"""The object in the body; `what` it should be is said to who sent something else. Raises
	InvalidInput."""
	body = b''
	async for part in request.stream():
		body += part
		if len(body) > LIMIT:
			raise InvalidInput(
				'The request is too long.', 'A prompt can have up to 10,000 characters.'
			)
	try:
		fields = json.loads(body)
	except (ValueError, RecursionError):
		fields = None
	if not isinstance(fields, dict):
		raise InvalidInput('The request is not a JSON object.', f'Send {what}.')
	return sound_all(fields)
