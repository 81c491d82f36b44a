// Knows the search of the History tab: its line, completions, chips, order, help, and the address that keeps it.

import { emit } from '../page/bus.js';
import { catalog } from '../page/catalog.js';
import { byId, element, later, phone } from '../page/dom.js';
import { popup } from '../page/layers.js';
import * as tabs from '../page/tabs.js';
import * as words from '../page/words.js';
import * as query from './query.js';
import * as vocabulary from './vocabulary.js';

const PAUSE = 180;
const HELP = [
	['fox grass', 'both words, anywhere in prompt, model, tags or notes'],
	['"long grass"', 'these words together'],
	['fox OR owl', 'either of them; also between model:, tag: and the like'],
	['-blurry', 'without this word'],
	['model:sketchbook', 'also family, sampler, lora, style, tag, album; with spaces model:"dream shaper"'],
	['negative:blurry', 'in the negative prompt; also prompt, notes'],
	['size:512x768', 'also width:>512, height:>=768'],
	['seed:7', 'also steps:>=30, guidance:5, id:12'],
	['rating:>=3', 'also favourite:yes, kind:imported'],
	['after:2026-01', 'also before:2026-11-20, on:today, on:yesterday'],
	['-tag:draft', 'a minus before any of these leaves them out'],
];
const asked = { text: '', sort: catalog.sorts[0] };
let changed = () => {};
let options = [];
let at = -1;

/** What is asked for; the same everywhere. */
export const question = () => ({ ...asked, text: query.settled(asked.text) });

function keepAddress() {
	if (tabs.open() !== 'history') return;
	const kept = new URLSearchParams();
	if (asked.text) kept.set('q', asked.text);
	if (asked.sort !== catalog.sorts[0]) kept.set('sort', asked.sort);
	const hash = kept.size ? `#history?${kept}` : '#history';
	if (location.hash !== hash) history.replaceState(null, '', hash);
}

/** The tab was opened: an address with a search in it wins. Returns whether that is another one. */
export function arrive() {
	const other = readAddress();
	if (other) draw();
	else keepAddress();
	return other;
}

/** What the address says, when it is one of this tab. */
function readAddress() {
	const [name, rest] = location.hash.split('?');
	if (name !== '#history' || rest === undefined) return false;
	const kept = new URLSearchParams(rest);
	const before = JSON.stringify(asked);
	asked.text = (kept.get('q') || '').slice(0, catalog.limits.search);
	asked.sort = catalog.sorts.includes(kept.get('sort')) ? kept.get('sort') : catalog.sorts[0];
	return before !== JSON.stringify(asked);
}

function draw() {
	const field = byId('history-search');
	if (field.value.trim() !== asked.text) field.value = asked.text;
	byId('history-sort').value = asked.sort;
	byId('history-favourites').setAttribute(
		'aria-pressed',
		String(query.has(asked.text, 'favourite', 'yes')),
	);
	const held = byId('history-chips').contains(document.activeElement);
	const chips = query.tokens(asked.text).filter((one) => one.key && one.value);
	byId('history-chips').replaceChildren(
		...chips.map((one) =>
			element(
				'button',
				{
					type: 'button',
					class: 'pill chosen',
					'aria-label': `Remove ${one.raw}`,
					onclick: () => set({ text: query.dropAt(asked.text, one.start) }),
				},
				element('bdi', {}, `${one.minus ? 'not ' : ''}${one.key}: ${one.value}`),
				element('span', { 'aria-hidden': 'true' }, ' ×'),
			),
		),
	);
	if (held) (byId('history-chips').firstElementChild || field).focus();
	emit('asked');
}

export function set(changes) {
	Object.assign(asked, changes);
	draw();
	keepAddress();
	changed();
}

const typed = () => {
	const text = byId('history-search').value.trim();
	if (text !== asked.text) set({ text });
};
const typedSoon = later(typed, PAUSE);

/** The word around the caret. */
function token() {
	const field = byId('history-search');
	const caret = field.selectionStart;
	return query.tokens(field.value).find((one) => one.start < caret && caret <= one.end) || null;
}

