// Knows the History tab: what is asked, the grid that shows it, what is open at the side, and what there is when nothing is found.

import { emit, on } from '../page/bus.js';
import { catalog } from '../page/catalog.js';
import { byId, isField, phone, write } from '../page/dom.js';
import { recall, remember } from '../page/kept.js';
import * as pictures from '../page/pictures.js';
import { ask, connected } from '../page/server.js';
import * as tabs from '../page/tabs.js';
import * as viewer from '../page/viewer.js';
import * as detail from './detail.js';
import * as filters from './filters.js';
import { make } from './grid.js';
import * as importing from './importing.js';
import * as picking from './picking.js';
import * as rail from './rail.js';
import * as search from './search.js';
import * as selection from './selection.js';
import * as upkeep from './upkeep.js';

const REST = 400;
const MOST = catalog.limits.page;
const SIZE = 'localai:tile';
const USUAL = 164;
let grid = null;
let started = false;
let asking = false;
let stale = false;
let turn = 0;
let timer = 0;
let busy = null;
let refreshed = 0;

const open = () => tabs.open() === 'history';
const question = () => search.question();

async function find(part) {
	const answer = await ask('ui_history_find', { ...question(), ...part }, { quiet: true });
	return answer.error ? null : answer;
}

const survey = () => ask('ui_history_outline', question(), { quiet: true });

/** Another question: from its beginning. */
async function askAnew() {
	if (!started || !open()) return void (started = false);
	const now = ++turn;
	asking = true;
	byId('history-grid').setAttribute('aria-busy', 'true');
	const [outline, page] = await Promise.all([survey(), find({ offset: 0 })]);
	if (now !== turn) return;
	asking = false;
	byId('history-grid').removeAttribute('aria-busy');
	refreshed = Date.now();
	if (outline.error) return fail(outline.error);
	picking.clear();
	grid.restart(outline, page ? page.entries : []);
	tell(outline);
	if (stale) refreshSoon();
}

function fail(error) {
	byId('history-notes').hidden = false;
	write(byId('history-notes'), `${error.message} ${error.remedy}`.trim());
}

/** How many there are, and what to do when there are none. */
function tell({ total, notes }) {
	write(byId('history-count'), `${total.toLocaleString('en-GB')} ${total === 1 ? 'picture' : 'pictures'}`);
	byId('history-notes').hidden = !notes.length;
	write(byId('history-notes'), notes.join(' '));
	const narrowed = Boolean(question().text);
	byId('history-empty').hidden = total > 0;
	for (const id of ['history-filters', 'history-form'])
		byId(id).classList.toggle('idle', !total && !narrowed);
	byId('history-clear').hidden = !narrowed;
	byId('history-start').hidden = byId('history-first-import').hidden = narrowed;
	write(byId('history-empty-title'), narrowed ? 'Nothing matches this search' : 'Nothing drawn yet');
	write(
		byId('history-empty-text'),
		narrowed
			? 'Remove a word, or clear the search.'
			: 'Every picture you draw is kept here, with how it was made. You can import pictures from other programs too.',
	);
	rail.draw();
}

/** Where the day of a picture begins in another outline, and by how much it grew. */
function placed(outline, day) {
	let start = 0;
	for (const one of outline.days) {
		if (one.day === day) return { start, count: one.count };
		start += one.count;
	}
	return { start: 0, count: outline.total };
}

/** The same question, whose answer may have changed; what is looked at stays where it is. */
async function lookAgain() {
	if (!started || !open() || asking) return;
	stale = false;
	const now = ++turn;
	const kept = grid.top() > 0 ? grid.anchor() : null;
	const seen = grid.layout().span(grid.top(), grid.top() + byId('history-scroll').clientHeight);
	const room = seen[1] - seen[0] + 1;
	const before = kept ? placed(grid.outline(), kept.day).count : 0;
	const outline = await survey();
	if (now !== turn) return;
	if (outline.error) return void (stale = true);
	let start = 0;
	let index = 0;
	let page = null;
	if (kept && outline.total) {
		const { start: first, count } = placed(outline, kept.day);
		const grown = question().sort === 'newest' || !kept.day ? count - before : 0;
		const guess = Math.max(0, Math.min(count - 1, kept.offset + grown));
		const from = Math.max(0, Math.min(guess, kept.offset) - 30);
		page = await find({ day: kept.day, offset: from, limit: Math.min(MOST, room + Math.abs(grown) + 90) });
		const at = page && kept.entry ? page.entries.findIndex((entry) => entry.id === kept.entry.id) : -1;
		start = first + from;
		index = at >= 0 ? start + at : first + guess;
	} else page = await find({ offset: 0, limit: Math.min(MOST, room + 60) });
	if (now !== turn) return;
	refreshed = Date.now();
	grid.replace(outline, start, page ? page.entries : [], kept, index);
	tell(outline);
	emit('refreshed');
}

/** One after the other, so that each is told of in whole. */
async function refresh() {
	clearTimeout(timer);
	timer = 0;
	while (busy) await busy;
	busy = lookAgain();
	await busy;
	busy = null;
}

function refreshSoon() {
	stale = true;
	if (timer) return;
	timer = setTimeout(
		async () => {
			timer = 0;
			await refresh();
			if (stale && open() && started && !asking) refreshSoon();
		},
		Math.max(40, refreshed + REST - Date.now()),
	);
}

function measure() {
	const scroller = byId('history-scroll');
	const style = getComputedStyle(scroller);
	const width = scroller.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
	const narrow = phone();
	return { width, size: Number(byId('history-size').value), columns: narrow ? 3 : 0, gap: narrow ? 4 : 12 };
}

