"""Makes files with the headers of real models and bodies of nothing: a checkpoint of 6 GB costs as much
disk as its header.

    python -m tests.fabricate --table            the detected against the true, over a library
    python -m tests.fabricate FOLDER --count N   such a library, to scan
"""

import argparse
import json
import random
import struct
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from tests import layouts
from tests.layouts import Shapes, behind

BYTES = {
	'F32': 4,
	'F16': 2,
	'BF16': 2,
	'F8_E4M3': 1,
	'F8_E5M2': 1,
	'U8': 1,
	'I8': 1,
	'I64': 8,
	'F64': 8,
}
# Of GGUF: number, values in a block, bytes of a block.
QUANTS = {
	'F32': (0, 1, 4),
	'F16': (1, 1, 2),
	'Q4_0': (2, 32, 18),
	'Q8_0': (8, 32, 34),
	'Q4_K': (12, 256, 144),
	'Q6_K': (14, 256, 210),
}
ALIGNMENT = 32
TYPES = ('F16', 'F32', 'BF16')


class Made(NamedTuple):
	path: Path
	kind: str
	family: str
	variant: str


class Recipe(NamedTuple):
	"""`shapes` makes the tensors, anew or from a cache; `metadata` is what the file says of itself."""

	kind: str
	family: str
	variant: str
	name: str
	shapes: Callable[[], Shapes]
	metadata: Mapping[str, str] = {}
	quantized: str = ''


def size(shape: tuple[int, ...]) -> int:
	number = 1
	for side in shape:
		number *= side
	return number


def safetensors(
	path: Path, shapes: Shapes, dtype: str = 'F16', metadata: Mapping[str, str] = {}
) -> Path:
	return written(path, *head_safetensors(shapes, dtype, metadata))


def gguf(path: Path, shapes: Shapes, quant: str, metadata: Mapping[str, str] = {}) -> Path:
	return written(path, *head_gguf(shapes, quant, metadata))


def head_safetensors(shapes: Shapes, dtype: str, metadata: Mapping[str, str]) -> tuple[bytes, int]:
	"""The header, and how many bytes follow it."""
	place = 0
	entries: dict[str, object] = {'__metadata__': dict(metadata)} if metadata else {}
	for name, shape in shapes.items():
		end = place + size(shape) * BYTES[dtype]
		entries[name] = {'dtype': dtype, 'shape': list(shape), 'data_offsets': [place, end]}
		place = end
	text = json.dumps(entries, separators=(',', ':')).encode()
	text += b' ' * (-len(text) % 8)
	return struct.pack('<Q', len(text)) + text, place


def head_gguf(shapes: Shapes, quant: str, metadata: Mapping[str, str]) -> tuple[bytes, int]:
	"""Matrices quantized where their rows fill blocks, all else in full."""

	def text(value: str) -> bytes:
		data = value.encode()
		return struct.pack('<Q', len(data)) + data

	parts = [b'GGUF' + struct.pack('<IQQ', 3, len(shapes), len(metadata))]
	for key, value in metadata.items():
		parts.append(text(key) + struct.pack('<I', 8) + text(value))
	place = 0
	for name, shape in shapes.items():
		rows = len(shape) == 2 and shape[1] % QUANTS[quant][1] == 0
		number, block, each = QUANTS[quant if rows else 'F32']
		parts.append(text(name) + struct.pack('<I', len(shape)))
		parts.append(struct.pack(f'<{len(shape)}Q', *shape[::-1]))
		parts.append(struct.pack('<IQ', number, place))
		place += size(shape) // block * each
		place += -place % ALIGNMENT
	head = b''.join(parts)
	return head + b'\0' * (-len(head) % ALIGNMENT), place


def written(path: Path, head: bytes, body: int) -> Path:
	"""The whole file, its body sparse."""
	path.parent.mkdir(parents=True, exist_ok=True)
	with open(path, 'wb') as stream:
		stream.write(head)
		stream.truncate(len(head) + body)
	return path


# Checkpoints


def clip(family: str) -> Shapes:
	match family:
		case 'sd1':
			return behind('cond_stage_model.transformer.', layouts.clip_l())
		case 'sd2':
			return behind('cond_stage_model.model.', layouts.open_clip(1024, 24))
		case 'sdxl-refiner':
			return behind('conditioner.embedders.0.model.', layouts.open_clip(1280, 32))
	return behind('conditioner.embedders.0.transformer.', layouts.clip_l()) | behind(
		'conditioner.embedders.1.model.', layouts.open_clip(1280, 32)
	)


