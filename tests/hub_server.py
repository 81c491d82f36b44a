"""A hub on this machine: what huggingface_hub, diffusers and LocalAI ask of the real one, with faults on request.

`root/org/name/` is a repository, its optional `.hub.json` what the hub knows of it; `root/_files/` is served as plain links.
By hand: `python -m tests.hub_server --root DIR --port N`, then HF_ENDPOINT=http://127.0.0.1:N.
"""

import argparse
import contextlib
import fnmatch
import hashlib
import json
import re
import socket
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

LFS = ('.safetensors', '.gguf', '.bin', '.ckpt', '.pt', '.pth', '.msgpack', '.onnx', '.h5', '.png')
BLOCK = 1 << 20
SORTS = {'trendingScore': 'likes', 'downloads': 'downloads', 'likes': 'likes'}


@dataclass
class Fault:
	"""What goes wrong with requests whose path matches. `skip` requests pass first, then `times` are met (-1: all)."""

	pattern: str = '*'
	status: int = 0
	retry_after: str = ''
	error_code: str = ''
	cut: int = -1  # close after so many bytes of a body
	stall: int = -1  # fall silent after so many bytes of a body
	wrong: bool = False  # other bytes of the same length
	short: bool = False  # says and sends one byte less than there is
	rate: float = 0  # bytes a second for each connection
	ranges: bool = True  # False: a Range is not listened to
	method: str = 'GET'
	times: int = -1
	skip: int = 0

	def meets(self, method: str, path: str) -> bool:
		if method != self.method or not fnmatch.fnmatch(path, self.pattern) or not self.times:
			return False
		if self.skip:
			self.skip -= 1
			return False
		self.times -= 1 if self.times > 0 else 0
		return True


@dataclass
class Asked:
	"""One request as it came. `cdn` when it came to the second address."""

	method: str
	path: str
	range: str
	token: str
	cdn: bool
	host: str
	agent: str = ''


@dataclass
class Hosted:
	"""One file of a repository as the hub tells of it."""

	path: str
	file: Path
	size: int
	oid: str
	sha256: str = ''

	@property
	def etag(self) -> str:
		return self.sha256 or self.oid


@dataclass
class Ledger:
	"""What was asked and sent; `sent` counts bytes of bodies by path, `most` how many went out at once."""

	lock: threading.Lock = field(default_factory=threading.Lock)
	requests: list[Asked] = field(default_factory=list)
	sent: dict[str, int] = field(default_factory=dict)
	busy: int = 0
	most: int = 0

	def begin(self, count: int) -> None:
		with self.lock:
			self.busy += count
			self.most = max(self.most, self.busy)

	def note(self, path: str, count: int) -> None:
		with self.lock:
			self.sent[path] = self.sent.get(path, 0) + count

	def clear(self) -> None:
		with self.lock:
			self.requests.clear()
			self.sent.clear()


