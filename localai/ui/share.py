"""Knows how to open Gradio's tunnel to a server that runs already."""

import secrets

from gradio import networking

from localai.errors import StartProblem


def open_tunnel(port: int) -> str:
	"""The public address. Raises StartProblem when the tunnel service cannot be reached."""
	try:
		return networking.setup_tunnel('127.0.0.1', port, secrets.token_urlsafe(32), None, None)
	except Exception as error:  # the tunnel raises whatever its parts raise
		raise StartProblem(
			f'The share link could not be opened: {error}.',
			'Check the network, or start without --share.',
		) from error
