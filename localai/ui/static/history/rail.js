// Knows the rail of months at the edge of the grid: where each lies, jumping by pointer, keys and on phones by a list.

import { byId, element } from '../page/dom.js';
import * as words from '../page/words.js';

const FEWEST = 2;
const APART = 20;
let grid = null;
let months = [];
let key = '';
let bubble = null;
let dragging = false;

/** The month that is looked at. */
function now() {
	let at = 0;
	months.forEach((month, index) => {
		if (month.top <= grid.top() + 1) at = index;
	});
	return at;
}

function collect() {
	months = [];
	for (const { day, top, count } of grid.layout().sections) {
		if (!day) continue;
		const name = day.slice(0, 7);
		const last = months[months.length - 1];
		if (last && last.name === name) last.count += count;
		else months.push({ name, top, count });
	}
}

const share = (month) => (grid.layout().height ? month.top / grid.layout().height : 0);

export function draw() {
	collect();
	const rail = byId('history-rail');
	const none = months.length < FEWEST || grid.layout().height < byId('history-scroll').clientHeight * 2;
	rail.hidden = none;
	byId('history-jump').hidden = none;
	const made = JSON.stringify([months, rail.clientHeight, grid.layout().height]);
	if (made !== key) {
		key = made;
		drawMarks(rail);
		byId('history-jump').replaceChildren(
			...months.map((month, index) => element('option', { value: index }, words.month(month.name))),
		);
	}
	tell();
}

/** A year where it begins, dots for months, and no two upon each other. */
function drawMarks(rail) {
	let year = '';
	let last = -APART;
	const height = rail.clientHeight - APART;
	const marks = [];
	for (const month of months) {
		const y = share(month) * height;
		const fresh = month.name.slice(0, 4) !== year;
		if (fresh && y - last >= APART) {
			year = month.name.slice(0, 4);
			last = y;
			marks.push(element('span', { class: 'rail-year', style: `top: ${y}px` }, year));
		} else if (y - last >= APART / 2) {
			last = y;
			marks.push(element('span', { class: 'rail-dot', style: `top: ${y}px` }));
		}
	}
	bubble = element('span', { class: 'rail-bubble', hidden: true });
	rail.replaceChildren(...marks, element('span', { class: 'rail-now' }), bubble);
}

/** Says where the grid is. */
export function tell() {
	if (!months.length || byId('history-rail').hidden) return;
	const rail = byId('history-rail');
	const at = now();
	rail.setAttribute('aria-valuemin', '0');
	rail.setAttribute('aria-valuemax', String(months.length - 1));
	rail.setAttribute('aria-valuenow', String(at));
	rail.setAttribute('aria-valuetext', words.month(months[at].name));
	byId('history-jump').value = String(at);
	const part = Math.min(1, grid.top() / Math.max(1, grid.layout().height));
	rail.querySelector('.rail-now').style.top = `${part * (rail.clientHeight - APART)}px`;
}

function point(event) {
	const rail = byId('history-rail');
	const box = rail.getBoundingClientRect();
	const part = Math.max(0, Math.min(1, (event.clientY - box.top) / (box.height - APART)));
	const height = part * grid.layout().height;
	const month = [...months].reverse().find((one) => one.top <= height) || months[0];
	bubble.hidden = false;
	bubble.textContent = `${words.month(month.name)}, ${words.count(month.count)}`;
	bubble.style.top = `${part * (box.height - APART)}px`;
	return height;
}

export function attach(made) {
	grid = made;
	const rail = byId('history-rail');
	rail.addEventListener('pointerdown', (event) => {
		dragging = true;
		rail.setPointerCapture(event.pointerId);
		grid.scrollTo(point(event));
	});
	rail.addEventListener('pointermove', (event) => {
		const height = point(event);
		if (dragging) grid.scrollTo(height);
	});
	for (const name of ['pointerup', 'pointercancel'])
		rail.addEventListener(name, () => {
			dragging = false;
			tell();
		});
	rail.addEventListener('pointerleave', () => (bubble.hidden = true));
	rail.addEventListener('keydown', (event) => {
		const to = {
			ArrowDown: now() + 1,
			ArrowUp: now() - 1,
			PageDown: now() + 12,
			PageUp: now() - 12,
			Home: 0,
			End: months.length - 1,
		}[event.key];
		if (to === undefined) return;
		event.preventDefault();
		event.stopPropagation();
		grid.scrollTo(months[Math.max(0, Math.min(months.length - 1, to))].top);
		tell();
	});
	byId('history-jump').addEventListener('change', (event) =>
		grid.scrollTo(months[Number(event.target.value)].top),
	);
	new ResizeObserver(draw).observe(byId('history-scroll'));
}

