"""Knows what every schema has in common: frozen, and of whole text. What is asked for refuses unknown
fields; what is read back from a disk keeps them, for a later version may have written it."""

from typing import Any, Self

from pydantic import (
	BaseModel,
	ConfigDict,
	ModelWrapValidatorHandler,
	ValidationError,
	model_validator,
)

from localai.text import is_sound, sound_all

UNREAD = 'unread'


class Schema(BaseModel):
	model_config = ConfigDict(frozen=True, extra='forbid', protected_namespaces=())

	@model_validator(mode='before')
	@classmethod
	def keep_text_whole(cls, given: Any) -> Any:
		"""Whatever is said can be stored and sent: half letters become U+FFFD."""
		return given if is_sound(given) else sound_all(given)


class Kept(Schema):
	"""Fields that are not known stay as they are, and go wherever this goes. A value that does not
	fit its field, where the field has a default, is kept as a part of `unread`, until a version
	reads it that knows better. A noun that is also asked for has a heir with limits that forbids
	unknown fields (`extra='forbid'`)."""

	model_config = ConfigDict(extra='allow')

	@model_validator(mode='wrap')
	@classmethod
	def keep(cls, given: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
		if cls.model_config.get('extra') == 'forbid':  # one that people ask for
			return read(given)
		if isinstance(given, dict) and isinstance(given.get(UNREAD), dict):
			given = given | given[UNREAD]
			given.pop(UNREAD, None)
		try:
			return read(given)
		except ValidationError as error:
			strange = {str(problem['loc'][0]) for problem in error.errors() if problem['loc']}
			fields = cls.model_fields
			if not isinstance(given, dict) or any(
				name not in fields or fields[name].is_required() for name in strange
			):
				raise
			known = {name: value for name, value in given.items() if name not in strange}
			return read(known | {UNREAD: {name: given[name] for name in sorted(strange)}})

	@property
	def others(self) -> dict[str, Any]:
		"""What this version has no field for."""
		return dict(self.model_extra or {})
