"""Knows what may be typed after `localai`, and how each word is explained."""

import argparse
from pathlib import Path
from typing import TypeAlias, get_args

from localai import __version__
from localai.schemas.generation import GenerationRequest
from localai.schemas.history import SortName
from localai.schemas.models import KindName
from localai.schemas.terms import TERMS
from localai.settings import describe_settings

Commands: TypeAlias = 'argparse._SubParsersAction[argparse.ArgumentParser]'


def parser() -> argparse.ArgumentParser:
	top = argparse.ArgumentParser(
		prog='localai',
		description='LocalAI: words in, pictures out, on this machine.',
		epilog=f'environment:\n{describe_settings()}',
		formatter_class=argparse.RawDescriptionHelpFormatter,
	)
	top.add_argument('--version', action='version', version=f'LocalAI {__version__}')
	commands = top.add_subparsers(dest='command', required=True, metavar='COMMAND')
	add_generate(commands)
	add_models(commands)
	add_download(commands)
	add_history(commands)
	serve = commands.add_parser('serve', help='start the page', add_help=False)
	serve.add_argument('rest', nargs=argparse.REMAINDER)
	return top


def add_generate(commands: Commands) -> None:
	generate = commands.add_parser(
		'generate',
		help='draw a picture',
		description='Draws pictures and prints where they are saved.',
	)
	generate.add_argument('prompt', metavar='PROMPT', help=TERMS['prompt'].hint)
	for name in GenerationRequest.model_fields:
		term = TERMS[name]
		if name != 'prompt':
			generate.add_argument(
				f'--{term.word.lower().replace(" ", "-")}',
				dest=name,
				metavar='N'
				if term.name in ('seed', 'count')
				else 'T'
				if term.kind == 'text'
				else name[0].upper(),
				action='append' if term.kind in ('names', 'noun') else 'store',
				help=term.hint,
			)
	generate.add_argument(
		'--out', metavar='DIR', type=Path, help='also copy the pictures to this folder'
	)
	generate.add_argument('--json', action='store_true', help='print one JSON object')


def add_models(commands: Commands) -> None:
	models = commands.add_parser(
		'models',
		help='the models: list, inspect, scan, load, unload',
		description='The models on this computer. Without a verb, they are listed.',
	)
	models.add_argument('--json', action='store_true', help='print JSON')
	add_kind(models)
	verbs = models.add_subparsers(dest='verb', metavar='VERB')

	add_kind(add_verb(verbs, 'list', 'list the models', 'a JSON list'))

	inspect = add_verb(
		verbs, 'inspect', 'show what a file or a folder is, without loading it', 'one JSON object'
	)
	inspect.add_argument('file', metavar='FILE', help='a weights file or a model folder')

	add_verb(
		verbs, 'scan', 'look for models that were added, changed or removed', 'one JSON object'
	)

	load = add_verb(verbs, 'load', 'load a model into the running LocalAI', 'one JSON object')
	load.add_argument('model', metavar='ID', help='a name from `localai models`')

	unload = add_verb(
		verbs,
		'unload',
		'unload a model to free its memory; without ID, all of them',
		'one JSON object',
	)
	unload.add_argument('model', metavar='ID', nargs='?', default='', help='the name of the model')


def add_kind(listing: argparse.ArgumentParser) -> None:
	kinds = get_args(KindName)
	listing.add_argument(
		'--kind',
		choices=kinds,
		metavar='KIND',
		default=argparse.SUPPRESS,
		help=f'list only this kind: {", ".join(kinds)}',
	)


def add_verb(verbs: Commands, name: str, words: str, answer: str) -> argparse.ArgumentParser:
	verb = verbs.add_parser(name, help=words, description=f'{words[0].upper()}{words[1:]}.')
	# Suppressed, so that `models --json list` means the same as `models list --json`.
	verb.add_argument(
		'--json', action='store_true', default=argparse.SUPPRESS, help=f'print {answer}'
	)
	return verb


