"""Pictures with the settings of other programs, each written by the public grammar of its program and
with pixels of our own.

`python -m tests.samples DIR` writes them into a folder; `--table` prints what is read from each.
"""

import argparse
import gzip
import io
import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy
from PIL import Image, PngImagePlugin

from localai.files.pictures.readings import read_settings
from localai.schemas.exchange import Reading

PROMPT = 'a lighthouse at dusk, (oil painting:1.2), 海の灯台'
NEGATIVE = 'blurry, low quality'
SEED = 2**63 + 5  # more than most programs draw from, less than they accept
HASH = '6ce0161689'
LORA_HASH = 'c8b5d8a0f5e1'


def pixels(alpha: bool = False, size: tuple[int, int] = (64, 128)) -> Image.Image:
	"""A picture that looks like nothing in particular, the same each time."""
	width, height = size
	y, x = numpy.mgrid[0:height, 0:width]
	planes = [x * 3 % 256, y * 2 % 256, (x + y) % 256] + (
		[numpy.full_like(x, 255)] if alpha else []
	)
	return Image.fromarray(numpy.stack(planes, -1).astype('uint8'))


def png(texts: dict[str, str], image: Image.Image | None = None, after: bool = False) -> bytes:
	info = PngImagePlugin.PngInfo()
	for key, text in texts.items():
		try:
			text.encode('latin-1')
			info.add_text(key, text)
		except UnicodeEncodeError:
			info.add_itxt(key, text)
	buffer = io.BytesIO()
	(image or pixels()).save(buffer, 'PNG', pnginfo=info)
	data = buffer.getvalue()
	if not after:
		return data
	# the texts behind the pixels, as some editors leave them
	start, end = data.index(b'tEXt') - 4, data.index(b'IDAT') - 4
	return data[:start] + data[end:-12] + data[start:end] + data[-12:]


def exif(tags: dict[int, bytes | str], inner: dict[int, bytes | str] | None = None) -> bytes:
	found = Image.Exif()
	for tag, value in tags.items():
		found[tag] = value
	if inner:
		found.get_ifd(0x8769).update(inner)
	return found.tobytes()


def comment(text: str, order: str = 'be') -> bytes:
	"""A UserComment, as piexif writes it: a label and UTF-16."""
	return exif({}, {0x9286: b'UNICODE\0' + text.encode(f'utf-16-{order}')})


def saved(format: str, block: bytes, image: Image.Image | None = None, **options: object) -> bytes:
	buffer = io.BytesIO()
	(image or pixels()).save(buffer, format, exif=block, **options)
	return buffer.getvalue()


def hidden(text: bytes, mode: str = 'alpha', packed: bool = True) -> Image.Image:
	"""A picture with a text in its lowest bits, column by column."""
	data = gzip.compress(text) if packed else text
	name = f'stealth_{"png" if mode == "alpha" else "rgb"}{"comp" if packed else "info"}'
	stream = name.encode() + struct.pack('>I', len(data) * 8) + data
	array = numpy.array(pixels(alpha=mode == 'alpha', size=(256, 256)))
	plane = array[:, :, 3:] if mode == 'alpha' else array[:, :, :3]
	columns = plane.transpose(1, 0, 2).reshape(-1)
	bits = numpy.unpackbits(numpy.frombuffer(stream, 'uint8'))
	columns[: len(bits)] = columns[: len(bits)] & 0xFE | bits
	height, width, channels = plane.shape
	plane[:] = columns.reshape(width, height, channels).transpose(1, 0, 2)
	return Image.fromarray(array)


# A1111 and those who write like it

