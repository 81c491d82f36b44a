"""The environment, read once and validated."""

from pathlib import Path

import pytest

from localai.errors import BadSetting, HomeUnusable
from localai.settings import describe_settings, read_settings


class TestSettings:
	def test_defaults(self):
		settings = read_settings({})
		assert (
			settings.home == Path.home() / 'localai'
			and settings.host == '127.0.0.1'
			and settings.port == 7860
		)

	def test_the_environment_and_what_is_given_on_top(self, tmp_path):
		settings = read_settings(
			{'LOCALAI_HOME': str(tmp_path), 'LOCALAI_PORT': '1234', 'LOG_LEVEL': 'debug'}, port=99
		)
		assert (settings.home, settings.port, settings.log_level) == (tmp_path, 99, 'DEBUG')

	@pytest.mark.parametrize(
		('name', 'value'),
		[
			('LOCALAI_PORT', 'abc'),
			('LOCALAI_PORT', '70000'),
			('LOCALAI_PORT', 'nan'),
			('LOCALAI_DEVICE', 'toaster'),
			('LOCALAI_EXECUTOR', 'cloud'),
			('LOCALAI_PRECISION', 'fp8'),
			('LOCALAI_HOST', 'a b'),
			('LOG_LEVEL', 'loud'),
		],
	)
	def test_a_wrong_value_is_named_with_its_meaning(self, name, value):
		with pytest.raises(BadSetting) as caught:
			read_settings({name: value})
		assert (
			name in caught.value.message
			and value.casefold() in caught.value.message.casefold()
			and caught.value.remedy
		)

	def test_an_empty_value_is_the_default(self):
		assert read_settings({'LOCALAI_PORT': ' '}).port == 7860

	def test_the_shared_cache_is_where_huggingface_hub_looks(self, tmp_path):
		assert read_settings({}).hub == Path.home() / '.cache' / 'huggingface' / 'hub'
		environment = {'XDG_CACHE_HOME': str(tmp_path)}
		assert read_settings(environment).hub == tmp_path / 'huggingface' / 'hub'
		environment['HF_HOME'] = str(tmp_path / 'a')
		assert read_settings(environment).hub == tmp_path / 'a' / 'hub'
		environment['HF_HUB_CACHE'] = str(tmp_path / 'b')
		assert read_settings(environment).hub == tmp_path / 'b'

	def test_the_password_is_never_shown(self):
		assert 'hunter2' not in repr(read_settings({'LOCALAI_PASSWORD': 'hunter2'}))

	def test_all_are_described(self):
		for name in (
			'LOCALAI_HOME',
			'LOCALAI_HOST',
			'LOCALAI_PORT',
			'LOCALAI_EXECUTOR',
			'LOCALAI_DEVICE',
			'LOCALAI_PRECISION',
			'HF_HOME',
		):
			assert name in describe_settings()

	def test_a_home_that_is_a_file_is_refused(self, tmp_path):
		(tmp_path / 'file').write_text('')
		with pytest.raises(HomeUnusable, match='cannot write'):
			read_settings({}, home=tmp_path / 'file').prepare()
