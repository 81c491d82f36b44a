"""The history as JSON: found, marked, put away and brought back, taken in, given out, checked, verified."""

import asyncio
import io
import json
import os
import socket
import threading
import zipfile

import pytest
import uvicorn
from fastapi.testclient import TestClient
from PIL import Image

from localai.api import history
from localai.api.following import told
from localai.api.guard import Guard
from localai.api.server import create
from localai.errors import InvalidInput
from localai.schemas.chores import ChoreSnapshot
from localai.schemas.exchange import ExportReport, ImportReport, Offer
from localai.schemas.history import (
	CheckReport,
	Discarding,
	HistoryPage,
	Outline,
	PictureCard,
	Restoring,
)
from tests.samples import png
from tests.visits import at_home

A1111 = 'a fox in snow\nNegative prompt: blurry\nSteps: 3, Sampler: Euler a, Seed: 5, Size: 64x128'
STRANGER = '192.168.1.9'


@pytest.fixture
def client(studio):
	return at_home(create(studio))


@pytest.fixture
def drawn(studio) -> list[int]:
	"""The numbers of three pictures that the engine drew."""
	fields = {'prompt': 'a red apple', 'count': 3, 'steps': 1, 'seed': 7, 'width': 64, 'height': 64}
	job = studio.generation.start(fields)
	*_, end = studio.jobs.follow(job.id)
	assert end.state == 'finished'
	return [picture.id for picture in end.pictures]


def refusal(answer) -> str:
	assert 400 <= answer.status_code < 500, answer.text
	error = answer.json()['error']
	assert error['code'] and '\n' not in error['message']
	return f'{error["message"]} {error["remedy"]}'


def post(client, path: str, fields: object) -> dict:
	answer = client.post(f'/api/history/{path}', json=fields)
	assert answer.status_code in (200, 202), answer.text
	return answer.json()


def take(client, data: bytes, **words: object) -> ImportReport:
	answer = client.post('/api/history/import', content=data, params=words)
	assert answer.status_code == 200, answer.text
	return ImportReport.model_validate(answer.json())


class TestLooking:
	def test_find_outline_pictures_and_card(self, client, drawn):
		page = HistoryPage.model_validate(post(client, 'find', {'limit': 2}))
		assert [e.id for e in page.entries] == drawn[:0:-1] and page.more
		assert Outline.model_validate(post(client, 'outline', {'text': 'apple'})).total == 3
		assert post(client, 'outline', {'text': 'pear'})['total'] == 0
		pictures = post(client, 'pictures', {'ids': [drawn[1], 999, drawn[0]]})
		assert [p['id'] for p in pictures] == [drawn[1], drawn[0]]
		assert pictures[0]['request']['prompt'] == 'a red apple' and pictures[0]['seed'] == 8
		answer = client.get('/api/history/card', params={'id': drawn[0]})
		card = PictureCard.model_validate(answer.json())
		assert card.picture.seed == 7 and 'Seed: 7' in card.parameters and not card.missing

	@pytest.mark.parametrize(
		'text',
		[
			"'; drop table pictures; --",
			'" or 1=1',
			'a OR b NEAR(c',
			'prompt:"',
			'${7*7} {{7*7}}',
			'NOT * ^ ( ) : -',
			'\u202e\x00%s%n',
			'rating:NaN seed:1e999',
			'x' * 2000,
		],
	)
	def test_whatever_is_searched_for_is_only_words(self, client, drawn, text):
		found = post(client, 'outline', {'text': text})
		assert found['total'] == 0 or found['notes'] or not any(map(str.isalnum, text))
		assert client.post('/api/history/find', json={'text': text}).status_code == 200
		assert post(client, 'outline', {})['total'] == 3

	@pytest.mark.parametrize(
		('fields', 'words'),
		[
			({'sort': 'colour'}, "sort cannot be 'colour'. Choose one of: newest, "),
			({'colour': 1}, "There is no setting called 'colour'."),
			({'text': ['x']}, 'text is not valid'),
			({'text': 'x' * 2001}, 'text is not valid'),
			({'offset': -1}, 'offset is not valid'),
			({'limit': 0}, 'limit is not valid'),
			({'limit': 10**30}, 'limit is not valid'),
			({'day': 'today'}, 'Write a day as 2026-11-25.'),
		],
	)
	def test_what_is_asked_wrongly_is_said(self, client, fields, words):
		for path in ('find', 'outline'):
			assert words in refusal(client.post(f'/api/history/{path}', json=fields))

	@pytest.mark.parametrize('body', [b'', b'null', b'[]', b'{', b'[' * 99_000, b'\xff', b'PK\3\4'])
	def test_what_is_no_object_is_said_so(self, client, body):
		for path in (
			'find', 'outline', 'pictures', 'mark', 'delete', 'restore', 'check', 'verify',
			'import-paths', 'export', 'export-folder', 'exposures',
		):  # fmt: skip
			answer = client.post(f'/api/history/{path}', content=body)
			assert 'The request is not a JSON object.' in refusal(answer)

	@pytest.mark.parametrize('number', ['0', '-1', '99', '9' * 30, 'x', 'NaN', '1.5', '../..', ''])
	def test_a_picture_that_is_not_there(self, client, number):
		answer = client.get('/api/history/card', params={'id': number})
		assert refusal(answer).startswith(('There is no picture', 'The address or its parameters'))


