"""Trains the judge: a network that says what a picture shows, taught on compositions of renders and
never on what a generator drew; resumes from `judge.pt`.

python -m tools.builtin.judge --data DIR --start localai/builtin --steps 3000
"""

import argparse
import random
import time
from pathlib import Path
from typing import NamedTuple

import torch
from diffusers import AutoencoderKL
from torch import nn
from torch.nn.functional import avg_pool2d, conv2d, cross_entropy

from tools.builtin.compose import Code, Composer
from tools.builtin.things import COLOURS, STYLES, THINGS

NAMES = list(COLOURS)
# Far from the seeds of the other trainings, and from each other.
TRAIN_SEED, TRIP_SEED, HELD_OUT_SEED = 500_000, 700_000, 900_000


class Truth(NamedTuple):
	"""Indices (B) into THINGS, STYLES and the names of COLOURS."""

	things: torch.Tensor
	styles: torch.Tensor
	colours: torch.Tensor

	def of(self, rows: torch.Tensor | slice) -> 'Truth':
		return Truth(*(part[rows] for part in self))


class Verdict(NamedTuple):
	"""Probabilities (B, 80), (B, 2), (B, 12)."""

	things: torch.Tensor
	styles: torch.Tensor
	colours: torch.Tensor

	def right(self, truth: Truth) -> torch.Tensor:
		"""(B, 3): whether the first choice of each head is the truth."""
		return torch.stack([p.argmax(1) == t for p, t in zip(self, truth, strict=True)], 1)

	def sure(self, truth: Truth) -> torch.Tensor:
		"""(B, 3): the probability that each head gives the truth."""
		pairs = zip(self, truth, strict=True)
		return torch.stack([p.gather(1, t[:, None])[:, 0] for p, t in pairs], 1)


class Block(nn.Module):
	"""Two convolutions with a way around them."""

	def __init__(self, width: int):
		super().__init__()
		self.body = nn.Sequential(
			nn.Conv2d(width, width, 3, padding=1, bias=False),
			nn.BatchNorm2d(width),
			nn.ReLU(),
			nn.Conv2d(width, width, 3, padding=1, bias=False),
			nn.BatchNorm2d(width),
		)

	def forward(self, hidden: torch.Tensor) -> torch.Tensor:
		return (hidden + self.body(hidden)).relu()


def shrink(before: int, after: int) -> nn.Sequential:
	return nn.Sequential(
		nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
		nn.BatchNorm2d(after),
		nn.ReLU(),
	)


class Judge(nn.Module):
	"""Images (B, 3, 128, 128) in [-1, 1] -> logits for thing, style and background colour.

	It looks at half the size: what cannot be told there is no difference that a person would name.
	"""

	def __init__(self):
		super().__init__()
		self.body = nn.Sequential(
			shrink(3, 32),
			Block(32),
			shrink(32, 64),
			Block(64),
			shrink(64, 128),
			Block(128),
			shrink(128, 160),
			Block(160),
			nn.Conv2d(160, 64, 1),
			nn.Flatten(),
			nn.Linear(64 * 16, 256),
			nn.ReLU(),
			nn.Dropout(0.2),
		)
		self.heads = nn.ModuleList(
			nn.Linear(256, n) for n in (len(THINGS), len(STYLES), len(NAMES))
		)

	def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
		halved = avg_pool2d(images, 2).contiguous(memory_format=torch.channels_last)
		hidden = self.body(halved)
		return [head(hidden) for head in self.heads]

	@torch.no_grad()
	def look(self, images: torch.Tensor) -> Verdict:
		"""What the network sees; the answer lies on the CPU."""
		self.eval()
		device = next(self.parameters()).device
		parts = [self(chunk.to(device)) for chunk in images.split(64)]
		return Verdict(*(torch.cat(p).float().softmax(1).cpu() for p in zip(*parts, strict=True)))


def load(data: Path) -> Judge:
	judge = Judge()
	state = torch.load(data / 'judge.pt', map_location='cpu', weights_only=True)
	judge.load_state_dict(state['judge'])
	return judge.eval()


def compose(composer: Composer, count: int, usual: bool = False) -> tuple[torch.Tensor, Truth]:
	"""Compositions and what they are; `usual` keeps every thing in the usual place."""
	things, styles, colours, places = composer.draw(count)
	images = composer.compose(things, styles, colours, [0] * count if usual else places)
	named = [NAMES.index(c) for c in colours]
	return images, Truth(torch.tensor(things), torch.tensor(styles), torch.tensor(named))


@torch.no_grad()
def round_trip(vae: AutoencoderKL, images: torch.Tensor) -> torch.Tensor:
	"""Images after the autoencoder, on the CPU."""
	drawn = []
	for chunk in images.split(16):
		with torch.autocast(vae.device.type, torch.bfloat16):
			drawn.append(vae.decode(vae.encode(chunk.to(vae.device)).latent_dist.mean).sample)
	return torch.cat(drawn).float().cpu().clamp(-1, 1)


def blur(images: torch.Tensor, sigma: float) -> torch.Tensor:
	"""A Gaussian of `sigma` pixels; the border repeats."""
	reach = max(1, round(3 * sigma))
	kernel = (-(torch.arange(-reach, reach + 1) ** 2) / (2 * sigma**2)).exp()
	kernel = (kernel / kernel.sum()).expand(3, 1, -1)
	padded = nn.functional.pad(images, (reach,) * 4, mode='replicate')
	across = conv2d(padded, kernel[:, :, None, :], groups=3)
	return conv2d(across, kernel[:, :, :, None], groups=3)


