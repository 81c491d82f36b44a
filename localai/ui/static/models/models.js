// Knows the Models tab: what is searched for, its rows, what is in memory, and what to fetch first.

import { on } from '../page/bus.js';
import { catalog } from '../page/catalog.js';
import { byId, element, later, redraw, write } from '../page/dom.js';
import { recall, remember } from '../page/kept.js';
import * as library from '../page/library.js';
import * as rows from '../page/rows.js';
import { ask } from '../page/server.js';
import { state } from '../page/state.js';
import * as suggestions from '../page/suggestions.js';
import * as tabs from '../page/tabs.js';
import * as words from '../page/words.js';
import * as card from './card.js';
import * as places from './places.js';

const FEW = 4;
const AGAIN = 2000;
const query = { text: '', kinds: [], families: [], sources: [], fits: false, sort: 'name' };
let list = null;
let stale = true;
let started = false;

function row(entry) {
	const name = element('span', { class: 'row-name', dir: 'auto' });
	const line = element('span', { class: 'row-line' });
	const thumb = rows.thumb(entry);
	const badge = rows.badge(entry);
	const open = element(
		'button',
		{ type: 'button', class: 'row-open', onclick: () => card.open(current.id, true) },
		thumb,
		element('span', { class: 'row-text' }, name, line),
		badge,
	);
	const act = element('button', { type: 'button', class: 'button row-act', onclick: () => run() });
	const { line: meter, set } = rows.meter();
	const item = element('li', { class: 'row', 'data-model': entry.id }, open, act, meter);
	let current = entry;
	let run = () => {};

	function update(fresh) {
		current = fresh;
		const standing = library.standing(fresh.id);
		const doing = library.doing(fresh.id);
		write(name, fresh.name);
		name.title = fresh.name;
		write(line, doing || fresh.problem || library.line(fresh));
		line.className = `row-line ${!doing && fresh.problem ? 'trouble' : ''}`;
		item.dataset.standing = standing;
		set(library.fraction(fresh.id));
		rows.thumb(fresh, thumb);
		rows.badge(fresh, badge);
		const action = library.action(fresh);
		run = action.run;
		write(act, action.label);
		act.setAttribute('aria-label', `${action.label} ${fresh.name}`);
		act.classList.toggle('quiet', Boolean(action.quiet));
		if (card.shown() === fresh.id) open.setAttribute('aria-current', 'true');
		else open.removeAttribute('aria-current');
	}
	return { item, open, update };
}

function drawKinds(kinds) {
	const all = Object.values(kinds).reduce((sum, number) => sum + number, 0);
	const pill = (name, title, number) =>
		element(
			'button',
			{
				type: 'button',
				class: 'pill',
				'data-kind': name,
				'aria-pressed': String(name ? query.kinds.includes(name) : !query.kinds.length),
				onclick: () => put({ kinds: name ? [name] : [] }),
			},
			title,
			' ',
			element('span', { class: 'muted' }, words.count(number)),
		);
	redraw(byId('models-kinds'), [kinds, query.kinds], () => [
		pill('', 'All', all),
		...Object.keys(library.KINDS)
			.filter((name) => kinds[name] || query.kinds.includes(name))
			.map((name) => pill(name, library.KINDS[name][1], kinds[name] || 0)),
	]);
}

function drawFamilies(families) {
	const select = byId('models-family');
	const names = Object.keys(catalog.architectures).filter(
		(name) => families[name] || query.families.includes(name),
	);
	redraw(select, [families, names], () => [
		element('option', { value: '' }, 'Any family'),
		...names.map((name) =>
			element(
				'option',
				{ value: name },
				`${catalog.architectures[name]} (${words.count(families[name] || 0)})`,
			),
		),
	]);
	select.value = query.families[0] || '';
}

const narrowed = () =>
	Boolean(query.text || query.kinds.length || query.families.length || query.sources.length || query.fits);

const lookAgain = later(() => tabs.open() === 'models' && list.refresh(), AGAIN);

function drawCount(page) {
	write(byId('models-count'), words.plural(page.total, 'model'));
	const refresh = byId('models-refresh');
	refresh.disabled = page.scanning;
	write(refresh, page.scanning ? 'Scanning' : 'Refresh');
	if (page.scanning || page.reading.files) lookAgain();
	drawReading(page.reading);
	const none = page.total === 0;
	byId('models-none').hidden = !none;
	if (none) {
		write(
			byId('models-none-title'),
			query.text ? 'Nothing matches these words' : 'Nothing matches these filters',
		);
		write(byId('models-none-text'), 'Try fewer words, or all kinds, families and places.');
	}
	drawSuggestions(!narrowed() && page.total < FEW);
}

function drawReading({ files, done, bytes }) {
	byId('models-reading').hidden = !files;
	write(
		byId('models-reading-words'),
		`Reading ${words.plural(files, 'file')} for ${files === 1 ? 'its hash' : 'their hashes'}, ${words.share(Math.min(done, bytes), bytes)}.`,
	);
}

