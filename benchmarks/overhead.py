"""What LocalAI adds to the bare library: submit to saved file, with previews, over the bare
pipe(...) call, in each precision that a processor, or a graphics card, computes in.

    python -m benchmarks.overhead [--device cuda] [--precision fp32] [--steps 5] [--size 512]
        [--repeats 5] [--model-dir DIR]

Both sides hold the same model of Stable Diffusion 1.5's size, in the same precision and with its
channels last, and draw the same picture, in turn: A B B A A B ... Each has processes of its own (of
up to 5 GB); only one computes at a time. Exit 1 when the middle of the ratios of a precision is above
1.02. Beside each ratio of seconds stands that of processor time, which other work on the machine
disturbs less.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Protocol

import psutil

from benchmarks import sd15

BAR = 1.02
DEVICES = ('cpu', 'cuda')
# Asked of a process of its own, so that this one stays small.
HAS_BF16 = 'import torch; print(torch.ops.mkldnn._is_mkldnn_bf16_supported())'
FIELDS = {
	'prompt': 'a red apple on a blue background',
	'sampler': 'Euler',
	'schedule': 'Automatic',
	'seed': 7,
}
GUIDANCE = 7.5


def bare(folder: str, device: str, precision: str, size: int) -> None:
	"""The child: a line with the number of steps in, one picture, its seconds out."""
	import torch
	from diffusers import EulerDiscreteScheduler, StableDiffusionPipeline

	dtype = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}[precision]
	pipe = StableDiffusionPipeline.from_pretrained(folder, dtype=dtype, safety_checker=None)
	pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config)
	pipe.to(device)
	pipe.unet.to(memory_format=torch.channels_last)
	pipe.vae.to(memory_format=torch.channels_last)
	pipe.set_progress_bar_config(disable=True)
	print('ready', flush=True)
	for line in sys.stdin:
		began = time.perf_counter()
		pipe(
			FIELDS['prompt'],
			num_inference_steps=int(line),
			guidance_scale=GUIDANCE,
			width=size,
			height=size,
			generator=torch.Generator().manual_seed(FIELDS['seed']),
		)
		print(json.dumps(time.perf_counter() - began), flush=True)


class Side(Protocol):
	"""One of the two: draws a picture and says in how many seconds; `processes` do the work."""

	processes: list[psutil.Process]

	def draw(self, steps: int) -> float: ...
	def close(self) -> None: ...


class Bare:
	def __init__(self, folder: Path, device: str, precision: str, size: int):
		command = [sys.executable, '-m', 'benchmarks.overhead', '--bare', '--precision', precision]
		command += ['--device', device, '--model-dir', str(folder), '--size', str(size)]
		self.process = subprocess.Popen(
			command,
			stdin=subprocess.PIPE,
			stdout=subprocess.PIPE,
			stderr=subprocess.DEVNULL,
			text=True,
		)
		assert self.process.stdout.readline().strip() == 'ready'
		self.processes = [psutil.Process(self.process.pid)]

	def draw(self, steps: int) -> float:
		self.process.stdin.write(f'{steps}\n')
		self.process.stdin.flush()
		return json.loads(self.process.stdout.readline())

	def close(self) -> None:
		self.process.stdin.close()
		self.process.wait()


class Ours:
	def __init__(self, folder: Path, home: Path, device: str, precision: str, size: int):
		from localai.settings import read_settings
		from localai.studio import Studio

		settings = read_settings({}, home=home, device=device, precision=precision)
		self.studio = Studio(settings.prepare()).open()
		self.fields = FIELDS | {
			'model': str(folder),
			'width': size,
			'height': size,
			'guidance_scale': GUIDANCE,
		}
		self.precision = precision
		self.previews = 0
		self.draw(1)
		engine = psutil.Process(self.studio.engines.status.pid)
		self.processes = [psutil.Process(), engine]

	def draw(self, steps: int) -> float:
		began = time.perf_counter()
		job = self.studio.generation.start(self.fields | {'steps': steps})
		*_, job = self.studio.jobs.follow(job.id)
		seconds = time.perf_counter() - began
		assert job.state == 'finished' and Path(job.pictures[0].path).is_file(), job.error
		assert job.pictures[0].receipt.dtype == self.precision
		self.previews += job.preview
		return seconds

	def close(self) -> None:
		self.studio.close()


def timed(side: Side, steps: int) -> tuple[float, float]:
	"""Seconds of the clock and of the processor."""
	before = [process.cpu_times() for process in side.processes]
	seconds = side.draw(steps)
	after = [process.cpu_times() for process in side.processes]
	spent = sum(b.user + b.system - a.user - a.system for a, b in zip(before, after, strict=True))
	return seconds, spent


def measure(folder: Path, home: Path, precision: str, options: argparse.Namespace) -> float:
	"""The middle ratio of one precision."""
	theirs = Bare(folder, options.device, precision, options.size)
	ours = Ours(folder, home, options.device, precision, options.size)
	theirs.draw(1)  # both are warm: the model is in memory, the hash is known
	ratios, spents = [], []
	try:
		for turn in range(options.repeats):
			sides: tuple[Side, ...] = (theirs, ours) if turn % 2 == 0 else (ours, theirs)
			took = {side: timed(side, options.steps) for side in sides}
			ratios.append(took[ours][0] / took[theirs][0])
			spents.append(took[ours][1] / took[theirs][1])
			print(
				f'{precision}: bare {took[theirs][0]:.2f} s, LocalAI {took[ours][0]:.2f} s, '
				f'ratio {ratios[-1]:.3f}; processor {took[theirs][1]:.2f} s, {took[ours][1]:.2f} s, '
				f'ratio {spents[-1]:.3f}',
				flush=True,
			)
	finally:
		theirs.close()
		ours.close()
	middle = statistics.median(ratios)
	print(
		f'{precision}: median ratio {middle:.3f} (bar {BAR}), of processor time '
		f'{statistics.median(spents):.3f}; {ours.previews} previews drawn',
		flush=True,
	)
	return middle


def precisions(device: str) -> tuple[str, ...]:
	"""Those that are worth the wait there: a CPU without bf16 takes minutes for a step in it."""
	if device == 'cuda':
		return 'bf16', 'fp16'
	answer = subprocess.check_output([sys.executable, '-c', HAS_BF16], text=True)
	return ('bf16', 'fp32') if answer.strip() == 'True' else ('fp32',)


def main() -> int:
	parser = argparse.ArgumentParser(
		description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
	)
	parser.add_argument('--device', choices=DEVICES, default='cpu')
	parser.add_argument('--precision', help='only this one')
	parser.add_argument('--steps', type=int, default=5)
	parser.add_argument('--size', type=int, default=512)
	parser.add_argument('--repeats', type=int, default=5)
	parser.add_argument(
		'--model-dir', type=Path, help='kept there for the next run; otherwise made and thrown away'
	)
	parser.add_argument('--bare', action='store_true', help=argparse.SUPPRESS)
	options = parser.parse_args()
	if options.bare:
		bare(str(options.model_dir), options.device, options.precision, options.size)
		return 0
	wanted = [options.precision] if options.precision else precisions(options.device)
	with tempfile.TemporaryDirectory() as temporary:
		folder = options.model_dir or Path(temporary) / 'sd15'
		sd15.make_apart(folder)
		middles = [
			measure(folder, Path(temporary) / precision, precision, options) for precision in wanted
		]
	return 0 if max(middles) <= BAR else 1


if __name__ == '__main__':
	sys.exit(main())
