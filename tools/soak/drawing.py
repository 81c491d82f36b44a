"""Knows how pictures are asked for, by every door, followed and stopped. Each deed first says in the ledger
what may be, then asks, then says what is."""

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.live import OPENER
from tools.soak.ledger import ENDED, key, pixels, sha256
from tools.soak.world import Unanswered, World, Wrong

MOST_WAITING = 6
SIZES = ((64, 64), (128, 64), (96, 96), (128, 128))
PROMPTS = ('a red apple', 'a blue boat at night', 'a house', 'two green trees on a hill')


def requests(lot: random.Random, many: int) -> list[dict]:
	"""The pictures that are asked for: few, so that an undisturbed run can draw them all first."""
	found = []
	for number in range(many):
		width, height = lot.choice(SIZES)
		found.append(
			{
				'prompt': PROMPTS[number % len(PROMPTS)],
				'seed': 1000 * (number + 1),
				'width': width,
				'height': height,
				'steps': lot.choice((2, 3, 5, 12)),
				'count': lot.choice((1, 1, 2, 3)),
				'sampler': lot.choice(('DDIM', 'Euler', 'Euler a', 'DPM++ 2M')),
			}
		)
	return found


def undisturbed(world: World, asked: list[dict]) -> None:
	"""Each of them drawn once in peace: what its pixels are ever after."""
	for fields in asked:
		job = begin(world, fields)
		for now in follow(world, job['id']):
			job = now
		if job['state'] != 'finished':
			raise Wrong(f'{fields} ended as {job["state"]}: {job["error"]}')
		world.ledger.learn(job)
		drawn = {p['seed']: pixels(Path(p['path']).read_bytes()) for p in job['pictures']}
		world.ledger.pixels[key(fields)] = drawn


def begin(world: World, fields: dict) -> dict:
	with world.ledger.lock:
		world.ledger.unheard.append(fields)
	job = json.loads(world.call('/api/jobs', fields))
	heard(world, job, fields)
	return job


def heard(world: World, job: dict, fields: dict) -> None:
	with world.ledger.lock:
		world.ledger.unheard.remove(fields)
		world.ledger.began(job, fields)


def follow(world: World, job_id: str, most: int = -1) -> Iterator[dict]:
	"""The job as its followers hear it, at most so often; what it drew is in the ledger."""
	address = f'{world.running.url}/api/jobs/{job_id}/events'
	try:
		with OPENER.open(address, timeout=120) as lines:
			for number, line in enumerate(lines):
				job = json.loads(line)
				learn(world, job)
				yield job
				if number == most:
					return
	except (OSError, ValueError) as error:
		raise Unanswered(f'{job_id}: {error}') from error


def learn(world: World, job: dict) -> None:
	for words in world.ledger.learn(job):
		world.fault('pixels are those of an undisturbed run', words)


def chosen(world: World, lot: random.Random) -> dict | None:
	if world.ledger.pending() >= MOST_WAITING:
		return None
	return lot.choice(world.asked)


def draw(world: World, lot: random.Random) -> None:
	fields = chosen(world, lot)
	if fields:
		begin(world, fields)


def draw_and_follow(world: World, lot: random.Random) -> None:
	fields = chosen(world, lot)
	if fields:
		job = begin(world, fields)
		for now in follow(world, job['id'], lot.choice((1, 3, -1))):
			job = now


def draw_by_client(world: World, lot: random.Random) -> None:
	fields = chosen(world, lot)
	if fields:
		by_client(world, fields, '/submit')


def draw_by_client_and_wait(world: World, lot: random.Random) -> None:
	fields = chosen(world, lot)
	if fields:
		files, job = by_client(world, fields, '/generate')
		learn(world, json.loads(world.call(f'/api/jobs/{job["id"]}')))
		with_sha = {sha256(Path(f).read_bytes()) for f in files}
		if not with_sha <= world.ledger.pictures.keys():
			raise Wrong(f'/generate gave other files than job {job["id"]} has')
		for file in files:
			shutil.rmtree(Path(file).parent, ignore_errors=True)


def by_client(world: World, fields: dict, name: str) -> Any:
	with world.ledger.lock:
		world.ledger.unheard.append(fields)
	answer = world.client(api_name=name, **fields)
	heard(world, answer if name == '/submit' else answer[1], fields)
	return answer


def draw_by_command(world: World, lot: random.Random) -> None:
	fields = chosen(world, lot)
	if fields:
		with world.ledger.lock:
			world.ledger.unheard.append(fields)
		named = [f'--{n}={v}' for n, v in fields.items() if n != 'prompt']
		answer = world.command('generate', fields['prompt'], *named)
		job = json.loads(world.call(f'/api/jobs/{answer["job"]}'))
		heard(world, job, fields)
		learn(world, job)


def stop(world: World, lot: random.Random) -> None:
	with world.ledger.lock:
		live = [j for j in world.ledger.jobs.values() if j.state not in ENDED]
	if not live:
		return
	job, mode = lot.choice(live), lot.choice(('stop', 'keep', 'skip'))
	job.stopped = True
	if lot.random() < 0.5:
		world.client(job=job.id, mode=mode, api_name='/cancel')
	else:
		world.call(f'/api/jobs/{job.id}/stop?mode={mode}', {})
