"""Knows what a person may type to name something to fetch: 'owner/name', the address of a repository
or of a file on the hub, any other link."""

import re
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from localai.errors import InvalidInput
from localai.schemas.downloads import DownloadRequest

LIMIT = 2000  # characters of a source
FILES = 2000  # paths in one request
HUB = ('huggingface.co', 'www.huggingface.co', 'hf.co')
REPOSITORY = re.compile(r'[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}', re.ASCII)
REVISION = re.compile(r'[A-Za-z0-9][\w./-]{0,199}', re.ASCII)
ADVICE = 'Write it as owner/name, or paste a link that starts with https.'


def read_request(fields: Mapping[str, object] | DownloadRequest, endpoint: str) -> DownloadRequest:
	"""One clean request: `source` is 'owner/name' or a link that is not the hub's; the revision and
	the file that a hub address names have moved to their fields. `endpoint` is the hub's address.
	Raises InvalidInput with the field."""
	request = validated(fields)
	source = clean(request.source)
	repo, revision, file = (source, '', '')
	if '://' in source:
		if not source.lower().startswith(('https://', 'http://')):
			raise InvalidInput(
				'Only links that start with https can be downloaded.', ADVICE, 'source'
			)
		found = on_hub(source, endpoint)
		if found is None:
			return checked(request.model_copy(update={'source': source}))
		repo, revision, file = found
	elif source.split('/')[0].lower() in HUB:
		repo, revision, file = on_hub(f'https://{source}', endpoint) or (source, '', '')
	check_repository(repo)
	changes: dict = {'source': repo}
	if revision:
		changes['revision'] = revision
	if file:
		changes['files'] = (file,)
	return checked(request.model_copy(update=changes))


def validated(fields: Mapping[str, object] | DownloadRequest) -> DownloadRequest:
	if isinstance(fields, DownloadRequest):
		return fields
	try:
		return DownloadRequest.model_validate(dict(fields))
	except ValidationError as error:
		problem = error.errors()[0]
		name = str(problem['loc'][0]) if problem['loc'] else 'source'
		match problem['type']:
			case 'extra_forbidden':
				message = f'There is no setting called {name!r}.'
			case 'missing':
				message = 'There is nothing to download.'
			case _:
				message = f'{name} is not valid: {problem["msg"]}.'
		raise InvalidInput(message, ADVICE, name) from error


def clean(source: str) -> str:
	"""Without the spaces, quotes and slashes that come along when something is copied."""
	source = source.strip().strip('"\'`<>').strip()
	if not source:
		raise InvalidInput('There is nothing to download.', ADVICE, 'source')
	if len(source) > LIMIT:
		raise InvalidInput('This is too long for a name or a link.', ADVICE, 'source')
	if not source.isprintable() or any(c.isspace() for c in source):
		raise InvalidInput(
			'A name or link cannot contain spaces or control characters.', ADVICE, 'source'
		)
	return source


def check_repository(repo: str) -> None:
	"""Raises InvalidInput."""
	if not REPOSITORY.fullmatch(repo) or '..' in repo or '--' in repo or repo.endswith(('.', '-')):
		raise InvalidInput(f'{repo[:80]!r} is not the name of a repository.', ADVICE, 'source')


def on_hub(link: str, endpoint: str) -> tuple[str, str, str] | None:
	"""Repository, revision and file of a hub address; None for a link to somewhere else."""
	try:
		parts = urlsplit(link)
		home = urlsplit(endpoint)
		if not parts.hostname:
			raise ValueError
		here = parts.netloc.lower() == home.netloc.lower() or parts.hostname in HUB
	except ValueError as error:
		raise InvalidInput('This is not a link.', ADVICE, 'source') from error
	if not here or parts.username:
		return None
	path = [unquote(p) for p in parts.path.split('/') if p]
	if path[:1] in (['datasets'], ['spaces']):
		raise InvalidInput(
			f'This is the address of a {path[0][:-1]}, not of a model.', ADVICE, 'source'
		)
	if len(path) < 2:
		raise InvalidInput('This is not the address of a model.', ADVICE, 'source')
	repo, rest = '/'.join(path[:2]), path[2:]
	if not rest:
		return repo, '', ''
	if rest[0] in ('resolve', 'blob', 'raw') and len(rest) >= 3:
		return repo, rest[1], '/'.join(rest[2:])
	if rest[0] == 'tree' and len(rest) >= 2:
		return repo, rest[1], ''
	if rest[0] in ('discussions', 'commits', 'commit'):
		return repo, '', ''
	raise InvalidInput(
		'This address on the hub is neither a model nor a file of one.', ADVICE, 'source'
	)


def checked(request: DownloadRequest) -> DownloadRequest:
	"""The other fields, as they will become part of addresses and paths. Raises InvalidInput."""
	if not REVISION.fullmatch(request.revision) or '..' in request.revision:
		raise InvalidInput(
			f'{request.revision[:40]!r} is not a revision.', "Leave it at 'main'.", 'revision'
		)
	# In a repository of single files, the variant is the path of one.
	if request.variant and not is_path(request.variant):
		raise InvalidInput(
			f'{request.variant[:40]!r} is not a variant.',
			"Leave it empty, or use 'fp16'.",
			'variant',
		)
	if len(request.files) > FILES:
		raise InvalidInput(
			'That is too many files.', 'Leave the files out to download all of them.', 'files'
		)
	for path in request.files:
		if not is_path(path):
			raise InvalidInput(
				f'{path[:60]!r} is not the path of a file in a repository.',
				'Copy it from the list of files.',
				'files',
			)
	return request


def is_path(path: str) -> bool:
	"""Whether it can only mean a file inside the repository, on every system."""
	return (
		path.isprintable()
		and len(path) <= 500
		and not set('\\:') & set(path)
		and not any(p in ('', '.', '..') for p in path.split('/'))
	)
