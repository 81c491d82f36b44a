"""Jobs at rest: write, change, order, read back."""

from collections.abc import Sequence
from datetime import datetime
from typing import get_args

from pydantic import ValidationError
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from localai.schemas.generation import GenerationParameters
from localai.schemas.jobs import JobSnapshot, JobState, Problem
from localai.store.database import Database
from localai.store.history import History, to_picture
from localai.store.tables import JobRow, PictureRow, now

STATES = frozenset(get_args(JobState))
# What stands where a later version wrote what cannot be read here; no such job is drawn.
NOTHING = GenerationParameters(
	prompt='',
	model='',
	width=0,
	height=0,
	steps=0,
	guidance_scale=0,
	sampler='',
	schedule='',
	seed=0,
)


class Jobs:
	"""Every call is one transaction."""

	def __init__(self, database: Database, history: History):
		self.database = database
		self.history = history

	def add(self, job_id: str, request: GenerationParameters, seeds: Sequence[int]) -> JobSnapshot:
		"""A queued job at the end of the queue."""
		with self.database.writing() as session:
			last = session.scalar(select(func.max(JobRow.rank))) or 0.0
			row = JobRow(
				id=job_id,
				state='queued',
				rank=last + 1,
				request=request.model_dump(mode='json'),
				seeds=list(seeds),
				skipped=[],
				notes=[],
				attempts=0,
			)
			session.add(row)
			session.flush()
			return self.to_snapshot(row, [])

	def change(
		self,
		job_id: str,
		state: JobState,
		error: Problem | None = None,
		attempts: int | None = None,
		when: datetime | None = None,
	) -> None:
		"""Stores a new state; times follow from it."""
		when = when or now()
		values: dict = {'state': state, 'error': error and error.model_dump()}
		if attempts is not None:
			values['attempts'] = attempts
		if state in ('finished', 'cancelled', 'failed'):
			values['finished_at'] = when
		if state == 'loading':
			values['started_at'] = func.coalesce(JobRow.started_at, when)
		with self.database.writing() as session:
			session.execute(update(JobRow).where(JobRow.id == job_id).values(values))

	def note(self, job_id: str, notes: Sequence[str]) -> None:
		with self.database.writing() as session:
			session.execute(update(JobRow).where(JobRow.id == job_id).values(notes=list(notes)))

	def skip(self, job_id: str, index: int) -> None:
		"""Remembers that one picture is not wanted, so that a restart does not draw it."""
		with self.database.writing() as session:
			row = session.get(JobRow, job_id)
			if row and index not in row.skipped:
				row.skipped = [*row.skipped, index]

	def skipped(self, job_id: str) -> frozenset[int]:
		with self.database.reading() as session:
			return frozenset(
				session.scalar(select(JobRow.skipped).where(JobRow.id == job_id)) or ()
			)

	def order(self, ids: Sequence[str]) -> None:
		"""Ranks the given jobs in this order."""
		with self.database.writing() as session:
			ranks = sorted(session.scalars(select(JobRow.rank).where(JobRow.id.in_(ids))))
			for job_id, rank in zip(ids, ranks, strict=False):
				session.execute(update(JobRow).where(JobRow.id == job_id).values(rank=rank))

	def get(self, job_id: str) -> JobSnapshot | None:
		with self.database.reading() as session:
			row = session.get(JobRow, job_id)
			return self.to_snapshot(row, self.pictures_of(session, [job_id])) if row else None

	def in_states(self, states: Sequence[JobState]) -> list[JobSnapshot]:
		"""Oldest rank first."""
		with self.database.reading() as session:
			rows = session.scalars(
				select(JobRow).where(JobRow.state.in_(states)).order_by(JobRow.rank)
			).all()
			pictures = self.pictures_of(session, [r.id for r in rows])
			return [self.to_snapshot(r, [p for p in pictures if p.job_id == r.id]) for r in rows]

	def recent(self, limit: int) -> list[JobSnapshot]:
		"""The jobs that ended last, the newest first."""
		with self.database.reading() as session:
			rows = session.scalars(
				select(JobRow)
				.where(JobRow.finished_at.is_not(None))
				.order_by(JobRow.finished_at.desc())
				.limit(limit)
			).all()
			pictures = self.pictures_of(session, [r.id for r in rows])
			return [self.to_snapshot(r, [p for p in pictures if p.job_id == r.id]) for r in rows]

	def pictures_of(self, session: Session, ids: Sequence[str]) -> list[PictureRow]:
		return list(
			session.scalars(
				select(PictureRow).where(PictureRow.job_id.in_(ids)).order_by(PictureRow.number)
			)
		)

	def to_snapshot(self, row: JobRow, pictures: Sequence[PictureRow]) -> JobSnapshot:
		return JobSnapshot(
			id=row.id,
			state=row.state if row.state in STATES else 'failed',
			request=to_parameters(row.request),
			seeds=tuple(row.seeds),
			attempts=row.attempts,
			notes=tuple(row.notes),
			error=row.error and Problem.model_validate(row.error),
			pictures=tuple(to_picture(p, self.history.folder) for p in pictures),
			created_at=row.created_at,
			started_at=row.started_at,
			finished_at=row.finished_at,
		)


def to_parameters(request: dict) -> GenerationParameters:
	"""As they were stored, whichever version did it."""
	try:
		return GenerationParameters.model_validate(request)
	except ValidationError as error:
		strange = {problem['loc'][0] for problem in error.errors() if problem['loc']}
		told = {name: value for name, value in request.items() if name not in strange}
		return NOTHING.model_validate(NOTHING.model_dump() | told | {'as_written': request})
