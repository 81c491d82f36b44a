"""Knows the texts inside a picture: the A1111 `parameters` line and our own JSON chunk; writer
beside reader."""

import json
import struct
import zlib
from datetime import datetime
from math import isfinite
from pathlib import Path

import orjson
from pydantic import Field, ValidationError

from localai.errors import InvalidInput
from localai.files.pictures.chunks import OURS, PNG_SIGNATURE, read_contents
from localai.files.pictures.foreign.values import (
	listing,
	lora,
	mapping,
	moment,
	reading,
	sane,
	words,
)
from localai.schemas.base import Kept
from localai.schemas.exchange import Reading
from localai.schemas.generation import ExactSeed, GenerationParameters, Picture, Receipt, Recipe
from localai.schemas.terms import SEED_LIMIT, TABLE
from localai.schemas.terms import words as said

CHUNK = OURS
RECORD_LIMIT = 500_000  # characters; the longest prompts, every letter escaped, take half of it
VERSION = 1
# Fields of a Recipe that stand in our own chunk as they are.
FIELDS = tuple(
	term.name for term in TABLE if term.name not in ('model', 'count', 'loras', 'styles')
)
# How the line of A1111 begins; what else there is follows.
A1111_ORDER = (
	'Steps',
	'Sampler',
	'Schedule type',
	'CFG scale',
	'Seed',
	'Size',
	'Model hash',
	'Model',
)
# The names other programs know, where ours is only spelt otherwise.
A1111_NAMES = {'DPM++ 2S': 'DPM++ 2S a'}


class Record(Kept):
	"""What our own chunk holds: all that is needed to draw the picture again, and how it was
	drawn. `request` is complete, or of another version and then as far as it is understood."""

	version: int = Field(VERSION, ge=1)
	job_id: str
	index: int = Field(ge=0, lt=2**31)
	seed: ExactSeed = Field(ge=0, lt=SEED_LIMIT)
	request: GenerationParameters | Recipe = Field(union_mode='left_to_right')
	receipt: Receipt
	model_id: str
	created_at: str = Field(description='ISO 8601, UTC')


def parameters_text(record: Record | Picture, width: int, height: int) -> str:
	"""The text that A1111 writes, so that its readers find prompt, seed, sampler and model.

	Grammar: images.py and infotext_utils.py of A1111 1.10; the settings line starts with `Steps: `.
	"""
	request, receipt = record.request, record.receipt
	pairs: dict[str, object] = dict.fromkeys(A1111_ORDER)
	pairs |= {t.a1111: said(getattr(request, t.name, None)) for t in TABLE if t.a1111}
	pairs |= {
		'Sampler': request.sampler and A1111_NAMES.get(request.sampler, request.sampler),
		'Seed': record.seed,
		'Size': f'{width}x{height}',
		'Model hash': receipt.model_hash,
		'Model': receipt.model_name,
		'RNG': 'CPU',
		'Version': f'LocalAI {receipt.app}',
	}
	if receipt.model_hash:
		pairs['Hashes'] = json.dumps({'model': receipt.model_hash}, separators=(',', ':'))
	line = ', '.join(
		f'{key}: {quote(value)}' for key, value in pairs.items() if value not in (None, '')
	)
	negative = f'\nNegative prompt: {request.negative_prompt}' if request.negative_prompt else ''
	return f'{request.prompt}{negative}\n{line}'


def quote(value: object) -> str:
	"""A value with a comma, colon or line break is written as a JSON string; a JSON object stands
	as it is."""
	text = str(value)
	if text.startswith('{') or not any(c in text for c in ',:\n'):
		return text
	return json.dumps(text, ensure_ascii=False)


def with_texts(png: bytes, texts: dict[str, str]) -> bytes:
	"""The same PNG with text chunks after its header; the pixels are not encoded again."""
	if not png.startswith(PNG_SIGNATURE):
		raise ValueError('not a PNG')
	end = len(PNG_SIGNATURE) + 25  # the IHDR chunk: length, name, 13 bytes, checksum
	return png[:end] + b''.join(text_chunk(k, v) for k, v in texts.items()) + png[end:]


def text_chunk(key: str, text: str) -> bytes:
	"""`tEXt` where Latin-1 can say it, as older readers expect; `iTXt` in UTF-8 elsewhere (PNG
	specification 11.3.4)."""
	try:
		name, body = b'tEXt', key.encode('latin-1') + b'\0' + text.encode('latin-1')
	except UnicodeEncodeError:
		name, body = b'iTXt', key.encode('latin-1') + b'\0\0\0\0\0' + text.encode('utf-8')
	return struct.pack('>I', len(body)) + name + body + struct.pack('>I', zlib.crc32(name + body))


def embed(png: bytes, record: Record, width: int, height: int) -> bytes:
	return with_texts(
		png, {'parameters': parameters_text(record, width, height), CHUNK: record.model_dump_json()}
	)


def read_record(source: Path | bytes) -> Record | None:
	"""Our own chunk of a picture, None where there is none or it cannot be understood. No pixel is
	decoded, but a file that ends too early has none."""
	try:
		return parse_record(read_contents(source).texts.get(CHUNK, ''))
	except InvalidInput:
		return None


def parse_record(text: str) -> Record | None:
	"""Also of a later version, with all that it says more. None of one that we cannot have written:
	a time without a zone, a number without an end, a picture of nothing."""
	if not text or len(text) > RECORD_LIMIT:
		return None
	try:
		record = Record.model_validate(sane(orjson.loads(text)))
		written = datetime.fromisoformat(record.created_at)
	except (ValidationError, ValueError, RecursionError):
		return None
	ours = written.tzinfo and moment(record.created_at) and isfinite(record.receipt.seconds)
	return record if ours and (record.request.prompt or record.version > VERSION) else None


def beyond(record: Record) -> dict[str, object]:
	"""What a record of a later version says beside request and receipt."""
	return record.others | ({'version': record.version} if record.version > VERSION else {})


def reading_of(fields: dict, request: dict, receipt: dict, text: str) -> Reading:
	"""What our own chunk says, as of any other picture. A chunk of a later version may say more and
	otherwise; what has no field here becomes an extra."""
	named = {**request, 'seed': fields.get('seed', request.get('seed'))}
	loras = [
		lora(use.get('name'), use.get('weight', 1.0), use.get('hash', ''))
		for use in map(mapping, listing(request.get('loras')))
	]
	return reading(
		'localai',
		text,
		app=f'LocalAI {words(receipt.get("app"))}',
		model_hash=receipt.get('model_hash'),
		loras=loras,
		styles=listing(request.get('styles')),
		extra=[(k, v) for k, v in named.items() if k not in Recipe.model_fields],
		given={
			**{k: named.get(k) for k in FIELDS},
			'model': words(receipt.get('model_name') or named.get('model')),
		},
	)
