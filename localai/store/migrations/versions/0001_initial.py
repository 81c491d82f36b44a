"""The first tables: jobs, pictures, models, preferences."""

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None


def upgrade() -> None:
	op.create_table(
		'jobs',
		sa.Column('id', sa.String(32), nullable=False),
		sa.Column('state', sa.String(16), nullable=False),
		sa.Column('rank', sa.Double, nullable=False),
		sa.Column('request', sa.JSON, nullable=False),
		sa.Column('seeds', sa.JSON, nullable=False),
		sa.Column('skipped', sa.JSON, nullable=False),
		sa.Column('notes', sa.JSON, nullable=False),
		sa.Column('attempts', sa.Integer, nullable=False),
		sa.Column('error', sa.JSON),
		sa.Column('created_at', sa.DateTime, nullable=False),
		sa.Column('started_at', sa.DateTime),
		sa.Column('finished_at', sa.DateTime),
		sa.PrimaryKeyConstraint('id', name='pk_jobs'),
	)
	op.create_index('ix_jobs_state_rank', 'jobs', ['state', 'rank'])
	op.create_index('ix_jobs_finished_at', 'jobs', ['finished_at'])
	op.create_table(
		'pictures',
		sa.Column('id', sa.Integer, nullable=False),
		sa.Column('job_id', sa.String(32), nullable=False),
		sa.Column('number', sa.Integer, nullable=False),
		sa.Column('seed', sa.Integer, nullable=False),
		sa.Column('width', sa.Integer, nullable=False),
		sa.Column('height', sa.Integer, nullable=False),
		sa.Column('path', sa.Text, nullable=False),
		sa.Column('request', sa.JSON, nullable=False),
		sa.Column('receipt', sa.JSON, nullable=False),
		sa.Column('model_id', sa.Text, nullable=False),
		sa.Column('device', sa.Text, nullable=False),
		sa.Column('steps', sa.Integer, nullable=False),
		sa.Column('seconds', sa.Double, nullable=False),
		sa.Column('created_at', sa.DateTime, nullable=False),
		sa.PrimaryKeyConstraint('id', name='pk_pictures'),
		sa.ForeignKeyConstraint(
			['job_id'], ['jobs.id'], name='fk_pictures_job_id', ondelete='CASCADE'
		),
		sa.UniqueConstraint('path', name='uq_pictures_path'),
	)
	op.create_index('ix_pictures_job_number', 'pictures', ['job_id', 'number'], unique=True)
	op.create_index('ix_pictures_model_created', 'pictures', ['model_id', 'created_at'])
	op.create_table(
		'models',
		sa.Column('path', sa.Text, nullable=False),
		sa.Column('size', sa.Integer, nullable=False),
		sa.Column('modified', sa.Double, nullable=False),
		sa.Column('sha256', sa.String(64), nullable=False),
		sa.PrimaryKeyConstraint('path', name='pk_models'),
	)
	op.create_table(
		'preferences',
		sa.Column('key', sa.String(64), nullable=False),
		sa.Column('value', sa.JSON, nullable=False),
		sa.PrimaryKeyConstraint('key', name='pk_preferences'),
	)
