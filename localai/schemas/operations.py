"""Knows how much there is to compute for a picture, counted from the anatomy of its family."""

from localai.schemas.families import FAMILIES
from localai.schemas.samplers import evaluations

# 10^12 operations that the VAE of Stable Diffusion takes to decode a megapixel, as counted.
DECODING = 9.6


def operations(
	family: str,
	size: tuple[int, int],
	steps: int,
	guidance_scale: float,
	sampler: str = '',
) -> float:
	"""Of one picture, its decoding with it; 0 for a family that has not been counted. With guidance
	each step runs the denoiser twice."""
	counted = next((row.pass_operations for row in FAMILIES.values() if row.name == family), None)
	if counted is None:
		return 0.0
	linear, square = counted
	megapixels = size[0] * size[1] / 1e6
	one_pass = linear * megapixels + square * megapixels**2
	passes = evaluations(sampler, steps) * (2 if guidance_scale > 1 else 1)
	return (one_pass * passes + DECODING * megapixels) * 1e12
