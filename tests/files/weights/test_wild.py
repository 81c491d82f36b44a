"""Layouts as they lie about in the wild: each is told rightly or not at all, and never wrongly."""

import pytest

from localai.files.weights import blueprints
from localai.files.weights.identify import classify, identify
from localai.files.weights.tensors import Tensor
from localai.schemas.models import Facts
from localai.services.models import cards
from tests import layouts
from tests.fabricate import comfy, kohya, ldm, linears, lycoris, peft, safetensors
from tests.layouts import Shapes
from tools import layers

LORA = 'lora_unet_'
D = 3072  # the width of FLUX.1, and of much that was built after it


def many(pattern: str, numbers, **widths: tuple[int, int]) -> dict[str, tuple[int, int]]:
	"""Layers of blocks, (values out, values in)."""
	return {
		pattern.format(i) + '.' + n.replace('__', '.'): w
		for i in numbers
		for n, w in widths.items()
	}


ATTENTION = {f'attn__to_{n}': (D, D) for n in 'qkv'}
FILM = many('single_blocks.{}', range(40), linear1=(21504, D), linear2=(D, 15360)) | many(
	'double_blocks.{}',
	range(20),
	**{f'{s}_attn__{n}': (o, D) for s in ('img', 'txt') for n, o in (('qkv', 9216), ('proj', D))},
)
FEW = many('double_blocks.{}', (0, 1), img_attn__qkv=(9216, D)) | many(
	'single_blocks.{}', (0, 1), modulation__lin=(9216, D)
)
WORDS = many('text_model.encoder.layers.{}', (0,), mlp__fc1=(D, 768))
FLUX = linears(layouts.original('flux1', 'dev'), 'img_attn', 'linear', 'modulation')
UNET = linears(layouts.unet('sdxl'), 'attn', 'ff.net')


def block(count: int, singles: int, width: int = D) -> dict[str, tuple[int, int]]:
	"""FLUX-shaped, of another depth."""
	attention = {n: (width, width) for n in ATTENTION}
	feed = {'ff__net__0__proj': (4 * width, width), 'ff__net__2': (width, 4 * width)}
	return many('transformer_blocks.{}', range(count), **attention, **feed) | many(
		'single_transformer_blocks.{}', range(singles), **attention, proj_mlp=(4 * width, width)
	)


def crossed(count: int, width: int) -> dict[str, tuple[int, int]]:
	"""As models of films and CogView have it."""
	names = {f'attn1__to_{n}': (width, width) for n in 'qkv'}
	return many('transformer_blocks.{}', range(count), **names)


