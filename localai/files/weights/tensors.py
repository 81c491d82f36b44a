"""Knows what a header is, whatever the format, and how far one may go."""

from dataclasses import dataclass
from typing import NamedTuple

from localai.errors import ModelBroken
from localai.text import plain

# The headers of the biggest models stay below 20 MB.
LIMIT = 25_000_000
# More than any tensor has: sides, values along one of them.
SIDES, SIDE = 16, 1 << 48
# Tensors in one file; those of the biggest models have some 20,000.
TENSORS = 100_000


class Tensor(NamedTuple):
	dtype: str
	shape: tuple[int, ...]

	@property
	def written(self) -> bool:
		"""Whether its shape is that of its values: bytes may hold several of them."""
		return self.dtype not in ('U8', 'I8')


@dataclass(frozen=True, slots=True)
class Header:
	"""`weights` are the bytes of each dtype, `values` counts all numbers; `missing` are the bytes that
	the end of the file lacks, as that of a download that was cut does."""

	tensors: dict[str, Tensor]
	metadata: dict[str, str]
	weights: dict[str, int]
	values: int
	missing: int = 0

	@property
	def data_bytes(self) -> int:
		return sum(self.weights.values())


def too_many(name: str, count: int) -> ModelBroken:
	return ModelBroken(
		f'{name} was not read: its header lists {count:,} tensors, more than any model has.'
	)


def damaged(name: str, key: str) -> ModelBroken:
	return ModelBroken(
		f'{name} is damaged: what its header says about {plain(key, 80)!r} does not add up.'
	)
