"""Small repositories for the hub of the tests, in the layout of diffusers."""

import json
import random
import struct
from pathlib import Path

WEIGHTS = 'unet/diffusion_pytorch_model.safetensors'


def safetensors(size: int, seed: str) -> bytes:
	"""A whole file of about `size` bytes with one tensor."""
	count = max(1, size // 2)
	header = json.dumps({'x': {'dtype': 'F16', 'shape': [count], 'data_offsets': [0, 2 * count]}})
	return (
		struct.pack('<Q', len(header)) + header.encode() + random.Random(seed).randbytes(2 * count)
	)


def publish(root: Path, repo: str, size: int = 100_000, **facts: object) -> None:
	"""A repository in the layout of diffusers."""
	index = {
		'_class_name': 'StableDiffusionPipeline',
		'unet': ['diffusers', 'UNet2DConditionModel'],
		'scheduler': ['diffusers', 'DDIMScheduler'],
	}
	files = {
		'model_index.json': json.dumps(index).encode(),
		'unet/config.json': b'{"_class_name": "UNet2DConditionModel"}',
		'scheduler/scheduler_config.json': b'{"_class_name": "DDIMScheduler"}',
		WEIGHTS: safetensors(size, repo),
	}
	if facts:
		files['.hub.json'] = json.dumps(facts).encode()
	for path, data in files.items():
		file = root / repo / path
		file.parent.mkdir(parents=True, exist_ok=True)
		file.write_bytes(data)
