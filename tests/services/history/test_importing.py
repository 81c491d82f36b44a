"""Pictures from elsewhere: taken as they are, once, with the settings they carry; what is no picture is
refused and harms nothing."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from localai.errors import InvalidInput, UnknownName
from localai.services.history import importing
from tests import samples
from tests.files.pictures.foreign.test_comfyui import base
from tests.files.pictures.test_chunks import END, PIXEL, made, spoilt
from tests.files.strange import strange_files
from tests.pictures import draw, ours, png
from tests.services.history.test_truth import FOREIGN


def graph() -> dict[str, str]:
	return {'prompt': json.dumps(base())}


WHEN = datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)


class TestTake:
	def test_the_bytes_stay_as_they_are_and_the_settings_are_found(self, studio):
		data = png(texts=FOREIGN)
		(number,) = studio.imports.take('My castle.png', data, WHEN).imported
		picture = studio.history.get(number)
		assert Path(picture.path).read_bytes() == data
		assert Path(picture.path).name.startswith('My castle-')
		assert (picture.kind, picture.width, picture.height) == ('imported', 64, 48)
		assert (picture.seed, picture.request.steps, picture.request.sampler) == (5, 20, 'Euler a')
		assert picture.request.negative_prompt == 'text' and picture.created_at == WHEN
		found = studio.history.find({'text': 'castle model:dream seed:5 kind:imported'})
		assert [e.id for e in found.entries] == [number]

	def test_the_same_bytes_are_taken_once(self, studio):
		first = studio.imports.take('a.png', png())
		again = studio.imports.take('b.png', png())
		assert again.known == first.imported and not again.imported
		assert studio.history.outline({}).total == 1

	def test_one_of_another_localai_keeps_its_receipt_and_its_time(self, studio):
		(number,) = studio.imports.take('x.png', ours(seed=9, when=WHEN)).imported
		picture = studio.history.get(number)
		assert picture.created_at == WHEN and picture.job_id == '' and picture.seed == 9
		assert picture.receipt.model_hash == 'abcdef0123' and picture.request.model == 'sketchbook'

	def test_one_that_was_drawn_here_is_known(self, studio):
		(picture,) = draw(studio)
		data = Path(picture.path).read_bytes()
		assert studio.imports.take('copy.png', data).known == (picture.id,)

	def test_everybody_who_looks_hears_of_it(self, studio):
		before = studio.presence.now.history
		studio.imports.take('a.png', png())
		assert studio.presence.now.history > before

	@pytest.mark.parametrize(
		'name',
		[
			'../../etc/passwd.png',
			'C:\\Windows\\x.png',
			'a' * 5000 + '.png',
			'.png',
			'',
			'con.png\x00.exe',
			'\u202egnp.exe',
			'<img src=x onerror=alert(1)>.png',
			'${x}\n.png',
		],
	)
	def test_a_name_that_means_harm_stays_a_name(self, studio, name):
		(number,) = studio.imports.take(name, png(), WHEN).imported
		path = Path(studio.history.get(number).path)
		assert path.parent == studio.settings.pictures / '2024-02-03' and path.is_file()
		assert studio.truth.check().well

	@pytest.mark.parametrize(
		'data',
		[b'', b'\x89PNG\r\n\x1a\n', b'<svg onload="alert(1)"/>', b'PK\x03\x04', os.urandom(5000)],
	)
	def test_what_is_no_picture_is_refused_by_name(self, studio, data):
		report = studio.imports.take('x.png', data)
		assert [r.name for r in report.refused] == ['x.png'] and report.refused[0].why
		assert not any(studio.settings.pictures.rglob('*.png'))

	def test_a_time_in_the_future_or_before_all_time_is_brought_into_reach(self, studio):
		for seed, year in ((1, 9000), (2, 1200)):
			when = datetime(year, 1, 1, tzinfo=UTC)
			(number,) = studio.imports.take('a.png', png(seed), when).imported
			assert 1970 <= studio.history.get(number).created_at.year <= datetime.now(UTC).year
		assert studio.truth.check(deep=True).well

	@pytest.mark.parametrize(
		'text',
		[
			'<script>document.title=1</script>${x}{{y}}',
			'مرحبا \u202eabc',
			'🦊' * 100,
			'word ' * 10_000,
			'\x00\x1b[31m\ud800'.encode('utf-8', 'replace').decode(),
		],
	)
	def test_hostile_words_are_words(self, studio, text):
		data = png(texts={'parameters': f'{text}\nSteps: 20, Sampler: Euler, Seed: 5, Size: 64x48'})
		(number,) = studio.imports.take('a.png', data).imported
		card = studio.history.card(number)
		assert card.picture.request.steps == 20
		assert studio.history.reuse(number).fields['steps'] == 20
		assert studio.history.find({}).entries[0].prompt == card.picture.request.prompt[:300]


class TestPaths:
	def test_a_folder_with_all_in_it(self, studio, tmp_path):
		folder = tmp_path / 'old'
		for n, name in enumerate(('a.png', 'b/c.PNG', 'b/d.jpg', '.hidden/e.png', 'notes.txt')):
			(folder / name).parent.mkdir(parents=True, exist_ok=True)
			(folder / name).write_bytes(png(n))
		(folder / 'broken.webp').write_bytes(b'RIFF')
		os.utime(folder / 'a.png', (WHEN.timestamp(), WHEN.timestamp()))
		told = []
		report = studio.imports.take_paths([folder], lambda done, total: told.append((done, total)))
		assert len(report.imported) == 3 and [r.name for r in report.refused] == ['broken.webp']
		assert told[-1] == (4, 4)
		assert studio.history.get(report.imported[0]).created_at == WHEN
		assert (folder / 'a.png').exists()
		assert len(studio.imports.take_paths([folder / 'b', folder / 'a.png']).known) == 3

	def test_the_home_itself_gives_neither_small_pictures_nor_trash(self, studio):
		one, two = draw(studio, count=2)
		studio.history.thumbnail(one.id)
		studio.picture_trash.delete([two.id])
		(studio.settings.home / 'mine.png').write_bytes(png(99))
		report = studio.imports.take_paths([studio.settings.home])
		assert len(report.imported) == 1 and not report.known

	def test_its_own_pictures_and_what_is_not_there(self, studio, tmp_path):
		for path in (studio.settings.pictures, tmp_path / 'nothing', Path('x' * 5000)):
			with pytest.raises(InvalidInput):
				studio.imports.take_paths([path])


class TestReport:
	def test_each_file_is_told_with_what_it_says_of_itself(self, studio, tmp_path):
		folder = tmp_path / 'old'
		folder.mkdir()
		twice = samples.png({'parameters': 'unknown\nSeed: 0, Size: 8x8, Model: x', **graph()})
		(folder / 'a.png').write_bytes(png(texts=FOREIGN))
		(folder / 'b.png').write_bytes(twice)
		(folder / 'c.png').write_bytes(png())
		(folder / 'd.png').write_bytes(b'')
		(folder / 'e.txt').write_bytes(b'')
		(folder / '.hidden').write_bytes(b'')
		report = studio.imports.take_paths([folder])
		assert [one.name for one in report.arrivals] == ['a.png', 'b.png', 'c.png']
		assert [one.id for one in report.arrivals] == list(report.imported)
		assert [one.words for one in report.arrivals] == [
			'Settings from A1111, Forge or SD.Next.',
			'Settings from ComfyUI.',
			'No settings were found in it.',
		]
		assert [one.note for one in report.arrivals] == [
			'',
			'It has two sets of settings; the more complete one is shown.',
			'',
		]
		assert [one.name for one in report.refused] == ['d.png'] and report.others == 1
		again = studio.imports.take('x.png', twice).arrivals
		assert [(one.id, one.words) for one in again] == [
			(report.imported[1], 'It was already here.')
		]

	def test_of_thousands_not_every_one(self, studio, tmp_path, monkeypatch):
		monkeypatch.setattr(importing, 'NAMED', 3)
		for n in range(9):
			(tmp_path / f'{n}.png').write_bytes(png(n) if n < 5 else b'')
		report = studio.imports.take_paths([tmp_path])
		assert (len(report.imported), len(report.arrivals)) == (5, 3)
		assert [one.why for one in report.refused][3:] == ['1 more was not imported.']

	def test_what_is_no_file_is_not_waited_for(self, studio, tmp_path):
		things = strange_files(tmp_path, '.png')
		report = studio.imports.take_paths([tmp_path])
		assert not report.imported
		assert {one.why for one in report.refused} >= {
			'It is a pipe, not a file.',
			'It is a socket, not a file.',
		}
		assert len(things) >= 4

	def test_a_claim_that_no_screen_could_show(self, studio):
		data = made(PIXEL, END, size=(60_000, 60_000))
		(refusal,) = studio.imports.take('a.png', data).refused
		assert '60,000 x 60,000' in refusal.why

	def test_a_damaged_text_is_no_damage_to_the_picture(self, studio):
		data = spoilt(png(texts=FOREIGN), b'tEXt')
		(number,) = studio.imports.take('a.png', data).imported
		assert Path(studio.history.get(number).path).read_bytes() == data
		assert studio.history.thumbnail(number).is_file()
		token = studio.exports.prepare({'ids': [number], 'safe': True})
		assert b'missing.txt' not in b''.join(studio.exports.stream(token)[1])


class TestRead:
	def test_settings_without_keeping_anything(self, studio):
		offer = studio.history.offer(png(texts=FOREIGN))
		assert offer.format == 'a1111' and offer.recipe.prompt == 'a castle'
		assert offer.reuse.fields['steps'] == 20
		assert [n.split()[0] for n in offer.reuse.notes] == ['64', 'The']
		assert studio.history.outline({}).total == 0
		with pytest.raises(InvalidInput):
			studio.history.offer(b'nothing')

	def test_what_the_file_of_a_picture_says_now(self, studio):
		(picture,) = draw(studio, 'a fox')
		assert studio.history.inside(picture.id).recipe.prompt == 'a fox'
		Path(picture.path).write_bytes(png(texts=FOREIGN))
		assert studio.history.inside(picture.id).recipe.prompt == 'a castle'
		Path(picture.path).write_bytes(b'nothing')
		with pytest.raises(InvalidInput):
			studio.history.inside(picture.id)
		Path(picture.path).unlink()
		with pytest.raises(UnknownName):
			studio.history.inside(picture.id)


HOSTILE = """
import io, json, sys, zlib
from pathlib import Path
from PIL import Image
from localai.errors import LocalAIError
from localai.files.pictures.metadata import with_texts
from localai.settings import read_settings
from localai.studio import Studio
from tests import samples
from tests.files.pictures.test_chunks import END, PIXEL, chunk, made

