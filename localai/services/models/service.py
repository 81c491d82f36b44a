"""Models, as verbs: what there is on this machine, what can be drawn with, which one a name means,
and what a person does with them."""

import contextlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from localai.errors import (
	InvalidInput,
	LocalAIError,
	ModelBroken,
	ModelInUse,
	StorageProblem,
	UnknownName,
)
from localai.files.weights import layouts, walk
from localai.hub import removal
from localai.schemas.families import FAMILIES, Family, FamilyName
from localai.schemas.generation import GenerationParameters
from localai.schemas.hardware import Machine, MemoryReading
from localai.schemas.models import (
	KindName,
	ModelDefaults,
	ModelEntry,
	ModelFolder,
	ModelPage,
	ModelQuery,
	ModelSpec,
	NamedWeights,
	ScanReport,
	Trashed,
	WeightsSpec,
)
from localai.services import fields
from localai.services.models import cards, weights
from localai.services.models.cards import BUILTIN as BUILTIN
from localai.services.models.cards import BUILTIN_ID
from localai.services.models.hashing import Hasher
from localai.services.models.library import with_fit
from localai.services.models.lookup import Lookup
from localai.services.models.registry import Registry
from localai.services.models.scan import same
from localai.services.models.trash import DAYS, ModelTrash
from localai.store.models import ModelRecord, Models
from localai.store.preferences import Preferences
from localai.store.tables import now

log = logging.getLogger('localai.models')
# Whether every model is read for its hash, and up to which size those are that nobody has to ask for.
HASHING, SMALL = 'hashing', 300_000_000
NOWHERE = Machine(reading=MemoryReading(free=0, total=0))


