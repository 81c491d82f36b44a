"""The command line for the history: alone, beside a running app, with a lost database, and asked wrongly."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from localai import cli
from localai.cli.parser import shielded
from localai.text import plain
from tests.live import ROOT, environment_for, live_app, run_command
from tests.samples import png

A1111 = 'a fox in snow\nNegative prompt: blurry\nSteps: 3, Sampler: Euler a, Seed: 5, Size: 64x128'
HOSTILE = '\x1b[2J\x1b]0;x\x07<b>${7*7}\u202e\nNegative prompt: x\nSteps: 3, Seed: 6, Size: 64x128'


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
	"""Pictures of another program, and a file that is none."""
	folder = tmp_path_factory.mktemp('foreign')
	(folder / 'deeper').mkdir()
	(folder / 'fox.png').write_bytes(png({'parameters': A1111}))
	(folder / 'deeper' / 'hostile.png').write_bytes(png({'parameters': HOSTILE}))
	Image.new('RGB', (200, 100), 'red').save(folder / 'photo.jpg')
	return folder


@pytest.fixture(scope='module')
def home(tmp_path_factory, folder) -> Path:
	"""With those pictures in it."""
	home = tmp_path_factory.mktemp('history') / 'home'
	ended = run_command(home, 'history', 'import', str(folder))
	assert ended.returncode == 0, ended
	assert ended.stdout.strip() == '3 pictures imported'
	return home


@pytest.fixture
def here(home, monkeypatch, capsys):
	"""The command line inside this process: exit code, what it prints, what it says beside."""
	monkeypatch.setenv('LOCALAI_HOME', str(home))

	def run(*arguments: str) -> tuple[int, str, str]:
		code = cli.main(['history', *arguments])
		said = capsys.readouterr()
		assert 'Traceback' not in said.err
		return code, said.out, said.err

	return run


def found(here, *words: str) -> list[dict]:
	code, out, _ = here('search', *words, '--json')
	assert code == 0
	return json.loads(out)['pictures']


class TestWords:
	def test_what_a_terminal_would_obey_is_not_printed(self):
		assert plain('a\x1b[2J\nb\u202ec\x07\td') == 'a [2J b c d'
		assert plain('x' * 50, 10) == 'xxxxxxxxx…'

	def test_a_minus_in_a_search_is_a_word(self):
		given = ['history', 'search', 'fox', '-blurry', '--json', '-h', '-']
		assert shielded(given) == ['history', 'search', 'fox', ' -blurry', '--json', '-h', '-']
		assert shielded(['generate', '-x']) == ['generate', '-x']


class TestLooking:
	def test_a_search_prints_a_line_for_each(self, here, home):
		code, out, err = here('search', 'fox')
		(line,) = out.strip().split('\n')
		assert code == 0 and err == ''
		assert re.match(r' *\d+  \d{4}-\d\d-\d\d \d\d:\d\d  64x128  ', line)
		assert 'seed 5' in line and 'a fox in snow' in line and line.endswith('.png')
		assert str(home / 'pictures') in line
		assert [p['seed'] for p in found(here, 'fox')] == [5]
		assert len(found(here)) == 3 and found(here, '-fox', 'seed:5') == []
		assert len(found(here, '-fox')) == 2
		code, out, err = here('search', '--limit', '1', '--sort', 'largest')
		assert 'and 2 more' in err and '200x100' in out and len(out.strip().split('\n')) == 1

	def test_hostile_words_are_shown_as_words(self, here):
		_, out, _ = here('search', 'seed:6')
		assert '${7*7}' in out and not set('\x1b\x07\u202e') & set(out)
		(hostile,) = found(here, 'seed:6')
		_, out, _ = here('show', str(hostile['id']))
		assert '${7*7}' in out and not set('\x1b\x07\u202e') & set(out)

	@pytest.mark.parametrize(
		'words',
		["'; drop table pictures; --", '" or 1=1', 'a OR b NEAR(c', '${7*7}', '\udcff\udcfe', '*'],
	)
	def test_whatever_is_searched_for_is_only_words(self, here, words):
		code, _, _ = here('search', words)
		assert code == 0 and len(found(here)) == 3

	def test_what_is_not_understood_is_said_beside(self, here):
		code, _, err = here('search', 'rating:many')
		assert code == 0 and 'note: ' in err
		assert 'nothing found' in here('search', 'nowhere')[2]

	def test_show_says_all_of_it(self, here):
		(fox,) = found(here, 'fox')
		code, out, _ = here('show', str(fox['id']))
		assert code == 0
		for name, value in (
			('file', fox['path']),
			('prompt', 'a fox in snow'),
			('negative prompt', 'blurry'),
			('seed', '5'),
			('steps', '3'),
		):
			assert re.search(rf'^{name} +{re.escape(value)}$', out, re.M), name
		card = json.loads(here('show', str(fox['id']), '--json')[1])
		assert card['picture']['path'] == fox['path'] and 'Seed: 5' in card['parameters']


class TestWrongUse:
	@pytest.mark.parametrize(
		('arguments', 'words'),
		[
			(('show', 'x'), "'x' is not a picture number."),
			(('show', '-1'), "'-1' is not a picture number."),
			(('show', 'NaN'), "'NaN' is not a picture number."),
			(('show', '1.5'), 'is not a picture number.'),
			(('show', '9' * 400), 'is not a picture number.'),
			(('show', '../..'), 'is not a picture number.'),
			(('show', '٣'), 'is not a picture number.'),
			(('show', ''), 'is not a picture number.'),
			(('show', '0'), 'There is no picture 0.'),
			(('show', '9' * 18), 'There is no picture 9'),
			(('verify', 'x'), 'is not a picture number.'),
			(('delete', '1', 'x'), 'is not a picture number.'),
			(('search', '--limit', '0'), '--limit must be a whole number from 1 to 1,000,000.'),
			(('search', '--limit', 'many'), '--limit must be a whole number'),
			(('search', 'x' * 2001), 'text is not valid'),
			(('export', '--out', 'x'), 'Name either pictures or a search, not both.'),
			(
				('export', '1', '--search', 'x', '--out', 'x'),
				'Name either pictures or a search, not both',
			),
			(('export', '1', '--out', ''), '--out is empty.'),
			(('export', 'x', '--out', 'x.zip'), 'is not a picture number.'),
			(('export', '--search', 'nowhere', '--out', 'x'), 'There are no pictures to export.'),
			(
				('export', '1', '--out', 'x', '--safe', '--settings', 'csv'),
				'Safe copies cannot come with a list of settings',
			),
			(('import', ''), 'PATH is empty.'),
			(('import', '/nothing/here'), '/nothing/here does not exist.'),
			(('import', '/dev/zero'), 'There is no file or folder /dev/zero.'),
			(('import', 'x' * 5000), 'does not exist'),
		],
	)
	def test_it_is_one_sentence_and_2(self, here, tmp_path, monkeypatch, arguments, words):
		monkeypatch.chdir(tmp_path)
		code, out, err = here(*arguments)
		assert code == 2 and out == '' and err.startswith('error: ')
		assert words in err and len(err.strip().split('\n')) <= 2
		assert not list(tmp_path.iterdir())

	@pytest.mark.parametrize(
		'arguments',
		[(), ('explode',), ('show',), ('export', '1'), ('import',), ('delete',), ('restore',),
		 ('search', '--sort', 'colour'), ('export', '1', '--out', 'x', '--settings', 'xml')],
	)  # fmt: skip
	def test_argparse_says_the_rest(self, here, capsys, arguments):
		with pytest.raises(SystemExit) as end:
			here(*arguments)
		assert end.value.code == 2 and 'usage' in capsys.readouterr().err

	def test_what_is_not_there_is_1(self, here):
		code, out, err = here('restore', 'nothing')
		assert code == 1 and out == '' and 'not found in the trash' in err
		code, _, err = here('delete', '999')
		assert code == 1 and '1 picture was not found' in err


class TestTravel:
	def test_a_folder_of_originals_and_nothing_is_overwritten(self, here, tmp_path):
		out = tmp_path / 'out'
		code, said, _ = here('export', '--search', '', '--out', str(out), '--settings', 'json')
		assert code == 0 and said.split('\n')[0] == str(out) and '3 pictures' in said
		names = {path.name for path in out.iterdir()}
		assert len(names) == 4 and 'settings.json' in names
		assert here('export', '--search', '', '--out', str(out))[0] == 0
		assert len(list(out.iterdir())) == 7

	def test_a_zip_that_a_stranger_may_read(self, here, tmp_path):
		(fox,) = found(here, 'fox')
		path = tmp_path / 'deep' / 'fox.zip'
		code, out, _ = here(
			'export', str(fox['id']), '--out', str(path), '--safe', '--sheet', '--json'
		)
		report = json.loads(out)
		assert code == 0 and (report['path'], report['pictures']) == (str(path), 1)
		with zipfile.ZipFile(path) as archive:
			assert len(archive.namelist()) == 2
			assert not any(b'snow' in archive.read(name) for name in archive.namelist())
		assert [p.name for p in path.parent.iterdir()] == ['fox.zip']
		code, _, err = here('export', str(fox['id']), '--out', str(path))
		assert code == 2 and 'already exists' in err

	def test_what_could_be_read_in_safe_copies_is_said(self, here, tmp_path):
		code, out, _ = here('export', '--search', 'fox', '--out', str(tmp_path / 'o'), '--safe')
		assert code == 0 and 'what can still be read in them: format, file size, size' in out

	def test_a_place_that_cannot_be_written(self, here, tmp_path):
		(tmp_path / 'file').write_text('mine')
		for out in (tmp_path / 'file' / 'x.zip', tmp_path / 'file' / 'x', '/dev/null'):
			code, _, err = here('export', '--search', 'fox', '--out', str(out))
			assert code in (1, 2) and err.startswith('error: ')
		assert (tmp_path / 'file').read_text() == 'mine'

	def test_what_is_known_is_not_taken_twice_and_what_is_none_is_said(
		self, here, folder, tmp_path
	):
		(tmp_path / 'none.png').write_bytes(b'PK\3\4 a zip')
		code, out, err = here('import', str(folder), str(tmp_path))
		assert code == 1 and '0 pictures imported, 3 already here' in out
		assert 'not imported: none.png: This is not a picture' in err
		report = json.loads(here('import', str(folder), '--json')[1])
		assert len(report['known']) == 3 and report['imported'] == []
		(tmp_path / 'empty').mkdir()
		code, _, err = here('import', str(tmp_path / 'empty'))
		assert code == 1 and 'There are no PNG, JPEG or WebP pictures there.' in err

	def test_each_file_is_told(self, here, tmp_path, monkeypatch):
		monkeypatch.setenv('LOCALAI_HOME', str(tmp_path / 'home'))
		(tmp_path / 'in').mkdir()
		(tmp_path / 'in' / 'new.png').write_bytes(png({'parameters': A1111}))
		(tmp_path / 'in' / 'notes.txt').write_text('mine')
		code, out, err = here('import', str(tmp_path / 'in'))
		assert (code, out) == (0, '1 picture imported\n')
		assert 'new.png: Settings from A1111, Forge or SD.Next.' in err
		assert 'left out: 1 other file; only PNG, JPEG and WebP are imported' in err


class TestAwayAndBack:
	def test_a_picture_goes_and_comes_back(self, here):
		(fox,) = found(here, 'fox')
		code, out, _ = here('delete', str(fox['id']))
		assert code == 0 and '1 picture in the trash' in out and found(here, 'fox') == []
		assert not Path(fox['path']).exists()
		(name,) = re.findall(r'history restore (\w+)', out)
		assert name in here('trash')[1]
		assert [t['id'] for t in json.loads(here('trash', '--json')[1])] == [name]
		code, out, _ = here('restore', name)
		assert code == 0 and out.startswith('1 picture restored: ')
		assert [p['path'] for p in found(here, 'fox')] == [fox['path']]
		assert here('trash')[1] == ''


class TestTruth:
	"""Last of those that share a home."""

	def test_all_is_well_and_then_not(self, here, home):
		code, out, _ = here('check')
		assert code == 0 and out.startswith(
			'3 pictures in the history, 3 files on the disk; all is'
		)
		(home / 'pictures' / 'new.png').write_bytes(png({'parameters': 'a dog\nSteps: 3, Seed: 8'}))
		(fox,) = found(here, 'fox')
		kept = Path(fox['path']).read_bytes()
		Path(fox['path']).unlink()
		code, out, _ = here('check', '--deep')
		assert code == 1 and '1 picture has no file' in out and '1 file is not in the hist' in out
		assert '  new.png' in out and '--repair' in out
		report = json.loads(here('check', '--json')[1])
		assert (report['missing'], report['orphaned'], report['well']) == (1, 1, False)
		code, out, _ = here('check', '--repair')
		assert code == 1 and '1 repair made' in out and '--forget' in out
		assert len(found(here, 'dog')) == 1
		Path(fox['path']).write_bytes(kept)
		assert here('check', '--repair')[0] == 0
		Path(fox['path']).unlink()
		assert here('check', '--forget')[0] == 0 and found(here, 'fox') == []
		Path(fox['path']).write_bytes(kept)
		assert here('check', '--repair')[0] == 0 and len(found(here, 'fox')) == 1

	def test_a_lost_database_is_made_anew_from_the_pictures(self, here, home):
		before = found(here)
		for file in home.glob('localai.db*'):
			file.unlink()
		code, out, _ = here('check')
		assert code == 1 and '4 files are not in the history' in out
		code, out, _ = here('check', '--repair')
		assert code == 0 and '4 repairs made' in out
		told = [{(p['path'], p['seed'], p['request']['prompt']) for p in now} for now in
			(before, found(here))]  # fmt: skip
		assert told[0] == told[1]

	def test_a_file_that_is_no_database_is_said(self, tmp_path):
		(tmp_path / 'home').mkdir()
		(tmp_path / 'home' / 'localai.db').write_text('no database' * 999)
		ended = run_command(tmp_path / 'home', 'history', 'check')
		assert ended.returncode == 1 and 'Move it away' in ended.stderr
		assert 'Traceback' not in ended.stderr


class TestBesideTheApp:
	@pytest.fixture(scope='class')
	def app(self, home):
		with live_app(home) as live:
			live.wait_job(live.submit(prompt='a red apple', steps=2, seed=7)['id'])
			yield live
			assert 'Traceback' not in live.log

	def test_it_tells_what_the_app_has(self, app, here):
		(apple,) = found(here, 'apple')
		code, out, _ = here('show', str(apple['id']))
		assert code == 0 and re.search('^seed +7$', out, re.M) and 'sketchbook' in out.lower()
		assert len(found(here, '-apple')) == 4

	def test_verify_draws_it_again(self, app, here):
		(apple,) = found(here, 'apple')
		code, out, _ = here('verify', str(apple['id']))
		assert code == 0 and out.startswith('identical (')
		verdict = json.loads(here('verify', str(apple['id']), '--json')[1])['verdict']
		assert verdict['state'] == 'identical' and verdict['maximum'] == 0
		(fox,) = found(here, 'fox')
		code, out, err = here('verify', str(fox['id']))
		assert code == 2 and out == '' and 'Another program drew this picture' in err

	def test_pictures_travel_through_it(self, app, here, tmp_path):
		(tmp_path / 'in').mkdir()
		(tmp_path / 'in' / 'a.png').write_bytes(png({'parameters': 'a whale\nSteps: 3, Seed: 9'}))
		code, out, _ = here('import', str(tmp_path / 'in'))
		assert code == 0 and out.strip() == '1 picture imported'
		path = tmp_path / 'all.zip'
		code, out, _ = here('export', '--search', '', '--out', str(path), '--settings', 'csv')
		assert code == 0 and '6 pictures' in out
		with zipfile.ZipFile(path) as archive:
			assert archive.testzip() is None and len(archive.namelist()) == 7
		code, out, _ = here('export', '--search', 'whale', '--out', str(tmp_path / 'f'), '--safe')
		assert code == 0 and len(list((tmp_path / 'f').iterdir())) == 1

	def test_a_picture_goes_and_comes_back(self, app, here):
		(whale,) = found(here, 'whale')
		out = here('delete', str(whale['id']))[1]
		(name,) = re.findall(r'history restore (\w+)', out)
		assert name in here('trash')[1] and found(here, 'whale') == []
		assert here('restore', name)[0] == 0 and len(found(here, 'whale')) == 1

	def test_check_finds_and_repairs(self, app, here, home):
		assert here('check')[0] == 0
		(home / 'pictures' / 'later.png').write_bytes(
			png({'parameters': 'a cat\nSteps: 3, Seed: 4'})
		)
		assert json.loads(here('check', '--json')[1])['orphaned'] == 1
		assert here('check', '--repair')[0] == 0 and len(found(here, 'cat')) == 1

	@pytest.mark.parametrize(
		('arguments', 'words'),
		[
			(('show', '999'), 'There is no picture 999.'),
			(('search', 'x' * 2001), 'text is not valid'),
			(('export', '--search', 'nowhere', '--out', 'x'), 'There are no pictures to export.'),
			(('export', '1', '--out', 'x', '--safe', '--settings', 'csv'), 'Safe copies cannot'),
			(('import', '/dev/zero'), 'There is no file or folder /dev/zero.'),
		],
	)
	def test_its_refusals_are_ours(self, app, here, tmp_path, monkeypatch, arguments, words):
		monkeypatch.chdir(tmp_path)
		code, out, err = here(*arguments)
		assert code == 2 and out == '' and words in err and not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != 'posix', reason='interrupts by a POSIX signal')
class TestCtrlC:
	def test_an_export_that_is_given_up_leaves_no_half_zip(self, tmp_path):
		home, many = tmp_path / 'home', tmp_path / 'many'
		many.mkdir()
		for number in range(30):
			Image.frombytes('RGB', (900, 900), os.urandom(900 * 900 * 3)).save(
				many / f'{number}.png', compress_level=0
			)
		assert run_command(home, 'history', 'import', str(many)).returncode == 0
		out = tmp_path / 'all.zip'
		for _ in range(5):  # on a busy machine the export may be done before we interrupt it
			process = subprocess.Popen(
				[sys.executable, '-m', 'localai', 'history', 'export', '--search', '', '--safe',
				 '--out', str(out)],
				cwd=ROOT,
				env=environment_for(home),
				stdin=subprocess.DEVNULL,
				stdout=subprocess.PIPE,
				stderr=subprocess.PIPE,
				encoding='utf-8',
			)  # fmt: skip
			end = time.monotonic() + 60
			while process.poll() is None and not list(tmp_path.glob('.all.zip.part')):
				assert time.monotonic() < end
				time.sleep(0.01)
			process.send_signal(signal.SIGINT)
			_, words = process.communicate(timeout=60)
			if process.returncode:
				break
			out.unlink()
		assert process.returncode == 130 and 'cancelled; nothing was kept' in words
		assert not out.exists() and not list(tmp_path.glob('.all*'))
