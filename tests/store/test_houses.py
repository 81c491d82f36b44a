"""Houses of other versions: one of a version before opens unchanged, and what a later version wrote is
read as far as it is understood, kept whole, and drawn only when nothing of it is left out."""

import json
import sqlite3
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from localai.errors import InvalidInput
from localai.files.pictures import metadata, writing
from localai.schemas import engine as say
from localai.schemas.generation import GenerationParameters, GenerationRequest, LoraUse, Recipe
from localai.schemas.models import ModelDefaults
from localai.settings import Settings, read_settings
from localai.studio import Studio
from tests.fakes import FakeExecutor
from tests.houses import SAID, everything
from tests.pictures import draw, parameters, png, receipt
from tests.waiting import eventually

# Made by `python -m tests.houses` of that commit, with the fake engine.
HOUSES = sorted((Path(__file__).parent / 'houses').glob('*.zip'))


def settings_at(home: Path) -> Settings:
	return read_settings({}, home=home, hub_cache=home.parent / 'hub').prepare()


def opened(home: Path) -> Studio:
	"""Its engine draws nothing, so that the queue stays as it is."""
	return Studio(settings_at(home), FakeExecutor(ready=False)).open()


def missing(before: object, now: object, where: str = '') -> list[str]:
	"""What was said before and is not said now; new fields may have come."""
	match before, now:
		case dict(), dict():
			return [
				place
				for name, value in before.items()
				for place in missing(value, now.get(name), f'{where}.{name}')
			]
		case list(), list() if len(before) == len(now):
			if where.endswith(('.changes', '.notes')):  # in the order of the table of settings now
				before, now = sorted(before, key=str), sorted(now, key=str)
			pairs = enumerate(zip(before, now, strict=True))
			return [p for i, (a, b) in pairs for p in missing(a, b, f'{where}[{i}]')]
	return [] if before == now else [f'{where}: {before!r} -> {now!r}']


class TestBefore:
	@pytest.mark.parametrize('house', HOUSES, ids=lambda path: path.stem)
	def test_every_row_and_picture_says_what_it_said(self, house, tmp_path):
		home = tmp_path / 'home'
		with zipfile.ZipFile(house) as archive:
			archive.extractall(home)
		before = json.loads((home / SAID).read_text('utf-8'))
		files = {p: p.read_bytes() for p in (home / 'pictures').rglob('*.png')}
		studio = opened(home)
		try:
			now = everything(studio, home)
			report = studio.truth.check(deep=True)
			trashed = [one['id'] for one in before['trash']]
			back = studio.picture_trash.restore(trashed)
		finally:
			studio.close()
		# The job that was cut off goes on; how long the others wait is told anew.
		moving = {'state', 'position', 'eta', 'step', 'steps', 'preview', 'stage', 'stage_done'}
		moving |= {'stage_total', 'picture', 'started_at'}
		for told in (before, now):
			told['jobs'] = {
				job['id']: {k: v for k, v in job.items() if k not in moving} for job in told['jobs']
			}
		# Seeds of 64 bits could not be drawn with before, and one sentence was worded otherwise.
		for told in before['reuse']:
			notes = [n for n in told['notes'] if not n.startswith('The seed must be')]
			told['notes'] = [n.replace('be taken over', 'be reused') for n in notes]
		assert missing(before, now) == []
		assert report.well and len(back.pictures) == 1
		assert {p: p.read_bytes() for p in files} == files

	def test_the_database_is_made_anew_from_their_pictures(self, tmp_path):
		home = tmp_path / 'home'
		with zipfile.ZipFile(HOUSES[0]) as archive:
			archive.extractall(home)
		(home / 'localai.db').unlink()
		before = json.loads((home / SAID).read_text('utf-8'))
		studio = opened(home)
		try:
			eventually(lambda: studio.history.outline({}).total >= 5)
			now = everything(studio, home)
		finally:
			studio.close()

		def told(cards: dict) -> list[tuple]:
			return sorted(
				(
					c['picture']['path'],
					c['picture']['kind'],
					c['picture']['job_id'],
					str(c['marks']),
				)
				for c in cards['cards']
			)

		assert told(before) == told(now)