class ModelService:
	"""`in_use` answers with the paths that are loading, held or drawn with; `machine` with the
	memory that a model could have; `drawing` says whether any picture is drawn; `changed` is called after every change of the library."""

	families: dict[FamilyName, Family] = FAMILIES

	def __init__(
		self,
		folder: Path,
		hub: Path,
		store: Models,
		trash: ModelTrash,
		preferences: Preferences,
		in_use: Callable[[], frozenset[str]] = frozenset,
		changed: Callable[[], None] = lambda: None,
		machine: Callable[[], Machine] = lambda: NOWHERE,
		drawing: Callable[[], bool] = lambda: False,
	):
		self.folder = folder
		self.hub = hub
		self.store = store
		self.bin = trash
		self.in_use = in_use
		self.machine = machine
		self.tell = changed
		self.version = 0
		self.everything: bool | None = None
		self.registry = Registry(folder, hub, store, preferences, self.changed)
		self.lookup = Lookup(self.registry)
		self.hasher = Hasher(self.learnt_hash, drawing)
		# One change by a person at a time. The lock of the registry is never held while others are
		# called: they have locks of their own.
		self.editing = threading.RLock()

	def changed(self) -> None:
		self.version += 1
		self.tell()

	def open(self) -> None:
		"""At the start of the app: looks what is there, in a thread."""
		self.refresh()

	def mend(self) -> None:
		self.bin.mend()

	def close(self) -> None:
		self.registry.close()
		self.hasher.close()

	# What there is

	def list(self) -> tuple[ModelEntry, ...]:
		"""Checkpoints for the menu, the built-in one first; what cannot be drawn with says why."""
		machine = self.machine()
		return tuple(with_fit(entry, machine) for entry in self.registry.settled().menu())

	def find(self, query: ModelQuery) -> ModelPage:
		library = self.registry.settled()
		page = library.find(query, self.machine(), self.registry.scanning)
		return page.model_copy(update={'reading': self.hasher.reading})

	def card(self, model_id: str) -> ModelEntry:
		"""Raises UnknownName."""
		return with_fit(self.lookup.item(model_id).entry, self.machine())

	def scan(self) -> ScanReport:
		return self.registry.scan()

	def refresh(self) -> None:
		self.registry.refresh(after=self.after_scan)

	def after_scan(self) -> None:
		with contextlib.suppress(StorageProblem):
			self.bin.empty(DAYS)
		self.hash_all()

	def folders(self) -> tuple[ModelFolder, ...]:
		return self.registry.folders()

	def add_folder(self, path: str) -> ModelFolder:
		"""Nothing in it is copied or moved. Raises InvalidInput."""
		folder = self.registry.add_folder(path)
		self.refresh()
		return folder

	def remove_folder(self, path: str) -> None:
		"""Forgets the folder; its files stay. Raises UnknownName."""
		self.registry.remove_folder(path)

	# Which one a name means

	def resolve(self, model_id: str) -> ModelSpec:
		"""Raises UnknownName for a name that nothing has, ModelProblem for a model that cannot be
		drawn with."""
		label, path = self.lookup.locate(model_id)
		if path.is_dir() and not (path / 'model_index.json').is_file():
			raise ModelBroken(f'{label.name} is missing model_index.json.')
		record = self.record_of(label, path)
		facts = record.known
		kind = cards.kind_of(facts, record.path, label.hint)
		problem = cards.trouble(facts, kind, label.name) or cards.misplaced(kind, label.name)
		if problem:
			raise problem
		return ModelSpec(
			id=label.id,
			name=label.name,
			family=facts.family,
			path=record.path,
			bytes=facts.bytes,
			parameters=facts.parameters,
			builtin=label.id == BUILTIN_ID,
			sha256=record.sha256,
			format=facts.format,
			prediction=facts.prediction,
		)

	def record_of(self, label: cards.Label, path: Path) -> ModelRecord:
		try:
			return self.registry.known(walk.look(path))
		except OSError as error:
			raise ModelBroken(f'{label.name} cannot be read: {error.strerror or error}.') from error

	def resolve_weights(self, name: str, kind: KindName, family: FamilyName) -> WeightsSpec:
		"""What is drawn with beside a model of `family`. Raises UnknownName for a name that nothing
		has, ModelProblem for what is of another kind, for another family, or cannot be used."""
		label, path = self.lookup.locate(name, kind)
		record = self.record_of(label, path)
		facts = record.known
		found = cards.kind_of(facts, record.path, label.hint)
		problem = cards.unfit(facts, found, label.name, kind, family) or cards.trouble(
			facts, found, label.name
		)
		if problem:
			raise problem
		return WeightsSpec(
			id=label.id,
			name=label.name,
			kind=kind,
			family=facts.family,
			path=record.path,
			bytes=facts.bytes,
			format=facts.format,
			variant=facts.variant,
		)

	def weights_of(self, settings: GenerationParameters, model: ModelSpec) -> NamedWeights:
		"""All that the settings name besides the model. Raises InvalidInput with the setting."""
		return weights.resolve(settings, model.family, self.resolve_weights)

	def match(self, model_id: str, name: str, digest: str) -> ModelEntry | None:
		"""The model that can be drawn with and that a picture means: by its hash, by its id, by a
		name that only one has."""
		usable = [entry for entry in self.list() if not entry.problem]
		digest = digest.casefold().removeprefix('0x')
		same = [
			e for e in usable if len(digest) >= 8 and digest in (e.sha256[: len(digest)], e.autov3)
		]
		same = same or [e for e in usable if model_id and e.id == model_id]
		if not same:
			names = {n.casefold() for n in (name, Path(name).stem, model_id) if n}
			same = [e for e in usable if names & {e.name.casefold(), Path(e.id).stem.casefold()}]
		return same[0] if len(same) == 1 or (same and same[0].id == model_id) else None

	# What a person writes of it

	def annotate(
		self,
		model_id: str,
		notes: str | None = None,
		defaults: ModelDefaults | None = None,
		thumbnail: int | None = -1,
	) -> ModelEntry:
		"""None leaves notes and defaults as they are, -1 the thumbnail. Raises UnknownName,
		InvalidInput."""
		changes: dict[str, object] = {}
		if notes is not None:
			changes['notes'] = fields.read_notes(notes)
		if defaults is not None:
			changes['defaults'] = fields.read_defaults(defaults)
		if thumbnail != -1:
			changes['thumbnail'] = fields.read_thumbnail(thumbnail)
		with self.editing:
			record = self.lookup.item(model_id).record.model_copy(update=changes)
			self.store.put(record)
			self.registry.replace(record, learnt=False)
		return self.card(model_id)

	# Hashes

	def hash_all(self) -> None:
		"""Computes the hashes of what has none and may be read unasked, in one background thread, while
		nothing is drawn."""
		self.hasher.all(self.unread)

	def unread(self) -> tuple[ModelRecord, ...]:
		"""Without a word from its owner only small files in LocalAI's own places: to read all of a disk
		of the network, or of another app, takes hours."""
		everything = self.hashes_everything
		return tuple(
			item.record
			for item in self.registry.library.items.values()
			if not item.record.sha256
			and (everything or (item.entry.source != 'folder' and item.entry.bytes <= SMALL))
		)

	@property
	def hashes_everything(self) -> bool:
		if self.everything is None:
			with contextlib.suppress(StorageProblem):
				said = self.registry.preferences.read(HASHING) or {}
				self.everything = said.get('everything') is True
		return bool(self.everything)

	def hash_everything(self, wanted: bool) -> None:
		"""Whether every file is read for its hash; what is being read now stops when it is not. Raises
		StorageProblem."""
		self.registry.preferences.write(HASHING, {'everything': wanted})
		self.everything = wanted
		if wanted:
			self.hash_all()
		else:
			self.hasher.stop()
		self.changed()

	def learnt_hash(self, record: ModelRecord) -> None:
		with self.editing:
			self.registry.write(lambda: self.store.hashed(record))
			item = self.registry.library.paths.get(record.path)
			if item:
				hashes = {'sha256': record.sha256, 'autov3': record.autov3}
				self.registry.replace(item.record.model_copy(update=hashes), learnt=False)

	def sha256(self, spec: ModelSpec) -> str:
		"""The hash of the denoiser's weights; computed once per file, then remembered. '' when the
		file is gone."""
		try:
			return self.hasher.of(self.registry.known(walk.look(Path(spec.path)))).sha256
		except (OSError, LocalAIError) as error:
			log.warning('no hash for %s: %s', spec.path, error)
			return ''

	def learn_hash(self, spec: ModelSpec) -> None:
		"""Begins to compute the hash while the picture is drawn."""
		if not spec.sha256:
			threading.Thread(target=self.sha256, args=(spec,), name='hash', daemon=True).start()

	def known_file(self, sha256: str) -> Path | None:
		"""A file on this disk with that sha256, by what was computed of it."""
		for item in self.registry.library.items.values():
			if sha256 and item.record.sha256 == sha256.lower():
				with contextlib.suppress(OSError):
					if same(item.record, walk.look(Path(item.record.path))):
						return Path(item.record.known.denoiser or item.record.path)
		return None

	# Deleting

	def delete(self, model_id: str) -> Trashed:
		"""Into the trash; a hub repository for good, with the bytes that came free. Raises
		UnknownName, ModelInUse, StorageProblem."""
		with self.editing:
			entry, record = self.lookup.item(model_id)[:2]
			if entry.builtin:
				raise InvalidInput(
					'Sketchbook is part of LocalAI and cannot be deleted.',
					'Choose another model to draw with.',
					'model',
				)
			path = self.place(entry, Path(record.path))
			if any(p == str(path) or Path(p).is_relative_to(path) for p in self.in_use()):
				raise ModelInUse(
					f'{entry.name} is in use: it is loading, in memory or drawing.',
					'Unload it, or wait until it is done.',
				)
			if not path.exists() and not path.is_symlink():
				self.registry.drop(str(path))
				raise UnknownName(
					f'{entry.name} no longer exists.',
					'Refresh the list; another program may have removed it.',
					'model',
				)
			if entry.source == 'hub':
				repo, _ = layouts.parts_of(record.path, str(self.hub))
				gone = Trashed(
					id='',
					name=repo,
					bytes=removal.delete_repo(repo, self.hub),
					final=True,
					deleted_at=now(),
				)
			else:
				gone = self.bin.put(path, entry.name, record)
				self.registry.write(lambda: self.store.remove([record.path]))
			self.registry.drop(str(path))
			return gone

	def place(self, entry: ModelEntry, path: Path) -> Path:
		"""What goes when it is deleted: of the hub's cache the whole repository."""
		if entry.source != 'hub':
			return path
		return self.hub / path.relative_to(self.hub).parts[0]

	def restore(self, trash_id: str) -> ModelEntry:
		"""Brings it back to where it was, with its hash, notes and defaults; under a new name when
		something else lies there now. Raises UnknownName, StorageProblem."""
		with self.editing:
			back = self.bin.restore(trash_id)
			record = self.registry.adopt(Path(back.path), back.model)
			item = self.registry.library.paths.get(record.path)
			if item:
				return with_fit(item.entry, self.machine())
			label = cards.Label(
				record.path, 'folder', back.name, 'unknown'
			)  # its folder was removed
			return cards.card(record, label)

	def trash(self) -> tuple[Trashed, ...]:
		return self.bin.all()

	def empty_trash(self) -> int:
		"""For good; returns the bytes that came free."""
		return self.bin.empty()
