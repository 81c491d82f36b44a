"""Downloads end to end against a hub on this machine: the queue, pause and resume, restarts, trouble."""

import shutil
import socket
import time
from collections import namedtuple
from pathlib import Path

import pytest

from localai.errors import (
	BadToken,
	DiskFull,
	Gated,
	HubUnreachable,
	InvalidInput,
	LinkRefused,
	NotOnHub,
	UnknownName,
)
from localai.hub.client import Hub
from localai.hub.limiter import Limiter
from localai.hub.links import Links
from localai.hub.token import TokenKeeper
from localai.hub.transfer import Transfers
from localai.schemas.downloads import DownloadLimits, DownloadSnapshot, HubQuery
from localai.schemas.hardware import EngineStatus, Machine, MemoryReading
from localai.services.downloads.catalogue import Catalogue
from localai.services.downloads.service import DownloadService
from localai.services.hardware.pace import Pace
from localai.store.database import Database
from localai.store.downloads import Downloads
from localai.store.history import History
from localai.store.preferences import Preferences
from tests.hub_server import HubServer
from tests.repositories import WEIGHTS, publish, safetensors
from tests.waiting import GIVEN_UP, eventually

MB = 1_000_000
SLACK = 2 * MB  # bytes that may be fetched twice when a transfer is cut
ENDED = ('finished', 'failed', 'cancelled')


class Shelf:
	"""The library's side: what lies where by hash, what was scanned and loaded."""

	def __init__(self):
		self.known: dict[str, Path] = {}
		self.scans = 0
		self.loaded: list[str] = []

	def scan(self) -> None:
		self.scans += 1

	def known_file(self, sha256: str) -> Path | None:
		return self.known.get(sha256)


class Rig:
	"""A hub and an app's worth of services. `restart` is what a second process would find."""

	def __init__(self, folder: Path, server: HubServer):
		self.folder = folder
		self.server = server
		self.root = server.root
		self.cache = folder / 'hub'
		self.shelf = Shelf()
		self.machine = Machine(reading=MemoryReading(free=8_000 * MB, total=16_000 * MB))
		self.engine = EngineStatus(device='CPU', dtype='bf16', speed=4e11)
		self.told: list[tuple[DownloadSnapshot, ...]] = []
		self.start()

	def start(self, endpoint: str = '') -> DownloadService:
		endpoint = endpoint or self.server.endpoint
		self.database = Database(self.folder / 'localai.db')
		limiter = Limiter()
		hub = Hub(endpoint, timeout=3)
		keeper = TokenKeeper(hub, self.folder / 'token')
		hub = Hub(endpoint, keeper.read, timeout=3)
		common = {'limiter': limiter, 'existing': self.shelf.known_file, 'stall': 3, 'tries': 2}
		models, temporary = self.folder / 'models', self.folder / 'tmp'
		models.mkdir(exist_ok=True)
		temporary.mkdir(exist_ok=True)
		self.service = DownloadService(
			Downloads(self.database),
			Preferences(self.database),
			Catalogue(
				hub,
				Transfers(self.cache, endpoint, keeper.read, **common),
				Links(models, temporary, allow_local=True, **common),
				keeper,
				lambda: self.machine,
				Pace(lambda: self.engine, History(self.database, self.folder)),
			),
			limiter,
			self.shelf,
			self.shelf.loaded.append,
			self.told.append,
			patience=(0.1, 0.3),
		)
		self.service.open()
		return self.service

	def stop(self) -> None:
		self.service.close()
		self.database.close()

	def restart(self) -> DownloadService:
		self.stop()
		return self.start()

	def wait(self, download_id: str, until=lambda d: False) -> DownloadSnapshot:
		"""The download as soon as `until` holds, or as soon as it ended."""
		end = time.monotonic() + GIVEN_UP
		for download in self.service.follow(download_id, beat=0.1):
			if until(download) or download.state in ENDED:
				return download
			assert time.monotonic() < end, download
		return self.service.get(download_id)

	def idle(self) -> None:
		"""Until no thread works any more."""
		eventually(lambda: not self.service.running)

	def seen(self, repo: str) -> list[Path]:
		"""What other programs see of a repository in the cache."""
		snapshots = self.cache / f'models--{repo.replace("/", "--")}' / 'snapshots'
		return [p for p in snapshots.rglob('*') if p.is_file()] if snapshots.exists() else []

	def weight(self) -> int:
		return sum(p.stat().st_size for p in self.cache.rglob('*') if p.is_file())


