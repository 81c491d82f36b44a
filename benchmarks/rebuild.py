"""How long it takes to make a lost database anew: 10,000 pictures, each with its record inside, and
nothing else.

    python -m benchmarks.rebuild [--pictures 10000] [--side 512]

The bar: 60 s. Every row is compared with what it was.
"""

import argparse
import io
import random
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

BAR = 60.0


def main() -> int:
	import numpy as np
	from PIL import Image

	from benchmarks.shelves import picture
	from localai.files.pictures import metadata, writing
	from localai.schemas.generation import GenerationRequest, Recipe
	from localai.services.history import recording
	from localai.settings import read_settings
	from localai.studio import Studio
	from tests.pictures import all_rows

	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument('--pictures', type=int, default=10_000)
	parser.add_argument('--side', type=int, default=512)
	options = parser.parse_args()
	chance, noise = random.Random(1), np.random.default_rng(1)
	with tempfile.TemporaryDirectory() as folder:
		settings = read_settings({}, home=Path(folder) / 'home').prepare()
		studio = Studio(settings)
		# Soft noise weighs what a picture weighs: 300 KB at 512 x 512.
		soft = noise.integers(0, 255, (options.side // 2, options.side // 2, 3), dtype=np.uint8)
		buffer = io.BytesIO()
		Image.fromarray(soft).resize((options.side,) * 2, Image.Resampling.BICUBIC).save(
			buffer, 'PNG'
		)
		start, rows, size = datetime.now(UTC) - timedelta(days=400), [], 0
		for number in range(options.pictures):
			new = picture(chance, number, start + timedelta(hours=number * 0.9))
			fields = new.recipe.model_dump(include=set(GenerationRequest.model_fields))
			record = metadata.Record(
				job_id=new.job_id,
				index=0,
				seed=new.seed,
				request=Recipe(**fields),
				receipt=new.receipt,
				model_id=new.model_id,
				created_at=new.created_at.isoformat(),
			)
			png = metadata.embed(buffer.getvalue(), record, options.side, options.side)
			path = settings.pictures / new.path
			path.parent.mkdir(exist_ok=True)
			path.write_bytes(png)
			size += len(png)
			sides = options.side, options.side
			rows.append(
				recording.of_record(record, path, settings.pictures, writing.digest(png), sides)
			)
		studio.history.store.add(rows)
		before = all_rows(settings.database)
		studio.close()
		for file in settings.home.glob('localai.db*'):
			file.unlink()

		studio = Studio(settings)
		began = time.perf_counter()
		report = studio.truth.check(repair=True)
		taken = time.perf_counter() - began
		after = all_rows(settings.database)
		studio.close()
	for found in (before, after):
		for values in found.values():
			values.pop('id')
	same = sum(before[path] == after.get(path) for path in before)
	print(
		f'{len(before)} pictures, {size / 1e9:.1f} GB; {report.repaired} back, {same} rows as before'
	)
	print(f'{taken:.1f} s (bar {BAR:.0f})')
	return int(taken > BAR or same != options.pictures)


if __name__ == '__main__':
	sys.exit(main())
