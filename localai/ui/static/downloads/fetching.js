// Knows the queue of downloads: a row for each, and what can be done about it.

import {
	all,
	change,
	doing,
	fraction,
	load,
	loading,
	pending,
	show,
	title,
} from '../page/arrivals.js';
import { byId, element, write } from '../page/dom.js';
import * as form from '../page/form.js';
import * as library from '../page/library.js';
import * as rows from '../page/rows.js';
import { state } from '../page/state.js';
import * as tabs from '../page/tabs.js';

const made = new Map();

/** The one thing to do now: {label, run}. */
function action(one) {
	const verb = (label, name) => ({ label, run: () => change(one.id, name) });
	if (one.state === 'running' || one.state === 'checking' || one.state === 'queued') return verb('Pause', 'pause');
	if (one.state === 'paused') return verb('Resume', 'resume');
	if (one.state === 'failed' || one.state === 'cancelled') return verb('Try again', 'resume');
	if (!one.model) return null;
	if (loading(one)) return { label: 'Cancel', run: library.cancel };
	const drawable = state.models.some((model) => model.id === one.model && !model.problem);
	if (!drawable) return { label: 'Show', run: () => show(one) };
	const ready = library.standing(one.model) === 'held' && form.values.model === one.model;
	return ready
		? { label: 'Draw with it', run: () => tabs.show('generate') }
		: { label: 'Load', run: () => load(one) };
}

function make(first) {
	let one = first;
	let run = () => {};
	const name = element('span', { class: 'row-name', dir: 'auto' });
	const line = element('span', { class: 'row-line' });
	const icon = (label, sign, act) =>
		element('button', { type: 'button', class: 'icon', 'aria-label': `${label} ${title(first)}`, title: label, onclick: act }, sign);
	const up = icon('Move up', '↑', () => shift(-1));
	const down = icon('Move down', '↓', () => shift(1));
	const end = icon('Cancel', '×', () => change(one.id, pending(one) ? 'cancel' : 'forget'));
	const act = element('button', { type: 'button', class: 'button row-act', onclick: () => run() });
	const { line: meter, set } = rows.meter();
	const item = element(
		'li',
		{ class: 'row', 'data-download': one.id },
		element('span', { class: 'row-text' }, name, line),
		element('span', { class: 'row-icons' }, up, down, end),
		act,
		meter,
	);

	async function shift(by) {
		const held = document.activeElement;
		await change(one.id, 'move', { position: Math.max(0, one.position + by) });
		if (held && held.isConnected && !held.disabled) held.focus();
	}

	function update(fresh, first, last) {
		one = fresh;
		write(name, title(one));
		name.title = title(one);
		write(line, loading(one) || doing(one));
		line.className = `row-line ${one.error && one.state !== 'paused' && !one.speed ? 'trouble' : ''}`;
		line.title = one.state === 'failed' ? line.textContent : '';
		item.dataset.state = one.state;
		set(fraction(one));
		const waits = pending(one);
		up.hidden = down.hidden = !waits || (first && last);
		up.disabled = first;
		down.disabled = last;
		const label = waits ? 'Cancel' : 'Remove from the list';
		end.title = label;
		end.setAttribute('aria-label', `${label}: ${title(one)}`);
		const now = action(one);
		act.hidden = !now;
		if (!now) return;
		run = now.run;
		write(act, now.label);
		act.setAttribute('aria-label', `${now.label}: ${title(one)}`);
	}
	return { item, update };
}

export function draw() {
	const downloads = all();
	const list = byId('fetching-rows');
	if (!list) return;
	for (const [id, row] of made) {
		if (downloads.some((one) => one.id === id)) continue;
		const held = row.item.contains(document.activeElement);
		row.item.remove();
		made.delete(id);
		if (held) byId('hub-search').focus();
	}
	const waits = downloads.filter(pending);
	downloads.forEach((one, index) => {
		if (!made.has(one.id)) made.set(one.id, make(one));
		const row = made.get(one.id);
		row.update(one, one === waits[0], one === waits[waits.length - 1]);
		if (list.children[index] !== row.item) {
			const held = row.item.contains(document.activeElement) ? document.activeElement : null;
			list.insertBefore(row.item, list.children[index] || null);
			if (held) held.focus();
		}
	});
	byId('fetching').hidden = downloads.length === 0;
	byId('fetching-tidy').hidden = downloads.length - waits.length < 2;
}

export async function tidy() {
	byId('hub-search').focus();
	for (const one of all()) if (!pending(one)) await change(one.id, 'forget');
}
