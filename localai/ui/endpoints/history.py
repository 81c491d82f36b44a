"""Knows the endpoints for the history: what was drawn and how, marks, the trash, the settings inside any
picture. Strangers may look."""

import contextlib
import os
import stat
from pathlib import Path
from typing import Any

from localai.errors import InvalidInput
from localai.schemas.exchange import FILE_LIMIT, Reading
from localai.schemas.generation import Picture
from localai.schemas.history import HistoryQuery, MarkChange, SortName
from localai.services.fields import ids_of, read
from localai.studio import Studio
from localai.ui.components import said
from localai.ui.endpoints.doors import offer
from localai.ui.endpoints.words import refused
from localai.ui.files import file_of
from localai.ui.visitors import open_to


def add(studio: Studio) -> None:
	@open_to('anyone')
	def history(
		search: str = '', sort: SortName = 'newest', offset: int = 0, limit: int = 60
	) -> dict[str, Any]:
		"""The pictures that a search finds, with their settings: `total` of them, and a part of
		`pictures`. `notes` says what of the search was not understood.

		Args:
			search: Words, "phrases", -without and key:value such as model:sdxl, seed:7, rating:>=3,
			after:2026-01 or tag:"my cat"; empty for all.
			sort: newest, oldest, rating or largest.
			offset: How many to leave out at the beginning.
			limit: How many at most, up to 500.
		"""
		fields = {'text': search, 'sort': sort, 'offset': offset, 'limit': limit}
		with refused():
			query = read(HistoryQuery, fields)
			outline = studio.history.outline(query)
			found = studio.history.find(query).entries
			pictures = studio.history.many([entry.id for entry in found])
		told = [shown(picture) for picture in pictures]
		return {'total': outline.total, 'notes': list(outline.notes), 'pictures': told}

	@open_to('anyone')
	def picture(picture: int) -> tuple[dict[str, Any] | None, dict[str, Any]]:
		"""The file of a picture, and all that is known of it: settings, marks, and what has changed
		since the one before it. There is no file when it is missing.

		Args:
			picture: Its number, the `id` from /history.
		"""
		with refused():
			(number,) = ids_of([picture], 1)
			card = studio.history.card(number)
		file = None if card.missing else file_of(card.picture)
		return file, said(card, picture=shown(card.picture))

	@open_to('owner')
	def delete_pictures(pictures: list[int]) -> dict[str, Any]:
		"""Puts pictures into the trash. `trashed` are the names that /restore_pictures takes; `gone`
		says how many were not there.

		Args:
			pictures: Their numbers.
		"""
		with refused():
			return said(studio.picture_trash.delete(pictures))

	@open_to('owner')
	def restore_pictures(trashed: list[str]) -> dict[str, Any]:
		"""Brings pictures back with their marks. `pictures` are their numbers; `gone` says how many
		do not lie in the trash.

		Args:
			trashed: What /delete_pictures returned as `trashed`.
		"""
		with refused():
			return said(studio.picture_trash.restore(trashed))

	@open_to('owner')
	def mark_pictures(
		pictures: list[int],
		favourite: bool | None = None,
		rating: int | None = None,
		notes: str | None = None,
		add_tags: list[str] | None = None,
		remove_tags: list[str] | None = None,
		add_albums: list[str] | None = None,
		remove_albums: list[str] | None = None,
	) -> dict[str, Any]:
		"""Changes the marks of pictures; what is left out stays. `changed` says how many there were
		to change.

		Args:
			pictures: Their numbers.
			favourite: Whether they are favourites.
			rating: From 1 to 5; 0 for none.
			notes: What you have to say of them.
			add_tags: Tags that they get.
			remove_tags: Tags that they lose.
			add_albums: Albums that they go into.
			remove_albums: Albums that they leave.
		"""
		fields = {
			'favourite': favourite,
			'rating': rating,
			'notes': notes,
			'add_tags': add_tags or (),
			'remove_tags': remove_tags or (),
			'add_albums': add_albums or (),
			'remove_albums': remove_albums or (),
		}
		with refused():
			return {'changed': studio.marks.mark(pictures, read(MarkChange, fields))}

	@open_to('anyone')
	def read_settings(file: dict[str, Any]) -> dict[str, Any]:
		"""The settings inside a picture of LocalAI, A1111, Forge, SD.Next, Fooocus, InvokeAI,
		ComfyUI, SwarmUI or NovelAI; the picture is not kept.

		Args:
			file: A PNG, JPEG or WebP picture, sent with gradio_client's handle_file.
		"""
		with refused():
			data = taken(file, studio.settings.uploads)
			found: Reading = studio.history.offer(data)
		return said(found)

	offer(history, 8)
	offer(picture, 8)
	offer(delete_pictures, 2)
	offer(restore_pictures, 2)
	offer(mark_pictures, 2)
	offer(read_settings, 2)


def shown(picture: Picture) -> dict[str, Any]:
	"""A picture as a program reads it; where it lies on this machine is not said."""
	return said(picture)


def taken(file: object, folder: Path) -> bytes:
	"""The bytes of a file that was sent into that folder; the file is removed. Raises InvalidInput,
	also for whatever else of this machine somebody names."""
	path = file.get('path') if isinstance(file, dict) else None
	wrong = InvalidInput('No picture was sent.', 'Send one with handle_file.', 'file')
	if not isinstance(path, str) or '\0' in path:
		raise wrong
	place = Path(os.path.realpath(folder / path))
	if not place.is_relative_to(os.path.realpath(folder)):
		raise wrong
	try:
		about = place.stat()
		if not stat.S_ISREG(about.st_mode):
			raise wrong
		if about.st_size > FILE_LIMIT:
			raise InvalidInput(
				'The picture is larger than 64 MB.', 'Import it by its path instead.', 'file'
			)
		data = place.read_bytes()
		place.unlink()
		with contextlib.suppress(OSError):  # another one may lie beside it
			place.parent.rmdir()
	except OSError as error:
		raise wrong from error
	return data