A1111 = (
	f'{PROMPT} <lora:add detail:0.6>\nNegative prompt: {NEGATIVE}\n'
	f'Steps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: {SEED}, '
	f'Size: 64x128, Model hash: {HASH}, Model: dreamshaper_8, VAE hash: 735e4c3a44, '
	'VAE: vae-ft-mse-840000.safetensors, Denoising strength: 0.55, Clip skip: 2, '
	'Hires upscale: 2, Hires prompt: "a lighthouse, bright: yes", '
	f'Lora hashes: "add detail: {LORA_HASH}", Version: v1.10.1'
)
OLD_A1111 = (
	f'{PROMPT}\nNegative prompt: {NEGATIVE}\n'
	f'Steps: 20, Sampler: DPM++ 2S a Karras, CFG scale: 7, Seed: 1234, Size: 512x768, '
	'Model hash: 7460a6fa, Clip skip: 2, ENSD: 31337'
)
FORGE = (
	f'{PROMPT}\nSteps: 20, Sampler: Euler, Schedule type: Simple, CFG scale: 1, '
	'Distilled CFG Scale: 3.5, Seed: 99, Size: 64x128, Model hash: 5493832be6, '
	'Model: flux1-dev-fp8, Version: f2.0.1v1.10.1-previous-669-gdfdcbab6, '
	'Diffusion in Low Bits: bnb-nf4, Module 1: ae, Module 2: clip_l'
)
SDNEXT = (
	f'{PROMPT}\nNegative prompt: {NEGATIVE}\n'
	'Steps: 20, Size: 64x128, Sampler: UniPC, Seed: 99, CFG scale: 6, App: SD.Next, '
	f'Version: 9cca90f, Pipeline: StableDiffusionXLPipeline, Operations: txt2img, Model: '
	f'stabilityai/sdxl-turbo, Model hash: {HASH}'
)
CPP = (
	f'{PROMPT}\nNegative prompt: {NEGATIVE}\n'
	'Steps: 8, CFG scale: 1.8, Guidance: 3.5, Eta: 0, Seed: 42, Size: 64x128, Model: '
	'sd_turbo.safetensors, RNG: cuda, Sampler: euler_a karras, Version: stable-diffusion.cpp'
)
CIVITAI = (
	f'{PROMPT}\nNegative prompt: {NEGATIVE}\n'
	'Steps: 25, Sampler: Euler a, CFG scale: 4, Seed: 1, Size: 64x128, Clip skip: 2, '
	'Created Date: 2026-01-02T03:04:05.678Z, Civitai resources: [{"type":"checkpoint",'
	'"modelVersionId":290640,"modelName":"Pony Diffusion","modelVersionName":"V6 XL"},{"type":'
	'"lora","weight":0.8,"modelVersionId":382152,"modelName":"Expressive, H","modelVersionName":'
	'"v1"}], Civitai metadata: {"remixOfId":7}'
)


# Fooocus


def fooocus_json() -> str:
	return json.dumps(
		dict(
			sorted(
				{
					'adm_guidance': '(1.5, 0.8, 0.3)',
					'base_model': 'juggernautXL_v8Rundiffusion',
					'base_model_hash': 'aeb7e9e689',
					'clip_skip': 2,
					'full_negative_prompt': [NEGATIVE, 'anime'],
					'full_prompt': [PROMPT, 'cinematic still'],
					'guidance_scale': 4.0,
					'lora_combined_1': 'sd_xl_offset_example-lora_1.0.safetensors : 0.1',
					'loras': [['sd_xl_offset_example-lora_1.0', 0.1, '4852686128']],
					'metadata_scheme': 'fooocus',
					'negative_prompt': NEGATIVE,
					'performance': 'Speed',
					'prompt': PROMPT,
					'refiner_model': 'None',
					'refiner_switch': 0.5,
					'resolution': '(64, 128)',
					'sampler': 'dpmpp_2m_sde_gpu',
					'scheduler': 'karras',
					'seed': str(SEED),
					'sharpness': 2.0,
					'steps': 30,
					'styles': "['Fooocus V2', \"Painter's Choice\"]",
					'vae': 'Default (model)',
					'version': 'Fooocus v2.5.5',
				}.items()
			)
		),
		ensure_ascii=False,
	)


