"""Knows how a running task is left: what was asked from outside, and the way out of a pipeline from
wherever it is."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch

from localai.schemas import engine as say
from localai.schemas.jobs import StopMode

Emit = Callable[[say.Event], None]


class Stopped(BaseException):
	"""Leaves the pipeline from wherever it is. No Exception, so that nothing on the way swallows
	it."""


class Cancel:
	"""What was asked of the running job from outside; read by the engine's thread, written by any
	other."""

	def __init__(self) -> None:
		self.mode: StopMode | None = None
		self.lock = threading.Lock()

	def ask(self, mode: StopMode) -> None:
		with self.lock:
			if self.mode in (None, 'skip') or mode == 'stop':
				self.mode = mode

	def skip_done(self) -> bool:
		"""True, and forgotten, when only the picture being drawn was to be left out."""
		with self.lock:
			skipped = self.mode == 'skip'
			if skipped:
				self.mode = None
			return skipped

	def check(self) -> None:
		"""Raises Stopped when the whole task is to end."""
		if self.mode in ('stop', 'keep'):
			raise Stopped


@contextlib.contextmanager
def leaving_early(pipeline: Any, denoiser: torch.nn.Module, cancel: Cancel) -> Iterator[None]:
	"""Looks at `cancel` before every layer, so that a long encode or decode can be left too; 'keep'
	must decode."""

	def look(module: torch.nn.Module, arguments: Any) -> None:
		if cancel.mode in ('stop', 'skip'):
			raise Stopped

	parts = [p for p in pipeline.components.values() if isinstance(p, torch.nn.Module)]
	hooks = [
		m.register_forward_pre_hook(look)
		for p in parts
		for m in p.modules()
		if not any(m.children())
	]
	try:
		yield
	finally:
		for hook in hooks:
			hook.remove()
		if getattr(pipeline.vae, 'dtype', None) != denoiser.dtype:
			# SDXL decodes in fp32 and would stay there after a cancel.
			pipeline.vae.to(denoiser.dtype)
