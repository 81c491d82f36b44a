"""One rule for bytes, asked by the badge, the estimate and the engine."""

import pytest

from localai.engine import memory as engine
from localai.schemas import memory
from localai.schemas.families import FAMILIES
from localai.schemas.generation import GenerationRequest
from localai.schemas.hardware import Machine, MemoryReading
from localai.schemas.models import ModelSpec
from localai.services.generation.estimates import Estimates
from localai.services.hardware import fit

SD1 = ModelSpec(
	id='a', name='a', family='sd1', path='/a', bytes=2_132_000_000, parameters=1_066_000_000
)


def machine(free: float, kind='cpu', half='bf16', total: float = 64) -> Machine:
	reading = MemoryReading(free=int(free * 1e9), total=int(total * 1e9))
	return Machine(reading=reading, kind=kind, half=half)


class TestPrecision:
	@pytest.mark.parametrize(
		('kind', 'half', 'parameters', 'precision'),
		[
			('cpu', 'bf16', 10**9, 'bf16'),
			('cpu', 'bf16', 10**7, 'fp32'),
			('cpu', 'bf16', 150_000_000, 'bf16'),
			('cpu', 'fp32', 10**9, 'fp32'),
			('cuda', 'bf16', 10**7, 'bf16'),
			('cuda', 'fp16', 10**9, 'fp16'),
			('mps', 'fp16', 10**7, 'fp16'),
		],
	)
	def test_only_a_cpu_takes_what_is_tiny_in_single_precision(
		self, kind, half, parameters, precision
	):
		assert memory.precision(kind, half, parameters) == precision


class TestOneRule:
	@pytest.mark.parametrize(
		('half', 'kind', 'bytes'),
		[
			('bf16', 'cpu', 2_761_145_600),
			('fp32', 'cpu', 5_522_291_200),
			('bf16', 'cuda', 3_361_145_600),
			('fp16', 'cuda', 3_361_145_600),
		],
	)
	def test_badge_estimate_and_engine_say_the_same(self, half, kind, bytes):
		here = machine(60, kind, half)
		estimates = Estimates(FAMILIES, None, lambda: here)
		request = GenerationRequest(prompt='a fox', width=512, height=512)
		assert estimates.plan(request, SD1, here).bytes == bytes
		assert engine.plan(SD1, 512, 512, here, resident=False).bytes == bytes
		assert fit.judge(SD1.bytes, SD1.parameters, 'sd1', here) == (
			'fits',
			memory.Plan(bytes, tiled=False, fits=True),
		)

	def test_what_is_drawn_with_comes_into_the_devices_precision(self):
		"""An fp8 file of SDXL takes twice its bytes; what LocalAI cannot draw with stays as it is."""
		assert memory.needed('sdxl', 3_500_000_000, 3_500_000_000, machine(8)).weights == 7 * 10**9
		assert memory.needed('flux1', 7 * 10**9, 12 * 10**9, machine(8)).weights == 7 * 10**9

	def test_what_just_fits_fits(self):
		need = memory.Need(weights=5, whole=4, tiled=2)
		assert memory.plan(need, 9) == memory.Plan(9, tiled=False, fits=True)
		assert memory.plan(need, 8) == memory.Plan(7, tiled=True, fits=True)
		assert memory.plan(need, 7) == memory.Plan(7, tiled=True, fits=True)
		assert memory.plan(need, 6) == memory.Plan(7, tiled=True, fits=False)

	def test_the_weights_of_a_resident_model_are_not_needed_again(self):
		need = memory.needed('sd1', SD1.bytes, SD1.parameters, machine(8), (512, 512))
		assert memory.plan(need, 10**9).fits is False
		assert memory.plan(need, 10**9, resident=True) == memory.Plan(
			need.whole, tiled=False, fits=True
		)

	def test_a_large_picture_is_planned_in_pieces_before_it_is_refused(self):
		need = memory.needed('sd1', SD1.bytes, SD1.parameters, machine(8), (1536, 1536))
		assert memory.plan(need, 3 * 10**9) == memory.Plan(
			need.weights + need.tiled, tiled=True, fits=True
		)
