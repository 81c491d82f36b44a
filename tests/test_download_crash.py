"""Knows that an app that is killed in the middle of a download goes on from the bytes on the disk."""

import json
import os
import urllib.request

import pytest

from tests.hub_server import HubServer
from tests.live import Live, launch
from tests.repositories import WEIGHTS, publish

pytestmark = [
	pytest.mark.slow,
	pytest.mark.skipif(os.name != 'posix', reason='kills by POSIX signals'),
]
MB = 1_000_000
SIZE = 24 * MB


def download(live: Live, download_id: str) -> dict:
	return json.loads(live.ask(f'/api/downloads/{download_id}')[1])


def wait(live: Live, download_id: str, until) -> dict:
	"""By the lines that the app tells as it goes on."""
	address = f'{live.url}/api/downloads/{download_id}/events'
	with urllib.request.urlopen(address, timeout=60) as lines:
		for line in lines:
			now = json.loads(line)
			if until(now) or now['state'] in ('finished', 'failed', 'cancelled'):
				return now
	return download(live, download_id)


class TestAppKilled:
	def test_it_goes_on_from_the_bytes_on_the_disk(self, tmp_path):
		root, home = tmp_path / 'served', tmp_path / 'home'
		publish(root, 'org/one', size=SIZE)
		with HubServer(root) as server:
			environment = {
				'HF_ENDPOINT': server.endpoint,
				'HF_HUB_CACHE': str(tmp_path / 'hub'),
				'HF_HUB_OFFLINE': '0',
				'HF_TOKEN_PATH': str(tmp_path / 'token'),
				'NO_PROXY': '127.0.0.1',
			}
			fault = server.fault('*.safetensors', rate=4 * MB)
			live = launch(home, **environment).wait_ready(engine=False)
			try:
				status, body = live.ask('/api/downloads', {'source': 'org/one'})
				assert status == 201, body
				begun = json.loads(body)['id']
				before = wait(live, begun, lambda d: d['done'] > SIZE / 3)
				assert before['state'] == 'running', before
			finally:
				live.kill()
			snapshots = tmp_path / 'hub' / 'models--org--one' / 'snapshots'
			assert not [p for p in snapshots.rglob('*.safetensors')]

			server.faults.remove(fault)
			live = launch(home, **environment).wait_ready(engine=False)
			try:
				done = wait(live, begun, lambda d: False)
				assert done['state'] == 'finished' and done['done'] == done['bytes'], done
			finally:
				live.stop()
			(weights,) = snapshots.rglob('*.safetensors')
			assert weights.read_bytes() == (root / 'org/one' / WEIGHTS).read_bytes()
			assert server.sent('*' + WEIGHTS) < SIZE * 1.3, 'bytes were fetched twice'
