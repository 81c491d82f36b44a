"""The face for the terminal: the same services without a browser; hands its job to a running app
where there is one."""

import argparse
import json
import os
import runpy
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from localai import __version__
from localai.client import RunningApp
from localai.errors import AlreadyRunning, BadSetting, InvalidInput, LocalAIError, StorageProblem
from localai.files.home import HomeLock
from localai.schemas.jobs import JobSnapshot
from localai.schemas.models import ModelEntry
from localai.settings import Settings, describe_settings, read_settings, start_logging


class Door(Protocol):
	"""Where a job goes: a running app, or an engine of our own."""

	def start(self, fields: dict) -> JobSnapshot: ...
	def follow(self, job_id: str) -> Iterator[JobSnapshot]: ...
	def stop(self, job_id: str) -> JobSnapshot: ...
	def close(self) -> None: ...


def parser() -> argparse.ArgumentParser:
	shape = argparse.RawDescriptionHelpFormatter
	top = argparse.ArgumentParser(
		prog='localai',
		description='LocalAI: words in, pictures out, on this machine.',
		epilog=f'environment:\n{describe_settings()}',
		formatter_class=shape,
	)
	top.add_argument('--version', action='version', version=f'LocalAI {__version__}')
	commands = top.add_subparsers(dest='command', required=True, metavar='COMMAND')

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

	models = commands.add_parser('models', help='list the models that are here')
	models.add_argument('--json', action='store_true', help='print a JSON list')

	serve = commands.add_parser('serve', help='start the page', add_help=False)
	serve.add_argument('rest', nargs=argparse.REMAINDER)
	return top


def main(arguments: list[str] | None = None) -> int:
	arguments = sys.argv[1:] if arguments is None else arguments
	if arguments[:1] == ['serve']:
		return serve(arguments[1:])
	options = parser().parse_args(arguments)
	try:
		settings = read_settings()
		return {'generate': generate, 'models': models}[options.command](settings, options)
	except LocalAIError as error:
		print(
			f'error: {error.message}',
			error.remedy,
			sep='\n' if error.remedy else '',
			file=sys.stderr,
		)
		return 2 if isinstance(error, InvalidInput) else 1


def serve(arguments: list[str]) -> int:
	"""Runs app.py, which alone sees both faces."""
	app = Path(__file__).parents[1] / 'app.py'
	sys.argv = [str(app), *arguments]
	try:
		runpy.run_path(str(app), run_name='__main__')
	except SystemExit as end:
		return int(end.code or 0)
	return 0


def generate(settings: Settings, options: argparse.Namespace) -> int:
	names = {'negative': 'negative_prompt', 'guidance': 'guidance_scale'}
	given = (
		'prompt',
		'negative',
		'model',
		'width',
		'height',
		'steps',
		'guidance',
		'sampler',
		'schedule',
		'seed',
		'count',
	)
	fields = {
		names.get(n, n): getattr(options, n) for n in given if getattr(options, n) is not None
	}
	if options.model and os.path.isdir(options.model) and len(Path(options.model).parts) > 1:
		fields['model'] = str(Path(options.model).resolve())
	if options.out:
		make_folder(options.out)

	with open_door(settings) as door:
		job = door.start(fields)
		began = time.perf_counter()
		bar = Bar(sys.stderr.isatty() and not options.json)
		try:
			for now in door.follow(job.id):
				job = now
				bar.show(job)
		except KeyboardInterrupt:
			bar.clear()
			door.stop(job.id)
			*_, job = door.follow(job.id)
			print(
				f'cancelled; {len(job.pictures)} of {len(job.seeds)} pictures were kept',
				file=sys.stderr,
			)
			return 130
		finally:
			bar.clear()
	return report(job, time.perf_counter() - began, options)


