"""Knows what a weights file says of itself in its metadata: title, licence, words that trigger it,
what it was made for. Anybody may have written it, so all of it is cut short and kept plain."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Literal, NamedTuple

from localai.schemas.families import ArchitectureName
from localai.text import plain

LENGTH = 200  # characters of one text
WORD = 60  # characters of one trigger word
WORDS = 12
TAGS = 2_000_000  # characters of tag counts that are looked at
# How metadata names families, without anything but letters and digits; the first that fits counts.
# https://github.com/Stability-AI/ModelSpec and the base versions of kohya's trainer.
SPELLINGS: tuple[tuple[str, ArchitectureName], ...] = (
	('stablediffusionv1', 'sd1'),
	('sdv1', 'sd1'),
	('stablediffusionv2', 'sd2'),
	('sdv2', 'sd2'),
	('stablediffusionxlv1refiner', 'sdxl-refiner'),
	('stablediffusionxl', 'sdxl'),
	('sdxl', 'sdxl'),
	('stablediffusion3', 'sd3'),
	('stablediffusionv3', 'sd3'),
	('sd3', 'sd3'),
	('flux2klein', 'flux2-klein'),
	('flux2', 'flux2'),
	('flux1', 'flux1'),
	('chroma', 'chroma'),
	('qwenimage', 'qwen-image'),
	('zimage', 'z-image'),
	('lumina2', 'lumina2'),
	('luminaimage2', 'lumina2'),
	('sana', 'sana'),
	('pixart', 'pixart'),
	('kolors', 'kolors'),
	('hidream', 'hidream'),
)


class Claims(NamedTuple):
	"""`family` is '' when none is named; `about` are the texts in which a variant may be named, in
	lower case."""

	title: str
	licence: str
	base_model: str
	trigger_words: tuple[str, ...]
	prediction: Literal['', 'epsilon', 'v_prediction']
	family: ArchitectureName | Literal['']
	about: str


def claims(metadata: Mapping[str, str]) -> Claims:
	def first(*names: str) -> str:
		return next(
			(t for n in names if (t := plain(metadata.get(n, '')[: 4 * LENGTH], LENGTH))), ''
		)

	architecture = first('modelspec.architecture', 'ss_base_model_version')
	title = first('modelspec.title', 'ss_output_name', 'general.name')
	return Claims(
		title=title,
		licence=first('modelspec.license', 'license', 'general.license'),
		base_model=first(
			'ss_sd_model_name',
			'base_model',
			'base_model_name_or_path',
			'general.base_model.0.name',
			'ss_base_model_version',
		),
		trigger_words=trigger_words(metadata),
		prediction=prediction(metadata),
		family=family(architecture),
		about=f'{architecture} {title}'.lower(),
	)


def trigger_words(metadata: Mapping[str, str]) -> tuple[str, ...]:
	"""What the author wrote, else the tags that were most often trained with."""
	phrase = metadata.get('modelspec.trigger_phrase', '') or metadata.get('trigger_words', '')
	if phrase:
		words = (plain(w[: 4 * WORD], WORD) for w in phrase[:10_000].split(','))
	else:
		words = (plain(w[: 4 * WORD], WORD) for w, _ in tags(metadata.get('ss_tag_frequency', '')))
	return tuple(dict.fromkeys(w for w in words if w))[:WORDS]


def tags(text: str) -> list[tuple[str, int]]:
	"""Of {"folder": {"tag": count}}, summed over the folders."""
	if not text or len(text) > TAGS:
		return []
	try:
		folders = json.loads(text)
	except (ValueError, RecursionError):
		return []
	counts: Counter[str] = Counter()
	for folder in folders.values() if isinstance(folders, dict) else ():
		if isinstance(folder, dict):
			for tag, count in folder.items():
				if type(count) is int and count > 0:
					counts[tag] += count
	return counts.most_common(WORDS)


def prediction(metadata: Mapping[str, str]) -> Literal['', 'epsilon', 'v_prediction']:
	said = metadata.get('modelspec.prediction_type', '').strip().lower()
	if said in ('v', 'v_prediction', 'v-prediction'):
		return 'v_prediction'
	if said in ('epsilon', 'eps'):
		return 'epsilon'
	trained = metadata.get('ss_v_parameterization', '').strip().lower()
	return 'v_prediction' if trained == 'true' else ''


def family(architecture: str) -> ArchitectureName | Literal['']:
	squeezed = re.sub(r'[^a-z0-9]', '', architecture.lower())
	return next((f for spelling, f in SPELLINGS if squeezed.startswith(spelling)), '')
