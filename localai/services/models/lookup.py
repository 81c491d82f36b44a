"""Knows which model a name means: by id, by path, by its place on the disk, by a name that only one
has."""

import contextlib
import os
from pathlib import Path

from localai.errors import UnknownName
from localai.files.weights import layouts
from localai.schemas.models import KindName
from localai.services.models import cards
from localai.services.models.cards import BUILTIN, BUILTIN_ID
from localai.services.models.library import Item
from localai.services.models.registry import Registry


class Lookup:
	def __init__(self, registry: Registry):
		self.registry = registry

	def locate(self, model_id: str, kind: KindName = 'checkpoint') -> tuple[cards.Label, Path]:
		"""The built-in model; one by its id; by its full path; by its place below models/ or in the
		hub's cache, also when no scan saw it yet; by a name that only one has, or only one of that
		kind."""
		if '\0' in model_id or not model_id.strip():
			raise UnknownName(f'The {word(kind)} has no name.', self.advice(kind), 'model')
		if model_id.casefold() == BUILTIN_ID:
			return cards.Label(BUILTIN_ID, 'builtin', 'Sketchbook', 'checkpoint'), BUILTIN
		item = self.registry.library.items.get(model_id)
		if item and Path(item.record.path).exists():
			return label_of(item), Path(item.record.path)
		with contextlib.suppress(OSError, RuntimeError, ValueError):  # what no disk could hold
			path = self.on_disk(model_id)
			if path:
				known = self.registry.library.paths.get(str(path))
				label = cards.Label(model_id, 'home', cards.name_of(str(path)), 'unknown')
				return label_of(known) if known else label, path
		return self.by_name(model_id, kind)

	def on_disk(self, model_id: str) -> Path | None:
		given = Path(model_id).expanduser()
		if given.is_absolute():
			path = Path(os.path.abspath(given))
			return path if path.exists() else None
		if '..' in given.parts or not given.parts:
			return None
		path = self.registry.home / model_id
		if path.exists() and (
			path.is_file() or (path / 'model_index.json').exists() or len(given.parts) == 1
		):
			return path
		snapshot = layouts.snapshot_of(self.registry.hub / f'models--{"--".join(given.parts)}')
		return snapshot if snapshot and (snapshot / 'model_index.json').exists() else None

	def by_name(self, model_id: str, kind: KindName) -> tuple[cards.Label, Path]:
		found = [
			item
			for item in self.registry.settled().names.get(model_id.casefold(), ())
			if Path(item.record.path).exists()
		]
		meant = [item for item in found if item.entry.kind == kind] or found
		if len(meant) == 1:
			return label_of(meant[0]), Path(meant[0].record.path)
		if meant:
			raise UnknownName(
				f'{len(meant)} {word(kind)}s are called {model_id[:100]!r}.',
				f'Choose one of: {", ".join(item.entry.id for item in meant[:12])}.',
				'model',
			)
		raise UnknownName(
			f'There is no {word(kind)} called {model_id[:100]!r}.', self.advice(kind), 'model'
		)

	def item(self, model_id: str) -> Item:
		"""Anything in the library, by its id. Raises UnknownName."""
		found = self.registry.settled().items.get(str(model_id))
		if found is None:
			raise UnknownName(
				f'There is no model called {str(model_id)[:100]!r}.',
				'Look at the list of models; it may have been renamed or deleted.',
				'model',
			)
		return found

	def advice(self, kind: KindName) -> str:
		names = [e.id for e in self.registry.settled().menu(kind) if not e.problem]
		return f'Choose one of: {", ".join(names[:12])}.' if names else 'There are none here yet.'


def word(kind: KindName) -> str:
	return 'model' if kind == 'checkpoint' else cards.KINDS[kind].partition(' ')[2]


def label_of(item: Item) -> cards.Label:
	return cards.Label(item.entry.id, item.entry.source, item.entry.name, item.entry.kind)
