"""Knows the settings of a run: folders, host, port, device, executor; the only reader of the
environment."""

import contextlib
import logging
import os
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from localai.errors import BadSetting, HomeUnusable
from localai.text import OneLine, is_sound

HostName = Annotated[
	str, Field(max_length=253, pattern=r'^[A-Za-z0-9]([A-Za-z0-9.\-]*[A-Za-z0-9])?$')
]
# Whatever is written by anybody goes through one shape: ours, the server's, and what Python warns of.
LOGGERS = ('localai', 'uvicorn', 'asyncio', 'py.warnings')
LevelName = Literal['DEBUG', 'INFO', 'WARNING', 'ERROR']


class Settings(BaseModel):
	"""Read once at start. The environment name of each field is its `alias`."""

	model_config = ConfigDict(
		frozen=True, populate_by_name=True, extra='forbid', validate_default=True
	)

	home: Path = Field(
		Path('~/localai'),
		alias='LOCALAI_HOME',
		description='folder for pictures, models and the database',
	)
	host: Annotated[str, Field(min_length=1, pattern=r'^[A-Za-z0-9.:\-\[\]]+$')] = Field(
		'127.0.0.1',
		alias='LOCALAI_HOST',
		description='address to listen on; 0.0.0.0 opens it to the network',
	)
	port: int = Field(7860, ge=0, le=65535, alias='LOCALAI_PORT', description='port to listen on')
	executor: Literal['local'] = Field(
		'local', alias='LOCALAI_EXECUTOR', description='where the engine runs: local'
	)
	device: str = Field(
		'auto',
		pattern=r'^(auto|cpu|mps|cuda(:\d+)?)$',
		alias='LOCALAI_DEVICE',
		description='auto, cpu, mps, cuda or cuda:N',
	)
	precision: Literal['auto', 'fp32', 'bf16', 'fp16'] = Field(
		'auto',
		alias='LOCALAI_PRECISION',
		description='auto, fp32, bf16 or fp16: what models compute in; fp32 is exact, slow and twice as large',
	)
	warm_memory: float | None = Field(
		None,
		ge=0,
		le=100_000,
		allow_inf_nan=False,
		alias='LOCALAI_WARM_MEMORY',
		description='GB of memory for models to stay loaded between pictures; 0 keeps only the last one',
	)
	log_level: LevelName = Field(
		'INFO', alias='LOG_LEVEL', description='DEBUG, INFO, WARNING or ERROR'
	)
	password: str = Field(
		'',
		alias='LOCALAI_PASSWORD',
		repr=False,
		description='password that every visitor must give; required for --share',
	)
	names: tuple[HostName, ...] = Field(
		(),
		alias='LOCALAI_NAMES',
		description='host names that lead here, such as the name of a proxy, separated by commas',
	)
	proxies: tuple[IPv4Network | IPv6Network, ...] = Field(
		(),
		alias='LOCALAI_PROXIES',
		description='addresses of proxies trusted to name their visitors, separated by commas',
	)
	allow_local_links: bool = Field(
		False,
		alias='LOCALAI_ALLOW_LOCAL_LINKS',
		description='download links to this machine too; for tests',
	)
	# Those of huggingface_hub, so that both look into the same cache.
	hub_cache: Path | None = Field(
		None, alias='HF_HUB_CACHE', description='folder of the shared Hugging Face cache'
	)
	hub_home: Path | None = Field(
		None, alias='HF_HOME', description='folder for everything that Hugging Face keeps'
	)
	caches: Path | None = Field(
		None, alias='XDG_CACHE_HOME', description="folder of the user's caches"
	)
	# What hosts of containers say of themselves.
	space: str = Field('', alias='SPACE_ID', description='name of a hosted Space')
	cluster: str = Field('', alias='KUBERNETES_SERVICE_HOST', description='address of a cluster')

	@field_validator('home', mode='after')
	@classmethod
	def absolute(cls, home: Path) -> Path:
		if not is_sound(str(home)):
			raise ValueError('its name is not UTF-8')
		return Path(os.path.abspath(home.expanduser()))

	@field_validator('names', 'proxies', mode='before')
	@classmethod
	def listed(cls, given: object) -> object:
		return given.replace(',', ' ').split() if isinstance(given, str) else given

	@field_validator('log_level', mode='before')
	@classmethod
	def upper(cls, level: object) -> object:
		return level.upper() if isinstance(level, str) else level

	@property
	def network(self) -> bool:
		"""Whether it listens to more than this computer."""
		return self.host in ('0.0.0.0', '::', '[::]')

	@property
	def contained(self) -> bool:
		"""Whether what comes from outside may look as if it came from here."""
		marks = Path('/.dockerenv'), Path('/run/.containerenv')
		return bool(self.space or self.cluster) or any(mark.exists() for mark in marks)

	@property
	def warm_bytes(self) -> int:
		"""-1 leaves it to the engine."""
		return -1 if self.warm_memory is None else int(self.warm_memory * 1e9)

	@property
	def pictures(self) -> Path:
		return self.home / 'pictures'

	@property
	def thumbnails(self) -> Path:
		return self.home / 'thumbnails'

	@property
	def models(self) -> Path:
		return self.home / 'models'

	@property
	def hub(self) -> Path:
		"""The Hugging Face cache, found as huggingface_hub finds it."""
		home = self.hub_home or (self.caches or Path('~/.cache')) / 'huggingface'
		return Path(
			os.path.abspath(os.path.expandvars((self.hub_cache or home / 'hub').expanduser()))
		)

	@property
	def trash(self) -> Path:
		return self.home / 'trash'

	@property
	def database(self) -> Path:
		return self.home / 'localai.db'

	@property
	def reserve(self) -> Path:
		return self.home / 'reserve'

	@property
	def temporary(self) -> Path:
		return self.home / 'tmp'

	@property
	def uploads(self) -> Path:
		return self.temporary / 'uploads'

	@property
	def logs(self) -> Path:
		return self.home / 'logs'

	def prepare(self) -> 'Settings':
		"""Makes the folders and proves that they can be written. Raises HomeUnusable."""
		try:
			for folder in (self.home, self.pictures, self.models, self.temporary, self.logs):
				folder.mkdir(parents=True, exist_ok=True)
			with contextlib.suppress(OSError):  # a disk that knows no owners
				self.temporary.chmod(0o700)
			probe = self.temporary / 'probe'
			probe.write_bytes(b'')
			probe.unlink(missing_ok=True)
		except OSError as error:
			raise HomeUnusable(
				f'LocalAI cannot write to its folder {self.home}: {error.strerror or error}.'
			) from error
		return self