# What a later version could write: more at every depth, other limits, names and types, a new kind.
LATER = {
	'version': 3,
	'kind': 'edited',
	'job_id': '0123456789abcde',
	'index': 2,
	'seed': 79,
	'request': {
		'prompt': 'a red fox',
		'negative_prompt': '',
		'model': 'sketchbook',
		'width': 64,
		'height': 64,
		'steps': 500,
		'guidance_scale': {'low': 1, 'high': 4.5},
		'sampler': 'Futura 3',
		'schedule': 'Karras',
		'seed': 77,
		'count': 3,
		'loras': [{'name': 'inkWash', 'weight': 0.8, 'hash': '', 'blocks': [1, 0.5]}],
		'source': {'picture': 'abc', 'strength': 0.6, 'mask': {'feather': 4}},
		'sharpness': 7,
	},
	'receipt': receipt().model_dump() | {'app': '9.0', 'watts': {'peak': 300}},
	'model_id': 'sketchbook',
	'created_at': datetime(2026, 5, 1, 12, tzinfo=UTC).isoformat(),
	'provenance': {'signed': True, 'chain': [{'by': 'me'}]},
}


@pytest.fixture
def later(tmp_path) -> Path:
	"""A home with a picture of a later version, and no database."""
	path = (
		tmp_path
		/ 'home'
		/ 'pictures'
		/ '2026-05-01'
		/ writing.picture_name(LATER['job_id'], LATER['index'], LATER['seed'])
	)
	path.parent.mkdir(parents=True)
	path.write_bytes(png(79, (64, 64), {metadata.CHUNK: json.dumps(LATER)}))
	return tmp_path / 'home'


def only(studio: Studio):
	eventually(lambda: studio.history.outline({}).total == 1)
	(entry,) = studio.history.find({}).entries
	return studio.history.get(entry.id)


