"""Makes a small house of the version it is run with, and writes down all that this version says of it:
`python -m tests.houses NAME.zip`. `store/houses` keeps those of earlier versions, each under its commit."""

import argparse
import json
import sqlite3
import tempfile
import zipfile
from pathlib import Path

from localai.settings import read_settings
from localai.studio import Studio
from tests.fakes import FakeExecutor
from tests.samples import png
from tests.waiting import eventually

SAID = 'said.json'
SMALL = {'width': 64, 'height': 64, 'steps': 3}
FOREIGN = (
	'a lighthouse <lora:inkWash:0.8>\nNegative prompt: blurry\nSteps: 20, Sampler: DPM++ 2M Karras, '
	'CFG scale: 6.5, Seed: 18446744073709551615, Size: 64x64, Model: dreamShaper, Clip skip: 2, Eta: 0.3'
)


def main() -> None:
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument('target', type=Path)
	target = parser.parse_args().target.resolve()
	with tempfile.TemporaryDirectory() as folder:
		home = Path(folder) / 'home'
		settings = read_settings({}, home=home, hub_cache=Path(folder) / 'hub').prepare()
		executor = FakeExecutor()
		studio = Studio(settings, executor).open()
		try:
			live_in(studio, executor)
			said = everything(studio, home)
		finally:
			studio.close()
		pack(home, json.dumps(said, indent='\t', ensure_ascii=False), target)
	print(target.stat().st_size, 'bytes')


def live_in(studio: Studio, executor: FakeExecutor) -> None:
	"""Pictures, marks, a picture in the trash, one from elsewhere; then a job that is cut off and one
	that waits."""
	fox = drawn(studio, 'a red fox', seed=5, count=3, negative_prompt='blurry, dark')
	ship = drawn(
		studio, 'a ship: "Ärger", 林檎 🍎', guidance_scale=2.5, sampler='euler a', width=72
	)
	gone = drawn(studio, 'a mistake', seed=9)
	(foreign,) = studio.imports.take('x.png', png({'parameters': FOREIGN})).imported
	one, *_ = fox
	marks = {
		'favourite': True,
		'rating': 4,
		'notes': 'print it',
		'add_tags': ['snow', 'Winter Sun'],
	}
	studio.marks.mark([one], marks)
	studio.marks.mark([*ship, foreign], {'add_albums': ['Best of'], 'rating': 2})
	studio.picture_trash.delete(gone)
	executor.gate.clear()
	studio.generation.start({'prompt': 'a castle', 'seed': 70, 'count': 2, **SMALL})
	studio.generation.start({'prompt': 'a bridge', 'seed': 80, 'count': 1, **SMALL})
	eventually(lambda: any(job.state == 'running' for job in studio.jobs.list()))


def drawn(studio: Studio, prompt: str, **fields: object) -> list[int]:
	job = studio.generation.start({'prompt': prompt, **SMALL, **fields})
	eventually(lambda: not studio.jobs.get(job.id).live)
	return [picture.id for picture in studio.jobs.get(job.id).pictures]


def everything(studio: Studio, home: Path) -> dict[str, object]:
	"""What a person and a program are told, without where the house stands."""
	page = studio.history.find({'limit': 100})
	told = {
		'entries': [entry.model_dump(mode='json') for entry in page.entries],
		'cards': [studio.history.card(e.id).model_dump(mode='json') for e in page.entries],
		'reuse': [studio.history.reuse(e.id).model_dump(mode='json') for e in page.entries],
		'vocabulary': studio.history.vocabulary().model_dump(mode='json'),
		'trash': [one.model_dump(mode='json') for one in studio.picture_trash.listed(10, 0)],
		'jobs': [job.model_dump(mode='json') for job in studio.jobs.list()],
		'found': {
			text: [e.id for e in studio.history.find({'text': text}).entries]
			for text in ('fox', 'model:dream', 'steps:>3', 'guidance:2.5', 'lora:ink', 'rating:>=2')
		},
	}
	return json.loads(json.dumps(told, ensure_ascii=False).replace(f'{home}/', ''))


def pack(home: Path, said: str, target: Path) -> None:
	with sqlite3.connect(home / 'localai.db') as database:
		database.execute('delete from models')
		database.commit()
		database.execute('vacuum')
		database.execute('pragma wal_checkpoint(truncate)')
	with zipfile.ZipFile(target, 'w', zipfile.ZIP_DEFLATED) as archive:
		archive.writestr(SAID, said)
		for path in sorted(home.rglob('*')):
			kept = path.relative_to(home).parts[0] in ('localai.db', 'pictures', 'trash')
			if kept and path.is_file():
				archive.write(path, path.relative_to(home))


if __name__ == '__main__':
	main()