async function find(offset, limit) {
	const answer = await ask('ui_models_find', { ...query, offset, limit }, { quiet: offset > 0 });
	if (answer.error) return null;
	if (offset === 0) {
		drawKinds(answer.kinds);
		drawFamilies(answer.families);
		drawCount(answer);
	}
	return answer;
}

function put(changes) {
	Object.assign(query, changes);
	byId('models-fits').setAttribute('aria-pressed', String(query.fits));
	list.restart();
}
const putSoon = later(put, 150);

/** The built-in model and what was found are little: three that suit this machine come below. */
async function drawSuggestions(few) {
	byId('models-more').hidden = !few || !byId('models-suggest').childElementCount;
	if (!few || byId('models-suggest').childElementCount) return;
	const suited = (await suggestions.recommended()).filter(
		(one) => one.drawable && !one.have && one.fit !== 'too large',
	);
	byId('models-suggest').replaceChildren(...suited.slice(0, 3).map(suggestions.suggestion));
	byId('models-more').hidden = !suited.length;
}

function drawMemory() {
	const { held, budget } = library.engine();
	const names = held.map((one) => {
		const entry = state.models.find((model) => model.id === one.id);
		return `${entry ? entry.name : one.id} ${words.gigabytes(one.bytes)}`;
	});
	const room = budget ? `, of ${words.gigabytes(budget)}` : '';
	write(
		byId('models-memory-words'),
		names.length ? `In memory: ${names.join(', ')}${room}.` : 'No model is in memory.',
	);
	byId('models-unload').hidden = !names.length;
}

function keys(event) {
	if (event.key !== 'Delete' || event.ctrlKey || event.metaKey || event.altKey) return;
	const entry = list.active();
	if (!entry || entry.builtin) return;
	event.preventDefault();
	card.remove(entry);
}

/** As it was before a reload. */
function restore({ asked = {}, top = 0, shown }) {
	for (const name of Object.keys(query)) if (typeof asked[name] === typeof query[name]) query[name] = asked[name];
	byId('models-search').value = query.text;
	byId('models-source').value = query.sources[0] || '';
	byId('models-sort').value = query.sort;
	byId('models-fits').setAttribute('aria-pressed', String(query.fits));
	// The model may be gone by now.
	return Promise.all([list.restart(top), shown && card.open(shown, false, { quiet: true })]);
}

function begin() {
	if (!state.begun || tabs.open() !== 'models') return;
	if (!started) {
		started = true;
		recall('models', restore);
		places.refresh();
	} else if (stale) list.refresh();
	else list.redraw();
	stale = false;
}

function attach() {
	byId('models-search').addEventListener('input', (event) => putSoon({ text: event.target.value.trim() }));
	byId('models-search').addEventListener('keydown', (event) => {
		if (event.key !== 'ArrowDown') return;
		event.preventDefault();
		list.focus('');
	});
	byId('models-family').addEventListener('change', (event) =>
		put({ families: event.target.value ? [event.target.value] : [] }),
	);
	byId('models-source').addEventListener('change', (event) =>
		put({ sources: event.target.value ? [event.target.value] : [] }),
	);
	byId('models-sort').addEventListener('change', (event) => put({ sort: event.target.value }));
	byId('models-fits').addEventListener('click', () => put({ fits: !query.fits }));
	byId('models-clear').addEventListener('click', () => {
		byId('models-search').value = '';
		byId('models-source').value = '';
		put({ text: '', kinds: [], families: [], sources: [], fits: false });
		byId('models-search').focus();
	});
	byId('models-refresh').addEventListener('click', async () => {
		const answer = await ask('ui_models_refresh', {});
		if (!answer.error) list.refresh();
	});
	byId('models-unload').addEventListener('click', () => library.unload());
	byId('models-reading-stop').addEventListener('click', () => places.readAll(false));
	byId('models-downloads').addEventListener('click', () => tabs.show('downloads'));
	byId('models-rows').addEventListener('keydown', keys);
}

export function mount() {
	tabs.offer('models', { close: card.close, search: () => byId('models-search').focus() });
	attach();
	card.attach({
		focus: (id) => list.focus(id),
		learn: (entry) => list.learn(entry),
		redraw: () => started && list.redraw(),
	});
	places.attach();
	list = rows.long({
		scroller: byId('models-scroll'),
		list: byId('models-rows'),
		fetch: find,
		make: row,
		walked: (entry) => {
			if (card.shown()) card.open(entry.id);
		},
	});
	remember('models', () =>
		started ? { asked: query, top: byId('models-scroll').scrollTop, shown: card.shown() } : undefined,
	);
	on('tab', begin);
	on('begun', begin);
	on('begun', drawMemory);
	on('library', () => {
		stale = true;
		begin();
	});
	on('form', () => started && list.redraw());
	on('standing', () => {
		drawMemory();
		if (started && tabs.open() === 'models') list.redraw();
	});
}
