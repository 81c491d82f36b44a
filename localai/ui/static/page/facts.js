// Knows how settings are written down: what there is of a picture, each to be copied, and how two prompts differ.

import { catalog } from './catalog.js';
import { element } from './dom.js';
import { copy } from './notice.js';
import { said, shownIn } from './terms.js';
import * as words from './words.js';

// What has words of its own here; the rest of the table is told as it is.
const OWN = [
	...['prompt', 'negative_prompt', 'model', 'loras', 'styles', 'seed', 'width', 'height'],
	...['sampler', 'schedule', 'steps', 'denoising_strength'],
];
const KNOWN = new Set([...catalog.terms.map((term) => term.name), 'extra']);
const DEVICES = { cpu: 'CPU', mps: 'Apple GPU' };

/** [name, shown, copied]; the last only where it is another text. */
export function recipe(
	asked,
	{
		seed = asked.seed,
		width = asked.width,
		height = asked.height,
		model = '',
		family = '',
		steps = null,
	} = {},
) {
	const done = asked.steps ?? steps;
	const loras = (asked.loras || []).map((one) =>
		one.weight === 1 ? one.name : `${one.name} × ${one.weight}`,
	);
	return [
		['Negative prompt', asked.negative_prompt],
		['Model', model || asked.model],
		['Family', catalog.architectures[family] || ''],
		['LoRA', loras.join(', ')],
		['Styles', (asked.styles || []).join(', ')],
		['Seed', words.seed(seed)],
		['Size', width && height ? `${width} × ${height}` : '', `${width}x${height}`],
		[
			'Sampler',
			[asked.sampler ? words.sampler(asked) : '', done ? words.plural(done, 'step') : '']
				.filter(Boolean)
				.join(', '),
		],
		...shownIn('details')
			.filter((term) => !OWN.includes(term.name))
			.map(({ name, label }) => [label, said(asked[name])]),
		['Strength', said(asked.denoising_strength)],
		...(asked.extra || []),
		// Of a later version.
		...Object.entries(asked)
			.filter(([name]) => !KNOWN.has(name))
			.map(([name, value]) => [name.replaceAll('_', ' '), said(value)]),
	].filter(([, value]) => value);
}

/** What else a picture has that is searched for and shown. */
export const columns = (picture) =>
	catalog.facts
		.map(({ label, column }) => [label, said(picture[column])])
		.filter(([, value]) => value);

export function receipt({ receipt: made, kind, job_id: job }, file, bytes) {
	const drawn = kind === 'generated';
	return [
		[drawn ? 'LocalAI' : 'Program', made.app],
		['Device', DEVICES[made.device] || made.device],
		['Precision', made.dtype],
		['Took', made.seconds ? words.took(made.seconds) : ''],
		[
			'Steps done',
			made.steps_done ? String(made.steps_done) + (made.stopped_early ? ', stopped early' : '') : '',
		],
		['Attention', made.attention],
		['PyTorch', made.torch],
		['Diffusers', made.diffusers],
		['Model hash', made.model_hash],
		['Job', job],
		['File', file],
		['Bytes', bytes ? words.size(bytes) : '', String(bytes)],
	].filter(([, value]) => value);
}

/** Rows of a `dl`, each value a button that copies it. */
export const rows = (facts) =>
	facts.flatMap(([name, value, copied = value]) => [
		element('dt', { dir: 'auto' }, name),
		element(
			'dd',
			{},
			element(
				'button',
				{
					type: 'button',
					class: 'copy',
					dir: 'auto',
					title: 'Copy',
					onclick: () => copy(copied, `${name} copied.`),
				},
				value,
			),
		),
	]);

/** What was added is underlined, what went is struck through. */
export const pieces = (list) =>
	list.map(({ change, text }) =>
		change === 'same'
			? document.createTextNode(text)
			: element(change === 'added' ? 'ins' : 'del', {}, text),
	);

/** "was 20, is 30" for each setting that differs. */
export const differences = (list) =>
	list.flatMap(({ name, before, after }) => [
		element('dt', { dir: 'auto' }, name),
		element(
			'dd',
			{ class: 'change' },
			element('del', { dir: 'auto' }, before || 'not set'),
			' → ',
			element('ins', { dir: 'auto' }, after || 'not set'),
		),
	]);

