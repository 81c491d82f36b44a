"""Knows how a file behind any https link is fetched without being led to a private address."""

import hashlib
import http.client
import os
import re
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from localai.errors import HubUnreachable, InvalidInput, LinkRefused, ModelBroken, WrongBytes
from localai.hub.addresses import Gate
from localai.hub.fetch import Run
from localai.hub.limiter import Limiter
from localai.hub.part import Part, guard
from localai.hub.transfer import (
	SPARE,
	Meter,
	Tick,
	adopt,
	bring_all,
	check_space,
	fetch_checked,
	held,
)
from localai.hub.wire import Refused, Source, Wire, origin
from localai.schemas import links
from localai.schemas.downloads import DownloadPlan, PlannedFile
from localai.schemas.models import DRAWERS, Facts, KindName

# So much is looked at before anything is fetched; how long that may take, in seconds.
FIRST = 4096
ASKING = 8
NAME_BYTES = 120
LINK = 'link-'  # how their names begin until they are checked
RESERVED = re.compile(r'(con|prn|aux|nul|com\d|lpt\d)(\..*)?', re.IGNORECASE)
PAGE_CAME = 'This link leads to a web page, not a file.'
COPY = 'Copy the link of the download button there; if the site asks for a login, log in first.'
LOGIN = 'Copy the link while you are logged in there, with your key in it if the site offers one.'


