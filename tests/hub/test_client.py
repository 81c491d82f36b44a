"""Searching the hub, what a repository holds, and that exactly what diffusers loads is chosen."""

import json
from pathlib import Path

import pytest

from localai.errors import BadToken, Gated, HubUnreachable, InvalidInput, NotOnHub, WrongBytes
from localai.hub.choice import page_of, plan_of, which_files
from localai.hub.client import Hub
from localai.hub.families import family_of, kind_of
from localai.schemas.downloads import HubQuery
from tests.hub.conftest import add_repository
from tests.hub_server import HubServer

ROOT = Path(__file__).parents[2]
CLASSES = {
	'unet': ['diffusers', 'UNet2DConditionModel'],
	'vae': ['diffusers', 'AutoencoderKL'],
	'text_encoder': ['transformers', 'CLIPTextModel'],
	'tokenizer': ['transformers', 'CLIPTokenizer'],
	'scheduler': ['diffusers', 'DDIMScheduler'],
}
SMALL = {
	'tokenizer/vocab.json': '{}',
	'tokenizer/merges.txt': '',
	'tokenizer/tokenizer_config.json': '{"a": 1}',
	'scheduler/scheduler_config.json': '{"b": 1}',
	'unet/config.json': '{"c": 1}',
	'vae/config.json': '{"d": 1}',
	'text_encoder/config.json': '{"e": 1}',
	'README.md': 'hello',
	'.gitattributes': '*',
	'example.png': 999,
}
NAMES = {
	'unet': 'diffusion_pytorch_model',
	'vae': 'diffusion_pytorch_model',
	'text_encoder': 'model',
}


def index_of(pipeline: str = 'StableDiffusionPipeline', **more) -> str:
	content = {'_class_name': pipeline, '_diffusers_version': '0.42.1'} | CLASSES | more
	return json.dumps(content)


def weights(*forms: str, of: tuple[str, ...] = tuple(NAMES), size: int = 100) -> dict:
	"""A form is what follows the name of a weights file: '.safetensors', '.fp16.safetensors', ..."""
	return {f'{c}/{NAMES[c]}{form}': size + i for c in of for i, form in enumerate(forms)}


def shards(component: str, form: str, count: int = 2) -> dict:
	name = NAMES[component]
	return {
		f'{component}/{name}{form.format(f"-{i + 1:05}-of-{count:05}")}': 50 + i
		for i in range(count)
	}


# Name -> files; every shape is compared with what diffusers would fetch.
SHAPES = {
	'shape/full': SMALL
	| {'model_index.json': index_of(safety_checker=[None, None])}
	| weights(
		'.safetensors', '.fp16.safetensors', '.bin', '.fp16.bin', '.onnx', '.non_ema.safetensors'
	)
	| {
		'v1-5.safetensors': 500,
		'v1-5.ckpt': 600,
		'unet/flax_model.msgpack': 10,
		'vae_decoder/model.onnx': 10,
		'safety_checker/model.safetensors': 300,
	},
	'shape/mixed': SMALL
	| {'model_index.json': index_of()}
	| weights('.safetensors')
	| weights('.fp16.safetensors', of=('unet',)),
	'shape/sharded': SMALL
	| {'model_index.json': index_of()}
	| weights('.safetensors', of=('vae', 'text_encoder'))
	| shards('unet', '{}.safetensors')
	| {'unet/diffusion_pytorch_model.safetensors.index.json': '{}'}
	| shards('unet', '.fp16{}.safetensors')
	| {'unet/diffusion_pytorch_model.safetensors.index.fp16.json': '{"f": 1}'},
	'shape/old-shards': SMALL
	| {'model_index.json': index_of()}
	| weights('.safetensors', of=('vae', 'text_encoder'))
	| shards('unet', '{}.fp16.safetensors')
	| shards('unet', '{}.safetensors')
	| {'unet/diffusion_pytorch_model.safetensors.fp16.index.json': '{"g": 1}'},
	'shape/only-fp16': SMALL | {'model_index.json': index_of()} | weights('.fp16.safetensors'),
	'shape/xl': SMALL
	| {
		'model_index.json': index_of(
			'StableDiffusionXLPipeline',
			text_encoder_2=['transformers', 'CLIPTextModelWithProjection'],
			tokenizer_2=['transformers', 'CLIPTokenizer'],
			force_zeros_for_empty_prompt=True,
		),
		'text_encoder_2/config.json': '{"h": 1}',
		'text_encoder_2/model.safetensors': 150,
		'text_encoder_2/model.fp16.safetensors': 75,
		'text_encoder_2/openvino_model.bin': 40,
		'text_encoder_2/openvino_model.xml': 41,
		'tokenizer_2/vocab.json': '{"i": 1}',
		'tokenizer_2/deep/special.json': '{"j": 1}',
		'vae_1_0/diffusion_pytorch_model.safetensors': 44,
		'vae_1_0/config.json': '{"k": 1}',
		'sd_xl_base_1.0.safetensors': 700,
		'sd_xl_offset_example-lora_1.0.safetensors': 20,
	}
	| weights('.safetensors', '.fp16.safetensors'),
	'shape/top': SMALL
	| {
		'model_index.json': index_of(),
		'diffusion_pytorch_model.safetensors': 90,
		'config.json': '{"l": 1}',
		'tokenizer.json': '{"m": 1}',
		'other/deep/model.safetensors': 33,
	}
	| weights('.safetensors', '.bin'),
}
ASKED = [
	(n, v)
	for n in SHAPES
	for v in ('', 'fp16')
	if (n, v) not in {('shape/only-fp16', ''), ('shape/top', 'fp16')}
]


