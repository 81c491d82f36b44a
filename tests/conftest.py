"""What many tests need: settings in a temporary folder, a studio with the fake engine, a tiny real
model."""

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from localai.settings import Settings, read_settings
from localai.studio import Studio
from tests.fakes import FakeExecutor

ROOT = Path(__file__).parents[1]
os.environ.setdefault('HF_HUB_OFFLINE', '1')
# One thread suits tiny models, and a busy machine does not make it wait on itself.
os.environ.setdefault('OMP_NUM_THREADS', '1')
# A shell that runs the tests in the background lets Ctrl+C be ignored; commands inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


# Files that take long, each with an app, an engine process or a Chromium of its own: begun first, so
# that no worker has one of them left when the others are done.
LONG = ('tests/ui/', 'tests/test_c', 'tests/test_w', 'tests/executors/', 'tests/engine/')


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
	items.sort(key=lambda item: not item.nodeid.startswith(LONG))


def find_chromium() -> str | None:
	names = (
		'chromium',
		'chromium-browser',
		'google-chrome',
		'google-chrome-stable',
		'chrome',
		'msedge',
	)
	found = next((shutil.which(n) for n in names if shutil.which(n)), None)
	mac = Path('/Applications/Google Chrome.app/Contents/MacOS/Google Chrome')
	return found or (str(mac) if sys.platform == 'darwin' and mac.exists() else None)


def pytest_terminal_summary(terminalreporter) -> None:
	if find_chromium() is None:
		terminalreporter.write_sep(
			'!', 'NO CHROMIUM FOUND: the page was NOT tested in a browser', red=True, bold=True
		)


@pytest.fixture(scope='session')
def chromium() -> str:
	path = find_chromium()
	if path is None:
		pytest.skip('no Chromium on this machine')
	return path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
	return read_settings({}, home=tmp_path / 'home', hub_cache=tmp_path / 'hub').prepare()


@pytest.fixture
def executor() -> FakeExecutor:
	return FakeExecutor()


@pytest.fixture
def studio(settings: Settings, executor: FakeExecutor):
	"""Real store, files and services; only the engine is fake."""
	studio = Studio(settings, executor).open()
	yield studio
	studio.close()


@pytest.fixture(scope='session')
def tiny_model(tmp_path_factory) -> Path:
	"""A real StableDiffusionPipeline with random weights, four latent channels, in the diffusers
	layout."""
	import torch
	from diffusers import (
		AutoencoderKL,
		DDIMScheduler,
		StableDiffusionPipeline,
		UNet2DConditionModel,
	)
	from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

	torch.manual_seed(0)
	tokenizer = CLIPTokenizer.from_pretrained(ROOT / 'localai' / 'builtin' / 'tokenizer')
	pipeline = StableDiffusionPipeline(
		unet=UNet2DConditionModel(
			block_out_channels=(16, 32),
			layers_per_block=1,
			sample_size=32,
			in_channels=4,
			out_channels=4,
			down_block_types=('DownBlock2D', 'CrossAttnDownBlock2D'),
			up_block_types=('CrossAttnUpBlock2D', 'UpBlock2D'),
			# By this width it is known as a Stable Diffusion 1.
			cross_attention_dim=768,
			norm_num_groups=8,
			attention_head_dim=4,
		),
		vae=AutoencoderKL(
			block_out_channels=(8, 16),
			down_block_types=('DownEncoderBlock2D',) * 2,
			up_block_types=('UpDecoderBlock2D',) * 2,
			latent_channels=4,
			norm_num_groups=8,
			layers_per_block=1,
		),
		text_encoder=CLIPTextModel(
			CLIPTextConfig(
				vocab_size=len(tokenizer),
				hidden_size=768,
				intermediate_size=64,
				num_hidden_layers=2,
				num_attention_heads=4,
				bos_token_id=tokenizer.bos_token_id,
				eos_token_id=tokenizer.eos_token_id,
				pad_token_id=tokenizer.eos_token_id,
			)
		),
		tokenizer=tokenizer,
		scheduler=DDIMScheduler(
			beta_start=0.00085,
			beta_end=0.012,
			beta_schedule='scaled_linear',
			steps_offset=1,
			clip_sample=False,
		),
		safety_checker=None,
		feature_extractor=None,
		requires_safety_checker=False,
	)
	folder = tmp_path_factory.mktemp('models') / 'tiny'
	pipeline.save_pretrained(folder, safe_serialization=True)
	return folder
