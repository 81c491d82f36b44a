"""Knows what the History tab asks of the services: pages of a search, a card, marks, the trash, two
pictures beside each other, verification, exports."""

import re
from collections.abc import Callable

from localai.schemas.generation import Picture
from localai.schemas.history import PictureCard
from localai.studio import Studio
from localai.ui.components import Answer, said
from localai.ui.tabs import Tab
from localai.ui.visitors import open_to


def functions(studio: Studio) -> list[Callable]:
	"""The functions that the scripts of the page call by name."""

	@open_to('anyone')
	def ui_history_find(given: dict) -> Answer:
		return said(studio.history.find(given))

	@open_to('anyone')
	def ui_history_outline(given: dict) -> Answer:
		return said(studio.history.outline(given))

	@open_to('anyone')
	def ui_history_select(given: dict) -> Answer:
		return {'ids': list(studio.history.select(given))}

	@open_to('anyone')
	def ui_history_card(given: dict) -> Answer:
		return {'card': card(studio, studio.history.card(number(given, 'id')))}

	@open_to('anyone')
	def ui_history_vocabulary(given: dict) -> Answer:
		return said(studio.history.vocabulary())

	@open_to('anyone')
	def ui_history_compare(given: dict) -> Answer:
		return said(studio.history.compare(number(given, 'left'), number(given, 'right')))

	@open_to('anyone')
	def ui_history_reuse(given: dict) -> Answer:
		return said(studio.history.reuse(number(given, 'id')))

	@open_to('anyone')
	def ui_history_inside(given: dict) -> Answer:
		"""What the file of a picture says of itself now."""
		return said(studio.history.inside(number(given, 'id')))

	@open_to('anyone')
	def ui_history_timeline(given: dict) -> Answer:
		limit = int(given.get('limit') or 30)
		before = number(given, 'before') if given.get('before') else None
		steps = studio.history.timeline(before, limit + 1)
		return {'steps': [said(step) for step in steps[:limit]], 'more': len(steps) > limit}

	@open_to('owner')
	def ui_history_mark(given: dict) -> Answer:
		return {'changed': studio.marks.mark(given.get('ids'), given.get('change'))}

	@open_to('owner')
	def ui_history_album(given: dict) -> Answer:
		"""Renames an album, or with an empty `to` takes it away; its pictures stay."""
		if given.get('to'):
			return {'changed': studio.marks.rename_album(given.get('name'), given['to'])}
		return {'changed': studio.marks.remove_album(given.get('name'))}

	@open_to('owner')
	def ui_history_delete(given: dict) -> Answer:
		return said(studio.picture_trash.delete(given.get('ids')))

	@open_to('owner')
	def ui_history_restore(given: dict) -> Answer:
		return said(studio.picture_trash.restore(given.get('trashed')))

	@open_to('owner')
	def ui_history_trash(given: dict) -> Answer:
		limit, offset = int(given.get('limit') or 60), int(given.get('offset') or 0)
		total, size = studio.picture_trash.total()
		listed = [
			said(one, thumbnail=f'/media/trash/{one.id}')
			for one in studio.picture_trash.listed(limit, offset)
		]
		return {'trash': listed, 'total': total, 'bytes': size}

	@open_to('owner')
	def ui_history_trash_empty(given: dict) -> Answer:
		return {'freed': studio.picture_trash.empty()}

	@open_to('signed_in')
	def ui_history_verify(given: dict) -> Answer:
		return {'chore': studio.verifying.start(number(given, 'id'))}

	@open_to('signed_in')
	def ui_history_verdict(given: dict) -> Answer:
		return said(studio.chores.get(str(given.get('chore'))[:100]))

	@open_to('owner')
	def ui_history_check(given: dict) -> Answer:
		report = studio.truth.check(
			repair=given.get('repair') is True, forget=given.get('forget') is True
		)
		return said(report) | {'well': report.well}

	@open_to('signed_in')
	def ui_history_exposures(given: dict) -> Answer:
		return {'exposures': [said(one) for one in studio.exports.exposures(given.get('ids'))]}

	@open_to('owner')
	def ui_history_export(given: dict) -> Answer:
		return {'url': f'api/history/export/{studio.exports.prepare(given)}'}

	return [
		ui_history_find,
		ui_history_outline,
		ui_history_select,
		ui_history_card,
		ui_history_vocabulary,
		ui_history_compare,
		ui_history_reuse,
		ui_history_inside,
		ui_history_timeline,
		ui_history_mark,
		ui_history_album,
		ui_history_delete,
		ui_history_restore,
		ui_history_trash,
		ui_history_trash_empty,
		ui_history_verify,
		ui_history_verdict,
		ui_history_check,
		ui_history_exposures,
		ui_history_export,
	]


def number(given: dict, name: str) -> int:
	"""The number of a picture."""
	value = given.get(name)
	if isinstance(value, bool) or not re.fullmatch(r'\d{1,18}', str(value)):
		raise ValueError(f'{name} is not a picture number')
	return int(str(value))


def card(studio: Studio, found: PictureCard) -> Answer:
	"""Where its file lies is said from the pictures folder on."""
	return said(found) | {'file': below(studio, found.picture)}


def below(studio: Studio, picture: Picture) -> str:
	return picture.path.removeprefix(str(studio.settings.pictures)).replace('\\', '/').lstrip('/')


TAB = Tab('history', 'History', ('history',), functions, over=('sheets',))