class Plan(Exception):
	"""Thrown out of diffusers with the files that it was about to fetch."""


@pytest.fixture
def diffusers_plan(hub: HubServer, tmp_path: Path, monkeypatch):
	"""Repository and variant -> bytes by path, as diffusers' own rules choose them; only the index is fetched."""
	import huggingface_hub
	from diffusers import DiffusionPipeline
	from diffusers.pipelines import pipeline_utils

	template = hub.endpoint + '/{repo_id}/resolve/{revision}/{filename}'
	constants = huggingface_hub.constants
	monkeypatch.setattr(constants, 'ENDPOINT', hub.endpoint)
	monkeypatch.setattr(constants, 'HUGGINGFACE_CO_URL_TEMPLATE', template)
	monkeypatch.setattr(huggingface_hub.hf_api.api, 'endpoint', hub.endpoint)

	def stop_short(repo: str, **options):
		for odd in ('proxies', 'local_files_only'):
			options.pop(odd, None)
		raise Plan(huggingface_hub.snapshot_download(repo, dry_run=True, **options))

	monkeypatch.setattr(pipeline_utils, 'snapshot_download', stop_short)

	def plan(repo: str, variant: str) -> dict[str, int]:
		options = {'cache_dir': tmp_path / 'theirs', 'use_safetensors': True}
		with pytest.raises(Plan) as thrown:
			DiffusionPipeline.download(repo, variant=variant or None, **options)
		return {f.filename: f.file_size for f in thrown.value.args[0]}

	return plan


class TestChoice:
	def test_exactly_what_diffusers_would_fetch(self, hub, client, diffusers_plan):
		for repo, files in SHAPES.items():
			add_repository(hub.root, repo, files)
		for repo, variant in ASKED:
			ours = {f.path: f.bytes for f in which_files(client.repository(repo), variant).files}
			assert ours == diffusers_plan(repo, variant), (repo, variant)

	def test_variants_are_listed_and_the_first_is_taken(self, hub, client):
		for repo, files in SHAPES.items():
			add_repository(hub.root, repo, files)
		variants = {r: which_files(client.repository(r)).variants for r in SHAPES}
		assert variants['shape/full'] == ('', 'fp16', 'non_ema')
		assert variants['shape/mixed'] == variants['shape/old-shards'] == ('', 'fp16')
		assert variants['shape/only-fp16'] == ('fp16',)
		choice = which_files(client.repository('shape/only-fp16'))
		assert choice.variant == 'fp16' and not choice.problem
		with pytest.raises(InvalidInput, match='no variant bf16'):
			which_files(client.repository('shape/full'), 'bf16')

	def test_a_page_adds_up(self, hub, client):
		add_repository(
			hub.root, 'shape/full', SHAPES['shape/full'],
			cardData={'license': 'other', 'license_name': 'openrail++', 'license_link': 'https://x.org/l'},
		)  # fmt: skip
		repository = client.repository('shape/full')
		page = page_of(repository, which_files(repository, 'fp16'))
		assert page.licence == 'openrail++' and page.licence_link == 'https://x.org/l'
		assert page.bytes == sum(c.bytes for c in page.components)
		assert page.unsafe == 8 and page.kind == 'checkpoint'
		assert {c.name for c in page.components} == {*CLASSES, '', 'safety_checker'}
		plan = plan_of(repository, which_files(repository, 'fp16'))
		assert plan.bytes == page.bytes and plan.commit == hub.commit('shape/full')

	def test_a_pickle_is_never_chosen(self, hub, client):
		add_repository(
			hub.root,
			'shape/pickle',
			SMALL
			| {'model_index.json': index_of(), 'pipeline.py': 'import os'}
			| weights('.safetensors', of=('vae', 'unet'))
			| weights('.bin', of=('text_encoder',)),
		)
		repository = client.repository('shape/pickle')
		choice = which_files(repository)
		assert 'text_encoder comes only' in choice.problem and choice.unsafe == 1
		assert not [f.path for f in choice.files if f.path.endswith(('.bin', '.py'))]
		with pytest.raises(InvalidInput, match='text_encoder'):
			plan_of(repository, choice)
		with pytest.raises(InvalidInput, match='any program'):
			which_files(repository, files=('text_encoder/model.bin',))

	def test_single_files_are_there_to_choose_from(self, hub, client):
		add_repository(hub.root, 'one/file', {'a.safetensors': 10, 'README.md': 'x', 'a.ckpt': 10})
		add_repository(hub.root, 'two/files', {'q4.gguf': 10, 'deep/q8.gguf': 20})
		add_repository(hub.root, 'no/files', {'README.md': 'x', 'a.ckpt': 10})
		add_repository(
			hub.root,
			'a/vae',
			{'config.json': '{}', 'diffusion_pytorch_model.safetensors': 30, 'x.png': 3},
		)
		one = which_files(client.repository('one/file'))
		assert [f.path for f in one.files] == ['a.safetensors'] and one.unsafe == 1
		two = which_files(client.repository('two/files'))
		assert not two.files and two.variants == ('deep/q8.gguf', 'q4.gguf')
		assert 'Choose one' in two.problem
		chosen = which_files(client.repository('two/files'), 'deep/q8.gguf')
		assert [f.path for f in chosen.files] == ['deep/q8.gguf'] and not chosen.problem
		assert which_files(client.repository('no/files')).layout == 'nothing'
		add_repository(
			hub.root, 'split/files', {f'x-0000{i}-of-00002.gguf': i for i in (1, 2)} | {'y.gguf': 9}
		)
		split = which_files(client.repository('split/files'), 'x-00001-of-00002.gguf')
		assert len(split.files) == 2 and split.variants == ('x-00001-of-00002.gguf', 'y.gguf')
		add_repository(hub.root, 'small/lot', {f'{i}.safetensors': i + 1 for i in range(3)})
		lot = which_files(client.repository('small/lot'))
		assert len(lot.files) == 3 and lot.variants[:2] == ('', '0.safetensors')
		assert len(which_files(client.repository('small/lot'), '1.safetensors').files) == 1
		vae = which_files(client.repository('a/vae'))
		assert vae.layout == 'component' and len(vae.files) == 2