# What it is, its tensors, the family that it is told as.
LORAS: dict[str, tuple[Shapes, str]] = {
	'FLUX.1 with words of CLIP': (kohya(FEW, LORA) | kohya(WORDS, 'lora_te1_'), 'flux1'),
	'FLUX.1 without': (kohya(FEW, LORA), 'flux1'),
	'FLUX.1, two layers': (peft(many('single_transformer_blocks.{}', (7, 20), proj_out=(D, 15360)), 'transformer.'), 'flux1'),
	'FLUX.2, attention of the double blocks': (
		peft(many('transformer_blocks.{}', range(8), **{f'attn__to_{n}': (6144, 6144) for n in ('q', 'k', 'v', 'out__0')}), 'transformer.'),
		'flux2',
	),
	'FLUX-shaped, 10 and 20 blocks': (peft(block(10, 20), ''), 'unknown'),
	'FLUX-shaped, 8 and 38 blocks': (peft(block(8, 38), 'transformer.'), 'unknown'),
	'FLUX-shaped, 6 and 27 blocks': (peft(block(6, 27), 'transformer.'), 'unknown'),
	'FLUX-shaped, of another width': (peft(block(19, 38, 2048), 'transformer.'), 'unknown'),
	'FLUX-shaped, a film': (kohya(FILM, LORA), 'unknown'),
	'Chroma': (kohya({'distilled_guidance_layer.in_proj': (5120, 64)} | {n: w for n, w in FEW.items() if 'attn' in n}, LORA), 'chroma'),
	'Chroma, its guidance alone': (kohya(many('distilled_guidance_layer.layers.{}', range(5), in_layer=(5120, 5120)), LORA), 'chroma'),
	'FLUX.1 and something that no FLUX.1 has': (peft(FLUX | {'redux_in': (D, 1152)}, 'diffusion_model.'), 'unknown'),
	'FLUX.1 as OneTrainer writes it': (kohya(linears(layouts.transformer('flux1', 'dev'), 'attn.to_'), 'lora_transformer_'), 'flux1'),
	'FLUX.1 as fal writes it': (peft(linears(layouts.transformer('flux1', 'dev'), 'attn.to_'), 'base_model.model.'), 'flux1'),
	'FLUX.1 as DiffSynth writes it': (
		{n.replace('.weight', '.default.weight'): s for n, s in peft(FLUX, '').items()},
		'flux1',
	),
	'FLUX.1, LoKr of SimpleTuner': (lycoris('lokr', FLUX, 'lycoris_'), 'flux1'),
	'FLUX.1, LoHa': (lycoris('loha', FLUX, LORA), 'flux1'),
	'FLUX.1, only four layers that others have too': (
		peft(many('transformer_blocks.{}', (0, 3), **ATTENTION), 'transformer.'), 'unknown',
	),
	'Qwen-Image, a few late layers': (
		peft(many('transformer_blocks.{}', (40, 59), img_mlp__net__2=(D, 12288), **ATTENTION), 'transformer.'), 'qwen-image',
	),
	'Qwen-shaped, of 48 blocks': (peft(many('transformer_blocks.{}', range(48), **ATTENTION), 'transformer.'), 'unknown'),
	'CogVideoX': (peft(crossed(42, D), 'transformer.'), 'unknown'),
	'LTX Video': (peft(crossed(28, 2048), 'diffusion_model.'), 'unknown'),
	'Wan 2.1 14B': (peft(many('blocks.{}', range(40), **{f'self_attn__{n}': (5120, 5120) for n in 'qkvo'}), 'diffusion_model.'), 'unknown'),
	'AuraFlow': (peft(many('joint_transformer_blocks.{}', range(4), **ATTENTION), 'transformer.'), 'unknown'),
	'CogView4': (peft(crossed(28, 4096), 'transformer.'), 'unknown'),
	'Stable Cascade': (kohya(many('down_blocks.0.{}', range(3), attention__attn__in_proj=(6144, 2048)), 'lora_prior_unet_'), 'unknown'),
	'Z-Image-shaped, of 26 layers': (peft(many('layers.{}', range(26), attention__to_q=(3840, 3840)), 'diffusion_model.'), 'unknown'),
	'Z-Image, three layers': (peft(many('layers.{}', (3, 9, 29), feed_forward__w1=(10240, 3840)), 'diffusion_model.'), 'z-image'),
	'a language model': (peft(many('model.layers.{}', range(30), self_attn__q_proj=(3840, 3840)), 'base_model.model.'), 'unknown'),
	'SDXL, LoCon with convolutions': (
		kohya(linears(layouts.unet('sdxl'), 'conv1', 'conv2', 'to_k'), LORA), 'sdxl',
	),
	'SDXL, LoHa with convolutions in rows': (
		lycoris('loha', linears(layouts.unet('sdxl'), 'conv1', 'attn2'), LORA),
		'sdxl',
	),
	'SDXL, full with its norms': (
		lycoris('full', UNET, LORA) | {f'{LORA}down_blocks_1_attentions_0_norm.diff': (640,)}, 'sdxl',
	),
	'SDXL-shaped, less deep (SSD-1B)': (
		kohya({n: w for n, w in UNET.items() if not any(f'transformer_blocks.{i}.' in n for i in range(4, 10))}, LORA), 'unknown',
	),
	'Stable Diffusion 1 or 2, nobody can say which': (
		kohya({n: w for n, w in linears(layouts.unet('sd1'), 'attn1.to_').items() if 'down' in n}, LORA), 'unknown',
	),
	'the same with words': (
		kohya(linears(layouts.unet('sd1'), 'attn1.to_'), LORA) | kohya(WORDS, 'lora_te_'), 'sd1',
	),
	'AnimateDiff': (peft(many('down_blocks.0.motion_modules.0.transformer_blocks.{}', (0,), attn1__to_q=(320, 320)), 'unet.'), 'unknown'),
	'words of FLUX.1 alone': (kohya(WORDS, 'lora_te1_'), 'unknown'),
	'words of SDXL alone': (
		kohya(WORDS, 'lora_te1_') | kohya(many('text_model.encoder.layers.{}', (0,), mlp__fc1=(5120, 1280)), 'lora_te2_'), 'sdxl',
	),
}  # fmt: skip


