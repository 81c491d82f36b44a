"""How long it takes to import a folder of pictures of other programs, and one picture by itself.

    python -m benchmarks.importing [--pictures 700]

Pictures of about 1 MB: PNG with the settings of A1111 and of ComfyUI, PNG and WebP without any (whose
pixels are looked at for hidden ones), JPEG and WebP with settings in EXIF. The bars: 20 s for 700, and
25 ms for one. Every file must come in as it is, byte for byte.
"""

import argparse
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

FOLDER = 20.0  # seconds for 700
ALONE = 0.025  # seconds for one by itself
REPEATS = 40


def makers(side: int) -> dict[str, Callable[[int], bytes]]:
	"""By kind: the bytes of a picture with a number of its own in it."""
	import numpy as np
	from PIL import Image

	from localai.files.pictures.metadata import with_texts
	from tests import samples

	chance = np.random.default_rng(1)

	def soft(share: int) -> Image.Image:
		noise = chance.integers(0, 255, (side // share, side // share, 3), dtype=np.uint8)
		return Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC)

	def encoded(format: str, image: Image.Image, **options: object) -> bytes:
		buffer = io.BytesIO()
		image.save(buffer, format, **options)
		return buffer.getvalue()

	png, detailed = encoded('PNG', soft(2)), soft(1)
	graph = samples.comfy(samples.comfy_graph())
	jpeg = encoded('JPEG', detailed, quality=95, exif=samples.comment(samples.A1111))
	webp = encoded('WEBP', detailed, quality=97, exif=samples.comment(samples.swarm_json()))
	plain = encoded('WEBP', soft(3), lossless=True, method=0)

	def riff(data: bytes, number: int) -> bytes:
		data += b'NOTE\x08\0\0\0' + number.to_bytes(8, 'little')
		return data[:4] + (len(data) - 8).to_bytes(4, 'little') + data[8:]

	def told(texts: dict[str, str]) -> Callable[[int], bytes]:
		return lambda number: with_texts(png, texts | {'number': str(number)})

	return {
		'a1111.png': told({'parameters': samples.A1111}),
		'comfyui.png': told(graph),
		'plain.png': told({}),
		'a1111.jpg': lambda n: jpeg[:2] + b'\xff\xfe\x00\x0a' + n.to_bytes(8) + jpeg[2:],
		'swarmui.webp': lambda n: riff(webp, n),
		'plain.webp': lambda n: riff(plain, n),
	}


def main() -> int:
	from localai.settings import read_settings
	from localai.studio import Studio

	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument('--pictures', type=int, default=700)
	parser.add_argument('--side', type=int, default=690)
	options = parser.parse_args()
	with tempfile.TemporaryDirectory() as place:
		# 1. The pictures
		source, total = Path(place) / 'pictures', 0
		source.mkdir()
		kinds = list(makers(options.side).items())
		for number in range(options.pictures):
			name, make = kinds[number % len(kinds)]
			data = make(number)
			(source / f'{number:04}-{name}').write_bytes(data)
			total += len(data)
		print(f'{options.pictures} pictures, {total / options.pictures / 1e6:.2f} MB each')
		# 2. All of them, from a folder
		settings = read_settings({}, home=Path(place) / 'home').prepare()
		studio = Studio(settings)
		began = time.perf_counter()
		report = studio.imports.take_paths([source])
		taken = time.perf_counter() - began
		known = {file.read_bytes() for file in settings.pictures.rglob('*.*')}
		same = sum(file.read_bytes() in known for file in source.iterdir())
		well = len(report.imported) == same == options.pictures and studio.truth.check().well
		# 3. One by one
		alone: dict[str, list[float]] = {name: [] for name, _ in kinds}
		for number in range(REPEATS * len(kinds)):
			name, make = kinds[number % len(kinds)]
			data = make(10**6 + number)
			start = time.perf_counter()
			studio.imports.take(name, data)
			alone[name].append(time.perf_counter() - start)
		studio.close()
	slowest = 0.0
	for name, times in alone.items():
		slowest = max(slowest, statistics.median(times))
		print(f'{name:14} {statistics.median(times) * 1000:5.1f} ms')
	bar = FOLDER * options.pictures / 700
	print(
		f'{len(report.imported)} imported in {taken:.1f} s (bar {bar:.0f}), '
		f'{taken / options.pictures * 1000:.1f} ms each; one by one {slowest * 1000:.1f} ms '
		f'for the slowest kind (bar {ALONE * 1000:.0f}); {same} byte for byte'
	)
	return int(taken > bar or slowest > ALONE or not well)


if __name__ == '__main__':
	sys.exit(main())