def wear(images: torch.Tensor, code: Code, chance: random.Random) -> torch.Tensor:
	"""The same pictures a little worse, as other programs would hand them over: it should not hang
	on exact pixels. Not by much, or it would forgive what a person does not."""
	images, count = images.clone(), len(images)
	patchy, soft = count // 6, count // 3
	images[:patchy] = code.decode(code.encode(images[:patchy]))
	images[patchy : patchy + soft] = blur(images[patchy : patchy + soft], chance.uniform(0.4, 1.4))
	generator = torch.Generator().manual_seed(chance.randrange(2**40))
	uniform = torch.rand(count, 7, 1, 1, generator=generator)
	images = images * (0.96 + 0.08 * uniform[:, :3]) + (uniform[:, 3:6] - 0.5) * 0.1
	noise = torch.randn(images.shape, generator=generator)
	images = images + noise * 0.1 * (uniform[:, 6:] - 0.5).clamp(min=0)
	return images.clamp(-1, 1)


def trips(vae: AutoencoderKL, data: Path, count: int) -> tuple[torch.Tensor, Truth]:
	"""Compositions after the autoencoder, made once."""
	images, truth = compose(Composer(data, seed=TRIP_SEED), count)
	return round_trip(vae, images), truth


def held_out(data: Path, count: int, usual: bool = True) -> tuple[torch.Tensor, Truth]:
	"""Compositions that no training saw."""
	return compose(Composer(data, seed=HELD_OUT_SEED + usual), count, usual)


def say(judge: Judge, images: torch.Tensor, truth: Truth) -> str:
	share = judge.look(images).right(truth).float().mean(0) * 100
	return 'thing {:.2f} %, style {:.2f} %, background {:.2f} %'.format(*share.tolist())


def main() -> None:
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument('--data', type=Path, required=True)
	parser.add_argument('--start', type=Path, help='an exported model, for its autoencoder')
	parser.add_argument('--steps', type=int, default=3000)
	parser.add_argument('--batch', type=int, default=96)
	parser.add_argument('--threads', type=int, default=2)
	options = parser.parse_args()
	torch.set_num_threads(options.threads)
	torch.manual_seed(0)

	# 1. The network, and where it stopped.
	device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
	judge = Judge().to(device, memory_format=torch.channels_last)
	optimizer = torch.optim.AdamW(judge.parameters(), lr=2e-3, weight_decay=0.02)
	schedule = torch.optim.lr_scheduler.OneCycleLR(
		optimizer, 2e-3, total_steps=options.steps + 1, pct_start=0.1
	)
	checkpoint = options.data / 'judge.pt'
	step = 0
	if checkpoint.exists():
		state = torch.load(checkpoint, map_location=device, weights_only=True)
		judge.load_state_dict(state['judge'])
		optimizer.load_state_dict(state['optimizer'])
		schedule.load_state_dict(state['schedule'])
		step = state['step']

	# 2. What it learns from: compositions, a quarter of them after the autoencoder.
	code, chance = Code(options.data), random.Random(TRAIN_SEED + step)
	source = Composer(options.data, seed=TRAIN_SEED + step)
	vae = pool = None
	if options.start:
		vae = AutoencoderKL.from_pretrained(options.start / 'vae').float().eval()
		vae = vae.to(device, memory_format=torch.channels_last)
	if vae and step < options.steps:
		pool = trips(vae, options.data, 2048)

	# 3. Train.
	started, mean_loss = time.time(), 0.0
	while step < options.steps:
		judge.train()
		images, truth = compose(source, options.batch)
		if pool:
			some = torch.randint(len(pool[0]), (options.batch // 4,))
			# In any row, so that they are worn in every way too.
			places = torch.randperm(options.batch)[: len(some)]
			images[places] = pool[0][some]
			for part, other in zip(truth, pool[1].of(some), strict=True):
				part[places] = other
		images = wear(images, code, chance).to(device)
		with torch.autocast(device.type, torch.bfloat16):
			logits = judge(images)
		loss = sum(
			cross_entropy(guess.float(), part.to(device))
			for guess, part in zip(logits, truth, strict=True)
		)
		optimizer.zero_grad()
		loss.backward()
		optimizer.step()
		schedule.step()
		step += 1
		mean_loss += (loss.item() - mean_loss) * max(0.02, 1 / step)
		if step % 100 == 0 or step == options.steps:
			print(f'{step} loss {mean_loss:.4f}, {time.time() - started:.0f} s', flush=True)
			state = {
				'judge': judge.state_dict(),
				'optimizer': optimizer.state_dict(),
				'schedule': schedule.state_dict(),
				'step': step,
			}
			torch.save(state, checkpoint.with_suffix('.tmp'))
			checkpoint.with_suffix('.tmp').replace(checkpoint)

	# 4. What it is worth.
	images, truth = held_out(options.data, 2000)
	print('held out, usual place:', say(judge, images, truth))
	if vae:
		print('held out, after the autoencoder:', say(judge, round_trip(vae, images), truth))
	print('held out, any place:', say(judge, *held_out(options.data, 2000, usual=False)))


if __name__ == '__main__':
	main()
