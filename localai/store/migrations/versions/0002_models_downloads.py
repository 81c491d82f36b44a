"""What is known of each model; the trash; downloads."""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'


def upgrade() -> None:
	with op.batch_alter_table('models') as table:
		table.add_column(sa.Column('autov3', sa.String(12), nullable=False, server_default=''))
		table.add_column(sa.Column('facts', sa.JSON))
		table.add_column(sa.Column('notes', sa.Text, nullable=False, server_default=''))
		table.add_column(sa.Column('defaults', sa.JSON))
		table.add_column(sa.Column('thumbnail', sa.Integer))
		table.create_index('ix_models_sha256', ['sha256'])
	op.create_table(
		'trash',
		sa.Column('id', sa.String(32), nullable=False),
		sa.Column('kind', sa.String(16), nullable=False),
		sa.Column('name', sa.Text, nullable=False),
		sa.Column('path', sa.Text, nullable=False),
		sa.Column('held', sa.Text, nullable=False),
		sa.Column('bytes', sa.Integer, nullable=False),
		sa.Column('row', sa.JSON),
		sa.Column('deleted_at', sa.DateTime, nullable=False),
		sa.PrimaryKeyConstraint('id', name='pk_trash'),
	)
	op.create_table(
		'downloads',
		sa.Column('id', sa.String(32), nullable=False),
		sa.Column('state', sa.String(16), nullable=False),
		sa.Column('rank', sa.Double, nullable=False),
		sa.Column('request', sa.JSON, nullable=False),
		sa.Column('plan', sa.JSON),
		sa.Column('model', sa.Text, nullable=False),
		sa.Column('error', sa.JSON),
		sa.Column('created_at', sa.DateTime, nullable=False),
		sa.Column('finished_at', sa.DateTime),
		sa.PrimaryKeyConstraint('id', name='pk_downloads'),
	)
	op.create_index('ix_downloads_state_rank', 'downloads', ['state', 'rank'])