FOOOCUS_TEXT = (
	f'{PROMPT}, cinematic still\nNegative prompt: {NEGATIVE}, anime\n'
	f'Steps: 30, Sampler: DPM++ 2M SDE Karras, Seed: {SEED}, Size: 64x128, CFG scale: 4.0, '
	'Sharpness: 2.0, ADM Guidance: "(1.5, 0.8, 0.3)", Model: juggernautXL_v8Rundiffusion, '
	'Model hash: aeb7e9e689, Performance: Speed, Scheduler: karras, VAE: Default (model), '
	f'Raw prompt: {json.dumps(PROMPT, ensure_ascii=False)}, Raw negative prompt: "{NEGATIVE}", '
	'Styles: "[\'Fooocus V2\', \'Fooocus Sharp\']", Lora hashes: "offset: 4852686128", '
	'Lora weights: "offset: 0.1", Version: Fooocus v2.5.5'
)


def ruined_json() -> str:
	return json.dumps(
		{
			'Prompt': PROMPT,
			'Negative': NEGATIVE,
			'steps': 30,
			'cfg': 8.0,
			'width': 64,
			'height': 128,
			'seed': 77,
			'sampler_name': 'dpmpp_2m_sde_gpu',
			'scheduler': 'karras',
			'base_model_name': 'sd_xl_base_1.0.safetensors',
			'base_model_hash': HASH,
			'loras': [[LORA_HASH, '0.5 - add detail.safetensors']],
			'software': 'RuinedFooocus',
		}
	)


# InvokeAI


def invoke_json() -> str:
	return json.dumps(
		{
			'generation_mode': 'sdxl_txt2img',
			'positive_prompt': PROMPT,
			'negative_prompt': NEGATIVE,
			'width': 64,
			'height': 128,
			'seed': 4_000_000_000,
			'rand_device': 'cpu',
			'cfg_scale': 7.5,
			'steps': 30,
			'scheduler': 'dpmpp_2m_sde_k',
			'clip_skip': 1,
			'strength': 0.7,
			'model': {
				'key': '7d5d-1',
				'hash': 'blake3:5ff6a8c2',
				'name': 'Juggernaut XL v9',
				'base': 'sdxl',
				'type': 'main',
			},
			'vae': {'key': 'v', 'hash': 'blake3:77', 'name': 'sdxl-vae-fp16-fix', 'type': 'vae'},
			'loras': [
				{
					'model': {
						'key': 'l',
						'hash': 'blake3:abc',
						'name': 'add detail',
						'type': 'lora',
					},
					'weight': 0.75,
				}
			],
			'seamless_x': False,
			'app_version': '5.6.0',
		}
	)


def invoke_old_json() -> str:
	return json.dumps(
		{
			'model': 'stable diffusion',
			'model_weights': 'stable-diffusion-1.5',
			'model_hash': 'cc6cb27103',
			'app_id': 'invoke-ai/InvokeAI',
			'app_version': '2.3.5',
			'image': {
				'prompt': [{'prompt': f'a lighthouse at dusk [{NEGATIVE}]', 'weight': 1.0}],
				'steps': 50,
				'cfg_scale': 7.5,
				'threshold': 0,
				'perlin': 0,
				'height': 128,
				'width': 64,
				'seed': 1234,
				'type': 'txt2img',
				'sampler': 'k_euler_a',
			},
		}
	)


DREAM = f'"a lighthouse at dusk [{NEGATIVE}]" -s 50 -S 1234 -W 64 -H 128 -C 7.5 -A k_lms'


# ComfyUI


def node(kind: str, **inputs: object) -> dict:
	return {'class_type': kind, 'inputs': inputs, '_meta': {'title': kind}}


def comfy_graph(**changes: dict) -> dict[str, dict]:
	"""The graph that ComfyUI opens with."""
	return {
		'3': node(
			'KSampler',
			seed=SEED,
			steps=20,
			cfg=8,
			sampler_name='dpmpp_2m',
			scheduler='karras',
			denoise=1,
			model=['4', 0],
			positive=['6', 0],
			negative=['7', 0],
			latent_image=['5', 0],
		),
		'4': node('CheckpointLoaderSimple', ckpt_name='v1-5-pruned-emaonly.safetensors'),
		'5': node('EmptyLatentImage', width=64, height=128, batch_size=1),
		'6': node('CLIPTextEncode', text=PROMPT, clip=['4', 1]),
		'7': node('CLIPTextEncode', text=NEGATIVE, clip=['4', 1]),
		'8': node('VAEDecode', samples=['3', 0], vae=['4', 2]),
		'9': node('SaveImage', filename_prefix='ComfyUI', images=['8', 0]),
		**changes,
	}