class HubServer:
	"""`endpoint` is the hub, `cdn` a second address that large files are redirected to unless `redirect` is off.

	`tokens` maps a token to its account; `granted` are the accounts that may read gated repositories.
	"""

	def __init__(self, root: Path, port: int = 0, redirect: bool = True):
		self.root = Path(root)
		self.redirect = redirect
		self.tokens = {'hf_good': 'ada', 'hf_other': 'bob'}
		self.granted = {'ada'}
		self.faults: list[Fault] = []
		self.ledger = Ledger()
		self.hashes: dict[tuple, tuple[str, str]] = {}
		self.over = threading.Event()
		self.open: set[socket.socket] = set()
		self.servers = [self.serve(port, False), self.serve(0, True)]
		self.endpoint, self.cdn = (f'http://127.0.0.1:{s.server_address[1]}' for s in self.servers)

	def serve(self, port: int, cdn: bool) -> ThreadingHTTPServer:
		hub = self

		class Handler(HubHandler):
			server_hub = hub
			is_cdn = cdn

		class Server(ThreadingHTTPServer):
			daemon_threads = True
			request_queue_size = 256

			def handle_error(self, request, client_address) -> None:
				"""A client that hangs up is no news."""

		return Server(('127.0.0.1', port), Handler)

	def __enter__(self) -> 'HubServer':
		for server in self.servers:
			threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
		return self

	def __exit__(self, *_: object) -> None:
		self.over.set()
		for server in self.servers:
			server.shutdown()
			server.server_close()
		self.drop()

	def drop(self) -> None:
		"""Every open connection is lost."""
		for connection in list(self.open):
			with contextlib.suppress(OSError):
				connection.shutdown(socket.SHUT_RDWR)

	def fault(self, pattern: str = '*', **kinds: object) -> Fault:
		fault = Fault(pattern, **kinds)
		self.faults.append(fault)
		return fault

	def sent(self, pattern: str = '*') -> int:
		"""Bytes of bodies sent for matching paths, of the hub and the CDN together."""
		with self.ledger.lock:
			return sum(n for p, n in self.ledger.sent.items() if fnmatch.fnmatch(p, pattern))

	def asked(self, pattern: str = '*', method: str = '') -> list[Asked]:
		with self.ledger.lock:
			return [
				r
				for r in self.ledger.requests
				if fnmatch.fnmatch(r.path, pattern) and method in ('', r.method)
			]

	def facts(self, repo: str) -> dict:
		"""What .hub.json says, over what a plain public repository has."""
		given = self.root / repo / '.hub.json'
		plain = {
			'private': False,
			'gated': False,
			'tags': [],
			'pipeline_tag': None,
			'library_name': None,
			'downloads': 0,
			'likes': 0,
			'cardData': {},
			'config': {},
			'lastModified': '2026-01-02T03:04:05.000Z',
			'createdAt': '2025-01-02T03:04:05.000Z',
		}
		return plain | (json.loads(given.read_text('utf-8')) if given.is_file() else {})

	def repositories(self) -> list[str]:
		return sorted(
			f'{o.name}/{r.name}'
			for o in self.root.iterdir()
			if o.is_dir() and o.name != '_files'
			for r in o.iterdir()
			if r.is_dir()
		)

	def files(self, repo: str) -> list[Hosted]:
		folder = self.root / repo
		found = []
		for file in sorted(p for p in folder.rglob('*') if p.is_file() and p.name != '.hub.json'):
			stat = file.stat()
			key = (str(file), stat.st_size, stat.st_mtime_ns)
			if key not in self.hashes:
				self.hashes[key] = (git_hash(file), sha256(file) if is_lfs(file) else '')
			oid, digest = self.hashes[key]
			name = file.relative_to(folder).as_posix()
			found.append(Hosted(name, file, stat.st_size, oid, digest))
		return found

	def commit(self, repo: str) -> str:
		"""The commit is what the repository holds."""
		listing = '\n'.join(f'{f.path} {f.etag}' for f in self.files(repo))
		return hashlib.sha1(f'{repo}\n{listing}'.encode()).hexdigest()

	def about(self, repo: str, blobs: bool = False) -> dict:
		facts = self.facts(repo)
		files = self.files(repo)
		siblings = []
		for hosted in files:
			one = {'rfilename': hosted.path}
			if blobs:
				one |= {'size': hosted.size, 'blobId': hosted.oid}
				if hosted.sha256:
					one['lfs'] = {'sha256': hosted.sha256, 'size': hosted.size, 'pointerSize': 130}
			siblings.append(one)
		index = self.root / repo / 'model_index.json'
		config = dict(facts['config'])
		if index.is_file():
			with contextlib.suppress(ValueError):
				config['diffusers'] = {
					'_class_name': json.loads(index.read_text('utf-8')).get('_class_name')
				}
		return facts | {
			'_id': hashlib.sha1(repo.encode()).hexdigest()[:24],
			'id': repo,
			'modelId': repo,
			'author': repo.split('/')[0],
			'sha': self.commit(repo),
			'disabled': False,
			'config': config,
			'siblings': siblings,
			'trendingScore': facts['likes'],
			'usedStorage': sum(f.size for f in files),
			'spaces': [],
		}


