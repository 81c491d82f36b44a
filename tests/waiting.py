"""Knows how a test waits: for something to be so, however long a busy machine takes to get there."""

import time
from collections.abc import Callable

# Not how fast anything is: after so long it will not come any more.
GIVEN_UP = 120


def eventually(ready: Callable[[], object], what: object = 'it did not happen') -> None:
	until = time.monotonic() + GIVEN_UP
	while not ready():
		assert time.monotonic() < until, what() if callable(what) else what
		time.sleep(0.01)