def comfy_sdxl() -> dict[str, dict]:
	"""Base and refiner, sizes and texts of their own, prompts from another node."""
	common = {'steps': 25, 'cfg': 7.0, 'sampler_name': 'euler_ancestral', 'scheduler': 'normal'}
	return {
		'1': node('CheckpointLoaderSimple', ckpt_name='SDXL\\sd_xl_base_1.0.safetensors'),
		'2': node('CheckpointLoaderSimple', ckpt_name='sd_xl_refiner_1.0.safetensors'),
		'3': node('EmptyLatentImage', width=64, height=128, batch_size=1),
		'4': node('PrimitiveString', value=PROMPT),
		'5': node(
			'CLIPTextEncodeSDXL',
			width=1024,
			height=1024,
			text_g=['4', 0],
			text_l='oil on canvas',
			clip=['1', 1],
		),
		'6': node('CLIPTextEncode', text=NEGATIVE, clip=['1', 1]),
		'7': node('CLIPTextEncodeSDXLRefiner', text='refined', ascore=6, clip=['2', 1]),
		'8': node(
			'KSamplerAdvanced',
			add_noise='enable',
			noise_seed=721,
			start_at_step=0,
			end_at_step=20,
			model=['1', 0],
			positive=['5', 0],
			negative=['6', 0],
			latent_image=['3', 0],
			**common,
		),
		'9': node(
			'KSamplerAdvanced',
			add_noise='disable',
			noise_seed=0,
			start_at_step=20,
			end_at_step=10000,
			model=['2', 0],
			positive=['7', 0],
			negative=['6', 0],
			latent_image=['8', 0],
			**common,
		),
		'10': node('VAELoader', vae_name='sdxl_vae.safetensors'),
		'11': node('VAEDecode', samples=['9', 0], vae=['10', 0]),
		'12': node('SaveImage', filename_prefix='x', images=['11', 0]),
	}


def comfy_loras() -> dict[str, dict]:
	"""Two LoRAs in a row, the last layer of CLIP left out."""
	graph = comfy_graph()
	graph['10'] = node(
		'LoraLoader',
		lora_name='style/add detail.safetensors',
		strength_model=0.6,
		strength_clip=1.0,
		model=['4', 0],
		clip=['4', 1],
	)
	graph['11'] = node(
		'LoraLoaderModelOnly',
		lora_name='lcm-lora.safetensors',
		strength_model=-0.5,
		model=['10', 0],
	)
	graph['12'] = node('CLIPSetLastLayer', stop_at_clip_layer=-2, clip=['10', 1])
	graph['3']['inputs']['model'] = ['11', 0]
	graph['6']['inputs']['clip'] = graph['7']['inputs']['clip'] = ['12', 0]
	return graph


def comfy_img2img() -> dict[str, dict]:
	"""From a picture, guided by a ControlNet, then drawn larger once more."""
	graph = comfy_graph()
	graph['3']['inputs'].update(
		denoise=0.6, latent_image=['11', 0], positive=['13', 0], negative=['13', 1]
	)
	graph['10'] = node('LoadImage', image='in.png')
	graph['11'] = node('VAEEncode', pixels=['10', 0], vae=['4', 2])
	graph['12'] = node('ControlNetLoader', control_net_name='control_canny.safetensors')
	graph['13'] = node(
		'ControlNetApplyAdvanced',
		strength=0.8,
		positive=['6', 0],
		negative=['7', 0],
		control_net=['12', 0],
		image=['10', 0],
	)
	graph['14'] = node('LatentUpscale', samples=['3', 0], width=128, height=256)
	graph['15'] = node(
		'KSampler', **{**graph['3']['inputs'], 'seed': 5, 'denoise': 0.3, 'latent_image': ['14', 0]}
	)
	graph['8']['inputs']['samples'] = ['15', 0]
	return graph


