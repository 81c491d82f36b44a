"""Knows which addresses lead to a page about a file, and where the file itself is."""

import re
from typing import NamedTuple


class Page(NamedTuple):
	"""Addresses of pages, and the file behind them: '' where the address does not tell which."""

	pattern: str
	file: str = ''


# Patterns that Python and JavaScript read alike. Those of the hub are read by `services/downloads`.
PAGES = (
	Page(
		r'^https://(?:www\.)?github\.com/([^/?#]+/[^/?#]+)/blob/([^?#]+)',
		r'https://github.com/\1/raw/\2',
	),
	Page(
		r'^https://(?:www\.)?civitai\.(com|green|red)/models/\d+[^#]*[?&]modelVersionId=(\d+)',
		r'https://civitai.\1/api/download/models/\2',
	),
	Page(r'^https://(?:www\.)?civitai\.(?:com|green|red)/models/\d+'),
)
# What is said of a page whose file nobody can tell.
MESSAGE = 'This is the page of a model, not its file.'
REMEDY = 'Open it, and copy the link of its download button.'


def file_of(url: str) -> str:
	"""The address of the file behind a page, the same address for all others; '' where the page does not
	tell which file."""
	for page in PAGES:
		if found := re.match(page.pattern, url, re.IGNORECASE):
			return found.expand(page.file) if page.file else ''
	return url
