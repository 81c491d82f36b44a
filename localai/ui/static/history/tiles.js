// Knows a tile of the grid: a picture, its marks and the mark of being selected. Tiles are used again.

import { element, write } from '../page/dom.js';
import * as pictures from '../page/pictures.js';
import * as words from '../page/words.js';

const LONGEST = 300;

export function make() {
	const image = element('img', { alt: '', decoding: 'async', draggable: 'false' });
	const marks = element('span', { class: 'tile-marks', 'aria-hidden': 'true' });
	const node = element(
		'div',
		{ class: 'tile-box', role: 'option', tabindex: '-1', 'aria-selected': 'false' },
		image,
		marks,
		element('span', { class: 'tile-pick', 'aria-hidden': 'true' }),
	);
	image.addEventListener('load', () => (node.dataset.state = 'shown'));
	image.addEventListener('error', () => {
		if (image.hasAttribute('src')) node.dataset.state = 'missing';
	});
	return { node, image, marks, entry: undefined, where: '' };
}

/** No one listens to more of a prompt, or reads it in a small box. */
const short = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);

/** What is read aloud: the prompt and the marks. */
function name(entry) {
	return [
		short(entry.prompt) || `Picture ${entry.id}, without a prompt`,
		entry.favourite ? 'favourite' : '',
		entry.rating ? words.plural(entry.rating, 'star') : '',
	]
		.filter(Boolean)
		.join(', ');
}

export function dress(tile, entry) {
	const before = tile.entry;
	tile.entry = entry;
	const { node, image } = tile;
	if (!entry) {
		if (before) image.removeAttribute('src');
		node.dataset.state = 'waiting';
		delete node.dataset.id;
		node.setAttribute('aria-label', 'Loading');
		node.removeAttribute('title');
		write(tile.marks, '');
		return;
	}
	if (!before || before.id !== entry.id || before.thumbnail !== entry.thumbnail) {
		node.dataset.state = 'waiting';
		node.dataset.id = String(entry.id);
		image.src = pictures.address(entry.thumbnail);
		node.title = short(entry.prompt);
	}
	node.setAttribute('aria-label', name(entry));
	write(
		tile.marks,
		[entry.favourite ? '♥\uFE0E' : '', entry.rating ? `★\uFE0E ${entry.rating}` : '']
			.filter(Boolean)
			.join(' '),
	);
}

/** Where it lies and how it stands; `said` are the place, its number and its marks. */
export function settle(tile, { x, y, side, index, total, selected, active, current }) {
	const where = [x, y, side, index, total, selected, active, current].join();
	if (tile.where === where) return;
	tile.where = where;
	tile.index = index;
	const { node } = tile;
	node.style.transform = `translate(${x}px, ${y}px)`;
	node.style.width = node.style.height = `${side}px`;
	node.setAttribute('aria-posinset', String(index + 1));
	node.setAttribute('aria-setsize', String(total));
	node.setAttribute('aria-selected', String(selected));
	node.tabIndex = active ? 0 : -1;
	if (current) node.setAttribute('aria-current', 'true');
	else node.removeAttribute('aria-current');
}

