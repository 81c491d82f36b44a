"""Knows by which tensors each kind of model is told: a table of names and sizes, for the layouts of
the original programs and of diffusers."""

from collections.abc import Mapping
from typing import NamedTuple

from localai.files.weights.tensors import Tensor
from localai.schemas.families import ArchitectureName
from localai.schemas.models import KindName

# What stands before the names of a denoiser, of a VAE, of a ControlNet in a file.
DENOISERS = ('model.diffusion_model.', 'diffusion_model.')
OTHERS = ('control_model.', 'controlnet.', 'first_stage_model.', 'vae.', 'params_ema.', 'params.')
ENCODERS = ('cond_stage_model.', 'conditioner.embedders.', 'text_encoder', 'te1.', 'clip_l.')
# In the names of models of films and of their parts, which otherwise look like those of pictures.
FILMS = ('time_stack', 'temopral', 'temporal', 'temp_conv', 'motion_module', 'time_mixer')


class Found(NamedTuple):
	kind: KindName
	family: ArchitectureName
	variant: str = ''


UNKNOWN = Found('unknown', 'unknown')


class Rule(NamedTuple):
	"""True for a file that has all of `has`, nothing of `lacks`, and of the tensors in `sizes` the
	said number along the said axis. The first true rule counts."""

	found: Found
	has: tuple[str, ...]
	sizes: tuple[tuple[str, int, int | tuple[int, ...]], ...] = ()
	lacks: tuple[str, ...] = ()


def rule(
	kind: KindName,
	family: ArchitectureName,
	variant: str,
	*has: str,
	sizes: tuple[tuple[str, int, int | tuple[int, ...]], ...] = (),
	lacks: tuple[str, ...] = (),
) -> Rule:
	return Rule(Found(kind, family, variant), has, sizes, lacks)


def checkpoint(family: ArchitectureName, variant: str, *has: str, **more: tuple) -> Rule:
	return rule('checkpoint', family, variant, *has, **more)


