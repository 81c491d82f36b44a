"""What a latent looks like before it is decoded, and what each kind of denoiser's output means."""

import io
import json
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from localai.engine.families import Look
from localai.engine.previews import CLEAN, SIDE, Previewer

COLOURS = Look(((1, 0, 0), (0, 1, 0), (0, 0, 1)))


def seen(previewer: Previewer, latents: torch.Tensor, width: int, height: int) -> Image.Image:
	return Image.open(io.BytesIO(previewer.draw(latents, width, height)))


def close(pixel: tuple[int, ...], colour: tuple[int, ...]) -> bool:
	"""JPEG is not exact."""
	return all(abs(a - b) <= 4 for a, b in zip(pixel, colour, strict=True))


class TestColours:
	def test_each_channel_is_its_row_of_the_factors_within_what_is_seen(self, tmp_path):
		latents = torch.zeros(1, 3, 4, 8)
		latents[0, 0], latents[0, 1], latents[0, 2] = 1, -9, 0
		picture = seen(Previewer(COLOURS, tmp_path, 8), latents, 64, 32)
		assert picture.size == (SIDE, SIDE // 2)
		assert close(picture.getpixel((100, 100)), (255, 0, 127))

	def test_what_is_no_number_is_black(self, tmp_path):
		latents = torch.full((1, 3, 4, 4), float('nan'))
		picture = seen(Previewer(COLOURS, tmp_path, 8), latents, 32, 32)
		assert close(picture.getpixel((9, 9)), (0, 0, 0))

	def test_a_model_may_bring_its_own_with_a_patch_for_each_latent(self, tmp_path):
		"""One channel that is bright above and dark below."""
		above, below = [1.0, 1.0], [-1.0, -1.0]
		rows = {'patch': 2, 'factors': [[*above, *below] * 3], 'bias': [0.0] * 8 + [-2.0] * 4}
		(tmp_path / 'preview.json').write_text(json.dumps(rows))
		picture = seen(Previewer(COLOURS, tmp_path, 8), torch.ones(1, 1, 1, 2), 16, 8)
		assert picture.size == (SIDE, SIDE // 2)
		top, bottom = picture.getpixel((SIDE // 2, 9)), picture.getpixel((SIDE // 2, SIDE // 2 - 9))
		assert close(top, (255, 255, 0)) and close(bottom, (0, 0, 0))


class TestClean:
	"""A picture and noise are mixed; what a perfect denoiser says of the mixture gives the picture
	back."""

	picture, noise = torch.randn(2, 1, 4, 8, 8, generator=torch.Generator().manual_seed(0))

	@pytest.mark.parametrize('prediction', ['epsilon', 'v_prediction', 'sample'])
	@pytest.mark.parametrize('step', [0, 1])
	def test_noise_that_is_added_in_steps(self, prediction, step):
		alphas = torch.tensor([0.9, 0.2])
		scheduler = SimpleNamespace(
			alphas_cumprod=alphas, config=SimpleNamespace(prediction_type=prediction)
		)
		much, little = alphas[step].sqrt(), (1 - alphas[step]).sqrt()
		mixed = much * self.picture + little * self.noise
		output = {
			'epsilon': self.noise,
			'v_prediction': much * self.noise - little * self.picture,
			'sample': self.picture,
		}[prediction]
		found = CLEAN['discrete'](scheduler, output, torch.tensor(step), mixed)
		assert torch.allclose(found, self.picture, atol=1e-5)

	@pytest.mark.parametrize('step', [100, 900])
	def test_noise_on_a_straight_way(self, step):
		scheduler = SimpleNamespace(config=SimpleNamespace(num_train_timesteps=1000))
		mixed = (1 - step / 1000) * self.picture + step / 1000 * self.noise
		output = self.noise - self.picture
		found = CLEAN['flow'](scheduler, output, torch.tensor(float(step)), mixed)
		assert torch.allclose(found, self.picture, atol=1e-5)