class TestLaterPictures:
	def test_it_is_ours_and_all_of_it_is_kept(self, later):
		for _ in range(2):  # the second time from pictures alone, again
			studio = opened(later)
			try:
				picture = only(studio)
				card = studio.history.card(picture.id)
				again = studio.history.reuse(picture.id)
			finally:
				studio.close()
			assert picture.kind == 'generated' and picture.job_id == LATER['job_id']
			assert (picture.index, picture.seed) == (2, 79)
			recipe = picture.request.model_dump(mode='json')
			assert recipe['steps'] == 500 and recipe['sampler'] == 'Futura 3'
			assert recipe['source'] == LATER['request']['source'] and recipe['sharpness'] == 7
			assert recipe['loras'] == LATER['request']['loras']
			assert recipe['unread'] == {'guidance_scale': {'low': 1, 'high': 4.5}}
			kept = picture.receipt.model_dump()
			assert kept['app'] == '9.0' and kept['watts'] == {'peak': 300}
			assert kept['record'] == {
				'version': 3,
				'kind': 'edited',
				'provenance': LATER['provenance'],
			}
			assert ('source', 'picture abc, strength 0.6, mask feather 4') in picture.request.rest
			assert 'Steps: 500' in card.parameters
			assert again.fields['prompt'] == 'a red fox' and 'steps' not in again.fields
			assert 'Source cannot be reused yet.' in again.notes
			for file in later.glob('localai.db*'):
				file.unlink()

	def test_settings_that_leave_say_all_of_it(self, later, tmp_path):
		studio = opened(later)
		try:
			picture = only(studio)
			request = {'ids': [picture.id], 'settings': 'json'}
			name = studio.exports.prepare(request)
			_, pieces = studio.exports.stream(name)
			(tmp_path / 'out.zip').write_bytes(b''.join(pieces))
		finally:
			studio.close()
		with zipfile.ZipFile(tmp_path / 'out.zip') as archive:
			(facts,) = json.loads(archive.read('settings.json'))
		assert facts['recipe']['source'] == LATER['request']['source']
		assert facts['receipt']['record']['provenance'] == LATER['provenance']

	def test_it_is_not_verified_with_half_of_its_settings(self, later):
		studio = opened(later)
		try:
			with pytest.raises(InvalidInput, match='does not know: LoRA, .*source'):
				studio.verifying.start(only(studio).id)
		finally:
			studio.close()

	def test_a_value_is_read_by_the_version_that_knows_it(self):
		odd = Recipe.model_validate({'prompt': 'x', 'steps': {'low': 1}})
		assert odd.steps is None and odd.others == {'unread': {'steps': {'low': 1}}}
		assert Recipe.model_validate(odd.model_dump()) == odd
		known = Recipe.model_validate({'prompt': 'x', 'unread': {'steps': 20}})
		assert known.steps == 20 and known.others == {}

	@pytest.mark.parametrize(
		'change',
		[{'request': {'prompt': 'x', 'a': [[[]]] * 3}}, {'x': {'y': 2**80}}, {'deep': None}],
	)
	def test_strange_but_sound(self, change, tmp_path):
		told = LATER | change
		if 'deep' in change:
			told['deep'] = json.loads('[' * 300 + ']' * 300)
		record = metadata.read_record(png(79, (64, 64), {metadata.CHUNK: json.dumps(told)}))
		assert record and json.dumps(record.model_dump(mode='json'), allow_nan=False)

	@pytest.mark.parametrize(
		'change',
		[
			{'receipt': LATER['receipt'] | {'steps_done': 2**63}},
			{'receipt': LATER['receipt'] | {'steps_done': -1}},
			{'request': LATER['request'] | {'': 1, '_': 2}},
			{'request': LATER['request'] | {'unread': {'': 1}}},
		],
	)
	def test_one_that_says_what_cannot_be_stored_hinders_no_other(self, change, later):
		path = next(later.rglob('*.png'))
		told = json.dumps(LATER | change | {'job_id': 'f' * 15})
		odd = path.with_name(writing.picture_name('f' * 15, LATER['index'], LATER['seed']))
		odd.write_bytes(png(80, (64, 64), {metadata.CHUNK: told}))
		studio = opened(later)
		try:
			eventually(lambda: studio.history.outline({}).total == 2)
			entries = studio.history.find({}).entries
			pictures = [studio.history.get(entry.id) for entry in entries]
			assert {p.kind for p in pictures} == {'generated'}
			assert all(studio.history.reuse(p.id).notes for p in pictures)
		finally:
			studio.close()


