"""Knows whether a password is right, and lets an address wait that tried too many wrong ones."""

import base64
import hmac
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil

from localai.api.callers import Caller

FREE = 5  # wrong ones before an address waits
LONGEST = 60.0  # seconds that it waits at most
FORGOTTEN = 900.0  # seconds after which a wrong one no longer counts
REMEMBERED = 4096  # addresses


class Passwords:
	"""Wrong ones are counted for each address; who sits at this computer never waits."""

	def __init__(self, password: str, clock: Callable[[], float] = time.monotonic):
		self.password = password.encode('utf-8', 'surrogateescape')
		self.clock = clock
		self.wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()

	def right(self, authorization: str, caller: Caller) -> bool:
		"""Not while the address has to wait."""
		kind, _, value = authorization.partition(' ')
		if kind.lower() != 'basic' or not self.password:
			return False
		if not caller.here and self.wait(caller):
			return False
		try:
			given = base64.b64decode(value, validate=True).partition(b':')[2]
		except ValueError:
			given = b''
		right = hmac.compare_digest(given, self.password)
		if not right and not caller.here:
			self.count(caller)
		return right

	def wait(self, caller: Caller) -> int:
		"""Seconds until this address may try again."""
		tries, last = self.wrong.get(key_of(caller), (0, 0.0))
		if tries < FREE:
			return 0
		return ceil(max(0.0, last + min(LONGEST, 2.0 ** (tries - FREE)) - self.clock()))

	def count(self, caller: Caller) -> None:
		key, now = key_of(caller), self.clock()
		tries, last = self.wrong.pop(key, (0, now))
		self.wrong[key] = (tries + 1 if now - last < FORGOTTEN else 1), now
		if len(self.wrong) > REMEMBERED:
			self.wrong.popitem(last=False)


def key_of(caller: Caller) -> str:
	"""Whoever has one address of IPv6 has the 2**64 beside it, too."""
	name = caller.address or caller.peer
	if ':' not in name:
		return name
	return str(ipaddress.ip_network(f'{name}/64', strict=False))
