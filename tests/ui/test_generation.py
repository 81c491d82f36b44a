"""What the Generate tab asks, called as Gradio calls it: the one event of a page that lasts."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from localai.schemas.visitors import OWNER, STRANGER, Visitor
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

	def test_each_visitor_is_told_which_jobs_are_theirs_to_stop(self, studio, executor, follow):
		guest, other = Visitor(name='192.168.1.9'), Visitor(name='192.168.1.10')
		executor.gate.clear()
		first, second = (studio.generation.start({'prompt': 'a fox'}).id for _ in range(2))
		studio.visits.began(guest, second)

		async def own(visitor: Visitor) -> object:
			return (await latest(follow(visitor=visitor)))['own']

		assert asyncio.run(own(guest)) == [second]
		assert asyncio.run(own(OWNER)) == [first, second]
		assert asyncio.run(own(other)) == asyncio.run(own(STRANGER)) == []

	def test_who_just_began_a_job_hears_at_once_that_it_is_theirs(self, studio, executor, follow):
		guest = Visitor(name='192.168.1.9')
		executor.gate.clear()

		async def told() -> list[object]:
			stream = follow(visitor=guest)
			job = studio.generation.start({'prompt': 'a fox'}).id
			before = (await anext(stream))['own']
			studio.visits.began(guest, job)
			after = (await anext(stream))['own']
			await stream.aclose()
			return [before, after == [job]]

		assert asyncio.run(told()) == [[], True]
