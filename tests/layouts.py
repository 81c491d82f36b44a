"""The true names and shapes of the tensors of real models: from diffusers' and transformers' classes on
the meta device, and turned round into the layouts of the original programs.

Nothing of this looks at how LocalAI tells models apart. `tests/files/weights/test_identify.py` proves the
original layouts by letting diffusers' own converters turn them back.
"""

import functools
import re
from collections.abc import Callable, Iterable

import diffusers
import torch
import transformers

Shapes = dict[str, tuple[int, ...]]

SD1 = {'cross_attention_dim': 768}
SD2 = {
	'cross_attention_dim': 1024,
	'attention_head_dim': (5, 10, 20, 20),
	'use_linear_projection': True,
}
XL = {
	'block_out_channels': (320, 640, 1280),
	'down_block_types': ('DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'),
	'up_block_types': ('CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'),
	'transformer_layers_per_block': (1, 2, 10),
	'attention_head_dim': (5, 10, 20),
	'cross_attention_dim': 2048,
	'addition_embed_type': 'text_time',
	'addition_time_embed_dim': 256,
	'projection_class_embeddings_input_dim': 2816,
	'use_linear_projection': True,
}
REFINER = XL | {
	'block_out_channels': (384, 768, 1536, 1536),
	'down_block_types': (
		'DownBlock2D',
		'CrossAttnDownBlock2D',
		'CrossAttnDownBlock2D',
		'DownBlock2D',
	),
	'up_block_types': ('UpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'),
	'transformer_layers_per_block': 4,
	'attention_head_dim': (6, 12, 24, 24),
	'cross_attention_dim': 1280,
	'projection_class_embeddings_input_dim': 2560,
}
KOLORS = XL | {
	'encoder_hid_dim': 4096,
	'encoder_hid_dim_type': 'text_proj',
	'projection_class_embeddings_input_dim': 5632,
}
FLUX2 = {'dev': {}, '4B': (5, 20, 24, 7680), '9B': (8, 24, 32, 12288)}


def meta(make: Callable[[], torch.nn.Module]) -> Shapes:
	with torch.device('meta'):
		return {name: tuple(t.shape) for name, t in make().state_dict().items()}


@functools.cache
def frozen(name: str, options: tuple) -> Shapes:
	return meta(lambda: getattr(diffusers, name)(**dict(options)))


def model(name: str, **options: object) -> Shapes:
	return frozen(name, tuple(sorted(options.items())))


def unet(family: str, channels: int = 4) -> Shapes:
	options = {'sd1': SD1, 'sd2': SD2, 'sdxl': XL, 'sdxl-refiner': REFINER, 'kolors': KOLORS}[
		family
	]
	return model('UNet2DConditionModel', in_channels=channels, **options)


def controlnet(family: str) -> Shapes:
	options = {'sd1': SD1, 'sd2': SD2, 'sdxl': XL}[family]
	options = {k: v for k, v in options.items() if k != 'up_block_types'}
	return model('ControlNetModel', **options)


def vae(channels: int = 4, quant: bool = True) -> Shapes:
	return model(
		'AutoencoderKL',
		block_out_channels=(128, 256, 512, 512),
		down_block_types=('DownEncoderBlock2D',) * 4,
		up_block_types=('UpDecoderBlock2D',) * 4,
		layers_per_block=2,
		latent_channels=channels,
		use_quant_conv=quant,
		use_post_quant_conv=quant,
	)


