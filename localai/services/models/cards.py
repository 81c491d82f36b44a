"""Knows how what is stored of a model becomes its card: id, name, kind, and why it cannot be drawn
with. Opens nothing."""

import os
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from localai.errors import ModelBroken, ModelProblem, ModelUnsupported, PickleRefused
from localai.files.weights import layouts
from localai.hub.recommended import settings_of
from localai.schemas.families import ARCHITECTURES, FAMILIES, FamilyName
from localai.schemas.models import Facts, KindName, ModelEntry, SourceName
from localai.store.models import ModelRecord

BUILTIN = Path(__file__).parents[2] / 'builtin'
BUILTIN_ID = 'sketchbook'
# File names that say nothing; the folder's name stands for them.
NAMELESS = (
	'diffusion_pytorch_model',
	'model',
	'pytorch_lora_weights',
	'pytorch_model',
	'adapter_model',
	'learned_embeds',
)
KINDS = {
	'checkpoint': 'a complete model',
	'lora': 'a LoRA',
	'embedding': 'an embedding',
	'vae': 'a VAE',
	'controlnet': 'a ControlNet',
	'upscaler': 'an upscaler',
	'unknown': 'of an unknown kind',
}
LACKING = {
	'inpaint': 'is made for inpainting, which LocalAI cannot do yet.',
	'edit': 'is made for editing pictures, which LocalAI cannot do yet.',
	'video': 'makes videos, which LocalAI cannot do yet.',
	'edm': 'was trained with continuous noise levels (EDM), which LocalAI cannot draw with yet.',
	'playground': 'was trained with continuous noise levels (EDM), which LocalAI cannot draw with yet.',
	'another text encoder': 'has a different kind of text encoder, which LocalAI cannot draw with yet.',
	'small': 'is a smaller version of its family, which LocalAI cannot draw with yet.',
	'unet': 'is only the denoiser; LocalAI needs a complete model with its text encoder and VAE.',
}


class Place(NamedTuple):
	"""A folder that is looked through, and what it counts as."""

	source: SourceName
	path: str


class Label(NamedTuple):
	"""Who a model is among the others."""

	id: str
	source: SourceName
	name: str
	hint: KindName


def place_of(path: str, places: Iterable[Place]) -> Place | None:
	"""The first place that a path lies in; None for a path outside of all."""
	for place in places:
		if path == place.path or path.startswith(place.path.rstrip(os.sep) + os.sep):
			return place
	return None


def labels(paths: Iterable[str], places: tuple[Place, ...]) -> dict[str, Label]:
	"""Ids that are unique and stay the same: the only model of a hub repository goes by its name."""
	located = {p: place for p in paths if (place := place_of(p, places))}
	inside = {
		p: layouts.parts_of(p, place.path) for p, place in located.items() if place.source == 'hub'
	}
	crowd = Counter(repo for repo, _ in inside.values())
	found: dict[str, Label] = {}
	taken: set[str] = set()
	for path, place in located.items():
		match place.source:
			case 'builtin':
				model_id, name = BUILTIN_ID, 'Sketchbook'
			case 'home':
				model_id, name = (
					os.path.relpath(path, place.path).replace(os.sep, '/'),
					name_of(path),
				)
			case 'hub':
				repo, rest = inside[path]
				model_id = repo if crowd[repo] == 1 or not rest else f'{repo}/{rest}'
				name = model_id.split('/')[-1] if model_id == repo else name_of(path)
			case _:
				model_id, name = path, name_of(path)
		if model_id in taken:  # a folder below models/ is called like a hub repository
			model_id = path
		taken.add(model_id)
		hint = 'unknown' if place.source == 'hub' else layouts.hint(path, place.path)
		found[path] = Label(model_id, place.source, name, hint)
	return found


def name_of(path: str) -> str:
	parent, name = os.path.split(path)
	stem, suffix = os.path.splitext(name)
	for part in path.split(os.sep)[-4:-1]:
		if repo := layouts.repo_name(part):
			return repo.split('/')[-1]
	if suffix.lower() not in ('.safetensors', '.sft', '.gguf', *layouts.PICKLES):
		return name or path  # a folder, or a whole disk
	return os.path.basename(parent) if stem.split('.')[0] in NAMELESS else stem