class TestChanging:
	def test_marks_the_trash_and_back(self, client, drawn):
		change = {'favourite': True, 'rating': 4, 'add_tags': ['snow'], 'add_albums': ['best']}
		assert post(client, 'mark', {'ids': drawn[:2], 'change': change}) == {'changed': 2}
		gone = Discarding.model_validate(post(client, 'delete', {'ids': [*drawn[:2], 999]}))
		assert len(gone.trashed) == 2 and gone.gone == 1 and gone.bytes > 0
		listed = client.get('/api/history/trash').json()
		assert listed['total'] == 2 and {t['id'] for t in listed['trash']} == set(gone.trashed)
		body = {'trashed': [*gone.trashed, 'nothing', '../..']}
		back = Restoring.model_validate(post(client, 'restore', body))
		assert set(back.pictures) == set(drawn[:2]) and back.gone == 2
		card = client.get('/api/history/card', params={'id': drawn[0]}).json()
		assert card['marks']['tags'] == ['snow'] and card['marks']['albums'] == ['best']

	@pytest.mark.parametrize(
		'ids', [None, 'all', {}, [None], ['1'], [1.5], [True], [0], [-1], [2**63], [[1]], [{}]]
	)
	def test_numbers_that_are_none(self, client, drawn, ids):
		for path, fields in (
			('delete', {'ids': ids}),
			('mark', {'ids': ids, 'change': {'rating': 5}}),
			('pictures', {'ids': ids}),
			('exposures', {'ids': ids}),
			('verify', {'id': ids}),
			('export', {'ids': ids or 'none'}),
		):
			if path == 'export' and ids in (['1'], [True]):  # numbers, to a generous reader
				continue
			answer = client.post(f'/api/history/{path}', json=fields)
			assert refusal(answer)
		assert post(client, 'outline', {})['total'] == 3

	def test_nan_and_too_many(self, client):
		answer = client.post('/api/history/delete', content=b'{"ids": [NaN, Infinity]}')
		assert 'nan is not a picture number' in refusal(answer)
		many = {'ids': list(range(1, 20_002))}
		assert 'the limit is 20,000 at a time' in refusal(
			client.post('/api/history/delete', json=many)
		)

	@pytest.mark.parametrize(
		'change',
		[None, [], 'x', {'rating': 6}, {'rating': 'NaN'}, {'colour': 1}, {'add_tags': 'x'},
		 {'add_tags': ['']}, {'add_tags': ['x' * 101]}, {'notes': 7}],
	)  # fmt: skip
	def test_changes_that_are_none(self, client, drawn, change):
		answer = client.post('/api/history/mark', json={'ids': drawn, 'change': change})
		assert refusal(answer)


