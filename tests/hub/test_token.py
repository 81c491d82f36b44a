"""The token for the hub: kept where `hf` looks for it, readable by its owner, told to nobody."""

import logging
import os
import stat
from pathlib import Path

import pytest

from localai.errors import BadToken, HubUnreachable, InvalidInput
from localai.hub.client import Hub
from localai.hub.token import TokenKeeper


@pytest.fixture
def place(tmp_path: Path, monkeypatch) -> Path:
	monkeypatch.delenv('HF_TOKEN', raising=False)
	monkeypatch.delenv('HUGGING_FACE_HUB_TOKEN', raising=False)
	place = tmp_path / 'huggingface' / 'token'
	monkeypatch.setattr('huggingface_hub.constants.HF_TOKEN_PATH', str(place))
	monkeypatch.setattr(
		'huggingface_hub.constants.HF_STORED_TOKENS_PATH', str(place.with_name('stored_tokens'))
	)
	return place


class TestToken:
	def test_it_is_checked_kept_and_used(self, hub, place, caplog):
		from huggingface_hub import get_token

		caplog.set_level(logging.DEBUG)
		keeper = TokenKeeper(Hub(hub.endpoint))
		assert not keeper.state().present and keeper.read() == ''
		state = keeper.write('  hf_good\n')
		assert state.present and state.name == 'ada' and state.source == 'file'
		assert keeper.read() == 'hf_good' == get_token() == place.read_text()
		if os.name != 'nt':
			assert stat.S_IMODE(place.stat().st_mode) == 0o600
		assert keeper.state(ask=True).name == 'ada'
		told = f'{keeper!r} {state!r} {state.model_dump_json()} {caplog.text}'
		assert 'hf_good' not in told
		assert keeper.write('') == keeper.state() and not place.exists()

	def test_a_wrong_one_is_not_kept(self, hub, place):
		keeper = TokenKeeper(Hub(hub.endpoint))
		keeper.write('hf_good')
		for wrong in ('hf_never_seen', 'two words', 'hf_ä', 'x' * 500):
			with pytest.raises(BadToken) as caught:
				keeper.write(wrong)
			assert wrong not in str(caught.value)
		assert keeper.read() == 'hf_good'
		assert {p.name for p in place.parent.iterdir()} == {'token'}

	def test_without_a_hub_nothing_is_kept(self, place, monkeypatch):
		monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', False)
		with pytest.raises(HubUnreachable):
			TokenKeeper(Hub('http://127.0.0.1:9', timeout=1)).write('hf_good')
		assert not place.exists()

	def test_one_from_the_environment_goes_first_and_stays(self, hub, place, monkeypatch):
		monkeypatch.setenv('HF_TOKEN', 'hf_other')
		keeper = TokenKeeper(Hub(hub.endpoint))
		assert keeper.read() == 'hf_other' and keeper.state().source == 'environment'
		with pytest.raises(InvalidInput, match='environment'):
			keeper.write('hf_good')

	def test_a_file_that_is_no_text(self, hub, place):
		place.parent.mkdir()
		place.write_bytes(b'\xff\xfe\x00')
		assert not TokenKeeper(Hub(hub.endpoint)).state().present
