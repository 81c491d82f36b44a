"""The library: what is found, under which name, what becomes of it when the disk changes."""

import hashlib
import os
import shutil
import sys
import threading
import time
from pathlib import Path

import pytest

from localai.errors import InvalidInput, ModelBroken, ModelUnsupported, PickleRefused, UnknownName
from localai.schemas.models import ModelDefaults, ModelQuery, Reading
from localai.services.models import hashing, service
from tests.library import Shelf, write_folder, write_lora, write_repo, write_weights
from tests.waiting import eventually


@pytest.fixture
def shelf(tmp_path):
	shelf = Shelf(tmp_path)
	yield shelf
	shelf.close()


class TestScan:
	def test_models_are_found_where_they_lie(self, shelf):
		write_folder(shelf.home / 'checkpoints' / 'painter')
		write_folder(shelf.home / 'top')
		(shelf.home / 'old.ckpt').write_bytes(b'x')
		report = shelf.models.scan()
		assert (report.files, report.added, report.changed, report.gone) == (4, 4, 0, 0)
		assert sorted(shelf.ids()) == ['checkpoints/painter', 'old.ckpt', 'sketchbook', 'top']
		entries = shelf.models.list()
		assert entries[0].id == 'sketchbook' and entries[0].drawable and entries[0].fit == 'fits'
		assert {e.id: bool(e.problem) for e in entries} == {
			'sketchbook': False,
			'old.ckpt': True,
			'checkpoints/painter': False,
			'top': False,
		}

	def test_what_did_not_change_is_not_opened_again(self, shelf, monkeypatch):
		write_folder(shelf.home / 'a')
		shelf.models.scan()
		opened = []
		monkeypatch.setattr(
			'localai.services.models.scan.identify', lambda path: opened.append(path)
		)
		assert shelf.models.scan().added == 0 and not opened

	def test_changes_are_seen(self, shelf):
		file = write_folder(shelf.home / 'a') / 'vae' / 'diffusion_pytorch_model.safetensors'
		write_folder(shelf.home / 'b')
		shelf.models.scan()
		file.unlink()
		shutil.rmtree(shelf.home / 'b')
		report = shelf.models.scan()
		assert (report.added, report.changed, report.gone) == (0, 1, 1)
		assert 'vae' in shelf.models.card('a').problem
		with pytest.raises(UnknownName):
			shelf.models.card('b')

	def test_a_second_start_knows_all_at_once(self, shelf):
		write_folder(shelf.home / 'a')
		shelf.models.scan()
		again = shelf.start()
		assert {e.id for e in again.list()} == {'sketchbook', 'a'}
		again.close()

	def test_links_in_circles_end(self, shelf):
		write_folder(shelf.home / 'a')
		try:
			(shelf.home / 'circle').symlink_to(shelf.home, target_is_directory=True)
		except OSError:
			pytest.skip('no links here')
		shelf.models.scan()
		assert sorted(shelf.ids()) == ['a', 'sketchbook']

	def test_shards_are_one_model(self, shelf):
		for number in (1, 2, 3):
			write_weights(shelf.home / f'big-0000{number}-of-00003.safetensors', {'a': [8]})
		shelf.models.scan()
		ids = [i for i in shelf.ids() if i != 'sketchbook']
		assert ids == ['big-00001-of-00003.safetensors']
		size = (shelf.home / ids[0]).stat().st_size
		assert shelf.models.card(ids[0]).bytes == 3 * size

	def test_what_moved_keeps_its_notes_and_hash(self, shelf):
		write_folder(shelf.home / 'a')
		shelf.models.scan()
		shelf.models.annotate('a', notes='mine')
		shelf.models.sha256(shelf.models.resolve('a'))
		shutil.move(shelf.home / 'a', shelf.home / 'checkpoints' / 'a')
		shelf.models.scan()
		card = shelf.models.card('checkpoints/a')
		assert card.notes == 'mine' and card.sha256
		assert len(shelf.models.store.all()) == 2

	def test_what_went_and_comes_back_keeps_its_notes(self, shelf):
		write_folder(shelf.home / 'a')
		shelf.models.scan()
		shelf.models.annotate('a', notes='mine')
		(shelf.home / 'a').rename(shelf.home.parent / 'away')
		shelf.models.scan()
		assert 'a' not in shelf.ids()
		(shelf.home.parent / 'away').rename(shelf.home / 'a')
		shelf.models.scan()
		assert shelf.models.card('a').notes == 'mine'

	def test_an_edit_during_a_scan_is_not_lost(self, shelf, monkeypatch):
		import localai.services.models.scan as scanning

		write_folder(shelf.home / 'a')
		shelf.models.scan()
		write_folder(shelf.home / 'b')
		real, began, go = scanning.identify, threading.Event(), threading.Event()

		def slow(path):
			began.set()
			go.wait(5)
			return real(path)

		monkeypatch.setattr(scanning, 'identify', slow)
		scan = threading.Thread(target=shelf.models.scan)
		scan.start()
		assert began.wait(5)
		shelf.models.annotate('a', notes='meanwhile')
		shelf.models.delete('a')
		go.set()
		scan.join(10)
		assert sorted(shelf.ids()) == ['b', 'sketchbook'] and len(shelf.models.trash()) == 1

	def test_one_file_that_cannot_be_read_hides_no_other(self, shelf, monkeypatch):
		import localai.services.models.scan as scanning

		write_folder(shelf.home / 'a')
		write_folder(shelf.home / 'b')
		real = scanning.identify

		def fail(path):
			if path.name == 'a':
				raise PermissionError(13, 'Permission denied')
			return real(path)

		monkeypatch.setattr(scanning, 'identify', fail)
		shelf.models.scan()
		assert shelf.models.card('a').problem.startswith('a cannot be read: Permission denied.')
		assert not shelf.models.card('b').problem
		monkeypatch.undo()
		shelf.models.scan()  # it is tried again, although neither size nor time changed
		assert not shelf.models.card('a').problem

	def test_a_database_that_refuses_leaves_the_library_in_memory(self, shelf, monkeypatch):
		from localai.errors import DiskFull

		def refuse(*arguments):
			raise DiskFull('The disk is full.')

		write_folder(shelf.home / 'a')
		monkeypatch.setattr(shelf.models.store, 'learn', refuse)
		shelf.models.scan()
		assert 'a' in shelf.ids()

	@pytest.mark.skipif(
		sys.platform == 'win32' or os.geteuid() == 0, reason='root reads everything'
	)
	def test_a_folder_without_permission_is_said(self, shelf, tmp_path):
		locked = tmp_path / 'theirs' / 'locked'
		locked.mkdir(parents=True)
		shelf.models.add_folder(str(tmp_path / 'theirs'))
		locked.chmod(0)
		shelf.models.scan()
		locked.chmod(0o700)
		assert 'Permission denied' in shelf.models.folders()[0].problem


