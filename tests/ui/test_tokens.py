"""The colours of the page, as text on every ground: WCAG AA."""

import re
from itertools import product

import pytest

from localai.ui.assets import STATIC

AA = 4.5
INKS = ('ink', 'muted', 'accent', 'good', 'amber', 'red')
GROUNDS = ('ground', 'panel', 'soft')
SCHEMES = {
	selector: dict(re.findall(r'--([\w-]+): (#\w{6});', block))
	for selector, block in re.findall(
		r'^(body(?:\.dark)?) \{(.*?)^\}',
		(STATIC / 'page' / 'tokens.css').read_text('utf-8'),
		re.MULTILINE | re.DOTALL,
	)
}


def luminance(colour: str) -> float:
	parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
	linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
	return sum(w * part for w, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
	dark, light = sorted((luminance(one), luminance(other)))
	return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize('scheme', ['body', 'body.dark'])
def test_text_can_be_read_on_every_ground(scheme):
	colours = SCHEMES[scheme]
	pairs = [*product(INKS, GROUNDS), ('on-accent', 'accent')]
	weak = {
		f'{ink} on {ground}': round(contrast(colours[ink], colours[ground]), 2)
		for ink, ground in pairs
		if contrast(colours[ink], colours[ground]) < AA
	}
	assert not weak


def test_contrast_is_counted_as_the_standard_does():
	assert contrast('#000000', '#ffffff') == pytest.approx(21)
	assert contrast('#2f7d4f', '#efede7') == pytest.approx(4.30, abs=0.01)