def comfy_flux() -> dict[str, dict]:
	"""The sampler in parts."""
	return {
		'1': node('UNETLoader', unet_name='flux1-dev.safetensors', weight_dtype='default'),
		'2': node('DualCLIPLoader', clip_name1='t5xxl_fp16.safetensors', clip_name2='clip_l.sft'),
		'3': node('CLIPTextEncode', text=PROMPT, clip=['2', 0]),
		'4': node('FluxGuidance', guidance=3.5, conditioning=['3', 0]),
		'5': node('BasicGuider', model=['1', 0], conditioning=['4', 0]),
		'6': node('KSamplerSelect', sampler_name='euler'),
		'7': node('BasicScheduler', scheduler='simple', steps=20, denoise=1.0, model=['1', 0]),
		'8': node('RandomNoise', noise_seed=SEED),
		'9': node('EmptySD3LatentImage', width=64, height=128, batch_size=1),
		'10': node(
			'SamplerCustomAdvanced',
			noise=['8', 0],
			guider=['5', 0],
			sampler=['6', 0],
			sigmas=['7', 0],
			latent_image=['9', 0],
		),
		'11': node('VAELoader', vae_name='ae.safetensors'),
		'12': node('VAEDecode', samples=['10', 0], vae=['11', 0]),
		'13': node('SaveImage', filename_prefix='x', images=['12', 0]),
	}


# The order of the values that a workflow keeps without their names.
DRAWN = {
	'KSampler': ('seed', None, 'steps', 'cfg', 'sampler_name', 'scheduler', 'denoise'),
	'CheckpointLoaderSimple': ('ckpt_name',),
	'EmptyLatentImage': ('width', 'height', 'batch_size'),
	'CLIPTextEncode': ('text',),
	'SaveImage': ('filename_prefix',),
	'LoraLoader': ('lora_name', 'strength_model', 'strength_clip'),
}


def comfy_workflow(graph: dict[str, dict]) -> dict:
	"""The same graph as it is drawn: nodes and links in lists."""
	links, nodes = [], []
	for id, entry in graph.items():
		ports = []
		for name, value in entry['inputs'].items():
			if isinstance(value, list):
				kind = {'clip': 'CLIP', 'model': 'MODEL', 'vae': 'VAE'}.get(name, 'CONDITIONING')
				links.append([len(links) + 1, int(value[0]), value[1], int(id), len(ports), kind])
				ports.append({'name': name, 'type': kind, 'link': len(links)})
		values = [entry['inputs'].get(n, 'randomize') for n in DRAWN.get(entry['class_type'], ())]
		nodes.append(
			{
				'id': int(id),
				'type': entry['class_type'],
				'mode': 0,
				'inputs': ports,
				'widgets_values': values,
			}
		)
	return {'last_node_id': 99, 'nodes': nodes, 'links': links, 'groups': [], 'version': 0.4}


def comfy(graph: dict[str, dict]) -> dict[str, str]:
	"""The texts of a PNG, as ComfyUI writes them: NaN is not JSON, and it is there."""
	spoilt = {k: {**v, 'is_changed': [float('nan')]} for k, v in graph.items()}
	return {'prompt': json.dumps(spoilt), 'workflow': json.dumps(comfy_workflow(graph))}


def comfy_webp() -> bytes:
	texts = comfy(comfy_graph())
	tags = {0x0110: 'prompt:' + texts['prompt'], 0x010F: 'workflow:' + texts['workflow']}
	return saved('WEBP', exif(tags), lossless=True)


# SwarmUI


