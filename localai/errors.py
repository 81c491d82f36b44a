"""Knows every error that a person may see; each says what happened and what to do about it.

LocalAIError
├── InvalidInput            what was asked for cannot be asked for (exit 2, HTTP 422)
│   └── UnknownName         a model, sampler, schedule or job of that name does not exist
├── ModelProblem            the model cannot be used
│   ├── ModelBroken         files are missing, truncated or do not belong together
│   ├── ModelUnsupported    a family or format that LocalAI does not run
│   ├── PickleRefused       weights in a format that can run code
│   └── ModelInUse          it cannot be deleted while it is loading or drawing
├── DownloadProblem         it cannot be fetched
│   ├── NotOnHub            no such repository, revision or file (or a private one)
│   ├── Gated               its owners ask you to accept their terms first
│   ├── BadToken            the hub does not know the token
│   ├── HubUnreachable      no network, or the hub does not answer
│   ├── WrongBytes          what came is not what was promised
│   └── LinkRefused         a link that is not fetched: not https, a private address, no weights file
├── NotAllowed              only for visitors who gave a password
├── OutOfMemory             it does not fit, before or while drawing
├── BrokenPicture           the model returned values that are not a picture
├── EngineDied              the engine process ended in the middle of work
├── StorageProblem          the disk or the database refused
│   ├── DiskFull
│   ├── HomeUnusable        LOCALAI_HOME cannot be made or written
│   └── DatabaseTooNew      made by a later version
└── StartProblem            the server cannot start
    ├── PortTaken
    ├── AlreadyRunning      another LocalAI owns this home
    └── BadSetting          an environment variable or option is not valid
"""

import errno


class LocalAIError(Exception):
	"""`message` is one sentence on what happened, `remedy` one on what to do; both in the user's
	words."""

	remedy = ''

	def __init__(self, message: str, remedy: str = ''):
		super().__init__(message)
		self.message = message
		self.remedy = remedy or self.remedy

	@property
	def code(self) -> str:
		"""The class name, for programs."""
		return type(self).__name__

	def told(self) -> dict[str, str]:
		"""As programs and the page read it; `field` is '' where no field is wrong."""
		return {
			'code': self.code,
			'message': self.message,
			'remedy': self.remedy,
			'field': getattr(self, 'field', ''),
		}

	def __str__(self) -> str:
		return f'{self.message} {self.remedy}'.strip()


class InvalidInput(LocalAIError):
	"""`field` names what is wrong, as the API spells it."""

	def __init__(self, message: str, remedy: str = '', field: str = ''):
		super().__init__(message, remedy)
		self.field = field


class UnknownName(InvalidInput):
	pass


class ModelProblem(LocalAIError):
	remedy = 'Choose another model.'


class ModelBroken(ModelProblem):
	remedy = 'Download the model again, or choose another one.'


class ModelUnsupported(ModelProblem):
	pass


class PickleRefused(ModelProblem):
	remedy = 'Use a version of this model in the safetensors format.'


class ModelInUse(ModelProblem):
	remedy = 'Wait until it is done, or stop it.'


class DownloadProblem(LocalAIError):
	pass


class NotOnHub(DownloadProblem):
	remedy = 'Check the name. A private repository needs a token with access to it.'


class Gated(DownloadProblem):
	"""`link` is the page where access is asked for."""

	def __init__(self, message: str, remedy: str = '', link: str = ''):
		super().__init__(message, remedy)
		self.link = link


class BadToken(DownloadProblem):
	remedy = 'Enter a new token; read access is enough.'


class HubUnreachable(DownloadProblem):
	remedy = 'Check the network. Downloads keep what they have and resume by themselves.'


class WrongBytes(DownloadProblem):
	remedy = (
		'It was discarded. Start the download again; '
		'if this keeps happening, the file is damaged on the server.'
	)


class LinkRefused(DownloadProblem):
	pass


class NotAllowed(LocalAIError):
	remedy = (
		'Do this on the computer that runs LocalAI, '
		'or set LOCALAI_PASSWORD there and restart LocalAI.'
	)


class OutOfMemory(LocalAIError):
	remedy = 'Draw at a smaller size, or choose a smaller model.'


class BrokenPicture(LocalAIError):
	remedy = 'Lower the guidance scale, or try another sampler or seed.'


class EngineDied(LocalAIError):
	remedy = (
		'The engine has been restarted. Try again; if this keeps happening, draw at a smaller size.'
	)


class StorageProblem(LocalAIError):
	pass


class DiskFull(StorageProblem):
	remedy = 'Free some space, then try again.'


class HomeUnusable(StorageProblem):
	remedy = 'Set LOCALAI_HOME to a folder that you can write to.'


class DatabaseTooNew(StorageProblem):
	remedy = 'Update LocalAI, or set LOCALAI_HOME to another folder.'


# What the system calls a disk without room; the second is a quota.
FULL = (errno.ENOSPC, errno.EDQUOT) if hasattr(errno, 'EDQUOT') else (errno.ENOSPC,)
# A disk that went away while it was used.
AWAY = tuple(
	getattr(errno, name)
	for name in ('ENOENT', 'ENODEV', 'ENXIO', 'EIO', 'ESTALE', 'ENOTCONN', 'EHOSTDOWN')
	if hasattr(errno, name)
)


def of_disk(error: OSError, folder: object) -> StorageProblem:
	"""What the system refused in a folder, in a sentence."""
	if error.errno in FULL:
		return DiskFull(f'The disk holding {folder} is full.', 'Free some space, then try again.')
	if error.errno == errno.EROFS:
		return StorageProblem(
			f'{folder} is read-only.', 'Make it writable, or choose another folder.'
		)
	if error.errno in AWAY:
		return StorageProblem(
			f'{folder} cannot be reached: {error.strerror or error}.', 'Connect the disk again.'
		)
	return StorageProblem(
		f'LocalAI cannot write to {folder}: {error.strerror or error}.',
		"Check the folder's permissions.",
	)


class StartProblem(LocalAIError):
	pass


class PortTaken(StartProblem):
	pass


class AlreadyRunning(StartProblem):
	pass


class BadSetting(StartProblem):
	pass


def subclasses(cls: type[LocalAIError] = LocalAIError) -> dict[str, type[LocalAIError]]:
	"""Every error of the tree by its code."""
	found = {cls.__name__: cls}
	for child in cls.__subclasses__():
		found |= subclasses(child)
	return found


def restore(code: str, message: str, remedy: str) -> LocalAIError:
	"""The error that crossed a process boundary as text."""
	return subclasses().get(code, LocalAIError)(message, remedy)
