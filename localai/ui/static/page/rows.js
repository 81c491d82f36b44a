// Knows rows: their thumbnail and badge, and long lists of them, of which only what can be seen exists.

import { catalog } from './catalog.js';
import { element, later, write } from './dom.js';

const PAGE = 100;
const AROUND = 6;
const SETTLED = 60;
const BADGES = {
	fits: 'Fits',
	offload: 'Fits with offload',
	'too large': 'Will not fit',
	unknown: '',
};
const KIND_MARKS = {
	lora: 'LoRA',
	embedding: 'TI',
	vae: 'VAE',
	controlnet: 'CN',
	upscaler: 'UP',
	unknown: '?',
};

const mark = ({ kind, family }) => KIND_MARKS[kind] || catalog.marks[family] || '?';

/** A picture, or a quiet mark that tells the kind. `again` redraws one that exists. */
export function thumb(entry, again = null) {
	const holder = again || element('span', { class: 'thumb', 'aria-hidden': 'true' });
	const picture = entry.thumbnail;
	if (again && holder.dataset.picture === String(picture)) return holder;
	holder.dataset.picture = String(picture);
	holder.replaceChildren(
		picture === null || picture === undefined
			? mark(entry)
			: element('img', {
					src: `media/${picture}/thumbnail`,
					alt: '',
					loading: 'lazy',
					decoding: 'async',
					onerror: () => holder.replaceChildren(mark(entry)),
				}),
	);
	return holder;
}

export function badge(entry, again = null) {
	const made = again || element('span', { class: 'badge' });
	made.dataset.fit = entry.fit;
	made.title = entry.fit_words || '';
	const text = entry.mark || BADGES[entry.fit] || '';
	made.hidden = !text;
	write(made, text);
	return made;
}

/** The line of progress at the foot of a row; a fraction of null hides it. */
export function meter() {
	const bar = element('span', {});
	const line = element('span', { class: 'row-meter', role: 'progressbar', 'aria-label': 'Progress' }, bar);
	line.hidden = true;
	return {
		line,
		set(fraction) {
			line.hidden = fraction === null;
			if (fraction === null) return;
			bar.style.transform = `scaleX(${Math.min(1, fraction)})`;
			line.setAttribute('aria-valuenow', String(Math.round(fraction * 100)));
		},
	};
}

/**
 * A list of any length in `scroller`. `fetch(offset, limit)` answers {entries, total} or null; `make(entry)`
 * answers {item, open, update(entry)} where `open` takes the focus. Rows are as high as `--row` says.
 */
