"""What is read as plain text is said, and plain text is not called anything else."""

import pytest

from localai.services.generation.unheeded import unheeded


@pytest.mark.parametrize(
	('prompt', 'said'),
	[
		('a (red apple:1.3) on a table', '“(red apple:1.3)” has no effect yet: weights'),
		('a (fox:.8)', '“(fox:.8)” has no effect yet: weights'),
		('(a:1)(b:2)', '“(a:1)” has no effect yet: weights'),
		('((a fox:1.2))', '“(a fox:1.2)” has no effect yet: weights'),
		('fox <lora:ink-v2:0.7>', '“<lora:ink-v2:0.7>” has no effect yet: LoRAs in a prompt'),
		('fox <LoRA:ink>', '“<LoRA:ink>” has no effect yet: LoRAs in a prompt'),
		('a [cat:dog:0.5]', '“[cat:dog:0.5]” has no effect yet: changes between steps'),
		('a __colour__ fox', '“__colour__” has no effect yet: wildcards'),
		('a {red|green} fox', '“{red|green}” has no effect yet: choices'),
	],
)
def test_what_has_no_effect_is_said(prompt, said):
	(note,) = unheeded('a fox', prompt)
	assert note == f'{said} are read as plain text.'


@pytest.mark.parametrize(
	'prompt',
	[
		'a fox (vulpes vulpes) in snow',
		r'rei \(evangelion:1\)',
		'at 10:30 (about noon)',
		'a sign that says "open: 9"',
		'ratio 16:9, a < b, {one}, [two], snake_case__name',
		'',
	],
)
def test_plain_words_are_plain_words(prompt):
	assert unheeded(prompt) == ()


def test_each_notation_is_said_once_and_short():
	notes = unheeded('(' + 'long ' * 50 + ':1.5), (b:2), <lora:x:1>')
	assert len(notes) == 2 and all(len(note) < 120 for note in notes)
