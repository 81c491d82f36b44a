"""Builds the small CLIP tokenizer and text encoder: every word of the captions is one token, any
other text still has tokens."""

import json
import random
from pathlib import Path

from safetensors.torch import load_file
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

from tools.builtin.things import COLOURS, STYLES, THINGS

LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789'
COMMON = (
	'a an the of and with in on at by to is are two three four big small large little tiny huge left right '
	'top bottom side background style drawing picture photo painting icon cartoon simple cute beautiful '
	'bright dark soft light night day morning evening sky sea sun moon water grass wood gold silver'
)


def vocabulary() -> list[str]:
	words = set(COMMON.split()) | set(COLOURS) | {s.word for s in STYLES}
	for thing in THINGS:
		words |= {w for phrase in thing.words for w in phrase.lower().split()}
	return sorted(words)


def build_tokenizer(folder: Path) -> CLIPTokenizer:
	"""A byte-level BPE, learnt once and then kept in `folder`: learning breaks ties by chance."""
	kept = folder / 'tokenizer.json'
	if kept.is_file():
		model = json.loads(kept.read_text('utf-8'))['model']
		tokens, merges = model['vocab'], [tuple(m) for m in model['merges']]
	else:
		tokens, merges = learn_pieces()
	tokenizer = CLIPTokenizer(
		vocab=tokens,
		merges=merges,
		model_max_length=77,
		bos_token='<|startoftext|>',
		eos_token='<|endoftext|>',
		unk_token='<|endoftext|>',
		pad_token='<|endoftext|>',
	)
	tokenizer.save_pretrained(folder)
	return tokenizer


def learn_pieces() -> tuple[dict[str, int], list[tuple[str, str]]]:
	"""Ids of the tokens, and the merges."""
	# Training on each word alone merges until every word is one token: the order of merges stays
	# consistent.
	learner = Tokenizer(models.BPE(end_of_word_suffix='</w>'))
	learner.pre_tokenizer = pre_tokenizers.Whitespace()
	trainer = trainers.BpeTrainer(
		vocab_size=20000, min_frequency=1, end_of_word_suffix='</w>', show_progress=False
	)
	learner.train_from_iterator(vocabulary(), trainer)
	merges = [tuple(m) for m in json.loads(learner.to_str())['model']['merges']]
	alphabet = list(bytes_to_unicode().values())
	tokens = alphabet + [c + '</w>' for c in alphabet]
	tokens += list(dict.fromkeys(''.join(m) for m in merges))
	tokens += ['<|startoftext|>', '<|endoftext|>']
	return {t: i for i, t in enumerate(tokens)}, merges


def build_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
	return CLIPTextModel(
		CLIPTextConfig(
			vocab_size=len(tokenizer),
			hidden_size=128,
			intermediate_size=384,
			num_hidden_layers=2,
			num_attention_heads=4,
			max_position_embeddings=77,
			projection_dim=128,
			hidden_act='gelu',
			bos_token_id=tokenizer.bos_token_id,
			eos_token_id=tokenizer.eos_token_id,
			pad_token_id=tokenizer.eos_token_id,
		)
	)


def take_over(encoder: CLIPTextModel, tokenizer: CLIPTokenizer, exported: Path) -> None:
	"""Begins from the text encoder of an exported model; tokens it did not know keep a fresh row."""
	weights = load_file(exported / 'text_encoder' / 'model.safetensors')
	known = json.loads((exported / 'tokenizer' / 'tokenizer.json').read_text('utf-8'))
	known = known['model']['vocab']
	own = encoder.state_dict()
	for name, values in weights.items():
		if not name.endswith('token_embedding.weight'):
			own[name] = values
			continue
		for token, row in tokenizer.get_vocab().items():
			if token in known:
				own[name][row] = values[known[token]].float()
	encoder.load_state_dict(own)


if __name__ == '__main__':
	import tempfile

	folder = Path(tempfile.mkdtemp())
	tokenizer = build_tokenizer(folder)
	words = vocabulary()
	bad = [w for w in words if len(tokenizer(w).input_ids) != 3]
	print(len(tokenizer), 'tokens', len(words), 'words', 'split:', bad[:20])
	print(
		tokenizer.tokenize('a red apple on a blue background, xylophone Ünï 漢'),
		random.choice(words),
	)
	print(tokenizer('a red apple, x', padding='max_length', truncation=True).input_ids[:12])
