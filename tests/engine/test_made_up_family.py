"""A family that the engine has never met, without a UNet and without trained noise levels, is one row
for people and one for the engine."""

import io

import numpy
import pytest
import torch
from PIL import Image

from localai.engine import families, previews
from localai.engine.engine import Engine
from localai.engine.families import ANATOMIES, Anatomy, Look, pairs
from localai.engine.stopping import Cancel
from localai.files.weights import whole as files
from localai.schemas import engine as say
from localai.schemas.families import FAMILIES, Effort, Family, Shape
from localai.services.models.service import BUILTIN
from tests.engine.test_engine import drawn, pixels_of, run, task
from tests.pictures import parameters

PERSONS = Family(
	name='flux1',
	title='Made up',
	pipelines={'text': 'FluxPipeline'},
	variants=('dev', 'schnell'),
	shapes=(Shape(name='Square', width=64, height=64),),
	efforts=(Effort(name='Balanced', steps=4, sampler='Euler', schedule='Automatic'),),
	effort='Balanced',
	guidance_scale=3.5,
	negative_prompt=False,
	samplers=('Euler',),
)
ENGINES = Anatomy(
	parts=('transformer', 'vae', 'text_encoder', 'text_encoder_2'),
	look=Look(
		((0.1, 0.2, 0.3), (0.2, -0.1, 0.1), (0.0, 0.1, -0.2), (-0.1, 0.1, 0.2)), unpack=pairs
	),
	denoiser='transformer',
	noise='flow',
	constants={'max_sequence_length': 16},
	channels_last=('vae',),
)
EULER = {'sampler': 'Euler', 'guidance_scale': 3.5}


@pytest.fixture(scope='module', autouse=True)
def rows():
	with pytest.MonkeyPatch.context() as patch:
		patch.setitem(FAMILIES, 'flux1', PERSONS)
		patch.setitem(ANATOMIES, 'flux1', ENGINES)
		yield


@pytest.fixture(scope='module')
def tiny_flow(tmp_path_factory):
	from diffusers import (
		AutoencoderKL,
		FlowMatchEulerDiscreteScheduler,
		FluxPipeline,
		FluxTransformer2DModel,
	)
	from transformers import (
		CLIPTextConfig,
		CLIPTextModel,
		CLIPTokenizer,
		T5Config,
		T5EncoderModel,
		T5Tokenizer,
	)

	torch.manual_seed(0)
	tokenizer = CLIPTokenizer.from_pretrained(BUILTIN / 'tokenizer')
	pieces = ['<pad>', '</s>', '<unk>', '\u2581', *'abcdefghijklmnopqrstuvwxyz']
	words = T5Tokenizer(vocab=[(piece, -float(at)) for at, piece in enumerate(pieces)], extra_ids=0)
	pipeline = FluxPipeline(
		scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
		transformer=FluxTransformer2DModel(
			in_channels=16,
			num_layers=1,
			num_single_layers=1,
			attention_head_dim=16,
			num_attention_heads=2,
			joint_attention_dim=32,
			pooled_projection_dim=32,
			axes_dims_rope=(4, 4, 8),
			guidance_embeds=True,
		),
		vae=AutoencoderKL(
			block_out_channels=(8, 16),
			down_block_types=('DownEncoderBlock2D',) * 2,
			up_block_types=('UpDecoderBlock2D',) * 2,
			latent_channels=4,
			norm_num_groups=8,
			layers_per_block=1,
			shift_factor=0.1,
			scaling_factor=0.5,
			use_quant_conv=False,
			use_post_quant_conv=False,
		),
		text_encoder=CLIPTextModel(
			CLIPTextConfig(
				vocab_size=len(tokenizer),
				hidden_size=32,
				intermediate_size=64,
				num_hidden_layers=1,
				num_attention_heads=4,
				bos_token_id=tokenizer.bos_token_id,
				eos_token_id=tokenizer.eos_token_id,
				pad_token_id=tokenizer.eos_token_id,
			)
		),
		tokenizer=tokenizer,
		text_encoder_2=T5EncoderModel(
			T5Config(vocab_size=len(words), d_model=32, d_kv=8, d_ff=64, num_layers=1, num_heads=4)
		),
		tokenizer_2=words,
	)
	folder = tmp_path_factory.mktemp('models') / 'tiny-flow'
	pipeline.save_pretrained(folder, safe_serialization=True)
	return folder


