"""Knows LoRAs and their relatives, and embeddings: in which format they are, for which family, and
which of them cannot be used."""

import re
from collections import Counter
from collections.abc import Mapping

from localai.files.weights.signatures import FILMS, Found
from localai.files.weights.tensors import Tensor
from localai.schemas.families import ArchitectureName

# How the names of what is added to a layer end, and what that makes of the file.
ENDS = {
	**dict.fromkeys(
		('hada_w1_a', 'hada_w1_b', 'hada_w2_a', 'hada_w2_b', 'hada_t1', 'hada_t2'), 'loha'
	),
	**dict.fromkeys(('lokr_w1', 'lokr_w1_a', 'lokr_w1_b', 'lokr_t2'), 'lokr'),
	**dict.fromkeys(('lokr_w2', 'lokr_w2_a', 'lokr_w2_b'), 'lokr'),
	**dict.fromkeys(('oft_blocks', 'oft_diag'), 'oft'),
	**dict.fromkeys(('dora_scale', 'lora_magnitude_vector'), 'dora'),
	**dict.fromkeys(('lora_down', 'lora_up'), 'kohya'),
	**dict.fromkeys(('lora_A', 'lora_B'), 'peft'),
	**dict.fromkeys(('a1', 'a2', 'b1', 'b2'), 'glora'),
	'on_input': 'ia3',
	'lora_mid': 'mid',
	'diff': 'full',
}
# One of these is in the name of some tensor of every adapter.
MARKS = ('lora', 'hada_w', 'lokr_w', 'oft_', 'on_input', '.diff', '.a1.weight')
BESIDE = ('.alpha', '.scale', '.diff_b', '.rank', '.img_attn.norm.key_norm.scale', '_norm.scale')
STRICT = ('loha', 'lokr', 'oft', 'ia3', 'mid', 'dora')
PLAIN = ('kohya', 'peft', 'diffusers')
# Ends that some whole models have too, so that all tensors must have them.
LOOSE = ('full', 'glora')
VARIANTS = {
	'loha': 'lycoris loha',
	'lokr': 'lycoris lokr',
	'oft': 'lycoris oft',
	'ia3': 'lycoris ia3',
	'full': 'lycoris full',
	'glora': 'lycoris glora',
	'mid': 'lycoris locon',
	'dora': 'dora',
	'kohya': 'kohya',
	'peft': 'peft',
	'diffusers': 'diffusers',
}
# What diffusers makes of them: it reads LoKr for these families, and none of the other LyCORIS kinds.
LOKR_FAMILIES = ('flux2', 'flux2-klein', 'z-image')
NAMES = {
	'lycoris loha': 'LoHa',
	'lycoris lokr': 'LoKr',
	'lycoris oft': 'OFT',
	'lycoris ia3': '(IA)³',
	'lycoris full': 'Full',
	'lycoris glora': 'GLoRA',
	'lycoris locon': 'Tucker-decomposed LoCon',
}
WORDS: dict[int, ArchitectureName] = {768: 'sd1', 1024: 'sd2', 2048: 'sdxl', 1280: 'sdxl-refiner'}
UNETS = re.compile(r'(?:down|up|mid|input|output|middle)_blocks?_')
# (values in, values out) of a layer, 0 where it is not known.
Layers = Mapping[str, tuple[int, int]]


def adapter(tensors: Mapping[str, Tensor]) -> Found | None:
	"""A LoRA or a relative of one, None for anything else."""
	names = '\n'.join(tensors)
	if not any(mark in names for mark in MARKS):
		return None
	parts: dict[str, dict[str, tuple[int, ...]]] = {}
	kinds: Counter[str] = Counter()
	others = 0
	for name, tensor in tensors.items():
		layer, end, kind = cut(name)
		if kind:
			kinds[kind] += 1
			parts.setdefault(layer, {})[end] = tensor.shape
		else:
			others += not name.endswith(BESIDE)
	kind = next((k for k in (*STRICT, *PLAIN) if k in kinds), '')
	if not kind and not others:
		kind = next((k for k in LOOSE if k in kinds), '')
	if not kind or others > 2 * kinds.total():  # a whole model with something beside it
		return None
	layers = {layer.replace('.', '_'): ends_of(shapes) for layer, shapes in parts.items()}
	if '.img_attn.norm.key_norm.scale' in names:
		return Found('lora', family(layers), 'control')  # FLUX.1 Canny and Depth
	return Found('lora', family(layers), VARIANTS[kind])


def cut(name: str) -> tuple[str, str, str]:
	"""The layer, what is added to it, and the kind of adapter that does so ('' for none)."""
	layer, _, end = name.rpartition('.')
	if end == 'weight':
		layer, _, end = layer.rpartition('.')
		if end == 'default':
			layer, _, end = layer.rpartition('.')
		if end in (
			'down',
			'up',
		):  # 'to_k_lora.down', 'q_proj.lora_linear_layer.up', 'qkv_lora1.down'
			layer, mark, rest = layer.rpartition('lora')
			if mark and rest in ('', '1', '2', '_linear_layer'):
				return layer.rstrip('._'), f'lora_{end}', 'diffusers'
			return name, '', ''
	return layer, end, ENDS.get(end, '')


