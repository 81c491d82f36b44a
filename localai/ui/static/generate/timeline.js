// Knows the prompts of the day: back and forward through them beside the prompt, each with the picture it made.

import { on } from '../page/bus.js';
import { byId, element, write } from '../page/dom.js';
import * as facts from '../page/facts.js';
import * as form from '../page/form.js';
import { popup, walkable } from '../page/layers.js';
import * as pictures from '../page/pictures.js';
import { ask } from '../page/server.js';
import { learn } from '../page/state.js';
import * as words from '../page/words.js';
import * as stage from './stage.js';

const PAGE = 30;
let steps = [];
let more = true;
let stale = true;
// The step that is shown; -1 is what is typed now.
let at = -1;
let typed = null;
let list = null;
let busy = false;

async function load(again = false) {
	const last = again ? null : steps[steps.length - 1];
	const answer = await ask(
		'ui_history_timeline',
		{ before: last ? last.picture.id : null, limit: PAGE },
		{ quiet: true },
	);
	if (answer.error) return;
	steps = again ? answer.steps : [...steps, ...answer.steps];
	more = answer.more;
	stale = false;
}

const prompt = (step) => step.picture.request.prompt;
const taken = (step) => ({ prompt: prompt(step), ...negative(step.picture.request) });
const negative = ({ negative_prompt: text }) => ({ negative: text, negativeOpen: Boolean(text) });

/** Puts the words of a step into the form, and its picture onto the stage. */
function show() {
	const step = steps[at];
	moving = true;
	form.set(step ? taken(step) : typed);
	moving = false;
	if (!step) typed = null;
	if (step) learn([step.picture]);
	stage.choose(step ? step.picture.id : null);
	draw();
}
let moving = false;

/** -1 is one step back in time, 1 one step forward; before the newest comes what was typed. */
export async function walk(by) {
	if (busy) return;
	busy = true;
	if (stale && at === -1) await load(true);
	if (at + 2 >= steps.length && more) await load();
	busy = false;
	const { values } = form;
	let to = at - by;
	if (at === -1 && by < 0) {
		const now = steps[0] && prompt(steps[0]) === values.prompt;
		if (now) to = 1;
		typed = { prompt: values.prompt, negative: values.negative, negativeOpen: values.negativeOpen };
	}
	if (to < -1 || to >= steps.length) return draw();
	at = to;
	show();
	write(byId('timeline-said'), at < 0 ? 'What you typed.' : `Prompt ${at + 1}: ${prompt(steps[at])}`);
}

function draw() {
	byId('timeline-back').disabled = !stale && !more && at >= steps.length - 1;
	byId('timeline-forward').disabled = at < 0;
	if (list && list.shown()) drawList();
}

function row(step, index) {
	const { picture, count } = step;
	return element(
		'button',
		{
			type: 'button',
			class: 'prompt-step',
			'aria-current': index === at ? 'true' : null,
			onclick: () => {
				if (at < 0) {
					const { values } = form;
					typed = { prompt: values.prompt, negative: values.negative, negativeOpen: values.negativeOpen };
				}
				at = index;
				list.hide();
				show();
			},
		},
		element('img', {
			src: pictures.address(picture.thumbnail),
			alt: '',
			loading: 'lazy',
			decoding: 'async',
		}),
		element(
			'span',
			{ class: 'prompt-step-text' },
			element(
				'span',
				{ class: 'pieces', dir: 'auto' },
				...(step.pieces.length ? facts.pieces(step.pieces) : [prompt(step)]),
			),
			element(
				'span',
				{ class: 'muted' },
				`${words.plural(count, 'picture')} · ${words.moment(picture.created_at)}`,
			),
		),
	);
}

function drawList() {
	byId('timeline-none').hidden = steps.length > 0;
	byId('timeline-rows').replaceChildren(...steps.map(row));
	byId('timeline-more').hidden = !more;
}

async function opened() {
	if (stale || !steps.length) {
		const shown = steps[at];
		await load(true);
		if (shown) at = steps.findIndex((step) => step.picture.id === shown.picture.id);
	}
	drawList();
}

export function attach() {
	byId('timeline-back').addEventListener('click', () => walk(-1));
	byId('timeline-forward').addEventListener('click', () => walk(1));
	list = popup(byId('timeline-button'), byId('timeline'), { opened });
	walkable(byId('timeline-rows'), 'button');
	byId('timeline-more').addEventListener('click', async () => {
		await load();
		drawList();
	});
	on('history', () => {
		stale = true;
		draw();
	});
	// Who types begins at the end of the line again.
	on('form', (changes) => {
		if (moving || at < 0 || !('prompt' in changes)) return;
		at = -1;
		stale = true;
		typed = null;
		draw();
	});
	on('submitted', () => {
		at = -1;
		typed = null;
		stale = true;
		draw();
	});
	draw();
}