def swarm_json() -> str:
	return json.dumps(
		{
			'sui_image_params': {
				'prompt': PROMPT,
				'negativeprompt': NEGATIVE,
				'model': 'OfficialStableDiffusion/sd_xl_base_1.0.safetensors',
				'seed': 1234,
				'steps': 25,
				'cfgscale': 6.5,
				'aspectratio': 'Custom',
				'width': 64,
				'height': 128,
				'sampler': 'dpmpp_2m_sde',
				'scheduler': 'karras',
				'vae': 'sdxl_vae',
				'clipstopatlayer': -2,
				'initimagecreativity': 0.6,
				'loras': ['style/add detail'],
				'loraweights': ['0.6'],
				'swarm_version': '0.9.6.2',
			},
			'sui_extra_data': {'date': '2026-01-02', 'generation_time': '0.1 sec'},
			'sui_models': [
				{'name': 'sd_xl_base_1.0.safetensors', 'param': 'model', 'hash': '0x31e35c80fc'},
				{'name': 'style/add detail.safetensors', 'param': 'loras', 'hash': '0xabc'},
			],
		},
		indent=2,
	)


# NovelAI


def novel_texts() -> dict[str, str]:
	caption = {
		'base_caption': PROMPT,
		'char_captions': [{'char_caption': 'a keeper', 'centers': []}],
	}
	return {
		'Title': 'NovelAI generated image',
		'Description': PROMPT,
		'Software': 'NovelAI',
		'Source': 'NovelAI Diffusion V4.5 4BDE2A90',
		'Generation time': '4.5',
		'Comment': json.dumps(
			{
				'prompt': PROMPT,
				'steps': 28,
				'height': 128,
				'width': 64,
				'scale': 5.0,
				'uncond_scale': 0.0,
				'cfg_rescale': 0.2,
				'seed': 3_344_556_677,
				'n_samples': 1,
				'noise_schedule': 'karras',
				'sampler': 'k_euler_ancestral',
				'v4_prompt': {'caption': caption, 'use_coords': False},
				'uc': NEGATIVE,
				'request_type': 'PromptGenerateRequest',
				'signed_hash': 'c2lnbmVk',
			}
		),
	}


def novel_hidden() -> bytes:
	return json.dumps(novel_texts()).encode()


SAMPLES: dict[str, Callable[[], bytes]] = {
	'a1111.png': lambda: png({'parameters': A1111}),
	'a1111-old.png': lambda: png({'parameters': OLD_A1111}),
	'a1111-after-pixels.png': lambda: png(
		{'parameters': FORGE.replace(PROMPT, 'a pier')}, after=True
	),
	'a1111.jpg': lambda: saved('JPEG', comment(A1111)),
	'a1111.webp': lambda: saved('WEBP', comment(A1111)),
	'forge.png': lambda: png({'parameters': FORGE}),
	'forge-stealth-alpha.png': lambda: png({}, hidden(A1111.encode())),
	'forge-stealth-rgb.png': lambda: png({}, hidden(A1111.encode(), 'rgb')),
	'forge-stealth-plain.png': lambda: png({}, hidden(A1111.encode(), 'alpha', packed=False)),
	'forge-stealth-rgb-plain.png': lambda: png({}, hidden(A1111.encode(), 'rgb', packed=False)),
	'sdnext.jpg': lambda: saved('JPEG', comment(SDNEXT, 'le')),
	'sdcpp.png': lambda: png({'parameters': CPP}),
	'civitai.jpg': lambda: saved('JPEG', comment(CIVITAI)),
	'fooocus.png': lambda: png({'parameters': fooocus_json(), 'fooocus_scheme': 'fooocus'}),
	'fooocus-a1111.png': lambda: png({'parameters': FOOOCUS_TEXT, 'fooocus_scheme': 'a1111'}),
	'fooocus.jpg': lambda: saved('JPEG', fooocus_exif(fooocus_json(), 'fooocus')),
	'fooocus-a1111.webp': lambda: saved('WEBP', fooocus_exif(FOOOCUS_TEXT, 'a1111')),
	'ruinedfooocus.png': lambda: png({'parameters': ruined_json()}),
	'invokeai.png': lambda: png({'invokeai_metadata': invoke_json()}),
	'invokeai-2.png': lambda: png({'sd-metadata': invoke_old_json(), 'Dream': DREAM}),
	'invokeai-1.png': lambda: png({'Dream': DREAM}),
	'comfyui.png': lambda: png(comfy(comfy_graph())),
	'comfyui-sdxl.png': lambda: png(comfy(comfy_sdxl())),
	'comfyui-loras.png': lambda: png(comfy(comfy_loras())),
	'comfyui-img2img.png': lambda: png(comfy(comfy_img2img())),
	'comfyui-flux.png': lambda: png(comfy(comfy_flux())),
	'comfyui-workflow.png': lambda: png({'workflow': json.dumps(comfy_workflow(comfy_graph()))}),
	'comfyui.webp': comfy_webp,
	'swarmui.png': lambda: png({'parameters': swarm_json()}),
	'swarmui.jpg': lambda: saved('JPEG', comment(swarm_json())),
	'swarmui-stealth.png': lambda: png({}, hidden(swarm_json().encode())),
	'novelai.png': lambda: png(novel_texts()),
	'novelai-stealth.png': lambda: png({}, hidden(novel_hidden())),
	'novelai-stealth.webp': lambda: saved(
		'WEBP', b'', hidden(novel_hidden()), lossless=True, exact=True
	),
	'novelai.webp': lambda: saved('WEBP', exif({}, {0x9286: b'ASCII\0\0\0' + novel_hidden()})),
	'photograph.jpg': lambda: saved('JPEG', exif({0x010F: 'Maker', 0x010E: 'A pier'})),
}


