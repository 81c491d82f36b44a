"""Knows what the Models tab asks of the services: the library a page at a time, one card, loading,
notes, folders, the trash."""

import contextlib
from collections.abc import Callable
from pathlib import Path

from localai.errors import InvalidInput
from localai.schemas.models import ModelDefaults, ModelEntry, ModelQuery
from localai.schemas.visitors import Visitor
from localai.studio import Studio
from localai.ui.components import Answer, said
from localai.ui.tabs import Tab
from localai.ui.visitors import open_to

LEAVE = -1
NAME_LIMIT = 4096


def functions(studio: Studio) -> list[Callable]:
	"""The functions that the scripts of the page call by name."""

	@open_to('anyone')
	def ui_models_find(given: dict) -> Answer:
		"""A part of the library. A page shows many of these, so where each lies is left out."""
		return said(studio.models.find(ModelQuery(**given)))

	@open_to('anyone')
	def ui_model_card(given: dict, visitor: Visitor) -> Answer:
		found = card(studio.models.card(name_of(given)))
		# Where it lies on this machine is for those who belong here.
		return {'card': found if visitor.may('signed_in') else found | {'path': ''}}

	@open_to('owner')
	def ui_model_annotate(given: dict) -> Answer:
		"""Keeps what a person says of a model: notes, own defaults, the id of a picture."""
		notes, defaults = given.get('notes'), given.get('defaults')
		entry = studio.models.annotate(
			name_of(given),
			notes=None if notes is None else str(notes),
			defaults=None if defaults is None else ModelDefaults(**defaults),
			thumbnail=given.get('thumbnail', LEAVE),
		)
		return {'card': card(entry)}

	@open_to('signed_in')
	def ui_model_load(given: dict) -> Answer:
		studio.chores.load(name_of(given))
		return {}

	@open_to('owner')
	def ui_model_unload(given: dict) -> Answer:
		"""Without a name all that is in memory."""
		studio.chores.unload(name_of(given))
		return {}

	@open_to('owner')
	def ui_load_cancel(given: dict) -> Answer:
		studio.chores.cancel()
		return {}

	@open_to('owner')
	def ui_model_convert(given: dict) -> Answer:
		studio.chores.convert(name_of(given))
		return {}

	@open_to('owner')
	def ui_model_delete(given: dict) -> Answer:
		return {'trashed': said(studio.models.delete(name_of(given)))}

	@open_to('owner')
	def ui_models_refresh(given: dict) -> Answer:
		studio.models.refresh()
		return {}

	@open_to('owner')
	def ui_places(given: dict) -> Answer:
		"""The folders added by reference, and what lies in the trash."""
		return places()

	@open_to('owner')
	def ui_folder_add(given: dict) -> Answer:
		path = str(given.get('path') or '').strip()
		if not path:
			raise InvalidInput('No folder was named.', 'Enter its full path.', 'path')
		studio.models.add_folder(long(path))
		return places()

	@open_to('owner')
	def ui_folder_remove(given: dict) -> Answer:
		studio.models.remove_folder(long(str(given.get('path') or '')))
		return places()

	@open_to('owner')
	def ui_hashes(given: dict) -> Answer:
		studio.models.hash_everything(given.get('everything') is True)
		return places()

	@open_to('owner')
	def ui_trash_restore(given: dict) -> Answer:
		entry = studio.models.restore(str(given.get('id')))
		return {'card': card(entry), **places()}

	@open_to('owner')
	def ui_trash_empty(given: dict) -> Answer:
		return {'freed': studio.models.empty_trash(), **places()}

	def places() -> Answer:
		folders = [said(f, path=short(f.path)) for f in studio.models.folders()]
		trash = [said(one) for one in studio.models.trash()]
		return {'folders': folders, 'trash': trash, 'hashes': studio.models.hashes_everything}

	return [
		ui_models_find,
		ui_model_card,
		ui_model_annotate,
		ui_model_load,
		ui_model_unload,
		ui_load_cancel,
		ui_model_convert,
		ui_model_delete,
		ui_models_refresh,
		ui_places,
		ui_folder_add,
		ui_folder_remove,
		ui_hashes,
		ui_trash_restore,
		ui_trash_empty,
	]


def name_of(given: dict) -> str:
	"""The id of a model; ids may be full paths, so they may be long, but not endless."""
	return str(given.get('model') or '')[:NAME_LIMIT]


def card(entry: ModelEntry) -> Answer:
	"""All of a model. Its path is said from the home folder on, which is nobody else's business."""
	return said(entry) | {'path': short(entry.path)}


def short(path: str) -> str:
	"""`/home/ada/models` as `~/models`."""
	with contextlib.suppress(RuntimeError, ValueError):
		return str(Path('~') / Path(path).relative_to(Path.home()))
	return path


def long(path: str) -> str:
	"""`~/models` as the full path it stands for."""
	with contextlib.suppress(RuntimeError):
		return str(Path(path).expanduser())
	return path


TAB = Tab('models', 'Models', ('models',), functions)