@pytest.fixture(scope='module')
def migrated(tmp_path_factory) -> Path:
	"""An empty database, so that not every test has to migrate one."""
	path = tmp_path_factory.mktemp('database') / 'localai.db'
	Database(path).close()
	return path


@pytest.fixture
def rig(tmp_path, monkeypatch, migrated):
	shutil.copy(migrated, tmp_path)
	monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', False)
	root = tmp_path / 'served'
	root.mkdir()
	with HubServer(root) as server:
		rig = Rig(tmp_path, server)
		yield rig
		server.drop()
		rig.stop()


def slow(rig: Rig, rate: float = 1.5 * MB, pattern: str = '*.safetensors'):
	return rig.server.fault(pattern, rate=rate)


class TestQueue:
	def test_one_repository_comes_whole_and_is_told_of(self, rig):
		publish(rig.root, 'org/one')
		begun = rig.service.start({'source': 'org/one'})
		assert begun.pending and begun.name == 'one' and begun.bytes > 100_000
		done = rig.wait(begun.id)
		assert done.state == 'finished' and done.error is None
		assert done.done == done.bytes == sum(f.bytes for f in done.files)
		assert done.model == 'org/one' and done.finished_at and done.reused == 0
		for path in rig.seen('org/one'):
			name = path.as_posix().split('/snapshots/')[1].split('/', 1)[1]
			assert path.read_bytes() == (rig.root / 'org/one' / name).read_bytes()
		assert len(rig.seen('org/one')) == 4
		assert rig.shelf.scans == 1 and rig.shelf.loaded == []
		assert rig.told[-1] == rig.service.list() == (done,)

	@pytest.mark.parametrize('most', [1, 2])
	def test_at_most_n_run_at_once_in_their_order(self, rig, most):
		names = [f'org/m{i}' for i in range(4)]
		for name in names:
			publish(rig.root, name, size=200_000)
		slow(rig, rate=MB)
		rig.service.set_limits(DownloadLimits(at_once=most))
		ids = [rig.service.start({'source': name}).id for name in names]
		ended = [rig.wait(i) for i in ids]
		assert [d.state for d in ended] == ['finished'] * 4
		running = [[d.id for d in told if d.state in ('running', 'checking')] for told in rig.told]
		assert max(map(len, running)) == most
		order = list(dict.fromkeys(i for told in running for i in told))
		assert order == ids

	def test_a_waiting_one_is_moved_forward(self, rig):
		for name in 'abcd':
			publish(rig.root, f'org/{name}', size=400_000)
		fault = slow(rig, rate=MB / 20)
		rig.service.set_limits(DownloadLimits(at_once=1))
		ids = [rig.service.start({'source': f'org/{n}'}).id for n in 'abcd']
		assert rig.service.move(ids[3], 1).position == 1
		assert [d.id for d in rig.service.list()] == [ids[0], ids[3], ids[1], ids[2]]
		assert [d.position for d in rig.service.list()] == [0, 1, 2, 3]
		fault.rate = 4 * MB
		ended = sorted((rig.wait(i) for i in ids), key=lambda d: d.finished_at)
		assert [d.name for d in ended] == ['a', 'd', 'b', 'c']

	def test_the_same_repository_twice_is_one_download(self, rig):
		publish(rig.root, 'org/one', size=2 * MB)
		fault = slow(rig, rate=MB / 2)
		first = rig.service.start({'source': 'org/one'})
		again = {'source': f'{rig.server.endpoint}/org/one/tree/main', 'then_load': True}
		second = rig.service.start(again)
		assert second.id == first.id and second.request.then_load
		fault.rate = 0
		assert rig.wait(first.id).state == 'finished'
		assert rig.server.sent('*' + WEIGHTS) < 2 * MB + 1000
		assert rig.shelf.loaded == ['org/one']

	def test_an_ended_one_is_forgotten_and_a_pending_one_is_not(self, rig):
		publish(rig.root, 'org/one', size=2 * MB)
		fault = slow(rig, rate=MB / 2)
		begun = rig.service.start({'source': 'org/one'})
		with pytest.raises(InvalidInput, match='Cancel it first'):
			rig.service.forget(begun.id)
		fault.rate = 0
		rig.wait(begun.id)
		rig.service.forget(begun.id)
		assert rig.service.list() == () and rig.told[-1] == ()
		with pytest.raises(UnknownName):
			rig.service.get(begun.id)
		assert rig.seen('org/one')

	def test_what_is_told_while_it_runs_is_true_and_not_too_much(self, rig):
		publish(rig.root, 'org/one', size=4 * MB)
		slow(rig, rate=3 * MB)
		begun = rig.service.start({'source': 'org/one'})
		done = rig.wait(begun.id)
		told = [t[0] for t in rig.told if t and t[0].state == 'running']
		assert [d.done for d in told] == sorted(d.done for d in told)
		assert any(0 < d.done < d.bytes and 0.5 * MB < d.speed < 8 * MB and d.eta for d in told)
		seconds = (done.finished_at - done.created_at).total_seconds()
		assert len(told) < 4 * seconds + 5