class TestImport:
	def test_a_picture_comes_in_with_its_settings_and_its_time(self, client, studio):
		data = png({'parameters': A1111})
		report = take(client, data, name='../../my fox.png', modified=1_700_000_000_000)
		(number,) = report.imported
		picture = studio.history.get(number)
		assert picture.request.prompt == 'a fox in snow' and picture.kind == 'imported'
		assert picture.created_at.isoformat() == '2023-11-14T22:13:20+00:00'
		assert picture.path.startswith(str(studio.settings.pictures)) and 'my fox' in picture.path
		assert take(client, data).known == (number,)

	def test_a_picture_without_a_seed_is_shown_like_any_other(self, client):
		(number,) = take(client, png({})).imported
		assert post(client, 'pictures', {'ids': [number]})[0]['seed'] is None

	def test_what_is_no_picture_is_refused_in_the_report(self, client):
		buffer = io.BytesIO()
		with zipfile.ZipFile(buffer, 'w') as archive:
			archive.writestr('a.png', png({}))
		for data in (b'', b'\0' * 99, buffer.getvalue(), png({})[:50], b'<svg onload=alert(1)>'):
			(refused,) = take(client, data, name='x.png').refused
			assert refused.name == 'x.png' and 'picture' in refused.why
			assert 'icture' in refusal(client.post('/api/history/read', content=data))

	def test_read_keeps_nothing(self, client):
		data = png({'parameters': A1111})
		offer = Offer.model_validate(client.post('/api/history/read', content=data).json())
		assert offer.format == 'a1111' and offer.recipe.seed == 5 == offer.reuse.fields['seed']
		assert post(client, 'outline', {})['total'] == 0

	@pytest.mark.parametrize('modified', ['x', 'NaN', '1.5', '9' * 30, f'-{"9" * 30}', ''])
	def test_times_that_are_none(self, client, modified):
		answer = client.post('/api/history/import', content=png({}), params={'modified': modified})
		assert 'not valid' in refusal(answer) or 'That is not a time.' in refusal(answer)

	def test_times_before_and_after_all_pictures_are_moved_to_where_some_are(self, client, studio):
		for modified, image in ((-(10**13), 'a'), (10**13, 'b')):
			(number,) = take(client, png({'x': image}), modified=modified).imported
			assert 1970 <= studio.history.get(number).created_at.year <= 2100

	def test_a_file_that_is_too_large_is_said_so_to_the_end(self, studio, monkeypatch):
		"""Over a real connection: who still sends would not hear an answer that came too early."""
		monkeypatch.setattr(history, 'FILE_LIMIT', 2_000_000)
		server = uvicorn.Server(uvicorn.Config(Guard(create(studio)), port=0, log_level='error'))
		thread = threading.Thread(target=server.run)
		thread.start()
		try:
			while not server.started:
				thread.join(0.05)
			port = server.servers[0].sockets[0].getsockname()[1]
			head = f'POST /api/history/import?name=x HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n'
			with socket.create_connection(('127.0.0.1', port), 20) as wire:
				wire.sendall(f'{head}Content-Length: 30000000\r\n\r\n'.encode())
				for _ in range(30):
					wire.sendall(bytes(1_000_000))
				answer = ''
				while '}' not in answer:
					answer += wire.recv(4096).decode()
			assert ' 422 ' in answer and 'The file is larger than 1 MB.' in answer
		finally:
			server.should_exit = True
			thread.join()

	def test_files_and_folders_of_this_machine(self, client, tmp_path):
		folder = tmp_path / 'mine'
		(folder / 'deeper').mkdir(parents=True)
		(folder / 'a.png').write_bytes(png({'parameters': A1111}))
		(folder / 'deeper' / 'b.png').write_bytes(png({}))
		(folder / 'c.png').write_bytes(b'PK\3\4')
		(folder / 'notes.txt').write_text('mine')
		report = ImportReport.model_validate(post(client, 'import-paths', {'paths': [str(folder)]}))
		assert len(report.imported) == 2 and [r.name for r in report.refused] == ['c.png']
		answer = client.post('/api/history/import-paths?follow=true', json={'paths': [str(folder)]})
		*before, last = (json.loads(line) for line in answer.text.strip().split('\n'))
		assert set(before[0]) == {'done', 'total'}
		assert sorted(last['report']['known']) == sorted(report.imported)

	@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='needs pipes')
	def test_pipes_devices_and_names_that_are_no_text(self, client, studio, tmp_path):
		folder = tmp_path / 'odd'
		folder.mkdir()
		os.mkfifo(folder / 'pipe.png')
		os.symlink('/dev/zero', folder / 'endless.png')
		strange = os.fsencode(folder) + b'/\xff\xfe.png'
		with open(strange, 'wb') as file:
			file.write(b'no picture')
		report = ImportReport.model_validate(post(client, 'import-paths', {'paths': [str(folder)]}))
		assert len(report.refused) == 3 and not report.imported
		# The same among our own: it is told, and nothing stands still.
		os.mkfifo(studio.settings.pictures / 'pipe.png')
		os.rename(strange, os.fsencode(studio.settings.pictures) + b'/\xff\xfe.png')
		found = CheckReport.model_validate(post(client, 'check', {'repair': True}))
		assert found.unreadable == 1 and found.files == 1
		with open(os.fsencode(studio.settings.pictures) + b'/\xff\xfe.png', 'wb') as file:
			file.write(png({}))
		assert post(client, 'check', {'repair': True})['unreadable'] == 1

	@pytest.mark.parametrize(
		'paths',
		[None, 'x', [], [7], [''], ['relative'], ['a\0b'], ['/a\0b'], ['/dev/zero'], ['~nobody/x'],
		 ['/x' * 5000], ['/nothing/here.png'], [[]], ['/x'] * 1001],
	)  # fmt: skip
	def test_paths_that_are_none(self, client, paths):
		answer = client.post('/api/history/import-paths', json={'paths': paths})
		assert refusal(answer)
		answer = client.post('/api/history/import-paths?follow=true', json={'paths': paths})
		if answer.status_code == 200:
			assert (
				json.loads(answer.text.strip().split('\n')[-1])['error']['code'] == 'InvalidInput'
			)

	def test_our_own_folder_is_not_imported(self, client, studio):
		answer = client.post(
			'/api/history/import-paths', json={'paths': [str(studio.settings.pictures)]}
		)
		assert 'where LocalAI keeps its own pictures' in refusal(answer)


