"""What LocalAI adds to the bare library: submit to saved file, with previews, over the bare
pipe(...) call.

    python -m benchmarks.overhead [--steps 8] [--size 512] [--repeats 3] [--model-dir DIR]

Both sides hold the same model of Stable Diffusion 1.5's size in bf16 and channels_last and draw the
same picture, in
turn: A B B A A B ... Each has a process of its own; only one computes at a time. Exit 1 when the
middle of the ratios
is above 1.03.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import sd15

BAR = 1.03
FIELDS = {
	'prompt': 'a red apple on a blue background',
	'sampler': 'Euler',
	'schedule': 'Automatic',
	'seed': 7,
}
GUIDANCE = 7.5


def bare(folder: str, steps: int, size: int) -> None:
	"""The child: one line in, one picture, its seconds out."""
	import torch
	from diffusers import EulerDiscreteScheduler, StableDiffusionPipeline

	pipe = StableDiffusionPipeline.from_pretrained(
		folder, dtype=torch.bfloat16, safety_checker=None
	)
	pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config)
	pipe.unet.to(memory_format=torch.channels_last)
	pipe.vae.to(memory_format=torch.channels_last)
	pipe.set_progress_bar_config(disable=True)
	print('ready', flush=True)
	for line in sys.stdin:
		began = time.perf_counter()
		pipe(
			FIELDS['prompt'],
			num_inference_steps=int(line) or steps,
			guidance_scale=GUIDANCE,
			width=size,
			height=size,
			generator=torch.Generator().manual_seed(FIELDS['seed']),
		)
		print(json.dumps(time.perf_counter() - began), flush=True)


class Bare:
	def __init__(self, folder: Path, options: argparse.Namespace):
		command = [
			sys.executable,
			'-m',
			'benchmarks.overhead',
			'--bare',
			'--model-dir',
			str(folder),
		]
		command += ['--steps', str(options.steps), '--size', str(options.size)]
		self.process = subprocess.Popen(
			command,
			stdin=subprocess.PIPE,
			stdout=subprocess.PIPE,
			stderr=subprocess.DEVNULL,
			text=True,
		)
		assert self.process.stdout.readline().strip() == 'ready'

	def draw(self, steps: int) -> float:
		self.process.stdin.write(f'{steps}\n')
		self.process.stdin.flush()
		return json.loads(self.process.stdout.readline())

	def close(self) -> None:
		self.process.stdin.close()
		self.process.wait()


class Ours:
	def __init__(self, folder: Path, home: Path, size: int):
		from localai.settings import read_settings
		from localai.studio import Studio

		self.studio = Studio(read_settings({}, home=home, device='cpu').prepare()).open()
		self.fields = FIELDS | {
			'model': str(folder),
			'width': size,
			'height': size,
			'guidance_scale': GUIDANCE,
		}
		self.previews = 0

	def draw(self, steps: int) -> float:
		began = time.perf_counter()
		job = self.studio.generation.start(self.fields | {'steps': steps})
		*_, job = self.studio.jobs.follow(job.id)
		seconds = time.perf_counter() - began
		assert job.state == 'finished' and Path(job.pictures[0].path).is_file(), job.error
		self.previews += job.preview
		return seconds

	def close(self) -> None:
		self.studio.close()


def main() -> int:
	parser = argparse.ArgumentParser(
		description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
	)
	parser.add_argument('--steps', type=int, default=8)
	parser.add_argument('--size', type=int, default=512)
	parser.add_argument('--repeats', type=int, default=3)
	parser.add_argument(
		'--model-dir', type=Path, help='kept there for the next run; otherwise made and thrown away'
	)
	parser.add_argument('--bare', action='store_true', help=argparse.SUPPRESS)
	options = parser.parse_args()
	if options.bare:
		bare(str(options.model_dir), options.steps, options.size)
		return 0
	with tempfile.TemporaryDirectory() as temporary:
		home = Path(temporary) / 'home'
		folder = options.model_dir or Path(temporary) / 'sd15'
		sd15.make_apart(folder)
		theirs, ours = Bare(folder, options), Ours(folder, home, options.size)
		for side in (theirs, ours):
			side.draw(1)  # warm: the model is in memory, the hash is known
		ratios = []
		for turn in range(options.repeats):
			sides = (theirs, ours) if turn % 2 == 0 else (ours, theirs)
			seconds = {side: side.draw(options.steps) for side in sides}
			ratios.append(seconds[ours] / seconds[theirs])
			print(
				f'bare {seconds[theirs]:.2f} s, LocalAI {seconds[ours]:.2f} s, ratio {ratios[-1]:.3f}',
				flush=True,
			)
		print(f'{ours.previews} previews drawn')
		theirs.close()
		ours.close()
	middle = statistics.median(ratios)
	print(f'median ratio {middle:.3f} (bar {BAR})')
	return 0 if middle <= BAR else 1


if __name__ == '__main__':
	sys.exit(main())