class TestPause:
	def test_a_pause_keeps_every_byte(self, rig):
		publish(rig.root, 'org/one', size=6 * MB)
		fault = slow(rig, rate=4 * MB)
		begun = rig.service.start({'source': 'org/one'})
		rig.wait(begun.id, lambda d: d.done > 2 * MB)
		paused = rig.service.pause(begun.id)
		assert paused.state == 'paused' and paused.speed == 0 and paused.eta is None
		rig.idle()
		sent = rig.server.sent()
		assert not rig.seen('org/one')
		time.sleep(0.3)
		assert rig.server.sent() == sent and rig.service.get(begun.id).state == 'paused'
		rig.server.faults.remove(fault)
		assert rig.service.resume(begun.id).pending
		assert rig.wait(begun.id).state == 'finished'
		assert rig.server.sent('*' + WEIGHTS) < 6 * MB + SLACK
		assert [r.range for r in rig.server.asked('*' + WEIGHTS, 'GET') if r.range]

	def test_a_paused_one_gives_its_place_to_the_next(self, rig):
		for name in 'ab':
			publish(rig.root, f'org/{name}', size=2 * MB)
		rig.service.set_limits(DownloadLimits(at_once=1))
		slow(rig, pattern='*org/a/*', rate=MB)
		first, second = (rig.service.start({'source': f'org/{n}'}) for n in 'ab')
		rig.service.pause(first.id)
		assert rig.wait(second.id).state == 'finished'
		assert rig.service.get(first.id).state == 'paused'

	def test_to_start_a_paused_one_again_is_to_resume_it(self, rig):
		publish(rig.root, 'org/one', size=2 * MB)
		fault = slow(rig, rate=MB / 2)
		begun = rig.service.start({'source': 'org/one'})
		rig.service.pause(begun.id)
		fault.rate = 0
		assert rig.service.start({'source': 'org/one'}).id == begun.id
		assert rig.wait(begun.id).state == 'finished'


