"""Pictures with their place in time, their marks and what their file was; tags, albums, counts."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache

import sqlalchemy as sa
from alembic import context, op

revision = '0003'
down_revision = '0002'

DAY = 10**11
FIELDS = {
	'model': 'NEW.model_name',
	'family': 'NEW.family',
	'sampler': 'NEW.sampler',
	'size': "NEW.width || 'x' || NEW.height",
}
TOGETHER = 20_000
# Each as far after the one before as it is, but at least one: the running maximum of how far a row is
# ahead of its number.
PLACES = """create temporary table places as
	select id, number, number + max(ahead) over (order by number) as place from (
		select id, number, moment - number as ahead from (
			select id, moment, row_number() over (order by moment, id) - 1 as number from (
				select id, ordinal(created_at) as moment from pictures_before)))
	order by number"""
SAME = (
	*('id', 'job_id', 'number', 'seed', 'width', 'height', 'path', 'request', 'receipt'),
	*('model_id', 'device', 'steps', 'seconds', 'created_at'),
)
TOLD = {
	'ordinal': 'place',
	'kind': "'generated'",
	'model_name': "coalesce(json_extract(receipt, '$.model_name'), '')",
	'family': "coalesce(json_extract(receipt, '$.family'), '')",
	'sampler': "coalesce(json_extract(request, '$.sampler'), '')",
	'bytes': '0',
	'modified': '0.0',
	'digest': "''",
	'favourite': '0',
	'rating': '0',
	'notes': "''",
}
MOVE = f"""insert into pictures ({', '.join(SAME)}, {', '.join(TOLD)})
	select {', '.join(f'before.{name}' for name in SAME)}, {', '.join(TOLD.values())}
	from places join pictures_before before on before.id = places.id
	where places.rowid > ? and places.rowid <= ? order by places.rowid"""


def upgrade() -> None:
	op.rename_table('pictures', 'pictures_before')
	op.drop_index('ix_pictures_job_number')
	op.drop_index('ix_pictures_model_created')
	op.create_table(
		'pictures',
		sa.Column('id', sa.Integer, nullable=False),
		sa.Column('ordinal', sa.BigInteger, nullable=False),
		sa.Column('job_id', sa.String(32)),
		sa.Column('number', sa.Integer, nullable=False),
		sa.Column('kind', sa.String(16), nullable=False),
		sa.Column('seed', sa.BigInteger),
		sa.Column('width', sa.Integer, nullable=False),
		sa.Column('height', sa.Integer, nullable=False),
		sa.Column('path', sa.Text, nullable=False),
		sa.Column('request', sa.JSON, nullable=False),
		sa.Column('receipt', sa.JSON, nullable=False),
		sa.Column('model_id', sa.Text, nullable=False),
		sa.Column('model_name', sa.Text, nullable=False),
		sa.Column('family', sa.String(32), nullable=False),
		sa.Column('sampler', sa.Text, nullable=False),
		sa.Column('device', sa.Text, nullable=False),
		sa.Column('steps', sa.Integer, nullable=False),
		sa.Column('seconds', sa.Double, nullable=False),
		sa.Column('bytes', sa.BigInteger, nullable=False),
		sa.Column('modified', sa.Double, nullable=False),
		sa.Column('digest', sa.String(32), nullable=False),
		sa.Column('favourite', sa.Boolean, nullable=False),
		sa.Column('rating', sa.Integer, nullable=False),
		sa.Column('notes', sa.Text, nullable=False),
		sa.Column('created_at', sa.DateTime, nullable=False),
		sa.PrimaryKeyConstraint('id', name='pk_pictures'),
		sa.UniqueConstraint('ordinal', name='uq_pictures_ordinal'),
		sa.UniqueConstraint('path', name='uq_pictures_path'),
		sqlite_autoincrement=True,
	)
	for name in ('tags', 'albums'):
		op.create_table(
			name,
			sa.Column('name', sa.Text, nullable=False),
			sa.Column('picture_id', sa.Integer, nullable=False),
			sa.PrimaryKeyConstraint('name', 'picture_id', name=f'pk_{name}'),
			sa.ForeignKeyConstraint(
				['picture_id'], ['pictures.id'], name=f'fk_{name}_picture_id', ondelete='CASCADE'
			),
		)
		op.create_index(f'ix_{name}_picture_id', name, ['picture_id'])
	op.create_table(
		'days',
		sa.Column('day', sa.Integer, nullable=False),
		sa.Column('count', sa.Integer, nullable=False),
		sa.PrimaryKeyConstraint('day', name='pk_days'),
	)
	op.create_table(
		'counts',
		sa.Column('field', sa.String(16), nullable=False),
		sa.Column('name', sa.Text, nullable=False),
		sa.Column('count', sa.Integer, nullable=False),
		sa.PrimaryKeyConstraint('field', 'name', name='pk_counts'),
	)
	move()
	for field, value in FIELDS.items():
		name = value.replace('NEW.', '')
		op.execute(
			f"insert into counts select '{field}', {name}, count(*) from pictures group by 2"
		)
	op.execute(f'insert into days select ordinal / {DAY}, count(*) from pictures group by 1')
	op.execute(trigger('insert', 'after insert', counted('NEW', '+ 1')))
	op.execute(trigger('delete', 'after delete', counted('OLD', '- 1')))
	columns = 'ordinal, model_name, family, sampler, width, height'
	both = counted('OLD', '- 1') + counted('NEW', '+ 1')
	op.execute(trigger('update', f'after update of {columns}', both))
	# A database that has pictures was not lost, whatever else lies beside them.
	op.execute(
		"insert into preferences (key, value) select 'history whole', '{}'"
		' where exists (select 1 from pictures)'
	)
	op.drop_table('pictures_before')
	op.create_index('ix_pictures_job_number', 'pictures', ['job_id', 'number'], unique=True)
	op.create_index('ix_pictures_model_created', 'pictures', ['model_id', 'created_at'])
	op.create_index('ix_pictures_rating', 'pictures', ['rating', 'ordinal'])
	op.create_index('ix_pictures_kind', 'pictures', ['kind', 'ordinal'])
	op.create_index('ix_pictures_digest', 'pictures', ['digest'])
	op.execute('create index ix_pictures_area on pictures (width * height, ordinal)')


def trigger(name: str, when: str, changes: str) -> str:
	return f'create trigger pictures_{name} {when} on pictures begin\n{changes}end'


def counted(row: str, step: str) -> str:
	"""Counts a picture that comes or goes."""
	count = 1 if row == 'NEW' else 0
	fields = [('days', 'day', f'{row}.ordinal / {DAY}', '')]
	for field, value in FIELDS.items():
		fields.append(('counts', 'field, name', value.replace('NEW', row), f"'{field}', "))
	changes = ''.join(
		f'insert into {table} ({names}, count) values ({first}{value}, {count})'
		f' on conflict ({names}) do update set count = count {step};\n'
		for table, names, value, first in fields
	)
	if row == 'OLD':
		changes += f'delete from days where day = OLD.ordinal / {DAY} and count <= 0;\n'
		for field, value in FIELDS.items():
			name = value.replace('NEW', 'OLD')
			where = f"field = '{field}' and name = {name} and count <= 0"
			changes += f'delete from counts where {where};\n'
	return changes


def move() -> None:
	"""The rows of before, with what can be told of them; what their files were is not known. In the
	order of their time, each in its own microsecond or the next that is free."""
	connection = op.get_bind()
	connection.connection.driver_connection.create_function('ordinal', 1, ordinal)
	connection.exec_driver_sql(PLACES)
	total = connection.exec_driver_sql('select count(*) from places').scalar() or 0
	tell = context.config.attributes.get('tell')
	for first in range(0, total, TOGETHER):
		connection.exec_driver_sql(MOVE, (first, first + TOGETHER))
		if tell:
			tell('Updating the history', min(total, first + TOGETHER), total)
	connection.exec_driver_sql('drop table places')


@cache
def midnight(day: date) -> datetime:
	return datetime.combine(day, time.min).astimezone()


def ordinal(written: str) -> int:
	when = datetime.fromisoformat(written).replace(tzinfo=UTC)
	day = when.astimezone().date()
	since = when - midnight(day)
	return (day - date(1970, 1, 1)).days * DAY + since // timedelta(microseconds=1)
