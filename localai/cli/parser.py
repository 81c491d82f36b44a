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
		'generate', help='draw a picture', description='Draws pictures and prints where they are.'
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
	generate.add_argument('--out', metavar='DIR', type=Path, help='also put the pictures there')
	generate.add_argument('--json', action='store_true', help='print one JSON object')


def add_models(commands: Commands) -> None:
	models = commands.add_parser(
		'models',
		help='what is here: list, inspect, scan, load, unload',
		description='The models that are here. Without a word after it, they are listed.',
	)
	models.add_argument('--json', action='store_true', help='print JSON')
	add_kind(models)
	verbs = models.add_subparsers(dest='verb', metavar='VERB')

	add_kind(add_verb(verbs, 'list', 'list the models', 'a JSON list'))

	inspect = add_verb(
		verbs, 'inspect', 'say what a file or a folder is, without loading it', 'one JSON object'
	)
	inspect.add_argument('file', metavar='FILE', help='a file of weights, or a model folder')

	add_verb(verbs, 'scan', 'look for what was added, changed or removed', 'one JSON object')

	load = add_verb(
		verbs, 'load', 'bring a model into the memory of the running LocalAI', 'one JSON object'
	)
	load.add_argument('model', metavar='ID', help='a name from `localai models`')

	unload = add_verb(
		verbs, 'unload', 'give the memory of a model back; of all without ID', 'one JSON object'
	)
	unload.add_argument('model', metavar='ID', nargs='?', default='', help='the name of the model')


def add_kind(listing: argparse.ArgumentParser) -> None:
	kinds = get_args(KindName)
	listing.add_argument(
		'--kind',
		choices=kinds,
		metavar='KIND',
		default=argparse.SUPPRESS,
		help=f'list only those of this kind: {", ".join(kinds)}',
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
		help='fetch a model',
		description='Fetches a model, or goes on with what was begun, and prints where it is.',
	)
	download.add_argument(
		'source',
		metavar='REPO_OR_URL',
		help='owner/name on the Hugging Face hub, or an https link to a .safetensors or .gguf file',
	)
	download.add_argument('--revision', metavar='R', help='a branch, a tag or a commit')
	download.add_argument('--variant', metavar='V', help='such as fp16')
	download.add_argument(
		'--file',
		metavar='F',
		action='extend',
		nargs='+',
		help='only these files of the repository',
	)
	download.add_argument('--json', action='store_true', help='print one JSON object at the end')


def add_history(commands: Commands) -> None:
	history = commands.add_parser(
		'history',
		help='the pictures: search, show, export, import, check, verify, delete, trash, restore',
		description='The pictures that are here, and how each was made.',
	)
	history.add_argument('--json', action='store_true', help='print JSON')
	verbs = history.add_subparsers(dest='verb', metavar='VERB', required=True)

	search = add_verb(verbs, 'search', 'find pictures, the newest first', 'one JSON object')
	search.add_argument(
		'words',
		metavar='WORDS',
		nargs='*',
		help='words, "phrases", -without and key:value such as model:sdxl, seed:7, rating:>=3, '
		'after:2026-01, tag:"my cat"; nothing for all',
	)
	search.add_argument(
		'--sort', choices=get_args(SortName), default='newest', help='in which order'
	)
	search.add_argument('--limit', metavar='N', default='20', help='how many at most (20)')

	show = add_verb(verbs, 'show', 'say how a picture was made and where it is', 'one JSON object')
	show.add_argument('picture', metavar='ID', help='a number from `localai history search`')

	add_export(verbs)

	take = add_verb(
		verbs, 'import', 'take pictures in, with the settings they carry', 'one JSON object'
	)
	take.add_argument('paths', metavar='PATH', nargs='+', help='a picture, or a folder of pictures')

	check = add_verb(
		verbs,
		'check',
		'hold the history against the files; 1 while something is wrong',
		'one JSON object',
	)
	for name, words in (
		('repair', 'take in what has no row, find what was moved; rebuilds a lost database'),
		('deep', 'read every byte'),
		('forget', 'repair, and let go of pictures whose files are gone'),
	):
		check.add_argument(f'--{name}', action='store_true', help=words)

	verify = add_verb(
		verbs, 'verify', 'draw a picture again; 0 when it is identical', 'one JSON object'
	)
	verify.add_argument('picture', metavar='ID', help='the number of the picture')

	delete = add_verb(verbs, 'delete', 'put pictures into the trash', 'one JSON object')
	delete.add_argument('pictures', metavar='ID', nargs='+', help='the numbers of the pictures')

	add_verb(verbs, 'trash', 'list what is in the trash, the last deleted first', 'a JSON list')

	restore = add_verb(verbs, 'restore', 'bring pictures back from the trash', 'one JSON object')
	restore.add_argument(
		'trashed', metavar='TRASH_ID', nargs='+', help='names from `localai history trash`'
	)


def add_export(verbs: Commands) -> None:
	export = add_verb(
		verbs, 'export', 'copy pictures into a folder or a zip; nothing is overwritten', 'JSON'
	)
	export.add_argument('pictures', metavar='ID', nargs='*', help='the numbers of the pictures')
	export.add_argument('--search', metavar='WORDS', help='instead of numbers: all that this finds')
	export.add_argument(
		'--out', metavar='FOLDER|FILE.zip', required=True, help='where they are written'
	)
	export.add_argument(
		'--safe', action='store_true', help='copies without prompt, names and paths, to be shared'
	)
	export.add_argument('--sheet', action='store_true', help='also a contact sheet')
	export.add_argument(
		'--settings',
		choices=('none', 'csv', 'json'),
		default='none',
		help='also a list of settings',
	)


def shielded(arguments: list[str]) -> list[str]:
	"""In a search, `-blurry` is a word and not an option; a blank in front of it says so."""
	if arguments[:1] != ['history']:
		return arguments
	words = (a.startswith('-') and a[1:2] not in ('', '-') and a != '-h' for a in arguments)
	return [f' {a}' if word else a for a, word in zip(arguments, words, strict=True)]
