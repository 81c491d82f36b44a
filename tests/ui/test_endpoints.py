"""The named endpoints, through Gradio's own client against the live server."""

import json
import shutil
import urllib.request

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from safetensors.numpy import load_file, save_file

from localai.services.models.service import BUILTIN
from localai.ui.endpoints import ENDPOINTS
from tests.hub_server import HubServer
from tests.live import live_app
from tests.repositories import publish
from tests.samples import png


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
		text = urllib.request.urlopen(f'{app.url}/gradio_api/info', timeout=60).read()
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

	def test_the_pictures_of_a_job_are_told_and_not_fetched(self, client):
		_, job = client.predict(prompt='a fox', seed=8, steps=2, api_name='/generate')
		listed = client.predict(api_name='/jobs')
		for told in (job, client.predict(job=job['id'], api_name='/job'), listed[0]):
			(picture,) = told['pictures']
			assert picture['seed'] == 8 and picture['url'].startswith(f'/media/{picture["id"]}?')
			assert 'path' not in picture  # Gradio's clients fetch whatever has one

	def test_a_seed_of_64_bits_travels_as_text_where_a_script_would_round_it(self, client):
		seed = str(2**64 - 1)
		(file,), job = client.predict(
			prompt='a red apple', seed=seed, steps=1, api_name='/generate'
		)
		assert job['seeds'] == [seed] and job['request']['seed'] == seed
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
			'/history', '/picture', '/delete_pictures', '/restore_pictures', '/mark_pictures',
			'/read_settings',
		}  # fmt: skip
		assert names == ENDPOINTS

	def test_a_direct_run_past_the_queue_is_closed(self, app):
		request = urllib.request.Request(
			f'{app.url}/gradio_api/run/jobs',
			data=b'{"data":[]}',
			headers={'Content-Type': 'application/json'},
		)
		with pytest.raises(urllib.error.HTTPError) as caught:
			urllib.request.urlopen(request, timeout=60)
		assert caught.value.code == 404

	def test_pictures_and_thumbnails_are_cached_for_ever(self, app):
		for path, kind in (('/media/1', 'image/png'), ('/media/1/thumbnail', 'image/webp')):
			answer = urllib.request.urlopen(app.url + path, timeout=60)
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
			('/download', {'source': ''}, 'There is nothing to download.'),
			('/download', {'source': 'a\0b'}, 'cannot contain spaces or control characters'),
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


A1111 = 'a fox in snow\nSteps: 3, Sampler: Euler a, Seed: 5, Size: 64x128'


def heard(app, endpoint: str, data: str) -> str:
	"""What an endpoint answers to whatever is sent."""
	event = json.loads(app.ask(f'/gradio_api/call/{endpoint}', data.encode())[1])['event_id']
	return app.ask(f'/gradio_api/call/{endpoint}/{event}')[1].decode()