/** The picture at the upper edge, null at the very top. */
function place() {
	const at = grid.top() > 0 ? grid.anchor() : null;
	return at && { index: at.index, above: at.above };
}

/** As it was before a reload, if it is the same that is asked for. */
async function restore(was) {
	const same = JSON.stringify(was.asked) === JSON.stringify(question());
	await askAnew();
	if (!same) return;
	if (Number.isInteger(was.shown) && !detail.shown()) detail.open({ id: was.shown });
	grid.resize();
	const { total } = grid.layout();
	if (was.at && was.at.index < total && grid.top() === 0)
		grid.scrollTo(grid.layout().place(was.at.index).y - was.at.above);
}

function begin() {
	if (!open() || !connected()) return;
	const other = search.arrive();
	if (!started) {
		started = true;
		recall('history', restore);
	} else if (other) askAnew();
	else {
		grid.resize();
		if (stale) refreshSoon();
	}
}

/** What keys and buttons act upon: the selection, or else the picture that is looked at. */
function targets() {
	if (picking.size()) return picking.ids();
	const shown = detail.shown();
	if (shown && !byId('history-grid').contains(document.activeElement)) return [shown];
	const entry = grid.entry();
	return byId('history-grid').contains(document.activeElement) && entry ? [entry.id] : [];
}

/** Deletes; the one that takes its place is looked at next. */
async function remove(ids) {
	const held = byId('history-grid').contains(document.activeElement);
	const at = grid.pages.find(ids[0]);
	const shown = ids.includes(detail.shown());
	if (!(await pictures.remove(ids))) return;
	picking.clear();
	await refresh();
	const next = at >= 0 ? grid.entry(Math.min(at, grid.layout().total - 1)) : null;
	if (shown && next && !phone()) detail.open(next);
	else if (shown) detail.close(false);
	const homeless = document.activeElement === document.body;
	if (homeless && !grid.layout().total) focus();
	else if (held || shown || homeless) grid.go(Math.max(0, at), !phone());
}

/** The grid, or what is offered in its place. */
function focus() {
	if (grid.layout().total) grid.focus();
	else byId('history-empty').querySelector('button:not([hidden])').focus();
}

function favourite(ids) {
	const one = ids.length === 1 && (grid.entry(grid.pages.find(ids[0])) || detail.picture());
	pictures.mark(ids, { favourite: one ? !one.favourite : true });
}

function keys(event) {
	if (event.ctrlKey || event.metaKey || event.altKey || isField(event.target)) return;
	const ids = targets();
	if (!ids.length) return;
	if (event.key.toLowerCase() === 'f') favourite(ids);
	else if (/^[0-5]$/.test(event.key)) pictures.mark(ids, { rating: Number(event.key) });
	else if (event.key === 'Delete') remove(ids);
	else return;
	event.preventDefault();
	event.stopPropagation();
}

/** All that is found, for the full screen: pictures come as they are walked to. */
function source() {
	return {
		total: () => grid.layout().total,
		at: (index) => {
			const entry = grid.entry(index);
			if (entry) return entry;
			grid.pages.want(index, index, grid.layout());
			return null;
		},
		where: (id) => grid.pages.find(id),
		moved: (index) => {
			grid.go(index, false);
			detail.open(grid.entry(index));
		},
		remove: (id) => remove([id]),
	};
}

function full(id) {
	const index = grid.pages.find(id);
	if (index >= 0) viewer.open(source(), index);
	else if (detail.picture())
		viewer.open(viewer.list([detail.picture()]), 0);
}

function attachSize() {
	const slider = byId('history-size');
	slider.value = Number(localStorage.getItem(SIZE)) || USUAL;
	slider.addEventListener('input', () => {
		localStorage.setItem(SIZE, slider.value);
		grid.resize();
	});
}

/** The grid takes the focus back, at this picture if it is there. */
function back(id) {
	const index = grid.pages.find(id);
	grid.go(index >= 0 ? index : grid.active());
}

const walk = (by) => grid.go(grid.active() + by);

/** Esc: first the foot when it is being used, then the selection, the details, the foot. */
const close = () =>
	(byId('history-foot').contains(document.activeElement) && upkeep.close()) ||
	picking.clear() ||
	detail.close() ||
	upkeep.close();

export function mount() {
	tabs.offer('history', { close, focus, search: () => byId('history-search').focus(), walk });
	attachSize();
	grid = make({
		scroller: byId('history-scroll'),
		list: byId('history-grid'),
		fetch: find,
		measure,
		selected: picking.has,
		current: () => detail.shown(),
		walked: (entry) => entry && detail.shown() && detail.follow(entry),
		moved: rail.tell,
	});
	filters.attach();
	search.attach(askAnew);
	picking.attach(grid);
	rail.attach(grid);
	detail.attach({ back, full, remove });
	selection.attach(remove);
	importing.attach();
	upkeep.attach();
	byId('history').addEventListener('keydown', keys);
	byId('history-clear').addEventListener('click', () => {
		search.clear();
		byId('history-search').focus();
	});
	byId('history-start').addEventListener('click', async () => {
		await tabs.show('generate');
		byId('prompt').focus();
	});
	remember('history', () =>
		started ? { asked: question(), at: place(), shown: detail.shown() || null } : undefined,
	);
	for (const name of ['tab', 'begun']) on(name, begin);
	on('history', refreshSoon);
	on('marked', ({ ids, change }) => {
		grid.pages.change(ids, (entry) => pictures.marked(entry, change));
		grid.draw();
	});
	on('detail', () => grid.draw());
	begin();
}
