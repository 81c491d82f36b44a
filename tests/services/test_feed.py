"""The latest value at once, each change after it; the more follow, the less each is told in between."""

import asyncio

from localai.services.feed import Feed


class TestManyFollowers:
	def test_each_sees_the_last_and_all_together_few_of_those_before(self):
		feed: Feed[int] = Feed(0)
		values, many = 300, 50

		async def follow() -> list[int]:
			return [value async for value in feed.follow_async()]

		async def publish() -> None:
			while len(feed.wakers) < many:
				await asyncio.sleep(0)
			for value in range(1, values):
				feed.publish(value)
				await asyncio.sleep(0)
			feed.publish(values, last=True)

		async def together() -> list[list[int]]:
			*seen, _ = await asyncio.gather(*(follow() for _ in range(many)), publish())
			return seen

		seen = asyncio.run(together())
		assert all(one[-1] == values and one == sorted(set(one)) for one in seen)
		assert sum(len(one) for one in seen) < values * many / 2
