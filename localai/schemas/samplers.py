"""Knows the names of samplers and schedules and which combinations exist; the classes behind them
are the engine's."""

from typing import Literal, get_args

SamplerName = Literal[
	'Euler',
	'Euler a',
	'Heun',
	'DPM2',
	'DPM2 a',
	'DPM++ 2M',
	'DPM++ 2M SDE',
	'DPM++ 3M SDE',
	'DPM++ 2S',
	'DPM++ SDE',
	'UniPC',
	'DEIS',
	'SA-Solver',
	'DDIM',
	'DDPM',
	'PLMS',
	'LMS',
	'LCM',
	'TCD',
]
ScheduleName = Literal['Automatic', 'Karras', 'Exponential', 'Beta', 'Simple', 'SGM Uniform']

SAMPLERS: tuple[SamplerName, ...] = get_args(SamplerName)
SCHEDULES: tuple[ScheduleName, ...] = get_args(ScheduleName)

# Samplers whose scheduler can be given its noise levels; the others only space their timesteps.
SIGMA_SAMPLERS: frozenset[SamplerName] = frozenset(
	(
		'Euler',
		'Heun',
		'DPM2',
		'DPM2 a',
		'DPM++ 2M',
		'DPM++ 2M SDE',
		'DPM++ 3M SDE',
		'DPM++ 2S',
		'DPM++ SDE',
		'UniPC',
		'DEIS',
		'SA-Solver',
		'LMS',
	)
)
# Samplers that cannot space their timesteps otherwise.
UNSPACED_SAMPLERS: frozenset[SamplerName] = frozenset(('DPM++ 2S',))
# Samplers that follow a timestep table of their own.
FIXED_SAMPLERS: frozenset[SamplerName] = frozenset(('LCM', 'TCD'))

# Samplers that ask the denoiser twice for each step but the last.
DOUBLE_SAMPLERS: frozenset[SamplerName] = frozenset(('Heun', 'DPM2', 'DPM2 a', 'DPM++ SDE'))


def evaluations(sampler: str, steps: int) -> int:
	"""How often the denoiser runs for so many steps: what a picture costs."""
	if sampler in DOUBLE_SAMPLERS:
		return 2 * steps - 1
	return steps + 1 if sampler == 'PLMS' and steps > 1 else steps


def schedules_for(sampler: str) -> tuple[ScheduleName, ...]:
	"""The schedules that exist for a sampler, the automatic one first."""
	if sampler in FIXED_SAMPLERS:
		return ('Automatic',)
	spacings = () if sampler in UNSPACED_SAMPLERS else ('Simple', 'SGM Uniform')
	sigmas = ('Karras', 'Exponential', 'Beta') if sampler in SIGMA_SAMPLERS else ()
	return ('Automatic', *sigmas, *spacings)
