"""Knows what other programs call the samplers and schedules that exist here: A1111 and its kin, the
names of k-diffusion as ComfyUI, Fooocus and NovelAI use them, and InvokeAI's."""

import re

from localai.files.pictures.foreign.values import line
from localai.schemas.samplers import SAMPLERS, SCHEDULES, SamplerName, ScheduleName

# Names that differ by more than case, blanks, hyphens and underscores.
OTHERS: dict[str, SamplerName] = {
	'eulerancestral': 'Euler a',
	'kdpm2': 'DPM2',
	'dpm2ancestral': 'DPM2 a',
	'kdpm2a': 'DPM2 a',
	'kdpm2ancestral': 'DPM2 a',
	'dpmpp2sa': 'DPM++ 2S',
	'dpmpp2sancestral': 'DPM++ 2S',
	'dpmsde': 'DPM++ SDE',
	'unipcbh2': 'UniPC',
	'ddimv3': 'DDIM',
	'pndm': 'PLMS',
}


def folded(name: str) -> str:
	return re.sub(r'[\s_-]+', '', name.casefold().replace('++', 'pp'))


KNOWN: dict[str, SamplerName] = {folded(n): n for n in SAMPLERS} | OTHERS
SPACINGS: dict[str, ScheduleName] = {folded(n): n for n in SCHEDULES}
# A schedule at the end of a sampler's name.
FUSED: tuple[tuple[str, ScheduleName], ...] = (
	('sgm uniform', 'SGM Uniform'),
	('karras', 'Karras'),
	('exponential', 'Exponential'),
	('beta', 'Beta'),
	('simple', 'Simple'),
	('k', 'Karras'),  # as InvokeAI writes it
)


def find_sampler(name: str) -> SamplerName | None:
	key = folded(name)
	return (
		KNOWN.get(key)
		or KNOWN.get(key.removesuffix('gpu'))
		or (KNOWN.get(folded(name[2:])) if name[:2].lower() == 'k_' else None)
	)


def sampler_names(sampler: object, schedule: object = None) -> tuple[str | None, str | None]:
	"""Sampler and schedule under our names, each as it stands where there is none of ours."""
	name, spacing = line(sampler), line(schedule)
	said = SPACINGS.get(folded(spacing)) or spacing or None
	found = find_sampler(name)
	if found:
		return found, said
	plain = name.replace('_', ' ')
	for ending, fused in FUSED:
		if plain.lower().endswith(' ' + ending):
			found = find_sampler(name[: -len(ending) - 1])
			if found:
				return found, fused if said in (None, 'Automatic') else said
	return name or None, said