export function long({ scroller, list, fetch, make, walked }) {
	const known = new Map();
	const pages = new Set();
	const shown = new Map();
	let total = 0;
	let turn = 0;
	let active = 0;
	let wanted = false;
	let beginning = 0;
	let height = 0;
	let span = [0, 0];

	/** Asks for what is in sight when it has come to rest, not for all that was flown over. */
	const fill = later(() => {
		for (let number = Math.floor(span[0] / PAGE); number <= Math.floor(span[1] / PAGE); number++)
			if (total) load(number);
	}, SETTLED);

	async function load(number) {
		if (pages.has(number)) return;
		pages.add(number);
		const now = turn;
		const answer = await fetch(number * PAGE, PAGE);
		if (now !== turn) return;
		if (!answer) return;
		if (number === 0 && wanted === 'top') {
			known.clear();
			active = 0;
		}
		total = answer.total;
		for (const place of [...known.keys()]) if (place >= total) known.delete(place);
		answer.entries.forEach((entry, index) => known.set(number * PAGE + index, entry));
		if (wanted === 'top') {
			wanted = false;
			measure();
			scroller.scrollTop = beginning;
		}
		draw();
	}

	function place(row, at) {
		const where = [at, height, total, at === active].join();
		if (row.where === where) return;
		row.where = where;
		row.item.style.transform = `translateY(${at * height}px)`;
		row.item.setAttribute('aria-posinset', String(at + 1));
		row.item.setAttribute('aria-setsize', String(total));
		for (const button of row.item.querySelectorAll('button')) button.tabIndex = at === active ? 0 : -1;
	}

	function settle(at) {
		const entry = known.get(at);
		let row = shown.get(at);
		if (row && row.id !== entry.id) {
			row.item.remove();
			row = null;
		}
		if (!row) {
			row = { ...make(entry), id: entry.id };
			shown.set(at, row);
			const after = [...shown.keys()].filter((other) => other > at).sort((a, b) => a - b)[0];
			list.insertBefore(row.item, after === undefined ? null : shown.get(after).item);
		}
		if (row.entry !== entry) row.update(entry);
		row.entry = entry;
		place(row, at);
	}

	function measure() {
		height = parseFloat(getComputedStyle(list).getPropertyValue('--row')) || 64;
		list.style.height = `${total * height}px`;
	}

	function draw() {
		measure();
		if (!scroller.clientHeight) return;
		active = Math.max(0, Math.min(active, total - 1));
		const held = list.contains(document.activeElement);
		const top = Math.max(0, scroller.scrollTop - list.offsetTop);
		const first = Math.max(0, Math.floor(top / height) - AROUND);
		const last = Math.min(total - 1, Math.ceil((top + scroller.clientHeight) / height) + AROUND);
		for (const [at, row] of shown) {
			const kept = (at >= first && at <= last) || (at === active && held);
			if (!kept || !known.has(at)) {
				row.item.remove();
				shown.delete(at);
			}
		}
		for (let at = first; at <= last; at++) if (known.has(at)) settle(at);
		span = [first, last];
		fill();
		// The row that had the focus is gone, or the one it was sent to has come.
		const row = shown.get(active);
		if (row && (wanted === 'focus' || (held && !list.contains(document.activeElement)))) {
			wanted = false;
			row.open.focus({ preventScroll: true });
		}
	}

	function go(at, focus = true) {
		active = Math.max(0, Math.min(total - 1, at));
		if (focus) wanted = 'focus';
		const start = list.offsetTop + active * height;
		if (start < scroller.scrollTop) scroller.scrollTop = start;
		if (start + height > scroller.scrollTop + scroller.clientHeight)
			scroller.scrollTop = start + height - scroller.clientHeight;
		draw();
		if (walked && known.has(active)) walked(known.get(active));
	}

	list.addEventListener('keydown', (event) => {
		if (event.ctrlKey || event.metaKey || event.altKey) return;
		const leap = Math.max(1, Math.floor(scroller.clientHeight / height) - 1);
		const to = {
			ArrowDown: active + 1,
			ArrowUp: active - 1,
			PageDown: active + leap,
			PageUp: active - leap,
			Home: 0,
			End: total - 1,
		}[event.key];
		if (to === undefined) return;
		event.preventDefault();
		go(to);
	});
	list.addEventListener('focusin', (event) => {
		for (const [at, row] of shown)
			if (at !== active && row.item.contains(event.target)) {
				const before = shown.get(active);
				active = at;
				if (before) place(before, [...shown].find(([, one]) => one === before)[0]);
				place(row, at);
			}
	});
	let drawing = false;
	const drawSoon = () => {
		if (drawing) return;
		drawing = true;
		requestAnimationFrame(() => {
			drawing = false;
			draw();
		});
	};
	scroller.addEventListener('scroll', drawSoon, { passive: true });
	new ResizeObserver(drawSoon).observe(scroller);

	return {
		/** Another question: from its beginning, or scrolled so far. */
		restart(top = 0) {
			turn++;
			pages.clear();
			wanted = 'top';
			beginning = top;
			return load(0);
		},
		/** The same question, whose answer may have changed. */
		refresh() {
			turn++;
			pages.clear();
			if (wanted !== 'top') draw();
			return load(0);
		},
		redraw() {
			for (const [at, row] of shown) if (known.has(at)) row.update(known.get(at));
		},
		/** Puts an entry that was read anew in the place of the one known. */
		learn(entry) {
			for (const [at, one] of known) if (one.id === entry.id) known.set(at, { ...one, ...entry });
			draw();
		},
		focus(id) {
			for (const [at, entry] of known) if (entry.id === id) return go(at);
			if (total) go(active);
		},
		total: () => total,
		active: () => known.get(active),
	};
}

