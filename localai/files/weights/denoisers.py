"""Knows by which tensors the models without a UNet are told, in the layouts of the original programs
and of diffusers."""

from localai.files.weights.signatures import FLUX_FOLDER_SIZES, checkpoint
from localai.schemas.families import ArchitectureName

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
GUIDED = 'guidance_in.in_layer.bias'
GUIDED_FOLDER = 'time_text_embed.guidance_embedder.linear_1.bias'
FLUX2 = ('single_stream_modulation.lin.weight', 'double_stream_modulation_img.lin.weight')
FLUX2_FOLDER = (
	'single_stream_modulation.linear.weight',
	'double_stream_modulation_img.linear.weight',
)
FLUX2_WIDTHS: tuple[tuple[ArchitectureName, str, int, int], ...] = (
	('flux2', '', 6144, 15360),
	('flux2-klein', '4B', 3072, 7680),
	('flux2-klein', '9B', 4096, 12288),
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
HUNYUAN = 'txt_in.individual_token_refiner.blocks.0.adaLN_modulation.1.bias'
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
		for family, variant, width, words in FLUX2_WIDTHS
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
	# They share a reader of words; what comes in tells pictures from films
	checkpoint(
		'unknown',
		'HunyuanImage',
		HUNYUAN,
		'byt5_in.fc1.weight',
		sizes=(('img_in.proj.weight', 0, 3584), ('img_in.proj.weight', 1, (64, 128))),
	),
	checkpoint(
		'unknown',
		'Hunyuan Video',
		HUNYUAN,
		sizes=(
			('img_in.proj.weight', 0, (2048, 3072)),
			('img_in.proj.weight', 2, (1, 2)),
			('img_in.proj.weight', 4, (1, 2)),
		),
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