class TestCancel:
	def test_nothing_of_it_stays(self, rig):
		publish(rig.root, 'org/one', size=4 * MB)
		slow(rig)
		begun = rig.service.start({'source': 'org/one'})
		rig.wait(begun.id, lambda d: d.done > MB)
		assert rig.service.cancel(begun.id).state == 'cancelled'
		rig.idle()
		assert not rig.seen('org/one') and rig.weight() < 100_000
		assert rig.service.list()[0].state == 'cancelled' and rig.shelf.scans == 0
		assert rig.service.cancel(begun.id).state == 'cancelled'

	def test_a_queued_and_a_paused_one(self, rig):
		for name in 'ab':
			publish(rig.root, f'org/{name}', size=4 * MB)
		rig.service.set_limits(DownloadLimits(at_once=1))
		slow(rig)
		first, second = (rig.service.start({'source': f'org/{n}'}) for n in 'ab')
		assert rig.service.cancel(second.id).state == 'cancelled'
		rig.wait(first.id, lambda d: d.done > MB)
		rig.service.pause(first.id)
		rig.idle()
		rig.service.cancel(first.id)
		assert rig.weight() < 100_000

	def test_a_cancelled_one_can_be_had_after_all(self, rig):
		publish(rig.root, 'org/one', size=2 * MB)
		fault = slow(rig)
		begun = rig.service.start({'source': 'org/one'})
		rig.service.cancel(begun.id)
		rig.server.faults.remove(fault)
		rig.service.set_limits(DownloadLimits(at_once=1))
		publish(rig.root, 'org/other', size=MB)
		rig.server.fault('*org/other/*', rate=MB)
		other = rig.service.start({'source': 'org/other'})
		again = rig.service.resume(begun.id)
		assert again.id == begun.id and again.pending
		assert [d.id for d in rig.restart().list()] == [other.id, begun.id]
		assert rig.wait(begun.id).state == 'finished' and len(rig.seen('org/one')) == 4

	@pytest.mark.parametrize(
		('source', 'name'), [('org/one', 'one'), ('{}/files/one.safetensors', 'one.safetensors')]
	)
	def test_what_a_kill_left_of_it_is_removed_at_the_next_start(self, rig, source, name):
		publish(rig.root, 'org/one', size=4 * MB)
		(rig.root / '_files').mkdir(exist_ok=True)
		(rig.root / '_files' / 'one.safetensors').write_bytes(safetensors(4 * MB, 'link'))
		slow(rig)
		begun = rig.service.start({'source': source.format(rig.server.cdn)})
		rig.wait(begun.id, lambda d: d.done > MB)
		rig.stop()
		database = Database(rig.folder / 'localai.db')
		Downloads(database).change(begun.id, 'cancelled')
		database.close()
		assert list(rig.folder.rglob('*.localai-part'))
		rig.start()
		assert not list(rig.folder.rglob('*.localai-*')) and rig.weight() < 100_000
		(listed,) = rig.service.list()
		assert listed.state == 'cancelled' and listed.name == name
		rig.server.faults.clear()
		rig.service.resume(begun.id)
		assert rig.wait(begun.id).state == 'finished'


class TestRestart:
	def test_in_the_middle_it_goes_on_from_the_bytes_on_the_disk(self, rig):
		publish(rig.root, 'org/one', size=6 * MB)
		publish(rig.root, 'org/two')
		fault = slow(rig, rate=4 * MB)
		rig.service.set_limits(DownloadLimits(at_once=1))
		first = rig.service.start({'source': 'org/one'})
		second = rig.service.start({'source': 'org/two'})
		rig.wait(first.id, lambda d: d.done > 2 * MB)
		rig.stop()
		rig.server.faults.remove(fault)
		service = rig.start()
		assert service.limits().at_once == 1
		found = {d.id: d for d in service.list()}
		assert set(found) == {first.id, second.id}
		assert found[first.id].done > MB
		assert rig.wait(first.id).state == rig.wait(second.id).state == 'finished'
		assert rig.server.sent('*org/one/' + WEIGHTS) < 6 * MB + SLACK

	def test_a_paused_one_stays_paused(self, rig):
		publish(rig.root, 'org/one', size=4 * MB)
		slow(rig)
		begun = rig.service.start({'source': 'org/one'})
		rig.wait(begun.id, lambda d: d.done > MB)
		rig.service.pause(begun.id)
		rig.idle()
		found = rig.restart().get(begun.id)
		assert found.state == 'paused' and found.done > MB / 2 and not rig.service.running

	def test_ended_ones_are_still_listed(self, rig):
		publish(rig.root, 'org/one')
		begun = rig.service.start({'source': 'org/one'})
		done = rig.wait(begun.id)
		(found,) = rig.restart().list()
		assert found.model_dump(exclude={'finished_at'}) == done.model_dump(exclude={'finished_at'})


