// Knows the bar of what is selected: how many, and what is done with all of them at once.

import { emit, on } from '../page/bus.js';
import { byId, element, phone, write } from '../page/dom.js';
import { popup, walkable } from '../page/layers.js';
import { notify } from '../page/notice.js';
import * as pictures from '../page/pictures.js';
import * as tabs from '../page/tabs.js';
import * as words from '../page/words.js';
import * as compare from './compare.js';
import * as exporting from './exporting.js';
import * as labels from './labels.js';
import * as picking from './picking.js';
import * as vocabulary from './vocabulary.js';

const FEW = 14;
const popups = [];

async function change(changes, said) {
	for (const one of popups) one.hide();
	const ids = picking.ids();
	if (await pictures.mark(ids, changes))
		notify({ message: `${words.plural(ids.length, 'picture')} ${said}.` });
	emit('history');
}

function drawRate() {
	byId('selection-rate').replaceChildren(
		...[5, 4, 3, 2, 1, 0].map((stars) =>
			element(
				'button',
				{
					type: 'button',
					class: 'menu-item',
					onclick: () =>
						change(
							{ rating: stars },
							stars ? `rated with ${words.plural(stars, 'star')}` : 'without a rating now',
						),
				},
				stars ? '★\uFE0E'.repeat(stars) : 'No rating',
			),
		),
	);
}

/** A field for a new name, the names there are, and the same to take off. */
async function drawNames(kind) {
	const { adds, removes } = labels.KINDS[kind];
	const panel = byId(`selection-${kind}`);
	const known = (await vocabulary.all())[`${kind}s`].slice(0, FEW);
	const add = (names) =>
		change({ [adds]: names }, kind === 'tag' ? `tagged ${names.join(', ')}` : `put into ${names[0]}`);
	const off = (name) =>
		change({ [removes]: [name] }, kind === 'tag' ? `no longer tagged ${name}` : `taken out of ${name}`);
	const pills = (run) =>
		element(
			'div',
			{ class: 'pills' },
			...known.map(({ name }) =>
				element(
					'button',
					{ type: 'button', class: 'pill', onclick: () => run(name) },
					element('bdi', {}, name),
				),
			),
		);
	const field = labels.field(kind, add);
	panel.replaceChildren(
		...[
			field,
			known.length ? pills((name) => add([name])) : null,
			known.length
				? element(
						'details',
						{ class: 'fold' },
						element('summary', {}, kind === 'tag' ? 'Remove a tag' : 'Remove from an album'),
						pills(off),
					)
				: null,
		].filter(Boolean),
	);
	if (!phone()) field.focus();
}

/** Above its button, as far as there is room. */
function place(name) {
	const panel = byId(`selection-${name}`);
	const shelf = byId('history-shelf').getBoundingClientRect();
	const button = byId(`selection-${name}-button`).getBoundingClientRect();
	const bar = byId('selection').getBoundingClientRect();
	const left = Math.min(button.left - shelf.left, bar.right - shelf.left - panel.offsetWidth - 16);
	panel.style.left = phone() ? '' : `${Math.max(16, left)}px`;
}

function draw() {
	const size = picking.size();
	const bar = byId('selection');
	const held = bar.contains(document.activeElement);
	bar.hidden = !size;
	byId('history-foot').hidden = size > 0;
	byId('history-shelf').classList.toggle('picking', size > 0);
	if (!size) {
		for (const one of popups) one.hide(false);
		if (held) tabs.act('focus');
		return;
	}
	write(byId('selection-count'), `${words.count(size)} selected`);
	byId('selection-compare').disabled = size !== 2;
	byId('selection-compare').title = size === 2 ? '' : 'Select exactly two';
}

/** `remove` deletes pictures of the grid. */
export function attach(remove) {
	drawRate();
	popups.push(
		popup(byId('selection-rate-button'), byId('selection-rate'), { opened: () => place('rate') }),
		...['tag', 'album'].map((kind) =>
			popup(byId(`selection-${kind}-button`), byId(`selection-${kind}`), {
				opened: () => (place(kind), drawNames(kind)),
			}),
		),
	);
	walkable(byId('selection-rate'), 'button');
	const runs = {
		all: picking.all,
		favourite: () => change({ favourite: true }, 'among the favourites'),
		compare: () => compare.open(...picking.ids().sort((a, b) => a - b)),
		export: () => exporting.open(picking.ids()),
		delete: () => remove(picking.ids()),
		clear: picking.clear,
	};
	for (const [name, run] of Object.entries(runs))
		byId(`selection-${name}`).addEventListener('click', () => run());
	on('picked', draw);
	draw();
}