NOISE = dict.fromkeys(
	('betas', 'alphas_cumprod', 'sqrt_alphas_cumprod', 'posterior_variance'), (1000,)
)


def ldm(
	family: str,
	channels: int = 4,
	vae: bool = True,
	ema: bool = False,
	more: Mapping[str, tuple[int, ...]] = MappingProxyType({}),
) -> Shapes:
	denoiser = layouts.ldm_unet(layouts.unet(family, channels))
	shapes = behind('model.diffusion_model.', denoiser) | clip(family) | NOISE
	if ema:
		flat = {n.replace('.', ''): s for n, s in behind('diffusion_model.', denoiser).items()}
		shapes |= behind('model_ema.', flat) | {'model_ema.decay': (), 'model_ema.num_updates': ()}
	if vae:
		shapes |= behind('first_stage_model.', layouts.ldm_vae(layouts.vae()))
	return shapes | dict(more)


def comfy(shapes: Shapes) -> Shapes:
	return behind('model.diffusion_model.', shapes)


def packed(shapes: Shapes) -> Shapes:
	"""As bitsandbytes packs matrices, two values in a byte, with what it needs to unpack them."""
	found: Shapes = {}
	for name, shape in shapes.items():
		if len(shape) == 2 and size(shape) > 1_000_000:
			found[name] = (size(shape) // 2, 1)
			found |= {f'{name}.absmax': (size(shape) // 64,), f'{name}.quant_map': (16,)}
			found[f'{name}.quant_state.bitsandbytes__nf4'] = (100,)
		else:
			found[name] = shape
	return found


def checkpoints() -> Iterator[Recipe]:
	def made(family: str, variant: str, name: str, shapes: Callable[[], Shapes], **more) -> Recipe:
		return Recipe('checkpoint', family, variant, name, shapes, **more)

	for family in ('sd1', 'sd2', 'sdxl', 'sdxl-refiner'):
		yield made(family, '', 'merged', lambda f=family: ldm(f))
		yield made(family, '', 'without vae', lambda f=family: ldm(f, vae=False))
		yield made(family, 'unet', 'unet', lambda f=family: layouts.ldm_unet(layouts.unet(f)))
		yield made(
			family, 'unet', 'comfy unet', lambda f=family: comfy(layouts.ldm_unet(layouts.unet(f)))
		)
		yield made(family, 'unet', 'diffusers unet', lambda f=family: layouts.unet(f))
		yield made(
			family,
			'unet',
			'Q8',
			lambda f=family: layouts.ldm_unet(layouts.unet(f)),
			quantized='Q8_0',
		)
	for family in ('sd1', 'sd2', 'sdxl'):
		yield made(family, 'inpaint', 'inpainting', lambda f=family: ldm(f, 9))
		yield made(family, 'inpaint', 'inpainting unet', lambda f=family: layouts.unet(f, 9))
	yield made('sd1', '', 'ema', lambda: ldm('sd1', ema=True))
	yield made('sd1', 'edit', 'instruct pix2pix', lambda: ldm('sd1', 8))
	yield made('sd2', 'depth', 'depth', lambda: ldm('sd2', 5))
	yield made('sd2', '', 'v', lambda: ldm('sd2'), metadata={'modelspec.prediction_type': 'v'})
	yield made('sdxl', '', 'v pred', lambda: ldm('sdxl', more={'v_pred': (), 'ztsnr': ()}))
	yield made(
		'sdxl',
		'playground',
		'playground',
		lambda: ldm('sdxl', more={'edm_mean': (1, 4, 1, 1), 'edm_std': (1, 4, 1, 1)}),
	)
	yield made(
		'sdxl',
		'small',
		'ssd',
		lambda: {
			n: s
			for n, s in ldm('sdxl').items()
			if not any(f'7.1.transformer_blocks.{i}.' in n for i in range(4, 10))
		},
	)
	yield made('kolors', 'unet', 'kolors', lambda: layouts.unet('kolors'))
	yield made(
		'kolors', 'unet', 'kolors comfy', lambda: comfy(layouts.ldm_unet(layouts.unet('kolors')))
	)

	transformers = (
		('flux1', 'dev'), ('flux1', 'schnell'), ('flux1', 'fill'), ('flux1', 'control'), ('flux2', ''),
		('flux2-klein', '4B'), ('flux2-klein', '9B'), ('chroma', ''), ('qwen-image', ''),
		('qwen-image', 'layered'), ('z-image', ''), ('lumina2', ''), ('sana', '600M'), ('sana', '1600M'),
		('sana', '4.8B'), ('pixart', ''), ('pixart', 'alpha'), ('sd3', 'medium'), ('sd3', '3.5 medium'),
		('sd3', '3.5 large'), ('hidream', ''),
	)  # fmt: skip
	for family, variant in transformers:
		title = f'{family} {variant}'.strip()
		yield made(family, variant, title, lambda f=family, v=variant: layouts.original(f, v))
		yield made(
			family,
			variant,
			f'{title} comfy',
			lambda f=family, v=variant: comfy(layouts.original(f, v)),
		)
		yield made(
			family,
			variant,
			f'{title} diffusers',
			lambda f=family, v=variant: layouts.transformer(f, v),
		)
		for quant in ('Q4_K', 'Q8_0'):
			yield made(
				family, variant, f'{title} {quant}', lambda f=family, v=variant: layouts.original(f, v),
				metadata={'general.architecture': GGUF.get(family, 'flux')}, quantized=quant,
			)  # fmt: skip
	yield made('flux1', 'dev', 'nf4', lambda: comfy(packed(layouts.original('flux1', 'dev'))))
	yield made(
		'sdxl',
		'',
		'nf4 sdxl',
		lambda: (
			behind('model.diffusion_model.', packed(layouts.ldm_unet(layouts.unet('sdxl'))))
			| clip('sdxl')
			| behind('first_stage_model.', layouts.ldm_vae(layouts.vae()))
		),
	)
	yield made(
		'flux1',
		'dev',
		'all in one',
		lambda: (
			comfy(layouts.original('flux1', 'dev'))
			| behind('vae.', layouts.ldm_vae(layouts.vae(16, False)))
			| behind('text_encoders.clip_l.transformer.', layouts.clip_l())
			| behind('text_encoders.t5xxl.transformer.', layouts.t5())
		),
	)
	yield made(
		'sd3',
		'medium',
		'all in one',
		lambda: (
			comfy(layouts.original('sd3', 'medium'))
			| behind('first_stage_model.', layouts.ldm_vae(layouts.vae(16, False)))
			| behind('text_encoders.clip_l.transformer.', layouts.clip_l())
		),
	)
	said = (
		(
			'flux1',
			'kontext',
			'dev',
			{'modelspec.architecture': 'Flux.1-dev', 'modelspec.title': 'FLUX.1-Kontext-dev'},
		),
		('qwen-image', 'edit', '', {'modelspec.architecture': 'qwen-image-edit'}),
		('z-image', 'turbo', '', {'modelspec.title': 'Z-Image-Turbo'}),
	)
	for family, variant, shape, metadata in said:
		yield made(
			family,
			variant,
			f'{family} {variant}',
			lambda f=family, v=shape: layouts.original(f, v),
			metadata=metadata,
		)


GGUF = {
	'sd3': 'sd3',
	'qwen-image': 'qwen_image',
	'z-image': 'lumina2',
	'lumina2': 'lumina2',
	'hidream': 'hidream',
	'pixart': 'pixart',
	'sana': 'sana',
}


# What is added to others


def linears(shapes: Shapes, *words: str) -> dict[str, tuple[int, int]]:
	"""(values out, values in) of the layers whose names have one of the words."""
	return {
		n.removesuffix('.weight'): (s[0], size(s[1:]))
		for n, s in shapes.items()
		if n.endswith('.weight') and len(s) in (2, 4) and any(w in n for w in words)
	}


def kohya(layers: Mapping[str, tuple[int, int]], prefix: str, rank: int = 16) -> Shapes:
	found: Shapes = {}
	for name, (out, into) in layers.items():
		start = prefix + name.replace('.', '_')
		found |= {
			f'{start}.lora_down.weight': (rank, into),
			f'{start}.lora_up.weight': (out, rank),
			f'{start}.alpha': (),
		}
	return found


def peft(layers: Mapping[str, tuple[int, int]], prefix: str, rank: int = 16) -> Shapes:
	found: Shapes = {}
	for name, (out, into) in layers.items():
		found |= {
			f'{prefix}{name}.lora_A.weight': (rank, into),
			f'{prefix}{name}.lora_B.weight': (out, rank),
		}
	return found


def old(layers: Mapping[str, tuple[int, int]], prefix: str, rank: int = 4) -> Shapes:
	"""As diffusers wrote them before peft."""
	found: Shapes = {}
	for name, (out, into) in layers.items():
		layer, _, part = name.removesuffix('.0').rpartition('.')
		start = f'{prefix}{layer}.processor.{part}_lora'
		found |= {f'{start}.down.weight': (rank, into), f'{start}.up.weight': (out, rank)}
	return found


def lycoris(kind: str, layers: Mapping[str, tuple[int, int]], prefix: str, rank: int = 8) -> Shapes:
	"""As https://github.com/KohakuBlueleaf/LyCORIS writes them."""
	found: Shapes = {}
	for name, (out, into) in layers.items():
		start = prefix + name.replace('.', '_')
		parts: Shapes = {}
		match kind:
			case 'loha':
				parts = {
					'hada_w1_a': (out, rank),
					'hada_w1_b': (rank, into),
					'hada_w2_a': (out, rank),
					'hada_w2_b': (rank, into),
					'alpha': (),
				}
			case 'lokr':
				parts = {
					'lokr_w1': (8, 8),
					'lokr_w2_a': (out // 8, rank),
					'lokr_w2_b': (rank, into // 8),
					'alpha': (),
				}
			case 'full':
				parts = {'diff': (out, into)}
			case 'ia3':
				parts = {'weight': (out, 1), 'on_input': ()}
			case 'glora':
				parts = {
					'a1.weight': (rank, into),
					'a2.weight': (into, rank),
					'b1.weight': (rank, into),
					'b2.weight': (out, rank),
					'alpha': (),
				}
			case 'dora':
				parts = {
					'lora_down.weight': (rank, into),
					'lora_up.weight': (out, rank),
					'dora_scale': (out, 1),
					'alpha': (),
				}
		found |= {f'{start}.{n}': s for n, s in parts.items()}
	return found


ATTENTION = ('attn1.to_', 'attn2.to_', '.ff.net.')
WORDS = ('q_proj', 'k_proj', 'v_proj', 'out_proj', 'mlp.fc')


def unet_layers(family: str, own: bool = False) -> dict[str, tuple[int, int]]:
	shapes = layouts.unet(family)
	return linears(layouts.ldm_unet(shapes) if own else shapes, *ATTENTION)


def loras() -> Iterator[Recipe]:
	def made(family: str, variant: str, name: str, shapes: Callable[[], Shapes], **more) -> Recipe:
		return Recipe('lora', family, variant, name, shapes, **more)

	words = linears(layouts.clip_l(), *WORDS)
	for family in ('sd1', 'sd2', 'sdxl'):
		yield made(
			family,
			'kohya',
			'kohya',
			lambda f=family: kohya(unet_layers(f), 'lora_unet_'),
			metadata=TRAINED,
		)
		yield made(
			family,
			'kohya',
			'kohya attention 2',
			lambda f=family: kohya(
				{n: s for n, s in unet_layers(f).items() if 'attn2' in n}, 'lora_unet_'
			),
		)
		yield made(family, 'peft', 'peft', lambda f=family: peft(unet_layers(f), 'unet.'))
		yield made(
			family,
			'diffusers',
			'old',
			lambda f=family: old(
				{n: s for n, s in unet_layers(f).items() if '.ff.' not in n}, 'unet.'
			),
		)
		yield made(
			family, 'dora', 'dora', lambda f=family: lycoris('dora', unet_layers(f), 'lora_unet_')
		)
		for kind in ('loha', 'lokr', 'full', 'glora'):
			yield made(
				family,
				f'lycoris {kind}',
				kind,
				lambda f=family, k=kind: lycoris(k, unet_layers(f), 'lora_unet_'),
			)
	yield made(
		'sd1',
		'kohya',
		'with words',
		lambda: kohya(unet_layers('sd1'), 'lora_unet_') | kohya(words, 'lora_te_'),
	)
	yield made('sd1', 'kohya', 'words alone', lambda: kohya(words, 'lora_te_'))
	yield made(
		'sdxl',
		'kohya',
		'own layout',
		lambda: (
			kohya(unet_layers('sdxl', True), 'lora_unet_')
			| kohya(words, 'lora_te1_')
			| kohya(words, 'lora_te2_')
		),
	)
	yield made(
		'sdxl',
		'lycoris ia3',
		'ia3',
		lambda: lycoris(
			'ia3',
			{n: s for n, s in unet_layers('sdxl', True).items() if 'to_k' in n or 'to_v' in n},
			'lora_unet_',
		),
	)
	yield made(
		'sdxl-refiner',
		'kohya',
		'refiner',
		lambda: kohya(unet_layers('sdxl-refiner', True), 'lora_unet_'),
	)
	yield made(
		'kolors',
		'peft',
		'kolors',
		lambda: peft(unet_layers('sdxl'), 'unet.'),
		metadata={'modelspec.architecture': 'kolors'},
	)

	mine = {
		'flux1': (
			'img_attn',
			'txt_attn',
			'img_mlp',
			'txt_mlp',
			'linear1',
			'linear2',
			'_mod.',
			'modulation',
		),
		'flux2': ('img_attn', 'txt_attn', 'img_mlp', 'txt_mlp', 'linear1', 'linear2'),
		'sd3': ('attn.qkv', 'attn.proj', 'mlp.fc'),
		'lumina2': ('attention.qkv', 'attention.out', 'feed_forward', 'adaLN'),
		'z-image': ('attention.qkv', 'attention.out', 'feed_forward'),
		'hidream': ('attn1.to_', 'ff_i'),
		'sana': ('attn.qkv', 'cross_attn', 'mlp.point_conv'),
		'pixart': ('attn.qkv', 'cross_attn', 'mlp.fc'),
		'qwen-image': ('attn.to_', 'attn.add_', 'img_mlp', 'txt_mlp'),
	}
	theirs = {
		'flux1': ('attn.to_', 'attn.add_', '.ff', 'proj_mlp', 'proj_out'),
		'flux2': ('attn.to_', 'attn.add_', '.ff'),
		'sd3': ('attn.to_', 'attn.add_', '.ff'),
		'lumina2': ('attn.to_', 'feed_forward'),
		'z-image': ('attention.to_', 'feed_forward'),
		'hidream': ('attn1.to_', 'ff_i'),
		'sana': ('attn1.to_', 'attn2.to_', 'conv_point'),
		'pixart': ('attn1.to_', 'attn2.to_', '.ff'),
		'qwen-image': ('attn.to_', 'attn.add_', 'img_mlp', 'txt_mlp'),
	}
	models = (
		('flux1', 'dev'), ('flux2', ''), ('flux2-klein', '4B'), ('flux2-klein', '9B'), ('sd3', 'medium'),
		('sd3', '3.5 large'), ('lumina2', ''), ('z-image', ''), ('hidream', ''), ('sana', '1600M'), ('sana', '600M'),
		('pixart', ''), ('qwen-image', ''),
	)  # fmt: skip
	for family, variant in models:
		key = family.removesuffix('-klein')
		own = lambda f=family, v=variant, k=key: linears(layouts.original(f, v), *mine[k])  # noqa: E731
		new = lambda f=family, v=variant, k=key: linears(layouts.transformer(f, v), *theirs[k])  # noqa: E731
		title = f'{family} {variant}'.strip()
		yield made(
			family,
			'kohya',
			f'{title} kohya',
			lambda o=own: kohya(o(), 'lora_unet_'),
			metadata=TRAINED,
		)
		yield made(
			family, 'peft', f'{title} ai-toolkit', lambda o=own: peft(o(), 'diffusion_model.')
		)
		yield made(family, 'peft', f'{title} peft', lambda n=new: peft(n(), 'transformer.'))
		yield made(
			family, 'lycoris lokr', f'{title} lokr', lambda n=new: lycoris('lokr', n(), 'lycoris_')
		)
	few = ('img_attn.', 'txt_attn.')
	yield made(
		'flux1',
		'kohya',
		'flux1 attention',
		lambda: kohya(linears(layouts.original('flux1', 'dev'), *few), 'lora_unet_'),
	)
	yield made('flux1', 'diffusers', 'xlabs', xlabs)
	yield made(
		'flux1',
		'control',
		'canny',
		lambda: (
			peft(linears(layouts.original('flux1', 'dev'), 'img_attn', 'linear'), '')
			| {
				n: s
				for n, s in layouts.original('flux1', 'dev').items()
				if n.endswith('_norm.scale')
			}
		),
	)
	yield made(
		'chroma',
		'kohya',
		'chroma',
		lambda: kohya(linears(layouts.original('chroma'), *few), 'lora_unet_'),
		metadata={'ss_base_model_version': 'chroma'},
	)
	yield made(
		'qwen-image',
		'peft',
		'qwen attention',
		lambda: peft(linears(layouts.transformer('qwen-image'), 'attn.to_'), ''),
	)
	yield made(
		'unknown',
		'peft',
		'film',
		lambda: peft(
			{f'blocks.{i}.cross_attn.{n}': (5120, 5120) for i in range(40) for n in 'qkvo'},
			'diffusion_model.',
		),
	)
	yield made(
		'unknown',
		'kohya',
		'motion',
		lambda: kohya(
			{
				f'down_blocks.0.motion_modules.0.temporal_transformer.transformer_blocks.0.attention_blocks.{i}.to_q': (
					320,
					320,
				)
				for i in range(2)
			},
			'',
		),
	)


def xlabs() -> Shapes:
	found: Shapes = {}
	for i in range(19):
		for stream in '12':
			for part, out in (('qkv', 9216), ('proj', 3072)):
				start = f'double_blocks.{i}.processor.{part}_lora{stream}'
				found |= {f'{start}.down.weight': (16, 3072), f'{start}.up.weight': (out, 16)}
	return found


TRAINED = {
	'ss_output_name': 'a style',
	'ss_sd_model_name': 'base.safetensors',
	'ss_tag_frequency': json.dumps({'10_a': {'ink drawing': 30, 'cat': 3}, '5_b': {'cat': 1}}),
}


def embeddings() -> Iterator[Recipe]:
	def made(family: str, name: str, shapes: Shapes) -> Recipe:
		return Recipe('embedding', family, '', name, lambda: shapes)

	for family, width in (('sd1', 768), ('sd2', 1024)):
		yield made(family, 'emb', {'emb_params': (8, width)})
		yield made(family, 'diffusers', {'<thing>': (width,)})
		yield made(family, 'diffusers vectors', {'<style>': (4, width)})
	yield made('sdxl', 'xl', {'clip_l': (8, 768), 'clip_g': (8, 1280)})
	yield made('sdxl', 'g', {'clip_g': (2, 1280)})


def others() -> Iterator[Recipe]:
	def made(
		kind: str, family: str, variant: str, name: str, shapes: Callable[[], Shapes], **more
	) -> Recipe:
		return Recipe(kind, family, variant, name, shapes, **more)

	for family in ('sd1', 'sd2', 'sdxl'):
		yield made(
			'controlnet',
			family,
			'',
			'control original',
			lambda f=family: behind('control_model.', layouts.ldm_unet(layouts.controlnet(f))),
		)
		yield made(
			'controlnet',
			family,
			'',
			'control bare',
			lambda f=family: layouts.ldm_unet(layouts.controlnet(f)),
		)
		yield made(
			'controlnet', family, '', 'control diffusers', lambda f=family: layouts.controlnet(f)
		)
	yield made(
		'controlnet',
		'sdxl',
		'',
		'control small',
		lambda: {n: s for n, s in layouts.controlnet('sdxl').items() if 'attentions' not in n},
	)
	yield made(
		'controlnet',
		'sdxl',
		'union',
		'control union',
		lambda: (
			layouts.controlnet('sdxl')
			| {'task_embedding': (6, 320), 'control_add_embedding.linear_1.weight': (1280, 1536)}
		),
	)
	yield made('controlnet', 'sdxl', 'control-lora', 'control lora', control_lora)
	for family, options in (
		(
			'flux1',
			{
				'name': 'FluxControlNetModel',
				'guidance_embeds': True,
				'num_layers': 5,
				'num_single_layers': 0,
			},
		),
		('qwen-image', {'name': 'QwenImageControlNetModel', 'num_layers': 5}),
		(
			'sd3',
			{
				'name': 'SD3ControlNetModel',
				'num_layers': 12,
				'num_attention_heads': 24,
				'caption_projection_dim': 1536,
			},
		),
	):
		yield made(
			'controlnet', family, '', f'control {family}', lambda o=options: layouts.model(**o)
		)
	yield made(
		'controlnet',
		'sd1',
		't2i-adapter',
		't2i',
		lambda: layouts.model(
			'T2IAdapter', adapter_type='full_adapter', channels=(320, 640, 1280, 1280)
		),
	)
	yield made(
		'controlnet',
		'sdxl',
		't2i-adapter',
		't2i xl',
		lambda: layouts.model(
			'T2IAdapter',
			adapter_type='full_adapter_xl',
			channels=(320, 640, 1280, 1280),
			downscale_factor=16,
		),
	)

	for channels, quant, variant in ((4, True, ''), (16, False, '16 channels')):
		yield made(
			'vae',
			'unknown',
			variant,
			f'vae {channels}',
			lambda c=channels, q=quant: layouts.ldm_vae(layouts.vae(c, q)),
		)
		yield made(
			'vae',
			'unknown',
			variant,
			f'vae {channels} prefixed',
			lambda c=channels, q=quant: behind(
				'first_stage_model.', layouts.ldm_vae(layouts.vae(c, q))
			),
		)
		yield made(
			'vae',
			'unknown',
			variant,
			f'vae {channels} diffusers',
			lambda c=channels, q=quant: layouts.vae(c, q),
		)
		yield made(
			'vae',
			'unknown',
			'taesd',
			f'taesd {channels}',
			lambda c=channels: layouts.model('AutoencoderTiny', latent_channels=c),
		)
	yield made(
		'vae',
		'sdxl',
		'',
		'vae said',
		lambda: layouts.ldm_vae(layouts.vae()),
		metadata={'modelspec.architecture': 'stable-diffusion-xl-v1-base/vae'},
	)
	yield made('vae', 'flux2', '', 'vae flux2', lambda: layouts.model('AutoencoderKLFlux2'))
	yield made(
		'vae', 'unknown', 'video', 'vae qwen', lambda: layouts.model('AutoencoderKLQwenImage')
	)
	yield made('vae', 'unknown', '', 'vae dc', lambda: layouts.model('AutoencoderDC'))
	yield made('vae', 'unknown', 'taesd', 'taesd decoder', lambda: tiny('decoder'))
	yield made('vae', 'unknown', 'taesd', 'taesd encoder', lambda: tiny('encoder'))

	yield made(
		'upscaler',
		'unknown',
		'ESRGAN',
		'esrgan',
		lambda: esrgan('body.{0}.rdb{1}.conv{2}', 'conv_first', 'conv_last'),
	)
	yield made(
		'upscaler',
		'unknown',
		'ESRGAN',
		'esrgan old',
		lambda: esrgan('model.1.sub.{0}.RDB{1}.conv{2}.0', 'model.0', 'model.10'),
	)
	yield made('upscaler', 'unknown', 'ESRGAN compact', 'compact', compact)
	yield made(
		'upscaler',
		'unknown',
		'SwinIR',
		'swinir',
		lambda: swin('layers.0.residual_group.blocks.0.attn.relative_position_bias_table'),
	)
	yield made(
		'upscaler',
		'unknown',
		'HAT',
		'hat',
		lambda: swin(
			'layers.0.residual_group.overlap_attn.relative_position_bias_table',
			'layers.0.residual_group.blocks.0.attn.relative_position_bias_table',
		),
	)
	yield made(
		'upscaler',
		'unknown',
		'DAT',
		'dat',
		lambda: swin('before_RG.1.weight', 'layers.0.blocks.0.attn.attns.0.pos.pos_proj.weight'),
	)

	yield made('unknown', 'unknown', 'text encoder', 't5', layouts.t5)
	yield made('unknown', 'unknown', 'text encoder', 'clip', layouts.clip_l)
	yield made(
		'unknown',
		'unknown',
		'',
		'something',
		lambda: {f'encoder.layer.{i}.weight': (64, 64) for i in range(40)},
	)
	yield made(
		'unknown',
		'unknown',
		'',
		'mlp',
		lambda: {f'layers.{i}.weight': (768, 768) for i in range(5)} | {'head.bias': (10,)},
	)
	yield made('unknown', 'unknown', '', 'one matrix', lambda: {'linear.weight': (768, 768)})
	yield made(
		'checkpoint',
		'unknown',
		'Wan',
		'wan',
		lambda: layouts.behind(
			'model.diffusion_model.',
			{
				'patch_embedding.weight': (1536, 16, 1, 2, 2),
				'head.modulation': (1, 2, 1536),
				'blocks.0.cross_attn.norm_k.weight': (1536,),
			},
		),
	)


def control_lora() -> Shapes:
	"""Stability AI's: the matrices of an SDXL ControlNet in low rank."""
	found: Shapes = {'lora_controlnet': ()}
	for name, shape in layouts.ldm_unet(layouts.controlnet('sdxl')).items():
		if len(shape) == 2 and not name.startswith('input_hint'):
			start = name.removesuffix('.weight')
			found |= {f'{start}.up': (shape[0], 128), f'{start}.down': (128, shape[1])}
		else:
			found[name] = shape
	return found


def tiny(half: str) -> Shapes:
	"""As https://github.com/madebyollin/taesd has them: a plain sequence; the decoder begins with a clamp."""
	layers = {
		n.removeprefix(f'{half}.layers.'): s
		for n, s in layouts.model('AutoencoderTiny').items()
		if n.startswith(half)
	}
	shift = 1 if half == 'decoder' else 0
	return {f'{int(n.split(".")[0]) + shift}.{n.split(".", 1)[1]}': s for n, s in layers.items()}


def esrgan(block: str, first: str, last: str) -> Shapes:
	found: Shapes = {f'{first}.weight': (64, 3, 3, 3), f'{last}.weight': (3, 64, 3, 3)}
	for i in range(23):
		for j in range(1, 4):
			for k in range(1, 6):
				out = 64 if k == 5 else 32
				found[block.format(i, j, k) + '.weight'] = (out, 64 + 32 * (k - 1), 3, 3)
	return found


def compact() -> Shapes:
	found: Shapes = {'body.0.weight': (64, 3, 3, 3), 'body.0.bias': (64,)}
	for i in range(1, 34, 2):
		found |= {f'body.{i}.weight': (64,), f'body.{i + 1}.weight': (64, 64, 3, 3)}
	return found


def swin(*names: str) -> Shapes:
	found: Shapes = {
		'conv_first.weight': (180, 3, 3, 3),
		'conv_last.weight': (3, 64, 3, 3),
		'conv_after_body.weight': (180, 180, 3, 3),
	}
	found |= {
		f'layers.{i}.blocks.0.attn.qkv.weight': (540, 180)
		for i in range(6)
		if 'before_RG.1.weight' in names
	}
	return found | dict.fromkeys(names, (225, 6))


def recipes() -> list[Recipe]:
	return [*checkpoints(), *loras(), *embeddings(), *others()]


def library(folder: Path, count: int = 2000, seed: int = 1) -> list[Made]:
	"""Every recipe at least once, in turn with other precisions, names and folders; the same for the same
	seed. Whole models are long, so past the first round the small kinds come more often."""
	chance = random.Random(seed)
	every = recipes()
	small = [n for n, r in enumerate(every) if r.kind != 'checkpoint']
	turns: dict[int, list[int]] = {}
	for number in range(count):
		more = chance.choice(small if number % 4 else range(len(every)))
		turns.setdefault(number if number < len(every) else more, []).append(number)
	made: dict[int, Made] = {}
	for (
		index,
		numbers,
	) in turns.items():  # one recipe after the other, so that its shapes are made once
		recipe, sources = every[index], {}
		for number in numbers:
			name = f'{number:04} {recipe.family} {recipe.name}'
			stem = folder / recipe.kind / f'{number % 7}' / name
			if recipe.quantized:
				dtype, path = recipe.quantized, stem.with_name(f'{name}.gguf')
			else:
				types = TYPES if recipe.kind != 'checkpoint' else (*TYPES, 'F8_E4M3')
				dtype = 'U8' if 'nf4' in recipe.name else chance.choice(types)
				path = stem.with_name(f'{name}.safetensors')
			if dtype not in sources:
				write = head_gguf if recipe.quantized else head_safetensors
				sources[dtype] = write(recipe.shapes(), dtype, recipe.metadata)
			written(path, *sources[dtype])
			made[number] = Made(path, recipe.kind, recipe.family, recipe.variant)
	return [made[number] for number in range(count)]


def table(made: list[Made]) -> tuple[str, int]:
	"""A line for each true kind and family: how many, and as what they were detected. And how many were
	wrong."""
	from localai.files.weights.identify import identify

	lines: dict[tuple[str, str], Counter[tuple[str, str]]] = {}
	wrong = 0
	for one in made:
		facts = identify(one.path)
		lines.setdefault((one.kind, one.family), Counter())[facts.kind, facts.family] += 1
		wrong += (facts.kind, facts.family) != (one.kind, one.family)
	text = [f'{"true":<28} {"files":>5}  detected']
	for true, seen in sorted(lines.items()):
		detected = ', '.join(f'{" ".join(k)} {n}' for k, n in seen.most_common())
		text.append(f'{" ".join(true):<28} {seen.total():>5}  {detected}')
	right = len(made) - wrong
	text.append(f'{right} of {len(made)} right ({100 * right / max(1, len(made)):.2f} %)')
	return '\n'.join(text), wrong


def main() -> None:
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument('folder', nargs='?', type=Path)
	parser.add_argument('--count', type=int, default=2000)
	parser.add_argument('--table', action='store_true')
	arguments = parser.parse_args()
	with tempfile.TemporaryDirectory() as temporary:
		began = time.perf_counter()
		made = library(arguments.folder or Path(temporary), arguments.count)
		print(f'{len(made)} files made in {time.perf_counter() - began:.1f} s')
		if arguments.table:
			began = time.perf_counter()
			text, _ = table(made)
			seconds = time.perf_counter() - began
			print(text)
			print(f'{1000 * seconds / len(made):.2f} ms a file')


if __name__ == '__main__':
	main()