class TestTrouble:
	def test_wrong_bytes_fail_one_and_the_next_goes_on(self, rig):
		for name in 'ab':
			publish(rig.root, f'org/{name}', size=MB)
		rig.service.set_limits(DownloadLimits(at_once=1))
		fault = rig.server.fault('*org/a/*.safetensors', wrong=True)
		first, second = (rig.service.start({'source': f'org/{n}'}) for n in 'ab')
		failed = rig.wait(first.id)
		assert failed.state == 'failed' and failed.error.code == 'WrongBytes'
		assert failed.error.message and failed.error.remedy
		assert not rig.seen('org/a')
		assert rig.wait(second.id).state == 'finished'
		rig.server.faults.remove(fault)
		rig.service.resume(first.id)
		assert rig.wait(first.id).state == 'finished'

	def test_without_a_network_it_waits_and_goes_on_by_itself(self, rig):
		publish(rig.root, 'org/one', size=3 * MB)
		fault = rig.server.fault('*.safetensors', cut=MB, skip=0)
		begun = rig.service.start({'source': 'org/one'})
		waiting = rig.wait(begun.id, lambda d: d.error is not None)
		if waiting.state != 'finished':  # each cut brought it a little further
			assert waiting.pending and waiting.error.code == 'HubUnreachable'
			assert waiting.error.message.startswith('Waiting for the network')
		rig.server.faults.remove(fault)
		done = rig.wait(begun.id)
		assert done.state == 'finished' and done.error is None

	def test_a_hub_that_answers_nothing_does_not_fail_what_was_asked_for(self, rig):
		publish(rig.root, 'org/one')
		fault = rig.server.fault('*', status=503)
		begun = rig.service.start({'source': 'org/one'})
		waiting = rig.wait(begun.id, lambda d: d.error is not None)
		assert waiting.pending and 'network' in waiting.error.message
		rig.server.faults.remove(fault)
		assert rig.wait(begun.id).state == 'finished'

	def test_a_waiting_one_does_not_hold_up_the_others(self, rig):
		for name in 'ab':
			publish(rig.root, f'org/{name}')
		rig.service.set_limits(DownloadLimits(at_once=1))
		rig.server.fault('*org/a/*.safetensors', status=503)
		rig.service.start({'source': 'org/a'})
		assert rig.wait(rig.service.start({'source': 'org/b'}).id).state == 'finished'

	def test_what_cannot_be_is_said_at_once(self, rig):
		publish(rig.root, 'org/gated', gated='manual')
		publish(rig.root, 'org/secret', private=True)
		with pytest.raises(NotOnHub) as missing:
			rig.service.start({'source': 'org/nothing'})
		assert 'org/nothing' in missing.value.message and missing.value.remedy
		with pytest.raises(NotOnHub):
			rig.service.start({'source': 'org/secret'})
		with pytest.raises(Gated) as gated:
			rig.service.start({'source': 'org/gated'})
		assert gated.value.link.endswith('org/gated')
		with pytest.raises(NotOnHub):
			rig.service.start({'source': 'org/gated', 'revision': 'never'})
		assert rig.service.list() == ()

	def test_a_repository_that_vanishes_halfway_fails_alone(self, rig):
		for name in 'ab':
			publish(rig.root, f'org/{name}', size=2 * MB)
		rig.service.set_limits(DownloadLimits(at_once=1))
		slow(rig, rate=MB, pattern='*org/a/*')
		first, second = (rig.service.start({'source': f'org/{n}'}) for n in 'ab')
		rig.wait(first.id, lambda d: d.done > 0.5 * MB)
		shutil.rmtree(rig.root / 'org/a')
		rig.service.pause(first.id)
		rig.idle()
		rig.service.resume(first.id)
		failed = rig.wait(first.id)
		assert failed.state == 'failed' and failed.error.code == 'NotOnHub'
		assert rig.wait(second.id).state == 'finished' and not rig.seen('org/a')

	def test_too_little_disk_is_said_before_the_first_byte(self, rig, monkeypatch):
		publish(rig.root, 'org/one', size=3 * MB)
		usage = namedtuple('usage', 'total used free')
		monkeypatch.setattr(shutil, 'disk_usage', lambda path: usage(10**9, 9 * 10**8, 101 * MB))
		with pytest.raises(DiskFull, match=r'needs 0.0\d* GB more|GB free') as error:
			rig.service.start({'source': 'org/one'})
		assert 'GB' in error.value.message and error.value.remedy
		assert rig.server.sent('*.safetensors') == 0 and rig.service.list() == ()

	@pytest.mark.parametrize('source', ['', 'x', '../x', 'http://', 'org/name\0', 'a' * 9999])
	def test_what_is_no_source_is_refused(self, rig, source):
		with pytest.raises(InvalidInput) as error:
			rig.service.start({'source': source})
		assert error.value.field == 'source'

	@pytest.mark.parametrize('verb', ['get', 'pause', 'resume', 'cancel', 'forget'])
	def test_an_unknown_download_is_named(self, rig, verb):
		with pytest.raises(UnknownName) as error:
			getattr(rig.service, verb)('nobody')
		assert error.value.field == 'download'


