"""Knows which weights the settings of a picture name besides its model, and which files these are."""

from collections.abc import Callable, Iterable

from localai.errors import InvalidInput, ModelProblem, UnknownName
from localai.schemas.base import Schema
from localai.schemas.families import FamilyName
from localai.schemas.models import KindName, NamedWeights, WeightsSpec
from localai.schemas.terms import TABLE, Term

Find = Callable[[str, KindName, FamilyName], WeightsSpec]


def resolve(
	settings: Schema, family: FamilyName, find: Find, table: Iterable[Term] = TABLE
) -> NamedWeights:
	"""Raises InvalidInput with the setting, for a name that `find` has no weights for."""
	found: NamedWeights = {}
	for term in table:
		value = getattr(settings, term.name, None)
		for one in value if isinstance(value, tuple) else (value,):
			name = getattr(one, 'name', one)
			if not term.weights or not name:
				continue
			try:
				found.setdefault(term.name, {})[name] = find(name, term.weights, family)
			except (UnknownName, ModelProblem) as error:
				raise InvalidInput(error.message, error.remedy, term.name) from error
	return found
