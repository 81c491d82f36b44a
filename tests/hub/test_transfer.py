"""Bytes come over, whatever happens on the way: counted, checked, visible only when whole."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import scan_cache_dir, snapshot_download, try_to_load_from_cache

from localai.errors import DiskFull, HubUnreachable, NotOnHub, WrongBytes
from localai.hub import limiter
from localai.hub.limiter import Limiter
from localai.hub.transfer import Stopped
from localai.schemas.downloads import DownloadPlan
from tests.hub.conftest import MB, Fetching, add_repository
from tests.hub.test_client import ROOT
from tests.waiting import eventually

BIG = 66 * MB
CHUNK = 8 * MB
CHILD = """
import sys, threading
from pathlib import Path
import huggingface_hub.constants as constants
constants.HF_HUB_OFFLINE = False
from localai.hub.transfer import Transfers
from localai.schemas.downloads import DownloadPlan
endpoint, cache, plan = sys.argv[1:]
plan = DownloadPlan.model_validate_json(plan)
Transfers(Path(cache), endpoint).fetch(plan, lambda *told: None, threading.Event())
"""


def parts(cache: Path) -> list[str]:
	return [p.name for p in cache.rglob('*') if '.localai-' in p.name]


def visible(cache: Path) -> list[Path]:
	"""What huggingface_hub or a person could take for a file of a model."""
	places = (*cache.glob('models--*/snapshots/**/*'), *cache.glob('models--*/refs/**/*'))
	return [p for p in places if p.is_file()]


class TestLayout:
	def test_it_lies_as_huggingface_hub_would_have_put_it(self, hub, fetching, tmp_path):
		files = {
			'a.safetensors': 3 * MB,
			'deep/er/b.json': '{}',
			'same.json': '{}',
			'empty.txt': '',
		}
		source = add_repository(hub.root, 'org/plain', files)
		folder = fetching.fetch(fetching.plan('org/plain', everything=True))
		theirs = Path(
			snapshot_download('org/plain', cache_dir=tmp_path / 'theirs', endpoint=hub.endpoint)
		)
		ours = {p.relative_to(fetching.cache) for p in fetching.cache.rglob('*')}
		others = {p.relative_to(tmp_path / 'theirs') for p in (tmp_path / 'theirs').rglob('*')}
		# Their list of the whole repository is not ours to write: we may have fetched a part of it.
		assert {p for p in others if 'trees' not in p.parts} == {
			p for p in ours if '.locks' not in p.parts
		} | {p for p in others if '.locks' in p.parts}
		for name in files:
			assert (folder / name).read_bytes() == (source / name).read_bytes()
			if os.name != 'nt':
				assert os.readlink(folder / name) == os.readlink(theirs / name)
		before = len(hub.asked())
		found = snapshot_download('org/plain', cache_dir=fetching.cache, local_files_only=True)
		assert Path(found) == folder and len(hub.asked()) == before
		(entry,) = scan_cache_dir(fetching.cache).repos
		# Two of the four have the same content.
		assert entry.nb_files == 3 and not scan_cache_dir(fetching.cache).warnings
		assert fetching.came == {
			n: len((source / n).read_bytes()) for n in files if n != 'empty.txt'
		}
		assert not parts(fetching.cache) and fetching.checked == 1

	def test_what_is_there_is_not_fetched_again(self, hub, fetching):
		source = add_repository(hub.root, 'org/plain', {'a.safetensors': MB, 'b.json': '{}'})
		fetching.fetch(fetching.plan('org/plain', everything=True))
		hub.ledger.clear()
		(source / 'b.json').write_text('{"new": 1}')
		plan = fetching.plan('org/plain', everything=True)
		assert fetching.transfers().have(plan) == {'a.safetensors': MB, 'b.json': 0}
		fetching.fetch(plan)
		assert [r.path.rpartition('/')[2] for r in hub.asked('*/resolve/*')] == ['b.json']
		assert fetching.transfers().has('org/plain') and not fetching.transfers().has('org/other')

	def test_the_reference_comes_last(self, hub, fetching):
		add_repository(hub.root, 'org/plain', {'a.safetensors': MB, 'b.safetensors': 2 * MB})
		hub.fault('*/b.safetensors', status=404, error_code='EntryNotFound')
		with pytest.raises(NotOnHub, match='no longer in org/plain'):
			fetching.fetch(fetching.plan('org/plain', everything=True))
		assert not visible(fetching.cache) and not fetching.transfers().has('org/plain')
		hub.faults.clear()
		fetching.fetch(fetching.plan('org/plain', everything=True))
		assert (fetching.cache / 'models--org--plain/refs/main').read_text() == hub.commit(
			'org/plain'
		)

	def test_the_same_bytes_in_another_repository_or_folder_are_used(self, hub, tmp_path, fetching):
		add_repository(hub.root, 'org/one', {'a.safetensors': MB})
		shutil.copytree(hub.root / 'org/one', hub.root / 'org/two')
		fetching.fetch(fetching.plan('org/one'))
		hub.ledger.clear()
		folder = fetching.fetch(fetching.plan('org/two'))
		assert hub.sent('*.safetensors') == 0 and fetching.reused == MB
		assert (folder / 'a.safetensors').read_bytes() == (
			hub.root / 'org/one/a.safetensors'
		).read_bytes()

		mine = tmp_path / 'mine.safetensors'
		shutil.copy(hub.root / 'org/one/a.safetensors', mine)
		other = Fetching(hub, tmp_path / 'other', existing=lambda sha256: mine)
		other.fetch(other.plan('org/two'))
		assert hub.sent('*.safetensors') == 0 and other.reused == MB
		mine.unlink()
		mine.write_bytes(b'x' * MB)  # it has changed since it was hashed
		third = Fetching(hub, tmp_path / 'third', existing=lambda sha256: mine)
		third.fetch(third.plan('org/two'))
		assert hub.sent('*.safetensors') == MB and third.reused == 0


class TestResume:
	def test_cut_connections_cost_nothing(self, hub, fetching):
		source = add_repository(hub.root, 'org/big', {'a.safetensors': BIG, 'c.json': '{}'})
		hub.fault('/cdn/*', cut=3 * MB + 77, times=5)
		folder = fetching.fetch(fetching.plan('org/big'))
		assert (folder / 'a.safetensors').read_bytes() == (source / 'a.safetensors').read_bytes()
		assert BIG <= hub.sent('/cdn/*') <= BIG + CHUNK
		assert fetching.came['a.safetensors'] == BIG
		assert len({r.range.split('-')[0] for r in hub.asked('/cdn/*')}) >= 5 + 5

	def test_a_large_file_comes_over_several_connections(self, hub, fetching):
		add_repository(hub.root, 'org/big', {'a.safetensors': BIG})
		hub.fault('/cdn/*', rate=15 * MB)
		fetching.fetch(fetching.plan('org/big'))
		assert hub.ledger.most == 4
		assert hub.sent() <= BIG + 100

	def test_pause_and_go_on(self, hub, fetching):
		source = add_repository(hub.root, 'org/big', {'a.safetensors': 20 * MB})
		hub.fault('/cdn/*', rate=20 * MB)
		plan = fetching.plan('org/big')

		def tick(path, count, fetched):
			fetching.tick(path, count, fetched)
			if sum(fetching.came.values()) > 6 * MB:
				fetching.stop.set()

		with pytest.raises(Stopped):
			fetching.transfers().fetch(plan, tick, fetching.stop)
		kept = fetching.transfers().have(plan)['a.safetensors']
		assert 6 * MB < kept < 20 * MB and kept == fetching.came['a.safetensors']
		assert not visible(fetching.cache)
		hub.faults.clear()
		hub.ledger.clear()
		fetching.stop.clear()
		folder = fetching.fetch(plan)
		assert hub.sent('/cdn/*') == 20 * MB - kept and fetching.came['a.safetensors'] == 20 * MB
		assert (folder / 'a.safetensors').read_bytes() == (source / 'a.safetensors').read_bytes()

	def test_a_stop_is_heard_while_nothing_comes(self, hub, fetching):
		add_repository(hub.root, 'org/big', {'a.safetensors': 2 * MB})
		hub.fault('/cdn/*', stall=MB)
		patient = Fetching(hub, fetching.cache, stall=3600)
		threading.Timer(0.5, patient.stop.set).start()
		with pytest.raises(Stopped):
			patient.fetch(patient.plan('org/big'))

	@pytest.mark.skipif(os.name == 'nt', reason='there is no kill -9')
	def test_a_kill_loses_a_chunk_at_most(self, hub, fetching):
		source = add_repository(
			hub.root, 'org/big', {'a.safetensors': BIG, 'b.safetensors': 5 * MB}
		)
		plan = fetching.plan('org/big', everything=True)
		hub.fault('/cdn/*', rate=8 * MB)
		child = subprocess.Popen(
			[sys.executable, '-c', CHILD, hub.endpoint, fetching.cache, plan.model_dump_json()],
			cwd=ROOT,
		)
		eventually(lambda: hub.sent('/cdn/*') > 20 * MB)
		child.send_signal(signal.SIGKILL)
		child.wait()
		hub.drop()
		assert not visible(fetching.cache)
		have = sum(fetching.transfers().have(plan).values())
		assert have > 20 * MB - CHUNK
		hub.faults.clear()
		folder = fetching.fetch(plan)
		assert hub.sent('/cdn/*') <= plan.bytes + CHUNK
		assert (folder / 'a.safetensors').read_bytes() == (source / 'a.safetensors').read_bytes()

	def test_a_damaged_part_is_found_and_fetched_anew(self, hub, fetching):
		source = add_repository(hub.root, 'org/big', {'a.safetensors': 4 * MB})
		plan = fetching.plan('org/big')
		hub.fault('/cdn/*', cut=2 * MB)
		with pytest.raises(HubUnreachable):
			Fetching(hub, fetching.cache, tries=1).fetch(plan)
		hub.faults.clear()
		(part,) = fetching.cache.rglob('*.localai-part')
		with open(part, 'r+b') as file:
			file.write(b'\0' * 4096)
		folder = fetching.fetch(plan)
		assert (folder / 'a.safetensors').read_bytes() == (source / 'a.safetensors').read_bytes()
		(journal,) = [b'not a journal']
		plan = fetching.plan('org/big')
		(
			fetching.cache / 'models--org--big/blobs' / f'{plan.files[0].etag}.localai-map'
		).write_bytes(journal)
		assert fetching.transfers().have(plan) == {'a.safetensors': 4 * MB}

	def test_what_huggingface_hub_left_is_left_alone(self, hub, fetching):
		add_repository(hub.root, 'org/big', {'a.safetensors': MB})
		plan = fetching.plan('org/big')
		orphan = fetching.cache / f'models--org--big/blobs/{plan.files[0].etag}.1234abcd.incomplete'
		orphan.parent.mkdir(parents=True)
		orphan.write_bytes(b'theirs')
		fetching.fetch(plan)
		assert orphan.read_bytes() == b'theirs'

	def test_a_cancelled_download_leaves_nothing_but_what_others_use(self, hub, fetching):
		add_repository(hub.root, 'org/big', {'a.safetensors': MB, 'b.safetensors': MB + 1})
		fetching.transfers().discard(fetching.plan('org/big', everything=True))
		hub.fault('*/b.safetensors', cut=MB // 2)
		plan = fetching.plan('org/big', everything=True)
		with pytest.raises(HubUnreachable):
			Fetching(hub, fetching.cache, tries=1).fetch(plan)
		assert fetching.transfers().discard(plan) >= MB // 2
		assert not [p for p in fetching.cache.glob('models--*/**/*') if p.is_file()]
		hub.faults.clear()
		fetching.fetch(fetching.plan('org/big', 'a.safetensors'))
		fetching.transfers().discard(plan)
		assert fetching.transfers().have(plan) == {'a.safetensors': MB, 'b.safetensors': 0}


class TestTrouble:
	@pytest.fixture(autouse=True)
	def fill(self, hub):
		self.source = add_repository(
			hub.root, 'org/some', {'a.safetensors': 3 * MB, 'c.json': '{"a": 1}'}
		)

	def content(self) -> bytes:
		return (self.source / 'a.safetensors').read_bytes()

	@pytest.mark.parametrize('pattern', ['*/a.safetensors', '*/c.json'])
	def test_wrong_bytes_are_refused_and_never_seen(self, hub, fetching, pattern):
		hub.fault(pattern, wrong=True)
		with pytest.raises(WrongBytes, match='does not match its checksum'):
			fetching.fetch(fetching.plan('org/some', everything=True))
		assert not visible(fetching.cache) and fetching.came[pattern[2:]] == 0
		hub.faults.clear()
		fetching.fetch(fetching.plan('org/some', everything=True))

	def test_another_size_than_promised(self, hub, fetching):
		hub.fault('/cdn/*', short=True)
		with pytest.raises(WrongBytes, match='on the server instead of'):
			fetching.fetch(fetching.plan('org/some'))

	def test_a_stall_is_given_up_and_gone_on_from(self, hub, fetching):
		hub.fault('/cdn/*', stall=MB, times=2)
		quick = Fetching(hub, fetching.cache, stall=0.4)
		folder = quick.fetch(quick.plan('org/some'))
		assert (folder / 'a.safetensors').read_bytes() == self.content()
		assert hub.sent('/cdn/*') == 3 * MB

	def test_a_hub_that_stays_silent_is_said_and_what_came_is_kept(self, hub, fetching):
		hub.fault('/cdn/*', stall=MB, times=1)
		hub.fault('/cdn/*', stall=0)
		quick = Fetching(hub, fetching.cache, stall=0.3, tries=2)
		with pytest.raises(HubUnreachable, match='the server stopped responding'):
			quick.fetch(quick.plan('org/some'))
		assert quick.transfers().have(quick.plan('org/some'))['a.safetensors'] == MB

	def test_nobody_there(self, hub, fetching):
		plan = fetching.plan('org/some')
		dead = Fetching(hub, fetching.cache, tries=2)
		hub.endpoint = 'http://127.0.0.1:9'
		with pytest.raises(HubUnreachable, match='no connection'):
			dead.fetch(plan)

	def test_too_many_requests_and_errors_that_pass(self, hub, fetching, caplog):
		hub.fault('/cdn/*', status=429, retry_after='1', times=1)
		hub.fault('/cdn/*', status=503, times=1)
		with caplog.at_level('INFO', 'localai.hub.fetch'):
			folder = fetching.fetch(fetching.plan('org/some'))
		assert 'trying again in 1.0 s' in caplog.text
		assert (folder / 'a.safetensors').read_bytes() == self.content()

	def test_a_server_without_ranges(self, hub, fetching):
		add_repository(hub.root, 'org/big', {'a.safetensors': BIG})
		hub.fault('/cdn/*', ranges=False, cut=10 * MB, times=1)
		hub.fault('/cdn/*', ranges=False)
		folder = fetching.fetch(fetching.plan('org/big'))
		expected = (hub.root / 'org/big/a.safetensors').read_bytes()
		assert (folder / 'a.safetensors').read_bytes() == expected
		assert fetching.came['a.safetensors'] == BIG

	def test_it_vanishes_halfway(self, hub, fetching):
		add_repository(hub.root, 'org/big', {'a.safetensors': 20 * MB})
		plan = fetching.plan('org/big')
		hub.fault('/cdn/*', times=1, cut=4 * MB)

		def tick(path, count, fetched):
			hub.fault('*', status=404, error_code='RepoNotFound')

		with pytest.raises(NotOnHub, match='org/big'):
			fetching.transfers().fetch(plan, tick, fetching.stop)
		assert not visible(fetching.cache)

	def test_the_token_goes_to_the_hub_and_to_nobody_else(self, hub, fetching):
		hub.tokens['hf_secret'] = 'org'
		add_repository(hub.root, 'org/private', {'a.safetensors': MB, 'c.json': '{}'}, private=True)
		fetching.options['token'] = lambda: 'hf_secret'
		fetching.fetch(fetching.plan('org/private', token='hf_secret', everything=True))
		assert {r.token for r in hub.asked('/cdn/*')} == {''}
		assert {r.token for r in hub.asked('*/resolve/*')} == {'hf_secret'}

	def test_a_signed_address_that_expires_is_asked_for_again(self, hub, fetching):
		add_repository(hub.root, 'org/big', {'a.safetensors': 40 * MB})
		hub.fault('/cdn/*', cut=5 * MB, times=1)
		hub.fault('/cdn/*', status=403, times=1)
		fetching.fetch(fetching.plan('org/big'))
		assert len(hub.asked('*/resolve/*')) == 2

	def test_two_at_once_fetch_it_once(self, hub, fetching):
		add_repository(hub.root, 'org/big', {'a.safetensors': 10 * MB})
		hub.fault('/cdn/*', rate=20 * MB)
		plan = fetching.plan('org/big')
		others = [Fetching(hub, fetching.cache) for _ in range(3)]
		threads = [threading.Thread(target=o.fetch, args=(plan,)) for o in others]
		for thread in threads:
			thread.start()
		for thread in threads:
			thread.join()
		assert hub.sent('/cdn/*') == 10 * MB
		assert [o.came for o in others] == [{'a.safetensors': 10 * MB}] * 3
		assert sum(o.reused for o in others) == 20 * MB

	def test_names_that_lead_out_of_the_cache(self, fetching):
		good = DownloadPlan(name='x', repo='a/b', commit='a' * 40)
		file = {'path': 'x', 'bytes': 1, 'etag': 'a' * 40}
		for wrong in (
			{'commit': '../..'},
			{'files': ({**file, 'path': '../x'},)},
			{'files': ({**file, 'etag': '../x'},)},
		):
			plan = DownloadPlan.model_validate(good.model_dump() | wrong)
			with pytest.raises(WrongBytes):
				fetching.fetch(plan)


class TestSpace:
	def test_it_is_looked_at_first(self, hub, fetching):
		add_repository(hub.root, 'org/some', {'a.safetensors': MB})
		greedy = Fetching(hub, fetching.cache, spare=1 << 60)
		plan = greedy.plan('org/some')
		with pytest.raises(DiskFull, match='Another 1 MB must be downloaded'):
			greedy.fetch(plan)
		assert not hub.sent('*.safetensors')

	def test_a_disk_that_fills_meanwhile(self, hub, tmp_path):
		disk = tmp_path / 'disk'
		disk.mkdir()
		mounted = (
			subprocess.run(
				['mount', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk], capture_output=True
			)
			if shutil.which('mount')
			else None
		)
		if not mounted or mounted.returncode:
			pytest.skip('needs the right to mount a small disk')
		try:
			source = add_repository(hub.root, 'org/some', {'a.safetensors': 6 * MB})
			(disk / 'other').write_bytes(b'x' * 4 * MB)
			small = Fetching(hub, disk / 'cache', spare=-(100 * MB))
			plan = small.plan('org/some')
			with pytest.raises(DiskFull, match='is full'):
				small.fetch(plan)
			kept = small.transfers().have(plan)['a.safetensors']
			assert kept >= 2 * MB and not visible(disk / 'cache')
			(disk / 'other').unlink()
			hub.ledger.clear()
			folder = small.fetch(plan)
			assert hub.sent('/cdn/*') == 6 * MB - kept
			assert (folder / 'a.safetensors').read_bytes() == (
				source / 'a.safetensors'
			).read_bytes()
		finally:
			subprocess.run(['umount', '-l', disk], check=True)


class TestLimiter:
	def test_all_together_keep_to_it_and_it_can_be_changed(self, hub, fetching):
		add_repository(hub.root, 'org/some', {'a.safetensors': 4 * MB, 'b.safetensors': 4 * MB + 1})
		rate = Limiter(4096)  # half an hour for all
		slow = Fetching(hub, fetching.cache, limiter=rate)
		with ThreadPoolExecutor(1) as pool:
			fetched = pool.submit(slow.fetch, slow.plan('org/some', everything=True))
			eventually(lambda: all(slow.came.get(f'{n}.safetensors') for n in 'ab'))
			assert not fetched.done() and sum(slow.came.values()) < MB
			rate.rate = 0
			fetched.result()

	def test_what_came_is_paid_for_before_more_comes(self, monkeypatch):
		now, waited = [0.0], []
		monkeypatch.setattr(limiter, 'time', SimpleNamespace(monotonic=lambda: now[0]))

		class Wait(threading.Event):
			def wait(self, timeout=None):
				waited.append(timeout)
				now[0] += timeout

		slow = Limiter(1000)
		for _ in range(3):
			slow.take(2000, Wait())
		assert waited == [2, 2, 2]
		now[0] += 60  # of a pause no more is credited than a quarter of a second
		slow.take(1000, Wait())
		assert waited[3:] == [0.75]


class TestDiffusers:
	def test_the_real_one_loads_and_draws_with_it_offline(self, hub, fetching, tiny_model):
		from diffusers import AutoPipelineForText2Image

		shutil.copytree(tiny_model, hub.root / 'org' / 'tiny')
		more = {'README.md': 'x', 'tiny.safetensors': 999, 'unet/x.bin': 9}
		add_repository(hub.root, 'org/tiny', more)
		folder = fetching.fetch(fetching.plan('org/tiny'))
		assert not (folder / 'README.md').exists() and not (folder / 'unet/x.bin').exists()
		asked = len(hub.asked())
		here = {'cache_dir': fetching.cache, 'local_files_only': True}
		assert snapshot_download('org/tiny', **here) == str(folder)
		assert isinstance(
			try_to_load_from_cache('org/tiny', 'model_index.json', fetching.cache), str
		)
		pipe = AutoPipelineForText2Image.from_pretrained('org/tiny', use_safetensors=True, **here)
		pipe.set_progress_bar_config(disable=True)
		picture = pipe('a cat', num_inference_steps=1, height=16, width=16, output_type='np').images
		assert picture.shape == (1, 16, 16, 3) and len(hub.asked()) == asked
