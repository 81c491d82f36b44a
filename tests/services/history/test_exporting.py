"""Exports: zips and folders of real files with a real history; what leaves and what never does."""

import csv
import io
import json
import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from localai.errors import DiskFull, InvalidInput, LocalAIError, StorageProblem, UnknownName
from localai.files.sharing.exposure import exposure
from localai.schemas.generation import Receipt, Recipe
from localai.schemas.history import MANY, Marks
from localai.services.history.exporting import LIFETIME, PLAIN, TOKENS, ExportService
from localai.services.history.parcels import columns_of, inert
from localai.store.database import Database
from localai.store.history import History, NewPicture
from localai.store.unsettled import Unsettled
from tests.disks import SmallDisk
from tests.pictures import draw

WHEN = datetime(2026, 11, 23, 10, 20, 30, tzinfo=UTC)
RECEIPT = Receipt(
	app='0.1.0',
	torch='2.13',
	diffusers='0.42',
	model_name='Sketchbook',
	model_hash='0123456789',
	device='CPU',
	dtype='fp32',
	attention='sdpa',
	seconds=1.5,
	steps_done=20,
	family='sketchbook',
)
HOSTILE = {
	'html': '<script>alert(1)</script> ${7*7} {{7*7}}',
	'rtl': 'שלום \u202e עולם',
	'emoji': '🍎🍐 👩\u200d🎨',
	'long': 'garden ' * 7000,
	'formula': '=HYPERLINK("http://example.org","x")',
	'lines': 'a\nb\r\n"c", d; e\tf',
}


class House:
	"""A home with its history, its pictures, and the service."""

	def __init__(self, home: Path):
		self.pictures = home / 'pictures'
		self.database = Database(home / 'a.db')
		self.history = History(self.database, self.pictures)
		self.ids: list[int] = []
		self.now = 0.0
		self.asked: list[str] = []
		self.service = ExportService(
			self.history,
			self.select,
			self.pictures,
			Unsettled(self.database),
			clock=lambda: self.now,
		)

	def select(self, query) -> tuple[int, ...]:
		self.asked.append(query.text)
		return tuple(self.ids)

	def add(
		self, prompt='the secret garden', name='', day='2026-11-23', marks=None, **fields
	) -> int:
		"""A picture of noise, with its prompt inside as A1111 writes it."""
		number = len(self.ids) + 1
		path = self.pictures / day / (name or f'anna-{number:03}-77.png')
		path.parent.mkdir(parents=True, exist_ok=True)
		data = np.random.default_rng(number).integers(0, 256, (40, 56, 3), np.uint8)
		image = Image.fromarray(data)
		if path.suffix == '.png':
			info = PngImagePlugin.PngInfo()
			info.add_itxt('parameters', prompt)
			image.save(path, pnginfo=info)
		else:
			exif = Image.Exif()
			exif.get_ifd(0x8769)[0x9286] = b'UNICODE\0' + prompt.encode('utf-16-be')
			image.save(path, exif=exif)
		recipe = {
			'prompt': prompt,
			'negative_prompt': 'blurry',
			'model': 'sketchbook',
			'steps': 20,
			'guidance_scale': 4.5,
			'sampler': 'Euler',
			'seed': 77,
		}
		picture, _ = self.history.record(
			NewPicture(
				job_id=f'job{number}',
				kind='imported',
				seed=fields.get('seed', 77),
				width=56,
				height=40,
				path=path.relative_to(self.pictures).as_posix(),
				model_id='sketchbook',
				recipe=Recipe(**(recipe | fields)),
				receipt=RECEIPT,
				created_at=WHEN,
				bytes=path.stat().st_size,
				modified=0.0,
				digest=f'{number:064}',
				marks=marks or Marks(),
			)
		)
		self.ids.append(picture.id)
		return picture.id

	def path(self, picture_id: int) -> Path:
		return Path(self.history.get(picture_id).path)

	def zip(self, **request) -> zipfile.ZipFile:
		name, pieces = self.service.stream(self.service.prepare(request))
		assert name.endswith('.zip')
		archive = zipfile.ZipFile(io.BytesIO(b''.join(pieces)))
		assert archive.testzip() is None
		return archive