def kind_of(facts: Facts, path: str, hint: KindName) -> KindName:
	"""The header decides; where it is silent, the folder may say in which drawer it is shown."""
	if facts.kind != 'unknown':
		return facts.kind
	return 'checkpoint' if facts.format == 'folder' or path.endswith('.ckpt') else hint


def trouble(facts: Facts, kind: KindName, name: str) -> ModelProblem | None:
	"""Why it cannot be used, None when it can. Of what is no checkpoint only what is wrong with
	the file counts."""
	if facts.problem:
		what, dot, remedy = facts.problem.partition('. ')
		wrong = PickleRefused if facts.format == 'pickle' or 'pickle' in what else ModelBroken
		return wrong(what + dot.strip(), remedy)
	if facts.kind == 'unknown':
		return ModelUnsupported(f'LocalAI cannot tell what {name} is.')
	if kind != 'checkpoint':
		return None
	if facts.family == 'unknown':
		if not facts.variant:
			return ModelUnsupported(f'LocalAI cannot tell which family {name} belongs to.')
		words = LACKING.get(
			facts.variant, f'is a {facts.variant} model, which LocalAI cannot draw with yet.'
		)
		return ModelUnsupported(f'{name} {words}')
	family = FAMILIES.get(facts.family)
	if family is None:
		return ModelUnsupported(
			f'LocalAI cannot draw with {ARCHITECTURES[facts.family].title} yet.'
		)
	if facts.variant not in family.variants:
		words = LACKING.get(
			facts.variant, f'is of a kind ({facts.variant}) that LocalAI cannot draw with yet.'
		)
		return ModelUnsupported(f'{name} {words}')
	if facts.format == 'gguf':
		return ModelUnsupported('LocalAI cannot draw with GGUF files yet.')
	if facts.format == 'safetensors' and not family.single_files:
		return ModelUnsupported(f'LocalAI can draw with {family.title} only from folders.')
	return None


def misplaced(kind: KindName, name: str) -> ModelUnsupported | None:
	"""Why something that is no checkpoint is not drawn with alone."""
	if kind == 'checkpoint':
		return None
	return ModelUnsupported(f'{name} is {KINDS[kind]}, which cannot draw on its own.')


def unfit(
	facts: Facts, kind: KindName, name: str, wanted: KindName, family: FamilyName
) -> ModelUnsupported | None:
	"""Why it is not drawn with beside a model of `family`, where weights of a kind are `wanted`."""
	remedy = 'Choose another one, or leave it out.'
	if kind not in (wanted, 'unknown'):
		return ModelUnsupported(f'{name} is {KINDS[kind]}, not {KINDS[wanted]}.', remedy)
	if facts.family not in (family, 'unknown'):
		theirs, ours = ARCHITECTURES[facts.family].title, ARCHITECTURES[family].title
		return ModelUnsupported(f'{name} is made for {theirs}, but the model is {ours}.', remedy)
	return None


def card(record: ModelRecord, label: Label) -> ModelEntry:
	"""Without its fit, which changes with the machine."""
	facts = record.known
	kind = kind_of(facts, record.path, label.hint)
	problem = trouble(facts, kind, label.name)
	return ModelEntry(
		id=label.id,
		name=label.name,
		family=None if facts.family == 'unknown' and facts.problem else facts.family,
		bytes=facts.bytes or record.size,
		builtin=label.source == 'builtin',
		problem=str(problem) if problem else '',
		kind=kind,
		variant=facts.variant,
		format=facts.format,
		precision=facts.precision,
		parameters=facts.parameters,
		source=label.source,
		path=record.path,
		drawable=problem is None and kind == 'checkpoint',
		sha256=record.sha256,
		autov2=record.sha256[:10],
		autov3=record.autov3,
		licence=facts.licence,
		trigger_words=facts.trigger_words,
		base_model=facts.base_model,
		title=facts.title,
		notes=record.notes,
		defaults=record.defaults or settings_of(label.id),
		thumbnail=record.thumbnail,
		modified=datetime.fromtimestamp(record.modified, UTC) if record.modified > 0 else None,
	)