class TestHistory:
	@pytest.fixture(scope='class')
	def drawn(self, client) -> list[int]:
		"""The numbers of two pictures of a zebra."""
		client.predict('a zebra', count=2, seed=11, steps=2, api_name='/generate')
		found = client.predict(search='zebra', sort='oldest', api_name='/history')
		return [picture['id'] for picture in found['pictures']]

	def test_a_search_gives_settings_and_no_places(self, client, drawn):
		found = client.predict(search='zebra', api_name='/history')
		assert found['total'] == 2 and [p['id'] for p in found['pictures']] == drawn[::-1]
		first = found['pictures'][0]
		assert first['request']['prompt'] == 'a zebra' and first['seed'] == 12
		assert first['receipt']['model_hash'] and 'path' not in first
		given = {'search': 'zebra', 'sort': 'oldest', 'offset': 1, 'limit': 1}
		(second,) = client.predict(**given, api_name='/history')['pictures']
		assert second['id'] == drawn[1]
		assert client.predict(search='zebra -zebra', api_name='/history')['total'] == 0
		assert client.predict(search='rating:many', api_name='/history')['notes']

	def test_a_picture_comes_with_all_that_is_known_of_it(self, client, drawn):
		file, card = client.predict(picture=drawn[0], api_name='/picture')
		with Image.open(file) as image:
			assert 'Seed: 11' in image.text['parameters']
		assert card['picture']['seed'] == 11 and card['marks']['rating'] == 0
		assert 'path' not in card['picture'] and not card['missing']

	def test_marks_the_trash_and_back(self, client, drawn):
		given = {'pictures': drawn, 'rating': 4, 'add_tags': ['stripes'], 'favourite': True}
		assert client.predict(**given, api_name='/mark_pictures') == {'changed': 2}
		assert client.predict(search='tag:stripes', api_name='/history')['total'] == 2
		gone = client.predict(pictures=[*drawn, 99_999], api_name='/delete_pictures')
		assert len(gone['trashed']) == 2 and gone['gone'] == 1
		assert client.predict(search='zebra', api_name='/history')['total'] == 0
		back = client.predict(trashed=gone['trashed'], api_name='/restore_pictures')
		assert sorted(back['pictures']) == drawn
		_, card = client.predict(picture=drawn[1], api_name='/picture')
		marks = card['marks']
		assert (marks['rating'], marks['tags'], marks['favourite']) == (4, ['stripes'], True)

	def test_the_settings_of_a_picture_are_read_and_nothing_is_kept(self, client, tmp_path):
		(tmp_path / 'fox.png').write_bytes(png({'parameters': A1111}))
		sent = handle_file(str(tmp_path / 'fox.png'))
		reading = client.predict(file=sent, api_name='/read_settings')
		assert reading['format'] == 'a1111' and reading['recipe']['prompt'] == 'a fox in snow'
		assert reading['recipe']['seed'] == 5
		assert client.predict(search='fox snow', api_name='/history')['total'] == 0

	def test_no_file_of_this_machine_is_read_but_those_that_were_sent(self, app, tmp_path):
		secret = tmp_path / 'secret.png'
		secret.write_bytes(png({'parameters': A1111}))
		marked = {'_type': 'gradio.FileData'}
		for path in (str(secret), '/etc/passwd', '/dev/zero', 'a\0b', str(app.home), '../..'):
			for file in ({'path': path}, {'path': path, 'meta': marked}):
				told = heard(app, 'read_settings', json.dumps({'data': [file]}))
				assert told.startswith('event: error') and 'fox' not in told, file
		# Nor through any other endpoint, where Gradio itself would fetch it.
		file = {'path': '/dev/zero', 'meta': marked}
		assert heard(app, 'job', json.dumps({'data': [file]})).startswith('event: error')

	@pytest.mark.parametrize(
		('endpoint', 'data', 'words'),
		[
			('history', '["x", "colour", 0, 60]', "sort cannot be 'colour'."),
			('history', '[["x"], "newest", 0, 60]', 'text is not valid'),
			('history', '["", "newest", -1, 60]', 'offset is not valid'),
			('history', '["", "newest", NaN, 60]', 'offset is not valid'),
			('history', '["", "newest", 0, 501]', 'limit is not valid'),
			('picture', '[0]', '0 is not a picture number.'),
			('picture', '[99999]', 'There is no picture 99999.'),
			('picture', '["../.."]', "'../..' is not a picture number."),
			('picture', '[NaN]', 'nan is not a picture number.'),
			('picture', '[null]', 'None is not a picture number.'),
			('delete_pictures', '["all"]', 'No pictures were named.'),
			('delete_pictures', '[[1.5]]', '1.5 is not a picture number.'),
			('delete_pictures', '[{"a": 1}]', 'No pictures were named.'),
			('restore_pictures', '[null]', 'No pictures to restore were named.'),
			('mark_pictures', '[[1], null, 6]', 'rating is not valid'),
			('mark_pictures', '[[1], null, null, 7]', 'notes is not valid'),
			('mark_pictures', '[[1], null, null, null, "x"]', 'add_tags is not valid'),
			('job', '[{"a": 1}]', 'The job must be text.'),
			('job', '[null]', 'The job must be text.'),
			('follow', '[[]]', 'The job must be text.'),
			('cancel', '[7]', 'The job must be text.'),
			('read_settings', '[null]', 'No picture was sent.'),
			('read_settings', '["x"]', 'No picture was sent.'),
			('read_settings', '[{"path": 7}]', 'No picture was sent.'),
		],
	)
	def test_what_is_wrong_is_one_sentence(self, app, endpoint, data, words):
		rest = {'history': 4, 'mark_pictures': 8, 'cancel': 2}.get(endpoint, 1)
		given = json.loads(data)
		given += [None] * (rest - len(given))
		told = heard(app, endpoint, json.dumps({'data': given}))
		assert (
			told.startswith('event: error')
			and words in json.loads(told.split('data: ')[1])['error']
		)

	def test_what_was_sent_and_is_no_picture_is_refused(self, client, tmp_path):
		for name, data in (('a.zip', b'PK\3\4'), ('empty.png', b''), ('cut.png', png({})[:40])):
			(tmp_path / name).write_bytes(data)
			with pytest.raises(AppError) as caught:
				client.predict(file=handle_file(str(tmp_path / name)), api_name='/read_settings')
			assert 'picture' in str(caught.value)
