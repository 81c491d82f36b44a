"""Knows the named, typed endpoints for Gradio's API client; everything else on the page is
private."""

from localai.studio import Studio
from localai.ui.endpoints import downloads, history, jobs, models

ENDPOINTS = frozenset(
	(
		'/generate',
		'/submit',
		'/follow',
		'/cancel',
		'/job',
		'/jobs',
		'/models',
		'/load_model',
		'/unload_model',
		'/search_hub',
		'/download',
		'/downloads',
		'/cancel_download',
		'/history',
		'/picture',
		'/delete_pictures',
		'/restore_pictures',
		'/mark_pictures',
		'/read_settings',
	)
)


def add(studio: Studio) -> None:
	"""Adds the endpoints to the Blocks being built. They carry work; they never own it."""
	jobs.add(studio)
	models.add(studio)
	downloads.add(studio)
	history.add(studio)
