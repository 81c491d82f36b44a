"""Knows how a running task is left: what was asked from outside, and the way out of a pipeline from
wherever it is."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, Literal

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
		self.mode: Literal['stop', 'keep'] | None = None
		self.skipped: frozenset[int] = frozenset()  # the numbers of pictures to be left out
		self.picture = 0  # the number of the one that is drawn; written by the engine
		self.lock = threading.Lock()

	def ask(self, mode: StopMode, picture: int = 0) -> None:
		"""`picture` is the one to skip, which may be another than the one that is drawn by now."""
		with self.lock:
			if mode == 'skip':
				self.skipped |= {picture}
			elif self.mode is None or mode == 'stop':
				self.mode = mode

	@property
	def skipping(self) -> bool:
		"""Whether the picture that is drawn is to be left out, and the task to go on; what is kept is
		not left out."""
		return self.mode is None and self.picture in self.skipped

	@property
	def unwanted(self) -> bool:
		"""Whether nothing that is computed now has a use."""
		return self.mode == 'stop' or self.skipping

	def check(self) -> None:
		"""Raises Stopped when the whole task is to end."""
		if self.mode is not None:
			raise Stopped


@contextlib.contextmanager
def leaving_early(pipeline: Any, denoiser: torch.nn.Module, cancel: Cancel) -> Iterator[None]:
	"""Looks at `cancel` before every layer, so that a long encode or decode can be left too; 'keep'
	must decode."""

	def look(module: torch.nn.Module, arguments: Any) -> None:
		if cancel.unwanted:
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