def ends_of(shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, int]:
	"""How many values go into the layer and come out of it, as far as the added parts tell."""

	down = shapes.get('lora_down') or shapes.get('lora_A')
	up = shapes.get('lora_up') or shapes.get('lora_B')
	if down and up and len(down) > 1:  # nearly always
		return down[1], up[0]

	def size(axis: int, *names: str) -> int:
		return next((shapes[n][axis] for n in names if len(shapes.get(n, ())) > axis), 0)

	into = size(1, 'lora_down', 'lora_A', 'hada_w1_b', 'diff')
	out = size(0, 'lora_up', 'lora_B', 'hada_w1_a', 'diff')
	if 'a1' in shapes:  # GLoRA writes them either way round, and the rank is the small one
		return max(shapes['a1'][:2], default=0), max(shapes.get('b2', ())[:2], default=0)
	if not into:
		into = size(1, 'lokr_w1', 'lokr_w1_b') * size(1, 'lokr_w2', 'lokr_w2_b')
		out = size(0, 'lokr_w1', 'lokr_w1_a') * size(0, 'lokr_w2', 'lokr_w2_a')
	return into, out


def family(layers: Layers) -> ArchitectureName:
	"""By the names and widths of the layers that are changed."""
	joined = '\n'.join(layers)
	if any(mark in joined for mark in FILMS):
		return 'unknown'
	if UNETS.search(joined):
		return of_unet(layers, joined)
	if 'double_stream_blocks_' in joined:
		return 'hidream'
	if 'joint_blocks_' in joined:
		return 'sd3'
	if 'double_blocks_' in joined or 'single_blocks_' in joined:
		return of_flux(layers, joined)
	if 'transformer_blocks_' in joined:
		return of_transformer(layers, joined)
	if re.search(r'(?:layers|refiner)_\d+_(?:attention|attn|feed_forward|adaLN)', joined):
		widths = {into for into, _ in layers.values()}
		return 'z-image' if 3840 in widths else 'lumina2' if 2304 in widths else 'unknown'
	if 'cross_attn_q_linear' in joined or 'cross_attn_kv_linear' in joined:
		return 'sana' if 'conv' in joined else 'pixart' if 'mlp_fc' in joined else 'unknown'
	return of_words(layers, joined)


def of_unet(layers: Layers, joined: str) -> ArchitectureName:
	widths = {
		into
		for name, (into, _) in layers.items()
		if 'attn2' in name and ('to_k' in name or 'to_v' in name)
	} - {0}
	if len(widths) == 1 and (width := widths.pop()) in WORDS:
		return WORDS[width]
	told = {
		i for n, (i, _) in layers.items() if 'label_emb_0_0' in n or 'add_embedding_linear_1' in n
	}
	if told & {2816, 2560}:
		return 'sdxl' if 2816 in told else 'sdxl-refiner'
	# Only SDXL has two text encoders, and more than one layer in a block.
	if 'lora_te2_' in joined or 'text_encoder_2_' in joined or '_transformer_blocks_1_' in joined:
		return 'sdxl'
	return of_words(layers, joined)


def of_words(layers: Layers, joined: str) -> ArchitectureName:
	"""From text encoders alone: kohya's `lora_te_` is of Stable Diffusion 1 or 2, which have one."""
	if 'lora_te2_' in joined and 'lora_te1_' in joined and 'lora_te3_' not in joined:
		return 'sdxl'
	if 'lora_te_text_model' not in joined:
		return 'unknown'
	widths = {i for n, (i, _) in layers.items() if 'mlp_fc1' in n or '_proj' in n}
	return 'sd1' if 768 in widths else 'sd2' if 1024 in widths else 'unknown'


