"""Measures a model against the bars: the judge's table on fixed prompts with its controls, guidance,
the negative prompt, the autoencoder, the time of a picture, and sheets to look at.

python -m tools.builtin.evaluate --data DATA --model localai/builtin --out DIR
"""

import argparse
import statistics
import time
from pathlib import Path

import torch
from diffusers import AutoencoderKL

from tools.builtin import judge as judges
from tools.builtin import painter as painters
from tools.builtin import scores, sheets
from tools.builtin.autoencoder import psnr
from tools.builtin.compose import Code, Composer, with_article
from tools.builtin.judge import Judge, Truth
from tools.builtin.painter import FAMILY, Painter
from tools.builtin.prompts import Asked, kept
from tools.builtin.scores import Against, Bars, Decibels, Evaluation, Row
from tools.builtin.things import COLOURS, STYLES, THINGS

PARTS = ('judge', 'bars', 'guidance', 'negative', 'autoencoder', 'sheets')
# Without red in them, so that red can only be the background's.
UNRED = (
	*('banana', 'lemon', 'dolphin', 'frog', 'panda', 'key', 'cloud', 'lion'),
	*('elephant', 'cactus', 'avocado', 'owl', 'snowflake', 'turtle', 'pineapple', 'blue heart'),
)


def truth_of(asked: list[Asked]) -> Truth:
	return Truth(*torch.tensor([a.truth for a in asked]).T)


def examine(judge: Judge, data: Path, vae: AutoencoderKL) -> tuple[Row, ...]:
	"""The judge on compositions it never saw: as they are, and worse and worse. It should know the
	first three and lose its way in the last."""
	images, truth = judges.held_out(data, 2000)
	noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(1))
	# The backgrounds alone: what it says of a picture in which there is nothing.
	composer = Composer(data, seed=judges.HELD_OUT_SEED + 2)
	names = [judges.NAMES[c] for c in truth.colours]
	# Each made when it is looked at: a set of them is 400 MB.
	ways = {
		'held-out compositions': lambda: images,
		'after the autoencoder': lambda: judges.round_trip(vae, images),
		'blurred, 1.5 pixels': lambda: judges.blur(images, 1.5),
		'blurred, 5 pixels': lambda: judges.blur(images, 5),
		'noised, 0.1': lambda: images + noise * 0.1,
		'noised, 0.5': lambda: images + noise * 0.5,
		'without the thing': lambda: composer.background(names) * 2 - 1,
	}
	return tuple(
		Row(name=name, marks=scores.marks(judge.look(way().clamp(-1, 1)), truth))
		for name, way in ways.items()
	)


def bars(judge: Judge, painter: Painter, asked: list[Asked]) -> Bars:
	"""Every prompt with two seeds."""
	twice = asked * 2
	texts = [a.text for a in twice]
	seeds = [*range(len(asked)), *range(1000, 1000 + len(asked))]
	pictures, truth = painter.draw(texts, seeds), truth_of(twice)
	verdict = judge.look(pictures)

	def row(name: str, some: list[bool]) -> Row:
		chosen = torch.tensor(some)
		part = judges.Verdict(*(p[chosen] for p in verdict))
		return Row(name=name, marks=scores.marks(part, truth.of(chosen)))

	rows = [
		Row(name='all prompts', marks=scores.marks(verdict, truth)),
		row('said as taught', [a.taught for a in twice]),
		row('said otherwise', [not a.taught for a in twice]),
		*(row(f'{s.word} style', [a.style == s.word for a in twice]) for s in STYLES),
		Row(name="other pictures' prompts (chance)", marks=scores.shuffled(verdict, truth)),
	]
	return Bars(rows=tuple(rows), failures=scores.failures(verdict, truth, texts, seeds))


def guidance(judge: Judge, painter: Painter, asked: list[Asked]) -> tuple[Row, ...]:
	"""The same 50 prompts, two seeds, under weak and strong guidance."""
	twice = asked[:50] * 2
	texts, seeds = [a.text for a in twice], list(range(2000, 2000 + len(twice)))
	return tuple(
		Row(
			name=f'guidance {scale:g}',
			marks=scores.marks(
				judge.look(painter.draw(texts, seeds, guidance=scale)), truth_of(twice)
			),
		)
		for scale in (1, 5)
	)


def redness(pictures: torch.Tensor) -> float:
	"""R - (G + B) / 2 of a border of 6 pixels, values 0 to 1, the mean."""
	border = torch.ones(pictures.shape[2:], dtype=torch.bool)
	border[6:-6, 6:-6] = False
	red, green, blue = (pictures[:, :, border].clamp(-1, 1) / 2 + 0.5).mean((0, 2)).tolist()
	return round(red - (green + blue) / 2, 4)