@pytest.fixture
def house(tmp_path: Path):
	(tmp_path / 'home').mkdir()
	house = House(tmp_path / 'home')
	yield house
	house.database.close()


def pixels(data: bytes) -> bytes:
	with Image.open(io.BytesIO(data)) as image:
		return image.convert('RGB').tobytes()


class TestZip:
	def test_originals_leave_as_they_are(self, house):
		ids = [house.add(), house.add(name='b.jpg'), house.add(name='c.webp')]
		archive = house.zip(ids=ids)
		assert archive.namelist() == ['anna-001-77.png', 'b.jpg', 'c.webp']
		for picture_id, name in zip(ids, archive.namelist(), strict=True):
			assert archive.read(name) == house.path(picture_id).read_bytes()
		assert archive.infolist()[0].date_time[:3] == (2026, 11, 23)

	def test_the_order_is_the_one_asked_and_none_comes_twice(self, house):
		a, b = house.add(), house.add()
		assert house.zip(ids=[b, a, b]).namelist() == ['anna-002-77.png', 'anna-001-77.png']

	def test_without_ids_it_is_what_a_search_finds(self, house):
		house.add()
		assert len(house.zip(text='secret').namelist()) == 1
		assert len(house.zip().namelist()) == 1 and house.asked == ['secret', '']

	def test_equal_names_are_numbered_and_hostile_ones_made_plain(self, house):
		ids = [
			house.add(name='A.png'),
			house.add(name='a.png', day='2026-11-22'),
			house.add(name='a: b\n\u202e.png'),
			house.add(name='settings.csv.png'),
		]
		names = house.zip(ids=ids).namelist()
		assert names == ['A.png', 'a (2).png', 'a_ b__.png', 'settings.csv.png']

	def test_missing_files_are_passed_over_and_counted(self, house):
		ids = [house.add(), house.add(), 999]
		house.path(ids[0]).unlink()
		archive = house.zip(ids=ids, sheet=True, settings='csv')
		assert archive.namelist() == [
			'anna-002-77.png',
			'contact-sheet.jpg',
			'settings.csv',
			'missing.txt',
		]
		assert archive.read('missing.txt').startswith(b'2 of 3 pictures could not be included')

	def test_all_missing(self, house):
		archive = house.zip(ids=[1, 2], sheet=True, settings='json')
		assert archive.namelist() == ['settings.json', 'missing.txt']
		assert json.loads(archive.read('settings.json')) == []

	def test_sheets_of_many_pages_use_the_small_pictures(self, house, tmp_path):
		first = house.add()
		small = tmp_path / 'small.webp'
		Image.new('RGB', (64, 64), 'red').save(small)
		for _ in range(49):
			house.add()

		def thumbnail(picture_id: int) -> Path:
			if picture_id == first:
				raise UnknownName('gone')
			return small

		house.service.thumbnail = thumbnail
		archive = house.zip(sheet=True)
		assert archive.namelist()[50:] == ['contact-sheet-01.jpg', 'contact-sheet-02.jpg']
		with Image.open(io.BytesIO(archive.read('contact-sheet-01.jpg'))) as page:
			assert page.width > 1000 and page.height > 1500


class TestTokens:
	def test_a_link_may_be_fetched_again_until_it_is_an_hour_old(self, house):
		house.add()
		token = house.service.prepare({})
		first, second = (b''.join(house.service.stream(token)[1]) for _ in range(2))
		assert first == second
		house.now = LIFETIME - 1
		house.service.stream(token)
		house.now = LIFETIME + 1
		with pytest.raises(UnknownName, match='expired'):
			house.service.stream(token)

	def test_twenty_are_kept_and_none_can_be_guessed(self, house):
		house.add()
		tokens = [house.service.prepare({}) for _ in range(TOKENS + 1)]
		assert len(set(tokens)) == TOKENS + 1 and min(map(len, tokens)) >= 20
		for wrong in (tokens[0], '', '../..', 'x' * 99):
			with pytest.raises(UnknownName):
				house.service.stream(wrong)
		house.service.stream(tokens[1])