@pytest.mark.slow
class TestTwoThousand:
	def test_every_file_is_one_card_of_its_kind(self, tmp_path):
		from tests.fabricate import library

		made = library(tmp_path / 'made')
		shelf = Shelf(tmp_path / 'shelf', home=tmp_path / 'made')
		shelf.models.scan()
		assert len(shelf.ids()) == len(made) + 1
		cards = {i.record.path: i.entry for i in shelf.models.registry.library.items.values()}
		for one in made:
			card = cards[str(one.path)]
			assert card.family == one.family, card
			assert one.kind in ('unknown', card.kind), card  # the folder's name may say more
			assert card.drawable <= (one.family in ('sd1', 'sd2', 'sdxl')), card
			assert card.drawable or card.kind != 'checkpoint' or card.problem, card
		shelf.close()


class TestHub:
	@pytest.mark.parametrize('links', [True, False])
	def test_repositories_go_by_their_names(self, shelf, links):
		write_repo(shelf.hub, 'someone/painter', links=links)
		(shelf.hub / 'datasets--someone--words' / 'snapshots').mkdir(parents=True)
		(shelf.hub / 'models--broken--one').write_text('a file in place of a folder')
		shelf.models.scan()
		card = shelf.models.card('someone/painter')
		assert (card.name, card.source, card.drawable) == ('painter', 'hub', True)
		assert shelf.models.resolve('someone/painter').path == card.path
		assert len(shelf.ids()) == 2

	def test_the_newest_revision_counts_and_notes_go_with_it(self, shelf):
		write_repo(shelf.hub, 'a/b', 'a' * 40)
		shelf.models.scan()
		shelf.models.annotate('a/b', notes='mine')
		write_repo(shelf.hub, 'a/b', 'b' * 40)
		shelf.models.scan()
		card = shelf.models.card('a/b')
		assert card.path.endswith('b' * 40) and card.notes == 'mine'

	def test_one_that_no_scan_saw_is_found_all_the_same(self, shelf):
		shelf.models.scan()
		write_repo(shelf.hub, 'new/one')
		assert shelf.models.resolve('new/one').family == 'sd1'

	def test_language_models_are_not_shown(self, shelf):
		folder = shelf.hub / 'models--some--language' / 'snapshots' / ('c' * 40)
		write_weights(folder / 'model.safetensors', {'layers.0.mlp.weight': [4, 4]})
		shelf.models.scan()
		assert shelf.ids() == ['sketchbook']