async function suggest() {
	const one = token();
	let found = [];
	if (one && one.key) {
		const known = await vocabulary.values(one.key);
		const begun = one.value.toLowerCase();
		found = known
			.filter((value) => value.name.toLowerCase().includes(begun) && value.name.toLowerCase() !== begun)
			.slice(0, 8)
			.map((value) => ({
				label: value.name,
				count: value.count,
				text: `${one.key}:${query.quote(value.name)} `,
			}));
	} else if (one) {
		const begun = one.raw.replace(/^-/, '').toLowerCase();
		found = (begun.length > 1 ? query.keys(begun) : [])
			.slice(0, 8)
			.map((key) => ({ label: `${key}:`, text: `${key}:` }));
	}
	if (document.activeElement !== byId('history-search')) found = [];
	options = one ? found.map((option) => ({ ...option, one })) : [];
	at = -1;
	drawOptions();
}

function drawOptions() {
	const holder = byId('history-completions');
	const field = byId('history-search');
	holder.hidden = !options.length;
	field.setAttribute('aria-expanded', String(options.length > 0));
	holder.replaceChildren(
		...options.map((option, index) =>
			element(
				'div',
				{
					id: `history-option-${index}`,
					role: 'option',
					class: 'menu-item',
					'aria-selected': String(index === at),
					onpointerdown: (event) => {
						event.preventDefault();
						pick(index);
					},
				},
				element('bdi', {}, option.label),
				option.count ? element('span', { class: 'muted' }, ` ${words.count(option.count)}`) : null,
			),
		),
	);
	if (at >= 0) field.setAttribute('aria-activedescendant', `history-option-${at}`);
	else field.removeAttribute('aria-activedescendant');
}

function closeOptions() {
	options = [];
	drawOptions();
}

function pick(index) {
	const { one, text } = options[index];
	const field = byId('history-search');
	const begin = one.start + (one.minus ? 1 : 0);
	field.setRangeText(text, begin, one.end, 'end');
	closeOptions();
	typedSoon();
	if (text.endsWith(':')) suggest();
}

function keys(event) {
	const { key } = event;
	if (options.length && (key === 'ArrowDown' || key === 'ArrowUp')) {
		at = (at + (key === 'ArrowDown' ? 1 : -1) + options.length + 1) % (options.length + 1);
		if (at === options.length) at = -1;
		drawOptions();
	} else if (options.length && at >= 0 && (key === 'Enter' || key === 'Tab')) pick(at);
	else if (options.length && key === 'Escape') closeOptions();
	else if (key === 'ArrowDown') tabs.act('focus');
	else if (key === 'Enter') {
		closeOptions();
		typed();
	} else return;
	event.preventDefault();
	event.stopPropagation();
}

function drawHelp() {
	byId('history-help').replaceChildren(
		element(
			'p',
			{ class: 'panel-line' },
			'Everything you type must match. Click an example to try it.',
		),
		element(
			'dl',
			{ class: 'help-list' },
			...HELP.flatMap(([example, text]) => [
				element(
					'dt',
					{},
					element('button', { type: 'button', class: 'word', onclick: () => attempt(example) }, example),
				),
				element('dd', {}, text),
			]),
		),
	);
}

function attempt(example) {
	help.hide(false);
	set({ text: `${asked.text} ${example}`.trim() });
	byId('history-search').focus();
}
let help = null;

/** `run` is called whenever something else is asked for. */
export function attach(run) {
	changed = run;
	const field = byId('history-search');
	field.maxLength = catalog.limits.search;
	field.addEventListener('input', () => {
		typedSoon();
		suggest();
	});
	field.addEventListener('keydown', keys);
	field.addEventListener('blur', closeOptions);
	byId('history-sort').addEventListener('change', (event) => set({ sort: event.target.value }));
	byId('history-favourites').addEventListener('click', () => toggle('favourite', 'yes'));
	if (phone()) field.placeholder = 'Search';
	drawHelp();
	help = popup(byId('history-help-button'), byId('history-help'));
	readAddress();
	draw();
}

export function toggle(key, value) {
	const { text } = asked;
	set({ text: query.has(text, key, value) ? query.drop(text, key, value) : query.put(text, key, value) });
}

export const clear = () => set({ text: '' });
