// Knows which pictures of the grid are selected, and how pointer and keys select, walk and open.

import { emit } from '../page/bus.js';
import { catalog } from '../page/catalog.js';
import { byId, phone } from '../page/dom.js';
import { notify } from '../page/notice.js';
import { ask } from '../page/server.js';
import * as words from '../page/words.js';
import * as detail from './detail.js';
import * as search from './search.js';

const PRESS = 450;
const { many: MANY, page: PART } = catalog.limits;
const chosen = new Set();
// What was selected before the range that is being drawn, and where the range begins.
let base = new Set();
let anchor = { id: 0, index: 0 };
let grid = null;
let order = { turn: -1, ids: null };
let range = 0;
// Where the range ends, known or not yet.
let end = -1;

const open = (entry, byHand) => entry && detail.open(entry, byHand);

function changed() {
	grid.draw();
	emit('picked');
}

/** The ids of all that is found, in order; asked for once for each state of the grid. */
async function everything() {
	const turn = grid.pages.turn();
	if (order.turn !== turn || !order.ids) {
		const { text, sort } = search.question();
		const answer = await ask('ui_history_select', { text, sort });
		if (answer.error) return [];
		order = { turn, ids: answer.ids };
	}
	return order.ids;
}

/** The ids of a part of what is found, as many as can be changed at once. */
async function between(low, high) {
	const ids = (await everything()).slice(low, high + 1);
	const wanted = Math.min(MANY, high - low + 1);
	while (ids.length < wanted) {
		const part = { offset: low + ids.length, limit: Math.min(PART, wanted - ids.length) };
		const given = { ...search.question(), ...part };
		const answer = await ask('ui_history_find', given, { quiet: true });
		if (answer.error || !answer.entries.length) break;
		ids.push(...answer.entries.map((entry) => entry.id));
	}
	if (ids.length < high - low + 1) tellMost(ids.length);
	return ids;
}

const tellMost = (count) =>
	notify({
		message: `The first ${words.count(count)} are selected.`,
		remedy: 'More cannot be changed at once.',
	});

function begin(index) {
	end = -1;
	const entry = grid.entry(index);
	anchor = { id: entry ? entry.id : 0, index };
	base = new Set(chosen);
}

function toggle(index) {
	const entry = grid.entry(index);
	if (!entry) return;
	range++;
	if (!chosen.delete(entry.id)) chosen.add(entry.id);
	begin(index);
	changed();
}

/** From where the selecting began up to here. */
async function reach(index) {
	const now = ++range;
	end = index;
	const from = grid.pages.find(anchor.id);
	const start = from >= 0 ? from : Math.min(anchor.index, grid.layout().total - 1);
	const [low, high] = [Math.min(start, index), Math.max(start, index)];
	let ids = [];
	for (let place = low; place <= high; place++) {
		const entry = grid.entry(place);
		if (!entry) {
			ids = await between(low, high);
			break;
		}
		ids.push(entry.id);
	}
	if (now !== range) return;
	chosen.clear();
	for (const id of [...base, ...ids]) chosen.add(id);
	changed();
}

export async function all() {
	const now = ++range;
	const ids = await everything();
	if (now !== range) return;
	for (const id of ids) chosen.add(id);
	base = new Set(chosen);
	changed();
	if (ids.length < grid.layout().total && ids.length >= MANY) tellMost(ids.length);
}

export function clear() {
	range++;
	if (!chosen.size) return false;
	chosen.clear();
	base = new Set();
	changed();
	return true;
}

function keys(event) {
	const { key } = event;
	const active = grid.active();
	if ((event.ctrlKey || event.metaKey) && key.toLowerCase() === 'a') {
		event.preventDefault();
		return all();
	}
	if (event.ctrlKey || event.metaKey || event.altKey) return;
	const height = byId('history-scroll').clientHeight;
	const layout = grid.layout();
	const to = {
		ArrowRight: () => active + 1,
		ArrowLeft: () => active - 1,
		ArrowDown: () => layout.beside(active, 1),
		ArrowUp: () => layout.beside(active, -1),
		PageDown: () => layout.leap(active, height),
		PageUp: () => layout.leap(active, -height),
		Home: () => 0,
		End: () => layout.total - 1,
	}[key];
	if (to && layout.total) {
		const id = grid.entry(active)?.id;
		if (event.shiftKey && active !== end && id !== anchor.id && !chosen.has(id)) begin(active);
		const next = Math.max(0, Math.min(layout.total - 1, to()));
		grid.go(next);
		if (event.shiftKey) reach(next);
		else if (!chosen.size) begin(next);
	} else if (key === ' ') {
		if (event.shiftKey) reach(active);
		else toggle(active);
	} else if (key === 'Enter') open(grid.entry(active), true);
	else return;
	event.preventDefault();
	event.stopPropagation();
}

function clicked(event) {
	const node = event.target.closest('[role=option]');
	const index = node ? grid.index(node) : -1;
	if (index < 0) return;
	if (event.shiftKey) {
		grid.go(index);
		return reach(index);
	}
	if (event.ctrlKey || event.metaKey || chosen.size || event.target.closest('.tile-pick')) {
		grid.go(index);
		return toggle(index);
	}
	begin(index);
	grid.go(index);
	open(grid.entry(index), phone());
}

/** A finger that rests on a picture selects it. */
function attachPress(list) {
	let timer = 0;
	let pressed = null;
	let done = false;
	const leave = () => clearTimeout(timer);
	list.addEventListener('pointerdown', (event) => {
		leave();
		done = false;
		if (event.pointerType === 'mouse') return;
		pressed = { x: event.clientX, y: event.clientY };
		const node = event.target.closest('[role=option]');
		timer = setTimeout(() => {
			const index = node ? grid.index(node) : -1;
			if (index < 0) return;
			done = true;
			toggle(index);
			navigator.vibrate?.(10);
		}, PRESS);
	});
	list.addEventListener('pointermove', (event) => {
		if (pressed && Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) > 10) leave();
	});
	for (const name of ['pointerup', 'pointercancel']) list.addEventListener(name, leave);
	list.addEventListener('contextmenu', (event) => {
		if (done || event.pointerType === 'touch') event.preventDefault();
	});
	list.addEventListener(
		'click',
		(event) => {
			if (!done) return;
			done = false;
			event.stopImmediatePropagation();
			event.preventDefault();
		},
		true,
	);
}

export function attach(made) {
	grid = made;
	const list = byId('history-grid');
	attachPress(list);
	list.addEventListener('keydown', keys);
	list.addEventListener('click', clicked);
	list.addEventListener('mousedown', (event) => {
		if (event.shiftKey) event.preventDefault();
	});
}

export const has = (id) => chosen.has(id);

export const ids = () => [...chosen];

export const size = () => chosen.size;