def transformer(family: str, variant: str = '') -> Shapes:
	"""As diffusers has it."""
	match family, variant:
		case 'flux1', _:
			channels = {'fill': 384, 'control': 128}.get(variant, 64)
			guided = variant != 'schnell'
			return model(
				'FluxTransformer2DModel',
				in_channels=channels,
				out_channels=64,
				guidance_embeds=guided,
			)
		case 'flux2', _:
			return model('Flux2Transformer2DModel')
		case 'flux2-klein', _:
			layers, singles, heads, words = FLUX2[variant]
			return model(
				'Flux2Transformer2DModel',
				num_layers=layers,
				num_single_layers=singles,
				num_attention_heads=heads,
				joint_attention_dim=words,
				guidance_embeds=False,
			)
		case 'sd3', _:
			number = 38 if 'large' in variant else 24
			return model(
				'SD3Transformer2DModel',
				num_layers=number,
				num_attention_heads=number,
				caption_projection_dim=64 * number,
				pos_embed_max_size=384 if variant == '3.5 medium' else 192,
				dual_attention_layers=tuple(range(13)) if variant == '3.5 medium' else (),
				qk_norm='rms_norm' if '3.5' in variant else None,
			)
		case 'chroma', _:
			return model('ChromaTransformer2DModel')
		case 'qwen-image', _:
			return model('QwenImageTransformer2DModel', use_additional_t_cond=variant == 'layered')
		case 'z-image', _:
			return model('ZImageTransformer2DModel')
		case 'lumina2', _:
			return model('Lumina2Transformer2DModel', cap_feat_dim=2304)
		case 'sana', '600M':
			return model(
				'SanaTransformer2DModel',
				num_attention_heads=36,
				num_layers=28,
				num_cross_attention_heads=16,
				cross_attention_head_dim=72,
				cross_attention_dim=1152,
			)
		case 'sana', _:
			return model('SanaTransformer2DModel', num_layers=60 if variant == '4.8B' else 20)
		case 'pixart', _:
			return model(
				'PixArtTransformer2DModel',
				caption_channels=4096,
				sample_size=128,
				use_additional_conditions=variant == 'alpha',
			)
		case 'hidream', _:
			return model(
				'HiDreamImageTransformer2DModel',
				patch_size=2,
				in_channels=16,
				num_layers=16,
				num_single_layers=32,
				attention_head_dim=128,
				num_attention_heads=20,
				caption_channels=(4096, 4096),
				text_emb_dim=2048,
				num_routed_experts=4,
				num_activated_experts=2,
				axes_dims_rope=(64, 32, 32),
				max_resolution=(128, 128),
				llama_layers=tuple(range(32)),
			)
	raise KeyError(family)


# Turned round into the layouts of the original programs


def renamed(shapes: Shapes, *pairs: tuple[str, str]) -> Shapes:
	"""Each pattern and what stands for it, one after the other."""
	found = {}
	for name, shape in shapes.items():
		for pattern, other in pairs:
			name = re.sub(pattern, other, name)
		found[name] = shape
	return found


def fused(shapes: Shapes, names: Iterable[str], into: str) -> Shapes:
	"""Layers that the originals have as one: their rows, one below the other. `names` are the ends of
	layers, `into` the end of the one that they become."""
	names = tuple(names)
	found = dict(shapes)
	for name in shapes:
		layer, _, end = name.rpartition('.')
		if not layer.endswith(names[0]):
			continue
		start = layer.removesuffix(names[0])
		parts = [f'{start}{part}.{end}' for part in names]
		if all(part in found for part in parts):
			rows = sum(found[part][0] for part in parts)
			found[f'{start}{into}.{end}'] = (rows, *found[parts[0]][1:])
			for part in parts:
				del found[part]
	return found


RESNET = (
	(r'\.norm1\.', '.in_layers.0.'),
	(r'\.conv1\.', '.in_layers.2.'),
	(r'\.norm2\.', '.out_layers.0.'),
	(r'\.conv2\.', '.out_layers.3.'),
	(r'\.time_emb_proj\.', '.emb_layers.1.'),
	(r'\.conv_shortcut\.', '.skip_connection.'),
)


