"""Knows what junk looks like: values that nobody would send, and sound ones that are only a little wrong."""

import json
import random
from typing import Any

EVIL = 'fox \ud83e\x00\x1b[31m\x9b\u202e'
TEXTS = (
	'', ' ', 'x', '0', '-1', 'null', 'fox', EVIL, '\x00', '\udfff', 'é' * 300, 'x' * 20_000,
	'../../etc/passwd', '/etc/passwd', '~', 'C:\\x', '%s%n', '${7*7}', '{{7*7}}', "'; drop table jobs; --",
	'<script>alert(1)</script>', 'https://127.0.0.1:9/a.safetensors', 'file:///etc/passwd', '"', 'a"b:c -',
	'rating:>=99', 'after:9999-99-99', 'size:0x0', 'seed:' + '9' * 40, 'tag:"', '((((', '\U0001f98a',
	'sketchbook', 'org/name', '2026-02-30', '1e999', 'NaN', 'a\nb\r\nc', '__class__', 'constructor',
)  # fmt: skip
NUMBERS = (
	0, 1, -1, 2, 7, 64, 100, 255, 10**6, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63), 10**30,
	0.5, -0.0, 1e-320, 1e308, float('nan'), float('inf'), float('-inf'),
)  # fmt: skip


class Junk:
	def __init__(self, lot: random.Random):
		self.lot = lot

	def one_in(self, many: int) -> bool:
		return self.lot.randrange(many) == 0

	def text(self) -> str:
		return self.lot.choice(TEXTS)

	def value(self, depth: int = 0) -> Any:
		kinds: list[Any] = [self.text, self.text, self.number, lambda: None, self.flag]
		if depth < 3:
			kinds += [lambda: self.row(depth), lambda: self.thing(depth), self.file]
		if depth == 0:
			kinds += [self.deep, self.long]
		return self.lot.choice(kinds)()

	def number(self) -> float:
		return self.lot.choice(NUMBERS)

	def flag(self) -> bool:
		return self.one_in(2)

	def row(self, depth: int = 0) -> list[Any]:
		return [self.value(depth + 1) for _ in range(self.lot.randrange(4))]

	def thing(self, depth: int = 0) -> dict[str, Any]:
		return {self.text(): self.value(depth + 1) for _ in range(self.lot.randrange(4))}

	def file(self) -> dict[str, Any]:
		return {'path': self.text(), 'meta': {'_type': 'gradio.FileData'}, 'url': self.text()}

	def deep(self) -> Any:
		value: Any = self.text()
		for _ in range(self.lot.choice((50, 150, 900))):
			value = [value] if self.one_in(2) else {'a': value}
		return value

	def long(self) -> Any:
		return [self.number()] * self.lot.choice((1000, 5000))

	def fields(self, names: list[str], sound: dict[str, Any] | None = None) -> Any:
		"""An object of these names: some left out, some wrong, some too many; sometimes none at all."""
		if self.one_in(12):
			return self.value()
		sound = sound or {}
		kept = [name for name in names if not self.one_in(3)]
		wrong = {name for name in kept if self.one_in(2)}
		told = {n: self.value() if n in wrong or n not in sound else sound[n] for n in kept}
		if self.one_in(4):
			told[self.text()] = self.value()
		return told

	def body(self, value: Any) -> bytes:
		"""As JSON, which may be cut or spoilt."""
		data = json.dumps(value, ensure_ascii=self.flag()).encode('utf-8', 'surrogatepass')
		match self.lot.randrange(24):
			case 0:
				return data[: self.lot.randrange(len(data) + 1)]
			case 1:
				return self.lot.randbytes(self.lot.randrange(64))
			case 2:
				return data.replace(b'"', b'', 1)
			case 3:
				return self.lot.choice((b'', b'null', b'[' * 50_000, b'{"a":' + b'9' * 5000 + b'}'))
		return data

	def kind(self) -> str:
		if not self.one_in(12):
			return 'application/json'
		return self.lot.choice(
			('', 'text/plain', 'application/json; charset=utf-16', 'multipart/form-data', EVIL[:3])
		)

	def word(self) -> str:
		"""A part of an address or of a command, without what would break the line it stands on."""
		return ''.join(c for c in self.text() if c.isprintable() and c.isascii())[:200] or 'x'
