"""Knows what the Downloads tab asks of the services: the hub, the queue of downloads, what suits this
machine, the settings."""

from collections.abc import Callable

from localai.errors import InvalidInput
from localai.schemas.downloads import DownloadLimits, HubQuery
from localai.studio import Studio
from localai.ui.components import Answer, said
from localai.ui.tabs import Tab
from localai.ui.visitors import open_to

TOKEN_LIMIT = 1000


def functions(studio: Studio) -> list[Callable]:
	"""The functions that the scripts of the page call by name. A token comes in here and never goes
	out again."""

	@open_to('owner')
	def ui_downloads_begin(given: dict) -> Answer:
		return {
			'limits': said(studio.downloads.limits()),
			'token': said(studio.downloads.token()),
			'recommended': recommended(),
		}

	@open_to('signed_in')
	def ui_recommended(given: dict) -> Answer:
		return {'recommended': recommended()}

	@open_to('signed_in')
	def ui_hub_search(given: dict) -> Answer:
		return {'found': [said(one) for one in studio.downloads.search(HubQuery(**given))]}

	@open_to('signed_in')
	def ui_hub_page(given: dict) -> Answer:
		"""What would be fetched of one repository, by component, with its bytes."""
		page = studio.downloads.page(
			str(given.get('repo') or ''),
			revision=str(given.get('revision') or 'main'),
			variant=str(given.get('variant') or ''),
		)
		return {'page': said(page)}

	@open_to('owner')
	def ui_download_start(given: dict) -> Answer:
		return {'download': said(studio.downloads.start(given))}

	@open_to('owner')
	def ui_download_change(given: dict) -> Answer:
		"""Pause, resume, cancel, move or forget one download."""
		downloads = studio.downloads
		verbs = {
			'pause': downloads.pause,
			'resume': downloads.resume,
			'cancel': downloads.cancel,
			'forget': downloads.forget,
		}
		which, verb = str(given.get('id')), given.get('verb')
		if verb == 'move':
			downloads.move(which, int(given.get('position', 0)))
		elif verb in verbs:
			verbs[verb](which)
		else:
			raise ValueError('no such verb')
		return {}

	@open_to('owner')
	def ui_download_limits(given: dict) -> Answer:
		return {'limits': said(studio.downloads.set_limits(DownloadLimits(**given)))}

	@open_to('owner')
	def ui_hub_token(given: dict) -> Answer:
		"""Keeps a token, or with '' removes it; answers only whether there is one."""
		token = str(given.get('token') or '').strip()
		if len(token) > TOKEN_LIMIT:
			raise InvalidInput('This is too long for a token.', 'Copy it again.', 'token')
		return {'token': said(studio.downloads.set_token(token))}

	def recommended() -> list[Answer]:
		return [said(one) for one in studio.downloads.recommended()]

	return [
		ui_downloads_begin,
		ui_recommended,
		ui_hub_search,
		ui_hub_page,
		ui_download_start,
		ui_download_change,
		ui_download_limits,
		ui_hub_token,
	]


TAB = Tab('downloads', 'Downloads', ('downloads',), functions, asks='ui_downloads_begin')