class TestFolders:
	@pytest.mark.parametrize(
		('layout', 'made', 'model'),
		[
			('a1111', ('webui.py',), 'models/Stable-diffusion/a'),
			('forge', ('modules_forge/x',), 'models/Stable-diffusion/a'),
			('sdnext', ('models/Diffusers/x',), 'models/Stable-diffusion/a'),
			('comfyui', ('models/loras/x',), 'models/checkpoints/a'),
			('plain', (), 'a'),
		],
	)
	def test_the_order_of_other_apps_is_recognised(self, shelf, tmp_path, layout, made, model):
		root = tmp_path / 'theirs'
		for name in (*made, 'venv/lib/x'):
			(root / name).parent.mkdir(parents=True, exist_ok=True)
			(root / name).write_text('')
		path = write_folder(root / model)
		write_folder(root / 'venv' / 'inside')
		folder = shelf.models.add_folder(str(root))
		assert folder.layout == layout
		shelf.models.scan()
		assert sorted(shelf.ids()) == sorted(['sketchbook', str(path)])
		assert shelf.models.resolve(str(path)).name == 'a'
		assert shelf.models.folders()[0].files == 1
		shelf.models.remove_folder(str(root))
		assert shelf.ids() == ['sketchbook'] and path.exists()
		shelf.models.scan()
		assert shelf.ids() == ['sketchbook']

	def test_their_own_cache_of_hub_models_is_read(self, shelf, tmp_path):
		write_folder(tmp_path / 'sd' / 'models' / 'Stable-diffusion' / 'x')
		write_repo(tmp_path / 'sd' / 'models' / 'Diffusers', 'org/name')
		shelf.models.add_folder(str(tmp_path / 'sd'))
		shelf.models.scan()
		assert {e.name for e in shelf.models.list()} == {'Sketchbook', 'x', 'name'}

	@pytest.mark.parametrize(
		'path', ['', 'relative', '/nowhere/at/all', 'a\0b', '~nobody-here/x', '/']
	)
	def test_what_is_no_folder_is_refused(self, shelf, path):
		with pytest.raises(InvalidInput) as caught:
			shelf.models.add_folder(path)
		assert caught.value.field == 'path' and '\n' not in str(caught.value)

	def test_a_file_and_what_is_there_already_are_refused(self, shelf, tmp_path):
		(tmp_path / 'file').write_text('')
		(tmp_path / 'more' / 'inside').mkdir(parents=True)
		shelf.models.add_folder(str(tmp_path / 'more'))
		for path in (tmp_path / 'file', tmp_path / 'more' / 'inside', shelf.home):
			with pytest.raises(InvalidInput):
				shelf.models.add_folder(str(path))
		with pytest.raises(UnknownName):
			shelf.models.remove_folder('/other')

	def test_a_folder_that_went_away_says_so(self, shelf, tmp_path):
		write_folder(tmp_path / 'disk' / 'a')
		shelf.models.add_folder(str(tmp_path / 'disk'))
		shelf.models.scan()
		(tmp_path / 'disk').rename(tmp_path / 'unplugged')
		(tmp_path / 'disk').write_text('a file in its place')
		shelf.models.scan()
		assert 'cannot be read' in shelf.models.folders()[0].problem
		assert shelf.ids() == ['sketchbook']