def nvfp4(shapes: Shapes) -> dict[str, Tensor]:
	"""As ComfyUI packs matrices: two values in a byte, a small scale for sixteen of them."""
	found = {}
	for name, shape in shapes.items():
		found[name] = Tensor('F16', shape)
		if name.endswith('.weight') and len(shape) == 2:
			found[name] = Tensor('U8', (shape[0], shape[1] // 2))
			found[f'{name}_scale'] = Tensor('F8_E4M3', (shape[0], shape[1] // 16))
			found[f'{name}_scale_2'] = Tensor('F32', ())
	return found


def scaled(shapes: Shapes) -> dict[str, Tensor]:
	"""fp8 with a scale for each matrix."""
	found = {'scaled_fp8': Tensor('F8_E4M3', (2,))}
	for name, shape in shapes.items():
		found[name] = Tensor('F8_E4M3', shape)
		if name.endswith('.weight') and len(shape) == 2:
			found[f'{name.removesuffix(".weight")}.scale_weight'] = Tensor('F32', ())
	return found


def halves(shapes: Shapes) -> dict[str, Tensor]:
	return {name: Tensor('F16', shape) for name, shape in shapes.items()}


def deep(shapes: Shapes, **counts: int) -> Shapes:
	"""The same with only so many blocks."""
	return {
		n: s
		for n, s in shapes.items()
		if all(not n.startswith(b + '.') or int(n.split('.')[1]) < c for b, c in counts.items())
	}


def hunyuan(*shape: int) -> Shapes:
	return {
		'txt_in.individual_token_refiner.blocks.0.adaLN_modulation.1.bias': (2 * shape[0],),
		'img_in.proj.weight': shape,
	}


def wan(inside: int, width: int = 5120) -> Shapes:
	return {
		'patch_embedding.weight': (width, inside, 1, 2, 2),
		'head.modulation': (1, 2, width),
		'blocks.0.cross_attn.norm_k.weight': (width,),
	}


UNETXL = layouts.ldm_unet(layouts.unet('sdxl'))
SD1, EIGHT = ldm('sd1'), ldm('sd1', 8)
SEES = {
	n.replace('text_model.embeddings.token', 'vision_model.embeddings.patch'): s
	for n, s in SD1.items()
}
BLOCK = 'model.diffusion_model.input_blocks.1.1.'
DEV, SCHNELL = layouts.original('flux1', 'dev'), layouts.original('flux1', 'schnell')
BYT5: Shapes = {'byt5_in.fc1.weight': (2048, 1472)}
EDM: Shapes = {'edm_vpred.sigma_max': (), 'edm_vpred.sigma_min': ()}
SDXL, NOBODY = ('checkpoint', 'sdxl'), ('checkpoint', 'unknown')
# What it is, its tensors, what it is told as: kind, family, variant.
WHOLE: dict[str, tuple[dict[str, Tensor], tuple[str, str, str]]] = {
	# Predictions
	'SDXL, EDM with v': (halves(ldm('sdxl', more=EDM)), (*SDXL, 'edm')),
	'SDXL, v': (halves(ldm('sdxl', more={'v_pred': (), 'ztsnr': ()})), (*SDXL, '')),
	'Playground 2.5': (halves(ldm('sdxl', more={'edm_mean': (1, 4, 1, 1)})), (*SDXL, 'playground')),
	# Packed
	'SDXL UNet of diffusers in NVFP4': (nvfp4(layouts.unet('sdxl')), (*SDXL, 'unet')),
	'SDXL UNet in NVFP4': (nvfp4(UNETXL), (*SDXL, 'unet')),
	'SD 1 UNet in NVFP4': (nvfp4(layouts.unet('sd1')), ('checkpoint', 'sd1', 'unet')),
	'SDXL UNet in fp8 with scales': (scaled(UNETXL), (*SDXL, 'unet')),
	'FLUX.1 in fp8 with scales': (scaled(DEV), ('checkpoint', 'flux1', 'dev')),
	'FLUX.1 in NVFP4': (nvfp4(SCHNELL), ('checkpoint', 'flux1', 'schnell')),
	'Qwen-Image in NVFP4': (
		nvfp4(layouts.transformer('qwen-image')), ('checkpoint', 'qwen-image', ''),
	),
	'Z-Image in fp8': (scaled(layouts.original('z-image')), ('checkpoint', 'z-image', '')),
	'SDXL UNet as SVDQuant': (
		halves({n.replace('to_q.w', 'to_q.qw'): s for n, s in layouts.unet('sdxl').items()}),
		(*SDXL, 'SVDQuant'),
	),
	# Built like another one
	'FLUX-shaped, 8 and 38 blocks': (halves(deep(DEV, double_blocks=8)), (*NOBODY, '')),
	'FLUX-shaped of diffusers, 19 and 20': (
		halves(deep(layouts.transformer('flux1', 'dev'), single_transformer_blocks=20)),
		(*NOBODY, ''),
	),
	'FLUX.2-shaped, less deep': (
		halves(deep(layouts.original('flux2'), single_blocks=24)), (*NOBODY, ''),
	),
	'Qwen-shaped, less deep': (
		halves(deep(layouts.transformer('qwen-image'), transformer_blocks=30)), (*NOBODY, ''),
	),
	'Z-Image-shaped, deeper': (
		halves(
			layouts.original('z-image')
			| {n.replace('layers.0.', 'layers.30.'): s for n, s in layouts.original('z-image').items()}
		),
		(*NOBODY, ''),
	),
	'Chroma': (halves(layouts.original('chroma')), ('checkpoint', 'chroma', '')),
	'SSD-1B': (
		halves({
			n: s for n, s in ldm('sdxl').items()
			if not any(f'.1.transformer_blocks.{i}.' in n for i in range(4, 10))
		}),
		(*SDXL, 'small'),
	),
	'SD 1 without its middle': (
		halves({n: s for n, s in SD1.items() if '.middle_block.1.' not in n}),
		('checkpoint', 'sd1', 'small'),
	),
	# What comes in besides the noise
	'Instruct Pix2Pix': (halves(EIGHT), ('checkpoint', 'sd1', 'edit')),
	'Zero123': (halves(EIGHT | {'cc_projection.weight': (768, 772)}), (*NOBODY, 'Zero123')),
	'Marigold, which measures depth': (
		halves(layouts.unet('sd2', 8)), ('checkpoint', 'sd2', '8 channels'),
	),
	'SD 1 with five channels': (halves(ldm('sd1', 5)), ('checkpoint', 'sd1', '5 channels')),
	'SD 2, depth': (
		halves(ldm('sd2', 5, more={'depth_model.model.a.weight': (4, 4)})),
		('checkpoint', 'sd2', 'depth'),
	),
	'Paint by Example': (
		halves(ldm('sd1', 9, more={'learnable_vector': (1, 1, 768), 'proj_out.weight': (768, 1024)})),
		(*NOBODY, ''),
	),
	'GLIGEN': (
		halves(SD1 | {f'{BLOCK}transformer_blocks.0.fuser.linear.weight': (320, 768)}),
		(*NOBODY, ''),
	),
	'MVDream': (
		halves(ldm('sd2') | {'model.diffusion_model.camera_embed.0.weight': (1280, 16)}),
		(*NOBODY, ''),
	),
	'Image Variations': (halves(SEES), ('checkpoint', 'sd1', 'another text encoder')),
	'Stable Video Diffusion': (
		halves(ldm('sd2', 8) | {f'{BLOCK}time_stack.0.norm1.weight': (320,)}), (*NOBODY, 'video'),
	),
	'LCM': (
		halves(SD1 | {'model.diffusion_model.time_embed.cond_proj.weight': (320, 256)}),
		('checkpoint', 'sd1', 'lcm'),
	),
	# Pictures and films
	'HunyuanImage 2.1': (halves(hunyuan(3584, 64, 1, 1) | BYT5), (*NOBODY, 'HunyuanImage')),
	'Hunyuan Video': (halves(hunyuan(3072, 16, 1, 2, 2)), (*NOBODY, 'Hunyuan Video')),
	'Hunyuan Video 1.5': (halves(hunyuan(2048, 65, 1, 1, 1) | BYT5), (*NOBODY, 'Hunyuan Video')),
	'something else of Hunyuan': (halves(hunyuan(999, 16, 1, 1)), ('unknown', 'unknown', '')),
	'Wan 2.1': (halves(comfy(wan(16))), (*NOBODY, 'Wan')),
	'LTX Video': (
		halves({
			'patchify_proj.weight': (2048, 128),
			'transformer_blocks.0.scale_shift_table': (6, 2048),
		}),
		(*NOBODY, 'LTX Video'),
	),
	'AuraFlow': (
		halves({'double_layers.0.attn.w2q.weight': (D, D), 'cond_seq_linear.weight': (D, 2048)}),
		(*NOBODY, 'AuraFlow'),
	),
	'Krea 2': (halves({'txtfusion.projector.weight': (1, 1)}), (*NOBODY, 'Krea 2')),
	'FLUX.3': (halves({'early_stream_modulations.image.lin.weight': (D, D)}), (*NOBODY, 'FLUX.3')),
	'Stable Cascade, stage C': (
		halves({
			'clip_txt_mapper.weight': (2048, 1280),
			'down_blocks.0.0.channelwise.0.weight': (8192, 2048),
		}),
		(*NOBODY, 'Stable Cascade'),
	),
	# Beside models
	'IP-Adapter': (
		halves({'image_proj.proj.weight': (D, 1024), 'ip_adapter.1.to_k_ip.weight': (320, 768)}),
		('unknown', 'unknown', 'ip-adapter'),
	),
	'CLIP that sees': (
		halves({'vision_model.encoder.layers.0.self_attn.q_proj.weight': (1280, 1280)}),
		('unknown', 'unknown', ''),
	),
	'an approximate decoder': (
		halves(layouts.model('AutoencoderTiny', latent_channels=16)), ('vae', 'unknown', 'taesd'),
	),
	'SDXL VAE': (halves(layouts.ldm_vae(layouts.vae())), ('vae', 'unknown', '')),
	'a classifier': (
		halves({'conv1.weight': (64, 3, 7, 7), 'layer1.0.conv1.weight': (64, 64, 3, 3)}),
		('unknown', 'unknown', ''),
	),
	'a matrix': (halves({'a.weight': (D, D)}), ('unknown', 'unknown', '')),
}  # fmt: skip


class TestWhole:
	@pytest.mark.parametrize('name', WHOLE)
	def test_it_is_told_rightly_or_not_at_all(self, name):
		tensors, truth = WHOLE[name]
		assert classify(tensors) == truth

	def test_what_predicts_otherwise_says_so_and_is_not_drawn_with(self, tmp_path):
		facts = identify(safetensors(tmp_path / 'a.safetensors', ldm('sdxl', more=EDM)))
		assert facts.prediction == 'v_prediction'
		assert str(cards.trouble(facts, 'checkpoint', 'a')).startswith(
			'a was trained with continuous noise levels (EDM), which LocalAI cannot draw with yet.'
		)

	@pytest.mark.parametrize(
		('variant', 'words'),
		[
			('Zero123', 'a is a Zero123 model, which LocalAI cannot draw with yet.'),
			('HunyuanImage', 'a is a HunyuanImage model, which LocalAI cannot draw with yet.'),
			('video', 'a makes videos, which LocalAI cannot do yet.'),
			('', 'LocalAI cannot tell which family a belongs to.'),
		],
	)
	def test_what_cannot_be_drawn_with_is_called_by_its_name(self, variant, words):
		facts = Facts(kind='checkpoint', family='unknown', format='safetensors', variant=variant)
		assert str(cards.trouble(facts, 'checkpoint', 'a')).startswith(words)


def told(tmp_path, shapes: Shapes, **more) -> tuple[str, str, str]:
	facts = identify(safetensors(tmp_path / 'a.safetensors', shapes, **more))
	return facts.kind, facts.family, facts.variant


class TestLoras:
	@pytest.mark.parametrize('name', LORAS)
	def test_it_is_told_rightly_or_not_at_all(self, tmp_path, name):
		shapes, family = LORAS[name]
		assert told(tmp_path, shapes)[:2] == ('lora', family)


class TestBlueprints:
	def test_they_are_what_the_classes_of_diffusers_say(self):
		assert blueprints.FILE.read_text('utf-8') == layers.text()
