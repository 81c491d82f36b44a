"""Knows from sizes alone whether a model fits this machine; a first plan, before anything is
loaded."""

from localai.schemas import memory
from localai.schemas.families import ARCHITECTURES, ArchitectureName
from localai.schemas.hardware import Machine
from localai.schemas.models import FitName


def judge(
	bytes: int, parameters: int, family: ArchitectureName | None, machine: Machine
) -> tuple[FitName, memory.Plan]:
	"""The verdict on a picture of the family's own size, and the plan for it. `machine.reading.free`
	counts what our engine could give back as free."""
	need = memory.needed(family, bytes, parameters, machine)
	plan = memory.plan(need, machine.reading.free)
	whole = need.weights + need.whole + need.context
	if not bytes or not machine.reading.total:
		return 'unknown', plan
	if plan.fits and not plan.tiled:
		return 'fits', plan
	biggest = whole - int(need.weights * (1 - ARCHITECTURES[family or 'unknown'].biggest))
	if machine.kind == 'cuda' and biggest <= machine.reading.free:
		return 'offload', plan._replace(bytes=whole)
	if plan.fits:
		return 'fits', plan
	return 'too large', plan._replace(bytes=whole)


def fit_of(
	bytes: int, parameters: int, family: ArchitectureName | None, machine: Machine
) -> tuple[FitName, str]:
	"""'fits', 'offload' (one component at a time on the GPU) or 'too large', and why in one
	sentence. `bytes` of the files, `parameters` a count (0: not known)."""
	verdict, plan = judge(bytes, parameters, family, machine)
	if verdict == 'unknown':
		return 'unknown', ''
	needs, free = f'Needs about {said(plan.bytes)}', said(machine.reading.free)
	if verdict == 'fits':
		how = (
			f'with {free} free, pictures are decoded piece by piece'
			if plan.tiled
			else f'{free} is free'
		)
		return verdict, f'{needs}; {how}.'
	if verdict == 'offload':
		return verdict, f'{needs}; with {free} free, its parts take turns on the GPU.'
	if plan.bytes <= machine.reading.total:
		return verdict, f'{needs}; only {free} is free.'
	return verdict, f'{needs}; this machine has only {said(machine.reading.total)}.'


def said(count: int) -> str:
	if count >= 9.95e9:
		return f'{count / 1e9:.0f} GB'
	return f'{count / 1e9:.1f} GB' if count >= 0.95e9 else f'{max(count, 0) / 1e6:.0f} MB'
