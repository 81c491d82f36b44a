"""Knows how the settings of a picture are asked for again: what this LocalAI can take of them, and what
it says of the rest."""

from collections.abc import Callable

from pydantic import ValidationError

from localai.schemas.generation import GenerationRequest, Picture, Recipe
from localai.schemas.history import Reuse
from localai.schemas.models import ModelEntry
from localai.schemas.samplers import schedules_for

NAMES = {
	'negative_prompt': 'negative prompt',
	'steps': 'number of steps',
	'guidance_scale': 'guidance scale',
	'sampler': 'sampler',
	'schedule': 'schedule',
	'seed': 'seed',
}
SIDES = ('width', 'height')
# What a recipe may say and a request here has no field for.
UNASKED = {
	'loras': 'LoRA',
	'styles': 'styles',
	'vae': 'VAE',
	'clip_skip': 'clip skip',
	'denoising_strength': 'denoising strength',
}

FindModel = Callable[[str, str, str], ModelEntry | None]


def reuse(recipe: Recipe, seed: int | None, model: tuple[str, str], find: FindModel) -> Reuse:
	"""`model` is the name and the hash that the picture says; `find(id, name, hash)` the model that
	is here."""
	fields: dict[str, object] = {}
	notes: list[str] = []
	given = recipe.model_dump(include={'prompt', *SIDES, *NAMES}) | {'seed': seed}
	if not recipe.prompt.strip():
		notes.append('The picture says no prompt.')
	for name, value in given.items():
		if value is None or (value == '' and name != 'negative_prompt'):
			continue
		try:
			base = {} if name == 'prompt' else {'prompt': 'x'}
			fields[name] = getattr(GenerationRequest.model_validate({**base, name: value}), name)
		except ValidationError as error:
			problem = error.errors()[0]
			why = str(problem.get('ctx', {}).get('error', problem['msg']))
			if name == 'sampler':
				why = f'The sampler {short(value)} is not known here.'
			elif name == 'schedule':
				why = f'The schedule {short(value)} is not known here.'
			if name not in SIDES:
				notes.append(f'{why.rstrip(".")}; the {NAMES.get(name, name)} stays as it is.')
	# One that fell out would leave half a pair.
	if not all(side in fields for side in SIDES):
		for side in SIDES:
			fields.pop(side, None)
		if recipe.width and recipe.height:
			size = f'{recipe.width} × {recipe.height}'
			notes.append(f'{size} cannot be drawn here; the size stays as it is.')
	if 'sampler' not in fields:
		fields.pop('schedule', None)
	elif fields.get('schedule') not in (None, *schedules_for(fields['sampler'])):
		fields['schedule'] = 'Automatic'
	name, digest = model
	if recipe.model or name or digest:
		entry = find(recipe.model, name, digest)
		if entry:
			fields['model'] = entry.id
		else:
			notes.append(f'The model {short(name or recipe.model or digest)} is not here.')
	for name, label in UNASKED.items():
		if getattr(recipe, name) not in (None, '', ()):
			notes.append(f'{label[0].upper()}{label[1:]} cannot be taken over yet.')
	return Reuse(fields=fields, notes=tuple(notes))


def of_picture(picture: Picture, find: FindModel) -> Reuse:
	receipt, recipe = picture.receipt, picture.request
	seed = recipe.seed if picture.seed is None else picture.seed
	return reuse(recipe, seed, (receipt.model_name, receipt.model_hash), find)


def short(value: object) -> str:
	text = str(value)
	return text if len(text) <= 60 else text[:57] + '…'