def negative(judge: Judge, painter: Painter, seeds: int) -> tuple[Against, ...]:
	"""Things without a background, the same seeds each time, with and without a negative prompt."""
	words = [t.words[0] for t in THINGS]
	named = [w for w in UNRED for _ in range(seeds)]
	wanted = torch.tensor([words.index(w) for w in named])
	texts = [f'{with_article(w)}, flat style' for w in named]
	rows = []
	for words_against in ('', 'red background', 'red'):
		pictures = painter.draw(texts, list(range(len(texts))), negative=words_against)
		verdict = judge.look(pictures)
		red = (verdict.colours.argmax(1) == list(COLOURS).index('red')).sum().item()
		right = (verdict.things.argmax(1) == wanted).sum().item()
		rows.append(
			Against(
				negative=words_against,
				red=scores.share(red, len(texts)),
				redness=redness(pictures),
				thing=scores.share(right, len(texts)),
			)
		)
	return tuple(rows)


@torch.no_grad()
def measure(vae: AutoencoderKL, data: Path) -> Decibels:
	"""PSNR over 256 compositions that no training saw."""
	code, found = Code(data), []
	torch.manual_seed(0)
	for images in judges.held_out(data, 256, usual=False)[0].split(16):
		known = vae.encode(images.to(vae.device)).latent_dist
		starts = (code.encode(images).to(vae.device), known.mode(), known.sample())
		found.append([psnr(vae.decode(s).sample.cpu(), images) for s in starts])
	decode, both, sampled = (statistics.mean(each) for each in zip(*found, strict=True))
	return Decibels(decode=round(decode, 2), both=round(both, 2), sampled=round(sampled, 2))


def clock(painter: Painter, threads: int = 2) -> float:
	"""Seconds of one picture with the family's defaults on `threads` cores, warm, the median of 5."""
	before, taken = torch.get_num_threads(), []
	torch.set_num_threads(threads)
	for seed in range(6):
		started = time.perf_counter()
		painter.draw(['a fox on a teal background, flat style'], [seed])
		taken.append(time.perf_counter() - started)
	torch.set_num_threads(before)
	return round(statistics.median(taken[1:]), 3)


def main() -> None:
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument('--data', type=Path, required=True)
	parser.add_argument('--model', type=Path, required=True)
	parser.add_argument('--out', type=Path, required=True)
	parser.add_argument(
		'--checkpoint', action='store_true', help='the denoiser.pt of --data, not yet exported'
	)
	parser.add_argument('--only', choices=PARTS, nargs='+', default=PARTS)
	parser.add_argument('--prompts', type=int, default=200, help='fewer for a quick look')
	parser.add_argument('--seeds', type=int, default=20, help='for each thing of the negative part')
	parser.add_argument('--half', action='store_true', help='bfloat16: a quick look')
	parser.add_argument('--time', action='store_true', help='also the seconds of a picture')
	parser.add_argument('--threads', type=int, default=2)
	options = parser.parse_args()
	torch.set_num_threads(options.threads)
	options.out.mkdir(parents=True, exist_ok=True)

	# 1. The model and the judge.
	checkpoint = options.data / 'denoiser.pt' if options.checkpoint else None
	pipeline, steps = painters.load(options.model, checkpoint)
	painter, judge = Painter(pipeline, options.half), judges.load(options.data)
	asked, vae = kept()[: options.prompts], pipeline.vae

	# 2. Each part; what an earlier run measured of the same model stays.
	kept_file = options.out / 'evaluation.json'
	result = Evaluation(model=f'{options.model}', steps_trained=steps)
	if kept_file.exists():
		earlier = Evaluation.model_validate_json(kept_file.read_text('utf-8'))
		if (earlier.model, earlier.steps_trained) == (result.model, steps):
			result = earlier
	measures = {
		'judge': lambda: examine(judge, options.data, vae),
		'bars': lambda: bars(judge, painter, asked),
		'guidance': lambda: guidance(judge, painter, asked),
		'negative': lambda: negative(judge, painter, options.seeds),
		'autoencoder': lambda: measure(vae, options.data),
	}
	for name, work in measures.items():
		if name in options.only:
			started = time.time()
			result = result.model_copy(update={name: work()})
			kept_file.write_text(result.model_dump_json(indent=1) + '\n', 'utf-8')
			print(f'({name}: {time.time() - started:.0f} s)', flush=True)
	if options.time:
		result = result.model_copy(update={'seconds': clock(painter)})
	kept_file.write_text(result.model_dump_json(indent=1) + '\n', 'utf-8')

	# 3. What to read, and what to look at.
	print(f'{FAMILY.default_effort.steps} steps, guidance {FAMILY.guidance_scale:g}')
	print(scores.report(result))
	if 'sheets' in options.only:
		sheets.unpicked(painter, asked, options.out)
		sheets.samplers(painter, options.out)
		sheets.img2img(painter, options.data, options.out)
		sheets.inpaint(painter, options.data, options.out)
		print(f'sheet.png, samplers.png, img2img.png, inpaint.png in {options.out}')


if __name__ == '__main__':
	main()