class HubHandler(BaseHTTPRequestHandler):
	protocol_version = 'HTTP/1.1'
	disable_nagle_algorithm = True
	server_hub: HubServer
	is_cdn = False

	def setup(self) -> None:
		super().setup()
		self.server_hub.open.add(self.connection)

	def finish(self) -> None:
		self.server_hub.open.discard(self.connection)
		with contextlib.suppress(OSError):
			super().finish()

	def log_message(self, *_: object) -> None:
		pass

	def do_HEAD(self) -> None:
		self.answer()

	def do_GET(self) -> None:
		self.answer()

	def do_POST(self) -> None:
		"""/_control adds faults (a list of their fields) or, with null, removes all; for another process."""
		body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
		if urlsplit(self.path).path != '/_control':
			return self.refuse(404, 'nothing here')
		given = json.loads(body)
		self.server_hub.faults[:] = [] if given is None else [Fault(**f) for f in given]
		self.send_json({'sent': self.server_hub.ledger.sent})

	def answer(self) -> None:
		"""1 note it, 2 meet the fault that waits for it, 3 answer."""
		hub = self.server_hub
		split = urlsplit(self.path)
		self.where = unquote(split.path)
		self.query = parse_qs(split.query, keep_blank_values=True)
		token = self.headers.get('Authorization', '').removeprefix('Bearer ')
		with hub.ledger.lock:
			hub.ledger.requests.append(
				Asked(
					self.command,
					self.where,
					self.headers.get('Range', ''),
					token,
					self.is_cdn,
					self.headers.get('Host', ''),
					self.headers.get('User-Agent', ''),
				)
			)
			self.fault = next((f for f in hub.faults if f.meets(self.command, self.where)), Fault())
		if self.fault.status:
			extra = {'Retry-After': self.fault.retry_after} if self.fault.retry_after else {}
			return self.refuse(self.fault.status, 'a fault', self.fault.error_code, extra)

		if self.is_cdn:
			return self.answer_cdn()
		if token and token not in hub.tokens:
			return self.refuse(401, 'Invalid credentials in Authorization header')
		self.account = hub.tokens.get(token, '')
		for pattern, route in ROUTES:
			if match := re.fullmatch(pattern, self.where):
				return route(self, *match.groups())
		self.refuse(404, 'nothing here')

	# --- what is asked

	def whoami(self) -> None:
		if not self.account:
			return self.refuse(401, 'Invalid username or password.')
		self.send_json({'type': 'user', 'name': self.account, 'auth': {'accessToken': {}}})

	def models(self) -> None:
		hub = self.server_hub
		first = lambda key: self.query.get(key, [''])[0]  # noqa: E731
		found = [
			a
			for a in map(hub.about, hub.repositories())
			if not a['private'] or self.account == a['author']
		]
		words = first('search').lower().split()
		found = [a for a in found if all(w in a['id'].lower() for w in words)]
		if first('author'):
			found = [a for a in found if a['author'] == first('author')]
		if first('gated'):
			found = [a for a in found if bool(a['gated']) == (first('gated').lower() == 'true')]
		for wanted in self.query.get('filter', []):
			for tag in wanted.split(','):
				found = [
					a for a in found if tag in (*a['tags'], a['pipeline_tag'], a['library_name'])
				]
		if first('pipeline_tag'):
			found = [a for a in found if a['pipeline_tag'] == first('pipeline_tag')]
		sort = first('sort')
		found.sort(key=lambda a: a.get(SORTS.get(sort, sort)) or 0, reverse=True)

		start, limit = int(first('cursor') or 0), min(int(first('limit') or 1000), 1000)
		extra = {}
		if start + limit < len(found):
			query = urlencode(
				{k: v for k, v in self.query.items() if k != 'cursor'} | {'cursor': start + limit},
				doseq=True,
			)
			extra['Link'] = f'<{hub.endpoint}/api/models?{query}>; rel="next"'
		keep = set(self.query.get('expand', [])) or {
			'author', 'private', 'gated', 'tags', 'pipeline_tag', 'library_name', 'downloads', 'likes',
			'createdAt', 'lastModified', 'trendingScore', *(('siblings', 'sha') if first('full') else ()),
			*(('cardData',) if first('cardData') else ()), *(('config',) if first('config') else ()),
		}  # fmt: skip
		page = [
			{k: v for k, v in a.items() if k in keep | {'_id', 'id', 'modelId'}}
			for a in found[start : start + limit]
		]
		self.send_json(page, extra)

	def model(self, repo: str, revision: str | None = None) -> None:
		if not self.may_know(repo) or not self.has_revision(repo, revision):
			return
		about = self.server_hub.about(repo, 'blobs' in self.query)
		if self.query.get('expand'):
			about = {
				k: v
				for k, v in about.items()
				if k in {*self.query['expand'], '_id', 'id', 'modelId'}
			}
		self.send_json(about)

	def tree(self, repo: str, revision: str) -> None:
		if not self.may_know(repo) or not self.has_revision(repo, revision):
			return
		listing, folders = [], set()
		for hosted in self.server_hub.files(repo):
			one = {'type': 'file', 'path': hosted.path, 'size': hosted.size, 'oid': hosted.oid}
			if hosted.sha256:
				one['lfs'] = {'oid': hosted.sha256, 'size': hosted.size, 'pointerSize': 130}
			folder = hosted.path.rpartition('/')[0]
			if folder and folder not in folders:
				folders.add(folder)
				listing.append({'type': 'directory', 'path': folder, 'size': 0, 'oid': '0' * 40})
			listing.append(one)
		start, limit = (int(self.query.get(k, [d])[0]) for k, d in (('cursor', 0), ('limit', 50)))
		extra = {}
		if start + limit < len(listing):
			extra['Link'] = (
				f'<{self.server_hub.endpoint}{quote(self.where)}?recursive=true&limit={limit}'
				f'&cursor={start + limit}>; rel="next"'
			)
		self.send_json(listing[start : start + limit], extra)

	def resolve(self, repo: str, revision: str, path: str) -> None:
		hub = self.server_hub
		if not self.may_know(repo) or not self.may_read(repo):
			return
		if not self.has_revision(repo, revision):
			return
		commit = hub.commit(repo)
		hosted = next((f for f in hub.files(repo) if f.path == path), None)
		if hosted is None:
			extra = {'X-Repo-Commit': commit}
			return self.refuse(404, 'Entry not found', 'EntryNotFound', extra)
		headers = {'X-Repo-Commit': commit, 'Accept-Ranges': 'bytes'}
		if hosted.sha256 and hub.redirect:
			place = f'{hub.cdn}/cdn/{repo}/{path}?sig={hosted.sha256[:12]}'
			headers |= {
				'X-Linked-Etag': f'"{hosted.sha256}"',
				'X-Linked-Size': str(hosted.size),
				'Location': place,
			}
			return self.send_plain(302, b'', headers)
		headers['ETag'] = f'"{hosted.etag}"'
		self.send_file(hosted.file, headers)

	def answer_cdn(self) -> None:
		if match := re.fullmatch(r'/cdn/([^/]+/[^/]+)/(.+)', self.where):
			repo, path = match.groups()
			hosted = next((f for f in self.server_hub.files(repo) if f.path == path), None)
			if hosted and self.query.get('sig') == [hosted.sha256[:12]]:
				return self.send_file(hosted.file, {'ETag': f'"{hosted.sha256[:32]}"'})
			return self.refuse(403, 'expired')
		if self.where.startswith('/files/'):
			return self.link(self.where.removeprefix('/files/'))
		self.refuse(404, 'nothing here')

	def link(self, name: str) -> None:
		"""?to=URL redirects there, ?cdn=1 to the other address, ?name=N says Content-Disposition, ?login=1 wants one,
		?etag= says one, ?hops=N redirects to itself so often."""
		first = lambda key: self.query.get(key, [''])[0]  # noqa: E731
		if first('to'):
			return self.send_plain(302, b'', {'Location': first('to')})
		if first('hops') and int(first('hops')):
			query = {k: v[0] for k, v in self.query.items()} | {'hops': str(int(first('hops')) - 1)}
			return self.send_plain(
				302, b'', {'Location': f'{quote(self.where)}?{urlencode(query)}'}
			)
		if first('cdn') and not self.is_cdn:
			query = urlencode({k: v[0] for k, v in self.query.items() if k != 'cdn'})
			where = f'{self.server_hub.cdn}{quote(self.where)}?{query}'
			return self.send_plain(307, b'', {'Location': where})
		if first('login'):
			page = b'<!DOCTYPE html><html><head><title>Log in</title></head></html>'
			return self.send_plain(200, page, {'Content-Type': 'text/html; charset=utf-8'})
		file = (self.server_hub.root / '_files' / name).resolve()
		if not file.is_file() or self.server_hub.root.resolve() not in file.parents:
			return self.refuse(404, 'nothing here')
		headers = {'Accept-Ranges': 'bytes'}
		if first('name'):
			headers['Content-Disposition'] = first('name')
		if first('etag'):
			headers['ETag'] = f'"{first("etag")}"'
		self.send_file(file, headers)

	# --- who may

	def may_know(self, repo: str) -> bool:
		hub = self.server_hub
		folder = hub.root / repo
		known = folder.is_dir() and '..' not in repo
		if known and hub.facts(repo)['private'] and self.account != repo.split('/')[0]:
			known = False
		if not known:
			status = 404 if self.account else 401
			self.refuse(status, 'Repository not found', 'RepoNotFound')
		return known

	def may_read(self, repo: str) -> bool:
		hub = self.server_hub
		if not hub.facts(repo)['gated'] or self.account in hub.granted:
			return True
		status = 403 if self.account else 401
		self.refuse(status, f'Access to model {repo} is restricted.', 'GatedRepo')
		return False

	def has_revision(self, repo: str, revision: str | None) -> bool:
		hub = self.server_hub
		known = {'main', hub.commit(repo), *hub.facts(repo).get('revisions', ())}
		if revision is None or unquote(revision) in known:
			return True
		self.refuse(404, f'Invalid rev id: {revision}', 'RevisionNotFound')
		return False

	# --- how it is sent

	def refuse(self, status: int, words: str, code: str = '', extra: dict | None = None) -> None:
		headers = {'X-Error-Message': words} | ({'X-Error-Code': code} if code else {})
		body = json.dumps({'error': words}).encode()
		headers['Content-Type'] = 'application/json'
		self.send_plain(status, body, headers | (extra or {}))

	def send_json(self, content: object, extra: dict | None = None) -> None:
		headers = {'Content-Type': 'application/json; charset=utf-8'}
		self.send_plain(200, json.dumps(content).encode(), headers | (extra or {}))

	def send_plain(self, status: int, body: bytes, headers: dict) -> None:
		self.send_response(status)
		for name, value in headers.items():
			self.send_header(name, value)
		self.send_header('Content-Length', str(len(body)))
		self.end_headers()
		if self.command != 'HEAD':
			self.wfile.write(body)

	def send_file(self, file: Path, headers: dict) -> None:
		"""With sendfile when nothing is wrong; byte ranges of the form a-, a-b and -n."""
		fault = self.fault
		size = file.stat().st_size - fault.short
		start, end, status = 0, size, 200
		asked = re.fullmatch(r'bytes=(\d*)-(\d*)', self.headers.get('Range', ''))
		if asked and fault.ranges and asked.group(0) != 'bytes=-':
			first, last = asked.groups()
			if first:
				start, end = int(first), min(int(last) + 1 if last else size, size)
			else:
				start = max(0, size - int(last))
			if start >= size or end <= start:
				return self.send_plain(416, b'', {'Content-Range': f'bytes */{size}'})
			status = 206
			headers['Content-Range'] = f'bytes {start}-{end - 1}/{size}'
		if not fault.ranges:
			headers.pop('Accept-Ranges', None)
		self.send_response(status)
		for name, value in headers.items():
			self.send_header(name, value)
		self.send_header('Content-Type', 'application/octet-stream')
		self.send_header('Content-Length', str(end - start))
		self.end_headers()
		if self.command == 'HEAD':
			return
		self.wfile.flush()
		self.server_hub.ledger.begin(1)
		try:
			self.send_body(file, start, end)
		except OSError:
			self.close_connection = True
		finally:
			self.server_hub.ledger.begin(-1)

	def send_body(self, file: Path, start: int, end: int) -> None:
		fault, hub = self.fault, self.server_hub
		plain = fault.cut < 0 and fault.stall < 0 and not fault.wrong and not fault.rate
		block = BLOCK * 8 if plain else min(BLOCK, int(fault.rate / 20) or BLOCK)
		position, began = start, time.monotonic()
		with open(file, 'rb') as stream:
			while position < end:
				count = min(block, end - position)
				if fault.cut >= 0:
					count = min(count, fault.cut - (position - start))
				if fault.stall >= 0:
					count = min(count, fault.stall - (position - start))
				if count <= 0:
					if fault.stall >= 0:
						hub.over.wait(60)
					self.close_connection = True
					with contextlib.suppress(OSError):
						self.connection.shutdown(socket.SHUT_RDWR)
					return
				if fault.wrong:
					stream.seek(position)
					self.connection.sendall(bytes(255 - b for b in stream.read(count)))
				else:
					self.connection.sendfile(stream, position, count)
				hub.ledger.note(self.where, count)
				position += count
				if fault.rate:
					ahead = (position - start) / fault.rate - (time.monotonic() - began)
					if hub.over.wait(max(0, ahead)):
						return


