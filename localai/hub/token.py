"""Knows the token for the hub: in the environment or where huggingface_hub keeps it, never told to
anybody but the hub."""

from pathlib import Path

from localai.hub.client import Hub
from localai.schemas.downloads import TokenState


class TokenKeeper:
	"""`place` is the file, None for huggingface_hub's own (HF_TOKEN_PATH), which `hf` shares."""

	def __init__(self, hub: Hub | None = None, place: Path | None = None): ...

	def read(self) -> str:
		"""The token for requests, '' when there is none. Never show or log it."""
		...

	def state(self, ask: bool = False) -> TokenState:
		"""`ask` asks the hub for the account's name."""
		...

	def write(self, token: str) -> TokenState:
		"""Checks it with the hub and keeps it (file mode 0600); '' removes it. Raises BadToken, HubUnreachable, InvalidInput (one from the
		environment cannot be changed here)."""
		...
