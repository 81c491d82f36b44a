// Knows the models that suit this machine, as rows for Downloads and for an empty Models tab.

import * as arrivals from './arrivals.js';
import { emit, on, settle } from './bus.js';
import { catalog } from './catalog.js';
import { element, write } from './dom.js';
import * as rows from './rows.js';
import { ask } from './server.js';
import { state } from './state.js';
import * as tabs from './tabs.js';
import * as words from './words.js';

const made = new Map();
let known = null;
let asking = null;

/** The list that suits this machine, asked for once, then with every change of the library. */
export async function recommended() {
	if (!asking) asking = ask('ui_downloads_begin', {}, { quiet: true });
	const answer = await asking;
	if (answer.error) {
		asking = null;
		return [];
	}
	if (!known) {
		known = answer.recommended;
		settle('hub', answer);
	}
	return known;
}

export const licence = (one) => (one.licence === 'other' ? 'own licence' : one.licence);

/** Shows a repository at the side of the Downloads tab. */
export async function look(repo, variant = '') {
	if (tabs.open() !== 'downloads') await tabs.show('downloads');
	emit('repository', { repo, variant });
}

/** A row of a repository, here or on the hub. */
export function row(name, title, line, extra, entry, action) {
	const open = element(
		'button',
		{ type: 'button', class: 'row-open', 'data-repo': name, onclick: () => look(name) },
		rows.thumb({ thumbnail: null, ...entry }),
		element(
			'span',
			{ class: 'row-text' },
			element('span', { class: 'row-name', dir: 'auto', title: name }, title),
			...extra,
			line,
		),
		rows.badge({ fit: 'unknown', ...entry }),
	);
	return element('li', { class: 'row', 'data-row': name }, open, action);
}

/** A recommended model as a row, for here and for an empty Models tab. One click fetches it and loads it. */
export function suggestion(one) {
	const line = element('span', { class: 'row-line' });
	const act = element('button', { type: 'button', class: 'button row-act' });
	const facts = [
		one.seconds ? `about ${words.seconds(one.seconds)} a picture here` : '',
		words.gigabytes(one.bytes),
		catalog.architectures[one.family],
		words.plural(one.steps, 'step'),
		licence(one) + (one.commercial ? '' : ', not for commercial use'),
		one.gated ? 'gated' : '',
		one.drawable ? '' : 'this version does not draw with it yet',
	]
		.filter(Boolean)
		.join(', ');
	const item = row(
		one.repo,
		one.name,
		line,
		[element('span', { class: 'row-line wide' }, one.words)],
		{ kind: 'checkpoint', ...one },
		act,
	);
	item.classList.add('tall');
	act.addEventListener('click', () => {
		if (act.dataset.have) return tabs.show('models');
		if (one.gated) return look(one.repo, one.variant);
		arrivals.start({ source: one.repo, variant: one.variant, then_load: one.drawable });
	});
	function update() {
		const under = arrivals.of(one.repo);
		const busy = under && arrivals.pending(under);
		const have = !busy && ((under && under.state === 'finished') || one.have);
		write(line, busy ? arrivals.doing(under) : facts);
		act.dataset.have = have ? 'yes' : '';
		act.disabled = Boolean(busy);
		const label = have ? 'In Models' : busy ? 'On its way' : one.gated ? 'See files' : 'Download';
		write(act, label);
		act.setAttribute('aria-label', `${label}: ${one.name}`);
		act.classList.toggle('quiet', Boolean(have));
	}
	update();
	made.set(item, update);
	return item;
}

/** What is under way may have changed. */
export function refresh() {
	for (const [item, update] of made) {
		if (item.isConnected) update();
		else made.delete(item);
	}
}

let speed = 0;

async function again() {
	// The first answer may be under way, from before what has changed.
	if (!asking || !(await recommended()).length) return;
	const answer = await ask('ui_recommended', {}, { quiet: true });
	if (answer.error) return;
	known = answer.recommended;
	emit('suited');
}

on('library', again);
// What can be said of seconds is known when the engine has come up.
on('snapshot', () => {
	const now = state.snapshot.engine.speed;
	if (now !== speed) again();
	speed = now;
});
