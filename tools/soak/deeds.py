"""Knows all that is done with the app, and how often."""

import random
from collections.abc import Callable

from tools.soak import drawing, exchange, history, models, visiting
from tools.soak.world import World

Deed = Callable[[World, random.Random], None]

# In the long run, and under the load that is killed.
DEEDS: dict[Deed, tuple[int, int]] = {
	drawing.draw: (6, 8),
	drawing.draw_and_follow: (4, 3),
	drawing.draw_by_client: (2, 1),
	drawing.draw_by_client_and_wait: (2, 0),
	drawing.draw_by_command: (1, 0),
	drawing.stop: (2, 1),
	visiting.follow_jobs: (4, 1),
	visiting.open_pages: (4, 1),
	history.search: (8, 1),
	history.mark: (8, 6),
	history.delete: (4, 7),
	history.restore: (3, 4),
	history.empty: (1, 3),
	exchange.take_in: (4, 6),
	exchange.take_in_folder: (2, 7),
	exchange.export: (2, 1),
	exchange.export_folder: (1, 2),
	models.fetch: (2, 5),
	models.change_fetch: (1, 1),
	models.load: (1, 1),
	models.scan: (1, 0),
}
