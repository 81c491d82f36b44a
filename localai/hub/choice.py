"""Knows which files of a repository are fetched: what diffusers would load, and nothing else."""

import fnmatch
import re
from collections.abc import Iterable
from typing import Literal

from localai.errors import InvalidInput
from localai.hub.client import Repository
from localai.schemas.base import Schema
from localai.schemas.downloads import (
	DownloadFile,
	DownloadPlan,
	HubComponent,
	HubPage,
	PlannedFile,
)

# These rules are those of diffusers (pipelines/pipeline_loading_utils.py: variant_compatible_siblings,
# and pipelines/pipeline_utils.py: download) with safetensors demanded; a test compares with its dry run.
NAMES = r'(?:diffusion_pytorch_model|model)'
SHARD = r'\d{5}-of-\d{5}'
PLAIN = re.compile(rf'{NAMES}(-{SHARD})?\.safetensors')
PLAIN_INDEX = re.compile(rf'{NAMES}\.safetensors\.index\.json')
VARIANT = re.compile(rf'{NAMES}\.([A-Za-z0-9_]+?)(-{SHARD})?\.safetensors')
OLD_VARIANT = re.compile(rf'.*-{SHARD}\.([A-Za-z0-9_]+)\.safetensors')
# Weights that diffusers would look at, of any format: a folder with one of them holds a model.
WEIGHTS = ('.bin', '.safetensors', '.onnx', '.pb', '.flashpack')
PICKLES = ('.bin', '.ckpt', '.pt', '.pth', '.pkl', '.msgpack', '.h5')
SINGLE = ('.safetensors', '.gguf')
TOP = (
	'scheduler_config.json', 'config.json', 'model_index.json', 'pipeline.py', 'chat_template.jinja',
	'generation_config.json', 'preprocessor_config.json', 'processor_config.json', 'tokenizer.json',
	'tokenizer_config.json',
)  # fmt: skip
PIECE = re.compile(rf'-{SHARD}(?=\.[a-z]+$)')
# Single files of one repository are alternatives or a collection; who can tell? A small lot comes whole unless one is
# chosen, a large one (or GGUF, which comes in many precisions) is asked about.
SMALL_COLLECTION = 8_000_000_000
# What is never fetched: it is not loaded, or it is program code.
NEVER = ('.py', '.onnx', '.pb', '.msgpack', '.flashpack', '.onnx_data', *PICKLES)


class Choice(Schema):
	"""`layout` is 'pipeline' (model_index.json), 'component' (config.json and weights at the top) or 'files'
	(single files to choose from; then `variants` are their paths). `variants` has '' where the
	plain files are complete, or all single files may come together; `variant` is the one that was chosen. `unsafe` counts pickles that are
	left out. `problem` says why nothing can be fetched, '' when it can."""

	layout: Literal['pipeline', 'component', 'files', 'nothing']
	variants: tuple[str, ...] = ()
	variant: str = ''
	files: tuple[PlannedFile, ...] = ()
	unsafe: int = 0
	problem: str = ''


def which_files(repository: Repository, variant: str = '', files: tuple[str, ...] = ()) -> Choice:
	"""`files` narrows to these paths instead. Without a variant: the plain files, or else the first variant
	there is. Raises InvalidInput for a variant or a path that the repository does not have."""
	unsafe = sum(f.path.lower().endswith(PICKLES) for f in repository.files)
	if files:
		return Choice(layout='files', files=named(repository, files), unsafe=unsafe)
	if any(f.path == 'model_index.json' for f in repository.files):
		choice = of_pipeline(repository, variant)
	else:
		choice = of_files(repository, variant)
	return choice.model_copy(
		update={'unsafe': unsafe, 'problem': repository.problem or choice.problem}
	)


def named(repository: Repository, paths: Iterable[str]) -> tuple[PlannedFile, ...]:
	known = {f.path: f for f in repository.files}
	for path in paths:
		if path not in known:
			raise InvalidInput(
				f'{repository.repo} has no file {path}.',
				'Check the list of files on its page.',
				field='files',
			)
		if path.lower().endswith(NEVER):
			raise InvalidInput(
				f'{path} is in a format that can run any program, so LocalAI does not download it.',
				'Choose a safetensors or GGUF file.',
				field='files',
			)
	return tuple(known[p] for p in paths)


def of_pipeline(repository: Repository, variant: str) -> Choice:
	"""Components with a folder of their own, each in the variant where it has it."""
	components = tuple(repository.classes)
	paths = {f.path for f in repository.files} - set(repository.ignored)
	with_weights = {
		folder_of(p) for p in paths if p.endswith(WEIGHTS) and folder_of(p) in components
	}
	variants = variants_of(paths, with_weights)
	if variant not in variants:
		if variant:
			raise InvalidInput(
				f'{repository.repo} has no variant {variant}.',
				f'It has {", ".join(v or "the plain files" for v in variants) or "none"}.',
				field='variant',
			)
		variant = variants[0] if variants else ''

	weights = {p for c in {folder_of(p) for p in paths} for p in weights_of(paths, c, variant)}
	patterns = [f'{c}/*' for c in components if c not in with_weights]
	chosen = {
		p
		for p in paths
		if p in weights
		or p in TOP
		or (folder_of(p) in with_weights and p == f'{folder_of(p)}/config.json')
		or any(fnmatch.fnmatchcase(p, t) for t in patterns)
	}
	chosen = {p for p in chosen if p in weights or not p.lower().endswith(NEVER)}
	lacking = sorted(c for c in with_weights if not any(folder_of(p) == c for p in weights))
	problem = ''
	if lacking:
		problem = (
			f'Its {lacking[0]} comes only in a format that can run '
			'any program when opened, so LocalAI does not download it.'
		)
	elif not with_weights:
		problem = 'There are no weights in this repository.'
	return Choice(
		layout='pipeline',
		variants=variants,
		variant=variant,
		files=tuple(f for f in repository.files if f.path in chosen),
		problem=problem,
	)


