"""Knows how the settings of a picture are asked for again: what this LocalAI can take of them, and what
it says of the rest."""

from collections.abc import Callable

from pydantic import BaseModel, ValidationError

from localai.schemas.generation import GenerationRequest, Picture, Recipe, exact
from localai.schemas.history import Reuse
from localai.schemas.models import ModelEntry
from localai.schemas.samplers import schedules_for
from localai.schemas.terms import TABLE, TERMS

SIDES = ('width', 'height')
# What is taken over as it stands: not the model, which is looked for, nor how many there were.
TAKEN = tuple(name for name in GenerationRequest.model_fields if name not in ('model', 'count'))
# What a recipe may say and a request here has no field for.
UNASKED = tuple(term for term in TABLE if term.name not in GenerationRequest.model_fields)

FindModel = Callable[[str, str, str], ModelEntry | None]


def reuse(recipe: Recipe, seed: int | None, model: tuple[str, str], find: FindModel) -> Reuse:
	"""`model` is the name and the hash that the picture says; `find(id, name, hash)` the model that
	is here."""
	fields: dict[str, object] = {}
	notes: list[str] = []
	given = {name: getattr(recipe, name) for name in TAKEN} | {'seed': seed}
	if not recipe.prompt.strip():
		notes.append('The picture has no prompt.')
	for name, value in given.items():
		if value in (None, ()) or (value == '' and name != 'negative_prompt'):
			continue
		try:
			base = {} if name == 'prompt' else {'prompt': 'x'}
			asked = GenerationRequest.model_validate({**base, name: plain(value)})
			fields[name] = plain(getattr(asked, name))
			if name == 'seed':
				fields[name] = exact(asked.seed or 0)
		except ValidationError as error:
			problem = error.errors()[0]
			why = str(problem.get('ctx', {}).get('error', problem['msg']))
			if name == 'sampler':
				why = f'LocalAI has no sampler called {short(value)}.'
			elif name == 'schedule':
				why = f'LocalAI has no schedule called {short(value)}.'
			if name not in SIDES:
				notes.append(f'{why.rstrip(".")}; the {TERMS[name].within} stays as it is.')
	# One that fell out would leave half a pair.
	if not all(side in fields for side in SIDES):
		for side in SIDES:
			fields.pop(side, None)
		if recipe.width and recipe.height:
			size = f'{recipe.width} × {recipe.height}'
			notes.append(f'{size} cannot be drawn here; the size stays as it is.')
	if 'sampler' not in fields:
		fields.pop('schedule', None)
	elif fields.get('schedule') not in (None, *schedules_for(str(fields['sampler']))):
		fields['schedule'] = 'Automatic'
	name, digest = model
	if recipe.model or name or digest:
		entry = find(recipe.model, name, digest)
		if entry:
			fields['model'] = entry.id
		else:
			notes.append(f'The model {short(name or recipe.model or digest)} is not here.')
	notes += [f'{label[0].upper()}{label[1:]} cannot be reused yet.' for label in unasked(recipe)]
	return Reuse(fields=fields, notes=tuple(notes))


def unasked(recipe: Recipe) -> list[str]:
	"""What it says and cannot be asked for here, by name: also what a later version says."""
	labels = [term.within for term in UNASKED if getattr(recipe, term.name) not in (None, '', ())]
	others = (name.replace('_', ' ').strip() for name in recipe.others)
	return labels + [name or 'a setting without a name' for name in others]


def plain(value: object) -> object:
	"""A noun as the fields that ask for it."""
	match value:
		case BaseModel():
			return value.model_dump()
		case tuple():
			return tuple(map(plain, value))
	return value


def of_picture(picture: Picture, find: FindModel) -> Reuse:
	receipt = picture.receipt
	return reuse(
		picture.request, picture.setting('seed'), (receipt.model_name, receipt.model_hash), find
	)


def short(value: object) -> str:
	text = str(value)
	return text if len(text) <= 60 else text[:57] + '…'
