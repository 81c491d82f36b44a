"""Contact sheets: what stands where, in any script, and how much memory they take."""

import io
import tracemalloc
from pathlib import Path

import pytest
from PIL import Image

from localai.files.sharing import sheets
from localai.files.sharing.exposure import exposure
from localai.files.sharing.sheets import LACKING, Cell, fitting, pages, writable


@pytest.fixture
def red(tmp_path) -> Path:
	Image.new('RGB', (320, 200), '#c03030').save(tmp_path / 'red.webp')
	return tmp_path / 'red.webp'


def opened(data: bytes) -> Image.Image:
	return Image.open(io.BytesIO(data))


class TestPages:
	def test_48_pictures_are_a_page_and_the_last_is_as_high_as_it_needs(self, red):
		made = [
			opened(p) for p in pages(Cell(n, red, words='an apple', seed=7) for n in range(1, 59))
		]
		assert len(made) == 2 and all(p.format == 'JPEG' for p in made)
		assert made[0].width == made[1].width and made[0].height > 3 * made[1].height
		assert [opened(p).width < made[0].width for p in pages([Cell(1, red)])] == [True]

	def test_no_pictures_are_no_pages(self):
		assert list(pages([])) == []

	def test_the_picture_stands_in_its_place(self, red):
		page = opened(next(pages([Cell(1, red)])))
		middle = page.getpixel((sheets.MARGIN + sheets.SIDE // 2, sheets.MARGIN + sheets.SIDE - 40))
		assert abs(middle[0] - 0xC0) < 9 and abs(middle[1] - 0x30) < 9

	def test_a_picture_that_is_gone_or_broken_leaves_its_place(self, red, tmp_path):
		(tmp_path / 'broken.png').write_bytes(b'\x89PNG\r\n\x1a\n')
		cells = [
			Cell(1, tmp_path / 'gone.png'),
			Cell(2, tmp_path / 'broken.png', red),
			Cell(3, tmp_path / 'broken.png'),
		]
		page = opened(next(pages(cells)))
		y, step = sheets.MARGIN + sheets.SIDE - 40, sheets.SIDE + sheets.GAP
		seen = [page.getpixel((sheets.MARGIN + step * n + 99, y)) for n in range(3)]
		assert seen[0] == seen[2] != seen[1]

	def test_transparent_and_turned_pictures(self, tmp_path):
		Image.new('RGBA', (64, 64), (0, 0, 0, 0)).save(tmp_path / 'clear.png')
		exif = Image.Exif()
		exif[0x0112] = 6
		Image.new('RGB', (400, 100), 'blue').save(tmp_path / 'turned.jpg', exif=exif)
		page = opened(
			next(pages([Cell(1, tmp_path / 'clear.png'), Cell(2, tmp_path / 'turned.jpg')]))
		)
		assert page.getpixel((sheets.MARGIN + 104, sheets.MARGIN + 180)) == (255, 255, 255)
		second = sheets.MARGIN + sheets.SIDE + sheets.GAP
		assert page.getpixel((second + 104, sheets.MARGIN + 20))[2] > 200  # upright: tall
		assert page.getpixel((second + 10, sheets.MARGIN + 180)) == (255, 255, 255)

	def test_without_words_a_page_tells_nothing(self, red):
		page = next(pages([Cell(1, red)]))
		assert [n for n, _ in exposure(page)] == ['Format', 'File size', 'Size', 'Colours']

	def test_memory_stays_flat_over_many_pages(self, red):
		tracemalloc.start()
		count = sum(1 for _ in pages(Cell(n, red, words='x' * 50_000) for n in range(240)))
		peak = tracemalloc.get_traced_memory()[1]
		tracemalloc.stop()
		assert count == 5 and peak < 10_000_000  # all at once would be 15


class TestWords:
	@pytest.mark.parametrize(
		('text', 'written'),
		[
			('a red apple', 'a red apple'),
			('ein Äpfel, façade', 'ein Apfel, facade'),
			('林檎 in a basket', f'{LACKING} in a basket'),
			('a 🍎🍎🍎 b', f'a {LACKING} b'),
			('שלום', LACKING),
			('a\u202eb\x00c\nd\te', 'abc d e'),
			('\ud800', LACKING),
			('', ''),
		],
	)
	def test_what_the_font_lacks_is_a_box(self, text, written):
		assert writable(text) == written

	@pytest.mark.parametrize(
		'text',
		['x' * 50_000, '🍎' * 50_000, 'של' * 25_000, '<script>${7*7}</script>', '\U0010ffff'],
	)
	def test_anything_can_be_drawn_and_fits(self, red, text):
		assert sheets.font().getlength(fitting(text)) <= sheets.SIDE
		assert opened(next(pages([Cell(1, red, words=text, seed=2**80)]))).format == 'JPEG'
