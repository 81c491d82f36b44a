"""Knows which pipeline class draws for each family."""

import diffusers

from localai.schemas.families import FamilyName

PIPELINES: dict[FamilyName, type] = {
	'sketchbook': diffusers.StableDiffusionPipeline,
	'sd1': diffusers.StableDiffusionPipeline,
	'sd2': diffusers.StableDiffusionPipeline,
	'sdxl': diffusers.StableDiffusionXLPipeline,
}