def of_flux(layers: Layers, joined: str) -> ArchitectureName:
	"""FLUX.1 and FLUX.2 in their own layout; Hunyuan Video has the same names but for a few."""
	if re.search(r'_mlp_fc\d|_mod_linear|modulation_linear', joined):
		return 'unknown'
	width = next(
		(i for n, (i, _) in layers.items() if re.search(r'_(?:qkv|linear1|mod_lin|mlp_0)$', n)), 0
	) or next((o for n, (_, o) in layers.items() if re.search(r'_(?:proj|linear2|mlp_2)$', n)), 0)
	if not width and 'processor' in joined:  # XLabs writes them so, for FLUX.1 alone
		return 'flux1'
	if width in (6144, 4096):
		return 'flux2' if width == 6144 else 'flux2-klein'
	if width != 3072:
		return 'unknown'
	if 'modulation_lin' in joined or '_mod_lin' in joined or 'processor' in joined:
		return 'flux1'
	# FLUX.1 has four times the width inside its blocks, FLUX.2 three times, twice over.
	inner: dict[tuple[str, int], ArchitectureName] = {
		('linear1', 21504): 'flux1',
		('linear1', 27648): 'flux2-klein',
		('mlp_0', 12288): 'flux1',
		('mlp_0', 18432): 'flux2-klein',
	}
	for name, (into, out) in layers.items():
		for (end, size), answer in inner.items():
			if name.endswith(end) and out == size:
				return answer
		if name.endswith('linear2') and into in (15360, 12288):
			return 'flux1' if into == 15360 else 'flux2-klein'
		if name.endswith('mlp_2') and into in (12288, 9216):
			return 'flux1' if into == 12288 else 'flux2-klein'
	doubles, singles = highest('double_blocks', joined), highest('single_blocks', joined)
	if doubles == 18 or singles == 37 or 5 <= doubles < 18:  # klein has 5 and 20, Hunyuan 20 and 40
		return 'flux1'
	return 'unknown'


def of_transformer(layers: Layers, joined: str) -> ArchitectureName:
	"""The layout of diffusers, in which many families look alike."""
	widths = {i for n, (i, _) in layers.items() if re.search(r'_to_[qkv]$|_add_[qkv]_proj$', n)}
	every = {i for i, _ in layers.values()}
	if 'to_qkv_mlp_proj' in joined or re.search(r'_ff(?:_context)?_linear_(?:in|out)', joined):
		if 6144 in every or 4096 in every:
			return 'flux2' if 6144 in every else 'flux2-klein'
		return 'flux2-klein' if 3072 in every else 'unknown'
	if re.search(r'_(?:img|txt)_(?:mlp|mod)_', joined):
		return 'qwen-image' if 3072 in every else 'unknown'
	if 'joint_transformer_blocks_' in joined:
		return 'unknown'
	if 'attn1_to_' in joined or 'attn2_to_k' in joined and 'attn_to_' not in joined:
		if 2240 in widths or '_ff_conv_' in joined:
			return 'sana'
		return 'pixart' if 1152 in widths and 'ff_net_0_proj' in joined else 'unknown'
	singles = highest('single_transformer_blocks', joined)
	if singles >= 0:
		return 'flux1' if 3072 in every and singles <= 37 else 'unknown'
	if widths & {1536, 2432}:
		return 'sd3'
	last = highest('transformer_blocks', joined)
	if 3072 in widths and last >= 20:
		return 'qwen-image' if last == 59 else 'unknown'
	if 3072 in widths and ('ff_context' in joined or 'norm1_context' in joined):
		return 'flux1'
	return 'unknown'


def highest(block: str, joined: str) -> int:
	numbers = [int(n) for n in re.findall(rf'(?<!single_){block}_(\d{{1,3}})(?!\d)', joined)]
	return max(numbers, default=-1)


def cannot_load(found: Found, name: str) -> str:
	"""Why a LoRA cannot be used, '' when it can."""
	if found.variant not in NAMES:
		return ''
	if found.variant == 'lycoris lokr' and found.family in LOKR_FAMILIES:
		return ''
	kind = NAMES[found.variant]
	return f'{name} is a LyCORIS file of the kind {kind}, which cannot be used. Use a version of it that is a plain LoRA.'


# Embeddings: a few vectors, as wide as the words of the family.
TOKENS = 256


def embedding(tensors: Mapping[str, Tensor]) -> Found | None:
	if not 1 <= len(tensors) <= 4:
		return None
	shapes = {
		n.rsplit('.', 1)[-1] if 'string_to_param' in n else n: t.shape for n, t in tensors.items()
	}
	vectors = all(1 <= len(s) <= 2 and (len(s) == 1 or s[0] <= TOKENS) for s in shapes.values())
	if not vectors:
		return None
	widths = {name: shape[-1] for name, shape in shapes.items()}
	names = widths.keys()
	if names & {'clip_l', 'clip_g', 't5xxl', 'text_encoders_0', 'text_encoders_1'}:
		both = {'clip_l', 'clip_g'} <= names or {'text_encoders_0', 'text_encoders_1'} <= names
		sdxl = (both or 'clip_g' in names) and 't5xxl' not in names and 1280 in widths.values()
		return Found('embedding', 'sdxl' if sdxl else 'unknown')
	if len(tensors) > 1 and not names & {'emb_params', '*'}:
		return None
	families: dict[int, ArchitectureName] = {768: 'sd1', 1024: 'sd2', 1280: 'sdxl'}
	width = widths.get('emb_params') or widths.get('*') or next(iter(widths.values()))
	named = bool(names & {'emb_params', '*'}) or next(iter(names)).startswith('<')
	if width not in families and not named:
		return None
	if not named and next(iter(names)).endswith(('.weight', '.bias')):
		return None
	return Found('embedding', families.get(width, 'unknown'))
