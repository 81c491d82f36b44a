"""Knows what of the look is Gradio's: its theme, and what stands in the head of the page."""

import gradio as gr

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


def head(links: str) -> str:
	"""`links` lead to our own files. Gradio's `css_paths` would rewrite the selectors of the styles."""
	return f'<meta name="viewport" content="{VIEWPORT}">\n{links}'