class TestSettings:
	def rows(self, data: bytes) -> list[dict[str, str]]:
		assert data.startswith('\ufeff'.encode())
		return list(csv.DictReader(io.StringIO(data.decode('utf-8-sig'), newline='')))

	def test_csv_has_a_row_for_each_picture(self, house):
		marks = Marks(favourite=True, rating=4, tags=('a', 'b'), albums=('Best',), notes='-nice')
		ids = [house.add(marks=marks), house.add(seed=None, sampler=None)]
		first, second = self.rows(house.zip(ids=ids, settings='csv').read('settings.csv'))
		assert ','.join(first) == (
			'file,created,prompt,negative prompt,model,model hash,family,width,height,steps,'
			'guidance,sampler,schedule,seed,kind,favourite,rating,tags,albums,notes,seconds,app,'
			'device,dtype'
		)
		assert first == first | {
			'file': 'anna-001-77.png',
			'created': '2026-11-23T10:20:30+00:00',
			'prompt': 'the secret garden',
			'model': 'Sketchbook',
			'model hash': '0123456789',
			'width': '56',
			'guidance': '4.5',
			'seed': '77',
			'kind': 'imported',
			'favourite': 'yes',
			'rating': '4',
			'tags': 'a; b',
			'albums': 'Best',
			'notes': "'-nice",
		}
		assert (second['seed'], second['sampler'], second['favourite']) == ('', '', 'no')

	@pytest.mark.parametrize('kind', HOSTILE)
	def test_hostile_words_come_back_as_words(self, house, kind):
		prompt = HOSTILE[kind]
		picture = house.add(prompt=prompt, negative_prompt=prompt)
		for safe in (False, True):
			assert len(house.zip(ids=[picture], sheet=True, safe=safe).namelist()) == 2
		(row,) = self.rows(house.zip(settings='csv').read('settings.csv'))
		assert row['prompt'] == (f"'{prompt}" if kind == 'formula' else prompt)
		(facts,) = json.loads(house.zip(settings='json').read('settings.json'))
		assert facts['recipe']['prompt'] == facts['recipe']['negative_prompt'] == prompt

	@pytest.mark.parametrize('start', ['=', '+', '-', '@', '\t', '\r', '\n=', ' =', '＝', '\0='])
	def test_formulas_are_only_text(self, start):
		assert inert(f'{start}1+1').startswith("'")
		assert inert('a = b') == 'a = b' and inert('') == '' and inert(-1) == -1
		assert inert(None) is None

	def test_json_has_recipe_and_receipt_and_no_path(self, house):
		picture = house.add(extra=(('Hires', '2x'),), loras=({'name': 'ink', 'weight': 0.5},))
		data = house.zip(ids=[picture], settings='json').read('settings.json')
		(facts,) = json.loads(data)
		assert facts['file'] == 'anna-001-77.png' and facts['receipt']['device'] == 'CPU'
		assert facts['recipe']['loras'] == [{'name': 'ink', 'weight': 0.5, 'hash': ''}]
		assert facts['recipe']['extra'] == [['Hires', '2x']]
		assert str(house.pictures).encode() not in data