def add_download(commands: Commands) -> None:
	download = commands.add_parser(
		'download',
		help='download a model',
		description='Downloads a model, or resumes an earlier download, and prints where it is.',
	)
	download.add_argument(
		'source',
		metavar='REPO_OR_URL',
		help='owner/name on the Hugging Face hub, or an https link to a .safetensors or .gguf file',
	)
	download.add_argument('--revision', metavar='R', help='a branch, a tag or a commit')
	download.add_argument('--variant', metavar='V', help='for example fp16')
	download.add_argument(
		'--file',
		metavar='F',
		action='extend',
		nargs='+',
		help='download only these files of the repository',
	)
	download.add_argument('--json', action='store_true', help='print one JSON object at the end')


def add_history(commands: Commands) -> None:
	history = commands.add_parser(
		'history',
		help='the pictures: search, show, export, import, check, verify, delete, trash, restore',
		description='The pictures on this computer, and how each was made.',
	)
	history.add_argument('--json', action='store_true', help='print JSON')
	verbs = history.add_subparsers(dest='verb', metavar='VERB', required=True)

	search = add_verb(verbs, 'search', 'find pictures, newest first', 'one JSON object')
	search.add_argument(
		'words',
		metavar='WORDS',
		nargs='*',
		help='words, "phrases", -without and key:value such as model:sdxl, seed:7, '
		'rating:>=3, after:2026-01, tag:"my cat"; leave out to list all',
	)
	search.add_argument(
		'--sort', choices=get_args(SortName), default='newest', help='the order of the list'
	)
	search.add_argument(
		'--limit', metavar='N', default='20', help='how many to list at most (default 20)'
	)

	show = add_verb(verbs, 'show', 'show how a picture was made and where it is', 'one JSON object')
	show.add_argument('picture', metavar='ID', help='a number from `localai history search`')

	add_export(verbs)

	take = add_verb(
		verbs, 'import', 'import pictures, with the settings stored in them', 'one JSON object'
	)
	take.add_argument('paths', metavar='PATH', nargs='+', help='a picture, or a folder of pictures')

	check = add_verb(
		verbs,
		'check',
		'compare the history with the files; exits with 1 if something is wrong',
		'one JSON object',
	)
	for name, words in (
		(
			'repair',
			'add files missing from the history and find moved ones; rebuilds a lost database',
		),
		('deep', 'read every byte'),
		('forget', 'repair, and remove from the history the pictures whose files are gone'),
	):
		check.add_argument(f'--{name}', action='store_true', help=words)

	verify = add_verb(
		verbs, 'verify', 'draw a picture again; exits with 0 if it is identical', 'one JSON object'
	)
	verify.add_argument('picture', metavar='ID', help='the number of the picture')

	delete = add_verb(verbs, 'delete', 'move pictures to the trash', 'one JSON object')
	delete.add_argument('pictures', metavar='ID', nargs='+', help='the numbers of the pictures')

	add_verb(verbs, 'trash', 'list what is in the trash, last deleted first', 'a JSON list')

	restore = add_verb(verbs, 'restore', 'restore pictures from the trash', 'one JSON object')
	restore.add_argument(
		'trashed', metavar='TRASH_ID', nargs='+', help='names from `localai history trash`'
	)


def add_export(verbs: Commands) -> None:
	export = add_verb(
		verbs, 'export', 'copy pictures to a folder or a zip; nothing is overwritten', 'JSON'
	)
	export.add_argument('pictures', metavar='ID', nargs='*', help='the numbers of the pictures')
	export.add_argument(
		'--search', metavar='WORDS', help='export everything this search finds, instead of numbers'
	)
	export.add_argument(
		'--out', metavar='FOLDER|FILE.zip', required=True, help='where to write them'
	)
	export.add_argument(
		'--safe', action='store_true', help='copies without prompts, names and paths, safe to share'
	)
	export.add_argument('--sheet', action='store_true', help='add a contact sheet')
	export.add_argument(
		'--settings',
		choices=('none', 'csv', 'json'),
		default='none',
		help='add a list of settings',
	)


def shielded(arguments: list[str]) -> list[str]:
	"""In a search, `-blurry` is a word and not an option; a blank in front of it says so."""
	if arguments[:1] != ['history']:
		return arguments
	words = (a.startswith('-') and a[1:2] not in ('', '-') and a != '-h' for a in arguments)
	return [f' {a}' if word else a for a, word in zip(arguments, words, strict=True)]
