"""Knows how commands and events cross the pipe: two lengths, JSON, and the bytes of a picture."""

import struct
from typing import BinaryIO, TypeVar

from pydantic import TypeAdapter

from localai.schemas.base import Schema

HEAD = struct.Struct('>II')
Message = TypeVar('Message', bound=Schema)


def write(stream: BinaryIO, message: Schema) -> None:
	text = message.model_dump_json().encode()
	data = getattr(message, 'data', b'')
	stream.write(HEAD.pack(len(text), len(data)) + text + data)
	stream.flush()


def read(stream: BinaryIO, kinds: TypeAdapter[Message]) -> Message | None:
	"""The next message, None when the other side is gone."""
	head = read_exactly(stream, HEAD.size)
	if head is None:
		return None
	length, extra = HEAD.unpack(head)
	text = read_exactly(stream, length)
	data = read_exactly(stream, extra) if extra else b''
	if text is None or data is None:
		return None
	message = kinds.validate_json(text)
	return message.model_copy(update={'data': data}) if extra else message


def read_exactly(stream: BinaryIO, count: int) -> bytes | None:
	parts = []
	while count:
		part = stream.read(count)
		if not part:
			return None
		parts.append(part)
		count -= len(part)
	return b''.join(parts)