class TestLaterRows:
	def test_pictures_with_more_in_them(self, studio, settings):
		(picture,) = draw(studio)
		change(
			settings,
			"update pictures set kind = 'edited', request = json_set(request, '$.zoom', 3),"
			" receipt = json_set(receipt, '$.watts', 9)",
		)
		read = studio.history.get(picture.id)
		assert read.kind == 'generated' and read.request.others == {'zoom': 3}
		assert read.receipt.others == {'watts': 9}
		assert studio.history.find({}).entries[0].kind == 'generated'

	@pytest.mark.parametrize(
		('path', 'value', 'said'),
		[
			('$.zoom', 3, "There is no setting called 'zoom'"),
			('$.sampler', 'Futura', 'There is no sampler called'),
			('$.steps', 500, 'Steps must be a whole number from 1 to 150, not 500'),
			('$.steps', 'many', 'from another version of LocalAI'),
		],
	)
	def test_a_job_that_waits_fails_with_a_reason_and_the_others_go_on(
		self, tmp_path, path, value, said
	):
		home = tmp_path / 'home'
		studio = opened(home)
		first = studio.generation.start(
			{'prompt': 'of later', 'steps': 2, 'width': 64, 'height': 64}
		)
		second = studio.generation.start(
			{'prompt': 'of now', 'steps': 2, 'width': 64, 'height': 64}
		)
		studio.close()
		change(
			settings_at(home),
			'update jobs set request = json_set(request, ?, ?) where id = ?',
			(path, value, first.id),
		)
		studio = Studio(settings_at(home), FakeExecutor()).open()
		try:
			eventually(lambda: not studio.jobs.get(second.id).live)
			failed, done = studio.jobs.get(first.id), studio.jobs.get(second.id)
			listed = {job.id for job in studio.jobs.list()}
		finally:
			studio.close()
		assert done.state == 'finished' and failed.state == 'failed'
		assert said in failed.error.message and 'another version of LocalAI' in failed.error.message
		assert listed == {first.id, second.id}

	def test_states_and_errors_that_are_not_known(self, studio, settings):
		job = draw(studio)[0].job_id
		error = json.dumps({'code': 'X', 'message': 'Y', 'remedy': '', 'link': 'Z'})
		change(settings, "update jobs set state = 'paused', error = ?", (error,))
		assert studio.jobs.get(job).state == 'failed'
		assert [j.id for j in studio.jobs.list()] == [job]

	def test_downloads_and_models_with_more_in_them(self, tmp_path):
		home = tmp_path / 'home'
		opened(home).close()
		request, plan = {'source': 'org/small', 'mirror': 1}, {'name': 'small', 'mirror': 1}
		where = settings_at(home)
		change(
			where,
			'insert into downloads (id, state, rank, request, plan, model, created_at, finished_at)'
			" values ('d', 'finished', 1, ?, ?, '', '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
			(json.dumps(request), json.dumps(plan)),
		)
		change(
			where,
			'insert into models (path, size, modified, sha256, autov3, facts, notes, defaults)'
			" values ('/gone', 1, 1.0, '', '', '{\"family\": \"futura\"}', 'mine', ?)",
			(json.dumps({'steps': 20, 'sampler': 'Futura', 'zoom': 3}),),
		)
		studio = opened(home)
		try:
			assert studio.downloads.list()[0].name == 'small'
			assert studio.models.list()[0].id == 'sketchbook'
		finally:
			studio.close()
		kept = ModelDefaults.model_validate({'steps': 20, 'sampler': 'Futura', 'zoom': 3})
		assert kept.steps == 20 and kept.sampler is None
		assert kept.others == {'zoom': 3, 'unread': {'sampler': 'Futura'}}


def change(settings: Settings, statement: str, values: tuple = ()) -> None:
	with sqlite3.connect(settings.database, timeout=30) as database:
		database.execute(statement, values)
	database.close()


class TestSaving:
	def test_a_picture_is_never_lost_for_a_field_that_a_recipe_lacks(self, studio):
		"""It once failed after the file was written and before its row was."""
		(picture,) = draw(studio)
		job = studio.jobs.get(picture.job_id)
		wider = GenerationParameters.model_validate(job.request.model_dump() | {'zoom': {'by': 2}})
		model = studio.models.resolve('sketchbook')
		drawn = say.Drawn(
			job_id=job.id,
			index=7,
			seed=3,
			width=64,
			height=64,
			torch='0',
			diffusers='0',
			device='Fake',
			dtype='fp32',
			attention='none',
			seconds=0.1,
			steps_done=2,
			stopped_early=False,
			data=png(3, (64, 64)),
		)
		saved = studio.saving.save(job.model_copy(update={'request': wider}), model, drawn)
		assert saved.request.others == {'zoom': {'by': 2}}
		assert metadata.read_record(Path(saved.path)).request == wider

	def test_what_is_asked_is_strict_and_what_is_kept_is_not(self):
		with pytest.raises(ValueError, match='zoom'):
			GenerationRequest(prompt='x', zoom=1)
		assert parameters(zoom=1).others == {'zoom': 1}
		assert LoraUse.model_validate({'name': 'a', 'blocks': [1]}).others == {'blocks': [1]}
