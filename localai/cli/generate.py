"""Knows `localai generate`: pictures for words, and where they are."""

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path

from localai.cli.doors import OwnEngine, open_app
from localai.cli.terminal import Line, bar, complain, loading, note
from localai.errors import LocalAIError, StorageProblem
from localai.schemas.generation import GenerationRequest, exact
from localai.schemas.jobs import JobSnapshot
from localai.settings import Settings


def generate(settings: Settings, options: argparse.Namespace) -> int:
	given = {name: getattr(options, name) for name in GenerationRequest.model_fields}
	fields = {name: value for name, value in given.items() if value is not None}
	if options.model and os.path.isdir(options.model) and len(Path(options.model).parts) > 1:
		fields['model'] = str(Path(options.model).resolve())
	if options.out:
		make_folder(options.out)

	with open_app(settings, OwnEngine) as door:
		job = door.start(fields)
		began = time.perf_counter()
		line = Line(sys.stderr.isatty() and not options.json)
		try:
			for now in door.follow(job.id):
				job = now
				line.show(how_far(job))
		except KeyboardInterrupt:
			line.clear()
			door.stop(job.id)
			*_, job = door.follow(job.id)
			note(f'cancelled; {len(job.pictures)} of {len(job.seeds)} pictures were kept')
			return 130
		finally:
			line.clear()
	return report(job, time.perf_counter() - began, options)


def how_far(job: JobSnapshot) -> str:
	if job.state == 'running':
		left = f', {job.eta:.0f} s left' if job.eta is not None else ''
		where = f'picture {job.picture + 1} of {len(job.seeds)}, step {job.step} of {job.steps}'
		return f'{bar(job.step, job.steps)} {where}{left}'
	if job.state == 'loading':
		return loading(job.stage)
	return f'{job.state}, {job.position} ahead' if job.position else 'starting the engine'


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
				'seed': None if picture.seed is None else exact(picture.seed),
				'width': picture.width,
				'height': picture.height,
			}
		)
	if options.json:
		answer = {'job': job.id, 'seconds': round(seconds, 3), 'images': images}
		print(json.dumps(answer, ensure_ascii=False))
	else:
		for image in images:
			print(f'{image["path"]}  seed {image["seed"]}')
	for text in job.notes:
		note(f'note: {text}')
	if job.state == 'failed' and job.error:
		complain(LocalAIError(job.error.message, job.error.remedy))
	elif job.state != 'finished':
		complain(LocalAIError(f'The job was {job.state}.', 'Start it again.'))
	return 0 if job.state == 'finished' else 1


def make_folder(folder: Path) -> None:
	try:
		folder.mkdir(parents=True, exist_ok=True)
	except OSError as error:
		raise StorageProblem(
			f'The folder {folder} cannot be created: {error.strerror}.',
			'Choose another folder with --out.',
		) from error
