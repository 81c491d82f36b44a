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
from tests.hub_server import HubServer
from tests.live import live_app
from tests.repositories import publish


@pytest.fixture(scope='module')
def hub(tmp_path_factory):
	root = tmp_path_factory.mktemp('served')
	publish(root, 'org/small', license='mit')
	publish(root, 'org/large', size=24_000_000)
	publish(root, 'org/asked-first', gated='manual')
	shutil.copytree(BUILTIN, root / 'org' / 'drawable')
	with HubServer(root) as server:
		yield server


@pytest.fixture(scope='module')
def app(hub, tmp_path_factory):
	folder = tmp_path_factory.mktemp('api')
	surroundings = {
		'HF_ENDPOINT': hub.endpoint,
		'HF_HUB_CACHE': str(folder / 'hub'),
		'HF_HUB_OFFLINE': '0',
		'HF_TOKEN_PATH': str(folder / 'token'),
		'NO_PROXY': '127.0.0.1',
	}
	with live_app(folder / 'home', **surroundings) as live:
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

	def test_the_names_that_people_wrote_programs_with_stay(self):
		names = {
			'/generate', '/submit', '/follow', '/cancel', '/job', '/jobs',
			'/models', '/load_model', '/unload_model',
			'/search_hub', '/download', '/downloads', '/cancel_download',
		}  # fmt: skip
		assert names == ENDPOINTS

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


class TestModels:
	def test_the_list_and_what_of_it_is_asked_for(self, client):
		(first, *_) = client.predict(api_name='/models')
		assert first['id'] == 'sketchbook' and first['problem'] == '' and 'path' not in first
		assert {'id', 'name', 'family', 'bytes', 'builtin'} < set(first)
		for given, there in (
			({'search': 'sketch', 'fits': True}, True),
			({'kind': 'any', 'source': 'builtin', 'family': 'sketchbook'}, True),
			({'kind': 'lora'}, False),
			({'search': 'sketch', 'offset': 1}, False),
			({'search': '../../${7*7}\0'}, False),
		):
			found = client.predict(**given, api_name='/models')
			assert ('sketchbook' in [m['id'] for m in found]) is there, given

	def test_load_tells_its_progress_and_unload_gives_the_memory_back(self, client):
		client.predict(api_name='/unload_model')
		job = client.submit(model='sketchbook', api_name='/load_model')
		now = job.result(timeout=60)
		assert (now['kind'], now['model'], now['state']) == ('load', 'sketchbook', 'finished')
		assert client.predict(model='sketchbook', api_name='/load_model')['state'] == 'finished'
		now = client.predict(model='sketchbook', api_name='/unload_model')
		assert (now['kind'], now['state']) == ('unload', 'finished')

	@pytest.mark.parametrize(
		('endpoint', 'given', 'words'),
		[
			('/load_model', {'model': ''}, 'The model has no name.'),
			('/load_model', {'model': 'nothing'}, "There is no model called 'nothing'."),
			('/load_model', {'model': '../..'}, "There is no model called '../..'."),
			('/load_model', {'model': 'a\0b'}, 'The model has no name.'),
			('/load_model', {'model': 'x' * 5000}, 'The name of the model is too long.'),
			('/load_model', {'model': ['x']}, 'The model must be text.'),
			('/unload_model', {'model': 'nothing'}, "There is no model called 'nothing'."),
			('/models', {'kind': 'magic'}, "kinds cannot be 'magic'."),
			('/models', {'sort': 'colour'}, "sort cannot be 'colour'. Choose one of: name, "),
			('/models', {'limit': 'many'}, 'limit is not valid'),
		],
	)
	def test_what_is_wrong_is_one_sentence(self, client, endpoint, given, words):
		with pytest.raises(AppError) as caught:
			client.predict(**given, api_name=endpoint)
		assert words in str(caught.value) and '\n' not in str(caught.value)


class TestDownloads:
	def test_search(self, client):
		found = client.predict(search='small', sort='downloads', api_name='/search_hub')
		assert [m['repo'] for m in found] == ['org/small'] and found[0]['have'] is False

	def test_download_waits_for_its_end_and_then_it_is_here(self, client):
		now = client.predict(source='org/drawable', wait=True, then_load=True, api_name='/download')
		assert now['state'] == 'finished' and now['model'] == 'org/drawable'
		assert now['done'] == now['bytes'] > 20_000_000
		assert 'org/drawable' in [m['id'] for m in client.predict(api_name='/models')]
		_, job = client.predict('a fox', model='org/drawable', steps=2, api_name='/generate')
		assert job['state'] == 'finished'

	def test_one_is_begun_seen_and_given_up(self, client, hub):
		slow = hub.fault('*.safetensors', rate=2_000_000)
		now = client.predict(source='org/large', api_name='/download')
		assert now['state'] in ('queued', 'running')
		assert client.predict(source='org/large', api_name='/download')['id'] == now['id']
		listed = client.predict(api_name='/downloads')
		assert now['id'] == listed[0]['id'] and listed[0]['request']['source'] == 'org/large'
		gone = client.predict(download=now['id'], api_name='/cancel_download')
		assert gone['state'] == 'cancelled'
		hub.faults.remove(slow)

	@pytest.mark.parametrize(
		('endpoint', 'given', 'words'),
		[
			('/download', {'source': ''}, 'Nothing to download was named.'),
			('/download', {'source': 'a\0b'}, 'no spaces or control characters'),
			('/download', {'source': '../..'}, 'is not the name of a repository'),
			('/download', {'source': 'x' * 5000}, 'too long'),
			('/download', {'source': ['x']}, 'source is not valid'),
			('/download', {'source': 'http://example.com/a.safetensors'}, 'https'),
			('/download', {'source': 'org/nothing'}, 'org/nothing'),
			('/download', {'source': 'org/asked-first'}, 'asked-first'),
			('/download', {'source': 'org/small', 'files': ['../x']}, 'is not the path of a file'),
			('/search_hub', {'search': 'x' * 5000}, 'This cannot be searched for.'),
			('/search_hub', {'sort': 'colour'}, "sort cannot be 'colour'."),
			('/cancel_download', {'download': 'nothing'}, "There is no download 'nothing'."),
			('/cancel_download', {'download': ['x']}, 'The download must be text.'),
		],
	)
	def test_what_is_wrong_is_one_sentence(self, client, endpoint, given, words):
		with pytest.raises(AppError) as caught:
			client.predict(**given, api_name=endpoint)
		assert words in str(caught.value) and '\n' not in str(caught.value)

	def test_no_token_is_ever_told(self, client, app):
		texts = [str(client.predict(api_name=name)) for name in ('/models', '/downloads')]
		assert not any('hf_' in text for text in texts)
