// Knows the grid of pictures: of any number only what can be seen exists; scrolling, jumping, the focus.

import { element, later } from '../page/dom.js';
import * as words from '../page/words.js';
import { layOut } from './layout.js';
import { paged } from './pages.js';
import * as tiles from './tiles.js';

const SETTLED = 60;
// Browsers lay out no more than some sixteen million pixels; what is taller is scrolled by parts.
const TALLEST = 6_000_000;
const HEADING = 36;
const SPACE = 18;

/**
 * A grid in `scroller`. `fetch({day, offset, limit})` answers {entries} or null; `selected(id)` and `current()`
 * say how a tile stands; `walked(entry, index)` hears where the focus went.
 */
export function make({ scroller, list, fetch, measure, selected, current, walked, moved }) {
	const shown = new Map();
	const sections = new Map();
	const spare = [];
	const pages = paged({ fetch, come: () => drawSoon() });
	let outline = { total: 0, days: [] };
	let layout = layOut({ days: [], total: 0, width: 1, size: 100, gap: 0, heading: 0, space: 0 });
	let top = 0;
	let shift = 0;
	let last = 0;
	let active = 0;
	let wanted = false;
	let span = [0, -1];
	let drawing = false;

	const view = () => scroller.clientHeight;
	const tall = () => Math.min(layout.height, TALLEST);
	const farthest = () => Math.max(0, layout.height - view());
	const held = () => list.contains(document.activeElement);

	/** Asks for what is in sight when it has come to rest, not for all that was flown over. */
	const fill = later(() => {
		balance();
		if (layout.total) pages.want(span[0], span[1], layout);
		if (moved) moved();
	}, SETTLED);

	/** Puts the bar where the part that is seen lies in the whole; nothing seems to move. */
	function balance() {
		if (layout.height === tall()) return;
		const now = Math.round((top / farthest()) * (tall() - view()));
		if (Math.abs(now - last) <= list.offsetTop) return;
		scroller.scrollTop = now + list.offsetTop;
		last = scroller.scrollTop - list.offsetTop;
		shift = top - last;
		draw();
	}

	function scrolled() {
		const now = scroller.scrollTop - list.offsetTop;
		const far = Math.abs(now - last) > view() * 2;
		if (layout.height === tall()) shift = 0;
		else if (far) shift = Math.round((now / (tall() - view())) * farthest()) - now;
		last = now;
		top = Math.max(0, Math.min(farthest(), now + shift));
		const stuck = (now <= 0 && top > 0) || (now >= tall() - view() - 1 && top < farthest() - 1);
		if (stuck && layout.height !== tall()) balance();
		drawSoon();
	}

	/** Shows the part that begins at `height`. */
	function scrollTo(height) {
		top = Math.max(0, Math.min(farthest(), Math.round(height)));
		const room = tall() - view();
		last = layout.height === tall() ? top : Math.round((top / farthest()) * room) || 0;
		shift = top - last;
		// At the very top the space above the list shows as well.
		scroller.scrollTop = top === 0 ? 0 : last + list.offsetTop;
		last = scroller.scrollTop - list.offsetTop;
		draw();
	}

	function section(one) {
		let made = sections.get(one.day);
		if (!made) {
			const name = !one.day ? 'Pictures' : one.day.length === 7 ? words.month(one.day) : words.day(one.day);
			const title = element('div', { class: 'grid-day', 'aria-hidden': 'true' }, name);
			made = { node: element('div', { role: 'group', 'aria-label': name }, title), title };
			title.hidden = !one.day;
			sections.set(one.day, made);
		}
		made.start = one.start;
		made.title.style.transform = `translateY(${one.top - shift}px)`;
		return made;
	}

	/** Keeps the groups, and the tiles in each, in the order in which they are read. */
	function order() {
		const inOrder = [...shown].sort((a, b) => a[0] - b[0]);
		const used = new Set();
		let group = null;
		let before = null;
		for (const [index, tile] of inOrder) {
			const one = layout.sectionOf(index);
			used.add(one.day);
			const made = section(one);
			if (made !== group) {
				const next = group ? group.node.nextSibling : list.firstChild;
				if (next !== made.node) list.insertBefore(made.node, next);
				group = made;
				before = made.title;
			}
			if (tile.node.parentNode !== made.node || before.nextSibling !== tile.node)
				made.node.insertBefore(tile.node, before.nextSibling);
			before = tile.node;
		}
		for (const [day, made] of sections)
			if (!used.has(day)) {
				made.node.remove();
				sections.delete(day);
			}
	}

	/** Tiles that show the right picture stay; the others get another one. */
	function deal(wantedPlaces) {
		const free = new Map();
		for (const [index, tile] of shown)
			if (!wantedPlaces.has(index) || (tile.entry && pages.get(index)?.id !== tile.entry.id)) {
				shown.delete(index);
				if (tile.entry && !free.has(tile.entry.id)) free.set(tile.entry.id, tile);
				else spare.push(tile);
			}
		const open = [];
		for (const index of wantedPlaces) {
			if (shown.has(index)) continue;
			const entry = pages.get(index);
			const tile = entry && free.get(entry.id);
			if (tile) {
				free.delete(entry.id);
				shown.set(index, tile);
			} else open.push(index);
		}
		spare.push(...free.values());
		for (const index of open) {
			const again = spare.pop() || tiles.make();
			again.node.remove();
			shown.set(index, again);
		}
		for (const tile of spare) {
			tile.node.remove();
			tiles.dress(tile, undefined);
		}
		spare.length = Math.min(spare.length, 60);
	}

	function draw() {
		if (!view()) return;
		list.style.height = `${tall()}px`;
		active = Math.max(0, Math.min(active, layout.total - 1));
		const focused = held();
		const around = view() / 2;
		span = layout.span(Math.max(0, top - around), top + view() + around);
		const places = new Set();
		for (let index = span[0]; index <= span[1]; index++) places.add(index);
		const seen = layout.span(top, top + view());
		if (!focused && wanted !== 'focus' && (active < seen[0] || active > seen[1])) active = seen[0];
		if (layout.total && (focused || wanted === 'focus')) places.add(active);
		deal(places);
		for (const [index, tile] of shown) {
			const entry = pages.get(index);
			if (tile.entry !== entry || !tile.node.dataset.state) tiles.dress(tile, entry);
			const { x, y } = layout.place(index);
			tiles.settle(tile, {
				x,
				y: y - shift,
				side: layout.side,
				index,
				total: layout.total,
				selected: Boolean(entry && selected(entry.id)),
				active: index === active,
				current: Boolean(entry && current() === entry.id),
			});
		}
		order();
		fill();
		const tile = shown.get(active);
		if (tile && (wanted === 'focus' || (focused && !held()))) {
			wanted = false;
			tile.node.focus({ preventScroll: true });
		}
	}

	function drawSoon() {
		if (drawing) return;
		drawing = true;
		requestAnimationFrame(() => {
			drawing = false;
			draw();
		});
	}

	function arrange() {
		layout = layOut({ ...outline, heading: HEADING, space: SPACE, ...measure() });
	}

	/** The picture that is looked at, and how far below the upper edge it lies. */
	function anchor(but = null) {
		const [first, end] = layout.span(top, top + view());
		for (let index = first; index <= end; index++) {
			const entry = pages.get(index);
			const { y } = layout.place(index);
			if (y + layout.side / 2 < top || (but && but.has(entry?.id))) continue;
			return { index, entry, ...layout.address(index), above: y - top };
		}
		return layout.total
			? { index: first, entry: pages.get(first), ...layout.address(first), above: 0 }
			: null;
	}

	/** Another size of the window or of the tiles: what is looked at stays. */
	function resize() {
		if (!view()) return;
		const [first, end] = layout.span(top, top + view());
		const seen = held() && active >= first && active <= end;
		const kept = seen ? { index: active, above: layout.place(active).y - top } : anchor();
		const still = top === 0;
		arrange();
		list.style.height = `${tall()}px`;
		if (kept && !still) scrollTo(layout.place(kept.index).y - kept.above);
		else drawSoon();
		if (seen) reveal(active);
	}

	function reveal(index) {
		const { y } = layout.place(index);
		const room = view() - list.offsetTop;
		if (y < top + layout.head) scrollTo(y - layout.head);
		else if (y + layout.side > top + room) scrollTo(y + layout.side - room + 8);
	}

	function go(index, focus = true) {
		if (!layout.total) return;
		active = Math.max(0, Math.min(layout.total - 1, index));
		if (focus) wanted = 'focus';
		reveal(active);
		draw();
		if (walked) walked(pages.get(active), active);
	}

	scroller.addEventListener('scroll', scrolled, { passive: true });
	new ResizeObserver(resize).observe(scroller);
	list.addEventListener('focusin', (event) => {
		for (const [index, tile] of shown)
			if (tile.node === event.target && index !== active) {
				active = index;
				drawSoon();
			}
	});

	return {
		pages,
		layout: () => layout,
		outline: () => outline,
		active: () => active,
		entry: (index = active) => pages.get(index),
		top: () => top,
		draw: drawSoon,
		resize,
		anchor,
		go,
		scrollTo,
		/** Another question: from its beginning. */
		restart(found, entries) {
			outline = found;
			pages.restart(0, entries);
			arrange();
			active = 0;
			wanted = false;
			scrollTo(0);
		},
		/** The same question with another answer; `kept` is what is looked at, now at `index`. */
		replace(found, start, entries, kept, index) {
			const focused = held() && pages.get(active);
			outline = found;
			pages.restart(start, entries);
			arrange();
			if (focused)
				active = pages.find(focused.id) >= 0 ? pages.find(focused.id) : Math.min(active, found.total - 1);
			list.style.height = `${tall()}px`;
			scrollTo(kept && layout.total ? layout.place(Math.min(index, layout.total - 1)).y - kept.above : top);
		},
		index(node) {
			for (const [index, tile] of shown) if (tile.node === node) return index;
			return -1;
		},
		focus: () => go(active),
	};
}

