"""Knows an engine for junk: whatever it is asked to draw, it draws one small square at once."""

from localai.schemas import engine as say
from tests.fakes import FakeEngine, FakeExecutor

MOST = 3  # pictures of a job


class QuickEngine(FakeEngine):
	def draw(self, task: say.Generate) -> say.Finished | say.Cancelled:
		small = task.request.model_copy(update={'width': 8, 'height': 8, 'steps': 1})
		drawings = task.drawings[:MOST]
		return super().draw(task.model_copy(update={'request': small, 'drawings': drawings}))


class QuickExecutor(FakeExecutor):
	def __init__(self) -> None:
		super().__init__()
		self.first = QuickEngine('fake')
		self.engines = {'fake': self.first}
		self.gate, self.status = self.first.gate, self.first.status
