"""Knows what an evaluation says: counts with their intervals, and the table that a person reads."""

import math

import torch

from localai.schemas.base import Schema
from tools.builtin.judge import NAMES, Truth, Verdict
from tools.builtin.things import STYLES, THINGS

HEADS = ('thing', 'style', 'background')


class Share(Schema):
	"""`right` of `total`, and the 95 % interval (Wilson 1927) of the true share."""

	right: float
	total: int
	low: float
	high: float

	@property
	def line(self) -> str:
		share = 100 * self.right / self.total if self.total else 0
		counts = f'{self.right:g}/{self.total}'
		return f'{share:5.1f} % {counts:>12}   {100 * self.low:.1f} to {100 * self.high:.1f}'


def share(right: float, total: int, z: float = 1.96) -> Share:
	"""`right` may be a mean of counts."""
	if not total:
		return Share(right=0, total=0, low=0, high=1)
	part = right / total
	middle = (part + z * z / (2 * total)) / (1 + z * z / total)
	reach = z / (1 + z * z / total)
	reach *= math.sqrt(part * (1 - part) / total + z * z / (4 * total * total))
	return Share(
		right=round(right, 2), total=total, low=max(0, middle - reach), high=min(1, middle + reach)
	)


class Marks(Schema):
	"""How often the judge's first choice was what was asked for, and the mean probability that it
	gave that."""

	thing: Share
	style: Share
	background: Share
	together: Share
	sure: dict[str, float]


def marks(verdict: Verdict, truth: Truth) -> Marks:
	right, sure = verdict.right(truth), verdict.sure(truth)
	total = len(right)
	counts = [share(n, total) for n in right.sum(0).tolist()]
	return Marks(
		thing=counts[0],
		style=counts[1],
		background=counts[2],
		together=share(right.all(1).sum().item(), total),
		sure={name: round(p, 3) for name, p in zip(HEADS, sure.mean(0).tolist(), strict=True)},
	)


class Failure(Schema):
	"""A picture that was not what was asked for; what was wrong, and what the judge saw."""

	text: str
	seed: int
	wrong: tuple[str, ...]
	saw: str


def failures(
	verdict: Verdict, truth: Truth, texts: list[str], seeds: list[int]
) -> tuple[Failure, ...]:
	found = []
	for row, right in enumerate(verdict.right(truth).tolist()):
		if all(right):
			continue
		thing, style, colour = (part[row].argmax().item() for part in verdict)
		found.append(
			Failure(
				text=texts[row],
				seed=seeds[row],
				wrong=tuple(h for h, well in zip(HEADS, right, strict=True) if not well),
				saw=f'{THINGS[thing].words[0]}, {STYLES[style].word}, {NAMES[colour]}',
			)
		)
	return tuple(found)


def shuffled(verdict: Verdict, truth: Truth, times: int = 50) -> Marks:
	"""The marks against other pictures' prompts, the mean of many shuffles: what chance gives."""
	generator = torch.Generator().manual_seed(0)
	total = len(truth.things)
	right, sure = torch.zeros(4), torch.zeros(3)
	for _ in range(times):
		other = truth.of(torch.randperm(total, generator=generator))
		hit = verdict.right(other)
		right += torch.cat([hit.sum(0), hit.all(1).sum()[None]]) / times
		sure += verdict.sure(other).mean(0) / times
	counts = [share(n, total) for n in right.tolist()]
	return Marks(
		thing=counts[0],
		style=counts[1],
		background=counts[2],
		together=counts[3],
		sure={name: round(p, 3) for name, p in zip(HEADS, sure.tolist(), strict=True)},
	)


class Row(Schema):
	"""One line of a part: what was marked."""

	name: str
	marks: Marks


class Bars(Schema):
	"""The prompts; the same by how they were said and by style; and what went wrong."""

	rows: tuple[Row, ...]
	failures: tuple[Failure, ...]


class Against(Schema):
	"""Prompts without a background under one negative prompt. `redness` is R - (G + B) / 2 of the
	border, from -1 to 1, the mean; `thing` says that the thing is still drawn."""

	negative: str
	red: Share
	redness: float
	thing: Share


class Decibels(Schema):
	"""PSNR on held-out compositions: drawn from the linear code; encoded and drawn; and encoded with
	the noise of the posterior, which is what standard pipelines start an img2img from."""

	decode: float
	both: float
	sampled: float


class Evaluation(Schema):
	"""Parts that were not asked for are None. `steps_trained` is 0 for an exported model."""

	model: str
	steps_trained: int = 0
	judge: tuple[Row, ...] | None = None
	bars: Bars | None = None
	guidance: tuple[Row, ...] | None = None
	negative: tuple[Against, ...] | None = None
	autoencoder: Decibels | None = None
	seconds: float | None = None


def table(title: str, rows: tuple[Row, ...]) -> str:
	lines = [title]
	for row in rows:
		lines.append(f'  {row.name}')
		for name in ('thing', 'background', 'style', 'together'):
			sure = row.marks.sure.get(name)
			tail = '' if sure is None else f'   mean probability {sure:.3f}'
			lines.append(f'    {name:<11}{getattr(row.marks, name).line:<42}{tail}')
	return '\n'.join(lines)


def report(evaluation: Evaluation) -> str:
	"""All that was measured, as text."""
	going_on = f', in training: {evaluation.steps_trained} steps so far'
	parts = [evaluation.model + (going_on if evaluation.steps_trained else '')]
	if evaluation.judge:
		parts.append(table('The judge itself', evaluation.judge))
	if evaluation.bars:
		parts.append(table('The prompts', evaluation.bars.rows))
		parts.append(f'Failures ({len(evaluation.bars.failures)})')
		parts += [
			f'  {", ".join(f.wrong)}: "{f.text}" (seed {f.seed}) shows {f.saw}'
			for f in evaluation.bars.failures
		]
	if evaluation.guidance:
		parts.append(table('Guidance', evaluation.guidance))
	if evaluation.negative:
		parts.append('Negative prompt, where no background is asked for')
		parts += [
			f'  {a.negative or "(none)":<16} red {a.red.line}   redness {a.redness:+.3f}   thing {a.thing.line}'
			for a in evaluation.negative
		]
	if evaluation.autoencoder:
		d = evaluation.autoencoder
		parts.append(
			f'Autoencoder: decode {d.decode:.1f} dB, encode and decode {d.both:.1f} dB, with the noise of the posterior {d.sampled:.1f} dB'
		)
	if evaluation.seconds:
		parts.append(f'One picture: {evaluation.seconds:.2f} s')
	return '\n'.join(parts)
