"""Who asks, and what they may: the mark that the guard puts on every request, the one sentence of a
refusal, what is not told to everybody, and the jobs that are somebody's own."""

from collections.abc import Callable, Mapping

from localai.errors import NotAllowed
from localai.schemas.jobs import JobSnapshot
from localai.schemas.visitors import ROLES, Audience, Visitor

# The header that the guard sets, and that nobody else can: it takes away what a visitor sends.
MARK = 'x-localai-visitor'
REMEMBERED = 1000  # jobs


def marked(visitor: Visitor) -> str:
	return f'{visitor.role} {visitor.name}'.strip()


def visitor_of(headers: Mapping[str, str]) -> Visitor:
	"""Who sent these headers; a stranger where no guard has said."""
	said, _, name = headers.get(MARK, '').partition(' ')
	role = next((role for role in ROLES if role == said), 'stranger')
	return Visitor(role=role, name=name)


def check(visitor: Visitor, audience: Audience) -> None:
	"""Raises NotAllowed."""
	if not visitor.may(audience):
		raise NotAllowed('Only visitors who gave a password can do this.')


def told(visitor: Visitor, job: JobSnapshot) -> JobSnapshot:
	"""A job as who asks hears of it: strangers get the addresses of its pictures, not where they
	lie."""
	if visitor.may('owner') or not job.pictures:
		return job
	pictures = tuple(p.model_copy(update={'path': p.url}) for p in job.pictures)
	return job.model_copy(update={'pictures': pictures})


class Visits:
	"""Which of the last jobs was begun by whom, for as long as the app runs. `changed` hears when that
	is more."""

	def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
		self.changed = changed
		self.jobs: dict[str, str] = {}

	def began(self, visitor: Visitor, job_id: str) -> None:
		if visitor.name:
			self.jobs = dict([*self.jobs.items(), (job_id, visitor.name)][-REMEMBERED:])
			self.changed()

	def may_stop(self, visitor: Visitor, job_id: str) -> bool:
		"""What is their own; the owner also what anybody began."""
		own = visitor.name and self.jobs.get(job_id) == visitor.name
		return bool(own) or visitor.may('owner')

	def check_own(self, visitor: Visitor, job_id: str) -> None:
		"""Raises NotAllowed."""
		if not self.may_stop(visitor, str(job_id)):
			raise NotAllowed('Someone else started this job.')