class TestMadeUpFamily:
	def test_it_draws_what_the_bare_library_draws(self, tiny_flow):
		from diffusers import FluxPipeline

		assert files.inspect(tiny_flow).family == 'flux1'
		events = run(Engine('cpu'), task(tiny_flow, seeds=(7, 8), **EULER))
		assert isinstance(events[-1], say.Finished), events[-1]
		first, second = (pixels_of(one) for one in drawn(events))
		assert (first != second).any()
		bare = FluxPipeline.from_pretrained(tiny_flow, local_files_only=True)
		bare.set_progress_bar_config(disable=True)
		image = bare(
			'a fox',
			width=64,
			height=64,
			num_inference_steps=4,
			guidance_scale=3.5,
			max_sequence_length=16,
			generator=torch.Generator().manual_seed(7),
		).images[0]
		assert numpy.abs(numpy.asarray(image).astype(int) - first).max() <= 1

	def test_its_packed_latents_are_previewed_in_the_shape_of_the_picture(self, tiny_flow):
		events = run(Engine('cpu'), task(tiny_flow, width=96, **EULER))
		data = next(e.data for e in events if isinstance(e, say.Stepped) and e.data)
		assert Image.open(io.BytesIO(data)).size == (previews.SIDE, previews.SIDE * 2 // 3)

	def test_what_its_sampler_believes_is_the_picture_at_the_last_step(self, tiny_flow):
		"""So what is kept then is what comes out in the end."""

		def react(event, cancel):
			if isinstance(event, say.Stepped) and event.step == event.steps - 1:
				cancel.ask('keep')

		engine = Engine('cpu')
		whole = drawn(run(engine, task(tiny_flow, steps=8, **EULER)))[0]
		kept = drawn(run(engine, task(tiny_flow, steps=8, **EULER), react))[0]
		assert kept.stopped_early and kept.steps_done == 8 and not whole.stopped_early
		assert numpy.abs(pixels_of(kept) - pixels_of(whole)).max() <= 1

	@pytest.mark.parametrize('part', ['transformer', 'text_encoder_2', 'vae'])
	def test_it_is_left_within_a_step_and_within_each_part(self, tiny_flow, part):
		engine = Engine('cpu')
		assert isinstance(run(engine, task(tiny_flow, **EULER))[-1], say.Finished)
		events, cancel = [], Cancel()
		layers = getattr(engine.models.current.pipeline, part).modules()
		hooks = [m.register_forward_pre_hook(lambda *_: cancel.ask('stop')) for m in layers]
		engine.run(task(tiny_flow, **EULER), events.append, cancel)
		for hook in hooks:
			hook.remove()
		assert isinstance(events[-1], say.Cancelled)
		steps = [e for e in events if isinstance(e, say.Stepped)]
		assert len(steps) == (4 if part == 'vae' else 0)
		assert isinstance(run(engine, task(tiny_flow, **EULER))[-1], say.Finished)

	def test_a_sampler_that_does_not_exist_for_it_is_refused(self, tiny_flow):
		end = run(Engine('cpu'), task(tiny_flow, sampler='LMS'))[-1]
		assert isinstance(end, say.Failed) and 'LMS' in end.message

	def test_only_a_pipeline_that_takes_a_negative_prompt_gets_one(self):
		request = parameters(prompt='a fox', negative_prompt='a dog')
		assert 'negative_prompt' not in families.arguments('flux1', request)
		assert families.arguments('sd1', request)['negative_prompt'] == 'a dog'
