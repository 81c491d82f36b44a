"""What Alembic runs: each migration in one transaction on the file that `Database` names."""

from alembic import context
from sqlalchemy import create_engine

from localai.store.tables import Base

engine = create_engine(context.config.attributes['url'])
with engine.connect() as connection:
	context.configure(
		connection=connection,
		target_metadata=Base.metadata,
		render_as_batch=True,
		transaction_per_migration=True,
	)
	with context.begin_transaction():
		context.run_migrations()
engine.dispose()
