"""Knows by which tensors each kind of model is told: a table of names and sizes, for the layouts of
the original programs and of diffusers."""

from collections.abc import Mapping
from typing import NamedTuple

from localai.files.headers import Tensor
from localai.schemas.models import ArchitectureName, KindName

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


# Models without a UNet of the Stable Diffusion kind, which unets.py tells apart.
FLUX = (
	'double_blocks.0.img_attn.norm.key_norm.scale',
	'single_blocks.0.linear1.weight',
	'txt_in.bias',
)
FLUX_OWN = ('vector_in.in_layer.bias', *FLUX)
FLUX_SIZES = (('txt_in.weight', 1, 4096), ('img_in.bias', 0, 3072))
FLUX_FOLDER = (
	'single_transformer_blocks.0.proj_mlp.weight',
	'transformer_blocks.0.norm1_context.linear.weight',
	'time_text_embed.text_embedder.linear_1.bias',
	'context_embedder.bias',
)
FLUX_FOLDER_SIZES = (('context_embedder.weight', 1, 4096), ('x_embedder.bias', 0, 3072))
GUIDED = 'guidance_in.in_layer.bias'
GUIDED_FOLDER = 'time_text_embed.guidance_embedder.linear_1.bias'
FLUX2 = ('single_stream_modulation.lin.weight', 'double_stream_modulation_img.lin.weight')
FLUX2_FOLDER = (
	'single_stream_modulation.linear.weight',
	'double_stream_modulation_img.linear.weight',
)
SD3 = ('joint_blocks.0.context_block.adaLN_modulation.1.bias', 'context_embedder.bias')
SD3_FOLDER = (
	'transformer_blocks.0.norm1_context.linear.bias',
	'pos_embed.proj.weight',
	'context_embedder.bias',
	'time_text_embed.text_embedder.linear_1.bias',
)
QWEN = (
	'transformer_blocks.0.img_mod.1.bias',
	'transformer_blocks.0.txt_mlp.net.0.proj.bias',
	'txt_norm.weight',
)
LUMINA = ('cap_embedder.0.weight', 'noise_refiner.0.attention.qkv.weight')
PIXART = (
	'blocks.0.cross_attn.kv_linear.bias',
	'blocks.0.mlp.fc1.bias',
	'y_embedder.y_proj.fc1.bias',
)
PIXART_FOLDER = (
	'adaln_single.emb.timestep_embedder.linear_1.bias',
	'caption_projection.linear_1.bias',
	'pos_embed.proj.weight',
	'transformer_blocks.0.attn2.to_k.bias',
)
SANA = ('blocks.0.mlp.inverted_conv.conv.weight', 'blocks.0.cross_attn.kv_linear.bias')
SANA_FOLDER = (
	'transformer_blocks.0.ff.conv_inverted.weight',
	'caption_norm.weight',
	'time_embed.linear.bias',
)