def report(job: JobSnapshot, seconds: float, options: argparse.Namespace) -> int:
	images = []
	for picture in job.pictures:
		path = Path(picture.path)
		if options.out:
			try:
				path = Path(shutil.copy2(path, options.out)).resolve()
			except OSError as error:
				raise StorageProblem(
					f'The picture could not be copied to {options.out}: {error.strerror}.',
					f'It is saved as {path}.',
				) from error
		images.append(
			{
				'path': str(path),
				'seed': picture.seed,
				'width': picture.width,
				'height': picture.height,
			}
		)
	if options.json:
		print(
			json.dumps(
				{'job': job.id, 'seconds': round(seconds, 3), 'images': images}, ensure_ascii=False
			)
		)
	else:
		for image in images:
			print(f'{image["path"]}  seed {image["seed"]}')
	for note in job.notes:
		print(f'note: {note}', file=sys.stderr)
	if job.state == 'failed':
		print(f'error: {job.error.message}', job.error.remedy, sep='\n', file=sys.stderr)
	elif job.state != 'finished':
		print(f'error: The job was {job.state}.', 'Start it again.', sep='\n', file=sys.stderr)
	return 0 if job.state == 'finished' else 1


def models(settings: Settings, options: argparse.Namespace) -> int:
	from localai.services.models import ModelService

	entries: tuple[ModelEntry, ...] = ModelService(settings.models, None).list()
	if options.json:
		print(json.dumps([e.model_dump() for e in entries], ensure_ascii=False))
		return 0
	for entry in entries:
		size = f'{entry.bytes / 1e9:.2f} GB' if entry.bytes > 5e8 else f'{entry.bytes / 1e6:.0f} MB'
		print(f'{entry.id:32} {entry.problem or f"{entry.family}, {size}"}')
	return 0


class open_door:
	"""The running app of this home, or else a Studio of our own with its own engine, which takes
	the home meanwhile."""

	def __init__(self, settings: Settings):
		self.settings = settings.prepare()
		self.lock = HomeLock(settings.home)

	def __enter__(self) -> Door:
		owner = self.lock.owner()
		if owner and owner.url:
			self.door = RunningApp(owner)
			return self.door
		if owner:
			print('waiting for another LocalAI command to finish', file=sys.stderr)
		try:
			self.lock.take(wait=600 if owner else 5)
		except AlreadyRunning:
			owner = self.lock.owner()
			if owner and owner.url:
				self.door = RunningApp(owner)
				return self.door
			raise
		from localai.executors.local import LocalExecutor

		executor = LocalExecutor(self.settings.device)
		start_logging(self.settings, 'command')
		self.door = OwnEngine(self.settings, executor)
		return self.door

	def __exit__(self, *error: object) -> None:
		self.door.close()
		if self.lock.lock.is_locked:
			self.lock.release()


class OwnEngine:
	"""A Studio for one command: the queue of the app is left for the app."""

	def __init__(self, settings: Settings, executor):
		from localai.studio import Studio

		self.studio = Studio(settings, executor).open(resume=False)

	def start(self, fields: dict) -> JobSnapshot:
		return self.studio.generation.start(fields)

	def follow(self, job_id: str) -> Iterator[JobSnapshot]:
		"""Raises BadSetting when the engine cannot come up at all."""
		for job in self.studio.jobs.follow(job_id, beat=0.5):
			if self.studio.jobs.engine.state == 'stopped' and job.live:
				self.stop(job_id)
				raise BadSetting(self.studio.jobs.engine.message)
			yield job

	def stop(self, job_id: str) -> JobSnapshot:
		return self.studio.jobs.stop(job_id)

	def close(self) -> None:
		self.studio.close()


class Bar:
	"""One line on a terminal that says how far the job is."""

	def __init__(self, on: bool):
		self.on = on

	def show(self, job: JobSnapshot) -> None:
		if not self.on:
			return
		if job.state == 'running':
			done = int(24 * job.step / max(1, job.steps))
			left = f', {job.eta:.0f} s left' if job.eta is not None else ''
			text = f'[{"#" * done}{"." * (24 - done)}] picture {job.picture + 1} of {len(job.seeds)}, step {job.step} of {job.steps}{left}'
		elif job.state == 'loading':
			text = f'loading {job.stage}'
		else:
			text = f'{job.state}, {job.position} ahead' if job.position else 'starting the engine'
		print(f'\r\x1b[K{text}', end='', file=sys.stderr, flush=True)

	def clear(self) -> None:
		if self.on:
			print('\r\x1b[K', end='', file=sys.stderr, flush=True)


def make_folder(folder: Path) -> None:
	try:
		folder.mkdir(parents=True, exist_ok=True)
	except OSError as error:
		raise StorageProblem(
			f'The folder {folder} cannot be made: {error.strerror}.',
			'Choose another folder with --out.',
		) from error
