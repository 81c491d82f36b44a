"""The small tables and pure functions of the engine."""

import diffusers
import pytest
import torch
from pydantic import ValidationError

from localai.engine import devices, loading, memory, schedulers
from localai.engine.families import ANATOMIES
from localai.errors import BadSetting, OutOfMemory
from localai.schemas.families import ARCHITECTURES, FAMILIES, PARTS, ROWS, ArchitectureName
from localai.schemas.hardware import Machine, MemoryReading
from localai.schemas.models import ModelSpec
from localai.schemas.samplers import schedules_for

SD1 = ModelSpec(id='a', name='a', family='sd1', path='/a', bytes=2 * 10**9, parameters=10**9)


class TestFamilies:
	def test_each_family_has_a_pipeline_and_efforts_that_exist(self):
		assert set(ANATOMIES) == set(FAMILIES)
		for family in FAMILIES.values():
			assert family.default_effort in family.efforts
			assert all(e.schedule in schedules_for(e.sampler) for e in family.efforts)
			assert all(s.width % 8 == 0 == s.height % 8 for s in family.shapes)

	def test_each_name_has_one_row(self):
		assert tuple(ARCHITECTURES) == ArchitectureName.__args__
		assert len(ROWS) == len(ARCHITECTURES)

	def test_only_a_family_that_is_drawn_with_makes_a_model(self):
		known = set(ARCHITECTURES) - set(FAMILIES)
		assert 'unknown' in known
		for name in known:
			with pytest.raises(ValidationError, match='cannot draw with'):
				ModelSpec(id='a', name='a', family=name, path='/a', bytes=1, parameters=1)

	def test_both_rows_of_a_family_fit_each_other(self):
		for name, family in FAMILIES.items():
			anatomy = ANATOMIES[name]
			assert all(hasattr(diffusers, kind) for kind in family.pipelines.values())
			assert family.single_files == (anatomy.file is not None)
			assert set(family.samplers) <= set(schedulers.TABLES[anatomy.noise])
			assert anatomy.denoiser in anatomy.parts
			assert set(anatomy.parts) <= set(PARTS), 'a part that has no word for people'
			if anatomy.file:
				assert set(anatomy.file.places) == set(anatomy.parts)
				assert all((loading.CONFIGS / name / part).is_dir() for part in anatomy.parts)


class TestPrecision:
	def test_never_fp16_on_a_cpu(self):
		cpu = torch.device('cpu')
		half = devices.half_of(cpu)
		for parameters in (10**6, 10**9, 10**11):
			assert devices.choose_dtype(cpu, half, parameters) in (torch.bfloat16, torch.float32)
		assert devices.choose_dtype(cpu, half, 10**6) == torch.float32

	def test_a_device_that_is_not_there_is_refused(self):
		if not torch.cuda.is_available():
			with pytest.raises(BadSetting, match='cuda'):
				devices.choose_device('cuda')


class TestMemoryPlan:
	@pytest.mark.parametrize(
		('free', 'resident', 'tiled'),
		[(12e9, False, False), (9e9, True, False), (3e9, False, True), (1e9, True, True)],
	)
	def test_tiles_before_it_refuses(self, free, resident, tiled):
		machine = Machine(reading=MemoryReading(free=int(free), total=int(16e9)))
		assert memory.plan(SD1, 1536, 1536, machine, resident).tiled == tiled

	def test_refuses_with_the_numbers(self):
		with pytest.raises(OutOfMemory, match=r'2\.\d GB, but only 1\.0 GB is free'):
			full = Machine(reading=MemoryReading(free=10**9, total=10**10))
			memory.plan(SD1, 512, 512, full, False)
