"""Makes pictures for tests: drawn by a studio with the fake engine, or recorded without any file."""

import io
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image

from localai.files.pictures import metadata
from localai.schemas.generation import GenerationParameters, Picture, Receipt, Recipe
from localai.schemas.history import Marks
from localai.store.history import NewPicture
from tests.waiting import eventually

SMALL = {'width': 64, 'height': 64, 'steps': 2}
NUMBERS = iter(range(1, 10**9))


def parameters(**fields) -> GenerationParameters:
	"""Complete ones for a small picture."""
	usual = {'model': 'sketchbook', 'guidance_scale': 4, 'sampler': 'DDIM', 'schedule': 'Automatic'}
	return GenerationParameters(**{'prompt': 'a red fox', 'seed': 7, **SMALL, **usual, **fields})


def draw(studio, prompt: str = 'a red fox', count: int = 1, **fields) -> tuple[Picture, ...]:
	"""Pictures of one job, as the app draws and saves them."""
	job = studio.generation.start({'prompt': prompt, 'count': count, **SMALL, **fields})
	eventually(lambda: not studio.jobs.get(job.id).live)
	job = studio.jobs.get(job.id)
	assert job.state == 'finished', job.error
	return job.pictures


def png(
	seed: int = 7, size: tuple[int, int] = (64, 48), texts: dict[str, str] | None = None
) -> bytes:
	"""A plain PNG with text chunks."""
	buffer = io.BytesIO()
	Image.new('RGB', size, tuple(seed.to_bytes(4, 'big')[1:])).save(buffer, 'PNG')
	return metadata.with_texts(buffer.getvalue(), texts or {})


def ours(seed: int = 7, when: datetime | None = None, **request) -> bytes:
	"""A PNG as a LocalAI of another home would have saved it."""
	record = metadata.Record(
		job_id=f'{next(NUMBERS):015x}',
		index=0,
		seed=seed,
		request=parameters(**{'seed': seed} | request),
		receipt=receipt(),
		model_id='sketchbook',
		created_at=(when or datetime.now(UTC)).isoformat(),
	)
	size = record.request.width, record.request.height
	return metadata.embed(png(seed, size), record, *size)


def receipt(**changes) -> Receipt:
	values = {
		'app': '0.1.0',
		'torch': '0',
		'diffusers': '0',
		'model_name': 'Sketchbook',
		'model_hash': 'abcdef0123',
		'device': 'CPU',
		'dtype': 'fp32',
		'attention': 'sdpa',
		'seconds': 1.0,
		'steps_done': 2,
		'family': 'sketchbook',
	}
	return Receipt(**values | changes)


def row(prompt: str = 'a red fox', when: datetime | None = None, **changes) -> NewPicture:
	"""A picture to record, without a file. `recipe`, `receipt` and `marks` take single values."""
	number = next(NUMBERS)
	recipe = {'prompt': prompt, 'sampler': 'Euler', 'schedule': 'Karras', 'steps': 20}
	values = {
		'job_id': f'{number:015x}',
		'seed': number,
		'width': 64,
		'height': 64,
		'path': f'2026-01-01/{number}.png',
		'model_id': 'sketchbook',
		'recipe': Recipe(**recipe | changes.pop('recipe', {})),
		'receipt': receipt(**changes.pop('receipt', {})),
		'created_at': when or datetime.now(UTC),
		'bytes': 1000,
		'modified': 1.0,
		'digest': f'{number:032x}',
		'marks': Marks(**changes.pop('marks', {})),
	}
	return NewPicture(**values | changes)


def all_rows(path: Path) -> dict[str, dict]:
	"""Every picture's row with its tags and albums, by path, as the database file has it."""
	import sqlite3

	with sqlite3.connect(path) as connection:
		connection.row_factory = sqlite3.Row
		found = {row['path']: dict(row) for row in connection.execute('select * from pictures')}
		for values in found.values():
			for table in ('tags', 'albums'):
				names = connection.execute(
					f'select name from {table} where picture_id = ? order by name', (values['id'],)
				)
				values[table] = [name for (name,) in names]
	connection.close()
	return found
