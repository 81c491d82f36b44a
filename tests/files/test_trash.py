"""The trash: what is put away comes back exactly as it was."""

import contextlib
import os
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from localai.errors import (
	InvalidInput,
	LocalAIError,
	ModelInUse,
	StorageProblem,
	UnknownName,
)
from localai.files import trash
from localai.schemas.models import ModelDefaults
from localai.store.models import ModelRecord
from localai.store.tables import TrashRow, now
from tests.library import Shelf, write_folder, write_weights


@pytest.fixture
def shelf(tmp_path):
	shelf = Shelf(tmp_path)
	yield shelf
	shelf.close()


def disk(folder: Path) -> dict[str, bytes]:
	return {
		p.relative_to(folder).as_posix(): p.read_bytes()
		for p in folder.rglob('*')
		if p.is_file() and '.localai-trash' not in p.parts
	}


def rows(shelf: Shelf) -> dict[str, ModelRecord]:
	return shelf.models.store.all()


class TestDelete:
	def test_a_folder_comes_back_with_all_that_was_known_of_it(self, shelf):
		write_folder(shelf.home / 'checkpoints' / 'a')
		write_folder(shelf.home / 'checkpoints' / 'b', seed=1)
		shelf.models.scan()
		shelf.models.annotate(
			'checkpoints/a', notes='mine', defaults=ModelDefaults(steps=9), thumbnail=4
		)
		shelf.models.sha256(shelf.models.resolve('checkpoints/a'))
		files, known, card = disk(shelf.home), rows(shelf), shelf.models.card('checkpoints/a')

		gone = shelf.models.delete('checkpoints/a')
		size = sum(len(d) for name, d in files.items() if name.startswith('checkpoints/a/'))
		assert gone.bytes == size and gone.name == 'a' and not gone.final
		assert not (shelf.home / 'checkpoints' / 'a').exists()
		assert 'checkpoints/a' not in shelf.ids() and shelf.models.trash() == (gone,)
		shelf.models.scan()
		assert str(shelf.home / 'checkpoints' / 'a') not in rows(shelf)
		with pytest.raises(UnknownName):
			shelf.models.resolve('checkpoints/a')

		assert shelf.models.restore(gone.id) == card
		assert disk(shelf.home) == files and rows(shelf) == known
		assert not shelf.models.trash() and not any(shelf.trash.iterdir())
		report = shelf.models.scan()
		assert (report.added, report.changed, report.gone) == (0, 0, 0)

	def test_what_lies_beside_a_file_goes_with_it(self, shelf):
		write_weights(shelf.home / 'ink.safetensors', {'a': [4]})
		for name in ('ink.preview.png', 'ink.civitai.info', 'ink.json', 'ink2.json', 'notes.txt'):
			(shelf.home / name).write_text(name)
		shelf.models.scan()
		files = disk(shelf.home)
		gone = shelf.models.delete('ink.safetensors')
		assert sorted(disk(shelf.home)) == ['ink2.json', 'notes.txt']
		shelf.models.restore(gone.id)
		assert disk(shelf.home) == files

	def test_what_two_models_share_stays(self, shelf):
		write_weights(shelf.home / 'ink.safetensors', {'a': [4]})
		(shelf.home / 'ink.ckpt').write_bytes(b'x')
		(shelf.home / 'ink.json').write_text('{}')
		shelf.models.scan()
		shelf.models.delete('ink.safetensors')
		assert sorted(disk(shelf.home)) == ['ink.ckpt', 'ink.json']

	def test_all_pieces_go_and_come_back(self, shelf):
		for number in (1, 2):
			write_weights(shelf.home / f'big-0000{number}-of-00002.safetensors', {'a': [8]})
		(shelf.home / 'big.safetensors.index.json').write_text('{}')
		shelf.models.scan()
		files = disk(shelf.home)
		gone = shelf.models.delete('big-00001-of-00002.safetensors')
		assert not disk(shelf.home) and gone.bytes == sum(len(d) for d in files.values())
		shelf.models.restore(gone.id)
		assert disk(shelf.home) == files

	def test_a_place_that_is_taken_gives_a_new_name(self, shelf):
		write_weights(shelf.home / 'ink.safetensors', {'a': [4]})
		(shelf.home / 'ink.preview.png').write_text('old')
		shelf.models.scan()
		shelf.models.annotate('ink.safetensors', notes='the first')
		gone = shelf.models.delete('ink.safetensors')
		write_weights(shelf.home / 'ink.safetensors', {'b': [6]})
		shelf.models.scan()
		back = shelf.models.restore(gone.id)
		assert back.id == 'ink (2).safetensors' and back.notes == 'the first'
		assert (shelf.home / 'ink (2).preview.png').read_text() == 'old'
		assert shelf.models.card('ink.safetensors').notes == ''
		assert shelf.models.scan().added == 0

	def test_the_folder_it_lay_in_is_made_again(self, shelf):
		write_folder(shelf.home / 'deep' / 'er' / 'a')
		shelf.models.scan()
		gone = shelf.models.delete('deep/er/a')
		(shelf.home / 'deep' / 'er').rmdir()
		assert shelf.models.restore(gone.id).id == 'deep/er/a'

	def test_another_disk_has_a_trash_of_its_own(self, shelf, tmp_path, monkeypatch):
		other = tmp_path / 'other'
		path = write_folder(other / 'a')
		shelf.models.add_folder(str(other))
		shelf.models.scan()
		files = disk(other)
		real = os.stat

		class Elsewhere:
			"""The facts of a file, as though its disk were another one."""

			def __init__(self, facts):
				self.facts = facts

			def __getattr__(self, name):
				return -1 if name == 'st_dev' else getattr(self.facts, name)

		def stat(self, **options):
			facts = real(self, **options)
			return Elsewhere(facts) if Path(self) == other else facts

		monkeypatch.setattr(Path, 'stat', stat)
		gone = shelf.models.delete(str(path))
		monkeypatch.undo()
		held = other / '.localai-trash' / gone.id
		assert (held / 'a').is_dir() and not path.exists()
		shelf.models.scan()
		assert shelf.ids() == ['sketchbook']
		shelf.models.restore(gone.id)
		assert disk(other) == files and not (other / '.localai-trash').exists()

	def test_a_model_in_use_stays(self, shelf):
		path = write_folder(shelf.home / 'a')
		shelf.models.scan()
		shelf.used = {str(path)}
		with pytest.raises(ModelInUse, match='in use'):
			shelf.models.delete('a')
		assert 'a' in shelf.ids() and path.exists()
		shelf.used = set()
		shelf.models.delete('a')

	def test_sketchbook_cannot_be_deleted(self, shelf):
		with pytest.raises(InvalidInput, match='part of LocalAI'):
			shelf.models.delete('sketchbook')

	def test_what_is_gone_already_is_said_and_leaves_the_list(self, shelf):
		path = write_weights(shelf.home / 'ink.safetensors', {'a': [4]})
		shelf.models.scan()
		path.unlink()
		with pytest.raises(UnknownName, match='no longer exists'):
			shelf.models.delete('ink.safetensors')
		assert 'ink.safetensors' not in shelf.ids() and not shelf.models.trash()

	@pytest.mark.parametrize('name', ['', 'nothing', '../models', '/etc/passwd', 'a\0'])
	def test_only_what_is_in_the_library_is_deleted(self, shelf, name):
		with pytest.raises(UnknownName):
			shelf.models.delete(name)

	def test_two_at_once_delete_it_once(self, shelf):
		write_folder(shelf.home / 'a')
		shelf.models.scan()
		ends: list[object] = []
		start = threading.Barrier(4)

		def delete():
			start.wait()
			try:
				ends.append(shelf.models.delete('a'))
			except LocalAIError as error:
				ends.append(error)

		threads = [threading.Thread(target=delete) for _ in range(4)]
		for thread in threads:
			thread.start()
		for thread in threads:
			thread.join()
		assert sum(isinstance(e, UnknownName) for e in ends) == 3 and len(shelf.models.trash()) == 1

	def test_a_disk_that_refuses_leaves_everything(self, shelf, monkeypatch):
		write_weights(shelf.home / 'ink.safetensors', {'a': [4]})
		(shelf.home / 'ink.json').write_text('{}')
		shelf.models.scan()
		files, real = disk(shelf.home), os.rename

		def rename(source, target):
			if str(source).endswith('.safetensors'):
				raise PermissionError(13, 'Permission denied')
			real(source, target)

		monkeypatch.setattr(trash.os, 'rename', rename)
		with pytest.raises(StorageProblem, match='ink.safetensors cannot be moved'):
			shelf.models.delete('ink.safetensors')
		monkeypatch.undo()
		assert disk(shelf.home) == files and not shelf.models.trash()
		assert 'ink.safetensors' in shelf.ids()


