"""Knows what may be typed after `localai`, and how each word is explained."""

import argparse
from pathlib import Path

from localai import __version__
from localai.settings import describe_settings

KINDS = ('checkpoint', 'lora', 'embedding', 'vae', 'controlnet', 'upscaler', 'unknown')


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
	serve = commands.add_parser('serve', help='start the page', add_help=False)
	serve.add_argument('rest', nargs=argparse.REMAINDER)
	return top


def add_generate(commands) -> None:
	generate = commands.add_parser(
		'generate', help='draw a picture', description='Draws pictures and prints where they are.'
	)
	generate.add_argument('prompt', metavar='PROMPT', help='what to draw')
	generate.add_argument('--negative', metavar='T', help='what should not be in it')
	generate.add_argument(
		'--model', metavar='M', help='a name from `localai models`, or the path of a model folder'
	)
	for name, meaning in (
		('width', 'pixels, a multiple of 8'),
		('height', 'pixels, a multiple of 8'),
		('steps', '1 to 150'),
	):
		generate.add_argument(f'--{name}', metavar=name[0].upper(), help=meaning)
	generate.add_argument(
		'--guidance', metavar='G', help='how closely the prompt is followed, 0 to 30'
	)
	generate.add_argument('--sampler', metavar='S', help='such as "Euler a" or "DPM++ 2M"')
	generate.add_argument(
		'--schedule',
		metavar='S',
		help='Automatic, Karras, Exponential, Beta, Simple or "SGM Uniform"',
	)
	generate.add_argument('--seed', metavar='N', help='the same seed draws the same picture')
	generate.add_argument('--count', metavar='N', help='how many pictures')
	generate.add_argument('--out', metavar='DIR', type=Path, help='also put the pictures there')
	generate.add_argument('--json', action='store_true', help='print one JSON object')


def add_models(commands) -> None:
	models = commands.add_parser(
		'models',
		help='what is here: list, inspect, scan, load, unload',
		description='The models that are here. Without a word after it, they are listed.',
	)
	models.add_argument('--json', action='store_true', help='print JSON')
	verbs = models.add_subparsers(dest='verb', metavar='VERB')

	listing = add_verb(verbs, 'list', 'list the models', 'a JSON list')
	listing.add_argument('--kind', choices=KINDS, help='only those of this kind')

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


def add_verb(verbs, name: str, words: str, answer: str) -> argparse.ArgumentParser:
	verb = verbs.add_parser(name, help=words, description=f'{words[0].upper()}{words[1:]}.')
	# Suppressed, so that `models --json list` means the same as `models list --json`.
	verb.add_argument(
		'--json', action='store_true', default=argparse.SUPPRESS, help=f'print {answer}'
	)
	return verb


def add_download(commands) -> None:
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
