// Knows the filmstrip: the pictures of this sitting, newest first, with the one being drawn before them.

import { on } from '../page/bus.js';
import { byId, cover, element } from '../page/dom.js';
import * as pictures from '../page/pictures.js';
import { currentJob, state } from '../page/state.js';

const MOST = 120;
const tiles = new Map();
let live = null;
let current = null;
let choose = () => {};

function tile(picture) {
	const image = element('img', {
		src: pictures.address(picture.thumbnail),
		alt: '',
		loading: 'lazy',
		decoding: 'async',
		draggable: 'false',
	});
	return element(
		'button',
		{
			type: 'button',
			class: 'tile',
			'data-picture-id': picture.id,
			'aria-label': picture.request.prompt,
			title: picture.request.prompt,
			onclick: () => choose(picture.id),
		},
		image,
	);
}

const wipe = (canvas) => canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);

function makeLive() {
	const canvas = element('canvas', { width: 128, height: 128 });
	const mark = element('span', { class: 'live-mark', 'aria-hidden': 'true' });
	live = element(
		'button',
		{
			type: 'button',
			class: 'tile live',
			'aria-label': 'The picture being drawn',
			onclick: () => choose(null),
		},
		canvas,
		mark,
	);
	let job = '';
	on('preview', (preview) => {
		cover(canvas, preview.image);
		job = preview.job;
	});
	on('snapshot', () => {
		const now = currentJob();
		if (job && (!now || now.id !== job)) {
			wipe(canvas);
			job = '';
		}
	});
}

function drawLive(job) {
	if (!live) makeLive();
	const strip = byId('filmstrip');
	if (job && strip.firstElementChild !== live) strip.prepend(live);
	if (!job && live.isConnected) {
		if (live === document.activeElement && live.nextElementSibling) live.nextElementSibling.focus();
		live.remove();
	}
}

function mark(button) {
	if (current === button) return;
	if (current) current.removeAttribute('aria-current');
	current = button;
	if (!current) return;
	current.setAttribute('aria-current', 'true');
	current.scrollIntoView({ block: 'nearest', inline: 'nearest', behavior: 'auto' });
}

export function draw(scene) {
	const strip = byId('filmstrip');
	const shown = state.pictures.slice(0, MOST);
	for (const [id, button] of tiles) {
		if (!shown.some((picture) => picture.id === id)) {
			button.remove();
			tiles.delete(id);
		}
	}
	let before = null;
	for (let at = shown.length - 1; at >= 0; at--) {
		const picture = shown[at];
		if (!tiles.has(picture.id)) {
			const made = tile(picture);
			tiles.set(picture.id, made);
			strip.insertBefore(made, before);
		}
		before = tiles.get(picture.id);
	}
	drawLive(currentJob());
	strip.classList.toggle('bare', strip.childElementCount === 0);
	mark(scene.kind === 'job' ? live : scene.picture ? tiles.get(scene.picture.id) : null);
}

/** `chosen` is called with the id of a picture, or with null for what is being drawn. */
export function attach(chosen) {
	choose = chosen;
}