FLUX_FOLDER_SIZES = (('context_embedder.weight', 1, 4096), ('x_embedder.bias', 0, 3072))
CONTROLS = (
	rule(
		'controlnet',
		'flux1',
		'',
		'controlnet_blocks.0.weight',
		'context_embedder.bias',
		'time_text_embed.text_embedder.linear_1.bias',
		'transformer_blocks.0.norm1_context.linear.bias',
		sizes=FLUX_FOLDER_SIZES,
		lacks=('controlnet_mode_embedder.weight',),
	),
	rule(
		'controlnet',
		'flux1',
		'union',
		'controlnet_blocks.0.weight',
		'controlnet_mode_embedder.weight',
		sizes=(('x_embedder.bias', 0, 3072),),
	),
	rule(
		'controlnet',
		'flux1',
		'',
		'controlnet_blocks.0.weight',
		'double_blocks.0.img_attn.norm.key_norm.scale',
		'pos_embed_input.weight',
	),
	rule(
		'controlnet',
		'qwen-image',
		'',
		'controlnet_blocks.0.weight',
		'txt_norm.weight',
		'transformer_blocks.0.img_mod.1.bias',
	),
	rule(
		'controlnet',
		'sd3',
		'',
		'controlnet_blocks.0.weight',
		'pos_embed.proj.weight',
		'time_text_embed.text_embedder.linear_1.bias',
	),
	rule(
		'controlnet',
		'sana',
		'',
		'controlnet_blocks.0.weight',
		'transformer_blocks.0.ff.conv_inverted.weight',
	),
	rule('controlnet', 'unknown', '', 'controlnet_blocks.0.weight'),
	rule(
		'controlnet',
		'z-image',
		'',
		'control_all_x_embedder.2-1.weight',
		'control_layers.0.attention.to_q.weight',
	),
	rule(
		'controlnet',
		'z-image',
		'',
		'control_layers.0.attention.to_q.weight',
		'control_layers.0.adaLN_modulation.0.weight',
	),
	# T2I-Adapters say nothing of words; what they add to tells them apart
	rule(
		'controlnet',
		'sd1',
		't2i-adapter',
		'adapter.conv_in.weight',
		'adapter.body.0.resnets.0.block1.weight',
		sizes=(('adapter.conv_in.weight', 1, (64, 192)),),
	),
	rule(
		'controlnet',
		'sdxl',
		't2i-adapter',
		'adapter.conv_in.weight',
		'adapter.body.0.resnets.0.block1.weight',
		sizes=(('adapter.conv_in.weight', 1, (256, 768)),),
	),
	rule(
		'controlnet',
		'sd1',
		't2i-adapter',
		'conv_in.weight',
		'body.0.block1.weight',
		'body.0.block2.weight',
		sizes=(('conv_in.weight', 1, (64, 192)),),
	),
	rule(
		'controlnet',
		'sdxl',
		't2i-adapter',
		'conv_in.weight',
		'body.0.block1.weight',
		'body.0.block2.weight',
		sizes=(('conv_in.weight', 1, (256, 768)),),
	),
	rule(
		'controlnet',
		'sd1',
		't2i-adapter',
		'adapter.conv_in.weight',
		'adapter.body.0.block1.weight',
		sizes=(('adapter.conv_in.weight', 1, (64, 192)),),
	),
	rule('controlnet', 'unknown', 't2i-adapter', 'adapter.body.0.resnets.0.block1.weight'),
	rule('controlnet', 'unknown', 't2i-adapter', 'adapter.body.0.in_conv.weight'),
	rule(
		'controlnet',
		'unknown',
		't2i-adapter',
		'body.0.in_conv.weight',
		'body.0.body.0.block1.weight',
	),
)
# The VAEs of Stable Diffusion 1, 2 and XL have one layout, those of FLUX.1 and Stable Diffusion 3
# (and of Z-Image, Lumina 2, HiDream, which took the former) another, Wan's and Qwen-Image's a third.
DECODER = ('decoder.conv_in.weight', 'decoder.conv_out.weight')
VAES = (
	rule(
		'vae', 'flux2', '', 'bn.running_mean', *DECODER, sizes=(('decoder.conv_in.weight', 1, 32),)
	),
	rule('vae', 'unknown', 'video', *DECODER, 'decoder.time_conv_out.weight'),
	rule(
		'vae',
		'unknown',
		'',
		*DECODER,
		'decoder.mid.block_1.norm1.weight',
		sizes=(('decoder.conv_in.weight', 1, 4),),
	),
	rule(
		'vae',
		'unknown',
		'',
		*DECODER,
		'decoder.mid_block.resnets.0.norm1.weight',
		sizes=(('decoder.conv_in.weight', 1, 4),),
	),
	rule(
		'vae',
		'unknown',
		'16 channels',
		*DECODER,
		'decoder.mid.block_1.norm1.weight',
		sizes=(('decoder.conv_in.weight', 1, 16),),
	),
	rule(
		'vae',
		'unknown',
		'16 channels',
		*DECODER,
		'decoder.mid_block.resnets.0.norm1.weight',
		sizes=(('decoder.conv_in.weight', 1, 16),),
	),
	rule('vae', 'unknown', 'video', *DECODER, 'decoder.mid_block.resnets.0.norm1.gamma'),
	rule('vae', 'unknown', 'video', 'decoder.middle.0.residual.0.gamma'),
	rule(
		'vae',
		'sana',
		'',
		'encoder.project_in.conv.bias',
		'decoder.stages.1.op_list.0.main.conv.conv.bias',
	),
	rule('vae', 'unknown', '', 'decoder.stages.1.op_list.0.main.conv.conv.bias'),
	rule(
		'vae',
		'unknown',
		'',
		'encoder.conv_in.weight',
		'decoder.conv_in.weight',
		'encoder.down_blocks.0.0.conv1.weight',
		'decoder.up_blocks.0.1.conv1.weight',
	),
	rule('vae', 'unknown', 'taesd', 'decoder.layers.0.weight', 'decoder.layers.2.conv.0.weight'),
	rule('vae', 'unknown', 'taesd', 'encoder.layers.0.weight', 'encoder.layers.1.conv.0.weight'),
	rule('vae', 'unknown', 'taesd', 'taesd_decoder.1.weight', 'taesd_decoder.3.conv.0.weight'),
	rule('vae', 'unknown', 'taesd', 'taesd_encoder.0.weight', 'taesd_encoder.1.conv.0.weight'),
	rule(
		'vae',
		'unknown',
		'taesd',
		'1.weight',
		'3.conv.0.weight',
		sizes=(('1.weight', 0, 64), ('1.weight', 1, (4, 16, 32))),
	),
	rule(
		'vae',
		'unknown',
		'taesd',
		'0.weight',
		'1.conv.0.weight',
		sizes=(('0.weight', 0, 64), ('0.weight', 1, 3)),
	),
)
UPSCALERS = (
	rule(
		'upscaler',
		'unknown',
		'ESRGAN',
		'conv_first.weight',
		'body.0.rdb1.conv1.weight',
		'conv_last.weight',
	),
	rule('upscaler', 'unknown', 'ESRGAN', 'model.0.weight', 'model.1.sub.0.RDB1.conv1.0.weight'),
	rule('upscaler', 'unknown', 'ESRGAN', 'conv_first.weight', 'RRDB_trunk.0.RDB1.conv1.weight'),
	rule(
		'upscaler',
		'unknown',
		'ESRGAN compact',
		'body.0.weight',
		'body.1.weight',
		'body.2.weight',
		sizes=(('body.0.weight', 1, 3),),
		lacks=('body.0.bias.weight',),
	),
	rule(
		'upscaler',
		'unknown',
		'HAT',
		'conv_first.weight',
		'layers.0.residual_group.overlap_attn.relative_position_bias_table',
	),
	rule(
		'upscaler',
		'unknown',
		'Swin2SR',
		'conv_first.weight',
		'layers.0.residual_group.blocks.0.attn.cpb_mlp.0.weight',
	),
	rule(
		'upscaler',
		'unknown',
		'SwinIR',
		'conv_first.weight',
		'layers.0.residual_group.blocks.0.attn.relative_position_bias_table',
	),
	rule(
		'upscaler',
		'unknown',
		'DAT',
		'conv_first.weight',
		'before_RG.1.weight',
		'layers.0.blocks.0.attn.qkv.weight',
	),
	rule(
		'upscaler',
		'unknown',
		'ATD',
		'conv_first.weight',
		'layers.0.residual_group.layers.0.attn_win.relative_position_bias_table',
	),
	rule('upscaler', 'unknown', 'SPAN', 'conv_1.sk.weight', 'block_1.c1_r.sk.weight'),
	rule('upscaler', 'unknown', 'OmniSR', 'residual_layer.0.residual_layer.0.layer.0.fn.0.weight'),
	rule('upscaler', 'unknown', 'RealPLKSR', 'feats.0.weight', 'feats.1.lk.conv.weight'),
)
# Parts of other models: they are known, and they are none of the kinds above.
PARTS = (
	rule(
		'unknown', 'unknown', 'text encoder', 'text_model.encoder.layers.0.self_attn.q_proj.weight'
	),
	rule('unknown', 'unknown', 'text encoder', 'encoder.block.0.layer.0.SelfAttention.q.weight'),
	rule('unknown', 'unknown', 'text encoder', 'model.layers.0.self_attn.q_proj.weight'),
	rule('unknown', 'unknown', 'text encoder', 'token_embd.weight'),
	rule('unknown', 'unknown', 'ip-adapter', 'ip_adapter.1.to_k_ip.weight'),
)


