"""Whether a model fits, from sizes alone."""

import pytest

from localai.schemas.families import FAMILIES
from localai.schemas.hardware import Machine, MemoryReading
from localai.services.hardware.fit import fit_of

GB = 10**9


def machine(free: float, device: str = 'CPU', total: float = 64) -> Machine:
	reading = MemoryReading(free=int(free * GB), total=int(total * GB))
	return Machine(reading=reading, kind='cpu' if device == 'CPU' else 'cuda')


class TestFit:
	@pytest.mark.parametrize(
		('bytes', 'parameters', 'family', 'free', 'device', 'verdict'),
		[
			(2.1 * GB, 1_066_000_000, 'sd1', 6, 'CPU', 'fits'),
			(4.2 * GB, 1_066_000_000, 'sd1', 3, 'CPU', 'fits'),  # computed in half precision
			(6.9 * GB, 3_470_000_000, 'sdxl', 6, 'CPU', 'too large'),
			(6.9 * GB, 3_470_000_000, 'sdxl', 8.3, 'NVIDIA A', 'offload'),
			(6.9 * GB, 3_470_000_000, 'sdxl', 12, 'NVIDIA A', 'fits'),
			(33.8 * GB, 16_900_000_000, 'flux1', 24, 'NVIDIA A', 'too large'),
			(33.8 * GB, 16_900_000_000, 'flux1', 32, 'NVIDIA A', 'offload'),
			(6.8 * GB, 11_900_000_000, 'flux1', 12, 'NVIDIA A', 'fits'),  # quantised
			(23e6, 11_000_000, 'sketchbook', 1, 'CPU', 'fits'),
		],
	)
	def test_verdicts(self, bytes, parameters, family, free, device, verdict):
		found, words = fit_of(int(bytes), parameters, family, machine(free, device))
		assert found == verdict and words.endswith('.') and '\n' not in words

	def test_the_words_have_the_numbers(self):
		words = fit_of(7 * GB, 3_500_000_000, 'sdxl', machine(6, total=16))[1]
		assert words == 'Needs about 9.5 GB; only 6.0 GB is free.'
		words = fit_of(40 * GB, 20_000_000_000, 'qwen-image', machine(6, total=16))[1]
		assert words == 'Needs about 42 GB; this machine has only 16 GB.'

	def test_the_driver_of_a_gpu_wants_its_share(self):
		"""What just fits into memory does not into a graphics card of that size."""
		model = 7 * GB, 3_500_000_000, 'sdxl'
		needed = 7 * GB + 1024 * 1024 * FAMILIES['sdxl'].bytes_per_pixel
		both = MemoryReading(free=needed, total=needed)
		assert fit_of(*model, Machine(reading=both, kind='cpu'))[0] == 'fits'
		assert fit_of(*model, Machine(reading=both, kind='cuda'))[0] == 'offload'
		# Half a gigabyte is not enough of a share, and one is.
		for more, verdict in ((GB // 2, 'offload'), (GB, 'fits')):
			card = MemoryReading(free=needed + more, total=needed + more)
			assert fit_of(*model, Machine(reading=card, kind='cuda'))[0] == verdict

	@pytest.mark.parametrize(('bytes', 'memory'), [(0, machine(6)), (GB, machine(0, total=0))])
	def test_what_is_not_known_is_not_guessed(self, bytes, memory):
		assert fit_of(bytes, 0, None, memory) == ('unknown', '')

	def test_what_is_decoded_piece_by_piece_fits_a_cpu(self):
		model = 6_940_000_000, 3_470_000_000, 'sdxl'
		assert fit_of(*model, machine(8)) == (
			'fits',
			'Needs about 7.6 GB; with 8.0 GB free, pictures are decoded piece by piece.',
		)