class Links:
	"""`models` is LOCALAI_HOME/models, `temporary` LOCALAI_HOME/tmp. `identify` tells kind and family from
	a file's header. `allow_local` lets loopback and plain http to it through, for tests
	(LOCALAI_ALLOW_LOCAL_LINKS)."""

	def __init__(
		self,
		models: Path,
		temporary: Path,
		limiter: Limiter | None = None,
		existing: Callable[[str], Path | None] = lambda sha256: None,
		allow_local: bool = False,
		identify: Callable[[Path], Facts] | None = None,
		connections: int = 4,
		stall: float = 20,
		tries: int = 6,
		spare: int = SPARE,
		gate: Gate | None = None,
	):
		self.models, self.temporary = Path(models), Path(temporary)
		self.limiter = limiter or Limiter()
		self.existing = existing
		self.identify = identify
		self.gate = gate or Gate(allow_local)
		self.connections = connections
		self.slots = threading.Semaphore(connections)
		self.stall, self.tries, self.spare = stall, tries, spare

	def plan(self, url: str, sha256: str = '', kind: KindName | None = None) -> DownloadPlan:
		"""Asks for the file's name, size and first bytes. `kind` puts it into the folder of that kind whatever
		its header says. Raises InvalidInput, LinkRefused, HubUnreachable."""
		url = links.file_of(url.strip())
		if not url:
			raise LinkRefused(links.MESSAGE, links.REMEDY)
		if sha256 and not re.fullmatch(r'[0-9a-fA-F]{64}', sha256):
			raise InvalidInput('This is not a SHA-256.', field='source')
		source = self.source(url)
		wire = Wire(ASKING)
		watch = threading.Timer(
			ASKING, wire.abort
		)  # also for a server that sends a letter a second
		watch.start()
		try:
			response = source.open(wire, 0, FIRST)
			size = size_of(response)
			first = response.read(min(FIRST, size))
			name = clean_name(name_of(response, source.location or url), first)
		except Refused as refusal:
			raise explain(refusal) from refusal
		except (OSError, http.client.HTTPException) as error:
			raise HubUnreachable(
				f'{urlsplit(url).hostname} does not answer.', 'Check the link and the network.'
			) from error
		finally:
			watch.cancel()
			wire.close()
		check_first(first, size, name)
		file = PlannedFile(path=name, bytes=size, etag=validator(response), sha256=sha256.lower())
		folder = DRAWERS[kind] if kind and kind != 'unknown' else ''
		return DownloadPlan(name=name, url=url, folder=folder, files=(file,))

	def fetch(
		self,
		plan: DownloadPlan,
		tick: Tick,
		stop: threading.Event,
		checking: Callable[[], None] = lambda: None,
	) -> Path:
		"""As Transfers.fetch; then the file's header decides its kind and family, and it is put
		into the folder of that kind below `models`. Returns its path. Also raises LinkRefused,
		ModelBroken."""
		part, meter = (
			self.part(plan),
			Meter(plan.files[0].path, self.have(plan)[plan.files[0].path], tick),
		)
		check_space(self.temporary, part.size - meter.told, self.spare)
		run = Run(self.slots, self.limiter, self.stall, self.tries)
		run.expect(1, checking)
		placed: list[Path] = []
		task = partial(self.bring, run, plan, part, meter, placed)
		bring_all(run, stop, [task], self.connections)
		return placed[0]

	def bring(
		self,
		run: Run,
		plan: DownloadPlan,
		part: Part,
		meter: Meter,
		placed: list[Path],
		pool: ThreadPoolExecutor,
	) -> None:
		"""1 the bytes, checked; 2 what it is; 3 its place."""
		file = plan.files[0]
		whole = self.waiting(plan)
		with held(self.temporary / f'{whole.stem}.lock', run):
			reusable = self.existing(file.sha256) if file.sha256 else None
			if reusable and adopt(run, reusable, whole, file):
				part.remove()
				meter.settle(file.bytes)
				digest = file.sha256
			else:
				source = self.source(plan.url, file)
				try:
					digest = fetch_checked(
						run, pool, source, part, file.path, file.sha256, False, meter
					)
				except WrongBytes:
					part.remove()
					raise
				part.move(whole)
			try:
				placed.append(self.settle(plan, whole, digest))
			finally:
				whole.unlink(missing_ok=True)

	def settle(self, plan: DownloadPlan, whole: Path, digest: str) -> Path:
		"""Gives a checked file its place. Never over another file: the same bytes are left as they are, others
		make it take a new name."""
		file = plan.files[0]
		with open(whole, 'rb') as stream:
			check_first(stream.read(FIRST), file.bytes, file.path)
		facts = self.identify(whole) if self.identify else None
		if facts and facts.problem and facts.kind == 'unknown' and facts.family == 'unknown':
			words = facts.problem.replace(whole.name, file.path)
			raise ModelBroken(f'The link does not lead to a complete model: {words}')
		folder = self.models / (plan.folder or DRAWERS[facts.kind if facts else 'unknown'])
		stem, suffix = os.path.splitext(file.path)
		with guard(folder):
			folder.mkdir(parents=True, exist_ok=True)
			for number in range(1, 1000):
				target = folder / (
					f'{stem}{suffix}' if number == 1 else f'{stem} ({number}){suffix}'
				)
				if target.exists():
					if same(target, file.bytes, digest):
						return target
					continue
				if put_new(whole, target):
					return target
		raise ModelBroken(
			f'There are too many files named {file.path} in {folder}.', 'Rename some of them.'
		)

	def have(self, plan: DownloadPlan) -> dict[str, int]:
		"""Bytes that are on the disk; no network."""
		return {plan.files[0].path: self.part(plan).peek()}

	def discard(self, plan: DownloadPlan) -> int:
		"""Removes what a cancelled download left; the bytes freed."""
		part = self.part(plan)
		freed = part.peek()
		part.remove()
		for rest in (self.waiting(plan), self.temporary / f'{self.waiting(plan).stem}.lock'):
			with suppress(OSError):
				rest.unlink(missing_ok=True)
		return freed

	def part(self, plan: DownloadPlan) -> Part:
		file = plan.files[0]
		return Part(self.waiting(plan), file.bytes, f'{plan.url} {file.etag} {file.sha256}')

	def waiting(self, plan: DownloadPlan) -> Path:
		"""Where it lies until it is checked: named by its link, with the ending that says its format."""
		key = hashlib.sha256(plan.url.encode()).hexdigest()[:24]
		return self.temporary / f'{LINK}{key}{os.path.splitext(plan.files[0].path)[1]}'

	def source(self, url: str, file: PlannedFile | None = None) -> Source:
		"""Checked before each request, also after redirects; connected to the addresses that were checked."""
		self.check(url)

		def accept(response: http.client.HTTPResponse) -> None:
			check_kind(response)
			if file and file.etag and validator(response) not in ('', file.etag):
				raise WrongBytes(
					f'{file.path} has changed on the server since the download began.',
					'It was discarded. Start the download again.',
				)

		return Source(
			url, places=self.gate.places, check=self.check, accept=accept, explain=explain
		)

	def check(self, url: str) -> None:
		try:
			scheme, host, port = origin(url)
		except ValueError:
			host = ''
		if not host or scheme not in ('http', 'https'):
			raise LinkRefused('This is not a link.', 'A link begins with https://.')
		if scheme != 'https' and not (self.gate.allow_local and self.gate.local(host, port)):
			raise LinkRefused('The link is not https.', 'Use a link that begins with https://.')


def explain(refusal: Refused) -> Exception:
	if refusal.status in (401, 403):
		return LinkRefused('This link needs a login.', LOGIN)
	if refusal.status in (404, 410):
		return LinkRefused('There is nothing at this link.', 'Check the link.')
	if refusal.passing:
		return HubUnreachable(f'The server of this link answered with error {refusal.status}.')
	return LinkRefused(
		f'The server of this link refused the request with error {refusal.status}.',
		'Check the link.',
	)


