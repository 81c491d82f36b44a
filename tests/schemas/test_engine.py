"""What a task says of itself, and that the engine knows every kind of it."""

from typing import get_args

import pytest

from localai.executors import frames
from localai.schemas import engine as say
from localai.schemas.models import ModelSpec
from tests.pictures import parameters

MODEL = ModelSpec(
	id='sketchbook', name='Sketchbook', family='sd1', path='/models/a', parameters=1, bytes=1
)
DRAWING = say.Drawing(index=0, seed=1)
TASKS = [
	say.Generate(job_id='1', model=MODEL, request=parameters(), drawings=(DRAWING,)),
	say.Load(job_id='2', model=MODEL),
	say.Unload(job_id='3', path='/models/a'),
	say.Convert(job_id='4', source='/models/a.ckpt', target='/models/b', model=MODEL),
	say.Convert(job_id='5', source='/models/a.pt', target='/models/a.safetensors'),
]


class TestTask:
	@pytest.mark.parametrize('task', TASKS, ids=lambda task: task.kind)
	def test_it_crosses_the_pipe_as_itself(self, task, tmp_path):
		with open(tmp_path / 'pipe', 'wb') as stream:
			frames.write(stream, task)
		with open(tmp_path / 'pipe', 'rb') as stream:
			assert frames.read(stream, say.COMMANDS) == task

	def test_it_names_its_subject_and_what_must_stay_where_it_is(self):
		assert [t.subject for t in TASKS] == [
			'sketchbook',
			'sketchbook',
			'',
			'sketchbook',
			'/models/a.pt',
		]
		assert [sorted(t.paths) for t in TASKS] == [
			['/models/a'],
			['/models/a'],
			[],
			['/models/a.ckpt'],
			['/models/a.pt'],
		]

	def test_two_that_would_do_the_same_are_alike(self):
		draw, load, unload, convert, _ = TASKS
		assert load.like(load.model_copy(update={'job_id': 'other'}))
		assert convert.like(convert.model_copy(update={'job_id': 'other', 'source': '/c'}))
		assert not any(draw.like(t) or unload.like(t) for t in TASKS)
		assert not load.like(convert) and not convert.like(TASKS[4])

	def test_the_engine_has_a_doer_for_every_kind(self):
		from localai.engine.engine import DOERS

		def names(kind: type) -> tuple[str, ...]:
			return get_args(kind.model_fields['kind'].annotation)

		kinds = [k for k in get_args(get_args(say.Command)[0]) if issubclass(k, say.Task)]
		assert {name for kind in kinds for name in names(kind)} == set(DOERS)
