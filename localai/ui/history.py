"""Knows what the History tab asks of the services: the pictures, newest first, a page at a time."""

from collections.abc import Callable

from localai.ui.components import Answer, answer, said

PAGE = 60


def functions(studio) -> list[Callable]:
	@answer
	def ui_recent(given: dict) -> Answer:
		"""The pictures before the one with the id `before`; `more` says whether there are older
		ones."""
		before = given.get('before')
		pictures = studio.history.recent(
			limit=PAGE + 1, before=int(before) if before is not None else None
		)
		return {
			'pictures': [said(picture) for picture in pictures[:PAGE]],
			'more': len(pictures) > PAGE,
		}

	return [ui_recent]
