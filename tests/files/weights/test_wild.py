"""Layouts as they lie about in the wild: each is told rightly or not at all, and never wrongly."""

import pytest

from localai.files.weights import blueprints
from localai.files.weights.identify import identify
from tests import layouts
from tests.fabricate import kohya, linears, lycoris, peft, safetensors
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