class TestReuse:
	def test_bytes_that_lie_elsewhere_by_hash_are_not_fetched(self, rig, tmp_path):
		publish(rig.root, 'org/one', size=2 * MB)
		source = rig.root / 'org/one' / WEIGHTS
		elsewhere = tmp_path / 'elsewhere.safetensors'
		shutil.copy(source, elsewhere)
		(digest,) = {f.sha256 for f in rig.server.files('org/one') if f.sha256}
		rig.shelf.known[digest] = elsewhere
		done = rig.wait(rig.service.start({'source': 'org/one'}).id)
		assert done.state == 'finished' and done.reused == source.stat().st_size
		assert rig.server.sent('*.safetensors') == 0
		assert len(rig.seen('org/one')) == 4

	def test_a_second_time_nothing_is_fetched(self, rig):
		publish(rig.root, 'org/one', size=2 * MB)
		rig.wait(rig.service.start({'source': 'org/one'}).id)
		rig.server.ledger.clear()
		done = rig.wait(rig.service.start({'source': 'org/one'}).id)
		assert done.state == 'finished' and done.reused == done.bytes
		assert rig.server.sent('*.safetensors') == 0
		assert rig.service.list() == (done,)


class TestSpeed:
	def test_a_limit_holds_and_is_remembered(self, rig):
		publish(rig.root, 'org/one', size=2 * MB)
		rig.service.set_limits(DownloadLimits(at_once=3, speed=2 * MB))
		assert rig.wait(rig.service.start({'source': 'org/one'}).id).state == 'finished'
		assert rig.service.limiter.rate == 2 * MB
		assert rig.restart().limits() == DownloadLimits(at_once=3, speed=2 * MB)
		assert rig.service.limiter.rate == 2 * MB

	@pytest.mark.parametrize(
		('limits', 'field'),
		[
			({'at_once': 0}, 'at_once'),
			({'at_once': 1000}, 'at_once'),
			({'speed': -1}, 'speed'),
			({'speed': 10**15}, 'speed'),
		],
	)
	def test_limits_that_cannot_be(self, rig, limits, field):
		with pytest.raises(InvalidInput) as error:
			rig.service.set_limits(DownloadLimits(**limits))
		assert error.value.field == field
		assert rig.service.limits() == DownloadLimits()


