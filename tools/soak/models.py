"""Knows how models are fetched from the hub beside the app, loaded and looked for. Each deed first says in the
ledger what may be, then asks, then says what is."""

import itertools
import json
import random
import time

from tests.repositories import WEIGHTS, publish, safetensors
from tools.soak.ledger import ENDED, Fetch, sha256
from tools.soak.world import World, Wrong

NUMBERS = itertools.count(1)
MOST_FETCHES = 3


def fetch(world: World, lot: random.Random) -> None:
	ledger = world.ledger
	with ledger.lock:
		if sum(f.state not in ENDED for f in ledger.fetches.values()) >= MOST_FETCHES:
			return
	number, size = next(NUMBERS), lot.choice((200_000, 1_000_000, 4_000_000))
	if lot.random() < 0.5:
		repo = f'soak/model-{number}'
		publish(world.served, repo, size)
		folder = world.served / repo
		files = [p for p in folder.rglob('*') if p.is_file()]
		served = {p.relative_to(folder).as_posix(): sha256(p.read_bytes()) for p in files}
		expected = Fetch(repo, served, f'{repo}/{WEIGHTS}', (folder / WEIGHTS).stat().st_size)
		pattern = f'*model-{number}/*.safetensors'
	else:
		name = f'link-{number}.safetensors'
		data = safetensors(size, name)
		(world.served / '_files' / name).write_bytes(data)
		expected = Fetch(f'{world.hub.cdn}/files/{name}', {name: sha256(data)}, name, len(data))
		pattern = f'*{name}'
	world.hub.fault(pattern, rate=lot.choice((500_000, 2_000_000)), times=-1)
	if lot.random() < 0.3:
		world.hub.faults.insert(0, world.hub.faults.pop())
		world.hub.fault(pattern, status=503, times=1)
		world.hub.faults.insert(0, world.hub.faults.pop())
	with ledger.lock:
		ledger.fetches[expected.source] = expected
	if lot.random() < 0.3:
		answer = world.client(source=expected.source, api_name='/download')
	else:
		answer = json.loads(world.call('/api/downloads', {'source': expected.source}))
	expected.id = answer['id']


def change_fetch(world: World, lot: random.Random) -> None:
	with world.ledger.lock:
		live = [f for f in world.ledger.fetches.values() if f.id and f.state not in ENDED]
	if not live:
		return
	one, verb = lot.choice(live), lot.choice(('pause', 'resume', 'resume', 'cancel'))
	one.cancelled |= verb == 'cancel'
	one.interruptions += verb == 'pause'
	now = json.loads(world.call(f'/api/downloads/{one.id}/{verb}', {}))
	one.state = now['state']
	for other in live:
		other.state = json.loads(world.call(f'/api/downloads/{other.id}'))['state']


def load(world: World, lot: random.Random) -> None:
	verb = lot.choice(('load', 'load', 'unload'))
	deaths = world.ledger.engine_deaths
	chore = json.loads(world.call(f'/api/models/{verb}', {'model': 'sketchbook'}))
	while chore['state'] in ('waiting', 'running'):
		time.sleep(0.2)
		chore = json.loads(world.call(f'/api/models/chores/{chore["id"]}'))
	if chore['state'] == 'failed' and world.ledger.engine_deaths == deaths:
		raise Wrong(f'{verb}: {chore["error"]}')


def scan(world: World, lot: random.Random) -> None:
	world.call('/api/models/scan', {})
	world.call('/api/models/find', {})
	if lot.random() < 0.2:
		world.command('models')