class TestSearch:
	@pytest.fixture(autouse=True)
	def fill(self, hub):
		for number in range(25):
			add_repository(
				hub.root, f'org/picture-{number:02}', {'a.safetensors': 100 + number},
				tags=['text-to-image', 'license:mit'], pipeline_tag='text-to-image', likes=number,
				cardData={'license': 'mit', 'base_model': 'stabilityai/stable-diffusion-xl-base-1.0'},
			)  # fmt: skip
		add_repository(
			hub.root, 'flux/lora', {'a.safetensors': 5}, gated='auto', downloads=9,
			tags=['lora', 'text-to-image', 'base_model:adapter:black-forest-labs/FLUX.1-dev'],
		)  # fmt: skip
		add_repository(hub.root, 'secret/model', {'a.safetensors': 5}, private=True)

	def test_words_order_and_number(self, client):
		found = client.search(HubQuery(text='picture', sort='likes', limit=3))
		assert [m.repo for m in found] == ['org/picture-24', 'org/picture-23', 'org/picture-22']
		assert found[0].family == 'sdxl' and found[0].licence == 'mit' and found[0].bytes == 124
		assert client.search(HubQuery(text='no such thing')) == ()

	def test_filters(self, client):
		(lora,) = client.search(HubQuery(family='flux1'))
		assert lora.repo == 'flux/lora' and lora.kind == 'lora' and lora.gated
		assert len(client.search(HubQuery(gated=True))) == 1
		assert len(client.search(HubQuery(licence='mit', limit=100))) == 25
		assert len(client.search(HubQuery(text='org', largest=109, limit=100))) == 10

	def test_private_ones_show_to_their_owner_alone(self, hub, client):
		hub.tokens['hf_secret'] = 'secret'
		assert not client.search(HubQuery(text='secret'))
		assert len(Hub(hub.endpoint, lambda: 'hf_secret').search(HubQuery(text='secret'))) == 1