class TestSafe:
	def test_a_stranger_reads_nothing_in_the_whole_zip(self, house):
		ids = [house.add(), house.add(name='b.jpg'), house.add(name='c.webp')]
		_, pieces = house.service.stream(
			house.service.prepare({'ids': ids, 'safe': True, 'sheet': True})
		)
		data = b''.join(pieces)
		archive = zipfile.ZipFile(io.BytesIO(data))
		names = ['picture-001.png', 'picture-002.jpg', 'picture-003.webp']
		assert archive.namelist() == [*names, 'contact-sheet.jpg']
		assert all(i.date_time == (1980, 1, 1, 0, 0, 0) for i in archive.infolist())
		for picture_id, name in zip(ids, names, strict=True):
			assert pixels(archive.read(name)) == pixels(house.path(picture_id).read_bytes())
		for name in archive.namelist():
			assert {n for n, _ in exposure(archive.read(name))} <= PLAIN
		for word in (b'anna', b'secret', b'garden', 'secret'.encode('utf-16-be'), b'localai'):
			assert word not in data.lower()

	def test_the_name_of_the_zip_says_nothing(self, house):
		house.add()
		assert house.service.stream(house.service.prepare({'safe': True}))[0] == 'pictures.zip'

	@pytest.mark.parametrize('settings', ['csv', 'json'])
	def test_settings_are_refused(self, house, settings):
		house.add()
		with pytest.raises(InvalidInput, match='cannot come with a list of settings'):
			house.service.prepare({'safe': True, 'settings': settings})

	def test_what_is_left_is_told_before_and_after(self, house, tmp_path):
		ids = [house.add(), house.add(name='b.jpg')]
		before = house.service.exposures(ids)
		assert [e.name for e in before] == ['picture-001.png', 'picture-002.jpg']
		assert [n for n, _ in before[0].found] == ['Format', 'File size', 'Size', 'Colours']
		report = house.service.to_folder({'ids': ids, 'safe': True}, tmp_path / 'out')
		assert report.exposures == before
		for told in before:
			path = tmp_path / 'out' / told.name
			assert exposure(path.read_bytes()) == told.found
			assert path.stat().st_mtime < 315_700_000  # the first days of 1980

	def test_hidden_data_is_cleared_and_said(self, house):
		picture = house.add()
		data = np.full((200, 20, 4), 255, np.uint8)
		bits = np.unpackbits(np.frombuffer(b'stealth_pngcomp' + bytes(10), np.uint8))
		data[:, 0, 3] = 254 | bits
		Image.fromarray(data).save(house.path(picture))
		(told,) = house.service.exposures([picture])
		assert dict(told.found)['Changed'] == 'Data hidden in the transparency was removed.'

	def test_what_cannot_be_read_does_not_leave(self, house, tmp_path):
		ids = [house.add(), house.add()]
		house.path(ids[0]).write_bytes(b'\x89PNG\r\n\x1a\nthe secret garden')
		report = house.service.to_folder({'ids': ids, 'safe': True}, tmp_path / 'out')
		assert (report.pictures, report.missing) == (1, 1)
		assert sorted(os.listdir(tmp_path / 'out')) == ['missing.txt', 'picture-001.png']


class TestFolder:
	def test_everything_arrives_and_nothing_is_overwritten(self, house, tmp_path):
		ids, out = [house.add(), house.add()], tmp_path / 'a' / 'out'
		request = {'ids': ids, 'sheet': True, 'settings': 'csv'}
		first = house.service.to_folder(request, out)
		before = {p.name: p.read_bytes() for p in out.iterdir()}
		assert sorted(before) == [
			'anna-001-77.png',
			'anna-002-77.png',
			'contact-sheet.jpg',
			'settings.csv',
		]
		assert first.bytes == sum(map(len, before.values())) and first.pictures == 2
		assert (out / 'anna-001-77.png').stat().st_mtime == WHEN.timestamp()
		house.service.to_folder(request, out)
		assert {n: (out / n).read_bytes() for n in before} == before
		assert (out / 'anna-002-77 (2).png').read_bytes() == before['anna-002-77.png']
		# The list names the files that were written with it.
		assert 'anna-001-77 (2).png' in (out / 'settings (2).csv').read_text('utf-8-sig')

	def test_links_to_nowhere_are_not_followed(self, house, tmp_path):
		picture, out = house.add(), tmp_path / 'out'
		out.mkdir()
		(out / 'anna-001-77.png').symlink_to(tmp_path / 'elsewhere')
		house.service.to_folder({'ids': [picture]}, out)
		assert not (tmp_path / 'elsewhere').exists() and (out / 'anna-001-77 (2).png').exists()

	def test_not_among_the_pictures(self, house, tmp_path):
		house.add()
		(tmp_path / 'link').symlink_to(house.pictures)
		for folder in (
			house.pictures,
			house.pictures / 'new' / 'deep',
			house.pictures / '2026-11-23',
			tmp_path / 'home' / '..' / 'home' / 'pictures',
			tmp_path / 'link' / 'x',
		):
			with pytest.raises(InvalidInput, match='keeps its own pictures'):
				house.service.to_folder({}, folder)
		assert [p.name for p in house.pictures.iterdir()] == ['2026-11-23']

	@pytest.mark.parametrize('folder', ['', ' ', '.', 'out', '../out', 'a\0b', '/' + 'x' * 5000])
	def test_what_is_no_full_path_is_refused(self, house, folder):
		house.add()
		with pytest.raises(InvalidInput, match='folder'):
			house.service.to_folder({}, folder)

	def test_a_file_in_the_way(self, house, tmp_path):
		house.add()
		(tmp_path / 'out').write_text('mine')
		for folder in (tmp_path / 'out', tmp_path / 'out' / 'deeper'):
			with pytest.raises(StorageProblem, match='cannot write to'):
				house.service.to_folder({}, folder)
		assert (tmp_path / 'out').read_text() == 'mine'


