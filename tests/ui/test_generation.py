"""What the Generate tab asks, called as Gradio calls it: the one event of a page that lasts."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from localai.ui import generation


@pytest.fixture
def follow(studio):
	return generation.follower(studio)


async def latest(stream: AsyncIterator[dict]) -> dict:
	value = await anext(stream)
	await stream.aclose()
	return value


class TestFollow:
	def test_what_all_pages_see_is_said_once_for_all_of_them(self, studio, follow):
		async def three() -> list[dict]:
			one, two = await latest(follow()), await latest(follow())
			studio.presence.show_history()
			return [one, two, await latest(follow())]

		one, two, later = (value['snapshot'] for value in asyncio.run(three()))
		assert one is two and later is not one
		assert later['history'] == one['history'] + 1