class TestResolve:
	def test_names_without_extension_and_case(self, shelf):
		write_folder(shelf.home / 'checkpoints' / 'Painter')
		for name in ('checkpoints/Painter', 'Painter', 'painter'):
			assert shelf.models.resolve(name).id == 'checkpoints/Painter'

	def test_a_name_that_two_have_is_not_guessed(self, shelf):
		write_folder(shelf.home / 'checkpoints' / 'same')
		write_repo(shelf.hub, 'org/same')
		shelf.models.scan()
		with pytest.raises(UnknownName) as caught:
			shelf.models.resolve('same')
		assert 'checkpoints/same' in caught.value.remedy and 'org/same' in caught.value.remedy

	def test_a_full_path_anywhere(self, shelf, tmp_path):
		path = write_folder(tmp_path / 'elsewhere' / 'x')
		spec = shelf.models.resolve(str(path))
		assert (spec.id, spec.path, spec.name) == (str(path), str(path), 'x')
		known = shelf.models.sha256(spec)
		assert known and shelf.models.resolve(str(path)).sha256 == known
		shelf.models.scan()
		assert shelf.models.resolve(str(path)).sha256 == known and str(path) not in shelf.ids()

	def test_what_changed_since_the_scan_is_looked_at_again(self, shelf):
		path = write_folder(shelf.home / 'a')
		shelf.models.scan()
		(path / 'unet' / 'diffusion_pytorch_model.safetensors').unlink()
		with pytest.raises(ModelBroken, match='unet'):
			shelf.models.resolve('a')

	@pytest.mark.parametrize(
		'name', ['', ' ', '..', '../..', 'a\0b', 'x' * 5000, '.', '~nobody', 'a/../b']
	)
	def test_odd_names_are_no_models(self, shelf, name):
		with pytest.raises(UnknownName) as caught:
			shelf.models.resolve(name)
		assert 'sketchbook' in caught.value.remedy

	@pytest.mark.parametrize('path', ['/', 'elsewhere', 'elsewhere/../elsewhere'])
	def test_a_folder_that_is_no_model_is_said(self, shelf, tmp_path, path):
		(tmp_path / 'elsewhere').mkdir()
		with pytest.raises(ModelBroken, match='\\S+ is missing model_index.json\\.'):
			shelf.models.resolve(str(tmp_path / path))

	def test_a_pickle_is_refused(self, shelf):
		(shelf.home / 'old.ckpt').write_bytes(b'\x80\x04.')
		with pytest.raises(PickleRefused, match='pickle'):
			shelf.models.resolve('old.ckpt')


