"""Writes a pipeline as one file in the layout of the original programs: the way back from diffusers,
for tests."""

from pathlib import Path

import torch
from safetensors.torch import save_file

RESNET = {
	'norm1': 'in_layers.0',
	'conv1': 'in_layers.2',
	'time_emb_proj': 'emb_layers.1',
	'norm2': 'out_layers.0',
	'conv2': 'out_layers.3',
	'conv_shortcut': 'skip_connection',
}
UNET_ENDS = {
	'time_embedding.linear_1': 'time_embed.0',
	'time_embedding.linear_2': 'time_embed.2',
	'add_embedding.linear_1': 'label_emb.0.0',
	'add_embedding.linear_2': 'label_emb.0.2',
	'conv_in': 'input_blocks.0.0',
	'conv_norm_out': 'out.0',
	'conv_out': 'out.2',
}
OPEN_CLIP = {
	'embeddings.token_embedding.weight': 'token_embedding.weight',
	'embeddings.position_embedding.weight': 'positional_embedding',
	'final_layer_norm.weight': 'ln_final.weight',
	'final_layer_norm.bias': 'ln_final.bias',
}
OPEN_CLIP_LAYER = {
	'layer_norm1': 'ln_1',
	'layer_norm2': 'ln_2',
	'mlp.fc1': 'mlp.c_fc',
	'mlp.fc2': 'mlp.c_proj',
	'self_attn.out_proj': 'attn.out_proj',
}


def write(pipeline, file: Path, drop: tuple[str, ...] = (), **extra: torch.Tensor) -> Path:
	"""Without the tensors whose names begin with one of `drop`."""
	tensors = {**layout(pipeline), **extra}
	kept = {k: v.contiguous() for k, v in tensors.items() if not k.startswith(drop)}
	file.parent.mkdir(parents=True, exist_ok=True)
	save_file(kept, file, {'format': 'pt'})
	return file


def layout(pipeline) -> dict[str, torch.Tensor]:
	"""Names and tensors as CompVis and Stability AI wrote them."""
	per_block = pipeline.unet.config.layers_per_block + 1
	tensors = {}
	for name, value in pipeline.unet.state_dict().items():
		renamed = unet_name(name, per_block)
		# The upsampler comes after the attention, where there is one.
		attends = f'up_blocks.{name.split(".")[1]}.attentions.0.norm.weight'
		place = 2 if attends in pipeline.unet.state_dict() else 1
		tensors[f'model.diffusion_model.{renamed.replace("UP", str(place))}'] = value
	blocks = len(pipeline.vae.config.block_out_channels)
	for name, value in pipeline.vae.state_dict().items():
		renamed = vae_name(name, blocks)
		if 'mid.attn_1' in renamed and value.ndim == 2:
			value = value[:, :, None, None]
		tensors[f'first_stage_model.{renamed}'] = value
	if hasattr(pipeline, 'text_encoder_2'):
		first, second = 'conditioner.embedders.0.transformer.', 'conditioner.embedders.1.model.'
		tensors |= clip(pipeline.text_encoder, first) | open_clip(pipeline.text_encoder_2, second)
	elif pipeline.text_encoder.config.hidden_act == 'gelu':
		tensors |= open_clip(pipeline.text_encoder, 'cond_stage_model.model.')
	else:
		tensors |= clip(pipeline.text_encoder, 'cond_stage_model.transformer.')
	return tensors


def unet_name(name: str, per_block: int) -> str:
	for ours, theirs in UNET_ENDS.items():
		if name.startswith(ours + '.'):
			return theirs + name[len(ours) :]
	first, *rest = name.split('.')
	if first == 'mid_block':
		kind, index, rest = rest[0], int(rest[1]), rest[2:]
		if kind == 'attentions':
			return f'middle_block.1.{".".join(rest)}'
		return f'middle_block.{2 * index}.{resnet(rest)}'
	block, kind, index, rest = int(rest[0]), rest[1], int(rest[2]), rest[3:]
	if first == 'down_blocks':
		at = 1 + block * per_block + index
		if kind == 'downsamplers':
			return f'input_blocks.{(block + 1) * per_block}.0.op.{rest[-1]}'
		if kind == 'resnets':
			return f'input_blocks.{at}.0.{resnet(rest)}'
		return f'input_blocks.{at}.1.{".".join(rest)}'
	at = block * per_block + index
	if kind == 'upsamplers':
		return f'output_blocks.{(block + 1) * per_block - 1}.UP.conv.{rest[-1]}'
	if kind == 'resnets':
		return f'output_blocks.{at}.0.{resnet(rest)}'
	return f'output_blocks.{at}.1.{".".join(rest)}'


def resnet(rest: list[str]) -> str:
	return '.'.join([RESNET[rest[0]], *rest[1:]])


def vae_name(name: str, blocks: int) -> str:
	name = name.replace('conv_norm_out', 'norm_out').replace('mid_block.attentions.0', 'mid.attn_1')
	name = name.replace('group_norm', 'norm').replace('to_q.', 'q.').replace('to_k.', 'k.')
	name = name.replace('to_v.', 'v.').replace('to_out.0.', 'proj_out.')
	name = name.replace('conv_shortcut', 'nin_shortcut')
	for index in range(2):
		name = name.replace(f'mid_block.resnets.{index}', f'mid.block_{index + 1}')
	for index in range(blocks):
		name = name.replace(f'down_blocks.{index}.resnets', f'down.{index}.block')
		name = name.replace(f'down_blocks.{index}.downsamplers.0', f'down.{index}.downsample')
		name = name.replace(f'up_blocks.{index}.resnets', f'up.{blocks - 1 - index}.block')
		name = name.replace(f'up_blocks.{index}.upsamplers.0', f'up.{blocks - 1 - index}.upsample')
	return name


def bare(encoder) -> dict[str, torch.Tensor]:
	"""Without the wrapper that some encoders have."""
	state = encoder.state_dict()
	return {k.removeprefix('text_model.'): v for k, v in state.items() if 'position_ids' not in k}


def clip(encoder, prefix: str) -> dict[str, torch.Tensor]:
	return {f'{prefix}text_model.{k}': v for k, v in bare(encoder).items()}


def open_clip(encoder, prefix: str) -> dict[str, torch.Tensor]:
	"""One matrix for query, key and value; the projection the other way round."""
	state, found = bare(encoder), {}
	for name, value in state.items():
		if name in OPEN_CLIP:
			found[prefix + OPEN_CLIP[name]] = value
		elif name == 'text_projection.weight':
			found[prefix + 'text_projection'] = value.T
		elif '.self_attn.q_proj.' in name:
			three = [state[name.replace('q_proj', f'{letter}_proj')] for letter in 'qkv']
			layer, kind = name.split('.')[2], name.split('.')[-1]
			found[f'{prefix}transformer.resblocks.{layer}.attn.in_proj_{kind}'] = torch.cat(three)
		elif '_proj.' not in name or 'out_proj' in name:
			_, _, layer, *rest = name.split('.')
			inner = OPEN_CLIP_LAYER['.'.join(rest[:-1])]
			found[f'{prefix}transformer.resblocks.{layer}.{inner}.{rest[-1]}'] = value
	return found
