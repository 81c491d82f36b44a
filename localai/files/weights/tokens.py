"""Knows how many tokens a CLIP model reads in a text, without torch: the tokenizer's own files are
enough."""

import json
from functools import lru_cache
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

SPLIT = (
	r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)
# CLIP's own, which the weights of single files were trained with.
CLIP = Path(__file__).parents[2] / 'engine' / 'configs' / 'tokenizer'


def tokenizer_of(model: Path) -> Path:
	"""The folder of a model's tokenizer; a single file brings none."""
	return CLIP if model.is_file() else model / 'tokenizer'


@lru_cache(maxsize=4)
def load(folder: str) -> Tokenizer:
	"""From `tokenizer.json`, or from CLIP's older `vocab.json` and `merges.txt` (rules: openai/CLIP
	simple_tokenizer.py)."""
	path = Path(folder)
	if (path / 'tokenizer.json').is_file():
		tokenizer = Tokenizer.from_file(str(path / 'tokenizer.json'))
	else:
		vocabulary = json.loads((path / 'vocab.json').read_text('utf-8'))
		lines = (path / 'merges.txt').read_text('utf-8').split('\n')[1:]
		pairs = [line.split() for line in lines]
		merges = [(pair[0], pair[1]) for pair in pairs if len(pair) == 2]
		tokenizer = Tokenizer(
			models.BPE(vocab=vocabulary, merges=merges, end_of_word_suffix='</w>')
		)
		tokenizer.normalizer = normalizers.Sequence(
			[normalizers.NFC(), normalizers.Replace(Regex(r'\s+'), ' '), normalizers.Lowercase()]
		)
		tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
			[
				pre_tokenizers.Split(Regex(SPLIT), behavior='removed', invert=True),
				pre_tokenizers.ByteLevel(add_prefix_space=False),
			]
		)
		tokenizer.decoder = decoders.ByteLevel()
	tokenizer.no_padding()
	tokenizer.no_truncation()
	return tokenizer


def count_tokens(folder: Path, text: str) -> int:
	"""With the two marks at start and end, as the model's limit counts them."""
	return len(load(str(folder)).encode(text, add_special_tokens=False).ids) + 2
