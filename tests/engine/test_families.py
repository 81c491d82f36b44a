"""A tiny real pipeline of each further family goes the whole way: inspected, loaded, drawn, left in
the middle."""

import pytest

from localai.engine.engine import Engine
from localai.files.weights import whole as files
from localai.schemas import engine as say
from tests.engine.test_engine import drawn, pixels_of, run, task


@pytest.fixture(scope='module')
def tiny_sdxl(tmp_path_factory, tiny_model):
	import torch
	from diffusers import (
		AutoencoderKL,
		EulerDiscreteScheduler,
		StableDiffusionXLPipeline,
		UNet2DConditionModel,
	)
	from transformers import (
		CLIPTextConfig,
		CLIPTextModel,
		CLIPTextModelWithProjection,
		CLIPTokenizer,
	)

	torch.manual_seed(0)
	tokenizer = CLIPTokenizer.from_pretrained(tiny_model / 'tokenizer')
	text = CLIPTextConfig(
		vocab_size=len(tokenizer),
		hidden_size=32,
		intermediate_size=64,
		num_hidden_layers=2,
		num_attention_heads=4,
		projection_dim=32,
		bos_token_id=tokenizer.bos_token_id,
		eos_token_id=tokenizer.eos_token_id,
		pad_token_id=tokenizer.eos_token_id,
	)
	pipeline = StableDiffusionXLPipeline(
		unet=UNet2DConditionModel(
			block_out_channels=(16, 32),
			layers_per_block=1,
			sample_size=32,
			in_channels=4,
			out_channels=4,
			down_block_types=('DownBlock2D', 'CrossAttnDownBlock2D'),
			up_block_types=('CrossAttnUpBlock2D', 'UpBlock2D'),
			attention_head_dim=(2, 4),
			use_linear_projection=True,
			addition_embed_type='text_time',
			addition_time_embed_dim=8,
			transformer_layers_per_block=(1, 2),
			projection_class_embeddings_input_dim=32 + 6 * 8,
			cross_attention_dim=64,
			norm_num_groups=8,
		),
		vae=AutoencoderKL(
			block_out_channels=(8, 16),
			down_block_types=('DownEncoderBlock2D',) * 2,
			up_block_types=('UpDecoderBlock2D',) * 2,
			latent_channels=4,
			norm_num_groups=8,
			layers_per_block=1,
		),
		text_encoder=CLIPTextModel(text),
		text_encoder_2=CLIPTextModelWithProjection(text),
		tokenizer=tokenizer,
		tokenizer_2=tokenizer,
		scheduler=EulerDiscreteScheduler(
			beta_start=0.00085, beta_end=0.012, beta_schedule='scaled_linear', steps_offset=1
		),
		add_watermarker=False,
	)
	folder = tmp_path_factory.mktemp('models') / 'tiny-xl'
	pipeline.save_pretrained(folder, safe_serialization=True)
	return folder


class TestStableDiffusionXL:
	def test_it_is_known_from_its_headers_and_draws(self, tiny_sdxl):
		assert files.inspect(tiny_sdxl).family == 'sdxl'
		engine = Engine('cpu')
		events = run(engine, task(tiny_sdxl, seeds=(1, 2)))
		assert isinstance(events[-1], say.Finished), events[-1]
		before = [pixels_of(d) for d in drawn(events)]
		assert (before[0] != before[1]).any()

		def react(event, cancel):
			if isinstance(event, say.Stepped) and event.step == event.steps:
				cancel.ask('stop')

		assert isinstance(run(engine, task(tiny_sdxl), react)[-1], say.Cancelled)
		after = pixels_of(drawn(run(engine, task(tiny_sdxl, seeds=(1,))))[0])
		assert (after == before[0]).all()


class TestSwitch:
	def test_models_are_switched_and_switched_back(self, tiny_sdxl, tiny_model):
		engine = Engine('cpu')
		first = pixels_of(drawn(run(engine, task(tiny_model)))[0])
		assert isinstance(run(engine, task(tiny_sdxl))[-1], say.Finished)
		assert (pixels_of(drawn(run(engine, task(tiny_model)))[0]) == first).all()