def variants_of(paths: set[str], folders: set[str]) -> tuple[str, ...]:
	"""'' first when every model has plain files; then those of which at least one model has files and every
	other has plain ones."""
	found: set[str] = set()
	for path in paths:
		name = path.rpartition('/')[2]
		match = VARIANT.fullmatch(name) or OLD_VARIANT.fullmatch(name)
		if match and folder_of(path) in folders:
			found.add(match.group(1))

	def whole(variant: str) -> bool:
		return all(weights_of(paths, f, variant) for f in folders)

	return tuple(v for v in ('', *sorted(found)) if folders and whole(v))


def weights_of(paths: set[str], folder: str, variant: str) -> set[str]:
	"""The safetensors of one folder in a variant, and their index; its plain ones where it has not got that."""
	here = {p: p.rpartition('/')[2] for p in paths if folder_of(p) == folder}
	if variant:
		v = re.escape(variant)
		forms = (
			(rf'{NAMES}\.{v}(-{SHARD})?\.safetensors', rf'{NAMES}\.safetensors\.index\.{v}\.json'),
			(rf'.*-{SHARD}\.{v}\.safetensors', rf'{NAMES}\.safetensors\.{v}\.index\.json'),
		)
		for weights, index in forms:
			found = {p for p, n in here.items() if re.fullmatch(weights, n)}
			if found:
				return found | {p for p, n in here.items() if re.fullmatch(index, n)}
	return {p for p, n in here.items() if PLAIN.fullmatch(n) or PLAIN_INDEX.match(n)}


def folder_of(path: str) -> str:
	"""The folder of a component; '' for what lies at the top or deeper."""
	folder, slash, name = path.partition('/')
	return folder if slash and '/' not in name else ''


def of_files(repository: Repository, variant: str) -> Choice:
	"""A model in one folder with its config.json, or single files."""
	paths = {f.path: f for f in repository.files}
	singles = sorted(p for p in paths if p.lower().endswith(SINGLE))
	top = {p for p in singles if '/' not in p}
	if 'config.json' in paths and any(PLAIN.fullmatch(p) or VARIANT.fullmatch(p) for p in top):
		here = {p for p in paths if '/' not in p}
		variants = variants_of(here, {''})
		if variant in variants or (not variant and variants):
			variant = variant or variants[0]
			chosen = weights_of(here, '', variant) | {p for p in TOP if p in here}
			files = tuple(f for f in repository.files if f.path in chosen)
			return Choice(layout='component', variants=variants, variant=variant, files=files)
	if not singles:
		return Choice(
			layout='nothing',
			problem='There is no safetensors or GGUF file in this repository.',
		)
	groups = together(singles)
	small = all(p.lower().endswith('.safetensors') for p in singles) and (
		sum(paths[p].bytes for p in singles) <= SMALL_COLLECTION
	)
	if small and len(groups) > 1:
		groups = {'': tuple(singles)} | groups
	if not variant and len(groups) == 1:
		variant = next(iter(groups))
	if variant and variant not in groups:
		raise InvalidInput(
			f'{repository.repo} has no file {variant}.',
			'Check the list of files on its page.',
			field='variant',
		)
	pieces = groups.get(variant, ())
	problem = '' if pieces else f'There are {len(groups)} models in this repository. Choose one.'
	return Choice(
		layout='files',
		variants=tuple(groups),
		variant=variant,
		files=tuple(paths[p] for p in pieces),
		problem=problem,
	)


def together(singles: list[str]) -> dict[str, tuple[str, ...]]:
	"""Numbered pieces of one file belong together, under the name of the first."""
	pieces: dict[str, list[str]] = {}
	for path in singles:
		pieces.setdefault(PIECE.sub('', path), []).append(path)
	return {group[0]: tuple(group) for group in pieces.values()}


def page_of(repository: Repository, choice: Choice) -> HubPage:
	"""Without `have`, `free` and `fit`, which need the disk and the machine."""
	folders: dict[str, list[PlannedFile]] = {}
	for file in choice.files:
		folders.setdefault(file.path.rpartition('/')[0], []).append(file)
	return HubPage(
		repo=repository.repo,
		revision=repository.revision,
		commit=repository.commit,
		family=repository.family,
		kind=repository.kind,
		licence=repository.licence,
		licence_link=repository.licence_link,
		gated=repository.gated,
		gate=repository.gate,
		private=repository.private,
		variants=choice.variants,
		variant=choice.variant,
		components=tuple(
			HubComponent(
				name=name,
				bytes=sum(f.bytes for f in files),
				files=tuple(DownloadFile(path=f.path, bytes=f.bytes) for f in files),
			)
			for name, files in sorted(folders.items(), key=lambda f: -sum(x.bytes for x in f[1]))
		),
		bytes=sum(f.bytes for f in choice.files),
		unsafe=choice.unsafe,
		problem=choice.problem,
	)


def plan_of(repository: Repository, choice: Choice) -> DownloadPlan:
	"""Raises InvalidInput when there is nothing to fetch."""
	if choice.problem or not choice.files:
		raise InvalidInput(
			choice.problem or f'There is nothing to download in {repository.repo}.',
			'Choose another variant, or another repository.',
			field='source',
		)
	return DownloadPlan(
		name=repository.repo.partition('/')[2],
		repo=repository.repo,
		commit=repository.commit,
		revision=repository.revision,
		files=choice.files,
	)
