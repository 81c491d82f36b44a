"""Knows how pictures come in from elsewhere, some of them hostile, and go out again. Each deed first says in
the ledger what may be, then asks, then says what is."""

import io
import itertools
import json
import random
import shutil
import time
import urllib.parse
import zipfile
from pathlib import Path

from PIL import Image, PngImagePlugin

from tools.soak.history import ids
from tools.soak.ledger import Kept, sha256
from tools.soak.world import World, Wrong

NUMBERS = itertools.count(1)


def made(lot: random.Random) -> tuple[str, bytes]:
	"""A picture of another program, unlike any other."""
	number = next(NUMBERS)
	image = Image.frombytes('RGB', (48, 32), lot.randbytes(48 * 32 * 3))
	buffer = io.BytesIO()
	suffix = lot.choice(('png', 'png', 'jpg', 'webp'))
	if suffix == 'png':
		info = PngImagePlugin.PngInfo()
		settings = 'Steps: 12, Sampler: Euler a, CFG scale: 6, Seed: 7, Size: 48x32, Model: Other'
		info.add_itxt('parameters', f'an owl {number}\nNegative prompt: dull\n{settings}')
		image.save(buffer, 'PNG', pnginfo=info)
	else:
		image.save(buffer, {'jpg': 'JPEG', 'webp': 'WEBP'}[suffix])
	return f'owl {number:05}.{suffix}', buffer.getvalue()


def hostile(lot: random.Random) -> tuple[str, bytes]:
	"""What must be refused, or is no picture at all."""
	number = next(NUMBERS)
	name, whole = made(lot)
	return lot.choice(
		(
			(f'empty {number}.png', b''),
			(f'text {number}.png', b'this is no picture'),
			(f'half {number}.png', b'\x89PNG\r\n\x1a\n' + lot.randbytes(200)),
			(f'page {number}.jpg', b'<!DOCTYPE html><script>alert(1)</script>'),
			(f'pickle {number}.webp', b'PK\x03\x04' + lot.randbytes(100)),
			(f'../../{number} \u202egnp.png', whole[:20]),
		)
	)


def take_in(world: World, lot: random.Random) -> None:
	if lot.random() < 0.2:
		name, data = hostile(lot)
		status, answer = world.ask(f'/api/history/import?name={urllib.parse.quote(name)}', data)
		if status == 200 and json.loads(answer)['imported']:
			raise Wrong(f'{name!r} was imported')
		return
	name, data = made(lot)
	kept = world.ledger.expect(data)
	answer = json.loads(world.call(f'/api/history/import?name={urllib.parse.quote(name)}', data))
	world.ledger.came(kept, *answer['imported'])
	if lot.random() < 0.2:  # the same bytes are taken once
		again = json.loads(world.call('/api/history/import?name=again.png', data))
		if again['imported']:
			raise Wrong(f'{name!r} was imported twice')


def a_folder(world: World, lot: random.Random) -> tuple[Path, list[Kept]]:
	"""Pictures, and what must be refused."""
	folder = world.incoming / f'{next(NUMBERS)}'
	folder.mkdir(parents=True)
	expected = []
	for _ in range(lot.randint(3, 25)):
		name, data = made(lot)
		(folder / name).write_bytes(data)
		expected.append(world.ledger.expect(data))
	for _ in range(2):
		name, data = hostile(lot)
		(folder / Path(name).name).write_bytes(data)
	return folder, expected


def take_in_alone(world: World, lot: random.Random) -> None:
	"""By a command while no app runs, killed at some moment; what came of it the next look tells."""
	folder, _ = a_folder(world, lot)
	process = world.begin_command('history', 'import', str(folder))
	time.sleep(lot.uniform(0.5, 3))
	process.kill()
	process.communicate()


def take_in_folder(world: World, lot: random.Random) -> None:
	folder, expected = a_folder(world, lot)
	if lot.random() < 0.3:
		answer = world.command(
			'history',
			'import',
			str(folder),
		)
	else:
		answer = json.loads(world.call('/api/history/import-paths', {'paths': [str(folder)]}))
	if len(answer['imported']) != len(expected):
		raise Wrong(
			f'{len(answer["imported"])} of {len(expected)} pictures were imported: {answer}'
		)
	numbers = {}
	for start in range(0, len(answer['imported']), 100):
		asked = {'ids': answer['imported'][start : start + 100]}
		for picture in json.loads(world.call('/api/history/pictures', asked)):
			numbers[sha256(Path(picture['path']).read_bytes())] = picture['id']
	for kept in expected:
		world.ledger.came(kept, numbers[kept.sha256])
	shutil.rmtree(folder)


def export(world: World, lot: random.Random) -> None:
	with world.ledger.taken(lot, 'history', lot.choice((1, 5, 30))) as pictures:
		if not pictures:
			return
		safe = lot.random() < 0.3
		fields = {'ids': ids(pictures), 'safe': safe, 'sheet': lot.random() < 0.3}
		token = json.loads(world.call('/api/history/export', fields))['token']
		archive = zipfile.ZipFile(io.BytesIO(world.call(f'/api/history/export/{token}')))
		if archive.testzip():
			raise Wrong(f'the zip is damaged: {archive.testzip()}')
		inside = {sha256(archive.read(name)) for name in archive.namelist()}
		missing = [k.id for k in pictures if k.sha256 not in inside]
		if not safe and missing:
			raise Wrong(f'the zip lacks the pictures {missing}')


def export_folder(world: World, lot: random.Random) -> None:
	with world.ledger.taken(lot, 'history', lot.choice((5, 30))) as pictures:
		if not pictures:
			return
		folder = world.outside / f'{next(NUMBERS)}'
		fields = {'ids': ids(pictures), 'folder': str(folder)}
		answer = json.loads(world.call('/api/history/export-folder', fields))
		if answer['pictures'] != len(pictures) or answer['missing']:
			raise Wrong(f'export-folder: {answer}')
		inside = {sha256(p.read_bytes()) for p in folder.iterdir()}
		if {k.sha256 for k in pictures} - inside:
			raise Wrong('the exported folder lacks pictures')
		shutil.rmtree(folder)