def fooocus_exif(text: str, scheme: str) -> bytes:
	"""Fooocus puts the texts beside each other, without a label before the comment."""
	return exif({0x9286: text.encode(), 0x0131: 'Fooocus v2.5.5', 0x927C: scheme.encode()})


def write_samples(folder: Path) -> list[Path]:
	folder.mkdir(parents=True, exist_ok=True)
	for name, make in SAMPLES.items():
		(folder / name).write_bytes(make())
	return [folder / name for name in SAMPLES]


COLUMNS: dict[str, Callable[[Reading], object]] = {
	'prompt': lambda r: bool(r.recipe.prompt),
	'negative': lambda r: bool(r.recipe.negative_prompt),
	'model': lambda r: r.recipe.model,
	'hash': lambda r: r.model_hash,
	'sampler': lambda r: ', '.join(v for v in (r.recipe.sampler, r.recipe.schedule) if v),
	'steps': lambda r: r.recipe.steps,
	'CFG': lambda r: r.recipe.guidance_scale,
	'seed': lambda r: r.recipe.seed,
	'size': lambda r: r.recipe.width and f'{r.recipe.width}x{r.recipe.height}',
	'clip skip': lambda r: r.recipe.clip_skip,
	'denoise': lambda r: r.recipe.denoising_strength,
	'VAE': lambda r: r.recipe.vae,
	'LoRAs': lambda r: ', '.join(f'{u.name} {u.weight:g} {u.hash}'.strip() for u in r.recipe.loras),
	'styles': lambda r: ', '.join(r.recipe.styles),
	'extra': lambda r: len(r.recipe.extra) or None,
}


def table() -> str:
	lines = ['| file | format | app | ' + ' | '.join(COLUMNS) + ' |']
	lines.append('|' + '---|' * (len(COLUMNS) + 3))
	for name, make in SAMPLES.items():
		found = read_settings(make())
		format = (found.format or '-') + (' (stealth)' if found.stealth else '')
		cells = []
		for read in COLUMNS.values():
			value = read(found)
			cells.append('✓' if value is True else '' if value in (None, False) else value)
		lines.append(f'| {name} | {format} | {found.app} | {" | ".join(map(str, cells))} |')
	return '\n'.join(lines)


def main() -> None:
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument('folder', nargs='?', type=Path)
	parser.add_argument('--table', action='store_true')
	options = parser.parse_args()
	if options.folder:
		print(f'{len(write_samples(options.folder))} files in {options.folder}')
	if options.table:
		print(table())


if __name__ == '__main__':
	main()