class TestFullDisk:
	def test_it_is_said_before_anything_is_written(self, house, tmp_path):
		house.add()
		with SmallDisk(tmp_path / 'disk', 'size=1m') as disk:
			with pytest.raises(DiskFull, match='MB free, but the export needs 20 MB') as refused:
				house.service.to_folder({}, disk)
			assert 'another folder' in refused.value.remedy
			assert list(disk.iterdir()) == []

	def test_half_written_files_are_removed_and_whole_ones_stay(self, house, tmp_path):
		for _ in range(4):
			house.add()
		# Room for the bytes, but not for as many files.
		with SmallDisk(tmp_path / 'disk', 'size=100m,nr_inodes=4') as disk:
			with pytest.raises(
				DiskFull, match='is full. The files written before that are complete'
			):
				house.service.to_folder({}, disk)
			kept = sorted(p.name for p in disk.iterdir())
			assert kept == ['anna-001-77.png', 'anna-002-77.png', 'anna-003-77.png']
			assert all(pixels((disk / n).read_bytes()) for n in kept)

	def test_a_disk_that_fills_in_the_middle_of_a_file(self, tmp_path):
		from localai.files.sharing.archives import Member
		from localai.services.history.exporting import said, write

		with SmallDisk(tmp_path / 'disk', 'size=1m') as disk:
			with pytest.raises(DiskFull), said(disk):
				write(
					disk / 'a',
					disk / '.part',
					Member('a', (bytes(100_000) for _ in range(20))),
					False,
				)
			assert list(disk.iterdir()) == []


class TestWrongInput:
	@pytest.mark.parametrize(
		'request_fields',
		[
			{'ids': [-1]},
			{'ids': [0]},
			{'ids': [2**63]},
			{'ids': ['x']},
			{'ids': None},
			{'ids': list(range(1, MANY + 2))},
			{'text': 'x' * 2001},
			{'settings': 'xml'},
			{'settings': None},
			{'safe': 'perhaps'},
			{'paths': ['/etc/passwd']},
		],
	)
	def test_it_is_said_in_one_sentence(self, house, tmp_path, request_fields):
		house.add()
		for ask in (
			house.service.prepare,
			lambda fields: house.service.to_folder(fields, tmp_path / 'out'),
		):
			with pytest.raises(InvalidInput) as refused:
				ask(request_fields)
			assert refused.value.message.count('\n') == 0
		assert not (tmp_path / 'out').exists()

	def test_nothing_found(self, house):
		with pytest.raises(InvalidInput, match='no pictures to export'):
			house.service.prepare({'text': 'nothing'})

	def test_more_than_can_be_exported_is_not_cut_in_silence(self, house):
		house.ids = list(range(1, MANY + 1))
		with pytest.raises(InvalidInput, match='too many for one export'):
			house.service.prepare({})

	def test_pictures_that_vanish_between_asking_and_fetching(self, house):
		picture = house.add()
		token = house.service.prepare({})
		house.path(picture).unlink()
		_, pieces = house.service.stream(token)
		assert zipfile.ZipFile(io.BytesIO(b''.join(pieces))).namelist() == ['missing.txt']

	def test_exposures_of_nothing(self, house):
		with pytest.raises(LocalAIError):
			house.service.exposures([])
		assert house.service.exposures([99]) == ()


class TestSeeds:
	def test_each_picture_of_a_job_has_its_own_in_a_table(self, studio):
		pictures = draw(studio, seed=40, count=3)
		told = [columns_of('x', picture, Marks())['seed'] for picture in pictures]
		assert told == [40, 41, 42]
