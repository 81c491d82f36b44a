"""Knows the endpoints for downloads: what the hub offers, what is being fetched. No token goes in or
out here."""

from asyncio import to_thread
from typing import Any

import gradio as gr

from localai.schemas.downloads import DownloadSnapshot, HubQuery, HubSort
from localai.schemas.families import ArchitectureName
from localai.schemas.models import KindName
from localai.services.fields import read
from localai.studio import Studio
from localai.ui.components import said
from localai.ui.endpoints.doors import offer
from localai.ui.endpoints.words import failure, refused, text
from localai.ui.visitors import open_to


def add(studio: Studio) -> None:
	@open_to('signed_in')
	def search_hub(
		search: str = '',
		family: ArchitectureName | None = None,
		licence: str = '',
		largest: int = 0,
		gated: bool | None = None,
		sort: HubSort = 'trending',
		limit: int = 30,
	) -> list[dict[str, Any]]:
		"""Models on the Hugging Face hub. `have` says that one is here already.

		Args:
			search: Words of its name; empty for all.
			family: Such as sd1, sdxl or flux1; empty for all.
			licence: Such as apache-2.0; empty for any.
			largest: Bytes at most; 0 for any.
			gated: True for those whose owners want to be asked, false for the others, empty for
			both.
			sort: trending, downloads, likes or newest.
			limit: How many at most, up to 100.
		"""
		fields = {
			'text': search,
			'family': family,
			'licence': licence,
			'largest': largest,
			'gated': gated,
			'sort': sort,
			'limit': limit,
		}
		with refused():
			return [said(found) for found in studio.downloads.search(read(HubQuery, fields))]

	@open_to('owner')
	async def download(
		source: str,
		revision: str = 'main',
		variant: str = '',
		files: list[str] | None = None,
		kind: KindName | None = None,
		then_load: bool = False,
		wait: bool = False,
	) -> dict[str, Any]:
		"""Begins to fetch a model and returns how it stands; what was begun before goes on. Follow
		it with /downloads, or wait for its end.

		Args:
			source: owner/name on the hub, or an https link to a .safetensors or .gguf file.
			revision: A branch, a tag or a commit.
			variant: Such as fp16; empty for what the repository gives by default.
			files: Only these files of the repository; empty for all that are needed.
			kind: What a link leads to, where its file does not tell; empty to find out.
			then_load: Load it when it is here.
			wait: Return only when it has ended; progress tells bytes and time left.
		"""
		fields = {
			'source': source,
			'revision': revision,
			'variant': variant,
			'files': files or (),
			'kind': kind,
			'then_load': then_load,
		}
		with refused():
			now = await to_thread(studio.downloads.start, fields)
		if not wait:
			return said(now)
		progress = gr.Progress()
		async for now in studio.downloads.follow_async(now.id):  # noqa: B020
			tell(progress, now)
			if now.state == 'paused':
				break
		if now.state == 'failed' and now.error:
			raise failure(now.error)
		return said(now)

	@open_to('anyone')
	def downloads() -> list[dict[str, Any]]:
		"""The pending downloads in their order, then those that ended last."""
		return [said(one) for one in studio.downloads.list()]

	@open_to('owner')
	def cancel_download(download: str) -> dict[str, Any]:
		"""Gives a download up; what of it was not in use before is removed.

		Args:
			download: The id that /download returned.
		"""
		with refused():
			return said(studio.downloads.cancel(text(download, 'download')))

	offer(search_hub, 8)
	offer(download)
	offer(downloads, 8)
	offer(cancel_download, 8)


def tell(progress: gr.Progress, now: DownloadSnapshot) -> None:
	"""What Gradio's progress says of a download."""
	words: str = 'waiting for the network' if now.error else now.state
	if now.state == 'running' and not now.error:
		left = '' if now.eta is None else f' · {now.eta:.0f} s left'
		words = f'{now.speed / 1e6:.1f} MB/s{left}'
	progress((now.done, max(1, now.bytes)), desc=f'{now.name}: {words}', unit='bytes')
