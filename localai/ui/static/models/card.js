// Knows the details of one model at the side: its facts, notes, own defaults and picture, and what can be done with it.

import { on } from '../page/bus.js';
import { catalog } from '../page/catalog.js';
import { byId, element, later, phone, write } from '../page/dom.js';
import * as library from '../page/library.js';
import { copy, notify } from '../page/notice.js';
import * as rows from '../page/rows.js';
import { ask } from '../page/server.js';
import { state } from '../page/state.js';
import { isNumber, shownIn } from '../page/terms.js';
import * as words from '../page/words.js';

const PLACES = {
	builtin: 'Comes with LocalAI',
	home: "LocalAI's folder",
	hub: 'Hugging Face cache',
	folder: 'An added folder',
};
const FORMATS = {
	folder: 'Folder',
	safetensors: 'One file, safetensors',
	gguf: 'One file, GGUF',
	pickle: 'Pickle, which can run code',
};
// Words after numbers and choices.
const DEFAULTS = shownIn('defaults').sort((a, b) => (a.kind === 'text') - (b.kind === 'text'));
let card = null;
// The rows beside the details: {learn(entry), redraw(), focus(id)}.
let list = null;
let turn = 0;
let unsaved = null;

const parameters = (number) =>
	number >= 1e9 ? `${(number / 1e9).toFixed(1)} billion` : `${Math.round(number / 1e6)} million`;

function facts() {
	const hash = (text) =>
		text &&
		element(
			'button',
			{
				type: 'button',
				class: 'copy',
				title: `Copy ${text}`,
				onclick: () => copy(text, 'Copied.'),
			},
			text,
		);
	return [
		['Kind', library.kind(card) + (card.variant ? `, ${card.variant}` : '')],
		['Family', library.family(card)],
		['Title', card.title === card.name ? '' : card.title],
		['Size', words.gigabytes(card.bytes)],
		['Precision', card.precision],
		['Parameters', card.parameters ? parameters(card.parameters) : ''],
		['Format', FORMATS[card.format]],
		['Base model', card.base_model],
		['Licence', card.licence],
		['Place', PLACES[card.source]],
		['Path', card.path && hash(card.path)],
		['Changed', card.modified ? words.day(card.modified) : ''],
		['AutoV2', hash(card.autov2)],
		['AutoV3', hash(card.autov3)],
		['SHA-256', hash(card.sha256) || (card.builtin || card.format === 'folder' ? '' : 'Not computed yet')],
	].filter(([, value]) => value);
}

/** The settings that its family has. */
const defaults = () =>
	DEFAULTS.filter(
		({ name }) => name !== 'negative_prompt' || catalog.families[card.family].negative_prompt,
	);

function drawDefaults() {
	const fold = byId('card-defaults');
	fold.hidden = !card.drawable;
	if (fold.hidden) return byId('card-defaults-grid').replaceChildren();
	const options = (names) => [
		element('option', { value: '' }, 'usual'),
		...names.map((name) => element('option', { value: name }, name)),
	];
	const { samplers } = catalog.families[card.family];
	const schedules = new Set(samplers.flatMap((name) => catalog.samplers[name]));
	const choices = { sampler: samplers, schedule: [...schedules] };
	const made = defaults().flatMap((term) => {
		const { name, label } = term;
		const id = `default-${name}`;
		const mode = isNumber(term) ? 'decimal' : null;
		const field = choices[name]
			? element('select', { id }, ...options(choices[name]))
			: element('input', { id, inputmode: mode, autocomplete: 'off', placeholder: 'default' });
		field.value = card.defaults[name] ?? '';
		field.addEventListener('change', keepDefaults);
		return [element('label', { for: id }, name === 'negative_prompt' ? 'Negative prompt' : label), field];
	});
	byId('card-defaults-grid').replaceChildren(...made);
	fold.open = Object.values(card.defaults).some((value) => value !== null);
}

/** Only some may have a fraction. */
function number(term, text) {
	const value = Number(text.replace(',', '.'));
	return term.kind === 'number' ? value : Math.round(value);
}

async function keepDefaults() {
	const wanted = {};
	for (const term of defaults()) {
		const { name } = term;
		const text = byId(`default-${name}`).value.trim();
		wanted[name] = text === '' ? null : isNumber(term) ? number(term, text) : text;
		if (Number.isNaN(wanted[name]))
			return notify({ kind: 'error', message: 'This must be a number.', remedy: 'Leave empty for the default.' });
	}
	const answer = await ask('ui_model_annotate', { model: card.id, defaults: wanted });
	if (answer.error) return;
	learn(answer.card);
}

function learn(fresh) {
	if (card && card.id === fresh.id) card = fresh;
	state.models = state.models.map((one) => (one.id === fresh.id ? fresh : one));
	list.learn(fresh);
}

async function keepNotes() {
	if (!unsaved) return;
	const { model, notes } = unsaved;
	unsaved = null;
	const answer = await ask('ui_model_annotate', { model, notes });
	if (answer.error) {
		write(byId('card-notes-state'), 'Not saved.');
		return;
	}
	learn(answer.card);
	if (!unsaved) write(byId('card-notes-state'), 'Saved.');
}
const keepNotesSoon = later(keepNotes, 600);

