"""Knows who owns a LOCALAI_HOME: one running program at a time, and where it answers."""

import json
import os
import secrets
import time
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from localai.errors import AlreadyRunning, of_disk
from localai.files.reserve import Reserve
from localai.schemas.base import Schema


class Owner(Schema):
	"""The program that has the home. `url` is '' for a command, which answers nobody; `token` opens
	its API."""

	pid: int
	url: str = ''
	token: str = ''


class HomeLock:
	"""Held as long as the program lives; the system lets go of it when the program is killed."""

	def __init__(self, home: Path):
		self.lock = FileLock(home / 'localai.lock')
		self.note = home / 'localai.running.json'
		self.reserve = Reserve(home / 'reserve')

	def take(self, url: str = '', wait: float = 0) -> Owner:
		"""On a full disk its reserve makes room for this. Raises AlreadyRunning, naming the owner,
		after `wait` seconds, or StorageProblem."""
		try:
			self.lock.acquire(timeout=wait)
		except Timeout:
			raise self.refusal() from None
		self.reserve.give_up()
		owner = Owner(pid=os.getpid(), url=url, token=secrets.token_urlsafe(24))
		try:
			self.write(owner)
		except OSError as error:
			self.lock.release()
			raise of_disk(error, self.note.parent) from error
		return owner

	def write(self, owner: Owner) -> None:
		part = self.note.with_suffix('.tmp')
		handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
		with os.fdopen(handle, 'w', encoding='utf-8') as file:
			file.write(owner.model_dump_json())
		os.replace(part, self.note)

	def refusal(self) -> AlreadyRunning:
		owner = self.owner()
		if owner and owner.url:
			return AlreadyRunning(
				f'LocalAI is already running with this folder, at {owner.url}.',
				'Open that address, or set LOCALAI_HOME to another folder.',
			)
		who = f' (process {owner.pid})' if owner else ''
		return AlreadyRunning(
			f'Another LocalAI command is using this folder{who}.',
			'Wait until it has finished, or set LOCALAI_HOME to another folder.',
		)

	def owner(self) -> Owner | None:
		"""Who holds the home now, None when nobody does."""
		if not self.lock.is_locked:
			try:
				self.lock.acquire(timeout=0)
			except Timeout:
				pass
			else:
				self.lock.release()
				return None
		for _ in range(20):  # the owner writes its note a moment after it took the lock
			try:
				return Owner.model_validate(json.loads(self.note.read_text('utf-8')))
			except (OSError, ValueError, ValidationError):
				time.sleep(0.05)
		return None

	def release(self) -> None:
		self.note.unlink(missing_ok=True)
		self.lock.release()
