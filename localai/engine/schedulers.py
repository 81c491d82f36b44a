"""Knows which scheduler class and options stand behind each sampler and schedule name."""

from dataclasses import dataclass, field
from typing import Any

import diffusers

from localai.engine.families import NoiseName
from localai.errors import InvalidInput
from localai.schemas.samplers import schedules_for


@dataclass(frozen=True)
class Sampler:
	"""A scheduler class by its name in diffusers, and what it needs beyond the model's own config."""

	scheduler: str
	options: dict[str, Any] = field(default_factory=dict)


SAMPLERS: dict[str, Sampler] = {
	'Euler': Sampler('EulerDiscreteScheduler'),
	'Euler a': Sampler('EulerAncestralDiscreteScheduler'),
	'Heun': Sampler('HeunDiscreteScheduler'),
	'DPM2': Sampler('KDPM2DiscreteScheduler'),
	'DPM2 a': Sampler('KDPM2AncestralDiscreteScheduler'),
	'DPM++ 2M': Sampler(
		'DPMSolverMultistepScheduler', {'algorithm_type': 'dpmsolver++', 'solver_order': 2}
	),
	'DPM++ 2M SDE': Sampler(
		'DPMSolverMultistepScheduler', {'algorithm_type': 'sde-dpmsolver++', 'solver_order': 2}
	),
	'DPM++ 3M SDE': Sampler(
		'DPMSolverMultistepScheduler', {'algorithm_type': 'sde-dpmsolver++', 'solver_order': 3}
	),
	'DPM++ 2S': Sampler(
		'DPMSolverSinglestepScheduler', {'algorithm_type': 'dpmsolver++', 'solver_order': 2}
	),
	'DPM++ SDE': Sampler('DPMSolverSDEScheduler'),
	'UniPC': Sampler('UniPCMultistepScheduler'),
	'DEIS': Sampler('DEISMultistepScheduler'),
	'SA-Solver': Sampler('SASolverScheduler'),
	'DDIM': Sampler('DDIMScheduler', {'clip_sample': False}),
	'DDPM': Sampler('DDPMScheduler', {'clip_sample': False}),
	'PLMS': Sampler('PNDMScheduler', {'skip_prk_steps': True}),
	'LMS': Sampler('LMSDiscreteScheduler'),
	'LCM': Sampler('LCMScheduler'),
	'TCD': Sampler('TCDScheduler'),
}

# The same where noise and picture are joined by a straight way.
FLOW_SAMPLERS: dict[str, Sampler] = {
	'Euler': Sampler('FlowMatchEulerDiscreteScheduler'),
}
TABLES: dict[NoiseName, dict[str, Sampler]] = {
	'discrete': SAMPLERS,
	'flow': FLOW_SAMPLERS,
}

SCHEDULES: dict[str, dict[str, Any]] = {
	'Automatic': {},
	'Karras': {'use_karras_sigmas': True},
	'Exponential': {'use_exponential_sigmas': True},
	'Beta': {'use_beta_sigmas': True},
	# Both walk the trained steps evenly from the last one; they differ only in rounding.
	'Simple': {'timestep_spacing': 'trailing'},
	'SGM Uniform': {'timestep_spacing': 'trailing'},
}
# With zero terminal signal these divide by zero, and these crowd all steps at an endless first
# noise level.
NO_ZERO_SNR = {'LCMScheduler', 'TCDScheduler', 'Karras', 'Exponential', 'Beta'}


def build(
	original: dict[str, Any],
	sampler: str,
	schedule: str,
	seed: int = 0,
	noise: NoiseName = 'discrete',
) -> Any:
	"""A fresh scheduler from the config that came with the model, never from the one used last.

	Chained configs leak options from one sampler into the next. `seed` is for the one that draws
	its noise itself. Raises InvalidInput for a pair that does not exist.
	"""
	if schedule not in schedules_for(sampler):
		raise InvalidInput(
			f'{sampler} has no {schedule} schedule.',
			f'It has: {", ".join(schedules_for(sampler))}.',
			'schedule',
		)
	row = TABLES[noise].get(sampler)
	if row is None:
		raise InvalidInput(
			f'This model does not work with {sampler}.',
			f'Choose one of: {", ".join(TABLES[noise])}.',
			'sampler',
		)
	config = {k: v for k, v in original.items() if not k.startswith('_')}
	for option in (
		'use_karras_sigmas',
		'use_exponential_sigmas',
		'use_beta_sigmas',
		'use_flow_sigmas',
	):
		config.pop(option, None)
	if row.scheduler in NO_ZERO_SNR or schedule in NO_ZERO_SNR:
		config['rescale_betas_zero_snr'] = False
	scheduler_class = getattr(diffusers, row.scheduler)
	scheduler = scheduler_class.from_config(config, **row.options, **SCHEDULES[schedule])
	if hasattr(scheduler, 'noise_sampler_seed'):
		scheduler.noise_sampler_seed = seed
	return scheduler
