"""What a person types, read: names, hub addresses, links, and everything that is none of them."""

import pytest

from localai.errors import InvalidInput
from localai.services.downloads.sources import read_request

HUB = 'https://huggingface.co'


def read(source: str, endpoint: str = HUB, **fields: object):
	return read_request({'source': source, **fields}, endpoint)


class TestRead:
	@pytest.mark.parametrize(
		'source',
		[
			'org/name',
			'  org/name\n',
			'"org/name"',
			'`org/name`',
			'https://huggingface.co/org/name',
			'https://huggingface.co/org/name/',
			'huggingface.co/org/name',
			'https://hf.co/org/name?library=diffusers#usage',
			'HTTPS://HuggingFace.co/org/name/discussions/3',
		],
	)
	def test_a_repository_by_any_of_its_names(self, source):
		request = read(source)
		assert (request.source, request.revision, request.files) == ('org/name', 'main', ())

	def test_an_address_of_a_file_or_a_revision_says_so(self):
		file = read('https://huggingface.co/org/name/blob/refs%2Fpr%2F1/unet/a%20b.safetensors')
		assert (file.source, file.revision, file.files) == (
			'org/name',
			'refs/pr/1',
			('unet/a b.safetensors',),
		)
		assert read('https://huggingface.co/org/name/resolve/v1/a.gguf').files == ('a.gguf',)
		assert read('https://huggingface.co/org/name/tree/fp16').revision == 'fp16'

	def test_another_hub_is_the_hub_where_it_is_set(self):
		here = 'http://127.0.0.1:8000'
		assert read(f'{here}/org/name', endpoint=here).source == 'org/name'
		elsewhere = 'https://127.0.0.1:9000/org/name'
		assert read(elsewhere, endpoint=here).source == elsewhere

	def test_other_links_stay_what_they_are(self):
		link = 'https://civitai.com/api/download/models/128713?type=Model&format=SafeTensor'
		assert read(f' <{link}> ').source == link
		tricky = 'https://huggingface.co@evil.example/org/name'
		assert read(tricky).source == tricky


class TestRefused:
	@pytest.mark.parametrize(
		'source',
		[
			'',
			'   ',
			'""',
			'name',
			'org/',
			'/org/name',
			'org/name/more',
			'../name',
			'org/..',
			'org/../name',
			'org\\name',
			'org/na me',
			'org/na\0me',
			'org/na\nme',
			'örg/name',
			'-org/name',
			'org/name--x',
			'a' * 3000,
			'org/' + 'a' * 200,
			'file:///etc/passwd',
			'ftp://example.org/a.safetensors',
			'javascript://x',
			'https://[',
			'https://',
			'http:///org/name',
			'https://:80/a.safetensors',
			'https://huggingface.co',
			'https://huggingface.co/org',
			'https://huggingface.co/datasets/org/name',
			'https://huggingface.co/org/name/settings',
			'https://huggingface.co/org/../../etc',
		],
	)
	def test_a_source_that_is_none(self, source):
		with pytest.raises(InvalidInput) as error:
			read(source)
		assert error.value.field == 'source' and error.value.remedy
		assert len(str(error.value)) < 250

	@pytest.mark.parametrize(
		('field', 'value'),
		[
			('revision', '../main'),
			('revision', ''),
			('revision', 'a b'),
			('revision', 'x' * 300),
			('variant', '../fp16'),
			('variant', 'fp16/'),
			('variant', 'a' * 600),
			('files', ('../secret',)),
			('files', ('/etc/passwd',)),
			('files', ('C:/windows',)),
			('files', ('a\\b',)),
			('files', ('a//b',)),
			('files', ('a\0b',)),
			('files', ('a',) * 3000),
			('files', 7),
			('kind', 'virus'),
			('then_load', 'perhaps'),
			('colour', 'red'),
		],
	)
	def test_another_field_that_is_wrong_is_named(self, field, value):
		with pytest.raises(InvalidInput) as error:
			read('org/name', **{field: value})
		assert error.value.field == field

	def test_no_source_at_all(self):
		with pytest.raises(InvalidInput, match='nothing to download'):
			read_request({}, HUB)
		with pytest.raises(InvalidInput, match='source'):
			read_request({'source': None}, HUB)