class TestTrash:
	def test_emptying_frees_the_bytes(self, shelf):
		write_folder(shelf.home / 'a')
		shelf.models.scan()
		gone = shelf.models.delete('a')
		assert shelf.models.empty_trash() == gone.bytes > 0
		assert not any(shelf.trash.iterdir()) and not shelf.models.trash()
		assert shelf.models.empty_trash() == 0
		with pytest.raises(UnknownName):
			shelf.models.restore(gone.id)

	def test_what_lies_a_month_is_deleted_at_the_start(self, shelf):
		for name in ('old', 'new'):
			write_folder(shelf.home / name)
		shelf.models.scan()
		old, new = shelf.models.delete('old'), shelf.models.delete('new')
		with shelf.database.writing() as session:
			session.get(TrashRow, old.id).deleted_at = now() - timedelta(days=31)
		shelf.models.after_scan()
		assert [t.id for t in shelf.models.trash()] == [new.id]

	def test_files_that_someone_took_out_are_said(self, shelf):
		write_folder(shelf.home / 'a')
		shelf.models.scan()
		gone = shelf.models.delete('a')
		(shelf.trash / gone.id / 'a').rename(shelf.home.parent / 'taken')
		with pytest.raises(StorageProblem, match='no longer in the trash'):
			shelf.models.restore(gone.id)

	@pytest.mark.parametrize('which', ['', 'x', '../..', 'a\0'])
	def test_odd_names_are_not_in_it(self, shelf, which):
		with pytest.raises(UnknownName):
			shelf.models.restore(which)

	@pytest.mark.parametrize('stage', ['before', 'half'])
	def test_a_delete_that_was_cut_off_is_undone_at_the_start(self, shelf, monkeypatch, stage):
		path = write_weights(shelf.home / 'ink.safetensors', {'a': [4]})
		(shelf.home / 'ink.json').write_text('{}')
		shelf.models.scan()
		shelf.models.annotate('ink.safetensors', notes='mine')
		files = disk(shelf.home)

		class Killed(BaseException):
			pass

		def die(moves):
			for source, target in moves[: 0 if stage == 'before' else 1]:
				os.rename(source, target)
			raise Killed

		monkeypatch.setattr(trash, 'rename_all', die)
		monkeypatch.setattr(shelf.models.bin.store, 'remove', lambda *row, **back: None)
		with contextlib.suppress(Killed):
			shelf.models.delete('ink.safetensors')
		monkeypatch.undo()
		again = shelf.start()
		again.bin.mend()
		assert disk(shelf.home) == files and not again.trash()
		assert again.card('ink.safetensors').notes == 'mine' and path.exists()
		again.close()