def ldm_unet(shapes: Shapes, layers: int = 2) -> Shapes:
	"""The layout of CompVis and Stability AI, for UNets and ControlNets."""
	found = {}
	for name, shape in shapes.items():
		place = re.match(
			r'(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)',
			name,
		)
		if place:
			side, block, what, layer, rest = (
				place[1],
				int(place[2]),
				place[3],
				int(place[4]),
				place[5],
			)
			width = layers + 1
			index = block * width + layer + (side == 'down')
			put = 'input_blocks' if side == 'down' else 'output_blocks'
			if what == 'resnets':
				rest = apply('.' + rest, RESNET)[1:]
				name = f'{put}.{index}.0.{rest}'
			elif what == 'attentions':
				name = f'{put}.{index}.1.{rest}'
			elif what == 'downsamplers':
				name = f'input_blocks.{(block + 1) * width}.0.{rest.replace("conv", "op")}'
			else:
				attended = f'up_blocks.{block}.attentions.0.norm.weight' in shapes
				name = f'output_blocks.{block * width + layers}.{2 if attended else 1}.{rest}'
		elif name.startswith('mid_block.resnets.'):
			number, rest = name.split('.', 3)[2:]
			name = f'middle_block.{2 * int(number)}{apply("." + rest, RESNET)}'
		elif name.startswith('mid_block.attentions.0.'):
			name = 'middle_block.1.' + name.removeprefix('mid_block.attentions.0.')
		else:
			name = apply(
				name,
				(
					(r'^time_embedding\.linear_1', 'time_embed.0'),
					(r'^time_embedding\.linear_2', 'time_embed.2'),
					(r'^conv_in', 'input_blocks.0.0'),
					(r'^conv_norm_out', 'out.0'),
					(r'^conv_out', 'out.2'),
					(r'^(?:add|class)_embedding\.linear_1', 'label_emb.0.0'),
					(r'^(?:add|class)_embedding\.linear_2', 'label_emb.0.2'),
					(r'^controlnet_cond_embedding\.conv_in', 'input_hint_block.0'),
					(r'^controlnet_cond_embedding\.conv_out', 'input_hint_block.14'),
					(r'^controlnet_down_blocks\.(\d+)', r'zero_convs.\1.0'),
					(r'^controlnet_mid_block', 'middle_block_out.0'),
				),
			)
			hint = re.match(r'controlnet_cond_embedding\.blocks\.(\d+)\.(.+)', name)
			name = f'input_hint_block.{2 * int(hint[1]) + 2}.{hint[2]}' if hint else name
		found[name] = shape
	return found


def apply(name: str, pairs: Iterable[tuple[str, str]]) -> str:
	for pattern, other in pairs:
		name = re.sub(pattern, other, name)
	return name


def ldm_vae(shapes: Shapes) -> Shapes:
	found = {}
	for name, shape in shapes.items():
		place = re.match(
			r'(en|de)coder\.(?:down|up)_blocks\.(\d)\.(resnets|\w+samplers)\.(\d)\.(.+)', name
		)
		if place:
			side, block, what, layer, rest = place[1], int(place[2]), place[3], place[4], place[5]
			put = f'encoder.down.{block}' if side == 'en' else f'decoder.up.{3 - block}'
			if what == 'resnets':
				name = f'{put}.block.{layer}.{rest.replace("conv_shortcut", "nin_shortcut")}'
			else:
				name = f'{put}.{"down" if side == "en" else "up"}sample.{rest}'
		attention = 'mid_block.attentions' in name
		name = apply(
			name,
			(
				(r'mid_block\.resnets\.0', 'mid.block_1'),
				(r'mid_block\.resnets\.1', 'mid.block_2'),
				(r'mid_block\.attentions\.0\.group_norm', 'mid.attn_1.norm'),
				(r'mid_block\.attentions\.0\.to_([qkv])', r'mid.attn_1.\1'),
				(r'mid_block\.attentions\.0\.to_out\.0', 'mid.attn_1.proj_out'),
				(r'conv_norm_out', 'norm_out'),
			),
		)
		found[name] = (*shape, 1, 1) if attention and len(shape) == 2 else shape
	return found


