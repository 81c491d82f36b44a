"""Pictures with their place in time, their marks and what their file was; tags, albums, counts."""

import json
from datetime import UTC, date, datetime, time, timedelta

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'

DAY = 10**11
FIELDS = {
	'model': 'NEW.model_name',
	'family': 'NEW.family',
	'sampler': 'NEW.sampler',
	'size': "NEW.width || 'x' || NEW.height",
}


def upgrade() -> None:
	op.rename_table('pictures', 'pictures_before')
	op.drop_index('ix_pictures_job_number')
	op.drop_index('ix_pictures_model_created')
	pictures = op.create_table(
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
	op.execute(trigger('insert', 'after insert', counted('NEW', '+ 1')))
	op.execute(trigger('delete', 'after delete', counted('OLD', '- 1')))
	columns = 'ordinal, model_name, family, sampler, width, height'
	both = counted('OLD', '- 1') + counted('NEW', '+ 1')
	op.execute(trigger('update', f'after update of {columns}', both))
	move(pictures)
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


def move(pictures: sa.Table) -> None:
	"""The rows of before, with what can be told of them; what their files were is not known."""
	old = sa.text('select * from pictures_before order by created_at, id')
	taken: set[int] = set()
	for row in op.get_bind().execute(old).mappings().all():
		request, receipt = json.loads(row['request']), json.loads(row['receipt'])
		when = datetime.fromisoformat(row['created_at']).replace(tzinfo=UTC)
		place = ordinal(when)
		while place in taken:
			place += 1
		taken.add(place)
		op.get_bind().execute(
			pictures.insert().values(
				{name: row[name] for name in row if name not in ('request', 'receipt')}
				| {
					'request': request,
					'receipt': receipt,
					'created_at': when.replace(tzinfo=None),
					'ordinal': place,
					'kind': 'generated',
					'model_name': receipt.get('model_name') or '',
					'family': receipt.get('family') or '',
					'sampler': request.get('sampler') or '',
					'bytes': 0,
					'modified': 0.0,
					'digest': '',
					'favourite': False,
					'rating': 0,
					'notes': '',
				}
			)
		)


def ordinal(when: datetime) -> int:
	day = when.astimezone().date()
	since = when - datetime.combine(day, time.min).astimezone()
	return (day - date(1970, 1, 1)).days * DAY + since // timedelta(microseconds=1)
