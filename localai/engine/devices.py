"""Knows which device there is, which precision it computes in, how much memory it has free now, and
how memory is given back."""

import gc
import logging
import math
import time

import torch

from localai import machine
from localai.errors import BadSetting
from localai.schemas.hardware import Machine, MemoryReading, PrecisionName, PrecisionWish
from localai.schemas.memory import precision

log = logging.getLogger('localai.engine')
DTYPES: dict[PrecisionName, torch.dtype] = {
	'fp32': torch.float32,
	'fp16': torch.float16,
	'bf16': torch.bfloat16,
}
# Of all memory: what models that are not in use may take, and what they leave free.
WARM_SHARE = {'cuda': 0.5, 'mps': 0.35, 'cpu': 0.35}
FREE_SHARE = {'cuda': 0.0, 'mps': 0.25, 'cpu': 0.25}


def choose_device(wanted: str) -> torch.device:
	"""`auto` takes CUDA, then Apple's GPU, then the CPU. Raises BadSetting for a device that is not
	there."""
	if wanted == 'auto':
		wanted = (
			'cuda'
			if torch.cuda.is_available()
			else 'mps'
			if torch.backends.mps.is_available()
			else 'cpu'
		)
	device = torch.device(wanted)
	there = {
		'cuda': torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
		'mps': torch.backends.mps.is_available(),
		'cpu': True,
	}
	if not there[device.type]:
		raise BadSetting(
			f'LOCALAI_DEVICE is {wanted!r}, but this machine has no such device.', 'Set it to auto.'
		)
	return device


def half_of(device: torch.device) -> PrecisionName:
	"""The precision of all that is not tiny. Never fp16 on a CPU: one convolution there took 24
	seconds."""
	if device.type == 'cuda':
		return 'bf16' if torch.cuda.is_bf16_supported(including_emulation=False) else 'fp16'
	if device.type == 'mps':
		return 'fp16'
	return 'bf16' if torch.ops.mkldnn._is_mkldnn_bf16_supported() else 'fp32'


def choose_half(device: torch.device, wanted: PrecisionWish) -> PrecisionName:
	"""`auto` takes what is fast there and has enough digits. Raises BadSetting for what would take
	hours."""
	if wanted == 'auto':
		return half_of(device)
	if device.type == 'cpu' and wanted == 'fp16':
		raise BadSetting(
			'LOCALAI_PRECISION is fp16, which takes hours for a picture without a GPU.',
			'Set it to auto, fp32 or bf16.',
		)
	return wanted


def choose_dtype(device: torch.device, half: PrecisionName, parameters: int) -> torch.dtype:
	return DTYPES[precision(device.type, half, parameters)]


def machine_of(device: torch.device, half: PrecisionName) -> Machine:
	return Machine(reading=read_memory(device), kind=device.type, half=half)


def measure_speed(device: torch.device, half: PrecisionName) -> float:
	"""Operations a second of a product of two matrices in that precision: the best of a
	few, since others may be at work too; 0 where there is no memory for it. It takes some hundredths
	of a second."""
	side = 1024 if device.type == 'cpu' else 4096
	best = math.inf
	try:
		matrix = torch.ones(side, side, dtype=DTYPES[half], device=device)
		for _ in range(5):
			begun = time.perf_counter()
			# What is read back has been computed.
			(matrix @ matrix)[0, 0].item()
			best = min(best, time.perf_counter() - begun)
	except RuntimeError as error:
		log.warning('the speed of %s could not be measured: %s', device, error)
	return 2 * side**3 / best


def describe(device: torch.device) -> str:
	if device.type == 'cuda':
		return torch.cuda.get_device_name(device)
	return 'Apple GPU' if device.type == 'mps' else 'CPU'


def dtype_name(dtype: torch.dtype) -> PrecisionName:
	return next(name for name, one in DTYPES.items() if one == dtype)


def read_memory(device: torch.device) -> MemoryReading:
	if device.type == 'cuda':
		free, total = torch.cuda.mem_get_info(device)
		# What torch keeps for itself and does not use is free to us.
		kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
		return MemoryReading(free=free + kept, total=total)
	return machine.read_memory()


def ran_out(error: BaseException) -> bool:
	"""Whether it says that there was no memory left; torch, CUDA, the reader of weights and the system
	each have their own words."""
	words = ('out of memory', "can't allocate memory", 'cannot allocate memory')
	named = isinstance(error, MemoryError | torch.OutOfMemoryError)
	return named or any(w in str(error).lower() for w in words)


def give_back(device: torch.device) -> None:
	"""Returns what is no longer used to the system: Python, torch and glibc each keep some."""
	gc.collect()
	if device.type == 'cuda':
		torch.cuda.empty_cache()
	if device.type == 'mps':
		torch.mps.empty_cache()
	machine.give_back()