FLUX_NAMES = (
	(r'^(single_)?transformer_blocks\.', lambda m: 'single_blocks.' if m[1] else 'double_blocks.'),
	(r'\.norm1\.linear', '.img_mod.lin'),
	(r'\.norm1_context\.linear', '.txt_mod.lin'),
	(r'^(single_blocks\.\d+)\.norm\.linear', r'\1.modulation.lin'),
	(r'^(single_blocks\.\d+)\.attn\.norm_([qk])\.weight', r'\1.norm.\2_norm.scale'),
	(r'\.attn\.norm_added_([qk])\.weight', r'.txt_attn.norm.\1_norm.scale'),
	(r'\.attn\.norm_([qk])\.weight', r'.img_attn.norm.\1_norm.scale'),
	(r'norm\.q_norm', 'norm.query_norm'),
	(r'norm\.k_norm', 'norm.key_norm'),
	(r'\.attn\.to_add_out', '.txt_attn.proj'),
	(r'^(double_blocks\.\d+)\.attn\.to_out\.0', r'\1.img_attn.proj'),
	(r'\.attn\.img_qkv', '.img_attn.qkv'),
	(r'\.attn\.txt_qkv', '.txt_attn.qkv'),
	(r'\.ff_context\.net\.0\.proj', '.txt_mlp.0'),
	(r'\.ff_context\.net\.2', '.txt_mlp.2'),
	(r'\.ff\.net\.0\.proj', '.img_mlp.0'),
	(r'\.ff\.net\.2', '.img_mlp.2'),
	(r'\.ff_context\.linear_in', '.txt_mlp.0'),
	(r'\.ff_context\.linear_out', '.txt_mlp.2'),
	(r'\.ff\.linear_in', '.img_mlp.0'),
	(r'\.ff\.linear_out', '.img_mlp.2'),
	(r'\.attn\.to_qkv_mlp_proj', '.linear1'),
	(r'^(single_blocks\.\d+)\.attn\.to_out', r'\1.linear2'),
	(r'^(single_blocks\.\d+)\.proj_out', r'\1.linear2'),
	(r'^time_(?:text|guidance)_embed\.timestep_embedder\.linear_1', 'time_in.in_layer'),
	(r'^time_(?:text|guidance)_embed\.timestep_embedder\.linear_2', 'time_in.out_layer'),
	(r'^time_(?:text|guidance)_embed\.guidance_embedder\.linear_1', 'guidance_in.in_layer'),
	(r'^time_(?:text|guidance)_embed\.guidance_embedder\.linear_2', 'guidance_in.out_layer'),
	(r'^time_text_embed\.text_embedder\.linear_1', 'vector_in.in_layer'),
	(r'^time_text_embed\.text_embedder\.linear_2', 'vector_in.out_layer'),
	(r'^context_embedder', 'txt_in'),
	(r'^x_embedder', 'img_in'),
	(r'^proj_out', 'final_layer.linear'),
	(r'^norm_out\.linear', 'final_layer.adaLN_modulation.1'),
	(r'(_stream_modulation\w*)\.linear', r'\1.lin'),
	(r'^(distilled_guidance_layer\.layers\.\d+)\.linear_1', r'\1.in_layer'),
	(r'^(distilled_guidance_layer\.layers\.\d+)\.linear_2', r'\1.out_layer'),
	(r'^(distilled_guidance_layer\.norms\.\d+)\.weight', r'\1.scale'),
)
SD3_NAMES = (
	(r'^transformer_blocks\.', 'joint_blocks.'),
	(r'^pos_embed\.pos_embed', 'pos_embed'),
	(r'^pos_embed\.proj', 'x_embedder.proj'),
	(r'^time_text_embed\.timestep_embedder\.linear_1', 't_embedder.mlp.0'),
	(r'^time_text_embed\.timestep_embedder\.linear_2', 't_embedder.mlp.2'),
	(r'^time_text_embed\.text_embedder\.linear_1', 'y_embedder.mlp.0'),
	(r'^time_text_embed\.text_embedder\.linear_2', 'y_embedder.mlp.2'),
	(r'\.(attn2?)\.img_qkv', r'.x_block.\1.qkv'),
	(r'\.attn\.txt_qkv', '.context_block.attn.qkv'),
	(r'\.attn\.norm_added_([qk])', r'.context_block.attn.ln_\1'),
	(r'\.(attn2?)\.norm_([qk])', r'.x_block.\1.ln_\2'),
	(r'\.attn\.to_add_out', '.context_block.attn.proj'),
	(r'\.(attn2?)\.to_out\.0', r'.x_block.\1.proj'),
	(r'\.norm1\.linear', '.x_block.adaLN_modulation.1'),
	(r'\.norm1_context\.linear', '.context_block.adaLN_modulation.1'),
	(r'\.ff_context\.net\.0\.proj', '.context_block.mlp.fc1'),
	(r'\.ff_context\.net\.2', '.context_block.mlp.fc2'),
	(r'\.ff\.net\.0\.proj', '.x_block.mlp.fc1'),
	(r'\.ff\.net\.2', '.x_block.mlp.fc2'),
	(r'^proj_out', 'final_layer.linear'),
	(r'^norm_out\.linear', 'final_layer.adaLN_modulation.1'),
)
LUMINA_NAMES = (
	(r'^norm_out\.linear_1', 'final_layer.adaLN_modulation.1'),
	(r'^norm_out\.linear_2', 'final_layer.linear'),
	(r'^(context_refiner\.\d+)\.norm1\.', r'\1.attention_norm1.'),
	(r'\.norm1\.norm', '.attention_norm1'),
	(r'(?<!ffn)\.norm2\.', '.attention_norm2.'),
	(r'\.norm1\.linear', '.adaLN_modulation.1'),
	(r'^time_caption_embed\.caption_embedder', 'cap_embedder'),
	(r'^time_caption_embed\.timestep_embedder\.linear_1', 't_embedder.mlp.0'),
	(r'^time_caption_embed\.timestep_embedder\.linear_2', 't_embedder.mlp.2'),
	(r'\.attn\.to_out\.0\.', '.attn.out.'),
	(r'\.attn\.norm_([qk])', r'.attn.\1_norm'),
	(r'\.attn\.', '.attention.'),
	(r'\.linear_([123])\.', r'.w\1.'),
)
Z_NAMES = (
	(r'^all_final_layer\.2-1\.', 'final_layer.'),
	(r'^all_x_embedder\.2-1\.', 'x_embedder.'),
	(r'\.attention\.to_out\.0\.', '.attention.out.'),
	(r'\.attention\.norm_([qk])', r'.attention.\1_norm'),
)
SANA_NAMES = (
	(r'^transformer_blocks\.', 'blocks.'),
	(r'^patch_embed\.proj', 'x_embedder.proj'),
	(r'^time_embed\.emb\.timestep_embedder\.linear_1', 't_embedder.mlp.0'),
	(r'^time_embed\.emb\.timestep_embedder\.linear_2', 't_embedder.mlp.2'),
	(r'^time_embed\.linear', 't_block.1'),
	(r'^pos_embed\.proj', 'x_embedder.proj'),
	(r'^adaln_single\.emb\.timestep_embedder\.linear_1', 't_embedder.mlp.0'),
	(r'^adaln_single\.emb\.timestep_embedder\.linear_2', 't_embedder.mlp.2'),
	(r'^adaln_single\.emb\.resolution_embedder\.linear_1', 'csize_embedder.mlp.0'),
	(r'^adaln_single\.emb\.resolution_embedder\.linear_2', 'csize_embedder.mlp.2'),
	(r'^adaln_single\.emb\.aspect_ratio_embedder\.linear_1', 'ar_embedder.mlp.0'),
	(r'^adaln_single\.emb\.aspect_ratio_embedder\.linear_2', 'ar_embedder.mlp.2'),
	(r'^adaln_single\.linear', 't_block.1'),
	(r'^caption_projection\.linear_', 'y_embedder.y_proj.fc'),
	(r'^caption_norm', 'attention_y_norm'),
	(r'\.attn1\.to_out\.0', '.attn.proj'),
	(r'\.attn1\.qkv', '.attn.qkv'),
	(r'\.attn2\.to_q', '.cross_attn.q_linear'),
	(r'\.attn2\.kv', '.cross_attn.kv_linear'),
	(r'\.attn2\.to_out\.0', '.cross_attn.proj'),
	(r'\.ff\.conv_inverted', '.mlp.inverted_conv.conv'),
	(r'\.ff\.conv_depth', '.mlp.depth_conv.conv'),
	(r'\.ff\.conv_point', '.mlp.point_conv.conv'),
	(r'\.ff\.net\.0\.proj', '.mlp.fc1'),
	(r'\.ff\.net\.2', '.mlp.fc2'),
	(r'^proj_out', 'final_layer.linear'),
	(r'^scale_shift_table', 'final_layer.scale_shift_table'),
)
QKV = ('to_q', 'to_k', 'to_v')
ADDED = ('add_q_proj', 'add_k_proj', 'add_v_proj')


