// Knows the panel of filters, and the albums with their menu.

import { emit, on } from '../page/bus.js';
import { catalog } from '../page/catalog.js';
import { byId, element, redraw } from '../page/dom.js';
import { popup } from '../page/layers.js';
import { ask } from '../page/server.js';
import * as words from '../page/words.js';
import * as query from './query.js';
import * as search from './search.js';
import * as vocabulary from './vocabulary.js';

const MOST = 12;
let panel = null;
let albums = null;

const iso = (date) =>
	[date.getFullYear(), date.getMonth() + 1, date.getDate()]
		.map((part) => String(part).padStart(2, '0'))
		.join('-');

function dates() {
	const now = new Date();
	const monday = new Date(now);
	monday.setDate(now.getDate() - ((now.getDay() + 6) % 7));
	return [
		['Today', 'on', 'today'],
		['Yesterday', 'on', 'yesterday'],
		['This week', 'after', iso(monday)],
		['This month', 'after', iso(now).slice(0, 7)],
		['This year', 'after', `${iso(now).slice(0, 4)}-01`],
	];
}

function pill(label, key, value, number = 0) {
	return element(
		'button',
		{
			type: 'button',
			class: 'pill',
			'aria-pressed': String(query.has(search.question().text, key, value)),
			'data-key': key,
			'data-value': value,
			onclick: () => search.toggle(key, value),
		},
		element('bdi', {}, label),
		number ? element('span', { class: 'muted' }, ` ${words.count(number)}`) : null,
	);
}

function group(title, pills) {
	return pills.length
		? element(
				'fieldset',
				{ class: 'narrow-group' },
				element('legend', {}, title),
				element('div', { class: 'pills' }, ...pills),
			)
		: null;
}

async function fill() {
	const known = await vocabulary.all();
	const named = (key, list, label = (name) => name) =>
		list.slice(0, MOST).map((one) => pill(label(one.name), key, one.name, one.count));
	const families = catalog.architectures;
	const days = dates();
	redraw(byId('history-narrow'), [days, known], () => [
		group(
			'Date',
			days.map(([label, key, value]) => pill(label, key, value)),
		),
		group('Rating', [
			...[5, 4, 3].map((stars) =>
				pill(
					'★\uFE0E'.repeat(stars) + (stars < 5 ? ' or more' : ''),
					'rating',
					stars < 5 ? `>=${stars}` : '5',
				),
			),
			pill('Not rated', 'rating', '0'),
		]),
		group('Kind', [pill('Drawn here', 'kind', 'generated'), pill('Imported', 'kind', 'imported')]),
		group('Model', named('model', known.models)),
		group(
			'Family',
			named('family', known.families, (name) => families[name] || name),
		),
		group('Sampler', named('sampler', known.samplers)),
		group(
			'Size',
			named('size', known.sizes, (name) => name.replace('x', ' × ')),
		),
		group('Tags', named('tag', known.tags)),
	]);
	draw();
}

/** One album: look at it, rename it, take it away; its pictures stay. */
function album({ name, count }) {
	const row = element('li', { class: 'album' });
	const show = () => row.replaceChildren(open, rename, remove);
	const open = pill(name, 'album', name, count);
	const button = (label, run) =>
		element(
			'button',
			{
				type: 'button',
				class: 'link',
				'aria-label': `${label} the album ${name}`,
				'data-asks': 'ui_history_album',
				onclick: run,
			},
			label,
		);
	const change = async (to) => {
		const answer = await ask('ui_history_album', { name, to });
		if (answer.error) return show();
		const { text } = search.question();
		if (query.has(text, 'album', name))
			search.set({
				text: to
					? query.put(query.drop(text, 'album', name), 'album', to)
					: query.drop(text, 'album', name),
			});
		emit('history');
		show();
		await fillAlbums();
		const pills = [...byId('history-albums').querySelectorAll('.pill')];
		(pills.find((one) => one.dataset.value === to.trim()) || byId('history-albums-button')).focus();
	};
	row.addEventListener('keydown', (event) => {
		if (event.key !== 'Escape' || row.contains(open)) return;
		event.preventDefault();
		show();
		open.focus();
	});
	const rename = button('Rename', () => {
		const field = element('input', {
			class: 'field-line',
			'aria-label': 'New name of the album',
			maxlength: catalog.limits.name,
			dir: 'auto',
		});
		field.value = name;
		const form = element(
			'form',
			{ class: 'album-form' },
			field,
			element('button', { class: 'button' }, 'Rename'),
		);
		form.addEventListener('submit', (event) => {
			event.preventDefault();
			if (field.value.trim()) change(field.value);
		});
		row.replaceChildren(form);
		field.focus();
		field.select();
	});
	const remove = button('Remove', () => {
		const yes = element(
			'button',
			{ type: 'button', class: 'button danger', onclick: () => change('') },
			'Remove the album',
		);
		const no = element(
			'button',
			{ type: 'button', class: 'button', onclick: () => (show(), remove.focus()) },
			'Keep it',
		);
		row.replaceChildren(element('span', { class: 'muted album-words' }, 'Its pictures stay.'), yes, no);
		no.focus();
	});
	show();
	return row;
}

async function fillAlbums() {
	const list = (await vocabulary.all()).albums;
	// A question or a new name that was begun meanwhile is not taken away.
	if (byId('history-albums').querySelector('form, .album-words')) return;
	redraw(byId('history-albums'), list, () => [
		list.length
			? element('ul', {}, ...list.map(album))
			: element(
					'p',
					{ class: 'panel-line' },
					'No albums yet. Select pictures and choose Album, or write a name in the details of one.',
				),
	]);
	draw();
}

/** Marks what the search has now. */
function draw() {
	const { text } = search.question();
	for (const one of document.querySelectorAll('#history-narrow .pill, #history-albums .pill'))
		one.setAttribute('aria-pressed', String(query.has(text, one.dataset.key, one.dataset.value)));
}

export function attach() {
	panel = popup(byId('history-narrow-button'), byId('history-narrow'), { opened: fill });
	albums = popup(byId('history-albums-button'), byId('history-albums'), { opened: fillAlbums });
	on('asked', draw);
	on('history', () => {
		if (panel.shown()) fill();
		if (albums.shown()) fillAlbums();
	});
}
