"""Text from outside becomes text of ours: what is stored, sent, logged and shown on a terminal."""

import json
import logging
import os
import subprocess
import sys

import orjson
import pytest

from localai.errors import BadSetting
from localai.schemas.base import Kept, Schema
from localai.settings import read_settings
from localai.store.preferences import Preferences
from localai.text import OneLine, clean, escaped, is_sound, plain, sound, sound_all
from tests.conftest import ROOT


class TestSound:
	@pytest.mark.parametrize(
		('given', 'made'),
		[
			('caf\udce9.safetensors', 'caf\ufffd.safetensors'),
			('a cut emoji \ud83d', 'a cut emoji \ufffd'),
			('\ud83d\ude00', '😀'),
			('\ude00\ud83d', '\ufffd\ufffd'),
			('日本語 😀', '日本語 😀'),
		],
	)
	def test_half_letters_become_one_sign_and_nothing_else_changes(self, given, made):
		assert sound(given) == made
		assert sound(given).encode()

	def test_what_is_whole_stays_the_same_object(self):
		text = 'ein Fuchs im Schnee, äöü'
		assert sound(text) is text

	def test_a_value_of_json_is_mended_wherever_it_is_broken(self):
		value = {'a\ud800': ['b', {'c': '\udce9'}], 'd': (1, None, 'e')}
		assert not is_sound(value)
		assert orjson.dumps(sound_all(value))
		assert sound_all(value) == {'a\ufffd': ['b', {'c': '\ufffd'}], 'd': (1, None, 'e')}

	def test_endless_depth_is_cut_and_not_followed(self):
		deep: list = ['\ud800']
		for _ in range(5000):
			deep = [deep]
		assert not is_sound(deep)
		assert orjson.dumps(sound_all(deep))


class TestSchemas:
	class Said(Schema):
		name: str
		others: dict = {}

	class Read(Kept):
		name: str = ''

	@pytest.mark.parametrize('schema', [Said, Read])
	def test_whatever_is_said_can_be_sent_and_stored(self, schema):
		said = schema.model_validate({'name': 'x\ud800'})
		assert said.name == 'x\ufffd'
		assert json.loads(said.model_dump_json())['name'] == 'x\ufffd'

	def test_also_within_what_has_no_schema(self):
		said = self.Said(name='x', others={'k\udc80': ['\ud800']})
		assert said.others == {'k\ufffd': ['\ufffd']}

	def test_also_what_this_version_does_not_know(self):
		assert self.Read.model_validate({'later': '\ud800'}).others == {'later': '\ufffd'}

	def test_what_a_page_keeps_can_be_sent_to_all_pages(self, studio):
		preferences = Preferences(studio.database)
		preferences.write('page', {'prompt': 'half \ud83d', 'deep': [{'x': '\udcff'}]})
		assert orjson.dumps(preferences.read('page'))


class TestShown:
	def test_a_line_holds_nothing_that_a_terminal_obeys(self):
		assert plain('a\x1b[31m\n\tb\u202e\x9b0mc\udce9') == 'a [31m b 0mc\ufffd'
		assert plain('x' * 50, 10) == 'xxxxxxxxx…'

	def test_what_is_kept_has_lines_and_no_control_characters(self):
		assert clean(' a\r\nb\rc\x00\x1b\x9bd ') == 'a\nb\nc   d'

	def test_what_is_logged_is_all_there_and_steers_nothing(self):
		assert escaped('a\x1b[2J\x00\tb\nc\x9b\udce9') == 'a\\x1b[2J\\x00\tb\nc\\x9b\ufffd'

	def test_an_event_is_one_line_and_its_traceback_harmless(self):
		try:
			raise ValueError('\x1b]0;mine\x07 \udce9')
		except ValueError:
			record = logging.LogRecord(
				'localai',
				logging.ERROR,
				__file__,
				1,
				'a name: %s',
				('x\n2026 INFO forged',),
				sys.exc_info(),
			)
		said = OneLine('%(levelname)s %(message)s').format(record)
		assert said.splitlines()[0] == 'ERROR a name: x\\n2026 INFO forged'
		assert '\x1b' not in said and '\x07' not in said
		assert said.encode() and 'Traceback' in said


class TestHome:
	def test_a_folder_whose_name_is_no_text_is_refused_in_one_sentence(self):
		with pytest.raises(BadSetting) as refused:
			read_settings({'LOCALAI_HOME': '/tmp/caf\udce9'})
		assert 'LOCALAI_HOME' in refused.value.message


class TestReaderGone:
	def test_a_reader_that_stops_reading_is_no_traceback(self, tmp_path):
		process = subprocess.Popen(
			[sys.executable, '-m', 'localai', 'models'],
			stdout=subprocess.PIPE,
			stderr=subprocess.PIPE,
			env=os.environ | {'LOCALAI_HOME': str(tmp_path / 'home')},
			cwd=ROOT,
		)
		assert process.stdout and process.stderr
		process.stdout.close()
		said = process.stderr.read().decode()
		process.stderr.close()
		assert process.wait() == 141
		assert 'Traceback' not in said and 'BrokenPipe' not in said
