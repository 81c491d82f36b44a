"""Knows how other apps order their model folders, and how the shared Hugging Face cache lies on the
disk; opens no weights."""

import os
from pathlib import Path

from localai.schemas.models import KindName, ModelFolder

LayoutName = str
WEIGHTS = ('.safetensors', '.sft', '.gguf')
PICKLES = ('.ckpt', '.pt', '.pth', '.bin', '.pkl')
# What a folder of that name usually holds, in any app. It never decides what a file is; it only
# gives a drawer to what its header does not tell.
HINTS: dict[str, KindName] = {
	'stable-diffusion': 'checkpoint',
	'checkpoints': 'checkpoint',
	'diffusers': 'checkpoint',
	'huggingface': 'checkpoint',
	'unet': 'checkpoint',
	'unet_gguf': 'checkpoint',
	'diffusion_models': 'checkpoint',
	'lora': 'lora',
	'loras': 'lora',
	'lycoris': 'lora',
	'embeddings': 'embedding',
	'textual_inversion': 'embedding',
	'vae': 'vae',
	'vaes': 'vae',
	'vae-approx': 'vae',
	'vae_approx': 'vae',
	'controlnet': 'controlnet',
	'controlnets': 'controlnet',
	't2i_adapter': 'controlnet',
	'esrgan': 'upscaler',
	'realesrgan': 'upscaler',
	'swinir': 'upscaler',
	'scunet': 'upscaler',
	'dat': 'upscaler',
	'upscale_models': 'upscaler',
	'upscalers': 'upscaler',
}
# Folders of these apps outside their `models` that hold models.
BESIDE = ('embeddings', 'extensions/sd-webui-controlnet/models')
FORGE = ('modules_forge', 'packages_3rdparty')
SDNEXT = ('models/Diffusers', 'Diffusers', 'models/huggingface', 'sdnext.py')


def layout_of(folder: Path) -> LayoutName:
	"""Whose order of folders this is; `folder` may be an app's own folder or its `models`. Raises
	OSError when it cannot be read."""
	inner = folder / 'models' if (folder / 'models').is_dir() else folder
	names = {entry.name.casefold() for entry in os.scandir(inner) if entry.is_dir()}
	if 'stable-diffusion' in names:
		if any((folder / name).exists() for name in SDNEXT):
			return 'sdnext'
		return 'forge' if any((folder / name).exists() for name in FORGE) else 'a1111'
	if 'checkpoints' in names and (names & {'loras', 'diffusion_models', 'unet', 'upscale_models'}):
		return 'comfyui'
	return 'plain'


def places(folder: Path, layout: LayoutName) -> tuple[Path, ...]:
	"""The folders that hold models. Raises OSError when `folder` cannot be read."""
	if layout == 'plain':
		return (folder,)
	inner = folder / 'models' if (folder / 'models').is_dir() else folder
	found = [Path(e.path) for e in os.scandir(inner) if e.name.casefold() in HINTS and e.is_dir()]
	found += [folder / name for name in BESIDE if (folder / name).is_dir()]
	return tuple(sorted(set(found)))


def describe(path: str) -> ModelFolder:
	"""What an added folder is; what keeps it from being read is its `problem`."""
	try:
		return ModelFolder(path=path, layout=layout_of(Path(path)))
	except OSError as error:
		return ModelFolder(path=path, problem=f'It cannot be read: {error.strerror or error}.')


def hint(path: str, root: str) -> KindName:
	"""What the folders between `root` and the file say that it is, 'unknown' when they do not."""
	for name in reversed(os.path.dirname(path)[len(root) :].casefold().split(os.sep)):
		if name in HINTS:
			return HINTS[name]
	return HINTS.get(os.path.basename(root).casefold(), 'unknown')


# The Hugging Face cache: models--org--name/{blobs,refs/main,snapshots/<commit>/...}


def repo_name(folder: str) -> str:
	"""'org/name' of a folder called 'models--org--name', '' of any other."""
	return (
		folder.removeprefix('models--').replace('--', '/') if folder.startswith('models--') else ''
	)


def snapshot_of(repo: Path) -> Path | None:
	"""The files of the newest revision: the one that refs/main names, else the one made last."""
	snapshots = repo / 'snapshots'
	try:
		commit = (repo / 'refs' / 'main').read_text('ascii').strip()
		if commit and (snapshots / os.path.basename(commit)).is_dir():
			return snapshots / os.path.basename(commit)
	except (OSError, ValueError):
		pass
	try:
		made = [(e.stat().st_mtime, e.path) for e in os.scandir(snapshots) if e.is_dir()]
	except OSError:
		return None
	return Path(max(made)[1]) if made else None


def parts_of(path: str, cache: str) -> tuple[str, str]:
	"""Repository and path inside its snapshot, of a path below a cache: ('org/name', '' or
	'vae/x.safetensors')."""
	folder, _, rest = path[len(cache) :].strip(os.sep).partition(os.sep)
	inside = rest.split(os.sep)[2:]  # snapshots, commit
	return repo_name(folder), '/'.join(inside)
