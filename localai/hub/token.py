"""Knows the token for the hub: in the environment or where huggingface_hub keeps it, never told to
anybody but the hub."""

import logging
import os
import re
from contextlib import suppress
from pathlib import Path

from huggingface_hub import constants, get_token
from huggingface_hub.utils import httpx

from localai.errors import BadToken, HomeUnusable, InvalidInput
from localai.hub.client import Hub
from localai.schemas.downloads import TokenState

logger = logging.getLogger(__name__)

FORM = re.compile(r'[\x21-\x7e]{3,400}')


class TokenKeeper:
	"""`place` is the file, None for huggingface_hub's own (HF_TOKEN_PATH), which `hf` shares."""

	def __init__(self, hub: Hub | None = None, place: Path | None = None):
		self.hub = hub or Hub()
		self.given = place

	@property
	def place(self) -> Path:
		return self.given or Path(constants.HF_TOKEN_PATH)

	def read(self) -> str:
		"""The token for requests, '' when there is none. Never show or log it."""
		if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN:
			return ''
		if self.given is None:
			# Its own order: the environment, then the file, renewed when it is about to expire.
			with suppress(OSError, ValueError, httpx.HTTPError):
				return get_token() or ''
			return ''
		return self.from_file()

	def from_file(self) -> str:
		try:
			return self.place.read_text('utf-8').strip()
		except (OSError, UnicodeDecodeError):
			return ''

	def state(self, ask: bool = False) -> TokenState:
		"""`ask` asks the hub for the account's name; raises BadToken, HubUnreachable only then."""
		token = self.read()
		if not token:
			return TokenState(present=False)
		source = 'file' if token == self.from_file() else 'environment'
		return TokenState(present=True, name=self.hub.whoami(token) if ask else '', source=source)

	def write(self, token: str) -> TokenState:
		"""Checks it with the hub and keeps it (file mode 0600); '' removes it. Raises BadToken,
		HubUnreachable, InvalidInput (one from the environment cannot be changed here), HomeUnusable."""
		token = token.strip()
		if self.state().source == 'environment':
			raise InvalidInput(
				'The token comes from HF_TOKEN in the environment.',
				'Change it there, then restart LocalAI.',
				field='token',
			)
		try:
			if not token:
				self.place.unlink(missing_ok=True)
				logger.info('the token for the hub was removed')
				return TokenState(present=False)
			if not FORM.fullmatch(token):
				raise BadToken(
					'This is not a token: it contains spaces or characters that no token has.'
				)
			name = self.hub.whoami(token)
			self.keep(token)
		except OSError as error:
			raise HomeUnusable(
				f'The token cannot be saved in {self.place.parent}: {error.strerror or error}.',
				'Set HF_HOME to a folder that you can write to.',
			) from error
		logger.info('a token for the hub was entered')
		return TokenState(present=True, name=name, source='file')

	def keep(self, token: str) -> None:
		"""Nobody else may read it, not even for a moment."""
		self.place.parent.mkdir(parents=True, exist_ok=True)
		new = self.place.with_name(f'{self.place.name}.{os.getpid()}.new')
		new.unlink(missing_ok=True)
		with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), 'w') as file:
			file.write(token)
		os.replace(new, self.place)
