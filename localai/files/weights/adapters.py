"""Knows LoRAs and their relatives, and embeddings: in which format they are, for which family, and
which of them cannot be used."""

import re
from collections import Counter
from collections.abc import Mapping

from localai.files.weights import blueprints
from localai.files.weights.signatures import Found
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
# How the names of layers of text encoders begin.
TEXTS = re.compile(
	r'^(?:base_model_model_)?(?:lora_)?(?:te\d?|text_encoders?|text_encoder_\d|text_model|clip_[lg]|t5xxl)_',
	re.MULTILINE,
)
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
		layer, _, end = name.removesuffix('.weight').rpartition('.')
		kind = ENDS.get(end, '')
		if not kind and end != 'alpha':  # seldom
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
	layers = {
		layer.replace('.', '_'): ends_of(shapes)
		for layer, shapes in parts.items()
		if len(shapes.get('diff', (0, 0))) > 1  # norms tell nothing
	}
	if '.img_attn.norm.key_norm.scale' in names:
		return Found('lora', family(layers), 'control')  # FLUX.1 Canny and Depth
	return Found('lora', family(layers), VARIANTS[kind])


def cut(name: str) -> tuple[str, str, str]:
	"""The layer, what is added to it, and the kind of adapter that does so ('' for none), of names that
	are not simply written: 'to_k_lora.down', 'q_proj.lora_linear_layer.up', 'qkv_lora1.down',
	'to_k.lora_A.default'."""
	layer, _, end = name.removesuffix('.weight').rpartition('.')
	if end == 'default':
		layer, _, end = layer.rpartition('.')
		return layer, end, ENDS.get(end, '')
	if end in ('down', 'up') and name.endswith('.weight'):
		layer, mark, rest = layer.rpartition('lora')
		if mark and rest in ('', '1', '2', '_linear_layer'):
			return layer.rstrip('._'), f'lora_{end}', 'diffusers'
	return name, '', ''


Shape = tuple[int, ...]


def ends_of(shapes: Mapping[str, Shape]) -> tuple[int, int]:
	"""How many values go into the layer and come out of it, as far as the added parts tell."""

	def side(axis: int, *names: str) -> int:
		shape = next((shapes[n] for n in names if n in shapes), ())
		return shape[axis] if len(shape) > axis else 0

	down = shapes.get('lora_down') or shapes.get('lora_A')
	up = shapes.get('lora_up') or shapes.get('lora_B')
	if down and up and len(down) > 1:  # nearly always
		return down[1], up[0]
	if 'lokr_w1' in shapes or 'lokr_w1_a' in shapes:
		turned = 'lokr_t2' in shapes  # a convolution, in three parts
		into = side(1, 'lokr_w1', 'lokr_w1_b') * side(1, 'lokr_w2', 'lokr_w2_b')
		return into, side(0, 'lokr_w1', 'lokr_w1_a') * side(int(turned), 'lokr_w2', 'lokr_w2_a')
	if 'hada_w1_a' in shapes:
		return side(1, 'hada_w1_b'), side(int('hada_t1' in shapes), 'hada_w1_a')
	if 'a1' in shapes:  # GLoRA writes them either way round, and the rank is the small one
		return max(shapes['a1'][:2], default=0), max(shapes.get('b2', ())[:2], default=0)
	return side(1, 'lora_down', 'lora_A', 'diff'), side(0, 'lora_up', 'lora_B', 'diff')


def family(layers: Layers) -> ArchitectureName:
	"""By the layers of a denoiser that are changed; what is changed of text encoders tells only where
	these leave it open."""
	words: Layers = {}
	if TEXTS.search('\n'.join(layers)):
		words = {name: widths for name, widths in layers.items() if TEXTS.match(name)}
		if len(words) == len(layers):
			return of_words(words)
		layers = {n: w for n, w in layers.items() if n not in words}
	found = blueprints.families(layers)
	if len(found) > 1:
		found &= {of_words(words)}
	return found.pop() if found else 'unknown'


def of_words(layers: Layers) -> ArchitectureName:
	"""From text encoders alone: kohya's `lora_te_` is of Stable Diffusion 1 or 2, which have one; SDXL
	has two, the second as wide as no other's."""
	widths: dict[str, set[int]] = {}
	for name, (into, _) in layers.items():
		if 'mlp_fc1' in name or '_proj' in name:
			widths.setdefault(name.split('text_model')[0], set()).add(into)
	one, first, second = (widths.get(f'lora_te{n}_', set()) for n in ('', '1', '2'))
	if first or second:
		return 'sdxl' if 1280 in second and 'lora_te3_' not in widths else 'unknown'
	return 'sd1' if 768 in one else 'sd2' if 1024 in one else 'unknown'


def cannot_load(found: Found, name: str) -> str:
	"""Why a LoRA cannot be used, '' when it can."""
	if found.variant not in NAMES:
		return ''
	if found.variant == 'lycoris lokr' and found.family in LOKR_FAMILIES:
		return ''
	kind = NAMES[found.variant]
	return (
		f'{name} is a LyCORIS file of type {kind}, '
		'which LocalAI cannot use. Look for a plain LoRA version of it.'
	)


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
