"""Small models for tests of the library: real headers and JSON, no weights to speak of."""

import atexit
import json
import os
import shutil
import struct
import tempfile
from functools import cache
from pathlib import Path

from localai.files.reserve import Reserve
from localai.schemas.hardware import Machine, MemoryReading
from localai.services.models.service import ModelService
from localai.services.models.trash import ModelTrash
from localai.store.database import Database
from localai.store.models import Models
from localai.store.preferences import Preferences
from localai.store.trash import Trash

MACHINE = Machine(reading=MemoryReading(free=8 * 10**9, total=16 * 10**9))


def write_weights(path: Path, shapes: dict[str, list[int]], seed: int = 0) -> Path:
	"""A whole safetensors file of half precision, its numbers all the same."""
	header, end = {}, 0
	for name, shape in shapes.items():
		size = 2
		for side in shape:
			size *= side
		header[name] = {'dtype': 'F16', 'shape': shape, 'data_offsets': [end, end + size]}
		end += size
	text = json.dumps(header).encode()
	path.parent.mkdir(parents=True, exist_ok=True)
	path.write_bytes(struct.pack('<Q', len(text)) + text + bytes([seed % 256]) * end)
	return path


def write_lora(path: Path, width: int = 768) -> Path:
	"""A LoRA of a single layer, for models whose text is so wide: Stable Diffusion 1."""
	layer = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k'
	return write_weights(
		path, {f'{layer}.lora_down.weight': [4, width], f'{layer}.lora_up.weight': [320, 4]}
	)


def write_folder(path: Path, seed: int = 0) -> Path:
	"""Stable Diffusion 1 in the diffusers layout, by its files."""
	parts = {
		'unet': ['diffusers', 'UNet2DConditionModel'],
		'vae': ['diffusers', 'AutoencoderKL'],
		'text_encoder': ['transformers', 'CLIPTextModel'],
		'tokenizer': ['transformers', 'CLIPTokenizer'],
		'scheduler': ['diffusers', 'DDIMScheduler'],
	}
	for part in parts:
		(path / part).mkdir(parents=True, exist_ok=True)
	write_json(path / 'model_index.json', {'_class_name': 'StableDiffusionPipeline', **parts})
	write_json(
		path / 'unet' / 'config.json',
		{'_class_name': 'UNet2DConditionModel', 'in_channels': 4, 'cross_attention_dim': 768},
	)
	write_json(path / 'vae' / 'config.json', {'_class_name': 'AutoencoderKL', 'latent_channels': 4})
	write_json(path / 'text_encoder' / 'config.json', {'hidden_size': 768})
	write_json(path / 'scheduler' / 'scheduler_config.json', {'_class_name': 'DDIMScheduler'})
	write_json(path / 'tokenizer' / 'tokenizer.json', {})
	shapes = {'conv_in.weight': [320, 4, 3, 3]}
	write_weights(path / 'unet' / 'diffusion_pytorch_model.safetensors', shapes, seed)
	write_weights(path / 'vae' / 'diffusion_pytorch_model.safetensors', {'a': [4]}, seed)
	write_weights(path / 'text_encoder' / 'model.safetensors', {'a': [768]}, seed)
	return path


def name_more(folder: Path) -> None:
	"""Lets a model folder name parts that it has not, and that nothing is drawn with."""
	index = json.loads((folder / 'model_index.json').read_text('utf-8'))
	more = {
		'feature_extractor': ['transformers', 'CLIPImageProcessor'],
		'safety_checker': ['stable_diffusion', 'StableDiffusionSafetyChecker'],
		'image_encoder': ['transformers', 'CLIPVisionModelWithProjection'],
	}
	write_json(folder / 'model_index.json', index | more)


def write_json(path: Path, content: dict) -> None:
	path.write_text(json.dumps(content), 'utf-8')


def write_repo(cache: Path, repo: str, commit: str = 'a' * 40, links: bool = True) -> Path:
	"""A repository as huggingface_hub leaves it; without `links` as on a Windows that has none."""
	folder = cache / f'models--{repo.replace("/", "--")}'
	snapshot = write_folder(folder / 'snapshots' / commit, seed=len(repo))
	(folder / 'refs').mkdir(exist_ok=True)
	(folder / 'refs' / 'main').write_text(commit)
	(folder / 'blobs').mkdir(exist_ok=True)
	if links:
		for number, file in enumerate(sorted(p for p in snapshot.rglob('*') if p.is_file())):
			blob = folder / 'blobs' / f'{commit[:8]}{number:056x}'
			os.replace(file, blob)
			file.symlink_to(os.path.relpath(blob, file.parent))
	return snapshot


@cache
def migrated() -> Path:
	"""An empty database, made once: the migrations take a second."""
	path = Path(tempfile.mkdtemp()) / 'localai.db'
	atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
	Database(path).close()
	return path


class Shelf:
	"""A service over folders of its own; `start` makes another one over the same database."""

	def __init__(self, root: Path, home: Path | None = None):
		root.mkdir(exist_ok=True)
		self.home = home or root / 'models'
		self.hub = root / 'hub'
		self.trash = root / 'trash'
		self.home.mkdir(parents=True, exist_ok=True)
		shutil.copyfile(migrated(), root / 'localai.db')
		self.database = Database(root / 'localai.db')
		self.used: set[str] = set()
		self.told = 0
		self.models = self.start()

	def start(self) -> ModelService:
		return ModelService(
			self.home,
			self.hub,
			Models(self.database),
			ModelTrash(self.trash, Trash(self.database), Reserve(self.trash.with_name('reserve'))),
			Preferences(self.database),
			in_use=lambda: frozenset(self.used),
			changed=self.hear,
			machine=lambda: MACHINE,
		)

	def hear(self) -> None:
		self.told += 1

	def ids(self) -> list[str]:
		return list(self.models.registry.library.items)

	def close(self) -> None:
		self.models.close()
		self.database.close()
