"""Knows nothing yet."""

from localai.schemas.history import Reading


def read(texts: dict[str, str]) -> Reading | None:
	return None