class TestExport:
	def test_a_zip_by_its_token(self, client, drawn):
		wanted = {'text': 'apple', 'sheet': True, 'settings': 'json'}
		token = post(client, 'export', wanted)['token']
		answer = client.get(f'/api/history/export/{token}')
		assert answer.headers['content-type'] == 'application/zip'
		assert answer.headers['content-disposition'].startswith('attachment; filename="pictures')
		with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
			names = archive.namelist()
			assert archive.testzip() is None and len(names) == 5 and 'settings.json' in names
		token = post(client, 'export', {'ids': drawn, 'safe': True})['token']
		answer = client.get(f'/api/history/export/{token}')
		assert 'filename="pictures.zip"' in answer.headers['content-disposition']
		assert b'apple' not in answer.content

	def test_a_folder_and_what_a_stranger_reads(self, client, drawn, tmp_path):
		fields = {'ids': drawn, 'safe': True, 'folder': str(tmp_path / 'out')}
		report = ExportReport.model_validate(post(client, 'export-folder', fields))
		assert report.pictures == 3 and len(list((tmp_path / 'out').iterdir())) == 3
		for one in post(client, 'exposures', {'ids': drawn}):
			assert 'apple' not in json.dumps(one)

	@pytest.mark.parametrize('token', ['nothing', '..', '%2e%2e', 'x' * 5000, '%00'])
	def test_a_token_that_is_none(self, client, token):
		assert client.get(f'/api/history/export/{token}').status_code in (404, 422)

	@pytest.mark.parametrize(
		'fields',
		[{'ids': [999_999], 'folder': 7}, {'ids': 'x'}, {'settings': 'xml'}, {'safe': 'perhaps'},
		 {'text': 'nothing is called so'}, {'colour': 1}, {'safe': True, 'settings': 'csv'},
		 {'folder': 'relative'}, {'folder': ''}, {'folder': 'a\0b'}, {'folder': '/dev/null'}],
	)  # fmt: skip
	def test_exports_that_are_none(self, client, drawn, fields):
		answer = client.post('/api/history/export-folder', json=fields)
		assert answer.status_code in (422, 500) and answer.json()['error']['message']
		if 'folder' not in fields:
			assert refusal(client.post('/api/history/export', json=fields))


