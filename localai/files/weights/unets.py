"""Knows the UNets of Stable Diffusion, and the ControlNets that are halves of them, by the width of the
words they listen to and by what their first layer takes in."""

from collections.abc import Iterable, Mapping

from localai.files.weights.blueprints import judge, root_of
from localai.files.weights.signatures import FILMS, PACKED, Found, side
from localai.files.weights.tensors import Tensor
from localai.schemas.families import ArchitectureName

# Where the first layer that listens to words is, in the layouts of the original and of diffusers.
BLOCK = '{}.transformer_blocks.0.attn2.to_k'
LISTENERS = tuple(
	BLOCK.format(place)
	for place in (
		'input_blocks.1.1',
		'input_blocks.2.1',
		'input_blocks.4.1',
		'down_blocks.0.attentions.0',
		'down_blocks.1.attentions.0',
		'mid_block.attentions.0',
		'middle_block.1',
	)
)
ORIGINAL = (
	'input_blocks.0.0.weight',
	'output_blocks.0.0.in_layers.0.weight',
	'time_embed.0.weight',
)
FOLDER = ('conv_in.weight', 'up_blocks.0.resnets.0.norm1.weight', 'time_embedding.linear_1.weight')
# What the first layer takes in besides the noise, by its channels.
INSIDE = {4: '', 9: 'inpaint', 8: 'edit', 5: 'depth', 7: 'upscale'}
# Of these only that family has such models; elsewhere it is something that nobody can say.
ALONE = {5: 'sd2', 7: 'sd2'}
# The parts that a UNet is made of; what has more matrices listens to more than words.
PARTS = {
	'input_blocks',
	'middle_block',
	'output_blocks',
	'time_embed',
	'label_emb',
	'out',
	'conv_in',
	'conv_norm_out',
	'conv_out',
	'time_embedding',
	'add_embedding',
	'class_embedding',
	'encoder_hid_proj',
	'down_blocks',
	'mid_block',
	'up_blocks',
}
# Beside the whole UNet in a file: the other parts of a checkpoint, averages, and what is no part.
BESIDE = (
	'model.diffusion_model.',
	'diffusion_model.',
	'model_ema.',
	'cond_stage_model.',
	'conditioner.',
	'first_stage_model.',
	'vae.',
	'text_encoder',
	'te1.',
	'te2.',
	'clip_l.',
	'clip_g.',
	'control_model.',
	'embedding_manager.',
	'lora_',
	'edm_',
	'denoiser.',
	# of Stable Diffusion 2, for depth, for larger pictures, and from a picture
	'depth_model.',
	'low_scale_model.',
	'embedder.',
	'noise_augmentor.',
)


def unet(tensors: Mapping[str, Tensor]) -> Found | None:
	"""`variant` is '' for one that draws from words alone."""
	if all(name in tensors for name in ORIGINAL):
		start = ORIGINAL[0]
	elif all(name in tensors for name in FOLDER) and 'conv_out.weight' in tensors:
		start = FOLDER[0]
	else:
		return None
	family = family_of(tensors)
	channels = side(tensors, start, 1)
	if any(mark in name for name in tensors for mark in FILMS):
		return Found('checkpoint', 'unknown', 'video')
	if channels == 16 and listens_to(tensors) == 128:
		return Found('checkpoint', 'sketchbook')
	if family == 'unknown':
		return None
	if any(name.endswith('.qweight') for name in tensors):
		return Found('checkpoint', family, 'SVDQuant')
	verdict = judge(family, tensors)
	if verdict == 'other' or strange(tensors, PARTS):
		return Found('checkpoint', 'unknown')
	variant = INSIDE.get(channels, f'{channels} channels')
	if ALONE.get(channels, family) != family or (family == 'sd2' and variant == 'edit'):
		variant = f'{channels} channels'
	if not variant and family == 'sd2' and is_told(tensors):
		variant = 'unclip'
	if not variant and verdict == 'less':  # SSD-1B, Vega, and small ones of Stable Diffusion 1
		variant = 'small'
	conditions = ('time_embedding.cond_proj.weight', 'time_embed.cond_proj.weight')
	if not variant and any(name in tensors for name in conditions):
		variant = 'lcm'
	return Found('checkpoint', family, variant)


def strange(tensors: Mapping[str, Tensor], known: set[str]) -> bool:
	"""Whether there is a matrix that belongs to none of the known parts."""
	return any(
		len(tensor.shape) > 1 and root_of(name) not in known and not name.startswith(BESIDE)
		for name, tensor in tensors.items()
	)


def turned(found: Found, tensors: Mapping[str, Tensor]) -> Found:
	"""What a whole file says of the UNet in it: other parts make another model of it."""
	if 'cc_projection.weight' in tensors:
		return Found('checkpoint', 'unknown', 'Zero123')
	if strange(tensors, PARTS):
		return Found('checkpoint', 'unknown')
	if not found.variant and 'edm_vpred.sigma_max' in tensors:
		return Found('checkpoint', found.family, 'edm')
	if not found.variant and 'edm_mean' in tensors:
		return Found('checkpoint', found.family, 'playground')
	return found


def controlnet(tensors: Mapping[str, Tensor]) -> Found | None:
	"""Those of the original programs, of diffusers, and the low-rank ones."""
	low = 'lora_controlnet' in tensors
	if not low and not any(
		n in tensors
		for n in ('input_hint_block.0.weight', 'controlnet_cond_embedding.conv_in.weight')
	):
		llite = any(name.startswith('lllite_unet_') for name in tensors)
		deep = any('_transformer_blocks_1_' in name for name in tensors) if llite else False
		return Found('controlnet', 'sdxl' if deep else 'unknown', 'lllite') if llite else None
	timed = any(n in tensors for n in ('time_embed.0.weight', 'time_embedding.linear_1.weight'))
	if not low and not timed:
		return None
	variant = 'control-lora' if low else ''
	if any(n in tensors for n in ('task_embedding', 'control_add_embedding.linear_1.weight')):
		variant = 'union'
	return Found('controlnet', family_of(tensors), variant)


def family_of(tensors: Mapping[str, Tensor]) -> ArchitectureName:
	"""By the width of the words, and of what SDXL is told besides them."""
	words, told = listens_to(tensors), is_told(tensors)
	if words == 768 and not told:
		return 'sd1'
	if words == 1024:
		return 'sd2'
	if words in (0, 2048) and told == 2816:
		return 'sdxl'
	if words in (0, 1280) and told == 2560:
		return 'sdxl-refiner'
	if words in (0, 2048) and told == 5632:
		return 'kolors'
	return 'unknown'


def listens_to(tensors: Mapping[str, Tensor]) -> int:
	"""The width of the words, 0 where no layer listens."""
	return first_width(tensors, ((n, n.replace('attn2.to_k', 'norm2.weight')) for n in LISTENERS))


def is_told(tensors: Mapping[str, Tensor]) -> int:
	"""The width of what SDXL is told of sizes, 0 where nothing is told."""
	return first_width(
		tensors, ((n, f'{n}.bias') for n in ('label_emb.0.0', 'add_embedding.linear_1'))
	)


def first_width(tensors: Mapping[str, Tensor], layers: Iterable[tuple[str, str]]) -> int:
	"""How many values go into the first of the layers that is there; beside each is the name of what
	has as many values as come out of it."""
	for name, beside in layers:
		for end in ('.weight', '.down'):
			width = side(tensors, name + end, 1)
			if width == PACKED:  # two values in a byte
				rows = side(tensors, beside, 0)
				return 2 * tensors[name + end].shape[0] // rows if rows > 0 else 0
			if width:
				return width
	return 0
