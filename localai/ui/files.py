"""Knows how a program gets the file of a picture: by its number, at an address that says nothing of the
disk."""

import re
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from localai.schemas.base import Schema
from localai.schemas.generation import Picture

# What Gradio's clients ask for where a file is `media/7/fox.png`.
ADDRESS = re.compile(r'/gradio_api/file=media/(\d{1,18})/[^/]+')


class PictureFile(Schema):
	"""No dict, so that Gradio leaves it as it is."""

	path: str
	url: str
	orig_name: str
	meta: dict[str, str] = {'_type': 'gradio.FileData'}


def file_of(picture: Picture) -> Any:
	"""What Gradio's clients download."""
	name = Path(picture.path).name
	return PictureFile(path=f'media/{picture.id}/{name}', url=picture.url, orig_name=name)


class Files:
	"""An ASGI layer around the app: those addresses are what `/media` serves."""

	def __init__(self, app: ASGIApp, prefix: str = ''):
		self.app = app
		self.prefix = prefix

	async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
		if scope['type'] == 'http':
			asked = ADDRESS.fullmatch(scope['path'].removeprefix(self.prefix))
			if asked:
				scope = {**scope, 'path': f'/media/{asked[1]}', 'raw_path': b''}
		await self.app(scope, receive, send)
