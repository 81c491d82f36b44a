"""Downloads at rest: write, change, order, read back."""

from collections.abc import Sequence

from sqlalchemy import delete, func, select, update

from localai.schemas.downloads import (
	PENDING,
	DownloadFile,
	DownloadPlan,
	DownloadRequest,
	DownloadSnapshot,
	DownloadState,
)
from localai.schemas.jobs import Problem
from localai.store.database import Database
from localai.store.tables import DownloadRow, now

ENDED: tuple[DownloadState, ...] = ('finished', 'cancelled', 'failed')


class Downloads:
	"""Every call is one transaction."""

	def __init__(self, database: Database):
		self.database = database

	def add(
		self, download_id: str, request: DownloadRequest, plan: DownloadPlan | None = None
	) -> DownloadSnapshot:
		"""A queued download at the end of the queue; without a plan it is made later."""
		with self.database.writing() as session:
			last = session.scalar(select(func.max(DownloadRow.rank))) or 0.0
			row = DownloadRow(
				id=download_id,
				state='queued',
				rank=last + 1,
				request=request.model_dump(mode='json'),
				plan=plan and plan.model_dump(mode='json'),
				model='',
			)
			session.add(row)
			session.flush()
			return self.to_snapshot(row)

	def change(
		self, download_id: str, state: DownloadState, error: Problem | None = None, model: str = ''
	) -> None:
		"""Stores a new state; the time of the end follows from it, and is forgotten when it goes
		on."""
		values: dict = {
			'state': state,
			'error': error and error.model_dump(),
			'finished_at': now() if state in ENDED else None,
		}
		if model:
			values['model'] = model
		self.write(download_id, values)

	def settle(self, download_id: str, plan: DownloadPlan) -> None:
		"""What will be fetched, from now on."""
		self.write(download_id, {'plan': plan.model_dump(mode='json')})

	def ask(self, download_id: str, request: DownloadRequest) -> None:
		self.write(download_id, {'request': request.model_dump(mode='json')})

	def write(self, download_id: str, values: dict) -> None:
		with self.database.writing() as session:
			session.execute(update(DownloadRow).where(DownloadRow.id == download_id).values(values))

	def order(self, ids: Sequence[str]) -> None:
		"""Ranks the given downloads in this order."""
		with self.database.writing() as session:
			ranks = sorted(session.scalars(select(DownloadRow.rank).where(DownloadRow.id.in_(ids))))
			for download_id, rank in zip(ids, ranks, strict=False):
				session.execute(
					update(DownloadRow).where(DownloadRow.id == download_id).values(rank=rank)
				)

	def get(self, download_id: str) -> DownloadSnapshot | None:
		with self.database.reading() as session:
			row = session.get(DownloadRow, download_id)
			return self.to_snapshot(row) if row else None

	def let_go(self, download_id: str, plan: DownloadPlan) -> None:
		"""Nothing of it is on the disk any more: what stays is its name."""
		self.settle(download_id, plan.model_copy(update={'files': ()}))

	def plan(self, download_id: str) -> DownloadPlan | None:
		"""None where it is still to be made, also after nothing of the last one is left."""
		with self.database.reading() as session:
			row = session.get(DownloadRow, download_id)
			return planned(row) if row else None

	def given_up(self) -> list[tuple[str, DownloadPlan]]:
		"""The cancelled ones of which something may still be on the disk."""
		with self.database.reading() as session:
			rows = session.scalars(select(DownloadRow).where(DownloadRow.state == 'cancelled'))
			return [(row.id, plan) for row in rows if (plan := planned(row))]

	def pending(self) -> list[DownloadSnapshot]:
		"""What has not ended, oldest rank first."""
		with self.database.reading() as session:
			rows = session.scalars(
				select(DownloadRow)
				.where(DownloadRow.state.in_(sorted(PENDING)))
				.order_by(DownloadRow.rank)
			)
			return [self.to_snapshot(r) for r in rows]

	def recent(self, limit: int) -> list[DownloadSnapshot]:
		"""The downloads that ended last, the newest first."""
		with self.database.reading() as session:
			rows = session.scalars(
				select(DownloadRow)
				.where(DownloadRow.state.in_(ENDED))
				.order_by(DownloadRow.finished_at.desc())
				.limit(limit)
			)
			return [self.to_snapshot(r) for r in rows]

	def forget(self, download_id: str) -> None:
		with self.database.writing() as session:
			session.execute(delete(DownloadRow).where(DownloadRow.id == download_id))

	def to_snapshot(self, row: DownloadRow) -> DownloadSnapshot:
		"""As far as the row knows: how much of a pending one is on the disk is not in it."""
		known = {n: v for n, v in row.request.items() if n in DownloadRequest.model_fields}
		request = DownloadRequest.model_validate(known)
		plan = DownloadPlan.model_validate(row.plan) if row.plan else DownloadPlan(name='')
		whole = row.state == 'finished'
		return DownloadSnapshot(
			id=row.id,
			name=plan.name or request.source,
			state=row.state,
			request=request,
			bytes=plan.bytes,
			done=plan.bytes if whole else 0,
			reused=sum(f.bytes for f in plan.files if f.have),
			files=tuple(
				DownloadFile(path=f.path, bytes=f.bytes, done=f.bytes if whole else 0, have=f.have)
				for f in plan.files
			),
			model=row.model,
			error=row.error and Problem.model_validate(row.error),
			created_at=row.created_at,
			finished_at=row.finished_at,
		)


def planned(row: DownloadRow) -> DownloadPlan | None:
	plan = DownloadPlan.model_validate(row.plan) if row.plan else None
	return plan if plan and plan.files else None