@functools.cache
def original(family: str, variant: str = '') -> Shapes:
	"""A transformer as its own program has it."""
	shapes = transformer(family, variant)
	match family:
		case 'flux1' | 'chroma':
			singles = {n: s for n, s in shapes.items() if n.startswith('single_')}
			doubles = {n: s for n, s in shapes.items() if n not in singles}
			joined = {}
			for name, shape in singles.items():
				joined[name.replace('.proj_mlp.', '.attn.mlp.')] = shape
			joined = fused(joined, (*(f'.attn.{n}' for n in QKV), '.attn.mlp'), '.linear1')
			doubles = fused(fused(doubles, QKV, 'img_qkv'), ADDED, 'txt_qkv')
			return renamed(doubles | joined, *FLUX_NAMES)
		case 'flux2' | 'flux2-klein':
			return renamed(fused(fused(shapes, QKV, 'img_qkv'), ADDED, 'txt_qkv'), *FLUX_NAMES)
		case 'sd3':
			return renamed(fused(fused(shapes, QKV, 'img_qkv'), ADDED, 'txt_qkv'), *SD3_NAMES)
		case 'lumina2':
			return renamed(fused(shapes, QKV, 'qkv'), *LUMINA_NAMES) | {
				'norm_final.weight': (2304,)
			}
		case 'z-image':
			return renamed(fused(shapes, QKV, 'qkv'), *Z_NAMES)
		case 'sana' | 'pixart':
			joined = fused(shapes, [f'.attn1.{n}' for n in QKV], '.attn1.qkv')
			joined = fused(joined, ('.attn2.to_k', '.attn2.to_v'), '.attn2.kv')
			words = 300 if family == 'sana' or not variant else 120
			width = joined['caption_projection.linear_1.weight'][1]
			more = {'pos_embed': (1, 4096, 1152), 'y_embedder.y_embedding': (words, width)}
			return renamed(joined, *SANA_NAMES) | more
	return shapes  # Qwen-Image and HiDream have one layout


