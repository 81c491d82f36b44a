"""Looks through all places of models and learns what is new; what did not change is not opened."""

import gc
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from localai.files.weights import layouts, walk
from localai.files.weights.identify import identify
from localai.schemas.models import Facts, ScanReport
from localai.services.models.cards import Place, place_of
from localai.store.models import ModelRecord

log = logging.getLogger('localai.models')
# Raised whenever `identify` learns something, so that what it said before is asked again.
EDITION = 3


class Scan(NamedTuple):
	"""`records` are all that are in the library from now on. `learnt` is to be stored, the rows at
	`gone` are to be removed; `problems` and `counts` are by the path of the place."""

	records: tuple[ModelRecord, ...]
	learnt: tuple[ModelRecord, ...]
	gone: tuple[str, ...]
	report: ScanReport
	problems: dict[str, list[str]]
	counts: dict[str, int]


@contextmanager
def no_collection() -> Iterator[None]:
	"""Headers are millions of small objects without circles: looking for some takes a fifth of the
	time."""
	gc.disable()
	try:
		yield
	finally:
		gc.enable()


def scan(
	known: dict[str, ModelRecord],
	places: tuple[Place, ...],
	given_up: Callable[[], bool] = lambda: False,
) -> Scan | None:
	"""`known` is all that is stored, by path. None when `given_up` said so meanwhile."""
	# 1. What is there
	began = time.perf_counter()
	found, problems, counts = find(places)

	# 2. What is new or changed is opened
	kept: list[ModelRecord] = []
	fresh: list[ModelRecord] = []
	with no_collection():
		for path, seen in found.items():
			if given_up():
				return None
			record = known.get(path)
			if record and record.facts and same(record, seen):
				kept.append(record)
			elif learnt := learn(seen, record):
				fresh.append(learnt)

	# 3. What moved brings what was written of it
	here = {r.path for r in (*kept, *fresh)}
	missing = [r for r in known.values() if r.path not in here]
	fresh, moved = inherit(fresh, missing, places)

	# 4. What is gone rests, with its hash and its notes, or is forgotten
	lost = [r for r in missing if r.facts or not r.worth_keeping or r.path in moved]
	resting = [r for r in lost if r.worth_keeping and r.path not in moved]
	added = sum(1 for r in fresh if r.path not in known or not known[r.path].facts)
	return Scan(
		records=(*kept, *fresh),
		learnt=(*fresh, *(r.model_copy(update={'facts': None}) for r in resting)),
		gone=tuple(r.path for r in lost if r not in resting),
		report=ScanReport(
			files=len(found),
			added=added,
			changed=len(fresh) - added,
			gone=sum(1 for r in lost if r.facts),
			seconds=round(time.perf_counter() - began, 3),
		),
		problems=problems,
		counts=counts,
	)


def find(
	places: tuple[Place, ...],
) -> tuple[dict[str, walk.Found], dict[str, list[str]], dict[str, int]]:
	"""Everything that lies in the places, each thing once."""
	found: dict[str, walk.Found] = {}
	problems: dict[str, list[str]] = {}
	counts: dict[str, int] = {}
	step = walk.Walk()
	for place in places:
		step.problems = problems[place.path] = []
		before = len(found)
		for root in roots(place, step.problems):
			seen = step.cache(root) if place.source == 'hub' else step.below(root)
			found |= {f.path: f for f in seen if f.path not in found}
		counts[place.path] = len(found) - before
		for problem in step.problems:
			log.warning('%s', problem)
	return found, problems, counts


def roots(place: Place, problems: list[str]) -> tuple[Path, ...]:
	path = Path(place.path)
	if place.source == 'home' and not path.is_dir():
		return ()
	if place.source != 'folder':
		return (path,)
	try:
		return layouts.places(path, layouts.layout_of(path))
	except OSError as error:
		problems.append(f'{path} cannot be read: {error.strerror or error}.')
		return ()


def same(record: ModelRecord, seen: walk.Found) -> bool:
	return (record.size, record.modified) == (seen.size, seen.modified)


def learn(seen: walk.Found, record: ModelRecord | None) -> ModelRecord | None:
	"""A record with the facts of what is there now; None when it went meanwhile. What was written
	stays; hashes stay while the bytes do."""
	path, modified = Path(seen.path), seen.modified
	try:
		facts = identify(path)
	except FileNotFoundError:
		return None
	except OSError as error:
		facts, modified = unreadable(path, error.strerror or str(error)), 0.0  # tried again
	except Exception as error:  # one odd file must not hide all others
		log.exception('%s could not be identified', path)
		facts = unreadable(path, str(error))
	if seen.parts:
		facts = facts.model_copy(update={'bytes': seen.size})
	new = ModelRecord(path=seen.path, size=seen.size, modified=modified, facts=facts)
	if record is None:
		return new
	written = {n: getattr(record, n) for n in ('notes', 'defaults', 'thumbnail')}
	hashes = {'sha256': record.sha256, 'autov3': record.autov3} if same(record, seen) else {}
	return new.model_copy(update=written | hashes)


def unreadable(path: Path, why: str) -> Facts:
	return Facts(
		kind='checkpoint' if path.is_dir() else 'unknown',
		family='unknown',
		format='folder' if path.is_dir() else 'safetensors',
		problem=f'{path.name} cannot be read: {why[:200]}.',
	)


def inherit(
	fresh: list[ModelRecord], missing: list[ModelRecord], places: tuple[Place, ...]
) -> tuple[list[ModelRecord], set[str]]:
	"""Gives to a file that was moved, and to a newer snapshot of a hub repository, what was written
	of the old one. Returns the records, and the old paths."""
	orphans: dict[tuple, list[ModelRecord]] = {}
	for record in missing:
		if record.worth_keeping:
			for key in marks(record, places):
				orphans.setdefault(key, []).append(record)
	records, moved = [], set()
	for record in fresh:
		olds = [orphans[k] for k in marks(record, places) if len(orphans.get(k, ())) == 1]
		if not olds or record.worth_keeping or olds[0][0].path in moved:
			records.append(record)
			continue
		old = olds[0][0]
		moved.add(old.path)
		names = ['notes', 'defaults', 'thumbnail']
		if (old.size, old.modified) == (record.size, record.modified):
			names += ['sha256', 'autov3']
		records.append(record.model_copy(update={n: getattr(old, n) for n in names}))
	return records, moved


def marks(record: ModelRecord, places: tuple[Place, ...]) -> list[tuple]:
	"""By what a model is known again elsewhere."""
	found: list[tuple] = [(os.path.basename(record.path), record.size, record.modified)]
	place = place_of(record.path, places)
	if place and place.source == 'hub':
		found.append(('hub', *layouts.parts_of(record.path, place.path)))
	return found
