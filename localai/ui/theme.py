"""Knows how the page is dressed: Gradio's theme, and the styles and scripts of `static/` as one
piece of head."""

import base64
import json
from pathlib import Path

import gradio as gr

STATIC = Path(__file__).parent / 'static'
STYLES = (
	'page/tokens',
	'page/base',
	'page/header',
	'generate/composer',
	'generate/choices',
	'generate/stage',
	'page/viewer',
	'hardware/hardware',
	'models/shelf',
	'page/rows',
	'models/side',
	'downloads/foot',
	'generate/switcher',
	'history/history',
	'history/grid',
	'history/detail',
	'history/selection',
	'page/dialogs',
	'history/compare',
	'generate/timeline',
	'page/narrow',
	'page/pocket',
)
# In the order in which they need each other; what a part draws is in the file of its name.
SCRIPTS = (
	'page/shared',
	'page/words',
	'page/notice',
	'page/dialogs',
	'generate/form',
	'page/wire',
	'page/tabs',
	'page/rows',
	'models/library',
	'page/panels',
	'page/pictures',
	'page/facts',
	'generate/timeline',
	'generate/composer',
	'generate/choices',
	'generate/preview',
	'generate/stage',
	'generate/filmstrip',
	'page/viewer',
	'history/query',
	'history/vocabulary',
	'history/filters',
	'history/search',
	'history/layout',
	'history/pages',
	'history/tiles',
	'history/grid',
	'history/rail',
	'history/picking',
	'history/labels',
	'history/selection',
	'history/verify',
	'history/inside',
	'history/detail',
	'history/compare',
	'history/exporting',
	'history/importing',
	'history/upkeep',
	'history/history',
	'hardware/hardware',
	'models/card',
	'models/places',
	'models/models',
	'downloads/fetching',
	'downloads/repository',
	'downloads/hub',
	'downloads/downloads',
	'page/keys',
)
VIEWPORT = (
	'width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content'
)


def theme() -> gr.themes.Base:
	"""Only what shows before our own styles are there: the ground, the ink and the system's
	fonts."""
	return gr.themes.Base(
		font=('system-ui', 'sans-serif'), font_mono=('ui-monospace', 'monospace')
	).set(
		body_background_fill='#f6f5f2',
		body_background_fill_dark='#141413',
		body_text_color='#1f1e1b',
		body_text_color_dark='#eeece6',
	)


def head(catalog: dict) -> str:
	"""Goes into the page as text, not through `css_paths`, because Gradio rewrites the selectors of
	those.

	`catalog` is what the scripts know from the first moment on.
	"""
	icon = base64.b64encode((STATIC / 'page' / 'icon.svg').read_bytes()).decode()
	style = '\n'.join((STATIC / f'{name}.css').read_text('utf-8') for name in STYLES)
	scripts = ''.join(
		f'<script>{(STATIC / f"{name}.js").read_text("utf-8")}</script>\n' for name in SCRIPTS
	)
	known = json.dumps(catalog).replace('<', '\\u003c')
	return (
		f'<meta name="viewport" content="{VIEWPORT}">\n'
		f'<link rel="icon" type="image/svg+xml" href="data:image/svg+xml;base64,{icon}">\n'
		f'<style>{style}</style>\n<script>window.catalog = {known}</script>\n{scripts}'
	)
