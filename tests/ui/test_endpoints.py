"""The named endpoints, through Gradio's own client against the live server."""

import json
import shutil
import urllib.request

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from PIL import Image
from safetensors.numpy import load_file, save_file

from localai.services.models import BUILTIN
from localai.ui.endpoints import ENDPOINTS
from tests.live import live_app


@pytest.fixture(scope='module')
def app(tmp_path_factory):
	with live_app(tmp_path_factory.mktemp('api') / 'home') as live:
		yield live


@pytest.fixture(scope='module')
def client(app):
	return Client(app.url, verbose=False)


class TestEndpoints:
	def test_the_list_is_frozen_typed_and_documented(self, app):
		text = urllib.request.urlopen(f'{app.url}/gradio_api/info', timeout=20).read()
		named = json.loads(text)['named_endpoints']
		assert set(named) == ENDPOINTS
		for name, endpoint in named.items():
			assert endpoint['description'], name
			assert all(p['python_type']['type'] not in ('', 'Any') for p in endpoint['parameters'])
		names = [p['parameter_name'] for p in named['/generate']['parameters']]
		assert names[:3] == ['prompt', 'negative_prompt', 'model'] and 'guidance_scale' in names

	def test_generate_waits_and_returns_files_with_their_texts(self, client):
		files, job = client.predict(
			prompt='a red apple', seed=3, count=2, steps=5, api_name='/generate'
		)
		assert (
			job['state'] == 'finished' and job['seeds'] == [3, 4] and job['request']['steps'] == 5
		)
		for file, seed in zip(files, (3, 4), strict=True):
			with Image.open(file) as image:
				assert f'Seed: {seed}' in image.text['parameters']

	def test_submit_follow_and_cancel_in_the_middle(self, client):
		job = client.predict(prompt='a rocket', steps=150, count=20, api_name='/submit')
		states, cancelled = [], False
		for snapshot in client.submit(job=job['id'], api_name='/follow'):
			states.append(snapshot['state'])
			if snapshot['step'] > 5 and not cancelled:
				cancelled = True
				client.predict(job=job['id'], api_name='/cancel')
		assert states[-1] == 'cancelled' and 'running' in states
		assert client.predict(job=job['id'], api_name='/job')['state'] == 'cancelled'
		assert job['id'] in [j['id'] for j in client.predict(api_name='/jobs')]

	def test_a_job_that_fails_says_why_under_its_own_name(self, client, app):
		model = shutil.copytree(BUILTIN, app.home / 'models' / 'hollow')
		weights = model / 'vae' / 'diffusion_pytorch_model.safetensors'
		tensors = load_file(weights)
		tensors['decoder.conv_out.bias'] = tensors['decoder.conv_out.bias'] * float('nan')
		save_file(tensors, weights)
		with pytest.raises(AppError, match='would have been black') as caught:
			client.predict(prompt='a fox', model='hollow', steps=2, api_name='/generate')
		assert caught.value.title == 'BrokenPicture'

	def test_models(self, client):
		assert client.predict(api_name='/models')[0]['id'] == 'sketchbook'

	def test_a_direct_run_past_the_queue_is_closed(self, app):
		request = urllib.request.Request(
			f'{app.url}/gradio_api/run/jobs',
			data=b'{"data":[]}',
			headers={'Content-Type': 'application/json'},
		)
		with pytest.raises(urllib.error.HTTPError) as caught:
			urllib.request.urlopen(request, timeout=20)
		assert caught.value.code == 404

	def test_pictures_and_thumbnails_are_cached_for_ever(self, app):
		for path, kind in (('/media/1', 'image/png'), ('/media/1/thumbnail', 'image/webp')):
			answer = urllib.request.urlopen(app.url + path, timeout=20)
			assert (
				answer.headers['Content-Type'] == kind
				and 'immutable' in answer.headers['Cache-Control']
			)