class TestRefusals:
	def test_missing_private_gated_and_wrong_names(self, hub, client):
		add_repository(hub.root, 'ada/private', {'a.safetensors': 5}, private=True)
		add_repository(
			hub.root, 'ada/gated', {'model_index.json': index_of(), 'unet/a': 5}, gated='manual'
		)
		for repo in ('no/such', 'ada/private'):
			with pytest.raises(NotOnHub, match=repo):
				client.repository(repo)
		with pytest.raises(NotOnHub, match='revision'):
			Hub(hub.endpoint, lambda: 'hf_good').repository('ada/private', 'dev')
		assert Hub(hub.endpoint, lambda: 'hf_good').repository('ada/private').private
		gated = client.repository('ada/gated')
		assert (
			gated.gated
			and gated.gate == f'{hub.endpoint}/ada/gated'
			and 'accept their terms' in gated.problem
		)
		assert not Hub(hub.endpoint, lambda: 'hf_good').repository('ada/gated').problem
		for wrong in ('noslash', '../etc/passwd', 'a/b/c', 'a/b?x=1', '', 'a/' + 'b' * 200, 'ä/ö'):
			with pytest.raises(InvalidInput):
				client.repository(wrong)

	def test_a_wrong_token_is_said_and_not_shown(self, hub):
		add_repository(hub.root, 'a/b', {'a.safetensors': 5})
		with pytest.raises(BadToken) as caught:
			Hub(hub.endpoint, lambda: 'hf_very_secret').repository('a/b')
		assert 'hf_very_secret' not in str(caught.value)
		with pytest.raises(BadToken):
			Hub(hub.endpoint).whoami('hf_very_secret')
		assert Hub(hub.endpoint).whoami('hf_good') == 'ada'

	def test_a_hub_that_is_gone_silent_or_odd(self, hub, client, monkeypatch):
		with pytest.raises(HubUnreachable):
			Hub('http://127.0.0.1:9', timeout=1).repository('a/b')
		hub.fault('/api/models*', status=503)
		with pytest.raises(HubUnreachable, match='503'):
			client.search(HubQuery())
		hub.faults.clear()
		with pytest.raises(HubUnreachable, match='like a hub'):
			Hub(f'{hub.endpoint}/a/b', timeout=1).search(HubQuery(text='x', sort='likes'))
		monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', True)
		with pytest.raises(HubUnreachable, match='HF_HUB_OFFLINE'):
			client.repository('a/b')

	def test_a_hostile_hub_cannot_name_files_outside(self, hub, client, monkeypatch):
		add_repository(hub.root, 'a/b', {'a.safetensors': 5})
		about = hub.about
		for path in ('../../x', '/etc/x', 'a\\..\\x', 'C:x', 'a//b', '.'):
			monkeypatch.setattr(
				hub,
				'about',
				lambda *a, path=path: (
					about(*a) | {'siblings': [{'rfilename': path, 'size': 1, 'blobId': 'a' * 40}]}
				),
			)
			with pytest.raises(WrongBytes, match='impossible name'):
				client.repository('a/b')

	def test_a_gated_file_names_the_page_to_ask_at(self, hub, fetching):
		add_repository(hub.root, 'ada/gated', {'a.safetensors': 5}, gated='auto')
		with pytest.raises(Gated) as caught:
			fetching.fetch(fetching.plan('ada/gated'))
		assert caught.value.link == f'{hub.endpoint}/ada/gated'


class TestFamilies:
	@pytest.mark.parametrize(
		('pipeline', 'tags', 'names', 'family'),
		[
			('StableDiffusionXLPipeline', (), (), 'sdxl'),
			('StableDiffusionXLImg2ImgPipeline', (), ('stabilityai/stable-diffusion-xl-refiner-1.0',), 'sdxl-refiner'),
			('StableDiffusion3Pipeline', (), (), 'sd3'),
			('FluxPipeline', (), (), 'flux1'),
			('Flux2Pipeline', (), (), 'flux2'),
			('Flux2KleinPipeline', (), (), 'flux2-klein'),
			('QwenImageEditPipeline', (), (), 'qwen-image'),
			('StableDiffusionPipeline', (), ('someone/mine',), 'unknown'),
			('StableDiffusionPipeline', ('base_model:finetune:runwayml/stable-diffusion-v1-5',), (), 'sd1'),
			('StableDiffusionPipeline', (), ('stabilityai/stable-diffusion-2-1',), 'sd2'),
			('', (), ('someone/flux.1-style',), 'unknown'),
			('', ('base_model:adapter:Qwen/Qwen-Image',), ('me/x',), 'qwen-image'),
			('', ('base_model:a/flux.1-dev', 'base_model:b/stable-diffusion-v1-5'), ('me/x',), 'unknown'),
			('WanPipeline', (), (), 'unknown'),
		],
	)  # fmt: skip
	def test_known_or_unknown_but_never_guessed(self, pipeline, tags, names, family):
		assert family_of(pipeline, tags, names) == family

	def test_kinds(self):
		assert kind_of('', ('lora',), 'diffusers', 'text-to-image') == 'lora'
		assert kind_of('FluxPipeline', (), 'diffusers', 'text-to-image') == 'checkpoint'
		assert kind_of('', ('controlnet',), 'diffusers', '') == 'controlnet'
		assert kind_of('', (), 'transformers', 'text-generation') == 'unknown'