class TestThenLoad:
	def test_it_is_loaded_once_when_it_is_here(self, rig):
		publish(rig.root, 'org/one')
		done = rig.wait(rig.service.start({'source': 'org/one', 'then_load': True}).id)
		assert done.state == 'finished'
		rig.idle()
		assert rig.shelf.loaded == ['org/one']


class TestLinks:
	def test_a_file_behind_a_link_goes_where_its_kind_belongs(self, rig):
		(rig.root / '_files').mkdir()
		data = safetensors(MB, 'link')
		(rig.root / '_files' / 'thing.safetensors').write_bytes(data)
		link = f'{rig.server.cdn}/files/thing.safetensors'
		done = rig.wait(rig.service.start({'source': link}).id)
		assert done.state == 'finished', done
		assert (rig.folder / 'models' / done.model).read_bytes() == data

	def test_a_link_to_something_else_is_refused_at_once(self, rig):
		(rig.root / '_files').mkdir()
		(rig.root / '_files' / 'page.html').write_text('<html>' * 100)
		with pytest.raises(LinkRefused):
			rig.service.start({'source': f'{rig.server.cdn}/files/page.html'})


class TestCatalogue:
	def test_a_page_says_what_would_be_fetched_and_what_is_here(self, rig):
		publish(rig.root, 'org/one', size=MB, gated='auto', cardData={'license': 'openrail++'})
		(rig.root / 'org/one/unet/old.ckpt').write_bytes(b'x' * 100)
		rig.service.set_token('hf_good')
		page = rig.service.page('org/one')
		assert page.repo == 'org/one' and page.bytes > MB and page.have == 0
		assert sum(c.bytes for c in page.components) == page.bytes
		assert page.gated and page.gate and page.free > 0
		assert page.fit == 'fits' and page.fit_words
		rig.wait(rig.service.start({'source': 'org/one'}).id)
		page = rig.service.page(f'{rig.server.endpoint}/org/one')
		assert page.have == page.bytes
		assert all(f.have for c in page.components for f in c.files)

	def test_a_page_of_what_cannot_be_drawn_with_says_so(self, rig):
		publish(rig.root, 'org/flux')
		index = rig.root / 'org/flux/model_index.json'
		index.write_text(index.read_text().replace('StableDiffusionPipeline', 'FluxPipeline'))
		page = rig.service.page('org/flux')
		assert page.family == 'flux1' and 'cannot draw with FLUX.1' in page.problem

	def test_a_page_of_nothing(self, rig):
		with pytest.raises(NotOnHub):
			rig.service.page('org/nothing')
		with pytest.raises(InvalidInput):
			rig.service.page('https://example.org/a.safetensors')

	def test_search_finds_and_says_what_is_here(self, rig):
		tags = {'tags': ['diffusers', 'diffusers:StableDiffusionPipeline', 'text-to-image']}
		facts = tags | {'pipeline_tag': 'text-to-image', 'library_name': 'diffusers'}
		for name in ('org/lighthouse', 'org/harbour'):
			publish(rig.root, name, **facts)
		rig.wait(rig.service.start({'source': 'org/lighthouse'}).id)
		found = {m.repo: m for m in rig.service.search(HubQuery(limit=10))}
		assert found['org/lighthouse'].have and not found['org/harbour'].have
		assert [m.repo for m in rig.service.search(HubQuery(text=' harbour '))] == ['org/harbour']
		assert rig.service.search(HubQuery(text='zebra')) == ()

	def test_a_hub_that_refuses_everything_is_not_waited_for(self, rig):
		rig.server.fault('*', status=503)
		with pytest.raises(HubUnreachable):
			rig.service.search(HubQuery(text='a'))
		assert len(rig.server.ledger.requests) == 1

	def test_nor_is_one_that_says_nothing(self, rig):
		rig.service.catalogue.answer = 0.5
		with socket.create_server(('127.0.0.1', 0)) as silent:
			rig.service.catalogue.hub = Hub(
				f'http://127.0.0.1:{silent.getsockname()[1]}', timeout=3600
			)
			for ask in (
				lambda: rig.service.search(HubQuery(text='a')),
				lambda: rig.service.page('org/one'),
			):
				with pytest.raises(HubUnreachable) as error:
					ask()
				assert error.value.remedy

	@pytest.mark.parametrize('text', ['a' * 500, 'a\0b'])
	def test_a_search_for_nonsense(self, rig, text):
		with pytest.raises(InvalidInput) as error:
			rig.service.search(HubQuery(text=text))
		assert error.value.field == 'text'

	def test_without_a_gpu_what_is_good_without_one_comes_first(self, rig):
		found = rig.service.recommended()
		assert len(found) >= 18 and not any(r.have for r in found)
		drawable = [r for r in found if r.drawable]
		assert found[: len(drawable)] == tuple(drawable)
		first = found[0]
		assert first.fit == 'fits' and first.commercial and first.bytes < 3_000 * MB
		assert first.seconds and first.seconds <= 60 and first.why
		quick = [r for r in drawable if r.fit == 'fits' and r.seconds <= 60]
		slow = [r for r in drawable if r.fit == 'fits' and r.seconds > 60]
		assert drawable[: len(quick) + len(slow)] == [*quick, *slow]
		assert [r.commercial for r in quick] == sorted((r.commercial for r in quick), reverse=True)
		assert [r.seconds for r in slow] == sorted(r.seconds for r in slow) and len(slow) > 1
		assert any(r.fit == 'too large' for r in found)

	def test_on_a_fast_gpu_the_largest_of_a_free_licence_comes_first(self, rig):
		rig.machine = Machine(
			reading=MemoryReading(free=22_000 * MB, total=24_000 * MB), kind='cuda', half='bf16'
		)
		rig.engine = EngineStatus(device='GPU', device_kind='cuda', dtype='bf16', speed=1e14)
		found = [r for r in rig.service.recommended() if r.drawable and r.fit == 'fits']
		free = [r.memory for r in found if r.commercial]
		assert found[0].memory == max(free) and free == sorted(free, reverse=True)
		assert found[0].seconds <= 20

	def test_of_a_machine_that_was_not_measured_nothing_is_claimed(self, rig):
		measured = rig.service.recommended()
		rig.engine = EngineStatus()
		found = rig.service.recommended()
		assert not any(r.seconds for r in found)
		assert found[0].repo == measured[0].repo or found[0].memory < 4_000 * MB

	def test_a_token_is_kept_and_never_told(self, rig):
		assert not rig.service.token().present
		with pytest.raises(BadToken):
			rig.service.set_token('hf_wrong')
		state = rig.service.set_token(' hf_good ')
		assert state.present and state.name == 'ada' and 'hf_good' not in repr(state)
		publish(rig.root, 'org/gated', gated='manual')
		assert rig.wait(rig.service.start({'source': 'org/gated'}).id).state == 'finished'
		assert not rig.service.set_token('').present

	@pytest.mark.parametrize('token', ['a b', 'hf\nx', 'x' * 2000, 'hf\0'])
	def test_what_is_no_token(self, rig, token):
		with pytest.raises(InvalidInput) as error:
			rig.service.set_token(token)
		assert error.value.field == 'token'