class TestFind:
	@pytest.fixture
	def library(self, shelf):
		for name in ('forest', 'forest-two', 'portrait'):
			write_folder(shelf.home / 'checkpoints' / name)
		write_repo(shelf.hub, 'org/forest')
		(shelf.home / 'loras').mkdir()
		(shelf.home / 'loras' / 'ink.pt').write_bytes(b'x')
		shelf.models.scan()
		return shelf

	def names(self, shelf, **query):
		return [e.id for e in shelf.models.find(ModelQuery(**query)).entries]

	def test_words_filters_and_counts(self, library):
		assert len(self.names(library, text='FOREST')) == 3
		assert self.names(library, text='two forest') == ['checkpoints/forest-two']
		assert self.names(library, sources=('hub',)) == ['org/forest']
		assert self.names(library, families=('sketchbook',)) == ['sketchbook']
		assert self.names(library, text='nothing-like-it') == []
		page = library.models.find(ModelQuery(kinds=('lora',)))
		assert page.total == 1 and page.kinds == {'checkpoint': 5, 'lora': 1}
		assert page.entries[0].problem

	def test_by_name_what_can_be_drawn_with_comes_first(self, library):
		(library.home / 'a-broken.ckpt').write_bytes(b'x')
		library.models.scan()
		names = self.names(library)
		assert names[-2:] == ['a-broken.ckpt', 'loras/ink.pt'] and len(names) == 7

	def test_notes_are_searched(self, library):
		library.models.annotate('org/forest', notes='for the Calendar')
		assert self.names(library, text='calendar') == ['org/forest']

	def test_sorting_and_pages(self, library):
		everything = self.names(library)
		assert everything == self.names(library, limit=4) + self.names(library, offset=4)
		assert self.names(library, sort='largest')[0] == 'sketchbook'
		path = library.home / 'checkpoints' / 'portrait' / 'model_index.json'
		os.utime(path, (2**32, 2**32))
		library.models.scan()
		assert self.names(library, sort='newest')[0] == 'checkpoints/portrait'
		assert self.names(library, offset=-5, limit=-1) == []
		assert len(self.names(library, sort='family')) == 6

	def test_thousands_answer_at_once(self, shelf):
		from localai.services.models.library import Library
		from localai.store.models import ModelRecord

		write_folder(shelf.home / 'a')
		shelf.models.scan()
		facts = shelf.models.registry.library.items['a'].record.facts
		records = [
			ModelRecord(path=str(shelf.home / f'loras/{n}'), size=n, modified=n, facts=facts)
			for n in range(5000)
		]
		shelf.models.registry.library = Library.of(records, shelf.models.registry.places())
		shelf.models.find(ModelQuery())
		seconds = []
		for query in (
			{'text': '99'},
			{'sort': 'newest', 'offset': 3000},
			{'families': ('sd1',)},
		) * 3:
			began = time.thread_time()  # others use this machine too
			page = shelf.models.find(ModelQuery(**query))
			seconds.append(time.thread_time() - began)
			assert page.total
		assert sorted(seconds)[len(seconds) // 2] < 0.03, seconds


class TestCards:
	def test_a_distilled_model_of_the_hub_is_drawn_with_its_few_steps_unless_told_otherwise(
		self, shelf
	):
		write_repo(shelf.hub, 'stabilityai/sd-turbo')
		shelf.models.scan()
		card = shelf.models.card('stabilityai/sd-turbo')
		assert (card.defaults.steps, card.defaults.guidance_scale) == (4, 1)
		for own in (ModelDefaults(steps=2), ModelDefaults()):
			shelf.models.annotate(card.id, defaults=own)
			assert shelf.models.card(card.id).defaults == own

	def test_what_a_person_writes_stays(self, shelf):
		write_folder(shelf.home / 'a')
		shelf.models.scan()
		before = shelf.told
		defaults = ModelDefaults(width=512, steps=12, sampler='Euler')
		shelf.models.annotate('a', notes=' good\x00 one ', defaults=defaults, thumbnail=3)
		assert shelf.told > before
		shelf.models.annotate('a', notes='better')
		shelf.models.scan()
		again = shelf.start()
		card = again.card('a')
		assert (card.notes, card.defaults, card.thumbnail) == ('better', defaults, 3)
		shelf.models.annotate('a', thumbnail=None)
		assert shelf.models.card('a').thumbnail is None
		again.close()

	@pytest.mark.parametrize(
		('given', 'field'),
		[
			({'notes': 'x' * 20_000}, 'notes'),
			({'defaults': ModelDefaults(width=513)}, 'width'),
			({'defaults': ModelDefaults(steps=0)}, 'steps'),
			({'defaults': {'model': 'x'}}, 'defaults'),
			({'thumbnail': -4}, 'thumbnail'),
			({'thumbnail': True}, 'thumbnail'),
		],
	)
	def test_wrong_values_are_refused(self, shelf, given, field):
		shelf.models.scan()
		with pytest.raises(InvalidInput) as caught:
			shelf.models.annotate('sketchbook', **given)
		assert caught.value.field == field
		assert shelf.models.card('sketchbook').notes == ''

	def test_hashes_are_computed_in_the_background_smallest_first(self, shelf):
		write_folder(shelf.home / 'a')
		shelf.models.scan()
		shelf.models.hash_all()
		shelf.models.hasher.thread.join(20)
		card = shelf.models.card('a')
		file = shelf.home / 'a' / 'unet' / 'diffusion_pytorch_model.safetensors'
		data = file.read_bytes()
		length = int.from_bytes(data[:8], 'little')
		assert card.sha256 == hashlib.sha256(data).hexdigest()
		assert card.autov2 == card.sha256[:10]
		assert card.autov3 == hashlib.sha256(data[8 + length :]).hexdigest()[:12]
		assert shelf.models.known_file(card.sha256.upper()) == file
		again = shelf.start()
		assert again.card('a').autov3 == card.autov3 and again.card('sketchbook').sha256
		again.close()
		file.write_bytes(data + b'x')
		assert shelf.models.known_file(card.sha256) is None
		shelf.models.scan()
		assert shelf.models.card('a').sha256 == ''

	def test_large_files_and_those_of_other_folders_are_read_only_when_asked(
		self, shelf, tmp_path, monkeypatch
	):
		monkeypatch.setattr(service, 'SMALL', 20_000)
		write_lora(shelf.home / 'small.safetensors')
		write_weights(shelf.home / 'large.safetensors', {'a': [300, 300]})
		write_lora(tmp_path / 'extra' / 'lora.safetensors')
		shelf.models.registry.add_folder(str(tmp_path / 'extra'))
		shelf.models.scan()

		def read():
			return {
				Path(p).stem
				for p, i in shelf.models.registry.library.paths.items()
				if i.record.sha256
			}  # noqa: E731

		shelf.models.hash_all()
		shelf.models.hasher.thread.join(20)
		assert read() == {'small'}
		shelf.models.hash_everything(True)
		shelf.models.hasher.thread.join(20)
		assert read() == {'small', 'large', 'lora', 'builtin'}
		again = shelf.start()
		assert again.hashes_everything and not again.unread()
		again.close()

	def test_nothing_is_read_while_a_picture_is_drawn_but_what_it_needs(self, shelf, monkeypatch):
		monkeypatch.setattr(hashing, 'PAUSE', 0.01)
		shelf.models.hasher.drawing = lambda: drawing
		drawing = True
		write_folder(shelf.home / 'a')
		shelf.models.scan()
		shelf.models.hash_all()
		assert shelf.models.sha256(shelf.models.resolve('a'))
		assert not shelf.models.card('sketchbook').sha256 and shelf.models.hasher.thread.is_alive()
		drawing = False
		eventually(lambda: shelf.models.card('sketchbook').sha256)

	def test_reading_is_told_and_stops_when_it_is_not_wanted_any_more(self, shelf, monkeypatch):
		large = shelf.home / 'large.safetensors'
		write_weights(large, {'a': [3000, 3000]})
		monkeypatch.setattr(service, 'SMALL', 0)
		shelf.models.scan()
		told: list[Reading] = []

		def look() -> bool:
			told.append(shelf.models.hasher.reading)
			if len(told) == 4:
				shelf.models.hash_everything(False)
			return False

		shelf.models.hasher.drawing = look
		shelf.models.hash_everything(True)
		shelf.models.hasher.thread.join(20)
		assert any(one.files and one.bytes > large.stat().st_size for one in told)
		assert not shelf.models.card('large.safetensors').sha256
		assert shelf.models.find(ModelQuery()).reading == Reading()

	def test_a_refresh_tells_and_hashes(self, shelf):
		write_folder(shelf.home / 'a')
		shelf.models.open()
		eventually(lambda: shelf.models.card('a').sha256 and shelf.told)
		eventually(lambda: not shelf.models.find(ModelQuery()).scanning)

	def test_other_families_say_why_they_are_not_drawn_with(self, shelf):
		from localai.schemas.models import Facts
		from localai.services.models.cards import trouble

		flux = Facts(kind='checkpoint', family='flux1', format='safetensors')
		assert trouble(flux, 'checkpoint', 'x').message == 'LocalAI cannot draw with FLUX.1 yet.'
		for changes in ({'variant': 'inpaint'}, {'variant': 'unet'}, {'format': 'gguf'}):
			facts = Facts(kind='checkpoint', family='sdxl', format='safetensors')
			error = trouble(facts.model_copy(update=changes), 'checkpoint', 'x')
			assert isinstance(error, ModelUnsupported) and error.message.endswith('.')
		assert (
			trouble(Facts(kind='lora', family='flux1', format='safetensors'), 'lora', 'x') is None
		)
