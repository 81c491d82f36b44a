// Knows two pictures beside each other: under a slider or side by side, what differs in prompt and settings.

import { byId, element, write } from '../page/dom.js';
import * as facts from '../page/facts.js';
import { radios } from '../page/layers.js';
import * as pictures from '../page/pictures.js';
import { ask } from '../page/server.js';
import * as words from '../page/words.js';

let attached = false;
let pair = null;
let view = 'slider';

function drawDivide() {
	const part = Number(byId('compare-range').value);
	byId('compare-stage').style.setProperty('--divide', `${part}%`);
	byId('compare-range').setAttribute('aria-valuetext', `${Math.round(part)} % of the left picture`);
}

function drawView() {
	byId('compare-stage').dataset.view = view;
	for (const radio of byId('compare-views').children) {
		radio.setAttribute('aria-checked', String(radio.dataset.view === view));
		radio.tabIndex = radio.dataset.view === view ? 0 : -1;
	}
}

const name = (picture) => `${words.moment(picture.created_at)}, ${picture.width} × ${picture.height}`;

function draw() {
	const { left, right, pieces, negative_pieces: negative, settings } = pair;
	for (const [side, picture] of [
		['left', left],
		['right', right],
	]) {
		const image = byId(`compare-${side}`);
		image.src = pictures.address(picture.url);
		image.alt = picture.request.prompt;
		write(byId(`compare-${side}-name`), name(picture));
	}
	byId('compare-stage').style.setProperty('--ratio', String(left.width / left.height));
	const changed = (list) => list.some((piece) => piece.change !== 'same');
	byId('compare-same').hidden = changed(pieces);
	write(
		byId('compare-same'),
		left.request.prompt ? `Both: ${left.request.prompt}` : 'Neither has a prompt.',
	);
	byId('compare-pieces').hidden = !changed(pieces);
	byId('compare-pieces').replaceChildren(...facts.pieces(pieces));
	byId('compare-negative').hidden = !changed(negative);
	byId('compare-negative').replaceChildren('Negative prompt: ', ...facts.pieces(negative));
	byId('compare-none').hidden = settings.length > 0;
	byId('compare-table').hidden = !settings.length;
	byId('compare-rows').replaceChildren(
		...settings.map(({ name: title, before, after }) =>
			element(
				'tr',
				{},
				element('th', { scope: 'row', dir: 'auto' }, title),
				element('td', { dir: 'auto' }, before || 'not set'),
				element('td', { dir: 'auto' }, after || 'not set'),
			),
		),
	);
}

async function load(left, right) {
	const answer = await ask('ui_history_compare', { left, right });
	if (answer.error) return false;
	pair = answer;
	draw();
	return true;
}

function attach() {
	attached = true;
	const dialog = byId('compare');
	radios(byId('compare-views'), (radio) => {
		view = radio.dataset.view;
		drawView();
	});
	byId('compare-range').addEventListener('input', drawDivide);
	byId('compare-swap').addEventListener('click', () => load(pair.right.id, pair.left.id));
	byId('compare-close').addEventListener('click', () => dialog.close());
	dialog.addEventListener('close', () => {
		for (const side of ['left', 'right']) byId(`compare-${side}`).removeAttribute('src');
	});
}

/** The first is the one before, the second the one after. */
export async function open(left, right) {
	if (!attached) attach();
	if (!(await load(left, right))) return;
	byId('compare-range').value = '50';
	drawDivide();
	drawView();
	byId('compare').showModal();
	byId('compare-range').focus({ focusVisible: false });
}

