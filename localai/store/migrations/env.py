"""What Alembic runs: each migration in one transaction on the file that `Database` names."""

from alembic import context
from sqlalchemy import create_engine, event

from localai.store.database import patiently
from localai.store.tables import Base

attributes = context.config.attributes
engine = create_engine(attributes['url'], connect_args={'timeout': attributes.get('patience', 5)})


# Python's driver begins no transaction before a table is changed: one that is cut off would leave
# half a schema behind, and no later start could go on from there.
@event.listens_for(engine, 'connect')
def leave_alone(connection, record) -> None:
	connection.isolation_level = None


@event.listens_for(engine, 'begin')
def begin(connection) -> None:
	patiently(lambda: connection.exec_driver_sql('begin immediate'))


with engine.connect() as connection:
	context.configure(
		connection=connection,
		target_metadata=Base.metadata,
		render_as_batch=True,
		transaction_per_migration=True,
		transactional_ddl=True,
	)
	with context.begin_transaction():
		context.run_migrations()
engine.dispose()
