"""Makes a home with as many pictures as one likes: rows as the app writes them, small pictures that are
there already, and one file of each of 64 pictures under many names.

    python -m benchmarks.shelves HOME [--rows 100000] [--days 900] [--bare]

Prompts are drawn by chance from 400 words, a few of them common and most of them rare, as words are.
Start the app with LOCALAI_HOME=HOME to look at them.
"""

import argparse
import io
import math
import os
import random
import sys
import time
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image, ImageDraw

from localai.files.pictures import writing
from localai.schemas.generation import Receipt, Recipe
from localai.schemas.history import Marks
from localai.services.history.thumbnails import Thumbnails
from localai.settings import Settings, read_settings
from localai.store.database import Database
from localai.store.history import History, NewPicture, ordinal_of

SEEN = 64  # pictures that look different
BATCH = 5000
COMMON = [
	'fox',
	'rocket',
	'castle',
	'lighthouse',
	'apple',
	'dragon',
	'teapot',
	'owl',
	'garden',
	'river',
	'mountain',
	'robot',
	'cat',
	'portrait',
	'street',
	'forest',
	'snow',
	'storm',
	'library',
	'whale',
	'bicycle',
	'violin',
	'lantern',
	'market',
	'island',
	'bridge',
	'desert',
]
RARE = [
	a + b
	for a in ['amber', 'birch', 'cedar', 'dusk', 'ember', 'fern', 'gale', 'haze', 'iris', 'jade']
	for b in [
		'light',
		'fall',
		'stone',
		'wing',
		'brook',
		'crest',
		'mere',
		'wood',
		'field',
		'dale',
		'vale',
		'ridge',
		'moor',
	]
]
RARE += [
	f'{a} {b}'
	for a in ['quiet', 'golden', 'misty', 'hidden', 'ancient', 'paper', 'glass', 'velvet']
	for b in ['hour', 'path', 'door', 'song', 'tide', 'bloom']
]
STYLES = ['flat', 'shaded', 'watercolour', 'engraving', 'neon', 'pastel']
NEGATIVE = 'blurry, low quality, watermark, text'
MODELS = (
	('Sketchbook', 'sketchbook'),
	('Dreamer XL', 'sdxl'),
	('Plain 1.5', 'sd1'),
	('inkWell_v3', 'sd1'),
)
SIZES = (256, 256), (512, 512), (512, 768), (1024, 1024), (1216, 832)
SAMPLERS = (
	('Euler', 'Karras'),
	('DPM++ 2M', 'Karras'),
	('DDIM', 'Automatic'),
	('Euler a', 'Automatic'),
)


def main() -> int:
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument('home', type=Path)
	parser.add_argument('--rows', type=int, default=100_000)
	parser.add_argument('--days', type=int, default=900)
	parser.add_argument('--bare', action='store_true', help='rows only, no files')
	options = parser.parse_args()
	began = time.perf_counter()
	settings = read_settings({}, home=options.home).prepare()
	make(settings, options.rows, options.days, files=not options.bare)
	print(f'{options.rows} pictures in {time.perf_counter() - began:.0f} s: {settings.home}')
	return 0


def make(settings: Settings, rows: int, days: int = 900, files: bool = True, seed: int = 1) -> None:
	"""`files` also gives each row its picture and its small one, as further names of the same
	files."""
	chance = random.Random(seed)
	database = Database(settings.database)
	store = History(database, settings.pictures)
	thumbnails = Thumbnails(settings.thumbnails)
	seen = [draw(settings.temporary, number) for number in range(SEEN)] if files else []
	start = datetime.now(UTC) - timedelta(days=days)
	for first in range(0, rows, BATCH):
		batch = []
		for number in range(first, min(rows, first + BATCH)):
			when = start + timedelta(seconds=days * 86400 * number / rows)
			batch.append(picture(chance, number, when))
		store.add(batch)
		for number, one in enumerate(batch if files else (), first):
			whole, small = seen[number % SEEN]
			for target, source in (
				(settings.pictures / one.path, whole),
				(thumbnails.path(ordinal_of(one.created_at), one.digest), small),
			):
				target.parent.mkdir(parents=True, exist_ok=True)
				if not target.exists():
					os.link(source, target)
	thumbnails.close()
	database.close()


def words(chance: random.Random) -> list[str]:
	"""Each common word is in many prompts, each rare one in few."""
	found = []
	for _ in range(chance.randint(6, 14)):
		if chance.random() < 0.4:
			found.append(COMMON[min(len(COMMON) - 1, int(chance.expovariate(0.18)))])
		else:
			found.append(chance.choice(RARE))
	return found


def picture(chance: random.Random, number: int, when: datetime) -> NewPicture:
	name, family = chance.choice(MODELS)
	width, height = chance.choice(SIZES)
	sampler, schedule = chance.choice(SAMPLERS)
	seed = chance.randrange(2**32)
	recipe = Recipe(
		prompt=f'a {", ".join(words(chance))}, {chance.choice(STYLES)} style',
		negative_prompt=NEGATIVE if chance.random() < 0.7 else '',
		model=name.lower(),
		width=width,
		height=height,
		steps=chance.choice((8, 20, 30)),
		guidance_scale=chance.choice((1.0, 5.0, 7.5)),
		sampler=sampler,
		schedule=schedule,
		seed=seed,
	)
	receipt = Receipt(
		app='0.1.0',
		torch='2.13.0',
		diffusers='0.42.0',
		model_name=name,
		model_hash=f'{zlib.crc32(name.encode()):010x}',
		device='CPU',
		dtype='bf16',
		attention='sdpa',
		seconds=1.4,
		steps_done=20,
		family=family,
	)
	marks = Marks(
		favourite=chance.random() < 0.03,
		rating=chance.choice((0,) * 20 + (3, 4, 5)),
		tags=('keep',) if chance.random() < 0.02 else (),
	)
	job = f'{int(when.timestamp() * 1000):011x}{number & 0xFFFF:04x}'
	day = when.astimezone().strftime('%Y-%m-%d')
	return NewPicture(
		job_id=job,
		index=0,
		seed=seed,
		width=width,
		height=height,
		path=f'{day}/{writing.picture_name(job, 0, seed)}',
		model_id=name.lower(),
		recipe=recipe,
		receipt=receipt,
		created_at=when,
		bytes=120_000,
		modified=when.timestamp(),
		digest=f'{number:032x}',
		marks=marks,
	)


def draw(folder: Path, number: int) -> tuple[Path, Path]:
	"""A picture that can be told from the others, and its small one."""
	hue = number / SEEN * 2 * math.pi
	ground = tuple(int(150 + 80 * math.cos(hue + turn)) for turn in (0, 2.1, 4.2))
	image = Image.new('RGB', (512, 512), ground)
	pen = ImageDraw.Draw(image)
	inset = 60 + 5 * (number % 16)
	colour = tuple(255 - part for part in ground)
	(pen.ellipse if number % 2 else pen.rectangle)((inset, inset, 512 - inset, 512 - inset), colour)
	whole, small = folder / f'shelf-{number}.png', folder / f'shelf-{number}.webp'
	buffer = io.BytesIO()
	image.save(buffer, 'PNG')
	whole.write_bytes(buffer.getvalue())
	small.write_bytes(writing.thumbnail(whole, 320))
	return whole, small


if __name__ == '__main__':
	sys.exit(main())