/** What changes while it is looked at: whether it loads, is in memory, may be deleted. */
function drawState() {
	if (!card) return;
	const standing = library.standing(card.id);
	const doing = library.doing(card.id);
	const action = library.action(card);
	byId('card-use').hidden = Boolean(action.quiet);
	write(byId('card-use'), action.label);
	byId('card-use').onclick = () => library.action(card).run();
	byId('card-unload').hidden = standing !== 'held' || action.label === 'Unload';
	byId('card-convert').hidden = !(card.drawable && card.format === 'safetensors' && !card.builtin);
	byId('card-convert').disabled = standing === 'loading' || standing === 'asked';
	byId('card-delete').hidden = card.builtin;
	byId('card-doing').hidden = !doing;
	write(byId('card-doing'), doing);
}

function draw() {
	byId('card-thumb').replaceChildren(rows.thumb(card));
	byId('card-thumb').firstElementChild.classList.add('large');
	write(byId('card-name'), card.name);
	byId('card-name').title = card.name;
	write(byId('card-line'), library.line(card));
	byId('card-fit').hidden = card.fit === 'unknown';
	byId('card-fit').replaceChildren(rows.badge(card), ` ${card.fit_words}`);
	byId('card-problem').hidden = !card.problem;
	write(byId('card-problem'), card.problem);
	byId('card-confirm').hidden = true;
	byId('card-words-box').hidden = !card.trigger_words.length;
	byId('card-words').replaceChildren(
		...card.trigger_words.map((word) =>
			element(
				'button',
				{
					type: 'button',
					class: 'word',
					dir: 'auto',
					title: 'Copy',
					onclick: () => copy(word, 'Copied.'),
				},
				word,
			),
		),
	);
	byId('card-facts').replaceChildren(
		...facts().flatMap(([name, value]) => [element('dt', {}, name), element('dd', { dir: 'auto' }, value)]),
	);
	byId('card-picture').hidden = !picture() || picture().id === card.thumbnail;
	byId('card-picture-none').hidden = card.thumbnail === null;
	drawState();
}

/** The latest picture of this model, or else the latest of all. */
const picture = () =>
	state.pictures.find((one) => one.request.model === card.id) || state.pictures[0] || null;

/** Shows a model. Asked for twice by hand, or on a phone, the details take the focus. */
export async function open(id, byHand = false, options = {}) {
	if (byHand && card && card.id === id) return byId('card-close').focus();
	const now = ++turn;
	const answer = await ask('ui_model_card', { model: id }, options);
	if (answer.error || now !== turn) return;
	keepNotes();
	card = answer.card;
	byId('card').hidden = false;
	byId('card').scrollTop = 0;
	byId('card-notes').value = card.notes;
	write(byId('card-notes-state'), '');
	draw();
	drawDefaults();
	list.redraw();
	if (byHand && phone()) byId('card-close').focus();
}

export function close(focus = true) {
	if (!card) return false;
	keepNotes();
	const { id } = card;
	card = null;
	turn++;
	byId('card').hidden = true;
	list.redraw();
	if (focus) list.focus(id);
	return true;
}

/** Deletes; what cannot come back is first asked about here. */
export async function remove(entry) {
	if (entry.source === 'hub') {
		if (!card || card.id !== entry.id) await open(entry.id);
		if (!card) return;
		write(
			byId('card-confirm-words'),
			`This removes it from the Hugging Face cache, which other apps may share. It frees ${words.gigabytes(card.bytes)} and cannot be undone.`,
		);
		byId('card-confirm').hidden = false;
		byId('card-confirm-no').focus();
		return;
	}
	await gone(entry);
}

async function gone(entry) {
	const shown = card && card.id === entry.id;
	if ((await library.remove(entry)) && shown) close();
}

async function keepPicture(thumbnail) {
	const answer = await ask('ui_model_annotate', { model: card.id, thumbnail });
	if (answer.error) return;
	learn(answer.card);
	draw();
}

export function attach(given) {
	list = given;
	byId('card-close').addEventListener('click', () => close());
	byId('card-unload').addEventListener('click', () => library.unload(card.id));
	byId('card-convert').addEventListener('click', () => library.convert(card));
	byId('card-delete').addEventListener('click', () => remove(card));
	byId('card-confirm-no').addEventListener('click', () => {
		byId('card-confirm').hidden = true;
		byId('card-delete').focus();
	});
	byId('card-confirm-yes').addEventListener('click', () => gone(card));
	byId('card-notes').maxLength = catalog.limits.notes;
	byId('card-notes').addEventListener('input', (event) => {
		unsaved = { model: card.id, notes: event.target.value };
		write(byId('card-notes-state'), 'Saving');
		keepNotesSoon();
	});
	byId('card-notes').addEventListener('blur', keepNotes);
	byId('card-picture').addEventListener('click', () => keepPicture(picture().id));
	byId('card-picture-none').addEventListener('click', () => keepPicture(null));
	on('standing', drawState);
	on('form', drawState);
	on('card', ({ id, byHand }) => open(id, byHand));
	on('restored', (fresh) => open(fresh.id));
	on('library', async () => {
		if (!card) return;
		const answer = await ask('ui_model_card', { model: card.id }, { quiet: true });
		if (!card) return;
		if (answer.error) {
			if (!answer.error.transport) close(false);
		} else if (answer.card.id === card.id && !unsaved) {
			card = answer.card;
			draw();
		}
	});
}

export const shown = () => (card ? card.id : '');