@functools.cache
def clip_l() -> Shapes:
	config = transformers.CLIPTextConfig(
		hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12
	)
	shapes = meta(lambda: transformers.CLIPTextModel(config))
	return {f'text_model.{n.removeprefix("text_model.")}': s for n, s in shapes.items()}


@functools.cache
def open_clip(width: int, layers: int) -> Shapes:
	"""The text half of an OpenCLIP model."""
	found: Shapes = {
		'positional_embedding': (77, width),
		'token_embedding.weight': (49408, width),
		'ln_final.weight': (width,),
		'ln_final.bias': (width,),
		'text_projection': (width, width),
		'logit_scale': (),
	}
	for i in range(layers):
		start = f'transformer.resblocks.{i}.'
		found |= {
			f'{start}ln_1.weight': (width,),
			f'{start}ln_1.bias': (width,),
			f'{start}attn.in_proj_weight': (3 * width, width),
			f'{start}attn.in_proj_bias': (3 * width,),
			f'{start}attn.out_proj.weight': (width, width),
			f'{start}attn.out_proj.bias': (width,),
			f'{start}ln_2.weight': (width,),
			f'{start}ln_2.bias': (width,),
			f'{start}mlp.c_fc.weight': (4 * width, width),
			f'{start}mlp.c_fc.bias': (4 * width,),
			f'{start}mlp.c_proj.weight': (width, 4 * width),
			f'{start}mlp.c_proj.bias': (width,),
		}
	return found


@functools.cache
def t5() -> Shapes:
	config = transformers.T5Config(
		d_model=4096,
		d_kv=64,
		d_ff=10240,
		num_layers=24,
		num_heads=64,
		feed_forward_proj='gated-gelu',
	)
	return meta(lambda: transformers.T5EncoderModel(config))


def behind(prefix: str, shapes: Shapes) -> Shapes:
	return {prefix + name: shape for name, shape in shapes.items()}
