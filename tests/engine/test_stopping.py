"""What is asked of a running task, and how each layer of a pipeline hears of it."""

from types import SimpleNamespace

import pytest
import torch

from localai.engine.stopping import Cancel, Stopped, leaving_early


class TestCancel:
	@pytest.mark.parametrize(
		('asked', 'holds'),
		[
			(('skip', 'keep'), 'keep'),
			(('skip', 'stop'), 'stop'),
			(('skip',), None),
			(('keep', 'stop'), 'stop'),
			(('keep', 'skip'), 'keep'),
			(('stop', 'keep'), 'stop'),
			(('stop', 'skip'), 'stop'),
		],
	)
	def test_the_stronger_of_two_wishes_holds(self, asked, holds):
		cancel = Cancel()
		for mode in asked:
			cancel.ask(mode)
		assert cancel.mode == holds

	def test_a_skip_leaves_out_the_picture_it_names_and_no_other(self):
		cancel = Cancel()
		assert not cancel.skipping
		cancel.ask('skip', 1)
		cancel.check()  # the task goes on
		for number, skipped in ((0, False), (1, True), (2, False)):
			cancel.picture = number
			assert cancel.skipping == cancel.unwanted == skipped
		cancel.picture = 1
		for mode, unwanted in (('keep', False), ('stop', True)):
			cancel.ask(mode)
			assert not cancel.skipping and cancel.unwanted == unwanted
			with pytest.raises(Stopped):
				cancel.check()


class Part(torch.nn.Module):
	"""Layers within a layer, which have a precision."""

	def __init__(self) -> None:
		super().__init__()
		self.inner = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))

	@property
	def dtype(self) -> torch.dtype:
		return self.inner[0].weight.dtype

	def forward(self, value: torch.Tensor) -> torch.Tensor:
		return self.inner(value)


@pytest.fixture
def pipeline():
	parts = {'unet': Part(), 'vae': Part(), 'tokenizer': object(), 'safety_checker': None}
	return SimpleNamespace(components=parts, **parts)


class TestLeavingEarly:
	@pytest.mark.parametrize('mode', ['stop', 'skip', 'keep', None])
	def test_every_layer_hears_it_until_the_end_but_what_is_kept_is_decoded(self, pipeline, mode):
		cancel, value = Cancel(), torch.ones(1, 2)
		with leaving_early(pipeline, pipeline.unet, cancel):
			pipeline.vae(value)
			if mode:
				cancel.ask(mode)
			for layer in (pipeline.unet, pipeline.vae, pipeline.vae.inner[1]):
				if mode in ('stop', 'skip'):
					with pytest.raises(Stopped):
						layer(value)
				else:
					layer(value)
		pipeline.vae(value)

	def test_a_decoder_that_was_made_precise_comes_back(self, pipeline):
		pipeline.unet.half()
		with (
			pytest.raises(Stopped),
			leaving_early(pipeline, pipeline.unet, Cancel()),
		):
			pipeline.vae.float()
			raise Stopped
		assert pipeline.vae.dtype == torch.float16
