"""Models, as verbs: what can be drawn with here, and which one a name means."""

import contextlib
import logging
import threading
from pathlib import Path

from localai.errors import LocalAIError, ModelProblem, UnknownName
from localai.files import models as files
from localai.schemas.models import FAMILIES, Family, FamilyName, ModelEntry, ModelSpec
from localai.store.models import Hashes

log = logging.getLogger('localai.models')
BUILTIN = Path(__file__).parents[1] / 'builtin'
BUILTIN_ID = 'sketchbook'


class ModelService:
	"""`folder` is LOCALAI_HOME/models; a model there goes by the name of its folder."""

	families: dict[FamilyName, Family] = FAMILIES

	def __init__(self, folder: Path, hashes: Hashes):
		self.folder = folder
		self.hashes = hashes
		self.hashing = threading.Lock()

	def list(self) -> tuple[ModelEntry, ...]:
		"""The built-in model first, then the folder's by name; what cannot be used says why."""
		entries = [self.entry(BUILTIN_ID, BUILTIN, builtin=True)]
		if self.folder.is_dir():
			for path in sorted(self.folder.iterdir(), key=lambda p: p.name.casefold()):
				if (
					path.is_dir() and (path / 'model_index.json').exists()
				) or path.suffix.lower() in (*files.PICKLES, '.safetensors'):
					entries.append(self.entry(path.name, path))
		return tuple(entries)

	def entry(self, model_id: str, path: Path, builtin: bool = False) -> ModelEntry:
		name = 'Sketchbook' if builtin else path.name
		try:
			facts = files.inspect(path)
		except ModelProblem as error:
			return ModelEntry(
				id=model_id,
				name=name,
				family=None,
				bytes=0,
				builtin=builtin,
				problem=f'{error.message} {error.remedy}',
			)
		return ModelEntry(
			id=model_id, name=name, family=facts.family, bytes=facts.bytes, builtin=builtin
		)

	def resolve(self, model_id: str) -> ModelSpec:
		"""Raises UnknownName for a name that nothing has, ModelProblem for a model that cannot be
		used."""
		path = self.path_of(model_id)
		facts = files.inspect(path)
		builtin = path == BUILTIN
		return ModelSpec(
			id=BUILTIN_ID if builtin else model_id,
			name='Sketchbook' if builtin else path.name,
			family=facts.family,
			path=str(path),
			bytes=facts.bytes,
			parameters=facts.parameters,
			builtin=builtin,
			sha256=self.hashes.get(Path(facts.denoiser)),
		)

	def path_of(self, model_id: str) -> Path:
		"""Where a model lies: the built-in one, one of the folder, or one given by its full
		path."""
		if model_id.casefold() == BUILTIN_ID:
			return BUILTIN
		if '\0' in model_id or not model_id.strip():
			raise UnknownName('The model has no name.', self.advice(), 'model')
		with contextlib.suppress(
			OSError, RuntimeError
		):  # a name no disk could hold, a home no one has
			given = Path(model_id).expanduser()
			if given.is_absolute() and given.exists():
				return given
			path = self.folder / model_id
			if len(given.parts) == 1 and model_id not in ('.', '..') and path.exists():
				return path
		raise UnknownName(f'There is no model called {model_id[:100]!r}.', self.advice(), 'model')

	def advice(self) -> str:
		names = [e.id for e in self.list() if not e.problem]
		return f'Choose one of: {", ".join(names[:12])}.'

	def sha256(self, spec: ModelSpec) -> str:
		"""The hash of the denoiser's weights; computed once per file, then remembered. '' when the
		file is gone."""
		try:
			denoiser = Path(files.inspect(Path(spec.path)).denoiser)
			with self.hashing:
				known = self.hashes.get(denoiser)
				if not known:
					known = files.sha256(denoiser)
					self.hashes.put(denoiser, known)
				return known
		except (OSError, LocalAIError) as error:
			log.warning('no hash for %s: %s', spec.path, error)
			return ''

	def learn_hash(self, spec: ModelSpec) -> None:
		"""Begins to compute the hash while the picture is drawn."""
		if not spec.sha256:
			threading.Thread(target=self.sha256, args=(spec,), name='hash', daemon=True).start()