ROUTES = (
	(r'/api/whoami-v2', HubHandler.whoami),
	(r'/api/models', HubHandler.models),
	(r'/api/models/([^/]+/[^/]+)', HubHandler.model),
	(r'/api/models/([^/]+/[^/]+)/revision/(.+)', HubHandler.model),
	(r'/api/models/([^/]+/[^/]+)/tree/([^/]+)', HubHandler.tree),
	(r'/([^/]+/[^/]+)/resolve/([^/]+|refs/pr/\d+)/(.+)', HubHandler.resolve),
	(r'/files/(.+)', HubHandler.link),
)


def is_lfs(file: Path) -> bool:
	return file.suffix in LFS or file.stat().st_size > 10_000_000


def sha256(file: Path) -> str:
	with open(file, 'rb') as stream:
		return hashlib.file_digest(stream, 'sha256').hexdigest()


def git_hash(file: Path) -> str:
	"""What git calls this content (https://git-scm.com/book/en/v2/Git-Internals-Git-Objects)."""
	digest = hashlib.sha1(f'blob {file.stat().st_size}\0'.encode())
	with open(file, 'rb') as stream:
		while block := stream.read(BLOCK):
			digest.update(block)
	return digest.hexdigest()


def main() -> None:
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument('--root', type=Path, required=True)
	parser.add_argument('--port', type=int, default=0)
	parser.add_argument(
		'--no-redirect', action='store_true', help='large files come from the hub itself'
	)
	given = parser.parse_args()
	with HubServer(given.root, given.port, not given.no_redirect) as hub:
		print(
			json.dumps({'endpoint': hub.endpoint, 'cdn': hub.cdn, 'at': str(datetime.now(UTC))}),
			flush=True,
		)
		with contextlib.suppress(KeyboardInterrupt):
			threading.Event().wait()


if __name__ == '__main__':
	main()
