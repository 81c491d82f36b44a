"""Writes localai/engine/configs: what a single-file checkpoint does not bring, so that it loads without
a network.

    python -m tools.configs VOCABULARY

VOCABULARY is `bpe_simple_vocab_16e6.txt.gz` as it lies in the wheel of open_clip_torch (MIT) and in
openai/CLIP (MIT); `pip download --no-deps open_clip_torch` fetches the wheel, which is a zip file.

The numbers below are those of the public models: Stable Diffusion 1.5 (Rombach et al. 2022, arXiv
2112.10752), Stable Diffusion 2.1, and SDXL base 1.0 (Podell et al. 2023, arXiv 2307.01952). What equals
the default of its class in diffusers or transformers is left out. tests/engine/test_checkpoints.py
proves them by the names and shapes of every tensor.
"""

import gzip
import json
import sys
import tempfile
from pathlib import Path

CONFIGS = Path(__file__).parents[1] / 'localai' / 'engine' / 'configs'
VOCABULARY_SIZE = 49408
LICENCE = """The vocabulary in tokenizer/ is CLIP's: bpe_simple_vocab_16e6.txt of https://github.com/openai/CLIP,
here in another form. It is under this licence:

MIT License

Copyright (c) 2021 OpenAI

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""

CROSS_DOWN, CROSS_UP = 'CrossAttnDownBlock2D', 'CrossAttnUpBlock2D'
UNET = {
	'_class_name': 'UNet2DConditionModel',
	'in_channels': 4,
	'out_channels': 4,
	'layers_per_block': 2,
	'block_out_channels': [320, 640, 1280, 1280],
	'down_block_types': [CROSS_DOWN, CROSS_DOWN, CROSS_DOWN, 'DownBlock2D'],
	'up_block_types': ['UpBlock2D', CROSS_UP, CROSS_UP, CROSS_UP],
}
VAE = {
	'_class_name': 'AutoencoderKL',
	'latent_channels': 4,
	'layers_per_block': 2,
	'block_out_channels': [128, 256, 512, 512],
	'down_block_types': ['DownEncoderBlock2D'] * 4,
	'up_block_types': ['UpDecoderBlock2D'] * 4,
}
TEXT = {
	'model_type': 'clip_text_model',
	'vocab_size': VOCABULARY_SIZE,
	'max_position_embeddings': 77,
	# As in the public models: with 2 the end of a text is found by the highest number in it.
	'bos_token_id': 0,
	'eos_token_id': 2,
	'pad_token_id': 1,
}
CLIP_L = TEXT | {
	'architectures': ['CLIPTextModel'],
	'hidden_act': 'quick_gelu',
	'hidden_size': 768,
	'intermediate_size': 3072,
	'num_hidden_layers': 12,
	'num_attention_heads': 12,
	'projection_dim': 768,
}
# OpenCLIP ViT-H without its last layer.
CLIP_H = TEXT | {
	'architectures': ['CLIPTextModel'],
	'hidden_act': 'gelu',
	'hidden_size': 1024,
	'intermediate_size': 4096,
	'num_hidden_layers': 23,
	'num_attention_heads': 16,
	'projection_dim': 512,
}
CLIP_BIG_G = TEXT | {
	'architectures': ['CLIPTextModelWithProjection'],
	'hidden_act': 'gelu',
	'hidden_size': 1280,
	'intermediate_size': 5120,
	'num_hidden_layers': 32,
	'num_attention_heads': 20,
	'projection_dim': 1280,
}
NOISE = {
	'beta_start': 0.00085,
	'beta_end': 0.012,
	'beta_schedule': 'scaled_linear',
	'num_train_timesteps': 1000,
	'prediction_type': 'epsilon',
	'steps_offset': 1,
}
SCHEDULER = NOISE | {
	'_class_name': 'PNDMScheduler',
	'set_alpha_to_one': False,
	'skip_prk_steps': True,
}
INDEX = {
	'_class_name': 'StableDiffusionPipeline',
	'feature_extractor': [None, None],
	'image_encoder': [None, None],
	'requires_safety_checker': False,
	'safety_checker': [None, None],
	'scheduler': ['diffusers', 'PNDMScheduler'],
	'text_encoder': ['transformers', 'CLIPTextModel'],
	'tokenizer': ['transformers', 'CLIPTokenizer'],
	'unet': ['diffusers', 'UNet2DConditionModel'],
	'vae': ['diffusers', 'AutoencoderKL'],
}
FAMILIES = {
	'sd1': {
		'model_index': INDEX,
		'unet/config': UNET
		| {'sample_size': 64, 'attention_head_dim': 8, 'cross_attention_dim': 768},
		'vae/config': VAE | {'sample_size': 512},
		'text_encoder/config': CLIP_L,
		'scheduler/scheduler_config': SCHEDULER,
	},
	'sd2': {
		'model_index': INDEX,
		'unet/config': UNET
		| {
			'sample_size': 96,
			'attention_head_dim': [5, 10, 20, 20],
			'cross_attention_dim': 1024,
			'use_linear_projection': True,
		},
		'vae/config': VAE | {'sample_size': 768},
		'text_encoder/config': CLIP_H,
		'scheduler/scheduler_config': SCHEDULER,
	},
	'sdxl': {
		'model_index': {
			'_class_name': 'StableDiffusionXLPipeline',
			'feature_extractor': [None, None],
			'force_zeros_for_empty_prompt': True,
			'image_encoder': [None, None],
			'scheduler': ['diffusers', 'EulerDiscreteScheduler'],
			'text_encoder': ['transformers', 'CLIPTextModel'],
			'text_encoder_2': ['transformers', 'CLIPTextModelWithProjection'],
			'tokenizer': ['transformers', 'CLIPTokenizer'],
			'tokenizer_2': ['transformers', 'CLIPTokenizer'],
			'unet': ['diffusers', 'UNet2DConditionModel'],
			'vae': ['diffusers', 'AutoencoderKL'],
		},
		'unet/config': UNET
		| {
			'sample_size': 128,
			'block_out_channels': [320, 640, 1280],
			'down_block_types': ['DownBlock2D', CROSS_DOWN, CROSS_DOWN],
			'up_block_types': [CROSS_UP, CROSS_UP, 'UpBlock2D'],
			'attention_head_dim': [5, 10, 20],
			'transformer_layers_per_block': [1, 2, 10],
			'cross_attention_dim': 2048,
			'use_linear_projection': True,
			'addition_embed_type': 'text_time',
			'addition_time_embed_dim': 256,
			'projection_class_embeddings_input_dim': 2816,
		},
		'vae/config': VAE | {'sample_size': 1024, 'scaling_factor': 0.13025, 'force_upcast': True},
		'text_encoder/config': CLIP_L,
		'text_encoder_2/config': CLIP_BIG_G,
		'scheduler/scheduler_config': NOISE
		| {
			'_class_name': 'EulerDiscreteScheduler',
			'timestep_spacing': 'leading',
			'interpolation_type': 'linear',
		},
	},
}


def byte_letters() -> list[str]:
	"""The 256 letters that stand for bytes in this vocabulary, in its order (openai/CLIP,
	simple_tokenizer.py)."""
	printable = [*range(ord('!'), ord('~') + 1), *range(161, 173), *range(174, 256)]
	rest = [b for b in range(256) if b not in printable]
	return [chr(b) for b in printable] + [chr(256 + i) for i in range(len(rest))]


def write_tokenizer(vocabulary: Path, folder: Path) -> None:
	from transformers import CLIPTokenizer

	lines = gzip.decompress(vocabulary.read_bytes()).decode('utf-8').split('\n')
	letters = byte_letters()
	# One line of heading; what is left after all numbers are taken is not used.
	merges = lines[1 : VOCABULARY_SIZE - 2 - 2 * len(letters) + 1]
	words = letters + [letter + '</w>' for letter in letters]
	words += [merge.replace(' ', '') for merge in merges]
	words += ['<|startoftext|>', '<|endoftext|>']
	assert len(words) == len(set(words)) == VOCABULARY_SIZE
	with tempfile.TemporaryDirectory() as temporary:
		old, new = Path(temporary) / 'old', Path(temporary) / 'new'
		old.mkdir()
		(old / 'vocab.json').write_text(json.dumps({w: i for i, w in enumerate(words)}), 'utf-8')
		(old / 'merges.txt').write_text('\n'.join(['#version: 0.2', *merges, '']), 'utf-8')
		tokenizer = CLIPTokenizer.from_pretrained(old, model_max_length=77)
		tokenizer.save_pretrained(new)
		folder.mkdir(parents=True, exist_ok=True)
		for file in new.glob('*.json'):
			content = json.loads(file.read_text('utf-8'))
			if file.name == 'tokenizer.json':
				# One string for each pair takes a third of the space.
				content['model']['merges'] = merges
			text = json.dumps(content, ensure_ascii=False, separators=(',', ':'))
			(folder / file.name).write_text(text + '\n', 'utf-8', newline='\n')


def main() -> int:
	vocabulary = Path(sys.argv[1])
	write_tokenizer(vocabulary, CONFIGS / 'tokenizer')
	(CONFIGS / 'tokenizer' / 'LICENSE').write_text(LICENCE, 'utf-8', newline='\n')
	for family, files in FAMILIES.items():
		for name, content in files.items():
			file = CONFIGS / family / f'{name}.json'
			file.parent.mkdir(parents=True, exist_ok=True)
			text = json.dumps(content, indent='\t') + '\n'
			file.write_text(text, 'utf-8', newline='\n')
	return 0


if __name__ == '__main__':
	sys.exit(main())
