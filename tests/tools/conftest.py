"""Renders and a code for tests: shapes made up here, for the icons are only there where training is."""

import numpy
import pytest

from tools.builtin.compose import PATCH, SIZE
from tools.builtin.things import STYLES, THINGS


@pytest.fixture(scope='module')
def data(tmp_path_factory):
	"""Renders that are a disc each, of a colour and width of its own, and a code of random columns."""
	folder = tmp_path_factory.mktemp('data')
	across = numpy.linspace(-1, 1, SIZE)
	distance = numpy.hypot(across[:, None], across)
	renders = numpy.zeros((len(THINGS), len(STYLES), SIZE, SIZE, 4), numpy.uint8)
	lot = numpy.random.default_rng(0)
	for thing in range(len(THINGS)):
		for style in range(len(STYLES)):
			disc = distance < 0.5 + 0.4 * lot.random()
			renders[thing, style][disc] = [*lot.integers(0, 255, 3), 255]
	numpy.savez_compressed(folder / 'renders.npz', renders=renders)
	basis, _ = numpy.linalg.qr(lot.normal(size=(3 * PATCH * PATCH, 16)))
	numpy.savez(
		folder / 'code.npz',
		mean=numpy.full(3 * PATCH * PATCH, 0.1, numpy.float32),
		scale=numpy.linspace(0.5, 2, 16, dtype=numpy.float32),
		basis=basis.astype(numpy.float32),
	)
	return folder
