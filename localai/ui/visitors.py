"""Knows what of the page is not for a visitor who came over the network to a LocalAI without a
password: what fetches, deletes or opens folders, and what changes or takes away the history."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from localai.errors import NotAllowed
from localai.settings import STRANGER
from localai.ui.components import Answer, answer

OWNER_ONLY = frozenset(
	(
		'ui_download_start',
		'ui_download_change',
		'ui_download_limits',
		'ui_hub_token',
		'ui_folder_add',
		'ui_folder_remove',
		'ui_model_convert',
		'ui_model_delete',
		'ui_trash_empty',
		'ui_history_mark',
		'ui_history_album',
		'ui_history_delete',
		'ui_history_restore',
		'ui_history_trash_empty',
		'ui_history_check',
		'ui_history_export',
	)
)


def check(request: Any) -> None:
	"""Raises NotAllowed. The guard has marked the request, and no visitor can unmark it."""
	if request is not None and request.headers.get(STRANGER):
		raise NotAllowed('This is only for visitors who gave a password, and none is set.')


def for_owner(function: Callable[[dict], Answer]) -> Callable[..., Answer]:
	"""The function, where it is not for strangers."""
	if function.__name__ not in OWNER_ONLY:
		return function

	# Gradio hands the request to whatever says that it takes one.
	def guarded(given: dict, request: gr.Request) -> Answer:
		@answer
		def checked(given: dict) -> Answer:
			check(request)
			return function(given)

		return checked(given)

	guarded.__name__ = function.__name__
	return guarded
