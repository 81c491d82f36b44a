"""A file behind any link: where it may lie, what it must be, and where it goes."""

import json
import socket
import threading
from pathlib import Path

import pytest

from localai.errors import HubUnreachable, InvalidInput, LinkRefused, ModelBroken, WrongBytes
from localai.hub.addresses import Gate
from localai.hub.links import Links, clean_name
from localai.hub.transfer import Stopped
from localai.schemas.links import file_of
from localai.schemas.models import Facts
from tests.hub_server import HubServer

MB = 1 << 20


def safetensors(size: int, seed: int = 0) -> bytes:
	header = json.dumps({'a': {'dtype': 'U8', 'shape': [size], 'data_offsets': [0, size]}}).encode()
	body = bytes((i * 7 + seed) % 251 for i in range(1021))
	return len(header).to_bytes(8, 'little') + header + (body * (size // 1021 + 1))[:size]


class Linking:
	def __init__(self, hub: HubServer, home: Path, **options):
		self.hub, self.home = hub, home
		self.kind = 'lora'
		self.problem = ''
		self.stop = threading.Event()
		self.came = self.reused = 0
		options = {'allow_local': True, 'stall': 2, 'tries': 3} | options
		self.links = Links(home / 'models', home / 'tmp', identify=self.identify, **options)

	def identify(self, path: Path) -> Facts:
		assert path.suffix in ('.safetensors', '.gguf')
		return Facts(kind=self.kind, family='unknown', format='safetensors', problem=self.problem)

	def tick(self, path: str, count: int, fetched: bool) -> None:
		self.came += count
		self.reused += 0 if fetched else count

	def fetch(self, url: str, **more) -> Path:
		return self.links.fetch(self.links.plan(url, **more), self.tick, self.stop)

	def lying(self) -> list[str]:
		"""All that lies in the models' folder."""
		models = self.home / 'models'
		return sorted(p.relative_to(models).as_posix() for p in models.rglob('*') if p.is_file())


@pytest.fixture
def linking(hub, tmp_path) -> Linking:
	files = hub.root / '_files'
	files.mkdir()
	(files / 'one.safetensors').write_bytes(safetensors(3 * MB))
	(files / 'two.safetensors').write_bytes(safetensors(3 * MB, 5))
	(files / 'model.gguf').write_bytes(b'GGUF' + bytes(5000))
	(files / 'bad.safetensors').write_bytes(b'PK\x03\x04' + bytes(5000))
	(files / 'text.safetensors').write_bytes(b'hello there, this is text' * 50)
	(files / 'page.safetensors').write_bytes(b'\n <!DOCTYPE html><title>Log in</title>' * 30)
	(tmp_path / 'home' / 'tmp').mkdir(parents=True)
	return Linking(hub, tmp_path / 'home')


class TestPages:
	@pytest.mark.parametrize(
		('page', 'file'),
		[
			(
				'https://github.com/o/r/blob/main/models/a%20b.safetensors?raw=x',
				'https://github.com/o/r/raw/main/models/a%20b.safetensors',
			),
			(
				'https://civitai.com/models/4384/dreamshaper?a=b&modelVersionId=128713',
				'https://civitai.com/api/download/models/128713',
			),
			(
				'https://Civitai.green/models/4384?modelVersionId=7#reviews',
				'https://civitai.green/api/download/models/7',
			),
			('https://civitai.com/models/4384/dreamshaper', ''),
			('https://www.civitai.com/models/4384?view=all', ''),
			(
				'https://civitai.com/api/download/models/7?type=Model',
				'https://civitai.com/api/download/models/7?type=Model',
			),
			('https://other.example/models/4384', 'https://other.example/models/4384'),
			('https://github.com/o/r/releases/download/v1/a.gguf',) * 2,
		],
	)
	def test_the_file_behind_a_page(self, page, file):
		assert file_of(page) == file

	def test_a_page_that_names_no_file_is_refused_before_it_is_asked(self, tmp_path):
		gate = Gate(resolve=lambda host, port: pytest.fail('was asked for'))
		with pytest.raises(LinkRefused, match='page of a model') as refused:
			Links(tmp_path, tmp_path, gate=gate).plan('https://civitai.com/models/4384/dreamshaper')
		assert 'download button' in refused.value.remedy


class TestAddresses:
	@pytest.mark.parametrize(
		'address',
		[
			'127.0.0.1', '127.8.9.1', '10.0.0.1', '172.16.5.4', '192.168.1.1', '169.254.169.254', '100.64.0.1',
			'0.0.0.0', '224.0.0.1', '240.0.0.1', '255.255.255.255', '192.0.2.1', '198.18.0.1', '::1', '::', 'fe80::1',
			'fe80::1%eth0', 'fc00::1', 'fd12::1', 'fec0::1', 'ff02::1', '::ffff:127.0.0.1', '::ffff:10.0.0.1',
			'::ffff:8.8.8.8', '64:ff9b::7f00:1', '2002:7f00:1::', '2001:db8::1', '2001:0:1::1', '::127.0.0.1',
		],
	)  # fmt: skip
	def test_none_but_the_open_internet(self, address):
		with pytest.raises(LinkRefused, match='private network'):
			Gate(resolve=lambda host, port: [address]).places('good.example', 443)
		# One bad address among good ones is enough.
		with pytest.raises(LinkRefused):
			Gate(resolve=lambda host, port: ['8.8.8.8', address]).places('good.example', 443)

	def test_the_open_internet_is_open(self):
		found = ['8.8.8.8', '2606:4700:4700::1111']
		assert Gate(resolve=lambda host, port: found).places('good.example', 443) == found

	def test_local_ones_by_the_setting_alone_and_loopback_only(self):
		assert Gate(True).places('127.0.0.1', 80) == ['127.0.0.1']
		with pytest.raises(LinkRefused):
			Gate(True, lambda host, port: ['192.168.1.1']).places('x', 80)

	@pytest.mark.parametrize(
		'url',
		[
			'https://127.0.0.1/a.safetensors', 'https://localhost/a.safetensors', 'https://2130706433/a', 'https://0x7f.1/a',
			'https://[::1]/a', 'https://[::ffff:127.0.0.1]/a', 'https://good.example@127.0.0.1/a', 'https://127.1:8080/a',
			'http://8.8.8.8/a.safetensors', 'http://127.0.0.1/a', 'ftp://8.8.8.8/a', 'file:///etc/passwd', 'not a link',
			'https://', 'https:///x', 'https://[::1', 'https://host:port/a', '',
		],
	)  # fmt: skip
	def test_links_that_are_refused(self, tmp_path, url):
		with pytest.raises(LinkRefused):
			Links(tmp_path, tmp_path).plan(url)

	def test_no_connection_is_made_to_a_refused_address(self, tmp_path):
		with socket.socket() as door:
			door.bind(('127.0.0.1', 0))
			door.listen()
			door.settimeout(0.3)
			with pytest.raises(LinkRefused):
				Links(tmp_path, tmp_path).plan(
					f'https://127.0.0.1:{door.getsockname()[1]}/a.safetensors'
				)
			with pytest.raises(TimeoutError):
				door.accept()

	def test_a_redirect_is_checked_again(self, hub, linking):
		for there in (
			'https://169.254.169.254/latest',
			'https://10.0.0.1/a',
			'file:///etc/passwd',
			'gopher://x/',
		):
			with pytest.raises(LinkRefused):
				linking.links.plan(f'{hub.endpoint}/files/one.safetensors?to={there}')
		with pytest.raises(LinkRefused, match='too many times'):
			linking.links.plan(f'{hub.endpoint}/files/one.safetensors?hops=9')
		assert linking.links.plan(f'{hub.endpoint}/files/one.safetensors?hops=4')

	def test_a_name_cannot_change_its_mind_after_the_check(self, hub, linking):
		"""The connection goes to the address that was checked: nobody asks for the name again."""
		asked = []

		def resolve(host: str, port: int) -> list[str]:
			asked.append(host)
			return ['127.0.0.1']

		port = hub.endpoint.rpartition(':')[2]
		linking.links.gate = Gate(True, resolve)
		# A name that no resolver knows: it can only be reached through the checked address.
		plan = linking.links.plan(f'http://pinned.invalid:{port}/files/one.safetensors')
		assert plan.bytes > 3 * MB and set(asked) == {'pinned.invalid'}
		assert hub.asked('/files/*')[0].host == f'pinned.invalid:{port}'
		linking.links.gate = Gate(True, lambda host, port: ['127.0.0.1', '10.1.1.1'])
		with pytest.raises(LinkRefused):
			linking.links.fetch(plan, linking.tick, linking.stop)


class TestContent:
	def test_it_is_fetched_checked_and_put_in_its_place(self, hub, linking):
		url = f'{hub.endpoint}/files/one.safetensors?cdn=1&name=attachment; filename="My Style.safetensors"'
		path = linking.fetch(url.replace(' ', '%20'))
		assert path == linking.home / 'models/loras/My Style.safetensors'
		assert path.read_bytes() == (hub.root / '_files/one.safetensors').read_bytes()
		assert linking.came == path.stat().st_size and linking.lying() == [
			'loras/My Style.safetensors'
		]
		assert not list((linking.home / 'tmp').glob('link-*.safetensors*'))

	@pytest.mark.parametrize(
		('kind', 'folder'),
		[
			('checkpoint', 'checkpoints'), ('embedding', 'embeddings'), ('vae', 'vae'),
			('controlnet', 'controlnet'), ('upscaler', 'upscalers'),
		],
	)  # fmt: skip
	def test_each_kind_has_its_folder(self, hub, linking, kind, folder):
		linking.kind = kind
		assert linking.fetch(f'{hub.endpoint}/files/model.gguf').parent.name == folder

	def test_a_person_may_know_better(self, hub, linking):
		plan = linking.links.plan(f'{hub.endpoint}/files/model.gguf', kind='vae')
		assert plan.folder == 'vae'
		assert linking.links.fetch(plan, linking.tick, linking.stop).parent.name == 'vae'

	def test_nothing_is_written_over(self, hub, linking):
		first = linking.fetch(f'{hub.endpoint}/files/one.safetensors')
		again = linking.fetch(f'{hub.endpoint}/files/one.safetensors')
		assert first == again and linking.lying() == ['loras/one.safetensors']
		other = linking.fetch(f'{hub.endpoint}/files/two.safetensors?name=filename=one.safetensors')
		assert other.name == 'one (2).safetensors'
		assert first.read_bytes() == (hub.root / '_files/one.safetensors').read_bytes()

	@pytest.mark.parametrize(
		('name', 'words'),
		[
			('one.safetensors?login=1', 'web page, not a file'),
			('page.safetensors', 'web page, not a file'),
			('bad.safetensors', 'any program'),
			('text.safetensors', 'not a model'),
			('gone.safetensors', 'nothing at'),
		],
	)
	def test_what_is_no_model(self, hub, linking, name, words):
		with pytest.raises(LinkRefused, match=words):
			linking.links.plan(f'{hub.endpoint}/files/{name}')

	def test_refusals_and_silence_of_the_server(self, hub, linking):
		url = f'{hub.endpoint}/files/one.safetensors'
		hub.fault(status=401, times=1)
		with pytest.raises(LinkRefused, match='login'):
			linking.links.plan(url)
		hub.fault(status=500, times=1)
		with pytest.raises(HubUnreachable, match='500'):
			linking.links.plan(url)
		with pytest.raises(HubUnreachable, match='does not answer'):
			linking.links.plan('http://127.0.0.1:9/a.safetensors')

	def test_a_file_that_turns_out_broken_goes_nowhere(self, hub, linking):
		linking.kind, linking.problem = 'unknown', 'its header is damaged.'
		with pytest.raises(ModelBroken, match='header is damaged'):
			linking.fetch(f'{hub.endpoint}/files/one.safetensors')
		assert not linking.lying() and not list((linking.home / 'tmp').glob('*.safetensors*'))

	def test_the_promised_hash(self, hub, linking):
		url = f'{hub.endpoint}/files/one.safetensors'
		with pytest.raises(WrongBytes):
			linking.fetch(url, sha256='ab' * 32)
		with pytest.raises(InvalidInput):
			linking.fetch(url, sha256='short')
		assert not linking.lying()


class TestResume:
	def test_stop_and_go_on(self, hub, linking):
		url = f'{hub.endpoint}/files/one.safetensors?etag=v1&cdn=1'
		plan = linking.links.plan(url)
		hub.ledger.clear()
		hub.fault(rate=4 * MB)

		def tick(path, count, fetched):
			linking.tick(path, count, fetched)
			if linking.came > MB:
				linking.stop.set()

		with pytest.raises(Stopped):
			linking.links.fetch(plan, tick, linking.stop)
		assert linking.links.have(plan) == {'one.safetensors': linking.came} and not linking.lying()
		hub.faults.clear()
		linking.stop.clear()
		path = linking.links.fetch(plan, linking.tick, linking.stop)
		assert path.read_bytes() == (hub.root / '_files/one.safetensors').read_bytes()
		assert hub.sent('/files/*') <= plan.bytes + MB

	def test_another_file_in_the_meantime(self, hub, linking):
		plan = linking.links.plan(f'{hub.endpoint}/files/one.safetensors?etag=v1')
		changed = plan.files[0].model_copy(update={'etag': 'v0'})
		with pytest.raises(WrongBytes, match='has changed'):
			linking.links.fetch(
				plan.model_copy(update={'files': (changed,)}), linking.tick, linking.stop
			)

	def test_giving_up_leaves_nothing(self, hub, linking):
		plan = linking.links.plan(f'{hub.endpoint}/files/one.safetensors')
		hub.fault(cut=MB)
		with pytest.raises(HubUnreachable):
			Linking(hub, linking.home, tries=1).links.fetch(plan, linking.tick, linking.stop)
		assert linking.links.discard(plan) == MB
		assert not list((linking.home / 'tmp').iterdir())


class TestNames:
	@pytest.mark.parametrize(
		('name', 'clean'),
		[
			('a.safetensors', 'a.safetensors'),
			('../../etc/passwd', 'passwd.safetensors'),
			('..\\..\\x.SAFETENSORS', 'x.safetensors'),
			('con.safetensors', 'model con.safetensors'),
			('LPT1.old.safetensors', 'model LPT1.old.safetensors'),
			('.hidden.safetensors', 'hidden.safetensors'),
			('a\0b\n<>:"|?*.safetensors', 'ab.safetensors'),
			('v1.5-pruned', 'v1.5-pruned.safetensors'),
			('x.gguf', 'x.safetensors'),
			('evil\u202egnp.safetensors', 'evilgnp.safetensors'),
			('', 'model.safetensors'),
			('. . .', 'model.safetensors'),
			('日本.safetensors', '日本.safetensors'),
		],
	)
	def test_they_lead_nowhere(self, name, clean):
		assert clean_name(name, safetensors(100)) == clean

	def test_they_stay_short(self):
		assert len(clean_name('é' * 500 + '.safetensors', safetensors(100)).encode()) <= 140
