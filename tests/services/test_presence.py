"""What every page sees of the whole app, told by many at once."""

import asyncio
import threading

from localai.schemas.hardware import EngineStatus
from localai.services.presence import Presence


class TestPresence:
	def test_each_says_what_changed_and_leaves_the_rest(self):
		presence = Presence()
		presence.show_library(3)
		presence.show_engines(EngineStatus(name='a'), [EngineStatus(name='b', state='ready')])
		presence.show_history()
		now = presence.now
		assert (now.library, now.history, now.engine.name) == (3, 1, 'a')
		assert [e.state for e in now.others] == ['ready'] and now.queue == () and now.last is None

	def test_nothing_that_many_say_at_once_is_lost(self):
		presence = Presence()

		def say() -> None:
			for _ in range(200):
				presence.show_history()

		threads = [threading.Thread(target=say) for _ in range(8)]
		for thread in threads:
			thread.start()
		for version in range(200):
			presence.show_library(version)
		for thread in threads:
			thread.join(60)
		assert (presence.now.history, presence.now.library) == (1600, 199)

	def test_who_watches_sees_the_latest_at_once_each_change_and_the_end(self):
		presence = Presence()

		async def watch() -> list[int]:
			seen = []
			async for snapshot in presence.watch():
				seen.append(snapshot.library)
				if snapshot.library < 2:
					presence.show_library(snapshot.library + 1)
				elif len(seen) == 3:
					presence.close()
			return seen

		seen = asyncio.run(asyncio.wait_for(watch(), 60))
		assert seen[:3] == [0, 1, 2] and set(seen[3:]) <= {2}
