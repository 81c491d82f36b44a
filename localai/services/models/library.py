"""All models at one moment, in memory, so that thousands are searched, sorted and counted without a
look at the disk."""

import os
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from localai.schemas.families import ARCHITECTURES
from localai.schemas.hardware import Machine
from localai.schemas.models import KindName, ModelEntry, ModelPage, ModelQuery
from localai.services.hardware import fit
from localai.services.models import cards
from localai.store.models import ModelRecord

PAGE = 500  # entries that one page may have


class Item(NamedTuple):
	"""A card, what is stored of it, the words it is found by, and its kind and family."""

	entry: ModelEntry
	record: ModelRecord
	words: str
	drawer: tuple[str, str]


DRAWER = attrgetter('drawer')


class Library:
	"""Never changed: a change makes another one, so that whoever reads needs no lock."""

	def __init__(self, items: Iterable[Item] = ()):
		self.items = {item.entry.id: item for item in items}

	@classmethod
	def of(cls, records: Iterable[ModelRecord], places: tuple[cards.Place, ...]) -> 'Library':
		by_path = {r.path: r for r in records if r.facts}
		known = cards.labels(by_path, places)
		hub = {p for p, label in known.items() if label.source == 'hub'}
		# A cache has language models too; what is nothing to draw with is not shown.
		strange = {p for p in hub if by_path[p].known.kind == 'unknown'}
		if strange:
			known = cards.labels([p for p in known if p not in strange], places)
		return cls(item_of(by_path[path], label) for path, label in known.items())

	def replaced(self, record: ModelRecord) -> 'Library':
		"""The same with another record of a model that is in it."""
		item = self.paths.get(record.path)
		if item is None or record.facts is None:
			return self
		old = item.entry
		label = cards.Label(old.id, old.source, old.name, old.kind)
		return Library((self.items | {old.id: item_of(record, label)}).values())

	def without(self, path: str) -> 'Library':
		"""The same without what lies at or below a path."""
		below = path.rstrip(os.sep) + os.sep
		return Library(
			i
			for i in self.items.values()
			if i.record.path != path and not i.record.path.startswith(below)
		)

	def below(self, path: str) -> int:
		"""How many models lie in a folder."""
		below = path.rstrip(os.sep) + os.sep
		return sum(1 for i in self.items.values() if i.record.path.startswith(below))

	@cached_property
	def paths(self) -> dict[str, Item]:
		return {item.record.path: item for item in self.items.values()}

	@cached_property
	def names(self) -> dict[str, list[Item]]:
		"""By every short form of a name, without regard to case."""
		found: dict[str, list[Item]] = {}
		for item in self.items.values():
			last = Path(item.entry.id).name
			forms = {item.entry.name, last, item.entry.id, os.path.splitext(item.entry.id)[0]}
			for form in {f.casefold() for f in (*forms, os.path.splitext(last)[0])}:
				found.setdefault(form, []).append(item)
		return found

	@cached_property
	def orders(self) -> dict[str, list[Item]]:
		# What can be drawn with comes first.
		by_name = sorted(
			self.items.values(),
			key=lambda i: (not i.entry.drawable, i.entry.name.casefold(), i.entry.id),
		)
		return {
			'name': by_name,
			'newest': sorted(by_name, key=lambda i: -i.record.modified),
			'largest': sorted(by_name, key=lambda i: -i.entry.bytes),
			'family': sorted(
				by_name, key=lambda i: ARCHITECTURES[i.entry.family or 'unknown'].title
			),
		}

	def menu(self, kind: KindName = 'checkpoint') -> tuple[ModelEntry, ...]:
		"""Those of a kind, the built-in one first."""
		found = [i.entry for i in self.orders['name'] if i.entry.kind == kind]
		return tuple(sorted(found, key=lambda entry: not entry.builtin))

	def find(self, query: ModelQuery, machine: Machine, scanning: bool = False) -> ModelPage:
		left = self.orders[query.sort]
		for word in query.text.casefold().split():
			left = [item for item in left if word in item.words]
		if query.sources:
			left = [item for item in left if item.entry.source in query.sources]
		if query.fits:
			left = [i for i in left if verdict(i.entry, machine) in ('fits', 'offload')]
		drawers = Counter(map(DRAWER, left))
		kinds: Counter = Counter()
		families: Counter = Counter()
		open_drawers = set()
		for (kind, family), number in drawers.items():
			kind_wanted = not query.kinds or kind in query.kinds
			family_wanted = not query.families or family in query.families
			kinds[kind] += number * family_wanted
			families[family] += number * kind_wanted
			if kind_wanted and family_wanted:
				open_drawers.add((kind, family))
		if len(open_drawers) < len(drawers):
			left = [item for item in left if item.drawer in open_drawers]
		start = max(0, query.offset)
		shown = left[start : start + max(0, min(query.limit, PAGE))]
		return ModelPage(
			entries=tuple(with_fit(item.entry, machine) for item in shown),
			total=len(left),
			kinds={k: n for k, n in kinds.items() if n},
			families={f: n for f, n in families.items() if n},
			scanning=scanning,
		)


def item_of(record: ModelRecord, label: cards.Label) -> Item:
	entry = cards.card(record, label)
	family = entry.family or 'unknown'
	words = (
		entry.name,
		entry.id,
		entry.title,
		family,
		ARCHITECTURES[family].title,
		entry.kind,
		entry.variant,
		entry.precision,
		entry.base_model,
		entry.notes,
		*entry.trigger_words,
	)
	return Item(entry, record, '\n'.join(words).casefold(), (entry.kind, family))


def verdict(entry: ModelEntry, machine: Machine) -> str:
	if entry.kind != 'checkpoint':
		return 'unknown'
	return fit.judge(entry.bytes, entry.parameters, entry.family, machine)[0]


def with_fit(entry: ModelEntry, machine: Machine) -> ModelEntry:
	"""Only whole models are judged; what is added to one needs little beside it."""
	if entry.kind != 'checkpoint' or not entry.bytes:
		return entry
	answer, words = fit.fit_of(entry.bytes, entry.parameters, entry.family, machine)
	return entry.model_copy(update={'fit': answer, 'fit_words': words})
