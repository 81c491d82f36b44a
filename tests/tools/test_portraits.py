"""The pictures that the README shows: each is there, in both schemes, small, and of the page as it is taken."""

import re
from pathlib import Path

import pytest
from PIL import Image

from tools.portraits import FOLDER, HEIGHT, SCALE, SCENES, WIDTH

README = (Path(__file__).parents[2] / 'README.md').read_text('utf-8')
NAMED = re.findall(r'(?:src|srcset)="docs/([^"]+)"', README)
ALL = [f'{name}-{scheme}.webp' for name, _, _ in SCENES for scheme in ('light', 'dark')]


def test_the_readme_shows_each_that_is_taken_and_says_what_is_on_it():
	assert sorted(NAMED) == sorted(ALL) == sorted(path.name for path in FOLDER.iterdir())
	assert all(len(words) > 20 for words in re.findall(r'<img[^>]* alt="([^"]*)"', README))


@pytest.mark.parametrize('name', ALL)
def test_each_is_small_and_whole(name):
	with Image.open(FOLDER / name) as picture:
		assert picture.format == 'WEBP'
		assert picture.size == (WIDTH * SCALE, HEIGHT * SCALE)
		picture.load()
	assert (FOLDER / name).stat().st_size < 100_000
