"""The texts in a picture: written, read back, and read by a stranger."""

import io
import json
from datetime import UTC, datetime

import pytest
from PIL import Image

from localai.files.pictures.metadata import Record, embed, parameters_text, read_record, with_texts
from localai.schemas.generation import GenerationParameters, Receipt
from tests.stranger import reads

RECEIPT = Receipt(
	app='0.1.0',
	torch='2.13',
	diffusers='0.42',
	model_name='Sketchbook',
	model_hash='0123456789',
	device='CPU',
	dtype='fp32',
	attention='sdpa',
	seconds=1.5,
	steps_done=20,
)


def record(**fields) -> Record:
	defaults = {
		'prompt': 'a red apple',
		'model': 'sketchbook',
		'seed': 77,
		'negative_prompt': 'blurry, dark',
		'width': 64,
		'height': 64,
		'steps': 20,
		'guidance_scale': 4.5,
		'sampler': 'DPM++ 2M',
		'schedule': 'Karras',
	}
	return Record(
		job_id='job',
		index=0,
		seed=77,
		request=GenerationParameters(**(defaults | fields)),
		receipt=RECEIPT,
		model_id='sketchbook',
		created_at=datetime.now(UTC).isoformat(),
	)


def png() -> bytes:
	buffer = io.BytesIO()
	Image.effect_noise((64, 64), 50).convert('RGB').save(buffer, 'PNG')
	return buffer.getvalue()


class TestWriting:
	def test_the_settings_line_follows_the_grammar(self):
		prompt, negative, line = parameters_text(record(), 64, 64).split('\n')
		assert (prompt, negative) == ('a red apple', 'Negative prompt: blurry, dark')
		assert line.startswith(
			'Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 4.5, Seed: 77, '
			'Size: 64x64, Model hash: 0123456789, Model: Sketchbook'
		)
		assert 'Version: LocalAI 0.1.0' in line
		assert 'Hashes: {"model":"0123456789"}' in line  # by which Civitai finds the model

	def test_a_sampler_is_written_as_a1111_calls_it(self):
		line = parameters_text(record(sampler='DPM++ 2S'), 64, 64).split('\n')[-1]
		assert 'Sampler: DPM++ 2S a, Schedule type: Karras' in line

	@pytest.mark.parametrize(
		'prompt', ['a red apple', 'ein Äpfel', '林檎 🍎', 'a\nb: c, "d"', 'x' * 9000]
	)
	def test_it_comes_back_whole_and_the_pixels_stay(self, tmp_path, prompt):
		original, said = png(), record(prompt=prompt)
		path = tmp_path / 'a.png'
		path.write_bytes(embed(original, said, 64, 64))
		assert read_record(path) == said
		with Image.open(path) as image, Image.open(io.BytesIO(original)) as before:
			assert image.tobytes() == before.tobytes()
			assert image.text['parameters'].startswith(said.request.prompt)

	def test_files_of_others_are_not_ours(self, tmp_path):
		(tmp_path / 'a.png').write_bytes(png())
		(tmp_path / 'b.png').write_bytes(b'nothing')
		(tmp_path / 'c.png').write_bytes(embed(png(), record(), 64, 64)[:300])
		assert [read_record(p) for p in sorted(tmp_path.iterdir())] == [None] * 3

	def test_bytes_are_read_as_files_are(self):
		said = record()
		assert read_record(embed(png(), said, 64, 64)) == said
		assert read_record(b'') is None

	def test_the_pixels_are_not_decoded(self, tmp_path, monkeypatch):
		path = tmp_path / 'a.png'
		path.write_bytes(embed(png(), record(), 64, 64))
		monkeypatch.setattr(Image, 'open', lambda *_: pytest.fail('opened'))
		assert read_record(path).request.prompt == 'a red apple'

	@pytest.mark.parametrize('keep', [0.3, 0.9, 0.999])
	def test_a_picture_that_ends_too_early_has_none(self, keep):
		whole = embed(png(), record(), 64, 64)
		assert read_record(whole[: int(len(whole) * keep)]) is None

	@pytest.mark.parametrize(
		'change',
		[
			{'created_at': 'yesterday'},
			{'created_at': '2026-01-02T03:04:05'},
			{'created_at': '9999-01-02T03:04:05+00:00'},
			{'seed': 2**64},
			{'seed': -1},
			{'index': 2**40},
			{'index': -1},
			{'job_id': None},
			{'receipt': RECEIPT.model_dump() | {'seconds': float('inf')}},
			{'receipt': RECEIPT.model_dump() | {'model_name': 'x' * 600_000}},
			{'request': {'prompt': ''}},
		],
	)
	def test_what_we_cannot_have_written_is_not_ours(self, change):
		told = json.loads(record().model_dump_json()) | change
		assert read_record(with_texts(png(), {'localai': json.dumps(told)})) is None


class TestStranger:
	def test_an_independent_reader_finds_everything(self):
		"""sd-parsers knows A1111's grammar and nothing of us."""
		found = reads(embed(png(), record(), 64, 64))
		assert found is not None
		assert [p.value for p in found.prompts] == ['a red apple']
		assert [p.value for p in found.negative_prompts] == ['blurry, dark']
		sampler = found.samplers[0]
		assert sampler.name == 'DPM++ 2M' and str(sampler.parameters['seed']) == '77'
		assert (
			found.models
			and next(iter(found.models)).name == 'Sketchbook'
			and next(iter(found.models)).hash == '0123456789'
		)
