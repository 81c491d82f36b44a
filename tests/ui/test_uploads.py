"""What visitors send: so much in an hour, in a private folder of ours, gone by age and at the start."""

import json
import os
import stat

import pytest

from localai.ui import uploads
from localai.ui.uploads import AGE, FILES_OF_ONE, MB, OF_ALL, OF_ONE, UNFINISHED, Uploads
from tests.fakes import FakeExecutor
from tests.samples import png
from tests.visits import ask, visited
from tests.visits import visit as visit_from

API = '/gradio_api'
A1111 = 'a fox in snow\nSteps: 3, Sampler: Euler a, Seed: 5, Size: 64x128'


@pytest.fixture(scope='module')
def house(tmp_path_factory):
	with visited(tmp_path_factory.mktemp('sent'), FakeExecutor()) as house:
		yield house


def send(client, data: bytes, name: str = 'fox.png'):
	return client.post(f'{API}/upload', files={'files': (name, data)})


def layer(house) -> Uploads:
	(mounted,) = [r.app for r in house.app.routes if getattr(r, 'path', None) == '']
	return mounted.app.app


class TestUploads:
	@pytest.fixture(autouse=True)
	def empty(self, house):
		layer(house).sent.clear()

	def test_the_folder_is_ours_and_private_and_its_place_is_not_told(self, house):
		home = house.studio.settings.home
		(name,) = send(house.stranger, png({'parameters': A1111})).json()
		file = home / 'tmp' / 'uploads' / name
		assert str(home) not in name and file.is_file()
		if os.name == 'posix':
			assert stat.S_IMODE((home / 'tmp').stat().st_mode) == 0o700
			assert stat.S_IMODE(file.stat().st_mode) == 0o600
		told = ask(
			house.stranger, 'read_settings', {'path': name, 'meta': {'_type': 'gradio.FileData'}}
		)
		assert json.loads(told.split('data: ')[1])[0]['recipe']['seed'] == 5
		assert not file.exists() and not file.parent.exists()

	def test_no_other_file_is_taken(self, house):
		secret = house.studio.settings.home / 'secret.png'
		secret.write_bytes(png({'parameters': A1111}))
		for path in (str(secret), '../../secret.png', '../uploads/../../secret.png', '', '.', '/'):
			assert 'No picture was sent.' in ask(house.owner, 'read_settings', {'path': path}), path

	def test_visitors_send_so_much_in_an_hour_and_the_owner_what_he_likes(self, house, monkeypatch):
		monkeypatch.setattr(uploads, 'OF_ONE', 10_000)
		others = visit_from(house.app, '192.168.1.10')
		for _ in range(3):
			assert send(house.owner, bytes(5000)).status_code == 200
		assert send(house.stranger, bytes(5000)).status_code == 200
		refusal = send(house.stranger, bytes(5000))
		assert refusal.status_code == 413 and 'files an hour' in refusal.json()['error']['message']
		assert send(others, bytes(5000)).status_code == 200
		now = layer(house).clock()
		monkeypatch.setattr(layer(house), 'clock', lambda: now + AGE + 1)
		assert send(house.stranger, bytes(5000)).status_code == 200

	@pytest.mark.parametrize(
		('headers', 'body', 'status', 'words'),
		[
			({}, b'', 422, 'No file was sent.'),
			({'Content-Type': 'multipart/form-data'}, b'x', 422, 'No file was sent.'),
			({'Content-Type': 'application/json'}, b'{}', 422, 'No file was sent.'),
		],
	)
	def test_what_is_no_file(self, house, headers, body, status, words):
		answer = house.stranger.post(f'{API}/upload', content=body, headers=headers)
		assert answer.status_code == status and words in answer.json()['error']['message']

	@pytest.mark.parametrize(
		'body', [b'', b'junk', b'--x\r\n', b'--x\r\nContent-Disposition: \xff\r\n\r\n']
	)
	def test_parts_that_are_none(self, house, body):
		kind = {'Content-Type': 'multipart/form-data; boundary=x'}
		answer = house.stranger.post(f'{API}/upload', content=body, headers=kind)
		assert answer.status_code in (200, 400), answer.text

	def test_a_file_whose_length_is_not_said_or_is_endless(self, house):
		kind = {'Content-Type': 'multipart/form-data; boundary=x'}
		pieces = (b'x' for _ in range(2))
		answer = house.owner.post(f'{API}/upload', content=pieces, headers=kind)
		assert answer.status_code == 422 and 'The length of the file' in answer.text
		for length in (str(100 * MB), '9' * 5000, '-1', '1e3'):
			answer = house.owner.post(
				f'{API}/upload', content=b'x', headers=kind | {'Content-Length': length}
			)
			assert answer.status_code in (413, 422), length


class TestQuota:
	def quota(self, tmp_path) -> Uploads:
		self.now = 0.0
		return Uploads(None, tmp_path / 'uploads', clock=lambda: self.now)

	def fill(self, layer: Uploads, name: str, size: int, times: int) -> int:
		"""How many were let in."""
		for number in range(times):
			try:
				layer.check(name, size)
			except uploads.TooMuch:
				return number
			layer.sent.append(uploads.Sent(self.now, name, size, 1))
		return times

	def test_by_size_by_count_and_of_all_together(self, tmp_path):
		layer = self.quota(tmp_path)
		assert self.fill(layer, 'one', 60 * MB, 9) == OF_ONE // (60 * MB)
		assert self.fill(layer, 'two', 10, 999) == FILES_OF_ONE
		for number in range(9):
			self.fill(layer, f'more{number}', 64 * MB, 9)
		assert sum(s.size for s in layer.sent) <= OF_ALL
		assert self.fill(layer, 'late', 64 * MB, 1) == 0
		self.now = AGE + 1
		assert self.fill(layer, 'one', 60 * MB, 1) == 1 and len(layer.sent) == 1

	def test_what_the_last_run_left_goes_at_the_start_and_the_rest_by_age(self, tmp_path):
		folder = tmp_path / 'uploads'
		(folder / 'ab').mkdir(parents=True)
		(folder / 'ab' / 'old.png').write_bytes(b'x')
		layer = self.quota(tmp_path)
		assert not folder.exists()
		(folder / 'cd').mkdir(parents=True)
		(folder / 'cd' / 'fox.png').write_bytes(b'x')
		(folder / 'tmp123').write_bytes(b'half')
		made = (folder / 'cd').stat().st_mtime
		self.now = made + 1
		layer.sweep()
		assert len(list(folder.iterdir())) == 2
		self.now = made + UNFINISHED + 60
		layer.sweep()
		assert [path.name for path in folder.iterdir()] == ['cd']
		self.now = made + AGE + 60
		layer.sweep()
		assert not list(folder.iterdir())
