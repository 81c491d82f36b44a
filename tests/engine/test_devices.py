"""Devices that are not here, as torch tells of them: which is taken, its precision, its memory."""

import gc
import weakref

import pytest
import torch

from localai.engine import devices
from localai.errors import BadSetting


@pytest.fixture
def cards(monkeypatch):
	"""A machine with so many cards of NVIDIA's."""

	def cards(count: int, bf16: bool = True) -> None:
		for name, answer in (
			('is_available', lambda: count > 0),
			('device_count', lambda: count),
			('is_bf16_supported', lambda including_emulation: bf16 or including_emulation),
			('mem_get_info', lambda device: (10 * 10**9, 16 * 10**9)),
			('memory_reserved', lambda device: 5 * 10**9),
			('memory_allocated', lambda device: 3 * 10**9),
			('get_device_name', lambda device: f'Card {device.index or 0}'),
		):
			monkeypatch.setattr(torch.cuda, name, answer)

	return cards


@pytest.fixture
def apple(monkeypatch):
	def apple(there: bool) -> None:
		monkeypatch.setattr(torch.backends.mps, 'is_available', lambda: there)

	return apple


class TestChoice:
	def test_auto_takes_a_card_then_apples_then_the_processor(self, cards, apple):
		for count, mac, name in ((1, True, 'cuda'), (0, True, 'mps'), (0, False, 'cpu')):
			cards(count)
			apple(mac)
			assert devices.choose_device('auto') == torch.device(name)

	def test_a_card_by_its_number(self, cards):
		cards(2)
		for name in ('cuda', 'cuda:0', 'cuda:1', 'cpu'):
			assert devices.choose_device(name) == torch.device(name)
		with pytest.raises(BadSetting, match='cuda:2') as refused:
			devices.choose_device('cuda:2')
		assert 'auto' in refused.value.remedy

	def test_what_is_not_there_is_refused(self, cards, apple):
		cards(0)
		apple(False)
		for name in ('cuda', 'mps'):
			with pytest.raises(BadSetting, match=name):
				devices.choose_device(name)


class TestPrecision:
	def test_a_card_without_bf16_of_its_own_computes_in_fp16(self, cards):
		for bf16, name in ((True, 'bf16'), (False, 'fp16')):
			cards(1, bf16)
			device = torch.device('cuda')
			assert devices.half_of(device) == name
			assert devices.dtype_name(devices.choose_dtype(device, name, 10**6)) == name
			assert devices.describe(torch.device('cuda:1')) == 'Card 1'

	def test_apples_in_fp16_and_a_processor_as_it_can(self, monkeypatch):
		assert devices.half_of(torch.device('mps')) == 'fp16'
		assert devices.describe(torch.device('mps')) == 'Apple GPU'
		cpu = torch.device('cpu')
		for can, name in ((True, 'bf16'), (False, 'fp32')):
			monkeypatch.setattr(torch.ops.mkldnn, '_is_mkldnn_bf16_supported', lambda can=can: can)
			assert devices.half_of(cpu) == name
			assert devices.choose_dtype(cpu, name, 10**9) == devices.DTYPES[name]
			assert devices.choose_dtype(cpu, name, 10**6) == torch.float32

	def test_what_is_wished_for_is_computed_in(self, cards):
		cards(1, True)
		for name in ('cuda', 'mps'):
			assert devices.choose_half(torch.device(name), 'fp32') == 'fp32'
		cpu = torch.device('cpu')
		assert devices.choose_half(cpu, 'fp32') == 'fp32'
		assert devices.choose_half(cpu, 'bf16') == 'bf16'
		assert devices.choose_half(cpu, 'auto') == devices.half_of(cpu)

	def test_fp16_on_a_processor_is_refused_at_the_start(self):
		with pytest.raises(BadSetting, match='LOCALAI_PRECISION') as caught:
			devices.choose_half(torch.device('cpu'), 'fp16')
		assert 'bf16' in caught.value.remedy


class TestSpeed:
	def test_it_is_measured_where_pictures_are_drawn(self):
		assert 1e8 < devices.measure_speed(torch.device('cpu'), 'fp32') < 1e16

	def test_where_there_is_no_room_for_it_nothing_is_said(self, monkeypatch):
		def full(*given, **more):
			raise torch.OutOfMemoryError('out of memory')

		monkeypatch.setattr(torch, 'ones', full)
		assert devices.measure_speed(torch.device('cpu'), 'fp32') == 0


class TestMemory:
	def test_what_torch_keeps_and_does_not_use_is_free(self, cards):
		cards(1)
		machine = devices.machine_of(torch.device('cuda'), 'bf16')
		assert (machine.reading.free, machine.reading.total) == (12 * 10**9, 16 * 10**9)
		assert (machine.kind, machine.half) == ('cuda', 'bf16')

	def test_what_is_given_back_is_gone_at_once_also_where_it_holds_itself(self, monkeypatch):
		emptied = []
		monkeypatch.setattr(torch.cuda, 'empty_cache', lambda: emptied.append('cuda'))
		monkeypatch.setattr(torch.mps, 'empty_cache', lambda: emptied.append('mps'))
		for name in ('cpu', 'cuda', 'mps'):
			thing = torch.nn.Linear(1, 1)
			thing.itself, gone = [thing], weakref.ref(thing)
			gc.disable()
			try:
				del thing
				devices.give_back(torch.device(name))
				assert gone() is None
			finally:
				gc.enable()
		assert emptied == ['cuda', 'mps']