def memory():
	with open('/proc/self/status') as file:
		return int(next(line for line in file if line.startswith('VmRSS')).split()[1]) // 1024

def packed(side):
	buffer = io.BytesIO()
	Image.new('RGBA', (side, side)).save(buffer, 'PNG', compress_level=1)
	return buffer.getvalue()

bomb = zlib.compress(bytes(16 * 2**20))
nodes = {n: samples.node('CLIPTextEncode', text=[str(n + 1), 0]) for n in range(15_000)}
hidden = samples.hidden(b'x' * 5_000)
kinds = [
	made(*[chunk(b'zTXt', b'%d' % n + bytes(2) + bomb) for n in range(20)], PIXEL, END),
	samples.png({'prompt': json.dumps(nodes)}),
	samples.png({'parameters': json.dumps({'sui_image_params': {'a': [[[]]] * 70_000}})}),
	samples.png({'parameters': 'Steps: "' * 200_000}),
	made(PIXEL, END, size=(60_000, 60_000)),
	made(PIXEL, END, size=(14_000, 14_000)),
	packed(4_000),
]
studio = Studio(read_settings({}, home=Path(sys.argv[1])).prepare())

def take(data):
	report = studio.imports.take('a.png', data)
	for number in report.imported:
		studio.history.thumbnail(number)

for data in kinds:
	take(data)
before = memory()
for number in range(42):
	data = kinds[number % len(kinds)]
	take(with_texts(data, {'number': str(number)}))
print(before, memory())
studio.close()
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists('/proc/self/status'), reason='Linux alone')
def test_hostile_pictures_leave_no_memory_behind(tmp_path):
	"""After one of each kind, 42 more of them."""
	command = [sys.executable, '-c', HOSTILE, str(tmp_path / 'home')]
	ended = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
	assert ended.returncode == 0, ended.stderr
	before, after = map(int, ended.stdout.split())
	assert after < before + 60