def read_settings(environment: Mapping[str, str] | None = None, **given: object) -> Settings:
	"""The settings of the environment, with what was `given` on the command line on top. Raises
	BadSetting."""
	environment = os.environ if environment is None else environment
	fields = Settings.model_fields
	found = {n: environment.get(f.alias or n, '').strip() for n, f in fields.items()}
	values: dict[str, object] = {n: value for n, value in found.items() if value}
	try:
		return Settings.model_validate(values | {n: v for n, v in given.items() if v is not None})
	except ValidationError as error:
		problem = error.errors()[0]
		name = str(problem['loc'][0])
		field = fields.get(name) or next(f for f in fields.values() if f.alias == name)
		raise BadSetting(
			f'{field.alias} is {problem["input"]!r}, which is not valid.',
			f'Expected: {field.description}.',
		) from error


def describe_settings() -> str:
	"""One line per setting, for `--help`."""
	lines = []
	for field in Settings.model_fields.values():
		if not field.alias or not field.alias.startswith('LO'):
			continue
		default = '' if field.default in ('', None, ()) else f' (default {field.default})'
		lines.append(f'  {field.alias:19} {field.description}{default}')
	lines.append('  HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN keep their usual meaning.')
	return '\n'.join(lines)


def start_logging(settings: Settings, name: str) -> None:
	"""One line per event in `logs/NAME.log`, five files of 2 MB; warnings also on stderr, as
	plain sentences from a command. Raises HomeUnusable."""
	from logging.handlers import RotatingFileHandler

	# A log line that a full disk refuses is lost, without a traceback in the terminal.
	logging.raiseExceptions = False
	shape = OneLine('%(asctime)s %(levelname)s %(name)s %(message)s')
	path = settings.logs / f'{name}.log'
	try:
		file = RotatingFileHandler(path, maxBytes=2_000_000, backupCount=4, encoding='utf-8')
	except OSError as error:
		raise HomeUnusable(
			f'LocalAI cannot write to its log {path}: {error.strerror or error}.'
		) from error
	file.setFormatter(shape)
	screen = logging.StreamHandler()
	screen.setLevel(logging.WARNING)
	plain = name == 'command'
	screen.setFormatter(OneLine('%(message)s' if plain else '%(levelname)s %(name)s %(message)s'))
	for name in LOGGERS:
		logger = logging.getLogger(name)
		for handler in list(logger.handlers):
			logger.removeHandler(handler)
			handler.close()
		logger.setLevel(settings.log_level if name == 'localai' else logging.WARNING)
		logger.addHandler(file)
		logger.addHandler(screen)
		logger.propagate = False
	logging.captureWarnings(True)
