"""Knows the files of the page as a browser gets them: under an address that changes with any of them,
compressed once, kept for a year."""

import gzip
import hashlib
import json
import re
from functools import cached_property
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

STATIC = Path(__file__).parent / 'static'
# Written out, because what a machine believes about endings differs.
KINDS = {
	'.js': 'text/javascript; charset=utf-8',
	'.css': 'text/css; charset=utf-8',
	'.svg': 'image/svg+xml',
	'.webp': 'image/webp',
}
# What is as small as it gets.
PACKED = ('.webp',)
STYLE = 'page.css'
# This script stands in the head itself: it says so when the others do not come.
WITHIN = 'page/first.js'
# These begin and end the one style sheet; the files of the tabs come between, in the order of their names.
FIRST = ('tokens', 'base', 'header', 'rows', 'viewer', 'dialogs')
LAST = ('narrow', 'pocket')
# What is said to who reads the sources: whole lines of comment, and what stands before a line. The lines
# themselves stay, so that a browser's console names the line of the file.
ASIDE = re.compile(r'^[ \t]*(?://[^\n]*|/\*(?:(?!\*/).)*\*/)[ \t]*$', re.MULTILINE | re.DOTALL)
INDENT = re.compile(r'^[ \t]+', re.MULTILINE)
REFUSED = re.compile(r'q\s*=\s*0(\.0*)?')
FOREVER = 'public, max-age=31536000, immutable'


class Assets:
	"""An ASGI app for everything in `static/`.

	Its files lie under `prefix`, which holds the digest of them all: a script that imports its
	neighbour by a relative address gets the one of the same version, and what a browser has once it
	need not ask for again. They hold no secrets.
	"""

	room = 'localai'

	def __init__(self, catalog: dict):
		"""`catalog` is what the scripts know from the first moment on, as a module beside them."""
		self.files = {
			path.relative_to(STATIC).as_posix(): content(path)
			for path in sorted(STATIC.rglob('*'))
			if path.suffix in ('.js', '.svg', *PACKED)
		}
		markup = {
			path.relative_to(STATIC).with_suffix('').as_posix(): lean(path.read_text('utf-8'))
			for path in sorted(STATIC.rglob('*.html'))
		}
		self.within = self.files.pop(WITHIN).decode()
		self.files['page/markup.js'] = module('markup', markup)
		self.files['page/catalog.js'] = module('catalog', catalog)
		self.files[STYLE] = style().encode()
		told = hashlib.sha256()
		for name, data in sorted(self.files.items()):
			told.update(f'{name}\0{len(data)}\0'.encode() + data)
		self.digest = told.hexdigest()[:16]
		self.small: dict[str, bytes] = {}

	@property
	def prefix(self) -> str:
		"""Where the files are, as seen from the page: without a leading slash, so that it also holds
		behind a path or a tunnel."""
		return f'{self.room}/{self.digest}'

	def sent(self, name: str, small: bool = True) -> bytes:
		"""What travels; packed where it may be and gets smaller, once, when it is first asked for."""
		if not small or packed(name):
			return self.files[name]
		if name not in self.small:
			self.small[name] = gzip.compress(self.files[name], 9, mtime=0)
		return self.small[name]

	@cached_property
	def head(self) -> str:
		"""What begins to load with the first line of the page: the style sheet, and every script
		at once instead of one after another."""
		here = self.prefix
		scripts = [name for name in self.files if name.endswith('.js')]
		return '\n'.join(
			(
				f'<script>{self.within}</script>',
				f'<link rel="icon" type="image/svg+xml" href="{here}/page/icon.svg">',
				f'<link rel="stylesheet" href="{here}/{STYLE}">',
				*(f'<link rel="modulepreload" href="{here}/{name}">' for name in scripts),
			)
		)

	async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
		if scope['type'] != 'http':
			return
		request = Request(scope)
		await self.answer(request)(scope, receive, send)

	def answer(self, request: Request) -> Response:
		digest, _, name = request.scope['path'].rpartition(f'/{self.room}/')[2].partition('/')
		if digest != self.digest or name not in self.files:
			return Response('There is no such file.', 404)
		if request.method not in ('GET', 'HEAD'):
			return Response('These files are read-only.', 405, {'allow': 'GET, HEAD'})
		accepted = request.headers.get('accept-encoding', '')
		small = takes_gzip(accepted) and not packed(name)
		headers = {
			'cache-control': FOREVER,
			'vary': 'accept-encoding',
			'etag': f'"{self.digest}{"-gzip" if small else ""}"',
		}
		if headers['etag'] in request.headers.get('if-none-match', ''):
			return Response(None, 304, headers)
		body = self.sent(name, small)
		if small:
			headers['content-encoding'] = 'gzip'
		# Not `media_type`, which would guess a charset.
		headers['content-type'] = KINDS[Path(name).suffix]
		return Response(body, 200, headers)


def packed(name: str) -> bool:
	return name.endswith(PACKED)


def content(path: Path) -> bytes:
	return path.read_bytes() if packed(path.name) else lean(path.read_text('utf-8')).encode()


def takes_gzip(accepted: str) -> bool:
	"""What `Accept-Encoding` says of it; `gzip;q=0` is a refusal (RFC 9110, 12.5.3)."""
	for part in accepted.lower().split(','):
		name, *rest = (word.strip() for word in part.split(';'))
		if name == 'gzip':
			return not any(REFUSED.fullmatch(word) for word in rest)
	return False


def module(name: str, value: object) -> bytes:
	"""A script that knows one thing."""
	return f'export const {name} = {json.dumps(value)};\n'.encode()


def lean(text: str) -> str:
	"""The same without comments and indentation. A line must not begin within a template or a string,
	where they would be part of it; a test holds that none does."""
	return INDENT.sub('', ASIDE.sub(lambda found: '\n' * found[0].count('\n'), text))


def style() -> str:
	"""All style sheets as one."""
	page = STATIC / 'page'
	tabs = sorted(path for path in STATIC.glob('*/*.css') if path.parent != page)
	known = {*FIRST, *LAST}
	assert known == {path.stem for path in page.glob('*.css')}, 'a style sheet has no place'
	sheets = (
		*(page / f'{name}.css' for name in FIRST),
		*tabs,
		*(page / f'{name}.css' for name in LAST),
	)
	return '\n'.join(lean(path.read_text('utf-8')) for path in sheets)