class TestTruth:
	def test_a_check_counts_and_repairs(self, client, studio, drawn):
		assert CheckReport.model_validate(post(client, 'check', {})).well
		(studio.settings.pictures / 'new.png').write_bytes(png({'parameters': A1111}))
		path = studio.settings.pictures / 'moved.png'
		os.rename(studio.history.get(drawn[0]).path, path)
		found = CheckReport.model_validate(post(client, 'check', {}))
		assert (found.missing, found.orphaned, found.repaired) == (1, 2, 0)
		answer = client.post('/api/history/check?follow=true', json={'repair': True})
		last = json.loads(answer.text.strip().split('\n')[-1])
		assert last['report']['repaired'] == 2 and studio.history.get(drawn[0]).path == str(path)
		path.unlink()
		assert post(client, 'check', {'repair': True})['missing'] == 1
		assert post(client, 'check', {'repair': True, 'forget': True})['missing'] == 0

	@pytest.mark.parametrize('fields', [{'repair': 'perhaps'}, {'deep': []}, {'colour': True}])
	def test_checks_that_are_none(self, client, fields):
		assert refusal(client.post('/api/history/check', json=fields))

	def test_a_picture_is_verified(self, client, drawn):
		answer = client.post('/api/history/verify', json={'id': drawn[0]})
		assert answer.status_code == 202
		chore = ChoreSnapshot.model_validate(answer.json())
		lines = client.get(f'/api/models/chores/{chore.id}/events').text.strip().split('\n')
		end = ChoreSnapshot.model_validate_json(lines[-1])
		assert (end.kind, end.state, end.verdict.state) == ('verify', 'finished', 'identical')

	def test_what_cannot_be_verified(self, client, drawn, studio):
		(number,) = take(client, png({'parameters': A1111})).imported
		words = refusal(client.post('/api/history/verify', json={'id': number}))
		assert 'Another program drew this picture' in words
		assert 'There is no picture 999' in refusal(
			client.post('/api/history/verify', json={'id': 999})
		)
		os.unlink(studio.history.get(drawn[0]).path)
		words = refusal(client.post('/api/history/verify', json={'id': drawn[0]}))
		assert 'is missing' in words


class TestStrangers:
	def test_all_of_it_is_refused(self, studio, drawn):
		guarded = Guard(create(studio), network=True)
		base = 'http://192.168.1.7:7860'
		with TestClient(guarded, base_url=base, client=(STRANGER, 1)) as stranger:
			for method, path in (
				('POST', 'find'),
				('POST', 'delete'),
				('POST', 'import?name=x'),
				('POST', 'read'),
				('POST', 'import-paths'),
				('POST', 'export-folder'),
				('POST', 'check'),
				('GET', 'card?id=1'),
				('GET', 'export/nothing'),
			):
				answer = stranger.request(method, f'/api/history/{path}', content=b'{}')
				assert answer.status_code == 403, path
				assert 'visitors who gave a password can' in answer.text

	def test_pictures_of_another_website_are_not_taken(self, studio):
		with TestClient(Guard(create(studio)), base_url='http://127.0.0.1:7860') as client:
			answer = client.post(
				'/api/history/import', content=png({}), headers={'Origin': 'http://evil.example'}
			)
			assert answer.status_code == 403


def test_a_large_picture_is_taken_whole(client):
	buffer = io.BytesIO()
	Image.frombytes('RGB', (1024, 1024), os.urandom(3 * 2**20)).save(buffer, 'PNG')
	assert len(take(client, buffer.getvalue(), name='noise.png').imported) == 1


class TestFollowing:
	def test_who_goes_away_gives_it_up(self):
		"""The work ends where it next tells how far it is."""
		seen, given_up, on = [], threading.Event(), threading.Event()

		def work(tell):
			for number in range(100):
				tell(number, 100)
				seen.append(number)
				on.wait(5)

		async def watch() -> None:
			lines = told(work, given_up.set).body_iterator
			assert json.loads(await anext(lines)) == {'done': 0, 'total': 0}
			await lines.aclose()
			on.set()
			while not given_up.is_set():
				await asyncio.sleep(0.01)

		asyncio.run(watch())
		assert len(seen) <= 1

	@pytest.mark.parametrize('error', [InvalidInput('No.', 'Yes.'), RuntimeError('boom')])
	def test_an_error_is_the_last_line(self, error):
		def work(tell):
			raise error

		async def heard() -> list[str]:
			return [line async for line in told(work, lambda: None).body_iterator]

		last = json.loads(asyncio.run(heard())[-1])['error']
		assert last['code'] in ('InvalidInput', 'LocalAIError') and 'boom' not in last['message']