def match(rules: tuple[Rule, ...], tensors: Mapping[str, Tensor]) -> Found | None:
	for found, has, sizes, lacks in rules:
		if (
			all(name in tensors for name in has)
			and not any(name in tensors for name in lacks)
			and all(side(tensors, name, axis) in wanted(number) for name, axis, number in sizes)
		):
			return found
	return None


def wanted(number: int | tuple[int, ...]) -> tuple[int, ...]:
	"""Where values are packed in fours the true size is not written; the names must do then."""
	return (*(number if isinstance(number, tuple) else (number,)), PACKED)


PACKED = -1


def side(tensors: Mapping[str, Tensor], name: str, axis: int) -> int:
	"""The size along an axis, 0 where there is none."""
	tensor = tensors.get(name)
	if tensor is None or axis >= len(tensor.shape):
		return 0
	if tensor.dtype == 'U8' and len(tensor.shape) == 2 and tensor.shape[1] == 1:
		return PACKED
	if axis == 1 and tensor.dtype == 'U8' and halved(tensors, name):
		return 2 * tensor.shape[1]
	return tensor.shape[axis]


def halved(tensors: Mapping[str, Tensor], name: str) -> bool:
	"""Whether a byte holds two values of a row, as NVFP4 and MXFP4 do: their scales are small too."""
	scale = tensors.get(f'{name}_scale')
	return scale is not None and (scale.dtype == 'U8' or scale.dtype.startswith('F8'))


def without(tensors: Mapping[str, Tensor], prefixes: tuple[str, ...]) -> Mapping[str, Tensor]:
	"""The tensors behind the first of the prefixes that is there, by the rest of their names; all
	of them when there is none."""
	for prefix in prefixes:
		cut = len(prefix)
		inner = {n[cut:]: t for n, t in tensors.items() if n.startswith(prefix)}
		if inner:
			return inner
	return tensors
