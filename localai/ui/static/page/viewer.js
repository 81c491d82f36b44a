// Knows the full screen: one picture of any number, its neighbours by arrow, its true size by click, Esc to leave.

import { on } from './bus.js';
import { byId, write } from './dom.js';
import * as pictures from './pictures.js';
import * as words from './words.js';

const AGAIN = 80;
const PATIENCE = 60;
let source = null;
let at = 0;
let turn = 0;
let shown = 0;

const picture = () => source && source.at(at);
const prompt = (one) => (one.request ? one.request.prompt : one.prompt);

function draw(one) {
	const image = byId('viewer-image');
	const address = pictures.address(one.url);
	if (image.getAttribute('src') !== address) {
		zoom(false);
		image.src = address;
		image.alt = prompt(one);
	}
	const marks = [one.favourite ? '♥\uFE0E' : '', one.rating ? '★\uFE0E'.repeat(one.rating) : '']
		.filter(Boolean)
		.join(' ');
	const said = [one.favourite ? 'Favourite' : '', one.rating ? words.plural(one.rating, 'star') : '']
		.filter(Boolean)
		.join(', ');
	write(byId('viewer-marks'), marks);
	byId('viewer-marks').setAttribute('aria-label', said);
	byId('viewer-marks').hidden = !marks;
	write(byId('viewer-words'), prompt(one));
	byId('viewer-caption').hidden = !prompt(one) && !marks;
}

function drawPlace() {
	byId('viewer-previous').disabled = at === 0;
	byId('viewer-next').disabled = at >= source.total() - 1;
	write(byId('viewer-place'), `${words.count(at + 1)} of ${words.count(source.total())}`);
}

/** Pictures came or went: the one that is seen may lie elsewhere now. */
function settle() {
	if (!byId('viewer').open) return;
	const now = source.where(shown);
	if (now >= 0) at = now;
	drawPlace();
	if (picture() && picture().id === shown) draw(picture());
}

/** Shows the one at `index` as soon as it is known. */
async function show(index) {
	const now = ++turn;
	at = Math.max(0, Math.min(source.total() - 1, index));
	drawPlace();
	let patience = PATIENCE;
	while (!picture() && patience--) await new Promise((done) => setTimeout(done, AGAIN));
	if (now !== turn || !picture()) return;
	shown = picture().id;
	draw(picture());
	if (source.moved) source.moved(at);
}

/** `from` is {total(), at(index), where(id), moved(index), remove(id)}; what it does not know yet it is asked for again. */
export function open(from, index) {
	source = { ...from, moved: null };
	byId('viewer').showModal();
	show(index);
	source.moved = from.moved || null;
}

/** A source of pictures that are all known. */
export const list = (known, moved = null, remove = null) => ({
	total: () => known.length,
	at: (index) => known[index] || null,
	where: (id) => known.findIndex((one) => one.id === id),
	moved: moved && ((index) => moved(known[index])),
	remove,
});

function zoom(to) {
	const frame = byId('viewer-frame');
	frame.classList.toggle('true-size', to);
	frame.setAttribute('aria-label', to ? 'Fit to the screen' : 'Show at actual size');
	if (!to) return;
	frame.scrollLeft = (frame.scrollWidth - frame.clientWidth) / 2;
	frame.scrollTop = (frame.scrollHeight - frame.clientHeight) / 2;
}

async function mark(change) {
	const one = picture();
	if (!one) return;
	draw(pictures.marked(one, change));
	await pictures.mark([one.id], change);
}

async function remove() {
	const one = picture();
	if (!one || !source.remove) return;
	await source.remove(one.id);
	if (!source.total()) return byId('viewer').close();
	show(Math.min(at, source.total() - 1));
}

function keys(event) {
	if (event.ctrlKey || event.metaKey || event.altKey) return;
	const one = picture();
	const zoomed = byId('viewer-frame').classList.contains('true-size');
	const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: source.total() - 1 }[event.key];
	if (to !== undefined) show(to);
	else if (event.key === 'Enter' && event.target.tagName !== 'BUTTON') zoom(!zoomed);
	else if (event.key === 'Delete') remove();
	else if (event.key.toLowerCase() === 'f' && one) mark({ favourite: !one.favourite });
	else if (/^[0-5]$/.test(event.key)) mark({ rating: Number(event.key) });
	else return;
	event.preventDefault();
}

export function attach() {
	for (const name of ['refreshed', 'pictures', 'marked']) on(name, settle);
	const dialog = byId('viewer');
	byId('viewer-close').addEventListener('click', () => dialog.close());
	byId('viewer-previous').addEventListener('click', () => show(at - 1));
	byId('viewer-next').addEventListener('click', () => show(at + 1));
	byId('viewer-frame').addEventListener('click', () =>
		zoom(!byId('viewer-frame').classList.contains('true-size')),
	);
	dialog.addEventListener('close', () => {
		turn++;
		byId('viewer-image').removeAttribute('src');
		zoom(false);
	});
	dialog.addEventListener('keydown', keys);
	let from = null;
	dialog.addEventListener(
		'touchstart',
		(event) => (from = event.touches.length === 1 ? event.touches[0] : null),
		{ passive: true },
	);
	dialog.addEventListener(
		'touchend',
		(event) => {
			if (!from || byId('viewer-frame').classList.contains('true-size')) return;
			const by = event.changedTouches[0].clientX - from.clientX;
			if (Math.abs(by) > 60) show(at + (by < 0 ? 1 : -1));
		},
		{ passive: true },
	);
}

