"""Draws the small pictures that an empty Generate tab shows beside its prompts, with the engine of the app:
`python -m tools.examples`."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from localai.ui.assets import STATIC
from localai.ui.catalog import EXAMPLES

QUALITY = 88


def draw(prompt: str, seed: int, home: Path) -> Path:
	command = (
		*(sys.executable, '-m', 'localai', 'generate', prompt),
		*('--seed', str(seed), '--out', str(home / str(seed))),
	)
	subprocess.run(command, check=True, env=os.environ | {'LOCALAI_HOME': str(home)})
	return next((home / str(seed)).glob('*.png'))


def main() -> None:
	for example in EXAMPLES:
		there = STATIC / 'generate' / f'{example.name}.webp'
		with tempfile.TemporaryDirectory() as home:
			drawn = draw(example.prompt, example.seed, Path(home))
			with Image.open(drawn) as picture:
				picture.convert('RGB').save(there, 'WEBP', quality=QUALITY, method=6)
		print(f'{there.name}: {there.stat().st_size:,} bytes')


if __name__ == '__main__':
	main()