TRANSFORMERS = (
	# FLUX.1 and what grew from it
	checkpoint(
		'chroma',
		'radiance',
		'distilled_guidance_layer.in_proj.bias',
		'nerf_blocks.0.param_generator.weight',
	),
	checkpoint('chroma', '', 'distilled_guidance_layer.in_proj.bias', FLUX[0], FLUX[1]),
	checkpoint('chroma', '', 'distilled_guidance_layer.in_proj.bias', FLUX_FOLDER[0]),
	checkpoint('flux1', 'fill', GUIDED, *FLUX_OWN, sizes=(*FLUX_SIZES, ('img_in.weight', 1, 384))),
	checkpoint(
		'flux1', 'control', GUIDED, *FLUX_OWN, sizes=(*FLUX_SIZES, ('img_in.weight', 1, 128))
	),
	checkpoint('flux1', 'dev', GUIDED, *FLUX_OWN, sizes=(*FLUX_SIZES, ('img_in.weight', 1, 64))),
	checkpoint(
		'flux1',
		'schnell',
		*FLUX_OWN,
		sizes=(*FLUX_SIZES, ('img_in.weight', 1, 64)),
		lacks=(GUIDED,),
	),
	checkpoint(
		'flux1',
		'fill',
		GUIDED_FOLDER,
		*FLUX_FOLDER,
		sizes=(*FLUX_FOLDER_SIZES, ('x_embedder.weight', 1, 384)),
	),
	checkpoint(
		'flux1',
		'control',
		GUIDED_FOLDER,
		*FLUX_FOLDER,
		sizes=(*FLUX_FOLDER_SIZES, ('x_embedder.weight', 1, 128)),
	),
	checkpoint(
		'flux1',
		'dev',
		GUIDED_FOLDER,
		*FLUX_FOLDER,
		sizes=(*FLUX_FOLDER_SIZES, ('x_embedder.weight', 1, 64)),
	),
	checkpoint(
		'flux1',
		'schnell',
		*FLUX_FOLDER,
		sizes=(*FLUX_FOLDER_SIZES, ('x_embedder.weight', 1, 64)),
		lacks=(GUIDED_FOLDER,),
	),
	# FLUX.2: the width of the double blocks' norms is 128 in all, that of the streams is not
	*(
		checkpoint(
			family, variant, *names, sizes=((into, 0, width), (into, 1, 128), (text, 1, words))
		)
		for family, variant, width, words in (
			('flux2', '', 6144, 15360),
			('flux2-klein', '4B', 3072, 7680),
			('flux2-klein', '9B', 4096, 12288),
		)
		for names, into, text in (
			(FLUX2, 'img_in.weight', 'txt_in.weight'),
			(FLUX2_FOLDER, 'x_embedder.weight', 'context_embedder.weight'),
		)
	),
	# Stable Diffusion 3
	checkpoint(
		'sd3',
		'3.5 large',
		*SD3,
		'joint_blocks.37.x_block.mlp.fc1.weight',
		sizes=((SD3[1], 0, 2432),),
	),
	checkpoint(
		'sd3',
		'3.5 medium',
		*SD3,
		'joint_blocks.0.x_block.attn2.qkv.weight',
		sizes=((SD3[1], 0, 1536),),
	),
	checkpoint('sd3', 'medium', *SD3, sizes=((SD3[1], 0, 1536),)),
	checkpoint(
		'sd3',
		'3.5 large',
		*SD3_FOLDER,
		'transformer_blocks.37.attn.to_q.weight',
		sizes=((SD3_FOLDER[2], 0, 2432),),
	),
	checkpoint(
		'sd3',
		'3.5 medium',
		*SD3_FOLDER,
		'transformer_blocks.0.attn2.to_q.weight',
		sizes=((SD3_FOLDER[2], 0, 1536),),
	),
	checkpoint('sd3', 'medium', *SD3_FOLDER, sizes=((SD3_FOLDER[2], 0, 1536),)),
	# Qwen-Image: one layout for all programs
	checkpoint('qwen-image', 'layered', *QWEN, 'time_text_embed.addition_t_embedding.weight'),
	checkpoint('qwen-image', 'edit', *QWEN, '__index_timestep_zero__'),
	checkpoint(
		'qwen-image', '', *QWEN, sizes=(('txt_norm.weight', 0, 3584), ('img_in.bias', 0, 3072))
	),
	checkpoint(
		'qwen-image', '2.1', 'txt_in.text_norm.weight', 'transformer_blocks.0.attn.to_q.weight'
	),
	# Z-Image and Lumina 2, which are cousins
	checkpoint(
		'z-image',
		'',
		*LUMINA,
		'layers.0.adaLN_modulation.0.weight',
		sizes=(('cap_embedder.0.weight', 0, 2560),),
	),
	checkpoint(
		'z-image',
		'',
		'all_x_embedder.2-1.weight',
		'noise_refiner.0.attention.to_q.weight',
		'cap_embedder.0.weight',
		lacks=('control_layers.0.attention.to_q.weight',),
	),
	checkpoint(
		'lumina2',
		'',
		*LUMINA,
		'layers.0.adaLN_modulation.1.weight',
		sizes=(('cap_embedder.0.weight', 0, (1024, 2304)), ('x_embedder.bias', 0, 2304)),
		lacks=('clip_text_pooled_proj.0.weight',),
	),
	checkpoint(
		'lumina2',
		'',
		'time_caption_embed.caption_embedder.0.weight',
		'noise_refiner.0.attn.to_q.weight',
		'layers.0.norm1.linear.weight',
		sizes=(('x_embedder.bias', 0, 2304),),
	),
	# Sana and PixArt, which are cousins too
	checkpoint('sana', 'sprint', *SANA_FOLDER, 'time_embed.guidance_embedder.linear_1.weight'),
	checkpoint('sana', '600M', *SANA, sizes=(('x_embedder.proj.bias', 0, 1152),)),
	checkpoint(
		'sana',
		'1600M',
		*SANA,
		sizes=(('x_embedder.proj.bias', 0, 2240),),
		lacks=('blocks.20.attn.qkv.weight',),
	),
	checkpoint('sana', '4.8B', *SANA, sizes=(('x_embedder.proj.bias', 0, 2240),)),
	checkpoint('sana', '600M', *SANA_FOLDER, sizes=(('patch_embed.proj.bias', 0, 1152),)),
	checkpoint(
		'sana',
		'1600M',
		*SANA_FOLDER,
		sizes=(('patch_embed.proj.bias', 0, 2240),),
		lacks=('transformer_blocks.20.attn1.to_q.weight',),
	),
	checkpoint('sana', '4.8B', *SANA_FOLDER, sizes=(('patch_embed.proj.bias', 0, 2240),)),
	checkpoint(
		'pixart',
		'alpha',
		*PIXART,
		'csize_embedder.mlp.0.bias',
		sizes=(('x_embedder.proj.bias', 0, 1152),),
	),
	checkpoint(
		'pixart',
		'',
		*PIXART,
		sizes=(('x_embedder.proj.bias', 0, 1152), ('x_embedder.proj.weight', 1, 4)),
	),
	checkpoint(
		'pixart',
		'alpha',
		*PIXART_FOLDER,
		'adaln_single.emb.resolution_embedder.linear_1.bias',
		sizes=(('pos_embed.proj.bias', 0, 1152),),
	),
	checkpoint(
		'pixart',
		'',
		*PIXART_FOLDER,
		sizes=(('pos_embed.proj.bias', 0, 1152), ('pos_embed.proj.weight', 1, 4)),
	),
	checkpoint(
		'hidream',
		'',
		'double_stream_blocks.0.block.adaLN_modulation.1.bias',
		'single_stream_blocks.0.block.adaLN_modulation.1.bias',
		'p_embedder.pooled_embedder.linear_1.bias',
	),
	# Models that draw and are of no family here
	checkpoint('unknown', 'AuraFlow', 'double_layers.0.attn.w2q.weight', 'cond_seq_linear.weight'),
	checkpoint(
		'unknown',
		'AuraFlow',
		'joint_transformer_blocks.0.attn.add_q_proj.weight',
		'single_transformer_blocks.0.attn.to_q.weight',
	),
	checkpoint(
		'unknown',
		'Stable Cascade',
		'clip_txt_mapper.weight',
		'down_blocks.0.0.channelwise.0.weight',
	),
	checkpoint(
		'unknown', 'Stable Cascade', 'clip_mapper.weight', 'down_blocks.1.0.channelwise.0.weight'
	),
	checkpoint('unknown', 'FLUX.3', 'early_stream_modulations.image.lin.weight'),
	checkpoint('unknown', 'Krea 2', 'txtfusion.projector.weight'),
	checkpoint(
		'unknown',
		'Hunyuan Video',
		'txt_in.individual_token_refiner.blocks.0.adaLN_modulation.1.bias',
	),
	checkpoint(
		'unknown',
		'Wan',
		'head.modulation',
		'blocks.0.cross_attn.norm_k.weight',
		'patch_embedding.weight',
	),
	checkpoint(
		'unknown', 'LTX Video', 'patchify_proj.weight', 'transformer_blocks.0.scale_shift_table'
	),
	checkpoint('unknown', 'Mochi', 'blocks.0.attn.qkv_x.weight', 't5_yproj.weight'),
)
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
	return tensor.shape[axis]


def without(tensors: Mapping[str, Tensor], prefixes: tuple[str, ...]) -> Mapping[str, Tensor]:
	"""The tensors behind the first of the prefixes that is there, by the rest of their names; all
	of them when there is none."""
	for prefix in prefixes:
		inner = {n[len(prefix) :]: t for n, t in tensors.items() if n.startswith(prefix)}
		if inner:
			return inner
	return tensors