def check_kind(response: http.client.HTTPResponse) -> None:
	kind = (response.getheader('Content-Type') or '').partition(';')[0].strip().lower()
	if kind in ('text/html', 'application/xhtml+xml'):
		raise LinkRefused(PAGE_CAME, COPY)


def check_first(first: bytes, size: int, name: str) -> None:
	"""Whether a file begins as safetensors or GGUF do. Raises LinkRefused."""
	start = first.lstrip()[:200].lower()
	if start.startswith((b'<!doctype html', b'<html', b'<head', b'<?xml')):
		raise LinkRefused(PAGE_CAME, COPY)
	if format_of(first, size):
		return
	if first.startswith((b'PK\x03\x04', b'\x80\x02', b'\x80\x03', b'\x80\x04')):
		raise LinkRefused(
			f'{name} is a pickle or an archive, which can run any program when opened.',
			'Look for a safetensors version of it.',
		)
	raise LinkRefused(
		f'{name} is not a model: it is neither safetensors nor GGUF.', 'Check the link.'
	)


def format_of(first: bytes, size: int) -> str:
	"""The ending that belongs to the content, '' for none that is known. Formats:
	https://github.com/huggingface/safetensors and https://github.com/ggml-org/ggml/blob/master/docs/gguf.md."""
	if first.startswith(b'GGUF'):
		return '.gguf'
	length = int.from_bytes(first[:8], 'little') if len(first) > 8 else 0
	if 2 <= length <= min(size - 8, 100_000_000) and first[8:9] == b'{':
		return '.safetensors'
	return ''


def size_of(response: http.client.HTTPResponse) -> int:
	"""Of the whole file. Raises LinkRefused when the server does not say."""
	total = (response.getheader('Content-Range') or '').rpartition('/')[2]
	if response.status == 206 and total.isdigit():
		return int(total)
	if response.status == 200 and response.length is not None:
		return response.length
	raise LinkRefused(
		'The server of this link does not say how large the file is.', 'Use another link.'
	)


def validator(response: http.client.HTTPResponse) -> str:
	"""What changes when the file does, '' when the server gives nothing that can be relied on."""
	etag = response.getheader('ETag') or ''
	return '' if etag.startswith('W/') else etag.strip('"')


def name_of(response: http.client.HTTPResponse, url: str) -> str:
	"""From Content-Disposition (RFC 6266), else the end of the address."""
	said = response.getheader('Content-Disposition') or ''
	extended = re.search(r"filename\*\s*=\s*([\w-]+)'[^']*'([^;]+)", said, re.IGNORECASE)
	if extended:
		with suppress(LookupError):
			return unquote(extended.group(2).strip(), encoding=extended.group(1), errors='replace')
	plain = re.search(r'filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]+))', said, re.IGNORECASE)
	if plain:
		return re.sub(r'\\(.)', r'\1', plain.group(1)) if plain.group(1) else plain.group(2).strip()
	return unquote(urlsplit(url).path.rpartition('/')[2])


def clean_name(name: str, first: bytes) -> str:
	"""A name that every system takes and that leads nowhere: no separators, no reserved names, not hidden, not
	long, with the ending of its content."""
	name = re.split(r'[/\\]', name)[-1]
	name = re.sub(r'[\x00-\x1f\x7f<>:"|?*\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]', '', name)
	stem, suffix = os.path.splitext(name.strip(' .'))
	known = suffix.lower() if suffix.lower() in ('.safetensors', '.gguf') else ''
	if not known:
		stem += suffix
	suffix = format_of(first, 1 << 62) or known
	stem = stem.strip(' .') or 'model'
	if RESERVED.fullmatch(stem):
		stem = f'model {stem}'
	stem = stem.encode('utf-8', 'replace')[:NAME_BYTES].decode('utf-8', 'ignore').strip(' .')
	return f'{stem or "model"}{suffix}'


def is_link(name: str) -> bool:
	return name.startswith(LINK)


def same(file: Path, size: int, digest: str) -> bool:
	if file.stat().st_size != size:
		return False
	with open(file, 'rb') as stream:
		return hashlib.file_digest(stream, 'sha256').hexdigest() == digest


def put_new(whole: Path, target: Path) -> bool:
	"""Moves it there unless somebody was faster; also to another disk, then under a hidden name first."""
	try:
		os.link(whole, target)
		return True
	except FileExistsError:
		return False
	except OSError:
		pass  # another disk, or one without links
	hidden = target.with_name(f'.{target.name}.localai-part')
	try:
		shutil.copyfile(whole, hidden)
		if target.exists():
			return False
		hidden.replace(target)
		return True
	finally:
		hidden.unlink(missing_ok=True)
